"""What `browserllm.Gemini` must do, against the exchanges of ``gemini_exchanges``."""

from __future__ import annotations

from typing import Any

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

MODEL = "gemini-3.8-flash"
MARK = f"gemini/{MODEL}:"
SIGNATURE = "CiQB0e2Kb+/wM6yL0Q=="

SCENARIOS = Scenarios()


def play(url: str, name: str, **options: Any) -> bl.Gemini:
    """A backend that plays an exchange."""
    return bl.Gemini(MODEL, base_url=f"{url}/{name}", api_key=KEY, **options)


@SCENARIOS.add
async def an_answer_streams(url: str) -> None:
    """Text comes piece by piece, then everything that is known of it."""
    response = await hello_of(play(url, "hello"))
    assert (response.backend, response.model) == ("gemini", "gemini-3.8-flash-001")
    assert response.provider_request_id == "aBcD1234"
    # 8 tokens of answer, and 7 of thoughts.
    assert response.usage == bl.types.Usage(prompt_tokens=19, completion_tokens=15, cached_tokens=3, reasoning_tokens=7)


@SCENARIOS.add
async def tools_are_called(url: str) -> None:
    """Calls come with their ids, and the signature of those that have one; a missing id is made up."""
    response = await answer_of(play(url, "tools"), tools=[WEATHER])
    assert (response.text, response.finish_reason) == ("Let me look.", "tool_calls")
    assert response.message.tool_calls == [
        bl.ToolCallPart("fc_1", "weather", '{"city":"Oslo"}', MARK + SIGNATURE),
        bl.ToolCallPart("fc_2", "weather", '{"city":"Rome"}'),
    ]
    (call,) = (await answer_of(play(url, "no-call-id"), tools=[WEATHER])).message.tool_calls
    assert call.id.startswith("call_") and call.arguments == "{}"


@SCENARIOS.add
async def thoughts_are_no_part_of_the_answer(url: str) -> None:
    """Thoughts are reasoning; a signature is kept with the text that it came with."""
    response = await answer_of(play(url, "thinking"))
    assert (response.text, response.reasoning) == ("It rains.", "Oslo is in Norway.")
    assert isinstance(response.message.content, list)
    said = [bl.ReasoningPart("Oslo is in Norway."), bl.TextPart("It rains."), bl.TextPart("", MARK + SIGNATURE)]
    assert response.message.content == said


@SCENARIOS.add
async def logprobs_are_openai_shaped(url: str) -> None:
    """Each token with its logprob and the best others."""
    response = await answer_of(play(url, "logprobs"), logprobs=True, top_logprobs=1)
    top = [{"token": "Hi", "logprob": -0.1}]
    assert response.logprobs == [{"token": "Hi", "logprob": -0.1, "top_logprobs": top}]


@SCENARIOS.add
async def ends_are_told_apart(url: str) -> None:
    """Length, the filters with their reason, a blocked prompt, a failed call, and unknown reasons."""
    assert (await answer_of(play(url, "max-tokens"))).finish_reason == "length"
    for name, text, reason in (
        ("safety", "I", "SAFETY: Blocked for safety."),
        ("recitation", "", "RECITATION"),
        ("blocked", "", "the prompt was blocked: PROHIBITED_CONTENT"),
    ):
        response = await answer_of(play(url, name))
        assert (response.text, response.finish_reason) == (text, "content_filter"), name
        assert reason in warned(response), name
    error, _ = await failure_of(play(url, "malformed-call"), bl.Unavailable)
    assert error.reason == "server_error" and "MALFORMED_FUNCTION_CALL: Malformed function call" in str(error)
    odd = await answer_of(play(url, "odd-finish"))
    assert odd.finish_reason == "stop" and "'BECAUSE'" in warned(odd)
    unknown = await answer_of(play(url, "unknown-fields"))
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
    error, _ = await failure_of(play(url, "rate-mid-stream"), bl.RateLimited)
    assert error.retry_after_s == 34.074824224


STATUSES = {
    "bad-request": "InvalidRequest",
    "bad-key": "AuthenticationError",
    "too-long": "ContextExceeded",
    "not-here": "Unavailable",
    "no-key": "AuthenticationError",
    "forbidden": "AuthenticationError",
    "no-model": "ModelNotFound",
    "rate": "RateLimited",
    "quota": "RateLimited",
    "server": "Unavailable",
    "overloaded": "Unavailable",
    "in-a-list": "Unavailable",
    "timeout": "Timeout",
    "not-json": "Unavailable",
}


@SCENARIOS.add
async def every_error_has_its_type(url: str) -> None:
    """Each status becomes one of our errors; the delay to wait comes from the details."""
    errors = await check_statuses(play, url, STATUSES)
    assert errors["rate"].retry_after_s == 34.074824224 and "reason" not in errors["rate"].data
    assert errors["quota"].data["reason"] == "quota"
    assert errors["bad-key"].data["vendor_code"] == "API_KEY_INVALID"
    assert "The model is overloaded" in str(errors["in-a-list"])


@SCENARIOS.add
async def models_are_listed(url: str) -> None:
    """All pages, those that answer chats, with their names and context windows."""
    async with play(url, "models") as llm:
        assert await llm.list_models() == [
            bl.types.ModelInfo(id=MODEL, name="Gemini 3.8 Flash", context_window=1048576),
            bl.types.ModelInfo(id="x"),
        ]
    async with play(url, "forbidden") as llm:
        assert "leaked" in (await llm.health()).reason
