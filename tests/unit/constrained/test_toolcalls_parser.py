"""Parsing tool calls in the ways that models write them, correct and not."""

from __future__ import annotations

import pytest

from browserllm.constrained.tool_calls import ToolCallParser, format_for
from browserllm.types import Tool, ToolCallDelta

TOOLS = [
    Tool("weather", "", {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}),
    Tool("add", "", {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}),
]
OSLO = ("weather", '{"city": "Oslo"}')
FAMILIES = ["Pocket", "Hermes 3", "Qwen2.5", "Qwen3.5", "Llama 3.2", "Mistral", "Ministral 3", "Phi 4", "Gemma 3", ""]


def read(text: str, size: int = 1, family: str = "") -> tuple[str, list[tuple[str, str]]]:
    """Return the text, and the name and arguments of each call, from an answer in pieces of this size."""
    parser = ToolCallParser(TOOLS, format_for(family))
    pieces = [piece for at in range(0, len(text), size) for piece in parser.feed(text[at : at + size])]
    pieces += parser.finish()
    calls: dict[int, tuple[str, str]] = {}
    for piece in pieces:
        if isinstance(piece, ToolCallDelta):
            name, arguments = calls.get(piece.index, ("", ""))
            calls[piece.index] = (name + (piece.name or ""), arguments + piece.arguments)
    return "".join(piece for piece in pieces if isinstance(piece, str)), list(calls.values())


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("family", "text", "said", "calls"),
    [
        # as families write them
        ("Qwen3", '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>', "", [OSLO]),
        ("Llama 3.2", '{"name": "weather", "parameters": {"city": "Oslo"}}', "", [OSLO]),
        ("Llama 3.1", '<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo"}}', "", [OSLO]),
        ("Llama 3.1", '<function=weather>{"city": "Oslo"}</function>', "", [OSLO]),
        ("Mistral", '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Oslo"}, "id": "abc"}]', "", [OSLO]),
        ("Mistral", ' [{"name": "weather", "arguments": {"city": "Oslo"}, "id": "abc"}]', "", [OSLO]),
        ("Ministral 3", '[TOOL_CALLS]weather[ARGS]{"city": "Oslo"}[TOOL_CALLS]add[ARGS]{}', "", [OSLO, ("add", "{}")]),
        ("Ministral 3", 'Let me look.[TOOL_CALLS]weather[ARGS]{"city": "Oslo"}', "Let me look.", [OSLO]),
        ("Phi 4", '<|tool_call|>[{"name": "weather", "arguments": {"city": "Oslo"}}]<|/tool_call|>', "", [OSLO]),
        ("", "<|tool_call_start|>[weather(city='Oslo')]<|tool_call_end|>", "", [OSLO]),
        ("", '<function_call>{"name": "weather", "arguments": {"city": "Oslo"}}</function_call>', "", [OSLO]),
        ("Gemma 3", "```tool_code\nprint(weather(city='Oslo'))\n```", "", [OSLO]),
        ("Gemma 3", "I look.\n```tool_code\nprint(weather(city='Oslo'))\n```\n", "I look.", [OSLO]),
        ("Gemma 3", '```json\n{"name": "weather", "parameters": {"city": "Oslo"}}\n```', "", [OSLO]),
        *(
            (
                family,
                "<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n"
                "</parameter>\n</function>\n</tool_call>",
                "",
                [("weather", '{"city": "Oslo", "days": 3}')],
            )
            for family in ("Qwen3.5", "Qwen3", "")
        ),
        (
            "Qwen3.5",
            "Let me look.\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n</function>",
            "Let me look.",
            [OSLO],
        ),
        ("Qwen3.5", "<function=add>\n</function>", "", [("add", "{}")]),
        ("Qwen3", "<tool_call>\n<function=add>\n</tool_call>", "", [("add", "{}")]),
        # text around, several
        (
            "Qwen3",
            'Let me look.\n<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>',
            "Let me look.",
            [OSLO],
        ),
        ("Qwen3", '<tool_call>{"name": "add", "arguments": {}}</tool_call>\nDone.', "\nDone.", [("add", "{}")]),
        ("Gemma 3", '[weather(city="Oslo"), add(1, b=2)]', "", [OSLO, ("add", '{"a": 1, "b": 2}')]),
        (
            "Llama 3.2",
            '{"name": "add", "arguments": {"a": 1}}; {"name": "add", "arguments": {}}',
            "",
            [("add", '{"a": 1}'), ("add", "{}")],
        ),
        ("Qwen3", '<tool_call>{"name": "add", "arguments": {}}</tool_call>\n \n', "", [("add", "{}")]),
        (
            "Qwen3",
            '<tool_call>{"name": "add"}</tool_call>  <tool_call>{"name": "add"}</tool_call>',
            "",
            [("add", "{}"), ("add", "{}")],
        ),
        # the wrong form
        (
            "Llama 3.2",
            '{"type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}',
            "",
            [("add", '{"a": 1}')],
        ),
        ("Qwen3", '<tool_call>{"weather": {"city": "Oslo"}}</tool_call>', "", [OSLO]),
        ("Llama 3.2", '{"arguments": {"city": "Oslo"}, "name": "weather"}', "", [OSLO]),
        ("Qwen3", '<tool_call>weather\n{"city": "Oslo"}</tool_call>', "", [OSLO]),
        ("Qwen3", '<tool_call>weather({"city": "Oslo"})</tool_call>', "", [OSLO]),
        ("Qwen3", '<tool_call>weather(["Oslo"], days', "", [("weather", '{"city": ["Oslo"], "days": ')]),
        (
            "Qwen3",
            "<tool_call>{'name': 'add', 'arguments': {'a': True, 'b': None,}}</tool_call>",
            "",
            [("add", '{"a": true, "b": null}')],
        ),
        ("Qwen3", '<tool_call>{name: "weather", arguments: {city: Oslo}}</tool_call>', "", [OSLO]),
        (
            "Qwen3",
            '<tool_call>{"name": "weather", "arguments": {"city": "a "big" one"}}</tool_call>',
            "",
            [("weather", '{"city": "a \\"big\\" one"}')],
        ),
        ("Qwen3", '<tool_call>{"name": "add", "arguments": {"a": 1</tool_call> ok', " ok", [("add", '{"a": 1}')]),
        ("Qwen3", '<tool_call>{"name": "add"}</tool_call>', "", [("add", "{}")]),
        ("Qwen3", '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>', "", [("unknown", "{}")]),
        # junk after a call's arguments
        ("Llama 3.2", '{"name": "add", "arguments": {"a": 1}, no\nmore', "more", [("add", '{"a": 1}')]),
        ("Qwen3", '<tool_call>{"name": "add"}\nadded {"a": 1} to it', '\nadded {"a": 1} to it', [("add", "{}")]),
    ],
)
def test_calls_are_separated_from_text(
    family: str, text: str, said: str, calls: list[tuple[str, str]], size: int
) -> None:
    """Each notation is read for families that use it, in pieces of any size, with the text around it."""
    assert read(text, size, family) == (said, calls)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "text",
    [
        "Use [this](link), {braces}, `code` and <b>.",
        '{"name": "Otto", "city": "Oslo"}',
        '{"name": "Otto", "arguments": {"a": 1}}',
        '{"name": "add"}',
        '{"add": {"a": 1}}',
        '{"weather": {"city": "Oslo"}}',
        '["add", "weather"]',
        '{"type": "function", "name": "add", "description": "Add", "parameters": {"type": "object"}}',
        "```python\nprint(total)\nrun(a=1)\n```",
        "```python\nadd(1, 2)\n```",
        "<tool_call> is a tag.",
        "<function=add> is a tag.",
        "<function=add>",
        "<function=add>\n",
        "<tool_call>\n<function=add>\n",
        "<tool_call>\n<function=add>\n<parameter=a",
        "```python\nadd = 1\n```",
        "add both: 1 and 2",
        "add(1, 2) is 3.",
        "I could use weather(city) here.",
        'Sure:\n```json\n{"name": "add", "arguments": {"a": 1}}\n```\nDone.',
        '```json\n{"name": "add", "arguments": {"a": 1}}\n```\nThat is how.',
        "```tool_code\nadd(1, 2)\n```\nThat is how.",
    ],
)
def test_text_that_is_not_a_call_in_any_family_comes_out_verbatim(family: str, text: str) -> None:
    """Answers with names of tools in them, JSON answers, and examples."""
    assert read(text, 3, family) == (text, [])


def test_arguments_stream_as_they_are_written() -> None:
    """The beginning of a call arrives before its end is written."""
    parser = ToolCallParser(TOOLS, new_id=lambda: "id")
    assert parser.feed('<tool_call>{"name": "weather", "argu') == []
    (first,) = parser.feed('ments": {"city": "Os')
    assert first == ToolCallDelta(index=0, id="id", name="weather", arguments='{"city": "Os')
    assert parser.feed("lo") == [ToolCallDelta(index=0, arguments="lo")]


def test_json_that_is_an_answer_streams_as_text() -> None:
    """A JSON answer is held back only until its first key shows that it is not a call."""
    parser = ToolCallParser(TOOLS)
    assert parser.feed('{"temperature": ') == ['{"temperature":']
    assert parser.feed("20") == [" 20"]


def test_a_call_that_breaks_off_is_never_completed() -> None:
    """Its arguments stay invalid JSON, so that half a call cannot run."""
    said, calls = read('<tool_call>{"name": "add", "arguments": {"a": 12, "b": 3')
    assert said == ""
    assert calls == [("add", '{"a": 12, "b": ')]


def test_each_call_has_its_own_id() -> None:
    """The id is on the first delta of the call."""
    parser = ToolCallParser(TOOLS)
    pieces = parser.feed("<tool_call>add(a=1)</tool_call>" * 3) + parser.finish()
    ids = [piece.id for piece in pieces if isinstance(piece, ToolCallDelta) and piece.id]
    assert len(set(ids)) == parser.calls == 3


HOSTILE = [
    '{"name":' * 985,
    '<tool_call>{"name":' * 400,
    '<tool_call>{"x":1,' * 900,
    '{"type":"a",' * 900,
    '\n{"id":[{"type":' * 500,
    "<tool_call>" + "[" * 5000,
    "<function=" * 900,
    "\n```json\n{" * 900,
    '{"function":{"tool":' * 500,
]


@pytest.mark.parametrize("family", ["", "Qwen3.5", "Llama 3.2", "Gemma 3"])
@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("text", HOSTILE)
def test_deep_or_long_text_that_is_not_a_call_comes_out_verbatim(text: str, size: int, family: str) -> None:
    """Nothing is lost, nothing fails, and the pieces make no difference."""
    assert read(text, size, family) == (text, [])


def test_a_call_after_many_false_starts_is_read() -> None:
    """False starts use up the limit for reading again, which grows with the text after them."""
    broken = '<tool_call>{"x": [1, 2, {"y": "z"}]}</tool_call>\n' * 400
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    said, calls = read(broken + call, 7)
    assert (said.rstrip(), calls) == (broken.rstrip(), [OSLO])


def test_text_after_a_call_comes_out_however_long_it_is() -> None:
    """This holds even if more of it was read than is held back."""
    call = '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}'
    after = ' {"x": ' + '"y", "z": ' * 9000
    said, calls = read(call + after, 1000)
    assert (said.strip(), calls) == (after.strip(), [OSLO])
