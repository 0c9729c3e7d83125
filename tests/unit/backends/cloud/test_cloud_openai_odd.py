"""Chat completions as servers send them: nothing is no success, and what is odd beside an answer does no harm."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.openai.reader import ChatCompletionReader
from browserllm.backends.cloud.sse import Event
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from unit.backends.cloud.openai_odd import BESIDE, DONE, END, GOOD, IN_CHOICE, IN_DELTA, NOTHING, odd_answers

USAGE: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def read(*events: Any, whole: bool = False) -> tuple[str, Draft, list[Delta]]:
    """The text of an answer, what was learned of it, and its deltas."""
    draft = Draft(bl.ChatRequest(messages=[bl.Message("user", "Hi")]), "openai", "chat-1")
    reader = ChatCompletionReader(draft, ErrorSource(backend="openai", model="m", key_name="api_key"))
    deltas: list[Delta] = []
    for event in events:
        if whole:
            deltas += reader.read_whole(json.dumps(event).encode())
        else:
            deltas += reader.read(Event(event if isinstance(event, str) else json.dumps(event)))
    deltas += reader.finish()
    return "".join(d if isinstance(d, str) else d.text for d in deltas), draft, deltas


@pytest.mark.parametrize("name", NOTHING)
def test_a_response_without_an_answer_is_an_error_with_the_servers_text(name: str) -> None:
    """Whole, and streamed: with and without the end marker, after a keep-alive, before and after usage."""
    body, expected, words = NOTHING[name]
    usage = {"choices": [], "usage": USAGE}
    with pytest.raises(expected) as caught:
        read(body, whole=True)
    assert words in str(caught.value)
    for events in ([body], [body, DONE], [{"object": "ping"}, body, DONE], [usage, body, DONE], [body, usage, DONE]):
        with pytest.raises(expected) as caught:
            read(*events)
        if words not in ("{}", '{"choices":[]}'):
            assert words in str(caught.value), events


# Those that say something, and have no reason to finish of their own.
SAYING = [
    name
    for name, (body, _, words) in NOTHING.items()
    if words[:1] not in ("", "{") and words != "openai" and "finish_reason" not in json.dumps(body)
]


@pytest.mark.parametrize("name", SAYING)
def test_an_answer_that_does_not_end_is_an_error_with_the_servers_text(name: str) -> None:
    """The text so far is not a success, even with an end marker."""
    body, expected, words = NOTHING[name]
    with pytest.raises(expected, match=words):
        read(GOOD, body, DONE)


@pytest.mark.parametrize("name", odd_answers())
def test_odd_fields_do_not_damage_an_answer(name: str) -> None:
    """Missing, empty, of another type: the text is there, and the answer has ended."""
    text, draft, _ = read(*odd_answers()[name])
    assert (text, draft.finish_reason) == ("Fine.", "stop")
    assert {warning.parameter for warning in draft.warnings} <= {"usage"}


def test_two_odd_fields_together_do_not_damage_an_answer() -> None:
    """Every pair of them in one answer."""
    for (one, first), (two, second) in combinations(BESIDE.items(), 2):
        text, draft, _ = read({**GOOD, **first, **second}, {**END, **second, **first}, DONE)
        assert (text, draft.finish_reason) == ("Fine.", "stop"), (one, two)
    for beside in BESIDE.values():
        for in_choice in IN_CHOICE.values():
            for name, in_delta in IN_DELTA.items():
                delta = {"content": "Fine.", **in_delta}
                chunk = {
                    **GOOD,
                    **beside,
                    "choices": [{"index": 0, "delta": delta, **in_choice, "finish_reason": "stop"}],
                }
                assert read(chunk)[0] == "Fine.", (beside, in_choice, name)


def test_an_error_beside_an_answer_is_an_error() -> None:
    """Unless it is empty."""
    for error in (
        "Out of memory",
        {"message": "Out of memory"},
        [{"message": "Out of memory"}],
        {"code": 500, "message": "Out of memory"},
    ):
        with pytest.raises(bl.BrowserLLMError, match="Out of memory"):
            read({**GOOD, "error": error}, END, DONE)


def test_ids_and_models_become_strings() -> None:
    """A number does, too; an object is ignored."""
    _, draft, _ = read({**GOOD, "id": 7, "model": "big"}, {**END, "model": {}}, DONE)
    assert (draft.provider_request_id, draft.model) == ("7", "big")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([{"prompt_tokens": 9, "completion_tokens": 1}, {"prompt_tokens": 9, "completion_tokens": 4}], (9, 4)),
        ([USAGE, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}], (9, 4)),
        ([USAGE, None, {}, "x"], (9, 4)),
        ([{"prompt_tokens": 9}, {"completion_tokens": 4}], (9, 4)),
        ([{"prompt_tokens": "9", "completion_tokens": 4.0}], (9, 4)),
        ([{"prompt_tokens": 9, "total_tokens": 13}], (9, 4)),
        ([{"completion_tokens": 4, "total_tokens": 13, "prompt_tokens": None}], (9, 4)),
        ([{"prompt_tokens": 9, "completion_tokens": -1, "total_tokens": 13}], (9, 4)),
        ([{"input_tokens": 9, "output_tokens": 4}], (9, 4)),
        ([{"prompt_tokens": 9, "completion_tokens": None}], (9, 0)),
    ],
)
def test_the_largest_token_counts_are_found_anywhere(counts: list[Any], expected: tuple[int, int]) -> None:
    """In each chunk, in their own chunk, in the choice; after the finish reason."""
    beside = [{**(END if at == 0 else {"choices": []}), "usage": each} for at, each in enumerate(counts)]
    groqs = [{**(END if at == 0 else {"choices": []}), "x_groq": {"usage": each}} for at, each in enumerate(counts)]
    inside = [{**END, "choices": [{**END["choices"][0], "usage": each}]} for each in counts]
    for events in (
        [GOOD, *beside, DONE],
        [GOOD, *inside, DONE],
        [*[{**GOOD, "usage": c} for c in counts[:1]], *beside[1:], END],
        [GOOD, *groqs],
    ):
        _, draft, _ = read(*events)
        assert (draft.usage.prompt_tokens, draft.usage.completion_tokens) == expected
        assert draft.warnings == []


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["stop", "length"], "length"),
        (["length", "stop"], "length"),
        (["stop", "stop"], "stop"),
        (["STOP"], "stop"),
        (["MAX_TOKENS"], "length"),
        (["eos_token"], "stop"),
        ([{"type": "stop"}], "stop"),
        (["content_filter", "stop"], "content_filter"),
        (["null", "stop"], "stop"),
        (["tool_calls"], "stop"),
    ],
)
def test_finish_reasons_are_read_in_many_forms(reasons: list[Any], expected: str) -> None:
    """Repeated, in capitals, as an object; "stop" replaces none; "tool_calls" needs a call."""
    text, draft, _ = read(GOOD, *({"choices": [{"delta": {}, "finish_reason": reason}]} for reason in reasons), DONE)
    assert (text, draft.finish_reason) == ("Fine.", expected)


def test_chunks_after_a_finish_reason_count() -> None:
    """Text, a call, usage and an error."""
    first = {"choices": [{"index": 0, "delta": {"content": "One "}, "finish_reason": "stop"}]}
    call = {"choices": [{"delta": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}}]}
    text, draft, deltas = read(first, {"choices": [{"delta": {"content": "two."}}]}, call, {"usage": USAGE}, DONE)
    assert (text, draft.finish_reason, draft.usage.total_tokens) == ("One two.", "tool_calls", 13)
    assert [delta.name for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)] == ["f", None]
    with pytest.raises(bl.Unavailable, match="Engine died"):
        read(first, {"error": {"message": "Engine died"}})
    with pytest.raises(bl.Unavailable, match="Engine died"):
        read({"choices": [{"delta": {}, "finish_reason": "error"}]}, {"message": "Engine died"}, DONE)


def test_an_empty_answer_needs_a_finish_reason() -> None:
    """With one it is an empty answer."""
    text, draft, _ = read(END, DONE)
    assert (text, draft.finish_reason) == ("", "stop")
    text, draft, _ = read({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}, whole=True)
    assert (text, draft.finish_reason) == ("", "length")
    text, draft, _ = read(GOOD, DONE)
    assert (text, [warning.parameter for warning in draft.warnings]) == ("Fine.", ["finish_reason", "usage"])
    with pytest.raises(bl.Unavailable, match="before the answer was complete"):
        read(GOOD)


def test_calls_of_the_older_format_are_read() -> None:
    """``function_call``, in pieces and whole, alone and with the newer field."""
    pieces = [{"name": "f", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ":1}"}]
    chunks = [{"choices": [{"delta": {"function_call": piece}}]} for piece in pieces]
    end = {"choices": [{"delta": {}, "finish_reason": "function_call"}]}
    _, draft, deltas = read(*chunks, end)
    calls = [delta for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)]
    assert (calls[0].name, "".join(call.arguments for call in calls)) == ("f", '{"a":1}')
    assert draft.finish_reason == "tool_calls"
    both = {
        "function_call": {"name": "f", "arguments": "{}"},
        "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
    }
    _, _, deltas = read({"choices": [{"message": both, "finish_reason": "tool_calls"}]}, whole=True)
    assert len({delta.index for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)}) == 1


def test_names_that_come_in_pieces_are_joined() -> None:
    """If the request's tools tell which names are possible."""
    draft = Draft(
        bl.ChatRequest(messages=[bl.Message("user", "x")], tools=[bl.Tool("get_weather")]), "openai", "chat-1"
    )
    reader = ChatCompletionReader(draft, ErrorSource(backend="openai", model="m", key_name="api_key"))
    names: dict[int, str] = {}
    for name in ("get", "_wea", "ther"):
        piece = {"index": 0, "id": "a", "function": {"name": name, "arguments": ""}}
        for delta in reader.read(Event(json.dumps({"choices": [{"delta": {"tool_calls": [piece]}}]}))):
            assert isinstance(delta, bl.types.ToolCallDelta)
            names[delta.index] = delta.name or names[delta.index]
    assert names == {0: "get_weather"}


def test_a_first_empty_object_is_a_placeholder() -> None:
    """Some servers begin each call with ``{}`` and send its arguments after it; alone, it is the arguments."""
    begin = {
        "choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {}}}]}}]
    }
    more = {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}}]}
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    for events, expected in (([begin, more, end], '{"a":1}'), ([begin, end], "{}")):
        _, _, deltas = read(*events)
        assert "".join(delta.arguments for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)) == expected
