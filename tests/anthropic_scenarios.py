"""What `browserllm.Anthropic` must do, against the exchanges of ``anthropic_exchanges``."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from native_scenarios import (
    KEY,
    WEATHER,
    Scenarios,
    answer_of,
    check_broken_streams,
    check_statuses,
    failure_of,
    hello_of,
    warned,
)

MODEL = "claude-sonnet-5-5"

SCENARIOS = Scenarios()


def play(url: str, name: str, **options: Any) -> bl.Anthropic:
    """A backend that plays an exchange."""
    return bl.Anthropic(MODEL, base_url=f"{url}/{name}", api_key=KEY, **options)


@SCENARIOS.add
async def an_answer_streams(url: str) -> None:
    """Text comes piece by piece between pings, then everything that is known of it."""
    response = await hello_of(play(url, "hello"))
    assert (response.backend, response.model) == ("anthropic", MODEL)
    assert response.provider_request_id == "req_018EeWyXxfu5pfWkrYcMdjWG"
    # 11 fresh ones, 5 written to the cache, 3 read from it; of the 15 that came, 7 were thinking.
    assert response.usage == bl.types.Usage(
        prompt_tokens=19, completion_tokens=15, cached_tokens=3, cache_write_tokens=5, reasoning_tokens=7
    )


@SCENARIOS.add
async def each_kind_of_token_has_its_price(url: str) -> None:
    """Fresh ones, those written to the cache and read from it, and what was answered."""
    prices = {MODEL: bl.backends.cloud.Price(input=2, output=10, cached_input=0.1, cache_write=2.5)}
    response = await answer_of(play(url, "hello", prices=prices))
    assert response.cost_usd == pytest.approx((11 * 2 + 3 * 0.1 + 5 * 2.5 + 15 * 10) / 1e6)


@SCENARIOS.add
async def tools_are_called(url: str) -> None:
    """Two calls come with their ids, names and arguments as the model wrote them; no arguments are an object."""
    response = await answer_of(play(url, "tools"), tools=[WEATHER])
    assert (response.text, response.finish_reason) == ("Let me look.", "tool_calls")
    assert [(call.id, call.name, call.arguments) for call in response.message.tool_calls] == [
        ("toolu_01T1x1fJ34qAmk2tNTrN7Up6", "weather", '{"city": "Oslo"}'),
        ("toolu_02", "weather", '{"city": "Rome"}'),
    ]
    (call,) = (await answer_of(play(url, "no-arguments"), tools=[WEATHER])).message.tool_calls
    assert call.arguments == "{}"


@SCENARIOS.add
async def thinking_keeps_its_signatures(url: str) -> None:
    """Thinking, hidden thinking and thinking without words are parts of their own, each with its signature."""
    response = await answer_of(play(url, "thinking"), tools=[WEATHER])
    content = response.message.content
    assert isinstance(content, list)
    mark = f"anthropic/{MODEL}:"
    assert content[:4] == [
        bl.ReasoningPart("Oslo is in Norway.", mark + "EqQBCkYIBxgCKkC3+/8=="),
        bl.ReasoningPart("", mark + "EmwKAhgBEgy3va3pzix/LafPsn4=", redacted=True),
        bl.ReasoningPart("", mark + "c2lnbmF0dXJlMg=="),
        bl.TextPart("Let me look."),
    ]
    assert response.reasoning == "Oslo is in Norway."


@SCENARIOS.add
async def ends_are_told_apart(url: str) -> None:
    """Length, the context's end, a refusal with its reason, a paused turn, and unknown reasons."""
    for name, reason in (("max-tokens", "length"), ("stop-sequence", "stop"), ("context-full", "length")):
        assert (await answer_of(play(url, name))).finish_reason == reason, name
    refusal = await answer_of(play(url, "refusal"))
    assert (refusal.text, refusal.finish_reason) == ("I", "content_filter")
    assert "cyber: This looks like malware." in warned(refusal)
    paused = await answer_of(play(url, "pause-turn"))
    assert (paused.text, paused.finish_reason) == ("So far.", "stop")
    assert "'pause_turn'" in warned(paused) and "'server_tool_use'" in warned(paused)
    odd = await answer_of(play(url, "odd-finish"))
    assert odd.finish_reason == "stop" and "'because'" in warned(odd)
    unknown = await answer_of(play(url, "unknown-events"))
    assert (unknown.text, unknown.warnings) == ("Hi", [])


@SCENARIOS.add
async def broken_streams_are_errors(url: str) -> None:
    """See `check_broken_streams`."""
    await check_broken_streams(play, url)


@SCENARIOS.add
async def errors_in_the_middle_are_typed(url: str) -> None:
    """An error event ends the answer with what it means; what came before it stays."""
    error, response = await failure_of(play(url, "error-mid-stream"), bl.Unavailable)
    assert (error.reason, response.text, response.finish_reason) == ("server_error", "Grüße", "error")
    assert "Overloaded" in str(error)
    await failure_of(play(url, "rate-mid-stream"), bl.RateLimited)
    await failure_of(play(url, "filtered-mid-stream"), bl.errors.ContentFiltered)


STATUSES = {
    "bad-request": "InvalidRequest",
    "too-long": "ContextExceeded",
    "too-much": "ContextExceeded",
    "no-credits": "RateLimited",
    "filtered": "ContentFiltered",
    "bad-key": "AuthenticationError",
    "billing": "RateLimited",
    "forbidden": "AuthenticationError",
    "no-model": "ModelNotFound",
    "too-large": "ContextExceeded",
    "rate": "RateLimited",
    "spent": "RateLimited",
    "server": "Unavailable",
    "timeout": "Timeout",
    "overloaded": "Unavailable",
    "not-json": "Unavailable",
}


@SCENARIOS.add
async def every_error_has_its_type(url: str) -> None:
    """Each documented type of error becomes one of ours, with the vendor's words and what to do."""
    errors = await check_statuses(play, url, STATUSES)
    assert "prompt is too long: 208310 tokens > 200000 maximum" in str(errors["too-long"])
    assert errors["rate"].retry_after_s == 7 and "reason" not in errors["rate"].data
    assert (errors["overloaded"].reason, errors["overloaded"].data["retry_after_s"]) == ("server_error", 7)
    assert [errors[name].data["reason"] for name in ("no-credits", "billing", "spent")] == ["quota"] * 3
    assert "req_018EeWyXxfu5pfWkrYcMdjWG" in str(errors["bad-key"]) and "api_key" in str(errors["bad-key"])
    assert "upstream connect error" in str(errors["not-json"])


@SCENARIOS.add
async def models_are_listed(url: str) -> None:
    """All pages, with their names and context windows."""
    async with play(url, "models") as llm:
        assert await llm.list_models() == [
            bl.types.ModelInfo(id=MODEL, name="Claude Sonnet 5.5", context_window=1_000_000),
            bl.types.ModelInfo(id="claude-opus-5-5", name="Claude Opus 5.5", context_window=1_000_000),
        ]
    async with play(url, "bad-key") as llm:
        health = await llm.health()
    assert not health.ok and "invalid x-api-key" in health.reason
