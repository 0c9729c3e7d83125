"""The app on a phone, by keyboard alone, for screen readers, input methods and right-to-left languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from accessibility import findings
from app_clouds import add_cloud, says
from app_page import AppPage, text_of
from openai_exchanges import text_chunks
from vendor_server import Hold, Reply, VendorServer, events, stream

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

RICH = """# A heading

A paragraph with **bold**, `code` and [a link](https://example.org/).

| name | value |
|---|---|
| a | 1 |

```python
def f(x: int) -> int:
    return x + 1  # a comment
```

1. one
2. two

> quoted
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[VendorServer]:
    """A model that answers at once, so that these tests are about the page."""
    with VendorServer({"cloud": says(RICH)}, cors=True) as server:
        yield server


@pytest.fixture(scope="module")
def shared(start_browser: Callable[..., BrowserContext], site_url: str, cloud: VendorServer) -> AppPage:
    """The app, with the cloud set up."""
    app = AppPage(start_browser(webgpu=False), site_url).open()
    app.call("device.refresh")
    add_cloud(app, cloud)
    return app


@pytest.fixture
def app(shared: AppPage, cloud: VendorServer) -> Iterator[AppPage]:
    """The app at a new chat, on a desktop's screen."""
    cloud.add("cloud", says(RICH))
    shared.page.set_viewport_size(DESKTOP)
    while shared.page.locator("dialog[open]").count():  # a test that failed may have left one
        shared.page.keyboard.press("Escape")
    shared.page.goto(f"{shared.url}#chat")
    expect(shared.box).to_be_visible()
    expect(shared.answers).to_have_count(0)
    yield shared
    shared.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    shared.check()


def held(text: str) -> tuple[Reply, Hold]:
    """An answer that stops after its text until the test lets it end."""
    hold = Hold()
    first, *rest = text_chunks(text)
    return stream(events(first, rest[0]), hold, events(*rest[1:], "[DONE]")), hold


def overflowing(page: Page) -> list[str]:
    """What is wider than the place that it has, of what must not scroll sideways."""
    return page.evaluate(_OVERFLOW)


VIEWS = ["chat", "welcome", "models", "compare", "settings", "settings/privacy", "settings/clouds", "settings/memory",
         "settings/presets", "settings/device"]  # fmt: skip


def open_view(app: AppPage, view: str) -> None:
    """Open a view and wait until it is drawn; for the chat, a conversation with an answer."""
    if view == "chat":
        app.ask("Show me everything.")
        return
    app.page.goto(f"{app.url}#{view}")
    expect(app.page.locator("main h1").first).to_be_visible()
    expect(app.page.locator("main [aria-busy=true]")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(app: AppPage, view: str, scheme: Any) -> None:
    """In every view, light and dark."""
    app.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_view(app, view)
    assert findings(app.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_what_opens(app: AppPage, scheme: Any) -> None:
    """The palette, the list of shortcuts, the settings of a conversation, a menu, the form of a cloud, an edit."""
    page = app.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_view(app, "chat")
    for keys, opened in {
        "Control+k": page.get_by_role("dialog", name="Commands and conversations"),
        "Control+.": page.get_by_role("dialog", name="This conversation"),
    }.items():
        page.keyboard.press(keys)
        expect(opened).to_be_visible()
        assert findings(page) == [], keys
        page.keyboard.press("Escape")
        expect(opened).to_have_count(0)
    page.get_by_role("button", name="Manage conversations").click()
    assert findings(page) == [], "menu"
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    assert findings(page) == [], "shortcuts"
    page.keyboard.press("Escape")
    app.box.press("ArrowUp")
    expect(page.get_by_role("textbox", name="Edit the message")).to_be_focused()
    assert findings(page) == [], "edit"
    page.keyboard.press("Escape")
    page.goto(f"{app.url}#settings/clouds")
    page.get_by_role("button", name="Add a cloud").click()
    assert findings(page) == [], "form"
    page.keyboard.press("Escape")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_every_view_without_scrolling_sideways(app: AppPage, view: str, direction: str) -> None:
    """Left to right, and right to left."""
    app.page.set_viewport_size(PHONE)
    app.page.evaluate("(dir) => { document.documentElement.dir = dir; }", direction)
    try:
        open_view(app, view)
        assert overflowing(app.page) == []
        app.page.set_viewport_size({"width": 320, "height": 640})
        assert overflowing(app.page) == []
    finally:
        app.page.evaluate("document.documentElement.dir = 'ltr'")


def test_a_conversation_on_a_phone(app: AppPage) -> None:
    """The list is a drawer over the page; the box stays above the edge, and everything can be hit with a thumb."""
    page = app.page
    page.set_viewport_size(PHONE)
    app.ask("On a phone.")
    expect(app.box).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="New chat")).not_to_be_in_viewport()
    page.get_by_role("button", name="Open the list of conversations").click()
    link = page.get_by_role("link", name="On a phone.").first
    expect(link).to_be_in_viewport()
    assert page.evaluate(_SMALL, "aside, header, .composer") == []
    page.keyboard.press("Escape")
    expect(link).not_to_be_in_viewport()
    page.get_by_role("button", name="Open the list of conversations").click()
    page.get_by_role("button", name="New chat").click()
    expect(app.answers).to_have_count(0)
    expect(page.get_by_role("button", name="New chat")).not_to_be_in_viewport()


def test_a_whole_conversation_by_keyboard(app: AppPage, cloud: VendorServer) -> None:
    """New chat, send, stop, edit, branches, the palette, the settings and back: no pointer is used."""
    page, press = app.page, app.page.keyboard.press
    reply, hold = held("The first answer")
    cloud.add("cloud", reply, says("The second answer."))
    press("Control+Shift+O")
    expect(app.box).to_be_focused()
    page.keyboard.type("First question")
    press("Shift+Enter")
    page.keyboard.type("on two lines")
    press("Enter")
    expect(app.answers).to_contain_text("The first answer")
    press("Escape")
    expect(app.answered(1).get_by_text("Stopped")).to_be_visible()
    hold.release()
    expect(app.box).to_be_focused()
    press("ArrowUp")
    edit = page.get_by_role("textbox", name="Edit the message")
    expect(edit).to_be_focused()
    expect(edit).to_have_value("First question\non two lines")
    press("Control+a")
    page.keyboard.type("Better question")
    press("Control+Enter")
    expect(app.said).to_have_text("Better question")
    assert text_of(app.answered(1)) == "The second answer."
    tab_to(page, "Previous version")
    press("Enter")
    expect(app.said).to_contain_text("First question")
    tab_to(page, "Next version")
    press("Space")
    expect(app.said).to_have_text("Better question")
    press("Control+k")
    palette = page.get_by_role("combobox", name="Type a command or the name of a conversation")
    expect(palette).to_be_focused()
    page.keyboard.type("Compare")
    press("Enter")
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()
    press("Control+k")
    expect(palette).to_be_focused()
    page.keyboard.type("Better question")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text("Better question")
    press("ArrowDown")
    press("ArrowUp")
    press("Enter")
    expect(app.said).to_have_text("Better question")
    press("Control+.")
    panel = page.get_by_role("dialog", name="This conversation")
    expect(panel).to_be_visible()
    tab_to(page, "System prompt")
    page.keyboard.type("Be brief.")
    press("Escape")
    expect(panel).to_have_count(0)
    press("Control+Shift+F")
    expect(page.get_by_role("textbox", name="Search conversations")).to_be_focused()
    page.keyboard.type("second answer")
    expect(page.get_by_text("1 message found")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("textbox", name="Search conversations")).to_have_value("")
    page.evaluate("document.activeElement.blur()")
    tab_to(page, "Skip to the conversation")
    press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_dialog_begins_in_its_field(app: AppPage) -> None:
    """What is typed after opening it is written there; otherwise Enter would press the button that closes it."""
    page = app.page
    app.call("conversations.create", title="Lenses")
    entry = page.locator(".entry", has_text="Lenses")
    for name in ("Rename", "Move to a folder"):
        entry.hover()
        entry.get_by_role("button").click()
        page.get_by_role("menuitem", name=name).click()
        expect(page.get_by_role("dialog").locator("input")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    app.call("conversations.delete", id="*")


def test_a_comparison_that_is_stopped_does_not_begin_again(app: AppPage) -> None:
    """The button that stops takes the place of the one that runs, and the other way round."""
    page = app.page
    page.goto(f"{app.url}#compare")
    page.get_by_label("Prompt").fill("Tell me a story about a fox.")
    page.get_by_label("Longest answer in tokens").fill("2000")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Answering", exact=True)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="run")).to_be_visible()
    assert {run["status"] for run in app.state()["compare"]["runs"]} == {"stopped"}


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus, as a person would; at most once around the page."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate(_FOCUSED) == name:
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_an_input_method_does_not_send(app: AppPage) -> None:
    """The Enter that accepts a word of a composition writes it; the next one sends."""
    app.box.focus()
    devtools = app.page.context.new_cdp_session(app.page)
    devtools.send("Input.imeSetComposition", {"text": "にほんご", "selectionStart": 4, "selectionEnd": 4})
    expect(app.box).to_have_value("にほんご")
    # As Chromium has it: the key belongs to the input method.
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    devtools.send("Input.insertText", {"text": "日本語"})
    devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    expect(app.box).to_have_value("日本語")
    expect(app.questions).to_have_count(0)
    # As Firefox has it: an ordinary Enter during the composition.
    app.box.evaluate(_ENTER, {"isComposing": True, "keyCode": 13})
    # As Safari has it: the composition is over, and the key code tells.
    app.box.evaluate(_ENTER, {"isComposing": False, "keyCode": 229})
    expect(app.box).to_have_value("日本語")
    expect(app.questions).to_have_count(0)
    app.box.press("Enter")
    expect(app.said).to_have_text("日本語")
    app.answered(1)


def test_reduced_motion_moves_nothing(app: AppPage) -> None:
    """Neither by the system's setting nor by the app's; without them something moves."""
    page = app.page
    app.ask("Go on.")
    assert page.evaluate(_MOVING) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(_MOVING) == 0
    page.emulate_media(reduced_motion="no-preference")
    app.call("settings.update", changes={"reduceMotion": True})
    page.wait_for_function("document.documentElement.hasAttribute('data-reduce-motion')")
    assert page.evaluate(_MOVING) == 0
    app.call("settings.update", changes={"reduceMotion": False})


def test_screen_readers_hear_the_end_of_an_answer(app: AppPage, cloud: VendorServer) -> None:
    """Politely, and not each word."""
    reply, hold = held("One two three")
    cloud.add("cloud", reply)
    app.send("Read to me.")
    expect(app.answers).to_contain_text("One two three")
    expect(app.answers.first).to_have_attribute("aria-busy", "true")
    hold.release()
    app.answered(1)
    expect(app.page.locator("[aria-live=polite]").filter(has_text="The answer is complete.")).to_be_attached()


_OVERFLOW = """() => [
  document.scrollingElement,
  ...document.querySelectorAll("main, .page, .chat, .message, header, .composer"),
]
  .filter((one) => one && one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.localName}.${one.className}: ${one.scrollWidth} in ${one.clientWidth}`)"""

# WCAG 2.2 asks for 24 px; controls inside of a line of text are exempt.
_SMALL = """(where) => [...document.querySelectorAll(where)]
  .flatMap((place) => [...place.querySelectorAll("button, a[href], input:not([type=file])")])
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.height < 24 || box.width < 24))
  .map(([one, box]) => [one.getAttribute("aria-label") ?? one.textContent, box.width, box.height].join(" "))"""

_FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.id === "" ? null : document.querySelector(`label[for="${CSS.escape(one.id)}"]`);
  return one.getAttribute("aria-label") ?? (label ?? one).textContent;
}"""

_ENTER = """(box, { isComposing, keyCode }) => {
  const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, isComposing });
  Object.defineProperty(event, "keyCode", { value: keyCode });
  box.dispatchEvent(event);
}"""

_MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const { transitionDuration, animationName, animationDuration, scrollBehavior } = getComputedStyle(one);
  const longest = (durations) => Math.max(...durations.split(",").map(parseFloat));
  const animated = animationName !== "none" && longest(animationDuration) > 0.01;
  return longest(transitionDuration) > 0.01 || animated || scrollBehavior === "smooth";
}).length"""
