"""Where a call counts: each family's format at each place of an answer."""

from __future__ import annotations

import itertools

import pytest

from browserllm.constrained.tool_calls import ToolCallParser, format_for
from browserllm.types import Tool, ToolCallDelta, ToolCallPart

TOOLS = [Tool("delete_file", "", {"type": "object", "properties": {"path": {"type": "string"}}}), Tool("add")]
CALL = ToolCallPart("call12345", "delete_file", '{"path": "a.txt"}')
FAMILIES = ["Pocket", "Hermes 3", "Qwen3", "Qwen2.5", "Qwen3.5", "Llama 3.2", "Mistral", "Ministral 3", "Phi 4"]
FAMILIES += ["Gemma 3", "DeepSeek R1", ""]
BARE = ["Llama 3.2", "Gemma 3"]

FORMS = [
    '<tool_call>\n{"name": "delete_file", "arguments": {"path": "a.txt"}}\n</tool_call>',
    '<tool_call>{"name": "delete_file", "arguments": {"path": "a.txt"}}</tool_call>',
    "<tool_call>\n<function=delete_file>\n<parameter=path>\na.txt\n</parameter>\n</function>\n</tool_call>",
    "<function=delete_file>\n<parameter=path>\na.txt\n</parameter>\n</function>",
    '<function=delete_file>{"path": "a.txt"}</function>',
    '{"name": "delete_file", "parameters": {"path": "a.txt"}}',
    '{"name": "delete_file", "arguments": {"path": "a.txt"}}',
    '[{"name": "delete_file", "arguments": {"path": "a.txt"}}]',
    '{"type": "function", "function": {"name": "delete_file", "arguments": "{\\"path\\": \\"a.txt\\"}"}}',
    '[TOOL_CALLS] [{"name": "delete_file", "arguments": {"path": "a.txt"}}]',
    '[TOOL_CALLS]delete_file[ARGS]{"path": "a.txt"}',
    '<|tool_call|>[{"name": "delete_file", "arguments": {"path": "a.txt"}}]<|/tool_call|>',
    '<|python_tag|>{"name": "delete_file", "parameters": {"path": "a.txt"}}',
    '<|tool_call_start|>[delete_file(path="a.txt")]<|tool_call_end|>',
    '<function_call>{"name": "delete_file", "arguments": {"path": "a.txt"}}</function_call>',
    "delete_file(path='a.txt')",
    "[delete_file(path='a.txt')]",
    "print(delete_file(path='a.txt'))",
]
"""Every format of any family, as a complete call."""

MENTIONS = [
    "To delete it, write {} and wait.",
    "Write {}",
    "Write <tool_call> and then {}",
    "I would say: {}",
    "({})",
    '"{}"',
    "“{}”",
    "Use `{}` for that.",
    "`{}`",
    "``{}``",
    "Use `\n{}\n` for that.",
    "A form: `x\n{}` is it.",
    "```\n{}\n```",
    "```json\n{}\n```\nThat is how.",
    "Like this:\n```json\n{}\n```",
    "Like this:\n\n```xml\n{}\n```\n\nThat is how.",
    "````md\n```\n{}\n```\n{}\n````",
    "~~~\n{}\n~~~",
    "~~~~\n~~~\n{}\n~~~~",
    "> ```\n> {}\n> ```",
    "1. ```\n{}\n```",
    "- First:\n  ```\n{}\n  ```",
    "```\nnever closed\n{}",
    "```\n`\n{}\n```",
    "- {}",
    "* {}",
    "+ {}",
    "1. {}",
    "12) {}",
    "- one\n- {}",
    "- An item:\n  {}",
    "Code:\n\n    {}",
    "Code:\n\n\t{}",
    "> {}",
    "> quoted\n> {}",
    "# {}",
    "| a | {} |",
    "**{}**",
    "The answer is {}, no more.",
    "Done.\n\nYou wrote: {}",
    "No. {} is a form.",
    "e.g. {}",
    "<b>{}</b>",
    "<pre>\n{}\n</pre>",
    "Like this:\n<pre><code>\n{}\n</code></pre>\nThat is how.",
    '<code lang="xml">\n{}\n</code>',
    "<example>\n\n{}\n\n{}\n</example>",
    "<EXAMPLE>\nUser: hi\n{}\n</EXAMPLE>",
    "  <blockquote>\n{}\n</blockquote>",
    "<pre>\nnever closed\n{}",
    "<pre>\n```\n</pre>\n```\n{}\n</pre>",
    "// {}",
]
"""Places where a call is only mentioned."""


def read(text: str, family: str, size: int = 100_000) -> tuple[str, list[tuple[str, str]]]:
    """Return the text, and the name and arguments of each call."""
    parser = ToolCallParser(TOOLS, format_for(family))
    pieces = [piece for at in range(0, len(text), size) for piece in parser.feed(text[at : at + size])]
    pieces += parser.finish()
    calls: dict[int, list[str]] = {}
    for piece in pieces:
        if isinstance(piece, ToolCallDelta):
            call = calls.setdefault(piece.index, ["", ""])
            call[0] += piece.name or ""
            call[1] += piece.arguments
    return "".join(piece for piece in pieces if isinstance(piece, str)), [(call[0], call[1]) for call in calls.values()]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_mentioned_call_is_text_verbatim(family: str) -> None:
    """In a sentence, quotation, list, code span or code block, in any family's format."""
    own = format_for(family).render_calls([CALL])
    for mention in MENTIONS:
        for form in [*FORMS, own]:
            text = mention.replace("{}", form)
            assert read(text, family) == (text, []), text
        text = mention.replace("{}", own)
        assert read(text, family, 1) == (text, []), text


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [1, 3, 100_000])
def test_a_familys_own_format_is_a_call_where_the_family_writes_it(family: str, size: int) -> None:
    """At the start of the answer, on a line after text, after closed code, and repeatedly."""
    form = format_for(family)
    call = form.render_calls([CALL])
    expected = (CALL.name, CALL.arguments)
    for before in ("", "\n", " \n\t "):
        assert read(before + call, family, size) == ("", [expected])
    after = [
        "Let me look.\n", "Let me\nlook:\n\n", "One `span` and ``two ` of`` them:\n", "```py\nx = 1\n```\n",
        "- a\n- b\n\n",
        "<pre>x</pre>\n", "<pre>\nx\n</pre>\n", f"<code>\n{'x' * 300}</code>\n", "Use <pre> there.\n",
        "<answer>\n", "<precise>\n", "<p>One</p>\n", "```\n<pre>\n```\n",
        "~~~\n```\n~~~\n", "It costs 5` or so.\n\n", "> quoted\n\n", "Use ```x``` there.\n", "Look.\r\n",
    ]  # fmt: skip
    for before in after:
        said = (before + call, []) if family in BARE else (before.rstrip(), [expected])
        assert read(before + call, family, size) == said
    if form.several:
        assert read(form.render_calls([CALL, CALL]), family, size) == ("", [expected] * 2)
        assert read(f"{call}\n{call}", family, size) == ("", [expected] * 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_a_familys_own_formats_are_calls(family: str) -> None:
    """For each format, alone at the start of an answer: which family reads it."""
    tags = {0, 1, 2}
    known = {
        "Qwen3.5": tags | {3, 4},
        "Llama 3.2": {3, 4, 5, 6, 7, 8, 12, 16},
        "Gemma 3": {5, 6, 7, 8, 16},
        "Mistral": {7, 9, 10, 16},
        "Ministral 3": {9, 10},
        "Phi 4": {11},
        "DeepSeek R1": tags | {9, 10, 11, 12, 13, 14},
        "": tags | {9, 10, 11, 12, 13, 14},
    }
    for index, form in enumerate(FORMS):
        called = [("delete_file", '{"path": "a.txt"}')] if index in known.get(family, tags) else []
        assert read(form, family) == ("" if called else form, called), form


@pytest.mark.parametrize("family", FAMILIES)
def test_text_after_a_call_is_text(family: str) -> None:
    """A call mentioned after a call, in a sentence, a list or code, is not another call."""
    form = format_for(family)
    call = form.render_calls([CALL])
    for mention, other in itertools.product(MENTIONS, [*FORMS, call]):
        if mention.startswith("{}"):
            continue
        text = "\n\nDone.\n\n" + mention.replace("{}", other)
        said, calls = read(call + text, family)
        assert (said.strip(), calls) == (text.strip(), [(CALL.name, CALL.arguments)]), text


@pytest.mark.parametrize("info", ["json", "tool_code"])
@pytest.mark.parametrize("size", [1, 100_000])
def test_gemmas_fence_is_a_call_only_if_it_is_the_rest_of_the_answer(info: str, size: int) -> None:
    """A fence with anything else in it or after it is text."""
    body = {
        "json": '{"name": "delete_file", "parameters": {"path": "a.txt"}}',
        "tool_code": "print(delete_file(path='a.txt'))",
    }[info]
    for before, after in itertools.product(("", "\n"), ("\n```", "\n```\n\n", "```", "")):
        assert read(f"{before}```{info}\n{body}{after}", "Gemma 3", size) == ("", [(CALL.name, '{"path": "a.txt"}')])
    for after in ("\n```\nDone.", "\n```\n\n`x`", "\nx\n```", "\n```json\n", '\n```\n```json\n{"a": 1}\n```'):
        text = f"```{info}\n{body}{after}"
        assert read(text, "Gemma 3", size) == (text, [])
    for text in (f"```{info}", f"```{info}\n", f"```{info}\n```", f"```{info} {body}```", f"```{info}\n{body[:20]}"):
        assert read(text, "Gemma 3", size) == (text, [])


def test_an_answer_with_code_streams_from_a_family_without_markers() -> None:
    """Only a fence that may be a call is held back."""
    parser = ToolCallParser(TOOLS, format_for("Gemma 3"))
    assert "".join(map(str, parser.feed("```python\nprint(1)\n"))).startswith("```python\nprint(1)")
    parser = ToolCallParser(TOOLS, format_for("Gemma 3"))
    assert "".join(map(str, parser.feed('```json\n{"city": "Oslo", '))).startswith('```json\n{"city":')


def test_unknown_tools_are_called_only_in_the_familys_own_format() -> None:
    """In its own format, an unknown tool is a call that gets an error; in any other format it is text."""
    text = '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>'
    assert read(text, "Hermes 3") == ("", [("unknown", "{}")])
    assert read(text, "") == ("", [("unknown", "{}")])
    for text in (
        '<|python_tag|>{"name": "unknown", "parameters": {}}',
        '<|python_tag|>print("Hello")',
        '{"name": "unknown", "parameters": {}}',
        "<function=unknown></function>",
    ):
        assert read(text, "Llama 3.2") == (text, [])
    text = '[TOOL_CALLS] [{"name": "unknown", "arguments": {}}]'
    assert read(text, "") == (text, [])
    assert read(text, "Mistral") == ("", [("unknown", "{}")])
