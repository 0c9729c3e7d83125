"""The pocket model's builds against the float reference: committed greedy answers, token for token, logits too.

`models/pocket/reference/` holds what the torch reference answered to 20 held-out conversations, on the float weights
and on the same weights quantised to four bits and dequantised. No torch is needed here.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import re
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from in_page import open_python, run_python

ROOT = Path(__file__).parents[2]
POCKET = ROOT / "models" / "pocket"
TOLERANCE = 0.05
"""The largest difference of a logit that rounding explains; a wrong kernel is off by whole units."""


def conversations(name: str) -> list[dict[str, Any]]:
    """The committed answers on the weights `float` or `q4`."""
    found: list[dict[str, Any]] = json.loads((POCKET / "reference" / f"{name}.json").read_text())["conversations"]
    return found


def byte_of_character() -> dict[str, int]:
    """Byte-level BPE writes a byte as a character: the printable ones as themselves, the rest from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + index): byte for index, byte in enumerate(others)}


@functools.cache
def vocabulary() -> dict[int, bytes]:
    """The bytes of every token, from the committed tokenizer."""
    tokenizer = json.loads((POCKET / "dist" / "tokenizer.json").read_text())
    table = byte_of_character()
    words = {index: bytes(table[c] for c in word) for word, index in tokenizer["model"]["vocab"].items() if index > 2}
    return words | {added["id"]: added["content"].encode() for added in tokenizer["added_tokens"]}


def text_of(tokens: list[int]) -> str:
    """Decode tokens, special ones included."""
    return b"".join(vocabulary()[token] for token in tokens).decode()


def messages_of(prompt: list[int]) -> list[dict[str, str]]:
    """The messages that a prompt was made of, with everything that a template adds to them (tools) as plain text."""
    turns = re.findall(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>\n|\Z)", text_of(prompt), flags=re.S)
    assert turns[-1] == ("assistant", "")
    return [{"role": role, "content": content} for role, content in turns[:-1]]


# --- WebLLM, without a layer of ours: ids fed, logits, tokens ---------------------------------------------------------


class RawHandler(http.server.SimpleHTTPRequestHandler):
    """The compile step's own page, the model, and web-llm from node_modules."""

    def translate_path(self, path: str) -> str:
        """Find the three kinds of files."""
        path = path.partition("?")[0]
        if path == "/web-llm.js":
            return str(ROOT / "web/node_modules/@mlc-ai/web-llm/lib/index.js")
        model = "/models/pocket/resolve/main/"
        return str(
            POCKET / "dist" / path[len(model) :] if path.startswith(model) else POCKET / "compile/page" / path[1:]
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def raw_page(start_browser: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A page that drives web-llm itself and records every token fed and every logit."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RawHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = start_browser().new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
    page.wait_for_function("window.pocket")
    # web-llm asks once, and the first answer may be null because the GPU process is still starting.
    page.evaluate("async () => { await navigator.gpu.requestAdapter(); }")
    page.evaluate("pocket.load({ record: true })")
    yield page
    server.shutdown()
    server.server_close()


def floats(text: str) -> tuple[float, ...]:
    """Little-endian float32 numbers from base64."""
    data = base64.b64decode(text)
    return struct.unpack(f"<{len(data) // 4}f", data)


@pytest.mark.parametrize("conversation", conversations("q4"), ids=lambda c: f"{c['id']}-{c['kind'].replace(' ', '-')}")
def test_webllm_computes_what_torch_computes(raw_page: Page, conversation: dict[str, Any]) -> None:
    """WebLLM's ids, logits (within 0.05) and greedy tokens are the reference's: chunked prompts and later turns too."""
    messages = messages_of(conversation["turns"][0]["prompt"])
    in_cache: list[int] = []
    for turn in conversation["turns"]:
        if turn["user"] is not None:
            messages.append({"role": "user", "content": turn["user"]})
        request = {"messages": messages, "temperature": 0, "max_tokens": len(turn["tokens"])}
        result = raw_page.evaluate("request => pocket.chat(request, { logits: true })", request)
        assert result["tokens"] == turn["tokens"]
        in_cache += [token for chunk in result["fed"] for token in chunk]
        # All but the last token went back in to make the next one.
        assert in_cache[: len(turn["prompt"])] == turn["prompt"]
        for got, want in zip(map(floats, result["logits"]), turn["steps"], strict=True):
            for token, logit in zip(want["ids"], want["logits"], strict=True):
                assert got[token] == pytest.approx(logit, abs=TOLERANCE)
        messages.append({"role": "assistant", "content": result["text"]})


# --- The whole stack: Python in the page, both engines ----------------------------------------------------------------

ASK = """
import json
import browserllm as bl
from browserllm.models import Artifact, Catalog, ModelCard

catalog = Catalog()
if ENGINE == "transformersjs":
    folder = catalog.get("pocket").artifacts[0].url
    artifact = {"url": folder, "dtype": "fp32"}
    catalog.add(ModelCard(id="pocket-float", name="Pocket, float", context_window=2048, artifacts=[
        Artifact(engine="transformersjs", device="wasm", **artifact)]))
async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket-float" if ENGINE == "transformersjs" else "pocket",
                          engine=ENGINE, catalog=catalog)
    answers = []
    for messages, later, limits in json.loads(CONVERSATIONS):
        for question, limit in zip([None, *later], limits, strict=True):
            if question is not None:
                messages.append({"role": "user", "content": question})
            reply = await llm.complete(messages, temperature=0, max_tokens=limit)
            answers.append([reply.text, reply.usage.completion_tokens, reply.engine])
            messages.append({"role": "assistant", "content": reply.text})
json.dumps(answers)
"""


@pytest.mark.parametrize(("engine", "weights"), [("transformersjs", "float"), ("webllm", "q4")])
def test_the_stack_answers_what_torch_answers(
    start_browser: Callable[..., BrowserContext], site_url: str, engine: str, weights: str
) -> None:
    """Through Python in the page, each engine gives the reference's answers: ONNX in float, WebLLM in four bits."""
    chosen = conversations(weights) if engine == "transformersjs" else conversations(weights)[::4]
    asked = [
        [
            messages_of(conversation["turns"][0]["prompt"]),
            conversation["later_user_messages"],
            [len(turn["tokens"]) for turn in conversation["turns"]],
        ]
        for conversation in chosen
    ]
    expected = [
        [turn["text"], len(turn["tokens"]), engine] for conversation in chosen for turn in conversation["turns"]
    ]
    page = open_python(start_browser(webgpu=engine == "webllm"), site_url)
    code = ASK.replace("ENGINE", repr(engine)).replace("CONVERSATIONS", repr(json.dumps(asked)))
    assert run_python(page, code) == expected
