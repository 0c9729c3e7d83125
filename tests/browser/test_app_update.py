"""A new version of the site in real Chromium: two tabs, an answer on its way, a server without the old files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app_clouds import add_cloud
from app_page import AppPage, text_of
from in_page import SITE
from openai_exchanges import text_chunks
from second_build import write_second_build
from vendor_server import Hold, VendorServer, events, stream


@pytest.fixture
def cloud() -> Iterator[VendorServer]:
    """The model."""
    with VendorServer(cors=True) as server:
        yield server


def test_an_update_in_one_tab_takes_nothing_from_the_other(
    start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], tmp_path: Path, cloud: VendorServer
) -> None:
    """Its answer arrives, its views open, and it offers the new version after that. Then the old files go."""
    live, second = tmp_path / "live", tmp_path / "second"
    live.symlink_to(SITE)
    url = serve(live)
    context = start_browser(webgpu=False)
    one = AppPage(context, url).open()
    one.page.evaluate(_UNTIL_CONTROLLED)
    add_cloud(one, cloud)
    other = AppPage(context, url).open()
    write_second_build(SITE, second)
    live.unlink()
    live.symlink_to(second)
    hold = Hold()
    chunks = text_chunks("Before it. ", "After it.")
    cloud.add("cloud", stream(events(*chunks[:2]), hold, events(*chunks[2:], "[DONE]")))
    other.page.goto(f"{url}#chat")
    other.send("Go on.")
    expect(other.answers).to_contain_text("Before it.")

    one.page.evaluate("async () => (await navigator.serviceWorker.ready).update()")
    offers = [tab.page.locator(".update") for tab in (one, other)]
    expect(offers[0].get_by_role("button")).to_be_enabled()
    expect(offers[1].get_by_role("button")).to_be_disabled()
    before = bundle(one.page)
    with one.page.expect_event("load"):
        offers[0].get_by_role("button").click()
    expect(one.page.locator("main#main")).to_be_attached()
    assert bundle(one.page) != before
    expect(offers[0]).to_have_count(0)

    expect(offers[1].get_by_role("button")).to_be_disabled()
    hold.release()
    assert text_of(other.answered(1)) == "Before it. After it."
    for view, heading in (("models", "Models"), ("compare", "Compare"), ("settings", "General")):
        other.page.goto(f"{url}#{view}")
        expect(other.page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
    assert bundle(other.page) == before
    offers[1].get_by_role("button").click()
    other.page.wait_for_function("(before) => document.scripts[0]?.src !== before", arg=before)
    expect(other.page.locator("main#main")).to_be_attached()
    expect(offers[1]).to_have_count(0)

    other.page.close()
    one.page.reload()
    expect(one.page.locator("main#main")).to_be_attached()
    one.page.evaluate(_UNTIL_ONE_VERSION)
    one.check()
    other.check()
    context.close()


def bundle(page: Page) -> str:
    """The address of the page's own bundle, which every build names anew."""
    address: str = page.evaluate("document.scripts[0].src")
    return address


_UNTIL_CONTROLLED = """async () => {
await navigator.serviceWorker.ready;
while (navigator.serviceWorker.controller === null) await new Promise(requestAnimationFrame);
}"""

_UNTIL_ONE_VERSION = """async () => {
const versions = async () => (await caches.keys()).filter((name) => name.startsWith("browserllm-site-")).length;
while ((await versions()) > 1) await new Promise(requestAnimationFrame);
}"""
