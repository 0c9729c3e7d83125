"""Models that see and models that embed, tiny and real, in a real browser: on the CPU and on WebGPU.

`tests/tiny_models` made them; what they have to answer is known without the page.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import lzma
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

import browserllm as bl
from fault_server import FaultServer
from in_page import open_python, run_python

TINY = Path(__file__).parents[1] / "tiny"
EXPECTED = json.loads((TINY / "embedding" / "resolve" / "main" / "expected.json").read_text())
TEXTS = [each["text"] for each in EXPECTED]
DEVICES = ("wasm", "webgpu")

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}


def png(colours: str, width: int = 8, height: int = 8) -> bytes:
    """A picture of one colour, or of two with one above the other ("red/blue")."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    above, _, below = colours.partition("/")
    lines = [b"\0" + bytes(COLOURS[colour]) * width for colour in (above, below or above)]
    rows = b"".join(lines[2 * line // height] for line in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def ask(text: str, *colours: str) -> bl.Message:
    """A question about pictures, which come before it."""
    pictures = [bl.ImagePart(data=png(colour), media_type="image/png") for colour in colours]
    return bl.Message("user", [*pictures, bl.TextPart(text)])


class Pictures(http.server.BaseHTTPRequestHandler):
    """Answers for pictures as its path says, and writes down who asks."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Cookie"]))
        name = self.path.strip("/")
        self.send_response(404 if name == "missing.png" else 200)
        self.send_header("Content-Type", "text/html" if name == "page.html" else "image/png")
        if name != "private.png":
            self.send_header("Access-Control-Allow-Origin", "*")
        body = b"not a picture" if name == "broken.png" else png("green")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def pictures() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A server of pictures: its address, and what it was asked for."""
    asked: list[tuple[str, str | None]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Pictures,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


def furthest(vectors: list[list[float]], what: str = "vector") -> float:
    """How far the vectors are, at most, from those that numpy computed."""
    pairs = zip(vectors, (each[what] for each in EXPECTED), strict=True)
    return max(abs(a - b) for made, known in pairs for a, b in zip(made, known, strict=True))


async def embeds(host: bl.Host, catalog: bl.models.Catalog, device: str) -> None:
    """Vectors as numpy computes them, each by itself; what is too long, and a chat, are refused."""
    llm = bl.LocalBackend(host, "embedding", device=device, catalog=catalog)
    made = await llm.embed(TEXTS)
    assert furthest(made.vectors) < 1e-5
    assert made.usage.prompt_tokens == sum(each["tokens"] for each in EXPECTED)
    assert (await llm.embed(TEXTS[2])).vectors == [made.vectors[2]]
    with pytest.raises(bl.ContextExceeded, match=r"text 1 has 42 tokens.* is 32") as caught:
        await llm.embed(["fox", "fox " * 40])
    assert caught.value.data["parameter"] == "input[1]"
    with pytest.raises(bl.errors.Unsupported, match="cannot chat"):
        await llm.complete("hi")
    assert (await llm.embed(TEXTS)).vectors == made.vectors


async def sees(host: bl.Host, catalog: bl.models.Catalog, device: str) -> None:
    """The answer is the picture's, with history, with two pictures, and without any."""
    llm = bl.LocalBackend(host, "vision", device=device, catalog=catalog)
    assert (await llm.complete("hi")).text == "nothing"
    assert llm.capabilities.images
    for colour in COLOURS:
        reply = await llm.complete([ask("What colour is the image?", colour)], unsupported="error")
        assert (reply.text, reply.finish_reason, reply.device) == (colour, "stop", device)
    for order in ("first", "last"):
        expected = {"first": "yellow", "last": "blue"}[order]
        assert (await llm.complete([ask(f"What colour is the {order}?", "yellow", "blue")])).text == expected
        # It looks at the first or the last row of all: so these are in their places.
        assert (await llm.complete([ask(f"What colour is the {order}?", "yellow/blue")])).text == expected

    history = [ask("What colour is it?", "red")]
    first = await llm.complete(history)
    history += [first.message, ask("What is the last?", "blue")]
    second = await llm.complete(history)
    assert (first.text, second.text) == ("red", "blue")
    # Five blocks of four rows for each picture; the first turn is in the KV cache, its picture too.
    assert second.usage.cached_tokens >= first.usage.prompt_tokens > 5 * 4
    history += [second.message, bl.Message("user", "And the first?")]
    third = await llm.complete(history)
    assert (third.text, third.usage.prompt_tokens) == ("red", await llm.count_tokens(history))
    assert third.usage.cached_tokens >= second.usage.prompt_tokens
    # The same words under another picture are another beginning.
    history[0] = ask("What colour is it?", "green")
    swapped = await llm.complete(history)
    assert (swapped.text, swapped.usage.prompt_tokens) == ("green", third.usage.prompt_tokens)
    assert swapped.usage.cached_tokens == 0

    stream = llm.stream([ask("What colour is it forever?", "red")])
    async for chunk in stream:
        if chunk.text:
            stream.stop()
    assert stream.response.finish_reason == "cancelled"
    assert set(stream.response.text.split()) == {"red"}
    assert (await llm.complete([ask("What colour is it?", "blue")])).text == "blue"


def test_webllm_embeds(tmp_path: Path) -> None:
    """The same weights, compiled: the first token's vector, with the tokens around a text that its tokenizer wants."""

    async def main() -> None:
        with FaultServer() as server:
            for file in (TINY / "webllm").rglob("*.*"):
                path, data = f"/{file.relative_to(TINY).as_posix()}", file.read_bytes()
                server.add(path.removesuffix(".xz"), lzma.decompress(data) if path.endswith(".xz") else data)
            url = f"{server.origin}/webllm/resolve/main/"
            artifact = bl.models.Artifact(
                engine="webllm", device="webgpu", url=url, library=f"{url}bert.wasm", model_type="embedding"
            )
            catalog = bl.models.Catalog([bl.models.ModelCard(id="bert", type="embedding", artifacts=[artifact])])
            async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
                llm = bl.LocalBackend(host, "bert", catalog=catalog)
                made = await llm.embed(TEXTS)
                assert furthest(made.vectors, "first") < 1e-4
                assert made.usage.prompt_tokens == sum(each["tokens"] for each in EXPECTED)
                with pytest.raises(bl.ContextExceeded) as caught:
                    await llm.embed("fox " * 40)
                assert caught.value.data == {"prompt_tokens": 42, "context_window": 32}
                with pytest.raises(bl.errors.Unsupported, match="cannot chat"):
                    await llm.complete("hi")
                assert furthest((await llm.embed(TEXTS)).vectors, "first") < 1e-4

    asyncio.run(main())


@pytest.mark.parametrize("device", DEVICES)
def test_custom_folders_embed_and_take_images(device: str, tmp_path: Path) -> None:
    """Recognised by their config.json, downloaded, tested and used."""

    async def main() -> None:
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            catalog = bl.models.Catalog()
            models = bl.ModelManager(host, catalog)
            for name, kind in (("embedding", "embedding"), ("vision", "chat")):
                card = await models.add(TINY / name / "resolve" / "main", id=name)
                assert (card.type, card.vision) == (kind, name == "vision")
                assert card.context_window == {"embedding": 32, "vision": 4096}[name]
            await embeds(host, catalog, device)
            await sees(host, catalog, device)
            storage = await models.storage()
            assert {(each.model, each.complete) for each in storage.models} == {("embedding", True), ("vision", True)}
            assert storage.orphans == []

    asyncio.run(main())


def test_images_that_are_wrong_are_named(tmp_path: Path, pictures: tuple[str, list[tuple[str, str | None]]]) -> None:
    """Broken ones, those that do not come, and any to a model that takes text only; the next chat answers."""
    url, asked = pictures

    async def main() -> None:
        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            catalog = bl.models.Catalog()
            await bl.ModelManager(host, catalog).add(TINY / "vision" / "resolve" / "main", id="vision")
            llm = bl.LocalBackend(host, "vision", catalog=catalog)

            async def look(part: bl.ImagePart) -> str:
                reply = await llm.complete([bl.Message("user", "hi"), bl.Message("user", [bl.TextPart("It is"), part])])
                return reply.text

            assert await look(bl.ImagePart(url=url + "a.png")) == "green"
            assert asked == [("/a.png", None)]
            where = r"messages\[1\]\.content\[1\]"
            with pytest.raises(bl.InvalidRequest, match=f"{where}.* is not an image .*13 bytes of image/png") as caught:
                await look(bl.ImagePart(data=b"not a picture", media_type="image/png"))
            assert caught.value.data["parameter"] == "messages[1].content[1]"
            for name, error, words in (
                ("broken.png", bl.InvalidRequest, "not an image that this browser can read"),
                ("page.html", bl.InvalidRequest, "has the type text/html"),
                ("missing.png", bl.errors.DownloadInterrupted, "answered 404"),
                ("private.png", bl.errors.DownloadInterrupted, "not shared with this site"),
            ):
                with pytest.raises(error, match=f"{where}.*{words}") as caught:
                    await look(bl.ImagePart(url=url + name))
                assert caught.value.data["parameter"] == "messages[1].content[1]"
            with pytest.raises(bl.InvalidRequest, match=r"<image>.*stands for an image"):
                await llm.complete("What is <image>?")
            assert await look(bl.ImagePart(data=png("red", 40, 3), media_type="image/png")) == "red"

            blind = bl.LocalBackend(host, "pocket")
            assert not blind.capabilities.images
            reply = await blind.complete([ask("Why is the sky blue?", "red")], max_tokens=4)
            (warning,) = reply.warnings
            assert "'pocket' takes text only" in warning.message and reply.usage.completion_tokens == 4
            with pytest.raises(bl.errors.Unsupported, match="'pocket' takes text only"):
                await blind.complete([ask("Why?", "red")], unsupported="error")
            with pytest.raises(bl.errors.Unsupported, match="takes text only"):
                await host.call("chat", {"model": "pocket", "messages": [{"role": "user", "content": [IMAGE]}]})

    asyncio.run(main())


IMAGE = {"type": "image", "url": "data:image/png;base64,AA=="}

IN_THE_PAGE = """
import json
import browserllm as bl

async with bl.connect() as host:
    catalog = bl.models.Catalog()
    models = bl.ModelManager(host, catalog)
    for name in ("embedding", "vision"):
        await models.add(f"{ORIGIN}/{name}/resolve/main/", id=name)
    made = await bl.LocalBackend(host, "embedding", catalog=catalog).embed(json.loads(TEXTS))
    llm = bl.LocalBackend(host, "vision", catalog=catalog)
    pictures = [bl.ImagePart(data=bytes.fromhex(each), media_type="image/png") for each in json.loads(PICTURES)]
    first = await llm.complete([bl.Message("user", [bl.TextPart("What colour is the first?"), *pictures])])
    last = await llm.complete([bl.Message("user", [bl.TextPart("What colour is the last?"), *pictures])])
    try:
        await llm.complete([bl.Message("user", [bl.ImagePart(data=b"no", media_type="image/png")])])
    except bl.InvalidRequest as error:
        refused = error.data["parameter"]
json.dumps({"vectors": made.vectors, "first": first.text, "last": last.text, "on": last.device, "refused": refused})
"""


def test_the_same_from_python_in_the_page(start_browser: Callable[..., BrowserContext], site_url: str) -> None:
    """With models from a server, on the CPU."""
    with FaultServer() as server:
        for file in TINY.rglob("*"):
            if file.is_file():
                server.add(f"/{file.relative_to(TINY).as_posix()}", file.read_bytes())
        page = open_python(start_browser(webgpu=False), site_url)
        shown = json.dumps([png("blue").hex(), png("yellow").hex()])
        code = IN_THE_PAGE.replace("{ORIGIN}", server.origin)
        outcome = run_python(page, code.replace("TEXTS", repr(json.dumps(TEXTS))).replace("PICTURES", repr(shown)))
    assert furthest(outcome["vectors"]) < 1e-5
    assert (outcome["first"], outcome["last"], outcome["on"]) == ("blue", "yellow", "wasm")
    assert outcome["refused"] == "messages[0].content[0]"
