"""What `browserllm.Ollama` must do, against the exchanges of ``ollama_exchanges``."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from native_scenarios import (
    KEY,
    TEXT,
    WEATHER,
    Scenarios,
    answer_of,
    check_broken_streams,
    check_statuses,
    failure_of,
    hello_of,
    warned,
)

MODEL = "qwen3:0.6b"

SCENARIOS = Scenarios()


def play(url: str, name: str, model: str = MODEL, **options: Any) -> bl.Ollama:
    """A backend that plays an exchange."""
    return bl.Ollama(model, base_url=f"{url}/{name}", api_key=KEY, **options)


@SCENARIOS.add
async def an_answer_streams(url: str) -> None:
    """Text comes piece by piece, then what it took by the server's own measure, at no cost."""
    response = await hello_of(play(url, "hello"))
    assert (response.backend, response.model, response.cost_usd) == ("ollama", MODEL, 0.0)
    assert response.usage == bl.types.Usage(prompt_tokens=19, completion_tokens=10)
    timings = response.timings
    assert (timings.first_token_ms, timings.decode_ms, timings.tokens_per_s) == (300.0, 500.0, 20.0)
    for name, text in (("no-last-newline", TEXT), ("old-server", "Hi"), ("unknown-fields", "Hi")):
        response = await answer_of(play(url, name))
        assert (response.text, response.finish_reason, response.warnings) == (text, "stop", []), name


@SCENARIOS.add
async def tools_are_called(url: str) -> None:
    """Calls come whole, with their ids, or made-up ones from servers that have none."""
    response = await answer_of(play(url, "tools"), tools=[WEATHER])
    assert (response.text, response.finish_reason) == ("Let me look.", "tool_calls")
    first, second = response.message.tool_calls
    assert first == bl.ToolCallPart("call_7qk1", "weather", '{"city":"Oslo"}')
    assert second.id.startswith("call_") and second.arguments == '{"city":"Rome"}'


@SCENARIOS.add
async def thinking_is_no_part_of_the_answer(url: str) -> None:
    """What a model thinks is reasoning."""
    response = await answer_of(play(url, "thinking"))
    assert (response.text, response.reasoning) == ("It rains.", "Oslo is in Norway.")


@SCENARIOS.add
async def ends_are_told_apart(url: str) -> None:
    """Length, and reasons that have no place here; logprobs come with their text."""
    assert (await answer_of(play(url, "length"))).finish_reason == "length"
    odd = await answer_of(play(url, "odd-finish"))
    assert odd.finish_reason == "stop" and "'unload'" in warned(odd)
    response = await answer_of(play(url, "logprobs"), logprobs=True)
    assert (response.text, response.logprobs[0]["token"]) == ("Hi", "Hi")


@SCENARIOS.add
async def broken_streams_are_errors(url: str) -> None:
    """See `check_broken_streams`."""
    await check_broken_streams(play, url)


@SCENARIOS.add
async def errors_in_the_middle_are_typed(url: str) -> None:
    """A line with an error ends the answer with what it means, by its status where it has one."""
    error, response = await failure_of(play(url, "error-mid-stream"), bl.Unavailable)
    assert (error.reason, response.text, response.finish_reason) == ("server_error", "Grüße", "error")
    assert "an error was encountered while running the model" in str(error)
    await failure_of(play(url, "context-mid-stream"), bl.ContextExceeded)
    await failure_of(play(url, "rate-mid-stream"), bl.RateLimited)


STATUSES = {
    "bad-request": "InvalidRequest",
    "no-tools": "InvalidRequest",
    "too-long": "ContextExceeded",
    "unauthorized": "AuthenticationError",
    "no-model": "ModelNotFound",
    "rate": "RateLimited",
    "server": "Unavailable",
    "gateway": "Unavailable",
    "error-object": "Unavailable",
}


@SCENARIOS.add
async def every_error_has_its_type(url: str) -> None:
    """Each status becomes one of our errors; a model that is missing can be fetched, and how."""
    errors = await check_statuses(play, url, STATUSES)
    assert "ollama pull qwen3:0.6b" in str(errors["no-model"])
    assert "odd" in str(errors["error-object"])
    error, _ = await failure_of(play(url, "not-json"), bl.BrowserLLMError)
    assert "404 page not found" in str(error)


@SCENARIOS.add
async def models_are_listed(url: str) -> None:
    """What is on the device, and what the server passes on."""
    async with play(url, "models") as llm:
        assert await llm.list_models() == [
            bl.types.ModelInfo(id=MODEL, downloaded=True),
            bl.types.ModelInfo(id="passed-on", downloaded=False),
        ]
        assert llm.keeps_on_device(MODEL) and not llm.keeps_on_device("passed-on")


@SCENARIOS.add
async def private_requests_stay(url: str) -> None:
    """A private request is sent once the server has said that the model runs here, and not before."""
    assert (await answer_of(play(url, "private"), private=True)).text == TEXT
    for name in ("private-passed-on", "hello"):
        model = MODEL if name == "private-passed-on" else "gpt-oss:120b-cloud"
        async with play(url, name, model) as llm:
            with pytest.raises(bl.Unavailable, match="nothing was sent") as caught:
                await llm.complete("A secret.", private=True)
        assert caught.value.reason == "private", name
    async with play(url, "private-nonsense") as llm:
        with pytest.raises(bl.errors.ProtocolError, match="nothing was sent"):
            await llm.complete("A secret.", private=True)
    async with play(url, "no-model") as llm:
        with pytest.raises(bl.errors.ModelNotFound):
            await llm.complete("A secret.", private=True)


@SCENARIOS.add
async def what_is_passed_on_is_not_free(url: str) -> None:
    """An answer that came from elsewhere has no known cost, and its model is remembered for it."""
    async with play(url, "passed-on", "mine") as llm:
        response = await llm.complete("Hi")
        assert response.cost_usd is None
        assert not llm.keeps_on_device("mine")
