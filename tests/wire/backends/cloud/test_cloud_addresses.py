"""Addresses over a real connection: where requests arrive, and with which key, beside the vendors' own libraries."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anthropic
import ollama
import openai
import pytest
from google import genai

import browserllm as bl
from unit.backends.cloud.test_cloud_addresses import VARIABLES
from vendor_server import Reply, VendorServer

KEY = "sk-of-the-environment-1234"
NAMES = ("v1", "v1beta", "api", "proxy", "chat", "messages", "openai", "claude")
"""The first parts of the paths that are asked."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    """It answers everything with the same error, and nothing is in the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    body = b'{"error": {"message": "no", "type": "invalid_request_error"}}'
    refusal = Reply((body,), 400, {"content-type": "application/json"}, length=len(body))
    with VendorServer(dict.fromkeys(NAMES, refusal)) as it:
        yield it


class Log:
    """What arrived since the last look."""

    def __init__(self, server: VendorServer) -> None:
        self.server = server
        self._known: set[int] = set()

    def last(self) -> tuple[str, str]:
        """The path and the key of the one request that came."""
        everything = [each for name in NAMES for each in self.server.asked(name)]
        new = [each for each in everything if id(each) not in self._known]
        self._known |= {id(each) for each in everything}
        assert len(new) == 1, [each.path for each in new]
        key = next(
            (new[0].headers[name] for name in ("authorization", "x-goog-api-key", "api-key") if name in new[0].headers),
            "",
        )
        return new[0].path, key.removeprefix("Bearer ")


async def ours(llm: bl.backends.cloud.CloudBackend) -> None:
    """Ask once."""
    async with llm:
        with pytest.raises(bl.InvalidRequest):
            await llm.complete("Hi")


MADE: dict[str, Callable[..., bl.backends.cloud.CloudBackend]] = {
    "openai": lambda **options: bl.OpenAI("m", **options),
    "openai at ollama": lambda **options: bl.OpenAI("m", preset="ollama", **options),
    "anthropic": lambda **options: bl.Anthropic("m", **options),
    "gemini": lambda **options: bl.Gemini("m", **options),
    "ollama": lambda **options: bl.Ollama("m", **options),
}
GEMINI = "/models/m:streamGenerateContent?alt=sse"
PATHS: list[tuple[str, str, str]] = [
    ("openai", "", "/v1/chat/completions"),
    ("openai", "/v1", "/v1/chat/completions"),
    ("openai", "/v1/chat/completions", "/v1/chat/completions"),
    ("openai", "/proxy/llm", "/proxy/llm/chat/completions"),
    ("openai", "/chat/completions", "/chat/completions"),
    (
        "openai",
        "/openai/deployments/x?api-version=2024-10-21",
        "/openai/deployments/x/chat/completions?api-version=2024-10-21",
    ),
    ("openai at ollama", "", "/v1/chat/completions"),
    ("openai at ollama", "/v1", "/v1/chat/completions"),
    ("openai at ollama", "/api", "/v1/chat/completions"),
    ("openai at ollama", "/api/chat", "/v1/chat/completions"),
    ("anthropic", "", "/v1/messages"),
    ("anthropic", "/v1", "/v1/messages"),
    ("anthropic", "/v1/messages", "/v1/messages"),
    ("anthropic", "/claude", "/claude/v1/messages"),
    ("gemini", "", f"/v1beta{GEMINI}"),
    ("gemini", "/v1beta", f"/v1beta{GEMINI}"),
    ("gemini", "/v1", f"/v1{GEMINI}"),
    ("gemini", "/v1beta/openai", f"/v1beta{GEMINI}"),
    ("gemini", "/v1beta/models/x:generateContent", f"/v1beta{GEMINI}"),
    ("ollama", "", "/api/chat"),
    ("ollama", "/api", "/api/chat"),
    ("ollama", "/api/chat", "/api/chat"),
    ("ollama", "/v1", "/api/chat"),
    ("ollama", "/proxy", "/proxy/api/chat"),
]


@pytest.mark.parametrize(("kind", "path", "expected"), PATHS)
async def test_requests_arrive_at_the_completed_address(
    server: VendorServer, kind: str, path: str, expected: str
) -> None:
    """For every spelling of the host, with slashes and blanks."""
    port = server.url.rpartition(":")[2]
    path, mark, query = path.partition("?")
    log = Log(server)
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"0.0.0.0:{port}"):
        for before, after in (("http://", ""), ("", ""), ("HTTP://", "/"), ("  ", "//\n")):
            if host.startswith("localhost") and before != "http://":
                continue  # the server listens on one of its two addresses, so each try is slow
            end = after.strip() + mark + query + after[len(after.strip()) :]
            await ours(MADE[kind](base_url=f"{before}{host}{path}{end}", api_key="sk-mine-1234"))
            assert log.last() == (expected, "sk-mine-1234"), (before, host, after)


async def _openai(**given: Any) -> None:
    async with openai.AsyncOpenAI(max_retries=0, **given) as client:
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])


async def _anthropic(**given: Any) -> None:
    async with anthropic.AsyncAnthropic(max_retries=0, **given) as client:
        await client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "Hi"}])


async def _gemini(**given: Any) -> None:
    async with genai.Client(**given).aio as client:
        async for _ in await client.models.generate_content_stream(model="m", contents="Hi"):
            pass


async def _ollama(**given: Any) -> None:
    async with ollama.AsyncClient(**given) as client:
        await client.chat(model="m", messages=[{"role": "user", "content": "Hi"}])


THEIRS: list[tuple[str, Callable[..., Awaitable[None]], str, str, tuple[str, ...]]] = [
    ("openai", _openai, "OPENAI_BASE_URL", "OPENAI_API_KEY", ("/v1", "/v1/", "/proxy/llm")),
    ("anthropic", _anthropic, "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", ("", "/", "/claude", "/claude/")),
    ("anthropic", _anthropic, "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", ("", "/claude")),
    ("gemini", _gemini, "GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", ("", "/", "/proxy")),
    ("gemini", _gemini, "GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY", ("",)),
    ("ollama", _ollama, "OLLAMA_HOST", "OLLAMA_API_KEY", ("", "/", "/proxy")),
]


@pytest.mark.parametrize(("kind", "theirs", "url_variable", "key_variable", "paths"), THEIRS)
async def test_the_environment_works_as_in_the_vendors_library(
    server: VendorServer,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    theirs: Any,
    url_variable: str,
    key_variable: str,
    paths: tuple[str, ...],
) -> None:
    """The same address and key arrive; but Ollama's key, which is for its cloud, is not sent to this machine."""
    monkeypatch.setenv(key_variable, KEY)
    log = Log(server)
    for path in paths:
        address = server.url + path
        monkeypatch.setenv(url_variable, address)
        given = {"host": address} if kind == "ollama" else {}
        with contextlib.suppress(Exception):
            await theirs(**given)
        their_path, their_key = log.last()
        await ours(MADE[kind]())
        our_path, our_key = log.last()
        # Their Gemini asks for another version of the API by itself; ours is the one that the backend speaks.
        assert our_path.partition("?")[0] == their_path.partition("?")[0].replace("/v1/models", "/v1beta/models"), path
        assert (our_key, their_key) == ("" if kind == "ollama" else KEY, KEY)
