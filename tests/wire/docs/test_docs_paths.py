"""The documents about the code: every file that they name is there, and they stay short enough to be read."""

from __future__ import annotations

import importlib
import re
import types
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from browserllm.errors import ERRORS

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "browserllm"

# Where a document's paths begin, besides the root of the repository.
BASES: dict[str, list[str]] = {
    "README.md": [],
    "ARCHITECTURE.md": ["src/browserllm", "web/src/engine"],
    "CONTRIBUTING.md": ["src/browserllm"],
    "docs/features.md": ["tests", "docs", "src/browserllm", "web/src/engine"],
    "docs/README.md": ["docs"],
    "docs/tour.md": ["docs"],
    "docs/decisions.md": ["src/browserllm", "docs"],
    "docs/protocol.md": [],
    "docs/rooms.md": ["src/browserllm", "web/src", "web/src/engine/constraint", "docs"],
    "docs/benchmarks.md": [],
    "docs/releasing.md": ["docs"],
}
# Names in them that stand for a name of your own, or for files of a model or of a cache.
PLACEHOLDER = re.compile(r"\b(?:VENDOR|NAME|KEY|VERSION|SOMETHING|OWNER|FOLDER|BASE)\b|^webllm/(?:model|config|wasm)$")
FOREIGN = {
    "1_Pooling/config.json",
    "build/docs",
    "story.py",
    "browserllm/temporary",
    "model/engine/device/dtype",
    "onnx/",
    "resolve/main/",
}
A_PATH = re.compile(r"[\w.{},*-]+(?:/[\w.{},*-]+)*/?")


def braces(text: str) -> list[str]:
    """``a/{b,c}.py`` as ``a/b.py`` and ``a/c.py``."""
    parts = [part.split(",") if index % 2 else [part] for index, part in enumerate(re.split(r"\{([^{}]*)\}", text))]
    return ["".join(chosen) for chosen in product(*parts)]


def paths(text: str) -> Iterator[tuple[str, str]]:
    """Each path that a document names, in backticks or as a link, with the room of the heading above it."""
    room = ""
    for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines():
        if line.startswith("#"):
            heading = re.search(r"`([\w/]+)/`", line)
            room = heading[1] if heading else ""
        for quoted in re.findall(r"`([^`]+)`", line) + re.findall(r"\]\(([^)#]+)\)", line):
            name = quoted.partition("::")[0].removeprefix("../")
            is_path = "/" in name or re.search(r"\.(?:py|pyi|ts|md|sh)$", name)
            if is_path and A_PATH.fullmatch(name) and not PLACEHOLDER.search(name) and name not in FOREIGN:
                yield from ((each, room) for each in braces(name))


@pytest.mark.parametrize("document", BASES)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    """Globs and braces are expanded; a renamed file changes the documents that name it."""
    text = (ROOT / document).read_text(encoding="utf-8")
    missing: list[str] = []
    for name, room in paths(text):
        bases = [ROOT, *(ROOT / base for base in BASES[document])]
        if room:
            bases += [PACKAGE / room, ROOT / "web" / "src"]
        if not any(any(base.glob(name.rstrip("/"))) for base in bases):
            missing.append(name)
    assert not missing, " ".join(missing)


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    """Each test that a document names, ``file::test``, with its file; ``::test`` is in the file named before it."""
    file = ""
    for quoted in re.findall(r"`([^`\n]+)`", text):
        name, _, test = quoted.partition("::")
        file = name or file
        if test:
            yield file, test


def test_every_test_that_a_document_names_is_there() -> None:
    """A renamed test changes the documents that name it."""
    missing: list[str] = []
    for document in BASES:
        for file, test in named_tests((ROOT / document).read_text(encoding="utf-8")):
            found = [*(ROOT / "tests").glob(file), *ROOT.glob(file)]
            if not any(re.search(rf"\bdef {test}\(", each.read_text(encoding="utf-8")) for each in found):
                missing.append(f"{file}::{test}")
    assert not missing, " ".join(missing)
    assert [*named_tests("`a.py::test_x` and `::test_y`, `b.py`")] == [("a.py", "test_x"), ("a.py", "test_y")]


def test_the_paths_of_the_documents_are_found() -> None:
    """The test above reads what it should: folders, globs, braces, tests by name, links."""
    text = "# `room/`\n`a/{b,c}.py`, `d/*.py::test_x`, [e](docs/e.md), [f](../F.md), `folder/`, `not a path`, `a.b`\n"
    assert [name for name, _ in paths(text)] == [
        *("room/", "a/b.py", "a/c.py", "d/*.py", "folder/", "docs/e.md", "F.md")
    ]
    assert {room for _, room in paths(text)} == {"room"}


@pytest.mark.parametrize(("document", "most"), [("README.md", 900), ("ARCHITECTURE.md", 2500)])
def test_the_first_pages_stay_short(document: str, most: int) -> None:
    """What is longer goes to docs/."""
    assert len((ROOT / document).read_text(encoding="utf-8").split()) < most


def test_every_page_is_in_the_list() -> None:
    """docs/README.md links every page beside it."""
    text = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages == set(re.findall(r"\]\((\w+\.md)\)", text))


def test_the_table_of_names_has_every_public_name() -> None:
    """In docs/names.md, each package has the names that can be imported from it."""
    text = (ROOT / "docs" / "names.md").read_text(encoding="utf-8")
    rows = {row[0]: set(row[1:]) for row in (re.findall(r"`([^`]+)`", line) for line in text.splitlines()) if row}
    for name in (row for row in rows if re.fullmatch(r"browserllm(\.[a-z_]+)*", row)):
        package = importlib.import_module(name)
        if hasattr(package, "__path__"):  # types and errors are modules: their own text is the list
            public = getattr(package, "__all__", [each for each in vars(package) if not each.startswith("_")])
            values = {each for each in public if not isinstance(getattr(package, each), types.ModuleType)}
            assert rows[name] - {"builtin"} == values - {"annotations"}, name


def test_the_protocol_has_every_error_code() -> None:
    """A new error that can cross the connection is described."""
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z_]+)`", text.partition("## Error codes")[2])) == set(ERRORS)
