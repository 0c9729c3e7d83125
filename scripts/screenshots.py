"""Takes the pictures in docs/screenshots: the main screens of the built site and the terminal, with headless Chromium.

    make screenshots            all of them
    make screenshots ONLY=chat  those whose names begin so

Site, Python and the command line are the real ones. What answers is the built-in model, so every figure in a picture
was measured when it was taken. The conversations beside it, and the one that shows what an answer can look like, are
imported from a file, as a person would; they have no figures.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import terminal_picture
from playwright.sync_api import BrowserContext, expect

from _page import ROOT, chromium, serve
from app_page import AppPage

FOLDER = ROOT / "docs/screenshots"
LARGEST = 150_000
"""Bytes of a picture; the repository keeps them all."""

DESKTOP = {"width": 1200, "height": 760, "deviceScaleFactor": 1.5, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DAY_MS = 86_400_000
SKY = "Why is the sky blue?"
STORY = "Tell me a story about a fox."
LENS = "How does the lens of a lighthouse work?"

ANSWER = """It is a **Fresnel lens**: a thick lens with the parts cut away that only let light through. What bends \
light is the *slope* of the glass, so Augustin Fresnel kept the slopes and left out the glass between them.

| Order | Focal length | Height | Used for |
| :--- | ---: | ---: | --- |
| First | 920 mm | 2.59 m | Coasts, seen from 40 km away |
| Third | 500 mm | 1.58 m | Bays and sounds |
| Fourth | 250 mm | 0.72 m | Harbours and islands |

The focal length $f$ follows from the radii of the two surfaces:

$$\\frac{1}{f} = (n - 1)\\left(\\frac{1}{R_1} - \\frac{1}{R_2}\\right)$$
"""

CODE = """The slope of each ring follows from its radius:

```python
from math import asin, degrees, hypot


def ring_angle(radius_m: float, focal_m: float, n: float = 1.52) -> float:
    sine = radius_m / hypot(radius_m, focal_m)
    return degrees(asin(sine / n))  # Snell's law


for radius in range(1, 6):
    print(radius, round(ring_angle(radius / 10, 0.92), 2))
```
"""

ARABIC = """إنها **عدسة فرينل**: عدسة سميكة أُزيلت منها الأجزاء التي لا تفعل سوى تمرير الضوء. ما يثني الضوء هو *ميل* \
الزجاج، فأبقى أوغستان فرينل (Augustin Fresnel) الميل وأزال الزجاج الذي بينه.

| الرتبة | البعد البؤري | تُستخدم في |
| :--- | ---: | --- |
| الأولى | 920 mm | السواحل، وتُرى من 40 km |
| الرابعة | 250 mm | الموانئ والجزر |

1. استخدم `hypot(radius, focal)` لحساب الوتر.
2. ثم قانون سنيل.
"""

OTHERS = (
    "A birthday poem for Ines",
    "List or tuple?",
    "Dinner for six, no nuts",
    "Explain CORS to me",
    "Trip to Porto",
)


def conversations() -> str:
    """A file of conversations, as the app exports them."""
    now = time.time() * 1000
    made = [
        conversation("How a lighthouse lens works", now - DAY_MS, [LENS, ANSWER, "Show me that in Python.", CODE]),
        *(conversation(title, now - (2 + 3 * at) * DAY_MS, [title, "Gladly."]) for at, title in enumerate(OTHERS)),
    ]
    return json.dumps({"format": "browserllm.conversations", "version": 1, "conversations": made})


def conversation(title: str, at: float, texts: list[str]) -> dict[str, Any]:
    """A conversation of that file: texts of the person and the model in turn."""
    messages = [
        {
            "id": f"m{number}",
            "role": "assistant" if number % 2 else "user",
            "parent": f"m{number - 1}" if number else None,
            "createdAt": at,
            "parts": [{"type": "text", "text": text}],
        }
        for number, text in enumerate(texts)
    ]
    entry = {"id": slug(title), "title": title, "createdAt": at, "updatedAt": at, "messages": len(messages)}
    return {"conversation": entry, "messages": messages, "shown": messages[-1]["id"]}


def slug(title: str) -> str:
    """The id of an imported conversation in the file."""
    return title.lower().replace(" ", "-").strip("?").replace(",", "")


class Studio:
    """A tab with the app, and its pictures."""

    def __init__(self, context: BrowserContext, base: str, metrics: dict[str, Any], scheme: str = "light") -> None:
        self.app = AppPage(context, base)
        self.page = self.app.page
        self._session = context.new_cdp_session(self.page)
        self.page.set_viewport_size({"width": metrics["width"], "height": metrics["height"]})
        self._session.send("Emulation.setDeviceMetricsOverride", metrics)
        self._session.send("Emulation.setTouchEmulationEnabled", {"enabled": metrics["mobile"]})
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")

    def introduced(self) -> Studio:
        """Open the app, leave the first screen, and import the conversations."""
        self.app.open().start_chatting()
        self.app.call("conversations.import", text=conversations())
        self.app.call("settings.update", changes={"defaults": {"temperature": 0, "maxTokens": 400}})
        return self

    def lens(self) -> Studio:
        """Show the conversation with much in it, from its beginning."""
        self.page.get_by_role("link", name="How a lighthouse lens works").click()
        expect(self.page.locator(".md-math .katex").first).to_be_attached()
        expect(self.page.locator("pre .hljs-keyword").first).to_be_attached()
        self.page.get_by_role("region", name="Conversation").evaluate("(list) => { list.scrollTop = 0; }")
        return self

    def take(self, name: str) -> None:
        """Write the picture."""
        self.page.evaluate("() => document.fonts.ready")
        self.page.mouse.move(0, 0)
        self.page.evaluate("() => document.activeElement?.blur()")
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        taken = self._session.send("Page.captureScreenshot", {"format": "webp", "quality": 75})
        picture = base64.b64decode(taken["data"])
        if len(picture) > LARGEST:
            raise SystemExit(f"{name}.webp has {len(picture)} bytes, over the limit of {LARGEST}")
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.webp").write_bytes(picture)
        print(f"{name}.webp: {len(picture) / 1000:.0f} KB", flush=True)


def first_run(context: BrowserContext, base: str, name: str) -> None:
    """The first screen, with the models that suit this device."""
    studio = Studio(context, base, DESKTOP)
    studio.app.open()
    studio.page.locator(".tier").first.wait_for()
    studio.take(name)


def chat(context: BrowserContext, base: str, name: str) -> None:
    """A conversation with the built-in model, light or dark as the name says, and what its last answer took."""
    studio = Studio(context, base, DESKTOP, name.removeprefix("chat-")).introduced()
    studio.app.ask(SKY)
    studio.app.ask(STORY, 2).get_by_role("button", name="Details of this answer").click()
    studio.take(name)


def markdown(context: BrowserContext, base: str, name: str) -> None:
    """An answer with a table, a formula and code."""
    Studio(context, base, DESKTOP).introduced().lens().take(name)


def phone(context: BrowserContext, base: str, name: str) -> None:
    """An answer of the built-in model on a phone."""
    studio = Studio(context, base, PHONE).introduced()
    studio.app.ask(SKY)
    studio.app.ask(STORY, 2)
    studio.take(name)


def arabic(context: BrowserContext, base: str, name: str) -> None:
    """A conversation from right to left, with code from left to right; on a phone if the name says so."""
    studio = Studio(context, base, PHONE if name.endswith("phone") else DESKTOP)
    studio.page.goto(studio.app.url)
    studio.app.start_chatting()
    texts = [
        "كيف تعمل عدسة المنارة؟",
        ARABIC,
        "أرني ذلك بلغة بايثون.",
        CODE.replace("The slope of each ring follows from its radius:", "ينتج ميل كل حلقة من نصف قطرها:"),
    ]
    made = conversation("كيف تعمل عدسة المنارة؟", time.time() * 1000, texts)
    made["conversation"]["id"] = "lens"
    file = {"format": "browserllm.conversations", "version": 1, "conversations": [made]}
    studio.app.call("conversations.import", text=json.dumps(file))
    studio.app.call("settings.update", changes={"language": "ar"})
    expect(studio.page.locator("html[dir=rtl]")).to_be_attached()
    studio.page.goto(f"{studio.app.url}#/chat/lens")
    expect(studio.page.locator("pre .hljs-keyword").first).to_be_attached()
    studio.page.get_by_role("region", name="المحادثة").evaluate("(list) => { list.scrollTop = 0; }")
    studio.take(name)


def models(context: BrowserContext, base: str, name: str) -> None:
    """The models, with what fits this device."""
    studio = Studio(context, base, DESKTOP).introduced()
    studio.page.goto(f"{studio.app.url}#/models")
    expect(studio.page.locator(".model").nth(5)).to_be_visible()
    # What stands above is the warning that this machine has no GPU.
    studio.page.locator(".page").evaluate("(page) => { page.scrollTop = 340; }")
    studio.take(name)


def compare(context: BrowserContext, base: str, name: str) -> None:
    """The built-in model on two engines."""
    studio = Studio(context, base, DESKTOP).introduced()
    studio.page.goto(f"{studio.app.url}#/compare")
    sides = [["pocket", "webllm", None], ["pocket", "transformersjs", "wasm"]]
    studio.app.call("compare.run", prompt=STORY, models=sides, maxTokens=80)
    studio.take(name)


def settings(context: BrowserContext, base: str, name: str) -> None:
    """The settings."""
    studio = Studio(context, base, DESKTOP).introduced()
    studio.page.goto(f"{studio.app.url}#/settings")
    expect(studio.page.get_by_role("switch", name="Reduce motion")).to_be_visible()
    studio.take(name)


def error(context: BrowserContext, base: str, name: str) -> None:
    """An answer that failed: a cloud that cannot be reached."""
    studio = Studio(context, base, DESKTOP).introduced()
    at = "http://127.0.0.1:9/v1"
    made = studio.app.call("clouds.save", vendor="compatible", model="qwen3:32b", label="My server", baseUrl=at)
    studio.app.call("settings.update", changes={"neverLeaveDevice": False, "mode": "cloud", "model": f"cloud:{made}"})
    studio.app.ask(LENS)
    studio.take(name)


def gallery(context: BrowserContext, base: str, name: str) -> None:
    """The examples that are pages."""
    studio = Studio(context, base, {**DESKTOP, "height": 1000})
    studio.page.goto(f"{base}examples/")
    studio.take(name)


def agent(context: BrowserContext, base: str, name: str) -> None:
    """The agent's page: a question, a tool that a person allows, what it returns, and the answer."""
    studio = Studio(context, base, DESKTOP)
    page = studio.page
    page.goto(f"{base}examples/agent/")
    page.click("#start")
    expect(page.locator("#send")).to_be_enabled(timeout=60_000)
    page.click("#send")
    waiting = "() => !agent.isExecuting || document.querySelector('button.allow')"
    page.wait_for_function(waiting)
    while page.evaluate("agent.isExecuting"):
        page.locator("button.allow").first.click()
        page.wait_for_function(waiting)
    studio.take(name)


SCREENS: dict[str, Callable[[BrowserContext, str, str], None]] = {
    "first-run": first_run,
    "chat-light": chat,
    "chat-dark": chat,
    "markdown": markdown,
    "phone": phone,
    "arabic": arabic,
    "arabic-phone": arabic,
    "models": models,
    "compare": compare,
    "settings": settings,
    "error": error,
    "gallery": gallery,
    "agent": agent,
}


def terminal(name: str) -> None:
    """Write a picture of the terminal: `browserllm chat`, or `browserllm serve`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        picture = terminal_picture.chat(home, SKY, STORY) if name == "terminal" else terminal_picture.serve(home)
    (FOLDER / f"{name}.svg").write_text(picture)
    print(f"{name}.svg: {len(picture) / 1000:.0f} KB", flush=True)


def main(only: str = "") -> None:
    """Take the pictures whose names begin with `only`, each in a browser of its own."""
    with serve() as base:
        for name, screen in SCREENS.items():
            if name.startswith(only):
                with chromium() as context:
                    screen(context, base, name)
    for name in ("terminal", "serve"):
        if name.startswith(only):
            terminal(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
