"""The gallery of the examples that are pages, on the built site."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accessibility import findings
from in_page import SITE
from static_server import StaticServer
from watched_page import WatchedPage

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def page(start_browser: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A tab of a fresh browser."""
    context = start_browser()
    watched = WatchedPage(context)
    yield watched.page
    context.close()
    assert watched.problems == []


def test_the_gallery_shows_each_page_and_its_source(page: Page, site_url: str) -> None:
    """All of its addresses answer, and its names are those of the folders."""
    page.goto(f"{site_url}examples/")
    links = page.locator("main a").evaluate_all("(all) => all.map((link) => link.href)")
    for link in links:
        assert page.request.get(link).ok, link
    pages = {folder.parent.name for name in ("index.html", "*.ipynb") for folder in EXAMPLES.glob(f"*/{name}")}
    assert {link.removeprefix(f"{site_url}examples/").partition("/")[0] for link in links} == pages
    programs = set(page.locator("dt").all_inner_texts())
    assert programs == {program.parent.name for program in EXAMPLES.glob("*/main.py")}
    assert page.get_by_role("link", name="browserllm").get_attribute("href") == "../"


@pytest.mark.parametrize("width", [1200, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "chat/", "offline_chat/", "widget/", "react/", "model_manager/"])
def test_the_pages_suit_small_screens_dark_and_light_and_screen_readers(
    page: Page, site_url: str, name: str, scheme: Literal["light", "dark"], width: int
) -> None:
    """No problem that axe knows, and nothing to scroll sideways."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{site_url}examples/{name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page) == []


@pytest.fixture
def app_url() -> Iterator[str]:
    """The site as `browserllm app` serves it: each file with the app's policy."""
    command = [sys.executable, "-m", "browserllm", "app", "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            server.terminate()


def test_the_pages_work_where_the_server_sends_a_policy_too(page: Page, app_url: str) -> None:
    """No page has inline code: the widget's page, one file in the repository, asks."""
    for name in ("", "chat/", "offline_chat/", "react/", "model_manager/", "agent/", "widget/"):
        page.goto(f"{app_url}examples/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Tell me a story").click()
    expect(page.locator("#answer")).to_contain_text("fox")


def test_no_page_runs_inside_of_another(
    page: Page, site_url: str, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    """There is nothing to press, and no engine has started."""
    names = ["", *(f"{file.parent.name}/" for file in EXAMPLES.glob("*/index.html"))]
    frames = "".join(f'<iframe src="{site_url}examples/{name}"></iframe>' for name in names)
    (tmp_path / "evil.html").write_text(f"<!doctype html>{frames}")
    page.goto(f"{serve(tmp_path)}evil.html")
    for number in range(len(names)):
        body = page.frame_locator("iframe").nth(number).locator("body")
        expect(body).to_have_text("This page does not run inside another page. Open it by itself.")
        expect(body.locator("button, input, textarea")).to_have_count(0)
    assert page.workers == []


def test_the_gallery_by_keyboard(page: Page, site_url: str) -> None:
    """Two stops a card, and Enter opens the page."""
    page.goto(f"{site_url}examples/")
    names: list[str] = []
    for _ in range(4):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
    assert names == ["browserllm", "A chat on a page", "Source of A chat on a page", "A chat that works offline"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/examples/offline_chat/")


def test_the_app_links_to_the_gallery_which_it_keeps_once_seen(page: Page, serve: Callable[[Path], str]) -> None:
    """The app fetches none of it by itself. What was seen opens without a network."""
    server = StaticServer(SITE)
    page.goto(f"{server.url}#/settings/general")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    link = page.get_by_role("link", name="Examples to try and to copy from")
    expect(link).to_be_visible()
    assert page.evaluate(KEPT) == []
    link.click()
    expect(page.get_by_role("heading", name="Examples")).to_be_visible()
    page.wait_for_function(f"async () => (await ({KEPT})()).length === 3")
    server.stop()
    page.reload()
    expect(page.get_by_role("heading", name="Examples")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.cards')).display") == "grid"


KEPT = """async () => {
  const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  const urls = (await Promise.all(caches_.map((cache) => cache.keys()))).flat().map(({ url }) => url);
  return urls.filter((url) => url.includes("/examples/"));
}"""
