"""What Python keeps in a page: the same store from inside of it and from a program, there after a new start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext

import browserllm as bl
from browserllm.stores.page import MAX_VALUE_BYTES
from drivers import Launched
from in_page import open_python, run_python
from pytest_in_page import TESTS, put_tests
from unit.stores.store_scenario import what_every_store_does

LARGE = bytes(range(256)) * (MAX_VALUE_BYTES // 256)

IN_PAGE = """
import browserllm as bl
from unit.stores.store_scenario import what_every_store_does
async with bl.connect() as host:
    await what_every_store_does(bl.stores.HostStore(host, "scenario"))
    await bl.stores.HostStore(host, "kept").put("a", b"1")
None
"""

LATER = """
import json
import browserllm as bl
async with bl.connect() as host:
    kept = [[key, value.decode()] for key, value in await bl.stores.HostStore(host, "kept").items()]
json.dumps(kept)
"""


def test_a_page_stores_values_for_its_python(start_browser: Callable[..., BrowserContext], site_url: str) -> None:
    """The scenario of every store passes, and another page of the site finds the values."""
    context = start_browser(webgpu=False)
    page = open_python(context, site_url)
    put_tests(page, site_url, [TESTS / "unit" / "stores" / "store_scenario.py"])
    run_python(page, IN_PAGE)
    page.close()
    assert run_python(open_python(context, site_url), LATER) == [["a", "1"]]
    context.close()


def test_a_program_keeps_things_in_its_browsers_profile(tmp_path: Path) -> None:
    """So it does over the connection, with the largest values; they are there when it starts again."""
    profile = tmp_path / "profile"
    first = Launched(profile, webgpu="off")
    try:
        first.run(what_every_store_does(bl.stores.HostStore(first.host, "scenario")))
        store = bl.stores.HostStore(first.host, "kept")
        for key in ("a", "b"):
            first.run(store.put(key, LARGE))
    finally:
        first.close()
    second = Launched(profile, webgpu="off")
    try:
        assert second.run(bl.stores.HostStore(second.host, "kept").items()) == [("a", LARGE), ("b", LARGE)]
        assert second.run(bl.stores.HostStore(second.host, "other").items()) == []
    finally:
        second.close()
