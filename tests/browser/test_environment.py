"""Network and battery of a real browser: told by the page at the start and at every change, asked of it never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

import browserllm as bl
from drivers import Launched
from in_page import open_python, run_python

TELLS_THE_TYPE = "--enable-blink-features=NetInfoDownlinkMax"
"""On a computer Chromium tells the connection's type with this flag only; phones always do."""


async def until(host: bl.Host, reached: Callable[[bl.page.Environment], bool]) -> list[str]:
    """Wait until the page has told of such an environment; the events on the way."""
    changed = asyncio.Event()
    heard: list[str] = []

    def hear(event: bl.page.Event) -> None:
        heard.append(event.name)
        changed.set()

    end = host.subscribe(hear)
    while not reached(host.environment):
        await changed.wait()
        changed.clear()
    end()
    return heard


def test_a_program_is_notified_of_every_change(tmp_path: Path) -> None:
    """Offline and online, cellular and wifi; the battery comes from the window, because workers cannot read it."""
    driver = Launched(tmp_path / "profile", webgpu="off", flags=TELLS_THE_TYPE)
    try:
        host = driver.host
        driver.run(until(host, lambda now: now.battery_level is not None))
        assert host.environment.online is True
        assert (host.environment.battery_level, host.environment.charging) == (1.0, True)
        for type_, metered in (("cellular4g", True), ("wifi", False), ("ethernet", False), ("bluetooth", None)):
            driver.set_network(connection=type_)
            heard = driver.run(until(host, lambda now, metered=metered: now.metered is metered))
            assert set(heard) <= {"environment"}
        driver.set_network(offline=True)
        driver.run(until(host, lambda now: now.online is False))
        facts = driver.run(host.probe())
        assert facts.online is False
        assert facts.battery is not None
        driver.set_network()
        driver.run(until(host, lambda now: now.online is True))
        assert driver.run(host.probe()).online is True
    finally:
        driver.close()


TELL = """
import json, msgspec
import browserllm as bl
async with bl.connect() as host:
    told = msgspec.to_builtins(host.environment)
json.dumps(told)
"""


@pytest.mark.parametrize("offline", [True, False])
def test_a_new_connection_gets_the_current_environment(
    start_browser: Callable[..., BrowserContext], site_url: str, offline: bool
) -> None:
    """Not the network as it was when the page opened."""
    context = start_browser(webgpu=False)
    context.set_offline(False)
    page = open_python(context, site_url)
    assert run_python(page, TELL)["online"] is True
    context.set_offline(True)
    # The engine worker hears of it as the window does; a round trip through it comes after the event.
    page.evaluate("() => new Promise((done) => navigator.onLine ? addEventListener('offline', done) : done())")
    run_python(page, "import browserllm as bl\nasync with bl.connect() as host:\n    await host.probe()\nNone")
    context.set_offline(offline)
    run_python(page, "import browserllm as bl\nasync with bl.connect() as host:\n    await host.probe()\nNone")
    assert run_python(page, TELL)["online"] is not offline
    context.close()
