"""Hypothesis against answers that are to be objects: the same whatever the pieces, and no failure whatever the text.

Here and not with the unit tests, because Hypothesis is not there in a page. A failure prints the answer, and its cuts.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.json_schema.partial import MISSING
from browserllm.json_schema.problem import InvalidValue
from browserllm.json_schema.types import output_type
from browserllm.json_schema.validate import problems_of
from browserllm.structured.text import AnswerReader
from browserllm.types import StructuredMode
from cases import cases

# Thousands of cases take long when each line is counted; the unit tests reach the same lines.
pytestmark = pytest.mark.no_cover

MODES: tuple[StructuredMode, ...] = ("constrained", "json_schema", "json", "tool", "fenced")


@dataclass
class Node:
    """A type that has everything: a choice, an option, a list, and itself."""

    label: str
    size: int | float | None
    done: bool
    tags: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)


NODE = output_type(Node)


class Pieces(bl.Backend):
    """Answers in pieces, as text or as the arguments of a call; the last answer again and again."""

    capabilities = bl.types.Capabilities(structured_output=MODES[:-1], tools=True)

    def __init__(self, *answers: list[str]) -> None:
        """Play these."""
        self.answers = list(answers)
        self.asked = 0

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Yield the pieces."""
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if request.tools:
            yield bl.types.ToolCallDelta(index=0, id=f"c{self.asked}", name=request.tools[0].name)
        for piece in answer:
            yield bl.types.ToolCallDelta(index=0, arguments=piece) if request.tools else piece


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all cases."""
    with asyncio.Runner() as running:
        yield running


async def play(
    llm: bl.Backend, **options: Any
) -> tuple[list[Any], bl.structured.Generated[Any] | None, bl.structured.ObjectStream[Any]]:
    """All that is shown, as it was when it was shown, and the end: an object, or nothing after `InvalidOutput`."""
    values: list[Any] = []
    stream = bl.stream_generate(llm, "Pasta", **{"output": NODE, **options})
    try:
        async for value in stream:
            values += [json.loads(json.dumps(value))]
        return values, await stream.finish(), stream
    except bl.InvalidOutput:
        return values, None, stream


def check_growth(values: list[Any]) -> None:
    """Nothing shown goes away or changes its type; each value says something that the one before did not."""
    for before, after in itertools.pairwise(values):
        assert before != after
        assert holds(before, after), (before, after)


def holds(before: Any, after: Any) -> bool:
    """Whether all of a value is still there: written apart from what is tested."""
    match before, after:
        case dict(), dict():
            return before.keys() <= after.keys() and all(holds(before[key], after[key]) for key in before)
        case list(), list():
            return len(before) <= len(after) and all(holds(*pair) for pair in zip(before, after, strict=False))
        case str(), str():
            return after[: len(before)] == before
        case _:
            return type(before) is type(after) and before == after


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """The text in pieces, empty ones too."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


words = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["```", "</think>", '"', "\\", "{", "}]", "é𝄞", "```json\n{}"]
)
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
nodes = st.recursive(
    st.builds(Node, words, st.none() | numbers, st.booleans(), st.lists(words, max_size=3)),
    lambda inner: st.builds(
        Node, words, st.none() | numbers, st.booleans(), st.just([]), st.lists(inner, min_size=1, max_size=2)
    ),
    max_leaves=3,
)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"separators": (" , ", " :  ")}]
)
before_json = st.sampled_from(
    [
        "",
        " \n",
        "Here it is:\n",
        "```json\n",
        "Sure!\n\n```\n",
        '<think>{"label": 1}</think>',
        "<think>\n[</think>\n```json\n",
    ]
)
after_json = st.sampled_from(["", "\n", "\n```", "\n```\nI hope this {helps}.", ' That is {"label": "it"}.'])


@settings(max_examples=cases(450), deadline=None, derandomize=True)
@given(data=st.data(), node=nodes, layout=layouts, mode=st.sampled_from(MODES))
def test_any_split_gives_the_same_object(
    runner: asyncio.Runner, data: Any, node: Node, layout: dict[str, Any], mode: StructuredMode
) -> None:
    """In every mode, with any text that models put around JSON; partial values grow."""
    text = json.dumps(asdict(node), **layout)
    if mode == "fenced":
        text = data.draw(before_json) + text + data.draw(after_json)
    llm = Pieces(data.draw(cut(text)))
    values, made, _ = runner.run(play(llm, mode=mode, repairs=0))
    assert made is not None
    assert (made.output, made.mode, made.repairs) == (node, mode, 0)
    check_growth(values)
    assert values[-1] == asdict(node)


@settings(max_examples=cases(250), deadline=None, derandomize=True)
@given(data=st.data(), node=nodes, other=nodes, mode=st.sampled_from(MODES))
def test_partial_values_stay_true_in_repairs(
    runner: asyncio.Runner, data: Any, node: Node, other: Node, mode: StructuredMode
) -> None:
    """A first answer that breaks off or lacks a field, then a whole one, which is the same or another."""
    wrong = asdict(data.draw(st.sampled_from([node, other])))
    missing = data.draw(st.sampled_from(["label", "size", "done", ""]))
    wrong.pop(missing, None)
    first = json.dumps(wrong)
    if not missing:
        first = first[: data.draw(st.integers(0, len(first) - 1))]
    text = json.dumps(asdict(node))
    llm = Pieces(data.draw(cut(first)), data.draw(cut(text)))
    values, made, stream = runner.run(play(llm, mode=mode, repairs=1))
    assert made is not None
    assert (made.output, made.repairs, llm.asked) == (node, 1, 2)
    check_growth(values)
    if holds(values[-1] if values else {}, asdict(node)):
        assert stream.partial == asdict(node)


fragments = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            '"',
            "'",
            "\\",
            "\\u00",
            "\n",
            " ",
            "```",
            "```json\n",
            "<think>",
            "</think>",
            "<",
        ),
        *(
            '"label"',
            '"size"',
            '"done"',
            '"tags"',
            '"children"',
            '"value"',
            "label",
            "true",
            "True",
            "null",
            "-1",
            "2.5e",
        ),
        *(
            '{"label": "a", "size": 1, "done": true',
            '{"label": ',
            '"x"',
            '{"value": ',
            '", "size": null',
            "\x00",
            "é",
            "\ud83d",
        ),
    ]
)
soups = st.lists(fragments | st.text(max_size=4), max_size=16).map("".join)


@settings(max_examples=cases(450), deadline=None, derandomize=True)
@given(
    data=st.data(),
    texts=st.lists(soups, min_size=1, max_size=3),
    mode=st.sampled_from(MODES),
    output=st.sampled_from([NODE, output_type(list[int]), output_type(str | None), output_type({"type": "object"})]),
)
def test_any_text_gives_a_valid_object_or_an_error(
    runner: asyncio.Runner, data: Any, texts: list[str], mode: StructuredMode, output: Any
) -> None:
    """Never another exception, never more answers than allowed, and partial values still grow."""
    repairs = data.draw(st.integers(0, 2))
    llm = Pieces(*(data.draw(cut(text)) for text in texts))
    # A text that is no UTF-8 cannot be sent back to the model.
    plain = all(text.isprintable() or text.encode("utf-8", "ignore").decode() == text for text in texts)
    try:
        values, made, stream = runner.run(play(llm, mode=mode, repairs=repairs, output=output))
    except bl.InvalidRequest:
        assert not plain
        return
    check_growth(values)
    assert llm.asked <= repairs + 1
    assert stream.done
    if made is None:
        assert llm.asked == repairs + 1
    else:
        value = made.output if not isinstance(made.output, Node) else asdict(made.output)
        assert not problems_of({"value": value} if output.wrapped else value, output.schema)


@settings(max_examples=cases(450), deadline=None, derandomize=True)
@given(st.data(), soups)
def test_an_answer_is_read_the_same_whatever_its_pieces(data: Any, text: str) -> None:
    """One character at a time, at random and at once."""

    def read(pieces: list[str]) -> tuple[Any, Any, str]:
        reader = AnswerReader(NODE)
        for piece in pieces:
            reader.feed(piece)
        try:
            result, problem = reader.finish(), ""
        except InvalidValue as invalid:
            result, problem = None, str(invalid)
        return result, reader.value if result is not None else None, problem

    whole = read([text])
    assert read(list(text)) == whole
    assert read(data.draw(cut(text))) == whole
    assert (whole[1] is MISSING) is False
