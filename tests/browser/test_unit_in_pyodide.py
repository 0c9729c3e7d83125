"""The unit tests, file for file, inside Pyodide in Chromium: one library, two worlds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from in_page import SITE, open_python, run_python
from pytest_in_page import TESTS, put_tests

RUN = """
import contextlib, io, json, pytest

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
"""


def test_the_unit_tests_pass_in_pyodide(start_browser: Callable[..., BrowserContext], site_url: str) -> None:
    """Every unit test that passes on CPython passes on Pyodide in a page, and as many are collected as there are."""
    assert (SITE / "python" / "manifest.json").exists()
    page = open_python(start_browser(webgpu=False), site_url)
    files = [file for file in sorted((TESTS / "unit").rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
    put_tests(page, site_url, [TESTS / "conftest.py", TESTS / "loop_end.py", *files])
    exit_code, passed, failed, reports, output = run_python(page, RUN)
    assert (exit_code, failed) == (pytest.ExitCode.OK, 0), "\n".join([*reports, output])
    assert passed > 50
