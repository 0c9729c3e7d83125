"""Bytes into events: as the HTML standard has it, whatever the pieces."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

import pytest

from browserllm.backends.cloud.sse import Event, EventDecoder, JsonLines, ServerSentEvents
from browserllm.errors import ProtocolError

# Every kind of line end, a byte order mark, comments, an empty event, several data lines, characters of two to four
# bytes, fields with and without the space, names, unknown fields, and a last event without its end.
STREAM = (
    "\ufeffdata:0\r\n: hello\r\n\r\ndata: ä€👋\r\ndata:two\r\n\r\n"
    "event: ping\ndata\n\n"
    ":\rdata:  x\rid: 7\rretry: 10\rnonsense: y\r\r"
    "\n\ndata: a\r\n\nevent: lost\n\ndata: b: c\r\r\ndata: not ended"
).encode()
EVENTS = [Event("0"), Event("ä€👋\ntwo"), Event("", "ping"), Event(" x"), Event("a"), Event("b: c")]
LINES = '{"a":"ä€👋"}\r\n\n  \n{"b":1}\n{"c":2}'.encode()


def read(decoder: EventDecoder, chunks: Iterable[bytes]) -> list[Event]:
    """Everything a decoder makes of these pieces."""
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + list(decoder.close())


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The data in pieces."""
    return [data[start:stop] for start, stop in pairwise([0, *places, len(data)])]


def test_events_are_parsed_by_the_standard() -> None:
    """In one piece."""
    assert read(ServerSentEvents(), [STREAM]) == EVENTS


def test_every_split_gives_the_same_events() -> None:
    """Cut at every one, and every two, places; in single bytes; with empty pieces between."""
    for count in (1, 2):
        for places in combinations(range(len(STREAM) + 1), count):
            assert read(ServerSentEvents(), cut(STREAM, places)) == EVENTS, places
    single = [STREAM[at : at + 1] for at in range(len(STREAM))]
    assert read(ServerSentEvents(), single) == EVENTS
    assert read(ServerSentEvents(), [each for byte in single for each in (b"", byte)]) == EVENTS


def test_random_streams_do_not_depend_on_their_pieces() -> None:
    """Made of the bytes that matter, in random pieces; the seed is in the failure."""
    alphabet = [b"\r", b"\n", b":", b" ", b"data", b"event", b"x", "é".encode(), b"\xef\xbb\xbf"]
    for seed in range(2000):
        choose = random.Random(seed)  # noqa: S311
        data = b"".join(choose.choices(alphabet, k=choose.randrange(1, 40)))
        places = sorted(choose.choices(range(len(data) + 1), k=choose.randrange(0, 6)))
        for kind in (ServerSentEvents, JsonLines):
            assert read(kind(), cut(data, places)) == read(kind(), [data]), (seed, kind)


def test_lines_are_events() -> None:
    """Empty ones are skipped, and the last one needs no end; wherever the pieces are cut."""
    expected = [Event('{"a":"ä€👋"}\r'), Event('{"b":1}'), Event('{"c":2}')]
    for places in combinations(range(len(LINES) + 1), 2):
        assert read(JsonLines(), cut(LINES, places)) == expected, places


@pytest.mark.parametrize("kind", [ServerSentEvents, JsonLines])
def test_a_line_that_is_too_large_is_refused_before_its_end(kind: type[EventDecoder]) -> None:
    """A line that never ends does not fill the memory."""
    decoder = kind(max_event_bytes=100)
    with pytest.raises(ProtocolError, match="100 bytes") as caught:
        for _ in range(1000):
            assert list(decoder.feed(b"data:xxxxx")) == []
    assert caught.value.data == {"limit_bytes": 100}


def test_many_small_data_lines_are_bounded_too() -> None:
    """An event consists of all its data lines."""
    decoder = ServerSentEvents(max_event_bytes=100)
    with pytest.raises(ProtocolError, match="100 bytes"):
        list(decoder.feed(b"data:xxx\n" * 26))
    assert read(ServerSentEvents(max_event_bytes=100), [b"data:xxx\n" * 25 + b"\n"]) != []
    assert len(read(ServerSentEvents(max_event_bytes=100), [b"data:xxx\n\n" * 1000])) == 1000


def test_bytes_that_are_not_utf_8_are_quoted() -> None:
    """Earlier events are yielded first."""
    for data in (b"data: a\n\ndata: b\xffc\n\n", b"data: a\n\n\xc3\n"):
        decoder = ServerSentEvents()
        events: list[Event] = []
        with pytest.raises(ProtocolError, match=r"not UTF-8 \(near b'") as caught:
            for byte in data:
                events += decoder.feed(bytes([byte]))
        assert events == [Event("a")]
        assert caught.value.__context__ is None


def test_data_that_cannot_be_decoded_is_quoted() -> None:
    """The quote is shortened."""
    assert Event('{"a":1}').decode(dict[str, int]) == {"a": 1}
    with pytest.raises(ProtocolError, match="Expected `int`"):
        Event('{"a":"x"}').decode(dict[str, int])
    with pytest.raises(ProtocolError) as caught:
        Event("[" + "1" * 10_000).decode(list[int])
    assert len(str(caught.value)) < 400
    with pytest.raises(ProtocolError):
        Event("[" * 100_000).decode(object)


def test_errors_without_a_data_field_are_events() -> None:
    """A field ``error``, and an object without a field, over several lines, also at the end of a stream."""
    error = '{"error":{"message":"too long"}}'
    for data, events in (
        (f"error: {error}\n\ndata: [DONE]\n\n", [Event(error, "error"), Event("[DONE]")]),
        (f"data: a\n\n{error}\n\ndata: b\n\n", [Event("a"), Event(error), Event("b")]),
        (f"data: a\n\n{error}", [Event("a"), Event(error)]),
        ('event: error\n{\n  "a": 1,\n"data": 2}\n', [Event('{\n  "a": 1,\n"data": 2}', "error")]),
        ("error:\n\nerror\n\n", []),
    ):
        for place in range(len(data)):
            assert read(ServerSentEvents(), cut(data.encode(), [place])) == events, (data, place)


def test_the_last_event_counts_if_it_is_whole() -> None:
    """Without the empty line or the line end; half an object or half a character is dropped."""
    for last in ('{"a":1}', "[1]", "[DONE]"):
        for end in ("", "\n", "\r\n", "\r"):
            data = f"data: a\n\ndata: {last}{end}".encode()
            for place in range(len(data)):
                assert read(ServerSentEvents(), cut(data, [place])) == [Event("a"), Event(last)], (last, end, place)
    for last in ('data: {"a":1', 'data: {"a":1\n', "data: 1", "data: words\n", '{"a":', 'data: {"a":"é'):
        assert read(ServerSentEvents(), [b"data: a\n\n", last.encode()[: -1 if "é" in last else None]]) == [Event("a")]


def test_text_outside_of_events_is_kept_for_errors() -> None:
    """The text of a server that sends no events; not comments, names or ids, nor more than a quote needs."""
    decoder = ServerSentEvents()
    assert read(decoder, [b": ping\nid: 1\nretry: 2\nToo many requests:\n\nwait", b" a while"]) == []
    assert decoder.unread == "Too many requests:\nwait a while"
    decoder = ServerSentEvents()
    assert read(decoder, [b"data: not ended"]) == []
    assert decoder.unread == ""
    list(decoder.feed(b"\n\n" + b"x" * 100_000 + b"\n"))
    assert len(decoder.unread) == 1000
