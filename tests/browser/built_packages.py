"""The packages of this checkout, built as for a release: the wheel, the source archive and the npm package."""

from __future__ import annotations

import fcntl
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Let one process of the tests at a time build in ``folder``; the others find what it built."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_python(folder: Path) -> tuple[Path, Path]:
    """Return the wheel and the source archive, built into ``folder`` unless they are there."""
    with only_one(folder):
        if not list(folder.glob("*.whl")):
            command = [sys.executable, "-m", "build", "--sdist", "--wheel", "--no-isolation", "--outdir", str(folder)]
            run([*command, str(ROOT)], folder)
    (wheel,), (archive,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, archive


def build_react(folder: Path) -> Path:
    """Return the npm package ``@browserllm/react``, packed into ``folder`` unless it is there."""
    with only_one(folder):
        if not list(folder.glob("*.tgz")):
            run([*npm(), "pack", "--silent", f"--pack-destination={folder}"], ROOT / "web" / "react")
    (package,) = folder.glob("*.tgz")
    return package


def npm() -> list[str]:
    """The command of npm, from PATH or from PyPI's Node."""
    return site_builder().node_command("npm")


@cache
def site_builder() -> ModuleType:
    """web/build_site.py, which is a script."""
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "web" / "build_site.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_site"] = module
    spec.loader.exec_module(module)
    return module


def run(command: list[str], folder: Path) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout
