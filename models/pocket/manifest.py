"""Writes down what dist/ holds: `manifest.json` with every file's SHA-256, and the version that the package serves it under.

    python models/pocket/manifest.py

Run it after any change of dist/. The version is part of the model's address (`models/pocket/resolve/VERSION/`), because
browsers keep a model by its address: new weights under an old address would meet an old cached half. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from config import DIST, HERE

VERSION_FILE = HERE.parents[1] / "src" / "browserllm" / "models" / "pocket_version.py"
MANIFEST = "manifest.json"


def describe(dist: Path = DIST) -> dict[str, Any]:
    """Return the manifest of the folder as it is: files with size and hash, in order, and the version over all of them."""
    files = {
        file.relative_to(dist).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in sorted(dist.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    total = hashlib.sha256("".join(f"{path} {entry['sha256']}\n" for path, entry in files.items()).encode())
    return {"version": total.hexdigest()[:12], "files": files}


def main() -> None:
    """Write the manifest and the package's constant."""
    manifest = describe()
    (DIST / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    VERSION_FILE.write_text(
        '"""The version of the pocket model in this package. Written by models/pocket/manifest.py; do not edit."""\n\n'
        f'POCKET_VERSION = "{manifest["version"]}"\n'
    )
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    print(f"{len(manifest['files'])} files, {size:,} bytes, version {manifest['version']}")


if __name__ == "__main__":
    main()
