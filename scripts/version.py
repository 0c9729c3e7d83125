"""Writes the version of src/browserllm/_internal/version.py into every other file that has it (`make version`).

A release's date is that of its section in CHANGELOG.md. `tests/wire/test_release.py` compares all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NUMBER = r"\d+\.\d+\.\d+"
REPEATED = {
    "web/react/package.json": rf'^(  "version": "){NUMBER}(?=")',
    "CITATION.cff": rf"^(version: ){NUMBER}(?=$)",
    "docs/troubleshooting.md": rf"^(ok   browserllm: ){NUMBER}(?=$)",
}
"""Files with the version in one place, and what stands before it."""
FILE_NAMES = rf"(\bbrowserllm-(?:react-)?){NUMBER}(?=-py3-none-any\.whl|\.tgz|\.tar\.gz)"
"""The names of the packages' files, in every page of the documentation."""


def version() -> str:
    """Return the version of this checkout."""
    text = (ROOT / "src" / "browserllm" / "_internal" / "version.py").read_text(encoding="utf-8")
    return re.findall(rf'^__version__ = "({NUMBER})"$', text, re.MULTILINE)[0]


def release_date() -> str:
    """Return the date of the version's section in the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## \[{re.escape(version())}\] - (\d{{4}}-\d\d-\d\d)$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"CHANGELOG.md has no section `## [{version()}] - YYYY-MM-DD`: write it first")
    return found[1]


def files() -> Iterator[tuple[Path, str]]:
    """Each file that has the version, with the text that it should have."""
    for name, pattern in REPEATED.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        text, count = re.subn(pattern, rf"\g<1>{version()}", text, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(f"{name} has the version in {count} places, not in one: {pattern}")
        if name == "CITATION.cff":
            text = re.sub(r"^(date-released: ).*$", rf"\g<1>{release_date()}", text, flags=re.MULTILINE)
        yield ROOT / name, text
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path.relative_to(ROOT).as_posix() not in REPEATED and re.search(FILE_NAMES, text):
            yield path, re.sub(FILE_NAMES, rf"\g<1>{version()}", text)


if __name__ == "__main__":
    for path, text in list(files()):  # all or nothing: one may find that something is missing
        path.write_text(text, encoding="utf-8")
