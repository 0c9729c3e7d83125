"""Mistakes that servers and proxies make with server-sent events, and what they meant.

As reported in anomalyco/opencode#27365, rexxars/eventsource-parser#31, openclaw/openclaw#97474.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from browserllm.backends.cloud.sse import Event, ServerSentEvents

TEXTS = ["Hi", "}", "{", '"}', "data: ", "[DONE]", "a\nb", "\u2028", "é👋", '{"a": 1}\n{"b": 2}', ""]


def read(pieces: Iterable[bytes]) -> list[Event]:
    """Everything that comes of these pieces."""
    decoder = ServerSentEvents()
    return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.close())


def cut(data: bytes, choose: random.Random) -> list[bytes]:
    """The data in a few pieces."""
    places = sorted(choose.choices(range(len(data) + 1), k=choose.randrange(6)))
    return [data[start:stop] for start, stop in pairwise([0, *places, len(data)])]


def written(choose: random.Random) -> list[str]:
    """Some JSON texts, and sometimes an end marker."""
    values = [{"t": choose.choice(TEXTS), "l": choose.choice(([], [1], [{}]))} for _ in range(choose.randrange(1, 6))]
    return [json.dumps(value, ensure_ascii=choose.random() < 0.5) for value in values] + ["[DONE]"] * (
        choose.random() < 0.5
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_without_an_empty_line_between_them_are_separated(end: str) -> None:
    """Whatever the texts contain, and wherever the stream is cut; a failure shows the seed."""
    for seed in range(300):
        choose = random.Random(seed)  # noqa: S311
        texts = written(choose)
        stream = "".join(f"data: {text}{end * choose.choice((1, 1, 2))}" for text in texts)
        assert read(cut(stream.encode(), choose)) == [Event(text) for text in texts], seed


def test_names_belong_to_their_event_without_an_empty_line() -> None:
    """As in Anthropic's format behind a proxy that drops empty lines."""
    stream = 'event: a\ndata: {"n": 1}\nevent: b\ndata: {"n": 2}\n\ndata: {"n": 3}\nevent: error\n\n'
    assert read([stream.encode()]) == [Event('{"n": 1}', "a"), Event('{"n": 2}', "b"), Event('{"n": 3}', "error")]


def test_a_json_text_over_several_data_lines_stays_one() -> None:
    """Every text, indented, with lists of objects in it; a failure shows the seed."""
    for seed in range(200):
        choose = random.Random(seed)  # noqa: S311
        value = [[{"t": choose.choice(TEXTS)}, {"u": [{}, {"v": [[1], {}]}]}] for _ in range(choose.randrange(1, 4))]
        text = json.dumps({"l": value, "m": {"n": {}}}, indent=choose.choice((0, 1, 2)))
        stream = "".join(f"data: {line}\n" for line in text.split("\n")) + "\n"
        assert read(cut(stream.encode(), choose)) == [Event(text)], seed


@pytest.mark.parametrize("prefix", ["data: data: ", "data:data:", "data: data: data:", "  data: ", "\tdata:"])
def test_a_repeated_field_name_and_leading_blanks_are_skipped(prefix: str) -> None:
    """JSON cannot begin with ``data:``."""
    for text in ('{"a": "data: {}"}', "[1]", "[DONE]"):
        assert read([f"{prefix}{text}\n\n".encode()]) == [Event(text)]


def test_a_text_that_is_not_json_stays_unchanged() -> None:
    """Plain lines, as the standard's own example has them, and a text that begins like a field."""
    assert read([b"data: YHOO\ndata: +2\ndata: 10\n\n"]) == [Event("YHOO\n+2\n10")]
    assert read([b"data: data: x\n\n"]) == [Event("data: x")]
