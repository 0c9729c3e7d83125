"""Properties of the split into text, thoughts and calls, and a test over real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm.constrained.tool_calls.parser import ToolCallParser
from browserllm.reasoning import ALL_MARKERS, StartsAs, ThoughtReader
from cases import cases
from growth import assert_linear, counted, pieces
from vendor_server import Reply, VendorServer

TOOL = bl.Tool("add", "", {"type": "object", "properties": {"a": {"type": "integer"}, "text": {"type": "string"}}})
MARKERS = [marker for markers in ALL_MARKERS for marker in (markers.opening, *markers.closings, *markers.framing)]
CALLS = [
    '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    '\n{"name": "add", "arguments": {"a": 1}}\n',
    "<function=add><parameter=text>\n<think>\na\n</think>\n</parameter></function>",
    '```json\n{"name": "add", "arguments": {"a": 1}}\n```',
    '[TOOL_CALLS] [{"name": "add", "arguments": {"text": "<think>"}}]',
]
fragments = st.lists(
    st.sampled_from(MARKERS)
    | st.sampled_from(
        ["<think>", "</think>", "<THINK>", "`", "```", "```\n", "~~~\n", '"', "'", "\r\n", "<", "[", "</", "◁"]
    )
    | st.sampled_from(
        ["a", "b c", " ", "\n", "\n\n", "  ", "\t", "\x1f", "\u00a0", "\u0131", "\u212a", "{", "}", "\ud83d"]
    )
    | st.sampled_from(CALLS),
    max_size=14,
).map("".join)


def read(texts: list[str], starts_as: StartsAs, cut: bool, *, tools: bool) -> tuple[str, str, list[str]]:
    """Return the text, the thoughts and the arguments of the calls of an answer."""
    parser = ToolCallParser([TOOL], new_id=lambda: "id") if tools else None
    reader = ThoughtReader(starts_as=starts_as, calls=parser)
    deltas: list[Any] = [delta for text in texts for delta in reader.feed(text)]
    deltas += reader.finish(cut=cut)
    calls: dict[int, str] = {}
    for delta in deltas:
        if isinstance(delta, bl.types.ToolCallDelta):
            calls[delta.index] = calls.get(delta.index, "") + delta.arguments
    text = "".join(delta for delta in deltas if isinstance(delta, str))
    return (
        text,
        "".join(delta.reasoning for delta in deltas if isinstance(delta, bl.types.ReasoningDelta)),
        [*calls.values()],
    )


@settings(max_examples=cases(300), deadline=None)
@given(
    answer=fragments,
    starts_as=st.sampled_from(["text", "thought", "unsure"]),
    cut=st.booleans(),
    tools=st.booleans(),
    data=st.data(),
)
def test_how_an_answer_is_cut_changes_nothing(
    answer: str, starts_as: StartsAs, cut: bool, tools: bool, data: Any
) -> None:
    """Markers, mentions, fences, quotes, whitespace and calls in any order, cut at any positions."""
    whole = read([answer], starts_as, cut, tools=tools)
    assert read(list(answer), starts_as, cut, tools=tools) == whole
    places = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=5)))
    parts = [answer[start:end] for start, end in zip([0, *places], [*places, len(answer)], strict=True)]
    assert read(parts, starts_as, cut, tools=tools) == whole


@settings(max_examples=cases(150), deadline=None)
@given(st.text(st.characters(exclude_characters="<[◁", codec="utf-8"), max_size=60))
def test_an_answer_without_markers_is_text_verbatim(answer: str) -> None:
    """This includes whitespace at its beginning and end."""
    assert read(list(answer), "text", False, tools=False) == (answer, "", [])


words = st.text("abc .,\n", min_size=1, max_size=12).map(lambda text: f"w{text}w")
family = st.sampled_from(ALL_MARKERS)
parts = st.lists(
    st.tuples(st.just("thought"), words | st.sampled_from(CALLS[:2]).map(lambda call: f"Or{call}no"))
    | st.tuples(st.just("text"), words)
    | st.tuples(st.just("call"), st.just(CALLS[0])),
    max_size=6,
)


@settings(max_examples=cases(150), deadline=None)
@given(markers=family, parts=parts, blank=st.sampled_from(["", "\n", "\n\n", " "]), upper=st.booleans(), data=st.data())
def test_text_thoughts_and_calls_alternate(markers: Any, parts: Any, blank: str, upper: bool, data: Any) -> None:
    """Each is recognized with the markers of every family; calls in thoughts do not count."""
    closing = data.draw(st.sampled_from(markers.closings))
    written: list[str] = []
    for kind, text in parts:
        if kind == "thought":
            pair = [markers.opening, closing]
            pair = [marker.upper() for marker in pair] if upper else pair
            written.append(f"{pair[0]}{blank}{text}{blank}{pair[1]}{blank}")
        else:
            written.append(f"{text}\n")
    said, thought, calls = read(list("".join(written)), "text", False, tools=True)
    assert thought == "\n\n".join(text for kind, text in parts if kind == "thought")
    assert len(calls) == sum(kind == "call" for kind, _ in parts)
    assert said.split() == " ".join(text for kind, text in parts if kind == "text").split()


COUNTED = counted("reasoning")
COUNTED_CALLS = counted("constrained.tool_calls.parser")
COUNTED_TYPES = counted("types")


@pytest.mark.parametrize("starts_as", ["text", "thought", "unsure"])
@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize(
    "unit",
    [
        "<think>",
        "</think>",
        "<think>a</think>",
        "<think>a <think>b</think>",
        "<think>a <think>b</think> c</think>\n",
        " ",
        "\n",
        "\n  ",
        "`",
        "```\n",
        "a <think> b\n",
        "<",
        "<thin",
        "\n<|channel|>analysis",
        "x",
        "'<think>' ",
    ],
)
def test_reading_thoughts_takes_linear_time(starts_as: Any, length: int, unit: str) -> None:
    """Endless markers, endless whitespace, nested thoughts: whole, and one character at a time."""

    def run(text: str) -> None:
        calls = COUNTED_CALLS.ToolCallParser([COUNTED_TYPES.Tool("f")])
        reader = COUNTED.ThoughtReader(starts_as=starts_as, calls=calls)
        for piece in pieces(text, length) if length else [text]:
            list(reader.feed(piece))
        list(reader.finish())

    for before in ("", "<think>"):
        assert_linear(
            lambda size, before=before: before + unit * (size // len(unit) + 1), run, sizes=(1500, 3000, 6000), most=2.5
        )


def event(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def test_thoughts_in_a_servers_text_are_reasoning_over_real_sockets() -> None:
    """Streamed in pieces and whole; a session sends the answer back without them."""
    text = "<think>\nHm.\n</think>\n\nHello!"
    streamed = b"".join(event(content=character) for character in text) + event("stop") + b"data: [DONE]\n\n"
    headers = {"content-type": "text/event-stream"}
    message = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    replies = {
        "streamed": [Reply((streamed,), headers=headers).in_pieces(7)],
        "whole": [Reply((json.dumps(message).encode(),), headers={"content-type": "application/json"})],
    }
    with VendorServer(replies) as server:
        for name in replies:
            async with bl.OpenAI("m", base_url=f"{server.url}/{name}", api_key="k") as llm:
                session = bl.Session(llm)
                reply = await session.send("hi")
                assert (reply.text, reply.reasoning) == ("Hello!", "Hm."), name
                await session.send("again")
            sent: Any = server.asked(name)[-1].json
            assert [each["content"] for each in sent["messages"]] == ["hi", "Hello!", "again"]
            assert "Hm." not in json.dumps(sent)
