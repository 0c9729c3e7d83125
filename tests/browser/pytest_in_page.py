"""pytest and tests of this repository inside a page's Python, as they are installed here: all of it is pure Python."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Page

from in_page import run_python

TESTS = Path(__file__).parents[1]
PACKAGES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")

UNPACK = """
import io, sys, zipfile
from js import fetch
response = await fetch(BASE + "tests.zip")
zipfile.ZipFile(io.BytesIO((await response.arrayBuffer()).to_bytes())).extractall("/unit")
sys.path += ["/unit/site", "/unit/tests", "/unit/tests/browser"]
None
"""


def put_tests(page: Page, site_url: str, files: Iterable[Path]) -> None:
    """Put files of the tests folder into the page at /unit/tests, and what they need on its path."""
    body = _archive(files)
    page.route("**/tests.zip", lambda route: route.fulfill(body=body, content_type="application/zip"))
    run_python(page, UNPACK.replace("BASE", repr(site_url)))


def _archive(files: Iterable[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, Path("tests") / file.relative_to(TESTS))
        archive.writestr(
            "tests/pytest.ini", "[pytest]\naddopts = --import-mode=importlib --strict-markers\npythonpath = .\n"
        )
        for package in PACKAGES:
            spec = importlib.util.find_spec(package)
            assert spec is not None
            assert spec.origin is not None
            origin = Path(spec.origin)
            folder = origin.parent
            if origin.name != "__init__.py":
                archive.write(origin, Path("site") / origin.name)
                continue
            for file in sorted(folder.rglob("*.py")):
                archive.write(file, Path("site") / package / file.relative_to(folder))
    return buffer.getvalue()
