"""Properties of the tool call parser: the pieces make no difference, and no text makes it fail.

Not among the unit tests, because Hypothesis does not run in a page.

Hypothesis chooses the seeds; a failure prints the text and its pieces.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browserllm.constrained.tool_calls import ToolCallParser, format_for
from browserllm.constrained.tool_calls.formats import FORMATS, ToolFormat
from browserllm.json_schema.lenient import MAX_HELD, repair
from browserllm.types import Tool, ToolCallDelta, ToolCallPart
from cases import EXPLORES, cases

# Ten thousand cases take a minute longer when each line is counted; the unit tests reach the same lines.
pytestmark = pytest.mark.no_cover

TOOLS = [
    Tool(
        "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    ),
    Tool("add", "", {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}),
]
forms = st.sampled_from(list(FORMATS.values()))

Read = tuple[str, list[tuple[str, str, str]]]
"""Return the text, and the name, id and arguments of each call."""


def read(pieces: list[str], form: ToolFormat | None = None, tools: list[Tool] = TOOLS) -> Read:
    """Parse the pieces of an answer in a family's format."""
    ids = iter(range(10**6))
    parser = ToolCallParser(tools, form, new_id=lambda: f"id{next(ids)}")
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
    """Draw a text in pieces, including empty ones."""
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
def written_calls(draw: st.DrawFn) -> tuple[str, str, list[tuple[str, str]]]:
    """Draw one to three calls in one notation: the family, the text, and names with arguments."""
    calls = [(draw(names), json.dumps(draw(objects), **draw(layouts))) for _ in range(draw(st.integers(1, 3)))]
    key = draw(st.sampled_from(["arguments", "parameters"]))
    bodies = [f'{{"name": "{name}", "{key}": {arguments}}}' for name, arguments in calls]
    turned = [f'{{"{key}": {arguments}, "name": "{name}"}}' for name, arguments in calls]
    whole = [
        json.dumps({"type": "function", "id": "x", "function": {"name": name, "arguments": arguments}})
        for name, arguments in calls
    ]
    functions = "".join(f"<function={name}>{arguments}</function>" for name, arguments in calls)
    family, text = draw(
        st.sampled_from(
            [
                ("Qwen3", "\n".join(f"<tool_call>\n{body}\n</tool_call>" for body in bodies)),
                ("", "".join(f"<tool_call>{body}</tool_call>" for body in turned)),
                ("Hermes 3", "".join(f"<tool_call>{body}</tool_call>" for body in whole)),
                ("Mistral", f"[TOOL_CALLS] [{', '.join(bodies)}]"),
                ("Mistral", f" [{', '.join(bodies)}]"),
                ("Ministral 3", "".join(f"[TOOL_CALLS]{name}[ARGS]{arguments}" for name, arguments in calls)),
                ("Phi 4", f"<|tool_call|>[{', '.join(bodies)}]<|/tool_call|>"),
                ("Llama 3.2", "; ".join(bodies)),
                ("Llama 3.2", "\n".join(whole)),
                ("Llama 3.1", functions),
                ("Qwen3.5", functions),
                ("Gemma 3", f"```json\n[{','.join(bodies)}]\n```"),
            ]
        )
    )
    return family, text, calls


def same(one: str, other: str) -> bool:
    """Whether two JSON texts have the same value."""
    return json.loads(one) == json.loads(other)


@settings(max_examples=cases(800), deadline=None)
@given(st.data(), written_calls(), st.sampled_from(["", "Let me look.\n", "Hm: \n\n", "<think>so</think>\n"]))
def test_calls_are_parsed_in_every_notation_however_they_are_cut(
    data: Any, written: tuple[str, str, list[tuple[str, str]]], before: str
) -> None:
    """Each notation gives the text before the calls and the calls, with verbatim arguments."""
    family, text, calls = written
    form = format_for(family)
    if form.bare or family.startswith("Llama"):
        before = before[len(before.rstrip()) :]  # there a call begins the answer
    said, found = read(data.draw(cut(before + text)), form)
    assert said == before.rstrip()
    assert [(name, arguments) for name, _, arguments in found] == calls


@settings(max_examples=cases(500), deadline=None)
@given(st.data(), forms, st.lists(st.tuples(names, objects.map(json.dumps)), min_size=1, max_size=3))
def test_calls_rendered_in_each_format_are_parsed_back(
    data: Any, form: ToolFormat, calls: list[tuple[str, str]]
) -> None:
    """Calls in a family's format, cut anywhere, give the same calls."""
    parts = [ToolCallPart(f"call{index:05}", name, arguments) for index, (name, arguments) in enumerate(calls)]
    said, found = read(data.draw(cut(form.render_calls(parts))), form)
    assert said == ""
    assert [(name, arguments) for name, _, arguments in found] == calls


tags = ["<parameter=", "<function=", "<tool_call>", "</parameter", "</tool_call", "<", ">", "&lt;", "\n", "x", '"', "`"]


def soups_of_tags() -> st.SearchStrategy[str]:
    """Draw tags and parts of tags in any order, without whole closing tags."""
    return (
        st.lists(st.sampled_from(tags), max_size=8).map("".join).filter(lambda text: "\n<parameter=" not in f"\n{text}")
    )


kept = st.text(st.characters(codec="utf-8", exclude_characters="`~\n"), max_size=20)
places = st.sampled_from(
    ["{before}. Write {call}{after}", "x `{call}` {after}", "{before}\n\n- {call}", "```\n{call}\n```\n{after}",
     "a\n~~~ x\n{before}\n{call}", "> {before}{call}{after}", "1. {call}\n{after}", "x\n\n    {call}",
     "```json\n{call}\n```\n.{after}"]
)  # fmt: skip


@settings(max_examples=cases(600), deadline=None)
@given(st.data(), forms, written_calls(), places, kept, kept)
def test_mentioned_calls_are_text(
    data: Any, form: ToolFormat, written: tuple[str, str, list[tuple[str, str]]], place: str, before: str, after: str
) -> None:
    """In any family's format, with any text before and after, cut anywhere."""
    own = form.render_calls([ToolCallPart("call12345", *written[2][0])])
    call = data.draw(st.sampled_from([own, written[1]]))
    text = place.format(before=before, call=call, after=after)
    assert read(data.draw(cut(text)), form) == (text, [])


literal = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=cases(600), deadline=None)
@given(st.data(), words | literal.map(json.dumps) | objects.map(json.dumps) | soups_of_tags())
def test_an_unquoted_string_is_verbatim(data: Any, value: str) -> None:
    """Whatever it looks like, if only a string is allowed; ``null`` is null if null is allowed too."""
    for schema, allowed in (({"type": "string"}, False), ({"type": ["string", "null"]}, True)):
        tool = Tool("note", "", {"type": "object", "properties": {"text": schema, "n": {"type": "integer"}}})
        text = (
            f"<tool_call>\n<function=note>\n<parameter=n>\n1\n</parameter>\n<parameter=text>\n{value}\n</parameter>\n"
            "</function>\n</tool_call>"
        )
        said, found = read(data.draw(cut(text)), format_for("Qwen3.5"), [tool])
        expected = None if allowed and value.strip() in {"null", "None"} else value
        assert (said, len(found)) == ("", 1)
        assert json.loads(found[0][2]) == {"n": 1, "text": expected}


@settings(max_examples=cases(300), deadline=None)
@given(st.data(), literal | st.lists(literal, max_size=3) | st.dictionaries(words, literal, max_size=3), layouts)
def test_an_unquoted_value_of_another_type_is_that_value(data: Any, value: Any, layout: dict[str, Any]) -> None:
    """If that type is allowed, alone or beside a string."""
    kinds = {type(None): "null", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    kind = kinds[type(value)]
    for schema in ({"type": kind}, {"type": [kind, "string"]}, {"anyOf": [{"type": "string"}, {"type": kind}]}, {}):
        tool = Tool("note", "", {"type": "object", "properties": {"value": schema}})
        bare = json.dumps(value, **layout)
        text = f"<tool_call><function=note><parameter=value>\n{bare}\n</parameter></function></tool_call>"
        said, found = read(data.draw(cut(text)), None, [tool])
        assert said == ""
        assert json.loads(found[0][2]) == {"value": value}


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
        "\n```",
        "~~~",
        "\n- ",
        "> ",
        ". ",
        "</tool_call>\n",
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
@given(st.data(), soups, forms)
def test_the_pieces_of_a_text_make_no_difference(data: Any, text: str, form: ToolFormat) -> None:
    """Calls, parts of calls and junk in any order: one character at a time, at random and at once."""
    whole = read([text], form)
    assert read(list(text), form) == whole
    assert read(data.draw(cut(text)), form) == whole


@settings(max_examples=3_500, deadline=None)
@given(st.text(), forms)
def test_text_without_calls_passes_verbatim(text: str, form: ToolFormat) -> None:
    """It is neither changed nor lost."""
    if not any(mark in text for mark in ("get_weather", "add", "<", "[TOOL_CALLS]")):
        assert read([text], form) == (text, [])


@settings(max_examples=cases(600), deadline=None)
@given(objects, layouts)
def test_valid_json_stays_unchanged(value: Any, layout: dict[str, Any]) -> None:
    """The repairs find nothing to repair."""
    text = json.dumps(value, **layout)
    assert repair(text) == text


@settings(max_examples=3_500, deadline=None)
@given(soups)
def test_a_repair_returns_valid_json_or_none(text: str) -> None:
    """``None`` means that the text breaks off."""
    repaired = repair(text)
    if repaired is not None:
        json.loads(repaired)


@settings(max_examples=cases(500), deadline=None)
@given(values)
def test_python_is_read_as_json(value: Any) -> None:
    """The ``repr`` of a value becomes the JSON of the same value."""
    if not any(quote in repr(value) for quote in "'\"\\") or isinstance(value, (bool, int, float, type(None))):
        repaired = repair(repr(value))
        assert repaired is not None
        assert same(repaired, json.dumps(value))


def test_the_held_text_is_bounded() -> None:
    """Endless values come out as text or as a call's arguments, and little of them is kept."""
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
        "<tool_call><function=add><parameter=a>",
        "<tool_call><function=add><parameter=a></parameter>",
        "```json\n",
        '```json\n{"name": "add", "parameters": {"a": "',
        '```json\n{"name": "add", "parameters": {}}',
        "```tool_code\nadd(a=",
        '<tool_call>{"name": "add", "arguments": {}, "id": "',
        '<tool_call>{"name": "add", "arguments": {"a": [',
    ]
    forms = (FORMATS["other"], FORMATS["qwen3.5"], FORMATS["gemma"])
    for number, start in enumerate(starts):
        fillings = ("x" * 512, " " * 512, '"\\" ' * 128, '{"type": ' * 50, "</parameter> ", "\n```\n")
        for turn, filling in enumerate(fillings):
            # Each filling meets each form, with another start; `make explore` tries all of them.
            for form in forms if EXPLORES else [forms[(number + turn) % 3]]:
                parser = ToolCallParser(TOOLS, form)
                fed = out = 0
                for piece in [start] + [filling] * 200:
                    fed += len(piece)
                    out += sum(len(p) if isinstance(p, str) else len(p.arguments) for p in parser.feed(piece))
                    assert fed - out < MAX_HELD + 4096 or parser.calls, (start, filling)
                    assert parser._reader.held < MAX_HELD + 4096, (start, filling)
                parser.finish()
