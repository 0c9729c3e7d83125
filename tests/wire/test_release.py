"""A release is consistent: one version everywhere, a changelog, a citation, a description for the package index."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import browserllm

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def script(folder: Path, name: str) -> Any:
    """A script of the checkout as a module."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def version() -> Any:
    """The script behind `make version`."""
    return script(ROOT / "scripts", "version")


def test_every_file_has_the_version(version: Any) -> None:
    """A new version without `make version` fails here."""
    files = dict(version.files())
    assert len(files) >= 6
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, "run `make version`"
    assert version.version() == browserllm.__version__
    react = json.loads((ROOT / "web" / "react" / "package.json").read_text(encoding="utf-8"))
    assert react["version"] == browserllm.__version__


def test_the_page_says_the_version_of_the_release() -> None:
    """It reads that of the npm package: web/package.json is not released, and its version means nothing."""
    sources = [*(ROOT / "web").glob("[!n]*/**/*.ts"), *(ROOT / "web").glob("[!n]*/**/*.tsx")]
    texts = [path.read_text(encoding="utf-8") for path in sources if "node_modules" not in path.parts]
    imported = [
        found for text in texts for found in re.findall(r'import \{.*\bversion\b.*\} from "(.*package.json)"', text)
    ]
    assert len(imported) == 2
    assert all(path.endswith("/react/package.json") for path in imported)


def test_names_of_files_get_the_version(version: Any) -> None:
    """Those of the packages, and no other numbers."""
    text = (
        "browserllm-0.0.1-py3-none-any.whl, browserllm-react-0.0.1.tgz, browserllm-0.0.1.tar.gz, amplifier-core 2.0.2"
    )
    names = re.sub(version.FILE_NAMES, r"\g<1>V", text)
    assert names == "browserllm-V-py3-none-any.whl, browserllm-react-V.tgz, browserllm-V.tar.gz, amplifier-core 2.0.2"


def test_the_changelog_begins_with_what_is_not_released_yet(version: Any) -> None:
    """Then comes this version, with its date; each version has one section."""
    sections = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert sections[:2] == ["[Unreleased]", f"[{browserllm.__version__}] - {version.release_date()}"]
    assert len(sections) == len(set(sections))


def test_the_links_of_the_changelog_lead_somewhere() -> None:
    """They are relative to the root of the repository."""
    paths = re.findall(r"\]\(([^)#]+)[^)]*\)", CHANGELOG)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_citation_has_the_fields_that_its_schema_requires() -> None:
    """Of version 1.2.0 of the Citation File Format; each key once, and no other than the schema knows."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    assert len(keys) == len(set(keys))
    assert set(keys) >= {"cff-version", "message", "title", "authors"}
    assert set(keys) <= {
        *("cff-version", "message", "title", "authors", "type", "abstract", "version", "date-released", "license"),
        *("keywords", "url", "repository-code", "repository-artifact", "doi"),
    }
    assert "\ncff-version: 1.2.0\n" in f"\n{text}"
    assert re.search(r"^date-released: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.search(r"^authors:\n  - name: The browserllm authors$", text, re.MULTILINE)
    assert not re.search(r": .*: ", text), "a second colon would need quotes"


def test_the_description_for_the_package_index_leads_nowhere_into_the_checkout() -> None:
    """Links keep their text, pictures go, links to the web stay."""
    describe = script(ROOT, "hatch_build").for_package_index
    assert describe("a [b](c.md) d\n\n![p](q.webp)\nAlso [r](s).\n\n[w](https://w)\n") == "a b d\n\n[w](https://w)\n"
    text = describe(README)
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []
    assert "screenshots" not in text
    assert re.findall(r"^## .*$", text, re.MULTILINE) == re.findall(r"^## .*$", README, re.MULTILINE)


def test_the_npm_package_has_the_licence() -> None:
    """A copy lies beside package.json, where npm looks: it follows no links."""
    assert (ROOT / "web" / "react" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_security_policy_says_how_to_report() -> None:
    """And which versions get fixes."""
    reporting = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## Reporting\n")[2]
    assert "private" in reporting
    assert "newest release" in reporting


def test_npm_gets_the_addresses_of_files() -> None:
    """Without a dot in front, npm takes ``dist/name.tgz`` for a repository on GitHub."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "web" / "react" / "README.md", *(ROOT / "examples").rglob("*.md")]
    commands = [
        command
        for page in pages
        if "node_modules" not in page.parts
        for command in re.findall(r"npm (?:publish|install)[^\n`]*", page.read_text(encoding="utf-8"))
    ]
    files = [word for command in commands for word in command.split() if ".tgz" in word]
    assert len(files) >= 3
    assert [file for file in files if not file.startswith(("./", "../"))] == []
