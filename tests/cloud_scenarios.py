"""What a cloud backend must do, as functions that need nothing but a server's address.

So they run on CPython (tests/wire) and in a page alike. The server is a `vendor_server.VendorServer` that plays the
exchanges of ``openai_exchanges``; ``http://.../NAME`` is one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import browserllm as bl

KEY = "sk-test-7f3a9c21d5e8"
"""The key of every scenario: it must show up nowhere but in a header."""

Scenario = Callable[[str], Awaitable[None]]

OPENAI: dict[str, Scenario] = {}
"""The scenarios of chat completions, by name."""

GIVES_ALL = sys.platform != "emscripten"
"""Whether what came right before a connection broke is given, too: a browser drops what it has not handed over yet."""

TEXT = "Grüße, Welt 👋!"
WEATHER = bl.Tool("weather", "Tells the weather", {"type": "object", "properties": {"city": {"type": "string"}}})


def scenario(run: Scenario) -> Scenario:
    """Add a scenario of chat completions."""
    OPENAI[run.__name__] = run
    return run


def openai(url: str, name: str, **options: Any) -> bl.OpenAI:
    """A backend that plays an exchange."""
    return bl.OpenAI("gpt-6-luna", base_url=f"{url}/{name}", api_key=KEY, **options)


async def answer_of(url: str, name: str, prompt: Any = "Say hello.", **options: Any) -> bl.ChatResponse:
    """What an exchange comes to."""
    async with openai(url, name) as llm:
        return await llm.complete(prompt, **options)


async def failure_of(url: str, name: str, expected: type[BaseException]) -> tuple[Any, bl.ChatResponse]:
    """How an exchange fails, and what was received before."""
    async with openai(url, name) as llm:
        stream = llm.stream("Say hello.")
        with pytest.raises(expected) as caught:
            await stream.finish()
        # What a failure says never has the key, and always who it is about.
        assert KEY not in repr(caught.value)
        assert KEY not in repr(caught.value.data)  # type: ignore[attr-defined]
        return caught.value, stream.response


def warned(response: bl.ChatResponse) -> set[str]:
    """What a response warns of."""
    return {warning.parameter for warning in response.warnings}


@scenario
async def an_answer_streams(url: str) -> None:
    """Text comes piece by piece, then everything that is known of it."""
    async with openai(url, "hello") as llm:
        chunks = [chunk async for chunk in llm.stream("Say hello.")]
    assert [type(chunk).__name__ for chunk in chunks] == ["ChatStart", *["TextDelta"] * 5, "ChatDone"]
    assert [chunk.text for chunk in chunks[1:-1]] == ["Grüße", ", ", "Welt", " 👋", "!"]
    done = chunks[-1]
    assert isinstance(done, bl.types.ChatDone)
    response = done.response
    assert (response.text, response.finish_reason) == (TEXT, "stop")
    assert (response.backend, response.model) == ("openai", "gpt-6-luna-2026-09-22")
    assert response.usage == bl.types.Usage(
        prompt_tokens=19, completion_tokens=10, cached_tokens=4, cache_write_tokens=0, reasoning_tokens=3
    )
    assert response.provider_request_id == "req_123"
    assert response.warnings == []
    assert response.timings.first_token_ms is not None


@scenario
async def pieces_do_not_matter(url: str) -> None:
    """Split at every byte, and with other line ends, it is the same answer."""
    for name in ("byte-by-byte", "crlf"):
        assert (await answer_of(url, name)).text == TEXT


@scenario
async def tools_are_called(url: str) -> None:
    """Two calls come with their ids, names and arguments as the model wrote them."""
    response = await answer_of(url, "tools", tools=[WEATHER])
    assert response.finish_reason == "tool_calls"
    assert [(call.id, call.name, call.arguments) for call in response.message.tool_calls] == [
        ("call_DdmO9pD3xa9XTPNJ32zg2hcA", "weather", '{"city":"Oslo"}'),
        ("call_V5tbhGXkLmN3p4QrS6tUvWxY", "weather", '{"city":"Rome"}'),
    ]


@scenario
async def sloppy_tool_calls_are_sorted_out(url: str) -> None:
    """An index that comes again with another id is another call; a missing id is made up; arguments stay as they are.

    And the answer ends for its tool calls, though the server says "stop".
    """
    response = await answer_of(url, "same-index", tools=[WEATHER])
    assert [call.id for call in response.message.tool_calls] == ["a", "b"]
    assert response.finish_reason == "tool_calls"
    response = await answer_of(url, "no-call-id", tools=[WEATHER])
    (call,) = response.message.tool_calls
    assert call.id.startswith("call_") and call.arguments == '{"city":"Oslo"}'
    (call,) = (await answer_of(url, "bad-arguments", tools=[WEATHER])).message.tool_calls
    assert call.arguments == '{"city": Os'


@scenario
async def thinking_is_no_part_of_the_answer(url: str) -> None:
    """Whatever a server calls the model's thinking, it is reasoning here."""
    for name, thought in (("reasoning-content", "Let me think."), ("reasoning", "Hm."), ("thinking-parts", "Hm.")):
        response = await answer_of(url, name)
        assert (response.text, response.reasoning) == ("42", thought), name


@scenario
async def logprobs_come_with_their_text(url: str) -> None:
    """Each delta has the entries of its tokens, and the response all of them."""
    response = await answer_of(url, "logprobs", logprobs=True, top_logprobs=1)
    assert response.text == "Hi!"
    assert [entry["token"] for entry in response.logprobs] == ["Hi", "!"]


@scenario
async def ends_are_told_apart(url: str) -> None:
    """Length, a refusal, and unknown reasons."""
    assert (await answer_of(url, "length")).finish_reason == "length"
    refusal = await answer_of(url, "refusal")
    assert (refusal.text, refusal.finish_reason) == ("I can't do that.", "content_filter")
    odd = await answer_of(url, "odd-finish")
    assert odd.finish_reason == "stop"
    assert "'because'" in odd.warnings[0].message


@scenario
async def servers_differ(url: str) -> None:
    """Comments, unknown fields, no end marker, no usage, no stream at all, wrong labels: all are answers."""
    assert (await answer_of(url, "keep-alive")).text == TEXT
    assert (await answer_of(url, "unknown-fields")).text == "Hi"
    for name in ("no-done", "cut-after-finish") if GIVES_ALL else ("no-done",):
        response = await answer_of(url, name)
        assert (response.text, response.usage.prompt_tokens) == ("Hi", 19), name
    unknown = await answer_of(url, "no-usage")
    assert (warned(unknown), unknown.usage, unknown.cost_usd) == ({"usage"}, bl.types.Usage(), None)
    beside = (await answer_of(url, "usage-beside")).usage
    assert (beside.completion_tokens, beside.reasoning_tokens, beside.total_tokens) == (101, 100, 106)
    whole = await answer_of(url, "whole", tools=[WEATHER])
    assert (whole.text, whole.finish_reason) == ("Let me look.", "tool_calls")
    assert whole.message.tool_calls[0].id == "call_whole"
    assert (await answer_of(url, "whole-mislabelled", tools=[WEATHER])).text == "Let me look."
    for name in ("stream-mislabelled", "unlabelled"):
        assert (await answer_of(url, name)).text == TEXT, name


@scenario
async def a_broken_stream_is_an_error(url: str) -> None:
    """What was received before stays on the response."""
    for name in ("no-end", "cut-mid-event", "short-length"):
        error, response = await failure_of(url, name, bl.Unavailable)
        assert (error.reason, error.data["phase"]) == ("unreachable", "body"), name
        assert (response.text, response.finish_reason) == ("Hi" if GIVES_ALL else response.text, "error"), name


@scenario
async def nonsense_is_an_error(url: str) -> None:
    """Invalid JSON, other shapes, bytes that are not UTF-8, an event without an end, a web page."""
    for name, said in (
        ("bad-json", "choices"),
        ("wrong-type", "choices that are not valid"),
        ("bad-utf8", r"\xff"),
        ("huge-event", "16777216"),
        ("web-page", "Sign in"),
    ):
        error, _ = await failure_of(url, name, bl.errors.ProtocolError)
        assert said in str(error), name
        assert len(str(error)) < 600, name


@scenario
async def errors_in_the_middle_are_typed(url: str) -> None:
    """An error event ends the answer with what it means."""
    error, response = await failure_of(url, "error-mid-stream", bl.Unavailable)
    assert (error.reason, response.text) == ("server_error", "Hi")
    assert "Provider disconnected unexpectedly" in str(error)
    await failure_of(url, "rate-mid-stream", bl.RateLimited)
    for name in ("vllm-error", "deepseek-broken", "whole-error"):
        error, _ = await failure_of(url, name, bl.Unavailable)
        assert error.reason == "server_error", name


@scenario
async def every_error_has_its_type(url: str) -> None:
    """Each status and code that is documented becomes one of our errors, with the vendor's words."""
    for name, expected in STATUSES.items():
        error, _ = await failure_of(url, name, getattr(bl.errors, expected))
        assert type(error).__name__ == expected, name
        assert "'openai'" in str(error) and "'gpt-6-luna'" in str(error), name
    error, _ = await failure_of(url, "rate", bl.RateLimited)
    assert error.retry_after_s == 7
    assert "Rate limit reached" in str(error) and "try again in 7 s" in str(error)
    error, _ = await failure_of(url, "overloaded", bl.Unavailable)
    assert (error.reason, error.data["retry_after_s"], error.data["status"]) == ("server_error", 2.5, 503)
    for name in ("quota", "no-credits"):
        error, _ = await failure_of(url, name, bl.RateLimited)
        assert error.data["reason"] == "quota", name


STATUSES = {
    "bad-request": "InvalidRequest",
    "too-long": "ContextExceeded",
    "too-long-llamacpp": "ContextExceeded",
    "filtered": "ContentFiltered",
    "bad-key": "AuthenticationError",
    "no-credits": "RateLimited",
    "forbidden": "Unavailable",
    "flagged": "ContentFiltered",
    "no-model": "ModelNotFound",
    "no-page": "ProtocolError",
    "moved": "ProtocolError",
    "timeout": "Timeout",
    "too-large": "ContextExceeded",
    "unprocessable": "InvalidRequest",
    "rate": "RateLimited",
    "quota": "RateLimited",
    "server": "Unavailable",
    "overloaded": "Unavailable",
    "gateway": "Timeout",
    "bad-call": "ProtocolError",
    "text-error": "InvalidRequest",
}


@scenario
async def models_are_listed(url: str) -> None:
    """The list is kept for an hour of the clock; health asks anew."""
    clock = bl.testing.Clock()
    async with openai(url, "models-twice", clock=clock) as llm:
        assert [model.id for model in await llm.list_models()] == ["gpt-6-luna", "gpt-6-sol"]
        clock.advance(3599)
        assert len(await llm.list_models()) == 2
        clock.advance(1)
        assert [(model.id, model.context_window) for model in await llm.list_models()] == [("a/b", 8192)]
        assert await llm.health() == bl.types.Health(ok=True)
    async with openai(url, "models-nonsense") as llm:
        with pytest.raises(bl.errors.ProtocolError, match="no list of models"):
            await llm.list_models()
        assert not (await llm.health()).ok
    async with openai(url, "bad-key") as llm:
        health = await llm.health()
    assert not health.ok and "Incorrect API key" in health.reason


@scenario
async def a_port_without_a_server_is_unreachable(url: str) -> None:
    """A port without a server gives an error that says so."""
    error, _ = await failure_of("http://127.0.0.1:1", "x", bl.Unavailable)
    assert error.reason == "unreachable"
    assert "http://127.0.0.1:1" in str(error)


@scenario
async def silence_is_bounded(url: str) -> None:
    """Silence before the first byte is a timeout, later a stall; both say how long it was."""
    timeouts = bl.backends.cloud.Timeouts(silence_s=1)
    for name, kind in (
        ("silent-before", bl.Timeout),
        ("silent-after-headers", bl.Timeout),
        ("silent-later", bl.errors.Stalled),
    ):
        async with openai(url, name, timeouts=timeouts) as llm:
            with pytest.raises(kind, match=r"for 1 s") as caught:
                await llm.complete("Say hello.")
        if kind is bl.Timeout:
            assert caught.value.data["phase"] == "first_token", name  # type: ignore[attr-defined]
