"""Hypothesis against what reads tool calls: whatever the pieces, the same; whatever the text, no failure.

Here and not with the unit tests, because Hypothesis is not there in a page.

Seeds are Hypothesis' own; a failure prints the text, and how it was cut.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browserllm.schemas.lenient import MAX_HELD, repair
from browserllm.toolcalls import ToolCallParser
from browserllm.types import Tool, ToolCallDelta

# Ten thousand cases take a minute longer when each line is counted; the unit tests reach the same lines.
pytestmark = pytest.mark.no_cover

TOOLS = [
    Tool(
        "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    ),
    Tool("add", "", {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}),
]

Read = tuple[str, list[tuple[str, str, str]]]
"""The text, and of each call the name, the id and the arguments."""


def read(pieces: list[str]) -> Read:
    """What the parser makes of the pieces."""
    ids = iter(range(10**6))
    parser = ToolCallParser(TOOLS, new_id=lambda: f"id{next(ids)}")
    found = [piece for text in pieces for piece in parser.feed(text)] + parser.finish()
    calls: dict[int, list[str]] = {}
    for piece in found:
        if isinstance(piece, ToolCallDelta):
            call = calls.setdefault(piece.index, ["", "", ""])
            assert (piece.name is None) == bool(call[0]), "the name comes with the first delta, and once"
            call[0] += piece.name or ""
            call[1] += piece.id or ""
            call[2] += piece.arguments
    assert list(calls) == list(range(parser.calls))
    return "".join(piece for piece in found if isinstance(piece, str)), [(c[0], c[1], c[2]) for c in calls.values()]


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """The text in pieces, empty ones too."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


words = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=4,
)
objects = st.dictionaries(words, values, max_size=4)
names = st.sampled_from(["get_weather", "add"])
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"separators": (" , ", " :  ")}]
)


@st.composite
def written_calls(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """One to three calls in one of the ways that models write them; the text, and names with arguments."""
    calls = [(draw(names), json.dumps(draw(objects), **draw(layouts))) for _ in range(draw(st.integers(1, 3)))]
    key = draw(st.sampled_from(["arguments", "parameters"]))
    bodies = [f'{{"name": "{name}", "{key}": {arguments}}}' for name, arguments in calls]
    turned = [f'{{"{key}": {arguments}, "name": "{name}"}}' for name, arguments in calls]
    whole = [
        json.dumps({"type": "function", "id": "x", "function": {"name": name, "arguments": arguments}})
        for name, arguments in calls
    ]
    form = draw(st.integers(0, 8))
    text = [
        "\n".join(f"<tool_call>\n{body}\n</tool_call>" for body in bodies),
        "".join(f"<tool_call>{body}</tool_call>" for body in turned),
        f"[TOOL_CALLS] [{', '.join(bodies)}]",
        "".join(f"[TOOL_CALLS]{name}[ARGS]{arguments}" for name, arguments in calls),
        f"<|tool_call|>[{', '.join(bodies)}]<|/tool_call|>",
        "; ".join(bodies),
        f"```json\n[{','.join(bodies)}]\n```",
        "".join(f"<function={name}>{arguments}</function>" for name, arguments in calls),
        "\n".join(whole),
    ][form]
    return text, calls


def same(one: str, other: str) -> bool:
    """Whether two JSON texts have the same value."""
    return json.loads(one) == json.loads(other)


@settings(max_examples=800, deadline=None)
@given(st.data(), written_calls(), st.sampled_from(["", "Let me look.\n", "Hm: \n\n", "<think>so</think>\n"]))
def test_calls_are_read_however_they_are_written_and_cut(
    data: Any, written: tuple[str, list[tuple[str, str]]], before: str
) -> None:
    """Each way to write calls gives the text before them and the calls, with arguments to the letter."""
    text, calls = written
    said, found = read(data.draw(cut(before + text)))
    assert said == before.rstrip()
    assert [(name, arguments) for name, _, arguments in found] == calls


fragments = st.sampled_from(
    [
        "<tool_call>",
        "</tool_call>",
        "<|tool_call|>",
        "<|/tool_call|>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<|python_tag|>",
        "<function=",
        "<parameter=city>",
        "</parameter>",
        "</function>",
        "```",
        "```json\n",
        "```tool_code\n",
        "get_weather",
        "add",
        '{"name": "add", "arguments": ',
        '"name"',
        "'arguments'",
        "arguments",
        "function",
        "print(",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ":",
        ",",
        '"',
        "'",
        "\\",
        "\\u12",
        "\n",
        " ",
        "  \n",
        "=",
        "city=",
        "1",
        "-2.5e3",
        "True",
        "null",
        "Oslo",
        "<",
        ";",
        "text. ",
        "\x00",
        "é",
        "𝄞",
        "\ud800",
    ]
)
soups = st.lists(fragments | st.text(max_size=4), max_size=16).map("".join)


@settings(max_examples=3_500, deadline=None)
@given(st.data(), soups)
def test_any_text_gives_the_same_whatever_its_pieces(data: Any, text: str) -> None:
    """Calls, halves of calls and junk in any order: one character at a time, at random and at once are alike."""
    whole = read([text])
    assert read(list(text)) == whole
    assert read(data.draw(cut(text))) == whole


@settings(max_examples=3_500, deadline=None)
@given(st.text())
def test_text_without_calls_passes_to_the_letter(text: str) -> None:
    """What is no call is neither changed nor lost."""
    if not any(mark in text for mark in ("get_weather", "add", "<", "[TOOL_CALLS]")):
        assert read([text]) == (text, [])


@settings(max_examples=600, deadline=None)
@given(objects, layouts)
def test_valid_json_is_not_touched(value: Any, layout: dict[str, Any]) -> None:
    """The repairs find nothing to repair."""
    text = json.dumps(value, **layout)
    assert repair(text) == text


@settings(max_examples=3_500, deadline=None)
@given(soups)
def test_what_is_repaired_is_json(text: str) -> None:
    """A repair either gives JSON, or says that the text breaks off."""
    repaired = repair(text)
    if repaired is not None:
        json.loads(repaired)


@settings(max_examples=500, deadline=None)
@given(values)
def test_python_is_read_as_json(value: Any) -> None:
    """A value as Python shows it becomes the JSON of the same value."""
    if not any(quote in repr(value) for quote in "'\"\\") or isinstance(value, (bool, int, float, type(None))):
        repaired = repair(repr(value))
        assert repaired is not None
        assert same(repaired, json.dumps(value))


def test_nothing_is_held_without_bounds() -> None:
    """What never ends comes out, as text or as a call's arguments, and little of it is kept."""
    starts = [
        "",
        "{",
        '{"type": "',
        '{"arguments": {"a": "',
        "<tool_call>",
        '<tool_call>{"name": "',
        '<tool_call>{"x": [',
        "```",
        " ",
        '<tool_call>{"name": "add", "arguments": {"a": "',
        '<tool_call>{"name": "add", "arguments": {"a": ',
        "add(a=",
        "add(",
        "<function=add><parameter=a>",
        '<tool_call>{"name": "add", "arguments": {}, "id": "',
        '<tool_call>{"name": "add", "arguments": {"a": [',
    ]
    for start in starts:
        for filling in ("x" * 512, " " * 512, '"\\" ' * 128, '{"type": ' * 50):
            parser = ToolCallParser(TOOLS)
            fed = out = 0
            for piece in [start] + [filling] * 200:
                fed += len(piece)
                out += sum(len(p) if isinstance(p, str) else len(p.arguments) for p in parser.feed(piece))
                assert fed - out < MAX_HELD + 4096 or parser.calls, (start, filling)
                assert parser._reader.held < MAX_HELD + 4096, (start, filling)
            parser.finish()
