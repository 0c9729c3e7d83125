"""Tool calls cut into pieces and numbered in every way that servers do: always the same calls.

Seeds are Hypothesis' own; a failure prints the calls, how they were cut, and how they were numbered.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.json_text import JsonText
from browserllm.backends.cloud.openai.reader import ChatCompletionReader
from browserllm.backends.cloud.sse import Event
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from cases import cases

pytestmark = pytest.mark.no_cover

TOOLS = [bl.Tool(name) for name in ("add", "get_weather", "get_time", "note")]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('a"\\{}[]:, é😀\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:{", max_size=2), inner, max_size=3),
    max_leaves=6,
)
arguments = st.builds(
    lambda value, spaced, plain: json.dumps(value, separators=None if spaced else (",", ":"), ensure_ascii=plain),
    st.dictionaries(st.text('ab"', min_size=1, max_size=3), values, max_size=3),
    st.booleans(),
    st.booleans(),
)
call_lists = st.lists(
    st.tuples(st.sampled_from([tool.name for tool in TOOLS]), arguments), min_size=1, max_size=4, unique=True
)


class Style(NamedTuple):
    """How a server numbers calls and names them."""

    numbers: str
    id: str
    name: str
    first: str


styles = st.builds(
    Style,
    st.sampled_from(["own", "from one", "as a text", "same", "none", "within the chunk"]),
    st.sampled_from(["first", "each", "another", "late", "never", "empty", "number"]),
    st.sampled_from(["first", "each", "empty later"]),
    st.sampled_from(["with arguments", "empty", "null", "missing"]),
)


def fragments(data: st.DataObject, text: str) -> list[str]:
    """A text cut anywhere."""
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]


def entries(style: Style, call: int, name: str, parts: list[str]) -> list[dict[str, Any]]:
    """The pieces of a call."""
    if (style.id, style.name) == ("another", "each"):
        # Names and ids alone, twice, are two calls.
        parts = [part for part in parts if part]
    if style.first != "with arguments":
        parts = ["", *parts]
    made: list[dict[str, Any]] = []
    for at, part in enumerate(parts):
        function: dict[str, Any] = {"arguments": part}
        if at == 0 and style.first == "null":
            function["arguments"] = None
        elif at == 0 and style.first == "missing":
            del function["arguments"]
        if at == 0 or style.name == "each":
            function["name"] = name
        elif style.name == "empty later":
            function["name"] = ""
        entry: dict[str, Any] = {"function": function}
        index = {"own": call, "from one": call + 1, "as a text": str(call), "same": 0}.get(style.numbers)
        if index is not None:
            entry["index"] = index
        call_id: Any = {"another": f"c{call}.{at}", "empty": "", "each": f"c{call}"}.get(style.id)
        if style.id in ("first", "number") and at == 0:
            call_id = 100 + call if style.id == "number" else f"c{call}"
        if style.id == "late" and at == (1 if "".join(parts[1:]) else 0):
            call_id = f"c{call}"
        if call_id is not None:
            entry["id"] = call_id
        made.append(entry)
    return made


def chunk(calls: list[dict[str, Any]], finish: str | None = None, place: str = "delta") -> dict[str, Any]:
    """A chunk with pieces of calls."""
    return {"choices": [{"index": 0, place: {"tool_calls": calls}, "finish_reason": finish}]}


def read(*events: Any) -> tuple[list[tuple[str, str]], list[str], list[bl.types.ChatWarning]]:
    """The calls that a reader makes of events, their ids, and what was warned of."""
    draft = Draft(bl.ChatRequest(messages=[bl.Message("user", "x")], tools=TOOLS), "openai", "chat-1")
    reader = ChatCompletionReader(draft, ErrorSource(backend="openai", model="m", key_name="api_key"))
    deltas: list[Delta] = []
    for event in events:
        deltas += reader.read(Event(json.dumps(event)))
    deltas += reader.read(Event("[DONE]"))
    deltas += reader.finish()
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        assert isinstance(delta, bl.types.ToolCallDelta)
        call = calls.setdefault(delta.index, ["", "", ""])
        call[0], call[1] = delta.name or call[0], delta.id or call[1]
        call[2] += delta.arguments
    assert list(calls) == list(range(len(calls)))
    ids = [call[1] for call in calls.values()]
    assert all(ids) and len(set(ids)) == len(ids)
    assert draft.finish_reason == ("tool_calls" if calls else "stop")
    return [(name, text) for name, _, text in calls.values()], ids, draft.warnings


def stream_of(data: st.DataObject, style: Style, calls: list[tuple[str, str]], mixed: bool) -> list[dict[str, Any]]:
    """The chunks of calls: one after another or, where the style can tell them apart, mixed."""
    pieces = [entries(style, at, name, fragments(data, text)) for at, (name, text) in enumerate(calls)]
    if mixed:
        order: list[dict[str, Any]] = []
        while any(pieces):
            # Calls begin in their order.
            begun = [each for each in pieces if each and not each[0]["function"].get("name")]
            unbegun = [each for each in pieces if each and each not in begun]
            order.append(data.draw(st.sampled_from([*begun, *unbegun[:1]])).pop(0))
    else:
        order = [entry for each in pieces for entry in each]
    chunks: list[dict[str, Any]] = []
    while order:
        size = data.draw(st.integers(1, 4))
        if style.numbers == "within the chunk" and style.name == "each":
            # Two places of a chunk that both name the same function are two calls.
            size = 1 + any(order[0]["function"]["name"] != each["function"]["name"] for each in order[1:2])
        some, order = order[:size], order[size:]
        if style.numbers == "within the chunk":
            for at, entry in enumerate(some):
                entry["index"] = at
        chunks.append(chunk(some))
    return chunks


@settings(max_examples=cases(300), deadline=None)
@given(call_lists, styles, st.data())
def test_calls_are_the_same_in_every_split_and_numbering(
    calls: list[tuple[str, str]], style: Style, data: st.DataObject
) -> None:
    """One call after another: names, arguments, their order and the server's ids."""
    got, ids, warnings = read(*stream_of(data, style, calls, mixed=False), chunk([], "tool_calls"))
    assert got == calls
    assert [warning.parameter for warning in warnings] == ["usage"]
    if style.id in ("first", "each") or (style.id == "late" and style.numbers != "within the chunk"):
        assert ids == [f"c{at}" for at in range(len(calls))]
    elif style.id == "number":
        assert ids == [f"{100 + at}" for at in range(len(calls))]


@settings(max_examples=120, deadline=None)
@given(call_lists, styles, st.data())
def test_interleaved_calls_are_distinguished_by_their_index_or_id(
    calls: list[tuple[str, str]], style: Style, data: st.DataObject
) -> None:
    """If each piece has its call's index or id."""
    has_ids = style.id == "each" and len({name for name, _ in calls}) == len(calls)
    assume(style.name == "first" and (style.numbers in ("own", "from one", "as a text") or has_ids))
    got, _, _ = read(*stream_of(data, style, calls, mixed=True), chunk([], "tool_calls"))
    assert got == calls


@settings(max_examples=120, deadline=None)
@given(call_lists, styles, st.data(), st.sampled_from(["delta", "message"]), st.booleans())
def test_calls_repeated_as_a_whole_are_the_same_calls(
    calls: list[tuple[str, str]], style: Style, data: st.DataObject, place: str, known: bool
) -> None:
    """In the last chunk, as a delta or as a message, with ids or without."""
    assume(style.id not in ("another", "number") and (style.id, style.numbers) != ("late", "within the chunk"))
    whole = [
        {
            "index": at,
            "id": f"c{at}" if known and style.id not in ("never", "empty") else None,
            "function": {"name": name, "arguments": text},
        }
        for at, (name, text) in enumerate(calls)
    ]
    got, _, warnings = read(*stream_of(data, style, calls, mixed=False), chunk(whole, "tool_calls", place))
    assert got == calls
    assert [warning.parameter for warning in warnings] == ["usage"]


@settings(max_examples=100, deadline=None)
@given(call_lists, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["delta", "message"]))
def test_whole_calls_are_read_in_every_place(
    calls: list[tuple[str, str]], at_once: bool, as_object: bool, has_index: bool, place: str
) -> None:
    """In one chunk or in many, as a string or as JSON, with an index or without, in a delta or in a message."""
    made = [
        {
            **({"index": at} if has_index else {}),
            "function": {"name": name, "arguments": json.loads(text) if as_object else text},
        }
        for at, (name, text) in enumerate(calls)
    ]
    chunks = [chunk(made, "tool_calls", place)] if at_once else [*(chunk([each], None, place) for each in made)]
    got, _, _ = read(*chunks, chunk([], "tool_calls"))
    assert [(name, json.loads(text)) for name, text in got] == [(name, json.loads(text)) for name, text in calls]


@settings(max_examples=100, deadline=None)
@given(arguments, st.data(), st.sampled_from(["length", "content_filter", "stop", "tool_calls"]))
def test_arguments_that_are_cut_stay_cut_and_are_reported(text: str, data: st.DataObject, finish: str) -> None:
    """They are never completed; missing ones become an empty object only if the answer ended normally."""
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    parts = entries(Style("own", "first", "first", "empty"), 0, "add", fragments(data, cut))
    got, _, warnings = read_cut([*(chunk([part]) for part in parts), chunk([], finish)])
    if cut or finish in ("length", "content_filter"):
        assert got == [("add", cut)]
        assert "'add'" in next(each.message for each in warnings if each.parameter == "tools")
    else:
        assert got == [("add", "{}")]


def read_cut(events: list[Any]) -> tuple[list[tuple[str, str]], list[str], list[bl.types.ChatWarning]]:
    """As `read`, whatever the reason to finish."""
    draft = Draft(bl.ChatRequest(messages=[bl.Message("user", "x")], tools=TOOLS), "openai", "chat-1")
    reader = ChatCompletionReader(draft, ErrorSource(backend="openai", model="m", key_name="api_key"))
    deltas = [delta for event in events for delta in reader.read(Event(json.dumps(event)))] + list(reader.finish())
    calls = [delta for delta in deltas if isinstance(delta, bl.types.ToolCallDelta)]
    return [(str(calls[0].name), "".join(delta.arguments for delta in calls))], [], draft.warnings


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(["add", "", None, "note"]), min_size=1, max_size=6), st.data())
def test_every_call_has_a_name_whatever_comes(names: list[str | None], data: st.DataObject) -> None:
    """Random pieces: every call has a name that was sent, and a problem reports the rest."""
    pieces = [
        {
            "index": data.draw(st.none() | st.integers(0, 2)),
            "id": data.draw(st.sampled_from([None, "", "x", "y"])),
            "function": {
                "name": name,
                "arguments": data.draw(st.sampled_from(["", "{}", '{"a"', ":1}", "x", None, 7])),
            },
        }
        for name in names
    ]
    events = [*(chunk([piece]) for piece in pieces), chunk([], "tool_calls")]
    if any(names):
        got, _, _ = read(*events)
        assert got and {name for name, _ in got} <= {name for name in names if name}
    else:
        with pytest.raises(bl.errors.ProtocolError, match="without a tool call"):
            read(*events)


@settings(max_examples=120, deadline=None)
@given(values, st.data(), st.booleans())
def test_json_in_pieces_is_complete_only_at_its_end(value: Any, data: st.DataObject, spaced: bool) -> None:
    """In any pieces; and after each piece it can continue with the next one."""
    text = json.dumps(value, separators=None if spaced else (",", ":"), ensure_ascii=False)
    read_so_far = JsonText()
    for part in fragments(data, text):
        assert not part.strip() or not read_so_far.whole
        assert read_so_far.takes(part)
        read_so_far.add(part)
    assert read_so_far.ended and read_so_far.said() == text
    if text[0] in '{["':
        assert read_so_far.whole and not read_so_far.takes("{")
