"""The app in other languages, and with photos as phones take them, in a real browser."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app_page import AppPage
from browserllm.cli.build import copy_site
from in_page import SITE

MIXED = (
    "شغّل هذا الأمر:\n\n```python\nprint('hello')  # 1 + 2\n```\n\nThis line is English.\n\n- بند أول\n- `pip install x`"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("www")
    copy_site(SITE, root)
    return root


@pytest.fixture
def app(start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], built: Path) -> Iterator[AppPage]:
    app = AppPage(start_browser(), serve(built)).open().start_chatting()
    yield app
    app.check()
    app.page.context.close()


def conversation() -> str:
    """A file with a conversation whose texts run in both directions."""
    messages = [
        {"id": "m0", "role": "user", "createdAt": 1, "parts": [{"type": "text", "text": "كيف أشغّل هذا؟"}]},
        {"id": "m1", "role": "assistant", "parent": "m0", "createdAt": 2, "parts": [{"type": "text", "text": MIXED}]},
    ]
    entry = {"id": "mixed", "title": "كيف أشغّل هذا؟", "createdAt": 1, "updatedAt": 2, "messages": 2}
    whole = {"conversation": entry, "messages": messages, "shown": "m1"}
    return json.dumps({"format": "browserllm.conversations", "version": 1, "conversations": [whole]})


def speak(app: AppPage, language: str) -> None:
    app.call("settings.update", changes={"language": language})
    expect(app.page.locator(f"html[lang={language}]")).to_be_attached()


def direction(page: Page, selector: str) -> list[str]:
    return page.locator(selector).evaluate_all("(all) => all.map((one) => getComputedStyle(one).direction)")


def test_arabic_runs_from_right_to_left(app: AppPage) -> None:
    """The page does, code does not, and each block of a message runs as its own text does."""
    app.call("conversations.import", text=conversation())
    speak(app, "ar")
    page = app.page
    page.goto(f"{app.url}#/chat/mixed")
    expect(page.locator("pre .hljs-string")).to_be_attached()
    assert page.evaluate("document.documentElement.dir") == "rtl"
    sidebar, main = page.locator(".sidebar").bounding_box(), page.locator("main").bounding_box()
    assert sidebar is not None and main is not None
    assert sidebar["x"] >= main["x"] + main["width"] - 1
    assert direction(page, ".md pre") == ["ltr"]
    assert direction(page, ".md li > code") == ["ltr"]
    assert direction(page, ".md p") == ["rtl", "ltr"]
    assert direction(page, ".md ul") == ["rtl"]
    expect(page.get_by_role("textbox", name="الرسالة", exact=True)).to_be_visible()


VISIBLE = """(main) => {
  const english = [...main.querySelectorAll("[lang=en]")];
  for (const one of english) one.style.display = "none"; // it says that it is
  const text = main.innerText;
  for (const one of english) one.style.display = "";
  return text;
}"""


@pytest.mark.parametrize("language", ["de", "ar"])
@pytest.mark.parametrize("width", [1200, 360])
def test_every_view_is_in_the_language_and_fits_the_screen(app: AppPage, language: str, width: int) -> None:
    """Nothing is wider than the window, and no English sentence is left."""
    speak(app, language)
    page = app.page
    page.set_viewport_size({"width": width, "height": 740})
    for view in ("chat", "models", "compare", "settings", "settings/privacy", "settings/device", "welcome"):
        page.goto(f"{app.url}#/{view}")
        expect(page.locator("main#main :is(h1, h2)").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, view
        shown = page.locator("main#main").evaluate(VISIBLE)
        english = re.findall(r"\b(?:the|this|and|with|your|that|cannot|which)\b", shown)
        assert english == [], (view, shown)
    if language == "ar":
        assert page.evaluate("document.documentElement.dir") == "rtl"


# Photos


def oriented(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG with EXIF data that say how it has to be turned."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">H", 1) + entry + b"\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


PHOTO = """async ([width, height, quality]) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const noise = context.createImageData(width, height);
  for (let at = 0; at < noise.data.length; at += 4) {
    const value = (Math.imul(at, 2654435761) >>> 13) & 127;
    noise.data.set([value, value ^ 85, 127 - value, 255], at);
  }
  context.putImageData(noise, 0, 0);
  context.fillStyle = "#f00";
  context.fillRect(0, 0, width, height / 4); // a red sky
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}"""

LOOK = """async (url) => {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const at = (x, y) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
  const [x, y] = [bitmap.width - 20, bitmap.height - 20];
  return { width: bitmap.width, height: bitmap.height, right: at(x, 20), left: at(20, y), below: at(x, y) };
}"""


def photo(page: Page, width: int, height: int, quality: float = 0.95) -> bytes:
    return base64.b64decode(page.evaluate(PHOTO, [width, height, quality]))


def attach(page: Page, *files: tuple[str, str, bytes]) -> None:
    given: list[Any] = [{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files]
    page.locator("form.composer input[type=file]").set_input_files(given)


def is_red(colour: list[int]) -> bool:
    return colour[0] > 180 and colour[1] < 90 and colour[2] < 90


def test_a_photo_of_a_phone_is_scaled_down_and_turned_as_it_says(app: AppPage) -> None:
    """It has 12 megapixels and too many bytes, and lies on its side: its EXIF data say to turn it."""
    page = app.page
    taken = oriented(photo(page, 4032, 3024), 6)
    assert len(taken) > 5_000_000
    attach(page, ("IMG_0001.jpg", "image/jpeg", taken))
    chip = page.locator(".attachment")
    expect(chip).to_contain_text(re.compile(r"scaled from \d[\d.]* MB to \d[\d.]* (MB|kB)"))
    url = chip.locator("img").get_attribute("src")
    assert url is not None and url.startswith("data:image/jpeg;base64,")
    assert len(url) < 4_000_000
    seen = page.evaluate(LOOK, url)
    assert (seen["width"], seen["height"]) == (1536, 2048)
    # Turned by a quarter to the right, the sky is at the right.
    assert (is_red(seen["right"]), is_red(seen["below"]), is_red(seen["left"])) == (True, True, False)


def test_several_photos_fit_into_one_message(app: AppPage) -> None:
    page = app.page
    taken = photo(page, 4032, 3024)
    attach(page, *((f"IMG_{number}.jpg", "image/jpeg", taken) for number in range(4)))
    chips = page.locator(".attachment img")
    expect(chips).to_have_count(4)
    urls: list[str] = chips.evaluate_all("(all) => all.map((one) => one.src)")
    assert sum(map(len, urls)) < 4_100_000
    conversation = app.call("conversations.create")
    parts = [{"type": "file", "mediaType": "image/jpeg", "url": url} for url in urls]
    assert app.call("chat.send", conversation=conversation, parts=parts)


def test_what_is_no_image_is_refused_with_the_reason(app: AppPage) -> None:
    """A small photo is left as it is."""
    page = app.page
    small = photo(page, 300, 200, 0.8)
    attach(page, ("broken.jpg", "image/jpeg", b"\xff\xd8\xff nothing"), ("small.jpg", "image/jpeg", small))
    expect(page.get_by_role("alert")).to_contain_text("“broken.jpg” could not be opened as an image.")
    url = page.locator(".attachment img").get_attribute("src")
    assert url == f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
