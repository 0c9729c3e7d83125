"""Amplifier's sessions in a page: they tell what they tell on amplifier-core's native engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from in_page import SITE, open_python, run_python

SCENARIOS = Path(__file__).parents[1] / "amplifier_scenarios.py"

FETCHED = """
import json
from js import performance
json.dumps([entry.name for entry in performance.getEntriesByType("resource")])
"""
RUN = """
import json, types
from browserllm.page import load_extra

await load_extra("amplifier")
scenarios = types.ModuleType("scenarios")
exec(SOURCE, scenarios.__dict__)
json.dumps(await scenarios.run_all())
"""


@pytest.fixture(scope="module")
def python(start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    """A page with Python alone."""
    return open_python(start_browser(webgpu=False), site_url)


@pytest.fixture(scope="module")
def native() -> dict[str, Any]:
    """What the scenarios tell on CPython and the native engine."""
    command = [sys.executable, str(SCENARIOS)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)


def test_the_service_worker_fetches_none_of_it_at_the_first_visit() -> None:
    """It keeps these files once a visit has used them."""
    line = (SITE / "sw.js").read_text().partition("\n")[0]
    listed = json.loads(line.removeprefix("self.BROWSERLLM_FILES = ").removesuffix(";"))["files"]
    mine = {
        file["path"]: file["core"]
        for file in listed
        if file["path"].startswith(("python/extras/", "examples/", "amplifier.js"))
    }
    assert len(mine) >= 10
    assert not any(mine.values())
    assert (SITE / "amplifier.d.ts").exists() and "amplifier.d.ts" not in {file["path"] for file in listed}
    assert [file["core"] for file in listed if file["path"] == "python/snapshot.bin"] == [True]


def test_a_page_without_the_extra_says_how_to_get_it(python: Page) -> None:
    """It has fetched none of it by then."""
    code = "try:\n    import browserllm.amplifier.kernel\nexcept ModuleNotFoundError as error:\n    said = str(error)\n"
    said = run_python(python, f"{code}import json\njson.dumps(said)")
    assert 'load_extra("amplifier")' in said
    assert [url for url in run_python(python, FETCHED) if "/extras/" in url] == []


def test_the_scenarios_tell_the_same_in_a_page(python: Page, native: dict[str, Any]) -> None:
    """All three: the engine in a page here, and both on CPython in tests/wire/amplifier/test_engine.py."""
    in_page = run_python(python, RUN.replace("SOURCE", repr(SCENARIOS.read_text())))
    assert sorted(in_page) == sorted(native)
    assert [name for name in native if in_page[name] != native[name]] == []
    assert len([url for url in run_python(python, FETCHED) if "/extras/amplifier/" in url]) == 6


def test_what_needs_the_native_library_raises_by_name(python: Page) -> None:
    code = """
import json
from amplifier_core._engine import RUST_AVAILABLE, load_and_mount_wasm
try:
    load_and_mount_wasm(None, "x.wasm")
except NotImplementedError as error:
    said = str(error)
json.dumps([RUST_AVAILABLE, said])
"""
    available, said = run_python(python, code)
    assert available is False
    assert "load_and_mount_wasm" in said
