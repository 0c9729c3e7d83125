"""Another build of the site, for the tests of updates: the same app, and every bundle under another name."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from pathlib import Path

TEXTS = (".js", ".css", ".html")
_HASHED = re.compile(r"(.*-[\w-]{6})[\w-]{2}(\.\w+)")
_HEAD = "self.BROWSERLLM_FILES = "


def write_second_build(site: Path, folder: Path) -> None:
    """Write a build that differs from ``site`` in its bundles' names and in all that names them."""
    shutil.copytree(site, folder, ignore=shutil.ignore_patterns("examples"))
    names = {
        file.name: f"{found[1]}Zz{found[2]}"
        for file in (folder / "assets").iterdir()
        if (found := _HASHED.fullmatch(file.name)) and file.suffix in TEXTS
    }
    known = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    for file in folder.rglob("*"):
        if file.suffix in TEXTS and (folder / "pyodide") not in file.parents:
            file.write_text(known.sub(lambda found: names[found[0]], file.read_text()))
    for old, new in names.items():
        (folder / "assets" / old).rename(folder / "assets" / new)
    _write_list(folder)


def _write_list(folder: Path) -> None:
    """Bring the service worker's list of files up to date, as the build does."""
    head, code = (folder / "sw.js").read_text().split("\n", 1)
    listed = json.loads(head.removeprefix(_HEAD).removesuffix(";"))
    files = [file for file in listed["files"] if (folder / file["path"]).exists()]
    for file in files:
        file["sha256"] = hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest()
    version = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    (folder / "sw.js").write_text(f"{_HEAD}{json.dumps({'version': version, 'files': files})};\n{code}")
    # A server compares whole seconds when a browser asks whether a file is newer than the one it has.
    later = time.time() + 2
    for file in folder.rglob("*"):
        os.utime(file, (later, later))
