"""Anthropic, Gemini and Ollama as laws, over real sockets: however an answer is cut and written, it is the same.

Here and not with the unit tests, because Hypothesis is not there in a page. Seeds are Hypothesis' own; a failure prints
the answer, and how it was sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import browserllm as bl
from cases import cases
from unit.backends.cloud.native_formats import FORMATS, WORDS
from vendor_server import Reply, VendorServer

pytestmark = pytest.mark.no_cover

few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Line:
    """A server, a backend for each format, and a loop that lives as long as they do."""

    def __init__(self, server: VendorServer, runner: asyncio.Runner) -> None:
        """Ask nothing yet."""
        self._server, self._runner = server, runner
        url = f"{server.url}/x"
        self._llms: dict[str, bl.backends.cloud.CloudBackend] = {
            "anthropic": bl.Anthropic("m", base_url=url, api_key="k"),
            "gemini": bl.Gemini("m", base_url=url, api_key="k"),
            "ollama": bl.Ollama("m", base_url=url, api_key="k"),
        }

    def ask(self, name: str, body: bytes, cuts: list[int], kind: str = "text/event-stream") -> bl.ChatResponse:
        """What an answer comes to that is sent in these pieces."""
        places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
        pieces = tuple(body[a:b] for a, b in pairwise(places))
        self._server.add("x", Reply(pieces, 200, {"content-type": kind}))
        return self._runner.run(self._llms[name].complete("Hi"))

    def close(self) -> None:
        """Close the connections."""
        for llm in self._llms.values():
            self._runner.run(llm.close())


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """One for all examples: they take turns."""
    with VendorServer({}) as server, asyncio.Runner() as runner:
        running = Line(server, runner)
        yield running
        running.close()


@dataclass(frozen=True)
class Said:
    """What a model says: a thought, a text, and calls."""

    thought: str
    text: str
    calls: list[tuple[str, dict[str, Any]]]


plain = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | plain,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(plain, inner, max_size=2),
    max_leaves=5,
)
names = st.sampled_from(["add", "get_weather", "now"])
said = st.builds(Said, plain, plain, st.lists(st.tuples(names, st.dictionaries(plain, values, max_size=3)), max_size=3))
cuts = st.lists(st.integers(min_value=0), max_size=12)
odd = st.sampled_from(
    [None, {}, [], [None], "", {"type": "ping"}, {"type": "moon", "phase": 1}, {"error": None}, {"error": {"code": 0}}]
)


def units(text: str) -> list[str]:
    """A text as its UTF-16 code units: half characters where it has characters beyond."""
    raw = text.encode("utf-16-le")
    return [raw[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(raw), 2)]


def pieces(draw: Callable[..., Any], text: str) -> list[str]:
    """A text in pieces, which may begin and end within a character."""
    whole = units(text)
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=3)))
    return ["".join(whole[a:b]) for a, b in zip([0, *places], [*places, len(whole)], strict=True)]


def anthropic_events(draw: Callable[..., Any], answer: Said) -> list[Any]:
    """An answer in Anthropic's events."""
    events: list[Any] = [{"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}]
    index = 0

    def block(begun: dict[str, Any], *deltas: dict[str, Any]) -> None:
        nonlocal index
        where = {"index": index} if draw(st.booleans()) or index else {}
        events.append({"type": "content_block_start", **where, "content_block": begun})
        events.extend({"type": "content_block_delta", **where, "delta": delta} for delta in deltas)
        events.extend([{"type": "content_block_stop", **where}] * draw(st.integers(0, 2)))
        index += 1

    if answer.thought:
        block({"type": "thinking"}, *({"type": "thinking_delta", "thinking": p} for p in pieces(draw, answer.thought)))
    first, *rest = pieces(draw, answer.text)
    block({"type": "text", "text": first}, *({"type": "text_delta", "text": piece} for piece in rest))
    for name, arguments in answer.calls:
        begun = {"type": "tool_use", "name": name, "id": draw(st.sampled_from([None, "", 7, "a"]))}
        given = draw(st.sampled_from(["start", "pieces", "both"]))
        text = json.dumps(arguments, ensure_ascii=draw(st.booleans()))
        deltas = (
            [] if given == "start" else [{"type": "input_json_delta", "partial_json": p} for p in pieces(draw, text)]
        )
        block({**begun, "input": {} if given == "pieces" else arguments}, *deltas)
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 5, "input_tokens": 0},
    }
    return [*events, *[end] * draw(st.integers(1, 2)), *([{"type": "message_stop"}] if draw(st.booleans()) else [])]


def gemini_events(draw: Callable[..., Any], answer: Said) -> list[Any]:
    """An answer in Gemini's pieces."""
    parts: list[Any] = [{"text": piece, "thought": True} for piece in pieces(draw, answer.thought)]
    parts += [{"text": piece} for piece in pieces(draw, answer.text)]
    for name, arguments in answer.calls:
        args = json.dumps(arguments) if draw(st.booleans()) else arguments
        parts.append({"functionCall": {"name": name, **({"args": args} if arguments or draw(st.booleans()) else {})}})
    events: list[Any] = []
    while parts:
        size = draw(st.integers(1, 3))
        content = {"content": {"parts": [*parts[:size], *draw(st.lists(st.none(), max_size=1))]}}
        reason = {"finishReason": "STOP"} if draw(st.booleans()) else {}
        count = draw(st.integers(0, 5))
        events.append({"candidates": [{**content, **reason}], "usageMetadata": {"candidatesTokenCount": count}})
        parts = parts[size:]
    stop, usage = {"candidates": [{"finishReason": "STOP"}]}, {"promptTokenCount": 9, "candidatesTokenCount": 5}
    return [*events, stop, {"usageMetadata": usage}]


def ollama_events(draw: Callable[..., Any], answer: Said) -> list[Any]:
    """An answer in Ollama's lines."""
    messages: list[Any] = [{"thinking": piece} for piece in pieces(draw, answer.thought)]
    messages += [{"content": piece} for piece in pieces(draw, answer.text)]
    for number, (name, arguments) in enumerate(answer.calls):
        args = json.dumps(arguments) if draw(st.booleans()) else arguments
        where = {"index": number} if draw(st.booleans()) else {}
        messages.append({"tool_calls": [{"function": {"name": name, "arguments": args or None, **where}}]})
    events = [{"message": message, "done": draw(st.booleans()) and "content" in message} for message in messages]
    again = [each for message in messages for each in message.get("tool_calls", [])]
    last = {"message": {"content": "", "tool_calls": again if draw(st.booleans()) else None}}
    return [*events, {**last, "done": True, "prompt_eval_count": 9, "eval_count": 5}, {"eval_count": 0}]


EVENTS = {"anthropic": anthropic_events, "gemini": gemini_events, "ollama": ollama_events}


def written(draw: Callable[..., Any], name: str, events: list[Any]) -> bytes:
    """Events as bytes, with what may stand between them."""
    end = draw(st.sampled_from(["\n", "\r\n"] if name == "ollama" else ["\n", "\r\n", "\r"]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    texts: list[str] = []
    for event in events:
        for each in (*draw(st.lists(odd, max_size=1)), event):
            text = json.dumps(each)
            named = (
                f"event: {each['type']}{end}"
                if isinstance(each, dict) and "type" in each and draw(st.booleans())
                else ""
            )
            comment = draw(st.sampled_from(["", f": ping{end}{end}", f"id: 7{end}retry: 1{end}"]))
            texts.append(f"{text}{end}" if name == "ollama" else f"{comment}{named}data: {text}{end}{end}")
    return (mark + "".join(texts)).encode()


@pytest.mark.parametrize("name", [*EVENTS])
@few
@given(data=st.data(), answer=said, cuts=cuts)
def test_an_answer_is_the_same_in_every_form_and_split(
    line: Line, name: str, data: st.DataObject, answer: Said, cuts: list[int]
) -> None:
    """Characters, calls, arguments and bytes cut anywhere; false ends, empty errors and nulls; counts that fall."""
    body = written(data.draw, name, EVENTS[name](data.draw, answer))
    response = line.ask(name, body, cuts)
    calls = response.message.tool_calls
    assert (response.reasoning or "", response.text) == (answer.thought, answer.text)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == answer.calls
    assert all(call.id for call in calls) and len({call.id for call in calls}) == len(calls)
    assert response.finish_reason == ("tool_calls" if calls else "stop")
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (9, 5)


@pytest.mark.parametrize("name", [*EVENTS])
@few
@given(data=st.data(), answer=said.filter(lambda each: bool(each.text)), cuts=cuts)
def test_an_answer_that_comes_whole_is_the_same(
    line: Line, name: str, data: st.DataObject, answer: Said, cuts: list[int]
) -> None:
    """JSON on one line or several, of any content type, with or without a byte order mark and a last line end."""
    calls = [{"name": name, "input": arguments} for name, arguments in answer.calls]
    whole: dict[str, Any]
    if name == "anthropic":
        thought = [{"type": "thinking", "thinking": answer.thought}] if answer.thought else []
        uses = [{"type": "tool_use", "id": "a", **call} for call in calls]
        whole = {"content": [*thought, {"type": "text", "text": answer.text}, *uses], "stop_reason": "end_turn"}
    elif name == "gemini":
        uses = [{"functionCall": {"name": call["name"], "args": call["input"]}} for call in calls]
        parts = [{"text": answer.thought, "thought": True}, {"text": answer.text}, *uses]
        whole = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    else:
        uses = [{"function": {"name": call["name"], "arguments": call["input"]}} for call in calls]
        whole = {"message": {"content": answer.text, "thinking": answer.thought, "tool_calls": uses}, "done": True}
    text = json.dumps(whole, indent=data.draw(st.sampled_from([None, 2])), ensure_ascii=data.draw(st.booleans()))
    mark, end = data.draw(st.sampled_from(["", "\ufeff", "\n "])), data.draw(st.sampled_from(["", "\n", "\r\n\r\n"]))
    kind = data.draw(
        st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", "text/event-stream"])
    )
    response = line.ask(name, (mark + text + end).encode(), cuts, kind)
    assert (response.reasoning or "", response.text) == (answer.thought, answer.text)
    assert [(call.name, json.loads(call.arguments)) for call in response.message.tool_calls] == answer.calls


VOCABULARY = """type index message content_block delta usage content stop_reason text thinking name id input
partial_json error candidates parts finishReason promptFeedback blockReason usageMetadata functionCall args partialArgs
jsonPath stringValue willContinue thought tool_calls function arguments done done_reason eval_count model detail code"""
TYPES = """message_start content_block_start content_block_delta content_block_stop message_delta message_stop message
error ping text thinking tool_use redacted_thinking text_delta input_json_delta signature_delta STOP $.a $.a[1] {"a": 1}
end_turn"""
scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.floats()
soup = st.recursive(
    scalars | st.sampled_from(TYPES.split()) | st.sampled_from(["\ud83d", "", "7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(VOCABULARY.split()), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", [*EVENTS])
@settings(max_examples=cases(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(soup, max_size=4), streamed=st.booleans())
def test_any_response_is_an_answer_or_a_typed_error(line: Line, name: str, events: list[Any], streamed: bool) -> None:
    """Every call of an answer has a name and an id, and there is a text, a call or a finish reason."""
    body = FORMATS[name].stream(*events) if streamed else json.dumps(events[0] if events else None).encode()
    try:
        response = line.ask(name, body, [])
    except bl.BrowserLLMError as error:
        json.dumps(error.data)
        str(error).encode()
        return
    assert all(call.name and call.id for call in response.message.tool_calls)
    words = json.dumps(events)
    assert any(each in words for each in ("Reason", "reason", "done", "text", "thinking", "tool_calls", "functionCall"))
    response.text.encode()


def wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An error's body around what it says."""
    keys = st.sampled_from(["error", "detail", "message", "errors", "msg", "error_message", "description"])
    return st.dictionaries(keys, inner, min_size=1, max_size=1) | st.tuples(inner).map(list)


@pytest.mark.parametrize("name", [*EVENTS])
@few
@given(
    body=st.recursive(st.just(WORDS), wrapped, max_leaves=4),
    streamed=st.booleans(),
    before=st.lists(odd, max_size=2),
    cuts=cuts,
)
def test_the_error_quotes_the_text_sent_instead_of_an_answer(
    line: Line, name: str, body: Any, streamed: bool, before: list[Any], cuts: list[int]
) -> None:
    """In every wrapping, whole or streamed, as JSON or as text."""
    sent = (
        FORMATS[name].stream(*before, body)
        if streamed
        else (json.dumps(body).encode() if body != WORDS else WORDS.encode())
    )
    with pytest.raises(bl.BrowserLLMError, match=WORDS):
        line.ask(name, sent, cuts)
