"""What a model must not do to the page that shows its answer, in the built site with its policy.

A cloud on loopback plays the model. Whatever it says, nothing runs, nothing is fetched, the policy has nothing to
report, and the rest stays readable on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from app_clouds import add_cloud, says
from app_page import AppPage
from vendor_server import VendorServer

PHONE = {"width": 390, "height": 844}
END = "THE-END-OF-IT"
RUN = "window.ran=(window.ran??0)+1"
"""What an answer tries to run; there is no space in it, so that it also stands without quotation marks."""

FILES = Path(__file__).parent / "hostile"
"""Answers with RUN and TRAP in them: what would be run, and the address of a server that must never be asked."""

COLUMNS = range(60)
ANSWERS = {file.stem: file.read_text() for file in sorted(FILES.glob("*.md"))} | {
    "bidi controls": "\u202egnp.exe\u202c \u2066\u2067isolated\u2069 \u200f\u202dabc\u202e\u2067\u2068\u202e open",
    "huge tables": "\n".join(
        "|" + "|".join(cells) + "|"
        for cells in [[f"head {n}" for n in COLUMNS], ["---" for _ in COLUMNS], *[[f"cell{n}" for n in COLUMNS]] * 40]
    ),
    "long words": "\n\n".join(
        [
            "W" * 10_000,
            f"# {'H' * 3_000}",
            f"> {'Q' * 3_000}",
            f"- {'L' * 3_000}",
            f"`{'c' * 3_000}`",
            f"```\n{'F' * 3_000}\n```",
            f"[{'l' * 2_000}](https://example.org/{'u' * 2_000})",
            f"${'x' * 500}$",
            f"| {'T' * 2_000} |\n|---|\n| t |",
        ]
    ),
    "deep nesting": "\n\n".join(
        [
            "\n".join("  " * n + "- item" for n in range(400)),
            f"{'>' * 2_000} quoted",
            "[" * 2_000 + "](" * 500,
            "**_" * 1_000,
            "<div>" * 2_000,
            "<ul>" * 40 + "bare lists" + "</ul>" * 40,
            "<dl><dd>" * 40 + "definitions" + "</dd></dl>" * 40,
            "<table><tr><td>" * 20 + "cells" + "</td></tr></table>" * 20,
        ]
    ),
    "control characters": "a\0b\x08c\x1b[31mred \ufeff\ufffe\uffff\u2028\u2029 Z" + "\u0335" * 600 + " \U000e0041",
}

WATCH = """
window.reported = [];
addEventListener("securitypolicyviolation", (event) => {
  window.reported.push([event.effectiveDirective, event.blockedURI, event.sample].join(" "));
});
"""

# What an answer may be made of is listed in sanitize.ts; of these not even a trace is left.
LOOK = """(message) => {
  const parts = message.querySelector(".message-parts");
  const NEVER = ["script", "style", "iframe", "object", "embed", "meta", "base", "link", "form", "input", "textarea",
    "select", "video", "audio", "frameset", "portal", "dialog", "template", "svg"];
  const NO_ATTRIBUTE = ["ping", "srcdoc", "srcset", "background", "formaction", "action", "name", "popover", "id"];
  const wrong = [];
  for (const element of parts.querySelectorAll("*")) {
    const name = element.localName;
    if (NEVER.includes(name)) wrong.push(`<${name}>`);
    for (const { name: attribute, value } of element.attributes) {
      if (attribute.startsWith("on")) wrong.push(`${name} ${attribute}`);
      if (NO_ATTRIBUTE.includes(attribute)) wrong.push(`${name} ${attribute}`);
      if (attribute === "href" && name === "a" && !/^(https?:|mailto:)/i.test(value)) wrong.push(`href ${value}`);
      if (attribute === "src" && !/^data:image\\/(png|jpeg|gif|webp|avif);/.test(value)) wrong.push(`src ${value}`);
    }
  }
  return wrong;
}"""

OVERFLOW = """() => {
  const wide = [];
  for (const element of [document.scrollingElement, document.querySelector("main"), document.querySelector(".chat"),
                         ...document.querySelectorAll(".message, .message-parts")]) {
    if (element && element.scrollWidth > element.clientWidth + 1) {
      wide.push(`${element.localName}.${element.className}: ${element.scrollWidth} in ${element.clientWidth}`);
    }
  }
  return wide;
}"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[VendorServer]:
    """The model."""
    with VendorServer(cors=True) as server:
        yield server


@pytest.fixture(scope="module")
def trap() -> Iterator[VendorServer]:
    """A server that nothing may ask."""
    with VendorServer(cors=True) as server:
        yield server


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """The addresses of all requests of the browser."""
    return []


@pytest.fixture(scope="module")
def app(start_browser: Callable[..., BrowserContext], site_url: str, cloud: VendorServer, asked: list[str]) -> AppPage:
    """The app on a phone's screen, with the cloud set up; no GPU is needed."""
    context = start_browser(webgpu=False)
    context.add_init_script(WATCH)
    context.on("request", lambda request: asked.append(request.url))
    app = AppPage(context, site_url)
    app.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    app.page.on("dialog", lambda dialog: (app.problems.append(dialog.message), dialog.dismiss()))
    app.open()
    add_cloud(app, cloud)
    return app


def hear(app: AppPage, cloud: VendorServer, text: str) -> Locator:
    """Begin a conversation, and let the model say this; returns the message."""
    cloud.add("cloud", says(text))
    app.page.goto(f"{app.url}#chat")
    expect(app.box).to_be_visible()
    expect(app.answers).to_have_count(0)
    return app.ask("Go on.")


def check(app: AppPage, trap: VendorServer, asked: list[str], cloud: VendorServer) -> None:
    """Nothing ran, nothing was asked, nothing was reported, and the page is still the app."""
    page = app.page
    assert page.evaluate("window.ran") is None
    assert page.evaluate("window.reported") == []
    app.check()
    assert trap.requests == []
    assert [url for url in asked if not url.startswith((app.url, cloud.url, "data:", "blob:"))] == []
    assert page.url.startswith(app.url)
    assert page.evaluate("document.baseURI.split('#')[0]") == app.url
    assert page.evaluate("document.getElementById('root') === document.body.querySelector(':scope > div')")
    assert page.evaluate(OVERFLOW) == []


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_harmless_and_readable(
    app: AppPage, cloud: VendorServer, trap: VendorServer, asked: list[str], name: str
) -> None:
    """While it comes, in pieces that cut its tags, and at its end."""
    text = ANSWERS[name].replace("TRAP", trap.url).replace("RUN", RUN)
    fence = "\n`````\n" if "fence" in name else ""
    message = hear(app, cloud, f"Before it.\n\n{text}{fence}\n\n{END}")
    expect(message.get_by_text("Before it.")).to_be_attached()
    assert END in message.locator(".message-parts").inner_text() or "svg" in text.lower() or "<!--" in text
    assert message.evaluate(LOOK) == []
    check(app, trap, asked, cloud)
    # The rest of the app is where it was, and works.
    expect(app.box).to_be_in_viewport()
    expect(message.get_by_text("Cloud", exact=True)).to_be_attached()
    app.box.click()
    app.page.reload()
    app.answered(1)
    check(app, trap, asked, cloud)
