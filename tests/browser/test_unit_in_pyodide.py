"""The unit tests, file for file, inside Pyodide in Chromium: one library, two worlds."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from in_page import SITE, open_python, run_python

TESTS = Path(__file__).parents[1]
PYTEST_PACKAGES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")


def test_archive() -> bytes:
    """A zip of tests/unit and of pytest as it is installed here: all pure Python."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in [TESTS / "conftest.py", *sorted((TESTS / "unit").rglob("*"))]:
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, Path("tests") / file.relative_to(TESTS))
        archive.writestr(
            "tests/pytest.ini", "[pytest]\naddopts = --import-mode=importlib --strict-markers\npythonpath = .\n"
        )
        for package in PYTEST_PACKAGES:
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


test_archive.__test__ = False  # type: ignore[attr-defined]


def test_the_unit_tests_pass_in_pyodide(
    start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], tmp_path: Path, site_url: str
) -> None:
    """Every unit test that passes on CPython passes on Pyodide in a page, and as many are collected as there are."""
    assert (SITE / "python" / "manifest.json").exists()
    page = open_python(start_browser(webgpu=False), site_url)
    archive = test_archive()
    page.route("**/unit-tests.zip", lambda route: route.fulfill(body=archive, content_type="application/zip"))
    code = """
import io, json, sys, zipfile
from js import fetch
response = await fetch(BASE + "unit-tests.zip")
zipfile.ZipFile(io.BytesIO((await response.arrayBuffer()).to_bytes())).extractall("/unit")
sys.path.insert(0, "/unit/site")
import contextlib, pytest

class Count:
    passed = failed = 0
    reports = []
    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed += 1
            self.reports.append(f"{report.nodeid}: {report.longreprtext[-1500:]}")
        elif report.when == "call" and report.passed:
            self.passed += 1

count, out = Count(), io.StringIO()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
    code = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "/unit/tests/unit"], plugins=[count])
json.dumps([int(code), count.passed, count.failed, count.reports[:5], out.getvalue()[-3000:]])
""".replace("BASE", repr(site_url))
    exit_code, passed, failed, reports, output = run_python(page, code)
    assert (exit_code, failed) == (pytest.ExitCode.OK, 0), "\n".join([*reports, output])
    assert passed > 50
