"""Characters split in two, and invalid counts."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.sse import Event, ServerSentEvents
from browserllm.backends.cloud.token_counts import count_in, largest, token_count
from browserllm.backends.split_characters import CharacterJoiner, whole_text, whole_value
from browserllm.backends.stream import Delta

TEXT = "a\U0001f600é€\U0010ffff z"


def halved(text: str) -> list[str]:
    """The text as UTF-16, each unit a text of its own."""
    units = text.encode("utf-16-be", "surrogatepass")
    return [units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2)]


def bytewise(text: str) -> list[str]:
    """The text as UTF-8, each byte a text of its own."""
    return [bytes([byte]).decode("utf-8", "surrogateescape") for byte in text.encode()]


def pieces(units: list[str], places: tuple[int, ...]) -> list[str]:
    """The units joined between the places."""
    starts = [0, *places]
    return ["".join(units[start:stop]) for start, stop in zip(starts, [*places, len(units)], strict=True)]


@pytest.mark.parametrize("units", [halved(TEXT), bytewise(TEXT)], ids=["surrogates", "bytes"])
def test_a_text_cut_anywhere_is_the_same_text(units: list[str]) -> None:
    """Between halves of a pair, between the bytes of a character, at up to three places, with empty pieces between."""
    for count in range(4):
        for places in combinations(range(len(units) + 1), count):
            halves = CharacterJoiner()
            said = [halves.join(piece) for each in pieces(units, places) for piece in (each, "")]
            assert "".join(map(str, said)) == TEXT, places
            assert all(whole_text(str(each)) == each for each in said), places
            assert list(halves.rest()) == [], places


def test_text_reasoning_and_each_call_keep_their_own_half() -> None:
    """A delta between two halves is yielded at once, and belongs to neither."""
    high, low = "\ud83d", "\ude00"
    halves = CharacterJoiner()
    given: list[Delta] = [
        f"a{high}",
        bl.types.ReasoningDelta(reasoning=f"b{high}"),
        bl.types.ToolCallDelta(index=0, id="c", name="f", arguments=f'{{"x":"{high}'),
        bl.types.ToolCallDelta(index=1, id="d", name="f", arguments=f'{{"y":"{high}'),
        bl.types.ToolCallDelta(index=1, arguments=f'{low}"}}'),
        bl.types.ReasoningDelta(reasoning=low),
        bl.types.ToolCallDelta(index=0, arguments=f'{low}"}}'),
        bl.types.TextDelta(text=low, logprobs=[{"token": high}]),
    ]
    said = [halves.join(delta) for delta in given]
    text = "".join(each if isinstance(each, str) else each.text for each in said)
    reasoning = "".join(each.reasoning for each in said if isinstance(each, bl.types.ReasoningDelta))
    calls = [
        "".join(d.arguments for d in said if isinstance(d, bl.types.ToolCallDelta) and d.index == n) for n in (0, 1)
    ]
    assert (text, reasoning) == ("a\U0001f600", "b\U0001f600")
    assert calls == ['{"x":"\U0001f600"}', '{"y":"\U0001f600"}']
    assert isinstance(said[-1], bl.types.TextDelta) and said[-1].logprobs == [{"token": "\ufffd"}]
    assert list(halves.rest()) == []


def test_half_a_character_without_the_other_half_is_replaced() -> None:
    """At the end of a text, in its middle, at its start; before a signature, which ends its part."""
    halves = CharacterJoiner()
    assert [halves.join(each) for each in ("\ude00a\ud83db", "c\ud83d", "d\udce2\udc82")] == [
        "\ufffda\ufffdb",
        "c",
        "\ufffdd",
    ]
    assert list(halves.rest()) == ["\ufffd"]
    assert list(halves.rest()) == []
    halves.join(bl.types.ReasoningDelta(reasoning="\ud83d"))
    signed = halves.join(bl.types.ReasoningDelta(signature="s"))
    assert isinstance(signed, bl.types.ReasoningDelta) and (signed.reasoning, signed.signature) == ("\ufffd", "s")
    halves.join(bl.types.ToolCallDelta(index=3, arguments="\ud83d"))
    (rest,) = halves.rest()
    assert isinstance(rest, bl.types.ToolCallDelta) and (rest.index, rest.arguments) == (3, "\ufffd")
    assert whole_value({"\ud83d": ["\ud83d\ude00", 1, None]}) == {"\ufffd": ["\U0001f600", 1, None]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rb'"Hi \ud83d"', rb'"\ude00!"'),
        (b'"Hi \xed\xa0\xbd"', b'"\xed\xb8\x80!"'),
        (b'"Hi \xf0"', b'"\x9f\x98\x80!"'),
        (b'"Hi \xf0\x9f"', b'"\x98\x80!"'),
        (b'"Hi \xf0\x9f\x98"', b'"\x80!"'),
    ],
    ids=["escapes", "surrogates as bytes", "after one byte", "after two bytes", "after three bytes"],
)
def test_events_may_end_in_the_middle_of_a_character(first: bytes, second: bytes) -> None:
    """As an escape, and as bytes, also in JSON with other small mistakes."""
    decoder, halves = ServerSentEvents(), CharacterJoiner()
    events = list(decoder.feed(b'data: {"text":' + first + b'}\n\ndata: {"text":' + second + b',"x":NaN}\n\n'))
    texts = [event.decode(dict[str, Any])["text"] for event in events]
    assert "".join(str(halves.join(text)) for text in texts) == "Hi \U0001f600!"


def test_json_with_common_mistakes_is_read() -> None:
    """NaN, infinities, and line ends in a string; invalid JSON is quoted as before."""
    said = Event('{"a":NaN,"b":-Infinity,"c":"x\ny"}').decode(dict[str, Any])
    assert said["a"] != said["a"] and said["b"] == float("-inf") and said["c"] == "x\ny"
    for broken in ("{'a': 1}", '{"a":NaN', "[NaN]", '{"a":"\ud83d}'):
        with pytest.raises(bl.errors.ProtocolError, match="event of the stream is not valid"):
            Event(broken).decode(dict[str, Any])


@pytest.mark.parametrize(
    ("value", "count"),
    [(7, 7), ("7", 7), (7.0, 7), (7.9, 7), ("7.0", 7), (0, 0)]
    + [(each, None) for each in (None, True, -1, "-1", "x", "", [], {}, float("nan"), "nan", 1e300, 2**60, "inf")],
)
def test_counts_are_read_in_every_form(value: Any, count: int | None) -> None:
    """A number as a string, or as 7.0; other values are not counts."""
    assert token_count(value) == count
    assert count_in({"a": {"b": value}}, "a", "b") == count
    assert count_in({"a": value}, "a", "b") is None


def test_the_largest_of_repeated_counts_is_used() -> None:
    """For each count: a last one of zero changes nothing."""
    first, second = (
        bl.types.Usage(prompt_tokens=9, completion_tokens=1),
        bl.types.Usage(completion_tokens=5, cached_tokens=2),
    )
    assert (
        largest(first, second)
        == largest(second, first)
        == bl.types.Usage(prompt_tokens=9, completion_tokens=5, cached_tokens=2)
    )
