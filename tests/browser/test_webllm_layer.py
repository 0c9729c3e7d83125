"""Our layer over WebLLM, with the pocket model on it: what is fed to the model, token for token."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from test_agreement import POCKET, ROOT, text_of

HOSTILE = "a $& b $$ c $` d $' e $1 {user_message} {function_string} $"


@pytest.fixture(scope="module")
def engine_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our engine as one script that leaves web-llm to the page."""
    script = tmp_path_factory.mktemp("bundle") / "engine.js"
    rolldown = [
        "rolldown",
        "src/engine/webllm/engine.ts",
        "--format=esm",
        "--external=@mlc-ai/web-llm",
        f"--file={script}",
    ]
    subprocess.run([sys.executable, ROOT / "web/build_site.py", "npm", "exec", "--", *rolldown], check=True)
    return script


@pytest.fixture(scope="module")
def page(start_browser: Callable[..., BrowserContext], engine_script: Path) -> Iterator[Page]:
    """A page that has loaded the pocket model with our engine and writes down what it feeds."""
    files = {
        "/": Path(__file__).with_name("webllm_layer.html"),
        "/engine.js": engine_script,
        "/web-llm.js": ROOT / "web/node_modules/@mlc-ai/web-llm/lib/index.js",
    }

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            model = "/models/pocket/resolve/main/"
            return str(POCKET / "dist" / path.removeprefix(model) if path.startswith(model) else files.get(path, path))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = start_browser().new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    page.wait_for_function("window.layer")
    yield page
    server.shutdown()
    server.server_close()


def chat(page: Page, messages: list[dict[str, str]], options: dict[str, Any] | None = None, **stop: int) -> Any:
    """One chat: text, fed (the pieces that went into the KV cache), finish_reason, usage."""
    return page.evaluate("([...args]) => layer.chat(...args)", [messages, options or {}, stop])


def fed(answer: Any) -> list[int]:
    """All the tokens of a chat that entered the KV cache, in order."""
    return [token for piece in answer["fed"] for token in piece]


def rendered(messages: list[dict[str, str]]) -> str:
    """The chat template of the pocket model's tokenizer, for messages that begin with a system message."""
    text = ""
    for message in messages:
        content = message["content"]
        if message["role"] == "tool":
            content = f"<tool_response>\n{content}\n</tool_response>"
        text += f"<|im_start|>{message['role']}\n{content}<|im_end|>\n"
    return text + "<|im_start|>assistant\n"


def said(*texts: str) -> list[dict[str, str]]:
    """A system message, then user and assistant in turns."""
    roles = ["system", *["user", "assistant"] * len(texts)]
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


def test_every_text_reaches_the_model_unchanged(page: Page) -> None:
    """No text is treated as a pattern: system, user, assistant and tool texts are fed as they are."""
    messages = [*said(HOSTILE, HOSTILE, HOSTILE), {"role": "tool", "content": HOSTILE}]
    answer = chat(page, messages, {"max_tokens": 1})
    assert text_of(fed(answer)) == rendered(messages)
    assert answer["usage"]["prompt_tokens"] == len(fed(answer)) == page.evaluate("m => layer.count(m)", messages)


def test_a_conversation_with_dollars_reuses_the_kv_cache(page: Page) -> None:
    """The second turn feeds only its own tokens, after the first answer."""
    messages = said(HOSTILE, f"{HOSTILE} Hello!")
    first = chat(page, messages, {"max_tokens": 400})
    assert first["finish_reason"] == "stop"
    messages += [{"role": "assistant", "content": first["text"]}, {"role": "user", "content": HOSTILE}]
    second = chat(page, messages, {"max_tokens": 1})
    assert second["usage"]["cached_tokens"] == len(fed(first))
    assert text_of(fed(first) + fed(second)) == rendered(messages)


@pytest.mark.parametrize("end", ["max_tokens", "stop text", "stop"])
def test_after_an_answer_that_was_cut_the_kv_cache_is_not_reused(page: Page, end: str) -> None:
    """It has other tokens than the history (one less, or the stop text)."""
    messages = said("You are Pocket.", "Tell me about the sea.")
    whole = chat(page, messages)["text"]
    chat(page, said("Something", "else"), {"max_tokens": 1})
    match end:
        case "max_tokens":
            first = chat(page, messages, {"max_tokens": 6})
            assert first["finish_reason"] == "length"
        case "stop text":
            first = chat(page, messages, {"stop": [whole[12:18]]})
            assert (first["finish_reason"], first["text"]) == ("stop", whole[:12])
        case _:
            first = chat(page, messages, stopAfterTokens=4)
            assert first["finish_reason"] == "cancelled"
    assert whole.startswith(first["text"])
    messages += [{"role": "assistant", "content": first["text"]}, {"role": "user", "content": "And then?"}]
    second = chat(page, messages, {"max_tokens": 1})
    in_cache = fed(second) if second["usage"]["cached_tokens"] == 0 else fed(first) + fed(second)
    assert text_of(in_cache) == rendered(messages)
    assert second["usage"]["prompt_tokens"] == len(in_cache)


def test_a_stop_takes_effect_within_a_long_prompt(page: Page) -> None:
    """A prompt goes in by pieces that are smaller than WebLLM's own, and none follows the one at which a stop came."""
    messages = said("You are Pocket.", "The boat went far away to find a small island. " * 40)
    stopped = chat(page, messages, stopAtPiece=2)
    assert (stopped["finish_reason"], stopped["text"], len(stopped["fed"])) == ("cancelled", "", 2)
    whole = chat(page, messages, {"max_tokens": 1})
    assert text_of(fed(whole)) == rendered(messages)
    assert whole["usage"]["cached_tokens"] == 0
    assert max(len(piece) for piece in whole["fed"]) < 256
