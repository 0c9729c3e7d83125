"""The backend behind the provider where none is given: models of this device in a browser, then the fallbacks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from amplifier_core import HookResult
from amplifier_core.events import ALL_EVENTS
from amplifier_core.llm_errors import ProviderUnavailableError
from amplifier_core.message_models import ChatRequest

import browserllm as bl
from browserllm.amplifier import BrowserLLMProvider, create_session
from browserllm.errors import OutOfMemory
from browserllm.page import connect as connecting
from openai_exchanges import USAGE, call, chunk, text_chunks
from vendor_server import VendorServer, answer, events, stream

REQUEST = ChatRequest.model_validate({"messages": [{"role": "user", "content": "Hi"}]})
BROKEN = {"webllm": OutOfMemory("too large"), "transformersjs": OutOfMemory("too large")}


class Browsers:
    """Stands for the browsers that are started: each is a scripted page."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.open: list[bl.ScriptedHost] = []
        self.closed = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[bl.Host]:
        host = bl.ScriptedHost("From the device.", **self.options)
        self.open.append(host)
        try:
            yield host
        finally:
            self.closed += 1


@pytest.fixture
def browsers(monkeypatch: pytest.MonkeyPatch) -> Browsers:
    started = Browsers()
    monkeypatch.setattr(connecting, "connect", started.connect)
    return started


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    """OpenAI's API on loopback, at the address that its variables name."""
    answers = stream(events(*text_chunks("From ", "the cloud."), "[DONE]"))
    with VendorServer({"cloud": answers}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/cloud")
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        yield server


async def test_a_browser_starts_with_the_first_request_and_ends_with_the_provider(browsers: Browsers) -> None:
    provider = BrowserLLMProvider({"model": "pocket", "engine": "webllm"})
    assert await provider.list_models()
    assert browsers.open == []
    answer = await provider.complete(REQUEST)
    again = await provider.complete(REQUEST)
    assert (answer.content[0].text, answer.metadata["engine"]) == ("From the device.", "webllm")
    assert again.usage is not None and again.usage.cost_usd == 0
    assert (len(browsers.open), browsers.closed) == (1, 0)
    await provider.close()
    await provider.close()
    assert browsers.closed == 1


async def test_a_session_without_a_backend_starts_a_browser_itself(browsers: Browsers) -> None:
    async with create_session() as session:
        assert await session.execute("Hi") == "From the device."
        assert (len(browsers.open), browsers.closed) == (1, 0)
    assert browsers.closed == 1


async def test_the_cloud_of_the_fallback_answers_what_the_device_cannot(
    browsers: Browsers, cloud: VendorServer
) -> None:
    browsers.options = {"fail_load": BROKEN}
    provider = BrowserLLMProvider({"model": "pocket", "fallback": ["openai:gpt-5-mini"]})
    answer = await provider.complete(REQUEST)
    assert (answer.content[0].text, answer.metadata["backend"]) == ("From the cloud.", "openai")
    assert any("local" in hop for hop in answer.metadata["route"])
    assert [asked.json["model"] for asked in cloud.asked("cloud")] == ["gpt-5-mini"]
    await provider.close()
    assert browsers.closed == 1


async def test_the_device_answers_first(browsers: Browsers, cloud: VendorServer) -> None:
    provider = BrowserLLMProvider({"fallback": ["openai:gpt-5-mini"]})
    answer = await provider.complete(REQUEST)
    assert answer.content[0].text == "From the device."
    assert cloud.asked("cloud") == []
    await provider.close()


async def test_a_private_session_never_reaches_the_cloud(browsers: Browsers, cloud: VendorServer) -> None:
    browsers.options = {"fail_load": BROKEN}
    provider = BrowserLLMProvider({"model": "pocket", "fallback": ["openai:gpt-5-mini"], "private": True})
    with pytest.raises(ProviderUnavailableError, match="too large"):
        await provider.complete(REQUEST)
    assert cloud.asked("cloud") == []
    await provider.close()


CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>'


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def events_of(backend: bl.Backend) -> tuple[str, list[str]]:
    """Run the same session over any backend; returns its answer and its events, but for those of each piece of text."""
    told: list[str] = []

    async def note(event: str, data: dict[str, Any]) -> HookResult:
        told.append(event)
        return HookResult()

    session = create_session(backend, system="Be brief.", tools=[add])
    for event in ALL_EVENTS:
        session.coordinator.hooks.register(event, note, name="note")
    async with session:
        answer = await session.execute("1 + 2?")
    return answer, told


async def test_the_backend_changes_and_the_session_does_not() -> None:
    """A model of the device, a cloud, a router over both: with tools, the same answer and the same events."""
    deltas = [chunk({"role": "assistant", "content": None}), chunk(call(0, "c1", "add", '{"a": 1, "b": 2}'))]
    calls = stream(events(*deltas, chunk({}, "tool_calls"), chunk(usage=USAGE), "[DONE]"))
    says = stream(events(*text_chunks("It is 3."), "[DONE]"))
    with VendorServer({"cloud": [calls, says], "refuses": answer({"error": {"message": "no"}}, status=401)}) as server:

        def cloud_at(name: str) -> bl.Backend:
            return bl.OpenAI("m", base_url=f"{server.url}/{name}", api_key="k")

        device = bl.LocalBackend(bl.ScriptedHost([CALL, "It is 3."]), "pocket")
        again = bl.LocalBackend(bl.ScriptedHost([CALL, "It is 3."]), "pocket")
        cloud = cloud_at("cloud")
        router = bl.Router([cloud_at("refuses"), again], bl.Explicit())
        results = [await events_of(backend) for backend in (device, cloud, router)]
        await cloud.close()
        await router.close()
    assert results[0][0] == "It is 3."
    assert "tool:post" in results[0][1]
    assert results[1:] == results[:1] * 2


@pytest.mark.parametrize("vendor", ["anthropic", "gemini", "ollama"])
async def test_every_vendor_with_a_format_of_its_own_can_be_a_fallback(
    browsers: Browsers, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of the usual variable is enough; the device answers, so that none is asked."""
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "k")
    provider = BrowserLLMProvider({"fallback": [f"{vendor}:some-model"]})
    assert (await provider.complete(REQUEST)).content[0].text == "From the device."
    await provider.close()
