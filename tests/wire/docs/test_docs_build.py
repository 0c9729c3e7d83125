"""The documentation's site, built as `make docs` does: without a complaint, and without anything from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONFIGURATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

pytest.importorskip("zensical")


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a folder with a mkdocs.yml."""
    command = [sys.executable, "-m", "zensical", "build", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in ("src", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "mkdocs.yml").write_text(CONFIGURATION, encoding="utf-8")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return folder / "build" / "docs"


def test_the_site_has_a_page_for_each_source(site: Path) -> None:
    """Also for the generated reference, in which docstrings have become text."""
    for source in (ROOT / "docs").rglob("*.md"):
        name = source.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert (site / name.replace("README.html", "index.html")).exists()
    assert "LocalBackend" in (site / "api" / "backends.html").read_text(encoding="utf-8")


def test_nothing_on_the_site_comes_from_elsewhere(site: Path) -> None:
    """Scripts, styles, fonts and pictures are files of the site, so it works without a network and tells no one."""
    foreign: set[str] = set()
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        foreign |= set(re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"?((?:https?:)?//[^\" >]+)", text))
        foreign |= set(re.findall(r"<link[^>]* href=\"?((?:https?:)?//[^\" >]+)", text))
    for style in site.rglob("*.css"):
        foreign |= set(re.findall(r"url\(\"?((?:https?:)?//[^\")]+)", style.read_text(encoding="utf-8")))
    assert not foreign


def test_a_broken_link_is_a_failure(tmp_path: Path) -> None:
    """With the same configuration: the build is strict."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("# Home\n\n[broken](missing.md)\n")
    before, _, after = CONFIGURATION.partition("\nnav:\n")
    options = "markdown_extensions:" + after.partition("\nmarkdown_extensions:")[2].partition("\nplugins:")[0]
    validation = "\nvalidation:" + after.partition("\nvalidation:")[2]
    (tmp_path / "mkdocs.yml").write_text(
        f"{before}\nnav:\n  - Home: README.md\n{options}{validation}", encoding="utf-8"
    )
    done = build(tmp_path)
    assert done.returncode != 0
    assert "page does not exist" in done.stderr
