"""Anthropic, Gemini and Ollama: tool calls as their servers, and those in between, write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from unit.backends.cloud.native_formats import (
    FORMATS,
    calls_of,
    claude_items,
    gemini_items,
    lines,
    ollama_items,
    sse,
)
from unit.backends.cloud.wire_formats import message_of, read


def claude_call(*deltas: Any, given: Any = None, reason: str = "tool_use", **block: Any) -> bytes:
    """An answer with a call."""
    begun = {"type": "tool_use", "id": "a", "name": "add", "input": given, **block}
    return sse(
        claude_items()[0],
        {"type": "content_block_start", "index": 0, "content_block": begun},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in deltas
        ),
        {"type": "content_block_stop", "index": 0},
        *claude_items(reason=reason)[-2:],
    )


ARGUMENTS = {"a": 1, "city": 'Os"lo {😀'}


async def test_the_input_of_a_call_comes_with_its_start_or_in_pieces() -> None:
    """Or both, or as a string, or as an object in place of a string; nulls and empty strings are ignored."""
    text, llm = json.dumps(ARGUMENTS), FORMATS["anthropic"].llm
    for given, deltas in (
        (ARGUMENTS, []),
        (text, []),
        (ARGUMENTS, [""]),
        (ARGUMENTS, [None, ""]),
        ({}, [text]),
        (None, [text]),
        ("", ["", text, None]),
        (ARGUMENTS, [text]),
        (ARGUMENTS, [text[:7], None, text[7:]]),
        ({}, [ARGUMENTS]),
    ):
        for reason in ("tool_use", "end_turn", "stop_sequence"):
            answer = read(llm, claude_call(*deltas, given=given, reason=reason))
            assert await calls_of(answer) == [("add", ARGUMENTS)], (given, deltas)
            assert answer[1].finish_reason == "tool_calls"


async def test_a_complete_call_without_arguments_has_an_empty_object() -> None:
    """Not if the answer was cut off before they came."""
    llm = FORMATS["anthropic"].llm
    for given, deltas in (({}, []), (None, [""]), ("", [None])):
        assert await calls_of(read(llm, claude_call(*deltas, given=given))) == [("add", {})]
        cut, draft = read(llm, claude_call(*deltas, given=given, reason="max_tokens"))
        assert draft.finish_reason == "length"
        assert [delta.arguments for delta in cut if isinstance(delta, bl.types.ToolCallDelta)] == [""]


@pytest.mark.parametrize("name", [None, "", " ", {}, []])
def test_a_call_without_a_name_is_left_out(name: Any) -> None:
    """It is left out and reported; an answer with nothing else is not an answer."""
    piece = {"candidates": [{"content": {"parts": [{"functionCall": {"name": name, "args": {"a": 1}}}]}}]}
    line = {"message": {"tool_calls": [{"function": {"name": name, "arguments": {"a": 1}}}]}}
    hi = {"type": "content_block_delta", "index": 1, "delta": {"text": "Hi"}}
    for llm, body, text in (
        (FORMATS["anthropic"].llm, claude_call('{"a": 1}', name=name), sse(hi)),
        (FORMATS["gemini"].llm, sse(piece, *gemini_items()), sse(gemini_items("Hi")[0])),
        (FORMATS["ollama"].llm, lines(line, *ollama_items()), lines(ollama_items("Hi")[0])),
    ):
        with pytest.raises(bl.errors.ProtocolError, match="without a name"):
            read(llm, body)
        deltas, draft = read(llm, text + body)
        assert [delta for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)] == []
        assert (draft.finish_reason, draft.warnings[0].parameter) == ("stop", "tools")
        assert "without a name" in draft.warnings[0].message


@pytest.mark.parametrize("reason", ["tool_use", "tool_calls"])
def test_the_finish_reason_tool_calls_without_a_call_is_an_error(reason: str) -> None:
    """With text the answer ends with ``stop``."""
    form = FORMATS["anthropic" if reason == "tool_use" else "ollama"]
    with pytest.raises(bl.errors.ProtocolError, match=reason):
        read(form.llm, form.stream(*form.items(reason=reason)))
    assert read(form.llm, form.stream(*form.items("Hi", reason=reason)))[1].finish_reason == "stop"


async def test_arguments_without_a_call_are_left_out() -> None:
    """A delta of a block that never began is not a call, and does not disturb the others."""
    stray = {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "{}"}}
    answer = read(FORMATS["anthropic"].llm, sse(stray) + claude_call('{"a": 1}'))
    assert await calls_of(answer) == [("add", {"a": 1})]
    assert [warning.parameter for warning in answer[1].warnings] == ["tools"]


async def test_interleaved_calls_keep_their_own_arguments() -> None:
    """Alternating deltas of two blocks, repeated starts, ids that are numbers or equal."""

    def begin(index: int, call_id: Any) -> dict[str, Any]:
        block = {"type": "tool_use", "id": call_id, "name": "add", "input": {}}
        return {"type": "content_block_start", "index": index, "content_block": block}

    def piece(index: int, text: str) -> dict[str, Any]:
        delta = {"type": "input_json_delta", "partial_json": text}
        return {"type": "content_block_delta", "index": index, "delta": delta}

    for ids in ((1, 2), ("a", "b"), ("a", "a"), (None, None), ("", "")):
        events = [
            begin(0, ids[0]),
            begin(1, ids[1]),
            piece(0, '{"a"'),
            piece(1, '{"a"'),
            piece(0, ":1}"),
            piece(1, ":2}"),
        ]
        answer = read(FORMATS["anthropic"].llm, sse(*events, *claude_items()[-2:]))
        assert await calls_of(answer) == [("add", {"a": 1}), ("add", {"a": 2})]
        first, second = (await message_of(answer[0])).tool_calls
        assert first.id and second.id and first.id != second.id
    again = [begin(0, "a"), begin(0, "a"), piece(0, '{"a":1}')]
    assert await calls_of(read(FORMATS["anthropic"].llm, sse(*again, *claude_items()[-2:]))) == [("add", {"a": 1})]


def gemini_calls(*parts: Any, reason: str = "STOP") -> tuple[list[Delta], Draft]:
    """What an answer with these parts, a piece each, comes to."""
    pieces = [{"candidates": [{"content": {"parts": [part]}}]} for part in parts]
    return read(FORMATS["gemini"].llm, sse(*pieces, *gemini_items(reason=reason)))


async def test_a_gemini_call_may_come_whole() -> None:
    """Without an id, without arguments, with arguments as a string, with a text, several at once."""
    for args, expected in ((None, {}), ({}, {}), (ARGUMENTS, ARGUMENTS), (json.dumps(ARGUMENTS), ARGUMENTS), ("", {})):
        for part in (
            {"functionCall": {"name": "add", "args": args}},
            {"functionCall": {"name": "add", "args": args, "id": 7}},
        ):
            for reason in ("STOP", "MAX_TOKENS"):
                assert await calls_of(gemini_calls(part, reason=reason)) == [("add", expected)]
            several = {
                "candidates": [{"content": {"parts": [part, {"text": "Hi", **part}, part]}, "finishReason": "STOP"}]
            }
            answer = read(FORMATS["gemini"].llm, sse(several))
            assert await calls_of(answer) == [("add", expected)] * 3
            message = await message_of(answer[0])
            assert message.text == "Hi" and len({call.id for call in message.tool_calls}) == 3
    assert await calls_of(gemini_calls({"functionCall": {"name": "add"}}, {"functionCall": {"args": {"a": 1}}})) == [
        ("add", {"a": 1})
    ]


async def test_geminis_arguments_in_pieces_are_joined() -> None:
    """By their paths: continued strings, lists, names with dots; the last piece is an empty call."""

    def call(*pieces: dict[str, Any], more: bool = True, **said: Any) -> dict[str, Any]:
        return {
            "functionCall": {
                **said,
                **({"partialArgs": list(pieces)} if pieces else {}),
                **({"willContinue": True} if more else {}),
            }
        }

    def text(path: str, value: str, more: bool = False) -> dict[str, Any]:
        return {"jsonPath": path, "stringValue": value, **({"willContinue": True} if more else {})}

    pieces = [
        call(text("$.city", "New ", True)),
        call(text("$.city", "York")),
        call({"jsonPath": "$.days[0].n", "numberValue": 3}, {"jsonPath": "$.days[1].n", "nullValue": "NULL_VALUE"}),
        call({"jsonPath": "$['a.b']", "boolValue": False}, text('$["c\\"d"]', "")),
        call(
            text("$.[odd", "lost"),
            text("$", "lost"),
            text("", "lost"),
            {"jsonPath": None},
            {"jsonPath": "$.days[99999]", "numberValue": 1},
        ),
    ]
    expected = {"city": "New York", "days": [{"n": 3}, {"n": None}], "a.b": False, 'c"d': ""}
    for begin in ([call(name="f", id="x")], [call(text("$.city", ""), name="f")]):
        for end in ([call(more=False)], [call(text("$.city", ""), more=False)], []):
            second = {"functionCall": {"name": "g", "args": {"a": 1}}}
            assert await calls_of(gemini_calls(*begin, *pieces, *end, second)) == [("f", expected), ("g", {"a": 1})]
            assert await calls_of(gemini_calls(*begin, *pieces, *end)) == [("f", expected)]
    (cut,) = (await message_of(gemini_calls(call(name="f"), *pieces, reason="MAX_TOKENS")[0])).tool_calls
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.arguments)


def ollama_call(name: Any, arguments: Any, **more: Any) -> dict[str, Any]:
    """A call of Ollama's."""
    index = {"index": more.pop("index")} if "index" in more else {}
    return {"function": {"name": name, "arguments": arguments, **index}, **more}


def ollama_calls(*groups: list[Any], last: list[Any] | None = None) -> tuple[list[Delta], Draft]:
    """What an answer with these calls, a line for each group, comes to."""
    said = [{"message": {"content": "", "tool_calls": group}, "done": False} for group in groups]
    return read(FORMATS["ollama"].llm, lines(*said, *ollama_items(message={"content": "", "tool_calls": last})))


async def test_ollamas_arguments_are_a_string_or_an_object() -> None:
    """Or missing; one call per line, several, or in the last line."""
    for arguments, expected in (
        (ARGUMENTS, ARGUMENTS),
        (json.dumps(ARGUMENTS), ARGUMENTS),
        (None, {}),
        ("", {}),
        ({}, {}),
    ):
        call = ollama_call("add", arguments)
        assert await calls_of(ollama_calls([call])) == [("add", expected)]
        assert await calls_of(ollama_calls(last=[call])) == [("add", expected)]
        assert await calls_of(ollama_calls([call, call], [call])) == [("add", expected)] * 3
    text = json.dumps(ARGUMENTS)
    for cut in range(len(text)):
        assert await calls_of(ollama_calls([ollama_call("add", text[:cut])], [ollama_call("", text[cut:])])) == [
            ("add", ARGUMENTS)
        ]


async def test_calls_that_the_last_line_repeats_are_made_once() -> None:
    """All of them; a real second call has another id, another place, or an earlier line."""
    a, b = ollama_call("add", {"a": 1}), ollama_call("add", {"a": 2})
    for groups in ([[a]], [[a], [b]], [[a, b]], [[{**a, "id": "x"}], [b]]):
        said = [call for group in groups for call in group]
        expected = await calls_of(ollama_calls(*groups))
        assert await calls_of(ollama_calls(*groups, last=said)) == expected
    named = {**a, "id": "x"}
    assert len(await calls_of(ollama_calls([named], [named]))) == 1
    assert len(await calls_of(ollama_calls([named], [{**a, "id": "y"}]))) == 2
    assert len(await calls_of(ollama_calls([named], last=[{**a, "id": "y"}]))) == 2
    assert len(await calls_of(ollama_calls([a], [a]))) == 2
    assert (
        len(
            await calls_of(
                ollama_calls([ollama_call("add", {"a": 1}, index=0)], last=[ollama_call("add", {"a": 1}, index=1)])
            )
        )
        == 2
    )
    clash = await message_of(ollama_calls([named], [{**b, "id": "x"}])[0])
    assert len({call.id for call in clash.tool_calls}) == 2
