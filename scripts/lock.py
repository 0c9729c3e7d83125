"""Writes requirements/*.txt (the locks) and requirements/requires.json (what the locked packages ask for).

    make lock                       keep what is locked, add what is new
    make lock UPGRADE=--upgrade     take the newest of everything

Needs `uv` on PATH (`pip install uv`). A lock is for every Python and system that we support at once: a line that
only some need has a marker. It is installed as it stands (`pip install --no-deps`), so it must be closed;
`tests/wire/test_locks.py` proves that by requires.json, because most of the packages are not on the machine that asks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
OLDEST_PYTHON = "3.11"
CONSTRAINED_BY = {"dev": "run", "notebook": "run"}
"""Installed into one environment, so of each package they have the same version."""
FOR_WINDOWS = {"pywinpty"}
"""Packages with wheels for Windows alone, whose source would have to be compiled to be read."""


def main(options: list[str]) -> None:
    """Lock all, then ask what the locked packages require."""
    names = sorted((file.stem for file in REQUIREMENTS.glob("*.in")), key=lambda name: name in CONSTRAINED_BY)
    for name in names:
        lock(name, options)
    metadata: dict[str, list[str]] = {}
    for name in names:
        metadata |= requires(pins(REQUIREMENTS / f"{name}.txt"))
    (REQUIREMENTS / "requires.json").write_text(json.dumps(without_other_extras(metadata), indent=1) + "\n")


def lock(name: str, options: list[str]) -> None:
    """Resolve one file of requirements into its lock."""
    constraint = [f"--constraints={CONSTRAINED_BY[name]}.txt"] if name in CONSTRAINED_BY else []
    command = ["uv", "pip", "compile", "--quiet", "--universal", f"--python-version={OLDEST_PYTHON}"]
    hidden = ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command=make lock"]
    files = ["--generate-hashes", f"--output-file={name}.txt", f"{name}.in"]
    subprocess.run(
        [*command, *hidden, *constraint, *options, *files], cwd=REQUIREMENTS, check=True, stdout=subprocess.DEVNULL
    )


def pins(file: Path) -> list[str]:
    """The `name==version` of every line of a lock."""
    lines = (line.partition(";")[0].strip(" \\") for line in file.read_text().splitlines() if line[:1].isalnum())
    return list(lines)


def requires(pinned: list[str]) -> dict[str, list[str]]:
    """What each package requires, as its metadata says, by ``name==version``."""
    windows = [pin for pin in pinned if name_of(pin) in FOR_WINDOWS]
    found = metadata_of([pin for pin in pinned if pin not in windows])
    if windows:
        found |= metadata_of(windows, "--platform=win_amd64", "--only-binary=:all:", "--target=unused")
    return {pin: found[name_of(pin)].get("requires_dist", []) for pin in pinned}


def metadata_of(pinned: list[str], *options: str) -> dict[str, dict[str, list[str]]]:
    """The metadata of packages by their names; nothing is installed."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pinned))
        file.flush()
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command = [*pip, "--ignore-requires-python", "--report=-", f"--requirement={file.name}", *options]
        report = subprocess.run(command, check=True, capture_output=True).stdout
    return {canonicalize_name(item["metadata"]["name"]): item["metadata"] for item in json.loads(report)["install"]}


def without_other_extras(metadata: dict[str, list[str]]) -> dict[str, list[str]]:
    """The same without what only extras require that no locked package asks for."""
    asked = [each for required in metadata.values() for each in map(Requirement, required)]
    extras = {(canonicalize_name(each.name), extra) for each in asked for extra in each.extras}
    return {
        pin: [each for each in metadata[pin] if wanted(each, {extra for name, extra in extras if name == name_of(pin)})]
        for pin in sorted(metadata)
    }


def name_of(pin: str) -> str:
    """The package of ``name==version``, spelled as names are compared."""
    return canonicalize_name(pin.partition("==")[0])


def wanted(requirement: str, extras: set[str]) -> bool:
    """Whether a requirement of a package counts: without an extra, or with one of ``extras``."""
    marker = str(Requirement(requirement).marker or "")
    return "extra ==" not in marker or any(f'extra == "{extra}"' in marker for extra in extras)


if __name__ == "__main__":
    main(sys.argv[1:])
