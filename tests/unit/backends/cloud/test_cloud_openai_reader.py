"""Chat completion chunks, whatever is in them: an answer, or one of our errors."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.openai.reader import ChatCompletionReader, read_error
from browserllm.backends.cloud.sse import Event
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta

CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "delta": {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"text": "Hi"}],
                "reasoning_content": "Hm.",
                "reasoning": "Hm.",
                "refusal": "No.",
                "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": {"content": [{"token": "Hi", "logprob": -0.5}]},
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
    "error": None,
}
DONE = object()
JUNK: list[Any] = [None, True, -1, 0.5, 1e300, "", "x", [], {}, [None], [[]], {"": None}, "\ud800", 2**63, "error"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """The value with junk in a place."""
    if not path:
        return junk
    whole = copy.deepcopy(value)
    target = whole
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = junk
    return whole


def read(*events: Any) -> tuple[list[Delta], Draft]:
    """What a reader makes of events."""
    draft = Draft(bl.ChatRequest(messages=[bl.Message("user", "Hi")]), "openai", "chat-1")
    reader = ChatCompletionReader(draft, ErrorSource(backend="openai", model="m", key_name="api_key"))
    deltas: list[Delta] = []
    for event in events:
        deltas += reader.read(Event("[DONE]" if event is DONE else json.dumps(event)))
    deltas += reader.finish()
    return deltas, draft


def test_junk_anywhere_gives_an_answer_or_a_typed_error() -> None:
    """Every value of a chunk is replaced by values of all other types; nothing else is ever raised."""
    answers = errors = 0
    for path in places(CHUNK):
        for junk in JUNK:
            try:
                deltas, draft = read(replaced(CHUNK, path, junk), DONE)
            except bl.BrowserLLMError:
                errors += 1
            else:
                answers += 1
                assert all(
                    isinstance(delta, (str, bl.types.TextDelta, bl.types.ReasoningDelta, bl.types.ToolCallDelta))
                    for delta in deltas
                )
                assert draft.finish_reason in {"stop", "length", "tool_calls", "content_filter"}
                assert min(draft.usage.prompt_tokens, draft.usage.completion_tokens) >= 0
    # Both happen a lot: what stands beside an answer may be anything, what stands in its place may not.
    assert answers > 100 and errors > 50


def test_junk_in_an_error_is_still_an_error() -> None:
    """Values that cannot be understood are quoted or left out."""
    body: dict[str, Any] = {
        "error": {"message": "m", "type": "t", "code": "c", "metadata": {"flagged_input": "x"}},
        "message": "m",
        "detail": [{"msg": "m"}],
    }
    for path in places(body):
        for junk in JUNK:
            error = read_error(replaced(body, path, junk))
            assert isinstance(error.message, str) and isinstance(error.code, str), (path, junk)


def test_chunks_in_any_order_give_an_answer_or_an_error() -> None:
    """Shuffled, repeated and dropped: with the end marker they are an answer, without any end an error."""
    chunks = [
        {"choices": [{"delta": {"content": "a"}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 1, "id": "x", "function": {"name": "f"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "2"}}]}}]},
        {"choices": [], "usage": {"prompt_tokens": 1}},
        {"choices": None},
        {},
    ]
    for seed in range(500):
        choose = random.Random(seed)  # noqa: S311
        some = choose.choices(chunks, k=choose.randrange(len(chunks) * 2))
        if not any(chunks.index(chunk) < 2 for chunk in some):
            # Neither text nor a call that has a name.
            with pytest.raises(bl.Unavailable):
                read(*some, DONE)
            continue
        deltas, draft = read(*some, DONE)
        calls = {delta.index for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)}
        assert calls == set(range(len(calls))), seed
        first = [next(d for d in deltas if isinstance(d, bl.types.ToolCallDelta) and d.index == call) for call in calls]
        assert all(delta.id for delta in first), seed
        assert draft.finish_reason == ("tool_calls" if calls else "stop"), seed
        with pytest.raises(bl.Unavailable, match="before the answer was complete"):
            read(*some)


def test_blanks_around_a_name_are_removed() -> None:
    """From a whole name, and if only the name comes first."""
    for name in (" add", "add\n", "\tadd "):
        first = {"index": 0, "id": "a", "function": {"name": name, "arguments": ""}}
        rest = {"index": 0, "function": {"name": " ", "arguments": '{"a":1}'}}
        events = [{"choices": [{"delta": {"tool_calls": [each]}}]} for each in (first, rest)]
        deltas, _ = read(*events, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}, DONE)
        calls = [delta for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)]
        assert [delta.name for delta in calls if delta.name] == ["add"], name
        assert "".join(delta.arguments for delta in calls) == '{"a":1}'


def test_harmless_oddities_are_accepted() -> None:
    """Numbers as strings, an empty error, token entries without text."""
    half = {"token": "\\xf0", "logprob": -0.5}
    deltas, draft = read(
        {"error": {}, "choices": [{"index": "0", "delta": {"content": ""}, "logprobs": {"content": [half]}}]},
        {"choices": [{"delta": {"content": "👋"}, "logprobs": {"content": [half]}, "finish_reason": "stop"}]},
        {"usage": {"prompt_tokens": "7", "completion_tokens": 2.0}},
        DONE,
    )
    assert [(delta.text, delta.logprobs) for delta in deltas if isinstance(delta, bl.types.TextDelta)] == [
        ("", [half]),
        ("👋", [half]),
    ]
    assert draft.usage == bl.types.Usage(prompt_tokens=7, completion_tokens=2)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("This model's maximum context length is 4097 tokens, so it cannot generate more.", "context"),
        ("the request exceeds the available context size. try increasing the context size", "context"),
        ("Prompt is too long: 9 tokens > 8 maximum", "context"),
        ("Too many tokens, please wait before trying again.", "rate"),
        ("Rate limit reached on tokens per min (TPM)", "rate"),
    ],
)
def test_a_prompt_that_is_too_long_is_recognized_by_the_message(message: str, meaning: str) -> None:
    """Most servers have no code for it."""
    assert read_error({"error": {"message": message}}).meaning == meaning
