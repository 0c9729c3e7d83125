"""Anthropic, Gemini and Ollama: what is an answer, what comes instead of one, and what stands beside one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import browserllm as bl
from unit.backends.cloud.native_formats import (
    FORMATS,
    HEARD,
    WORDS,
    Format,
    claude_items,
    each_format,
    gemini_items,
    heard,
    lines,
    ollama_items,
    read_whole,
    sse,
)
from unit.backends.cloud.wire_formats import read

# No success out of nothing.


def said_instead() -> Iterator[Any]:
    """What servers send with a good status when they could not answer: all of it holds `WORDS`."""
    for error in (WORDS, {"message": WORDS}, {"message": WORDS, "code": None}, [WORDS], {"details": [{"x": WORDS}]}):
        yield {"error": error}
        yield [{"error": error}]
    for name in ("detail", "message", "msg", "errors", "error_message", "reason"):
        yield {name: WORDS}
        yield {"code": 50508, name: WORDS}
        yield {"candidates": None, "content": None, "message": None, "done": False, "choices": None, name: WORDS}
    yield {"detail": [{"loc": ["body"], "msg": WORDS}]}
    yield {"object": "error", "message": WORDS}
    yield {"type": "error", "error": {"type": "overloaded_error", "message": WORDS}}
    yield {"type": "error", "message": WORDS}
    yield {"status": "failed", "data": None, "msg": WORDS}


@each_format
@pytest.mark.parametrize("said", [*said_instead()], ids=json.dumps)
def test_a_text_instead_of_an_answer_is_the_error(form: Format, said: Any) -> None:
    """With the server's text, whole or streamed, before and after some text of an answer."""
    for body in (form.stream(said), form.stream({}, said, None), form.stream(*form.items("Hi", reason=None), said)):
        with pytest.raises(bl.BrowserLLMError, match=WORDS):
            read(form.llm, body)
    for indent in (None, 2):
        with pytest.raises(bl.BrowserLLMError, match=WORDS):
            read_whole(form.llm, json.dumps(said, indent=indent).encode())


@each_format
@pytest.mark.parametrize(
    "nothing", [{}, None, [], [{}], [None], "", {"error": {}}, {"error": None}, {"x": None}, {"usage": 3}]
)
def test_an_empty_response_is_an_error(form: Format, nothing: Any) -> None:
    """Every kind of empty event, whole or streamed, once or repeated."""
    for body in (b"", form.stream(), form.stream(nothing), form.stream(nothing, nothing)):
        with pytest.raises(bl.Unavailable):
            read(form.llm, body)
    with pytest.raises(bl.Unavailable):
        read_whole(form.llm, json.dumps(nothing).encode())


@each_format
def test_a_text_that_is_not_json_is_the_error(form: Format) -> None:
    """With a good status, in an event or on its own line, and as a JSON string."""
    line = form.stream("").split(b'""')
    for body in (line[0] + WORDS.encode() + line[1], form.stream(WORDS)):
        with pytest.raises(bl.BrowserLLMError, match=WORDS):
            read(form.llm, body)


@each_format
def test_a_finish_reason_with_an_error_and_no_text_is_an_error(form: Format) -> None:
    """Before the reason and in its own event; with text, the answer stays."""
    for name in ("detail", "msg", "error_message"):
        for items in ([{name: WORDS}, *form.items()], form.items(**{name: WORDS})):
            with pytest.raises(bl.BrowserLLMError, match=WORDS):
                read(form.llm, form.stream(*items))
        assert read(form.llm, form.stream({name: WORDS}, *form.items("Hi")))[1].finish_reason == "stop"
        assert read(form.llm, form.stream({**form.whole, name: WORDS}))[1].finish_reason == "stop"


@each_format
def test_an_empty_answer_needs_a_finish_reason(form: Format) -> None:
    """A model may write nothing."""
    _, draft = read(form.llm, form.stream(*form.items()))
    assert draft.finish_reason == "stop"


def test_a_blocked_prompt_ends_with_content_filter() -> None:
    """Whatever replaces the candidates; a candidate that ends for another reason wins."""
    llm = FORMATS["gemini"].llm
    for candidates in ({}, {"candidates": None}, {"candidates": []}, {"candidates": [{}]}, {"candidates": [None]}):
        said = {**candidates, "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": WORDS}}
        for _, draft in (read(llm, sse(said)), read_whole(llm, json.dumps(said).encode())):
            assert draft.finish_reason == "content_filter"
            assert "SAFETY" in draft.warnings[0].message and WORDS in draft.warnings[0].message
    for feedback in (None, {}, {"safetyRatings": []}, {"blockReason": None}, {"blockReason": ""}):
        with pytest.raises(bl.Unavailable):
            read(llm, sse({"promptFeedback": feedback}))


@pytest.mark.parametrize(
    ("items", "complete"),
    [
        ([{"type": "message_start", "message": {}}], False),
        ([{"type": "message_start", "message": {}}, {"type": "message_stop"}], False),
        ([{"type": "ping"}, {"type": "message_stop"}], False),
        ([{"type": "message_start", "message": None}, {"type": "message_delta", "delta": None}], False),
        (claude_items("Hi", reason=None), False),
        ([*claude_items("Hi", reason=None), {"type": "message_stop"}], True),
        (claude_items("Hi")[:-1], True),
    ],
)
def test_an_anthropic_answer_needs_an_end(items: list[Any], complete: bool) -> None:
    """A finish reason, or a stop event after some text."""
    if complete:
        assert read(FORMATS["anthropic"].llm, sse(*items))[1].finish_reason == "stop"
    else:
        with pytest.raises(bl.Unavailable, match="before the answer was complete"):
            read(FORMATS["anthropic"].llm, sse(*items))


@each_format
def test_an_end_marker_of_another_format_does_not_end_an_answer(form: Format) -> None:
    """Proxies add it to answers of every format."""
    mark = form.stream("").replace(b'""', b"[DONE]")
    assert read(form.llm, form.stream(*form.items("Hi")) + mark)[1].finish_reason == "stop"
    with pytest.raises(bl.Unavailable):
        read(form.llm, mark)


def test_errors_with_an_event_name_are_errors() -> None:
    """Whatever their data; an empty event of that name does not damage an answer."""
    for data in (WORDS, json.dumps(WORDS), json.dumps({"message": WORDS}), json.dumps({"type": "x", "y": WORDS})):
        with pytest.raises(bl.BrowserLLMError, match=WORDS):
            read(
                FORMATS["anthropic"].llm,
                sse(*claude_items("Hi", reason=None)) + f"event: error\ndata: {data}\n\n".encode(),
            )
    for data in ("{}", "null", '{"type": "error"}', '{"type": "error", "error": {}}', '{"error": {"message": ""}}'):
        body = (
            sse(*claude_items("Hi")[:-1]) + f"event: error\ndata: {data}\n\n".encode() + sse({"type": "message_stop"})
        )
        assert read(FORMATS["anthropic"].llm, body)[1].finish_reason == "stop"


# Nothing beside an answer destroys it.

ODD: list[Any] = [None, 7, -1, 1.5, 1e300, True, "", "odd", "7", [], [7], [None], {}, {"odd": 7}, "\ud83d"]
EMPTY_ERRORS: list[Any] = [None, "", " ", 0, False, [], {}, [{}], {"message": "", "code": None, "x": [0, False]}]


def beside(
    value: Any, keep: Callable[[tuple[Any, ...]], bool], path: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    """The places of a JSON value, but those that `keep` says are the answer itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        if not keep((*path, key)):
            yield (*path, key)
        yield from beside(each, keep, (*path, key))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The value with another one at a place."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], odd)
    return copy


ANSWER = {
    "anthropic": {"type", "message", "content_block", "delta", "text", "stop_reason", "index", "content"},
    "gemini": {"candidates", "content", "parts", "text", "finishReason"},
    "ollama": {"message", "content", "done", "done_reason"},
}


@pytest.mark.parametrize("name", [*FORMATS])
@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_fields_beside_an_answer_may_be_anything(name: str, odd: Any) -> None:
    """Counts, ids, models, ratings and unknown fields: the text and its end stay, whole or streamed."""
    form, tried = FORMATS[name], 0

    def keep(path: tuple[Any, ...]) -> bool:
        return isinstance(path[-1], int) or path[-1] in ANSWER[name]

    more = {"usage": {"x": 1}, "usageMetadata": {"y": {"z": 1}}, "id": "x", "responseId": "r", "total_duration": 1}
    for items in (form.items("H", "i", **more), [{**form.whole, **more}]):
        for path in beside(items, keep):
            tried += 1
            text, reason, _ = await heard(read(form.llm, form.stream(*put(items, path, odd))))
            assert (text, reason) == ("Hi", "stop"), path
    assert tried > 10


@each_format
@pytest.mark.parametrize("error", EMPTY_ERRORS, ids=repr)
async def test_an_empty_error_is_not_an_error(form: Format, error: Any) -> None:
    """In each event of an answer, in one of its own, and in a whole answer."""
    items = form.items("H", "i")
    assert await heard(read(form.llm, form.stream(*({**item, "error": error} for item in items)))) == HEARD
    assert await heard(read(form.llm, form.stream({"error": error}, *items[:-1], {"error": error}, items[-1]))) == HEARD
    assert await heard(read_whole(form.llm, json.dumps({**form.whole, "error": error}).encode())) == HEARD


@each_format
async def test_empty_events_are_skipped(form: Format) -> None:
    """Nulls, empty objects and lists, unknown events, before, between and after those of an answer."""
    items = form.items("H", "i")
    for odd in (None, {}, [], [None], "", {"type": "moon", "phase": "full"}, {"x": 1}, {"type": None}, {"type": 7}):
        mixed = [*itertools.chain.from_iterable((odd, item) for item in items[:-1]), items[-1]]
        assert await heard(read(form.llm, form.stream(*mixed))) == HEARD, odd


async def test_parts_that_are_null_or_unknown_are_skipped() -> None:
    """In Gemini's content, in Anthropic's and in Ollama's messages."""
    for odd in (None, {}, {"text": None}, {"executableCode": {}}, {"functionCall": None}, {"functionCall": {}}):
        parts = [odd, {"text": "H"}, odd, {"text": "i"}, odd]
        said = [{"candidates": [None, {"content": {"parts": parts}}]}, *gemini_items()]
        assert await heard(read(FORMATS["gemini"].llm, sse(*said))) == HEARD, odd
    for content in (None, {}, {"parts": None}, {"parts": []}, {"role": "model"}):
        said = [*gemini_items("Hi")[:-1], {"candidates": [{"content": content}]}, *gemini_items()]
        assert await heard(read(FORMATS["gemini"].llm, sse(*said))) == HEARD, content
    for odd in (None, {}, {"type": None}, {"type": "text"}, {"type": "text", "text": None}):
        whole = {**FORMATS["anthropic"].whole, "content": [odd, {"type": "text", "text": "Hi"}, odd]}
        assert await heard(read_whole(FORMATS["anthropic"].llm, json.dumps(whole).encode())) == HEARD, odd
    for odd in (None, {}, {"content": None, "thinking": None, "tool_calls": None}, {"tool_calls": [None]}):
        said = [{"message": odd, "done": False}, *ollama_items("Hi")]
        assert await heard(read(FORMATS["ollama"].llm, lines(*said))) == HEARD, odd


async def test_events_of_blocks_may_come_in_any_order() -> None:
    """Without an index, with one that is a text, never started, started with their text, stopped twice."""

    def delta(**more: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", **more}

    hi = {"type": "text_delta", "text": "Hi"}
    begin = {"type": "content_block_start", "content_block": {"type": "text", "text": ""}}
    stop = {"type": "content_block_stop"}
    start, end = claude_items()[:1], claude_items()[-2:]
    for events in (
        [begin, delta(delta=hi), stop],
        [delta(index=0, delta=hi)],
        [delta(delta=hi)],
        [delta(index=5, delta=hi), {**stop, "index": 5}, {**stop, "index": 5}],
        [{**begin, "index": "0"}, delta(index=0, delta=hi), stop, stop],
        [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}],
        [{"type": "content_block_start", "content_block": {"text": "H"}}, delta(index=0, delta={"text": "i"})],
        [begin, delta(delta=None), delta(), delta(delta=hi), delta(delta={}), stop],
        [{**begin, "content_block": None}, delta(delta=hi)],
        [begin, delta(delta=hi), delta(delta={"type": "citations_delta", "citation": {}}), stop],
    ):
        assert await heard(read(FORMATS["anthropic"].llm, sse(*start, *events, *end))) == HEARD, events
        assert await heard(read(FORMATS["anthropic"].llm, sse(*events, *start, *end))) == HEARD, events


async def test_the_name_of_an_event_replaces_a_missing_type() -> None:
    """Proxies send either."""
    body = "".join(
        f"event: {item['type']}\ndata: {json.dumps({key: each for key, each in item.items() if key != 'type'})}\n\n"
        for item in claude_items("H", "i")
    )
    assert await heard(read(FORMATS["anthropic"].llm, body.encode())) == HEARD


@each_format
async def test_nonsense_after_an_answer_is_a_warning(form: Format) -> None:
    """The answer stays; an error after it is still an error."""
    nonsense = form.stream("").replace(b'""', b'{"candidates": [nonsense')
    last = form.items("Hi")[:-1] if form.items is claude_items else form.items("Hi")
    assert await heard(read(form.llm, form.stream(*last) + nonsense)) == HEARD
    assert "nonsense" in str(read(form.llm, form.stream(*last) + nonsense)[1].warnings)
    with pytest.raises(bl.BrowserLLMError, match=WORDS):
        read(form.llm, form.stream(*last, {"error": {"message": WORDS}}))
    with pytest.raises(bl.errors.ProtocolError):
        read(form.llm, form.stream(*form.items("Hi", reason=None)) + nonsense)
