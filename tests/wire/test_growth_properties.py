"""What reads others' texts takes time that grows with their length: counted in steps, not in seconds.

Each reader is given the worst that was found for it, in one piece and in pieces of one character, at one to eight times
a size: with each doubling the steps may about double.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from growth import METER, assert_linear, counted, pieces

Make = Callable[[int], Any]
Run = Callable[[Any], object]
TYPES = counted("types")


def filled(unit: str, before: str = "", after: str = "") -> Make:
    """Make a text of about a size out of one piece of it."""
    return lambda size: before + unit * (size // len(unit) + 1) + after


# JSON, and calls, as models write them

CALLS = counted("constrained.tool_calls.parser")
FORMS = counted("constrained.tool_calls.formats")
PARTIAL = counted("json_schema.partial")
LENIENT = counted("json_schema.lenient")
ANSWER = counted("structured.text")
OUTPUT = counted("json_schema.types")
TOOL = TYPES.Tool("f", "", {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}})


def read_calls(family: str) -> Callable[[Iterator[str]], None]:
    def read(text: Iterator[str]) -> None:
        parser = CALLS.ToolCallParser([TOOL], FORMS.format_for(family))
        for piece in text:
            parser.feed(piece)
        parser.finish()

    return read


def read_partial(text: Iterator[str]) -> None:
    partial = PARTIAL.PartialJson()
    for piece in text:
        partial.feed(piece)
    partial.finish()


def read_answer(kind: Any) -> Callable[[Iterator[str]], None]:
    def read(text: Iterator[str]) -> None:
        reader = ANSWER.AnswerReader(OUTPUT.output_type(kind))
        for piece in text:
            reader.feed(piece)
        with suppress(OUTPUT.InvalidValue):
            reader.finish()

    return read


UNITS = [
    '<tool_call>{"x":1,', '<tool_call>{"name":"f"} {"x":1 ',
    '<tool_call>{"name":"f","arguments":{"a":"b"}}</tool_call>', '{"name":', '{"type":"a",', '\n{"type":[',
    '\n{"id":{"', "\n{", "\n[{", "[", "{", "<", "<tool_call>", "`", "\n```json\n", "\n```", "[TOOL_CALLS]",
    "[TOOL_CALLS][", "<function=f>", "<function=f><parameter=a>x", "<parameter=a>", "</tool_call>",
    "</parameter>", "</parameter>\n</function>\n", "\n</function>", "f(a=b, ", "~~~\n", "`x\n", "{a: b, c, ", "\nf(",
    "\nf(a=", "\nf(a=1,", '\nf("', "\nprint(f(", ' "', '"  ', "\\", '\\"', "\\u12", "'", "\"'", " ", "\n", "\t ",
    ",", ", ", " , ", ":", "a", "a ", "a\n", "1", "-", "1e", "é", "<think>", "</think>", "<think>{", "{}", "{} ",
    '{"a":1}', '"a":1,', '"a":[', "[1,", '{"a":{"', "]", "}", "</", "<|", "<|tool_call|>", "{a", "[a", "[[", '["',
    '[""', "{'", "=", "(", ")", "_",
]  # fmt: skip
BEFORE = [
    "",
    "<tool_call>",
    '<tool_call>{"name":"f","arguments":{"a":"',
    '{"a":"',
    '{"a":',
    "[",
    '<tool_call>{"x":',
    "<tool_call>f(",
    "<tool_call><function=f><parameter=a>",
    '```json\n{"name":"f","parameters":{"a":"',
]
TEXT_READERS: dict[str, Callable[[Iterator[str]], None]] = {
    "calls": read_calls(""),
    "calls in XML": read_calls("Qwen3.5"),
    "calls in fences": read_calls("Gemma 3"),
    "partial": read_partial,
    "object": read_answer(dict[str, Any]),
    "list": read_answer(list[int]),
}


# One end after another that may not be the last.
REREAD = ("", "\n<tool_call><function=f><parameter=a>x</parameter>z")
REPORTED = [REREAD, ("", '<tool_call>{"x":1,'), ("", '{"name":'), ("<tool_call>", '{"name":'), ('{"a":"', '\\"')]
SEED = 20261129


@pytest.mark.parametrize("reader", TEXT_READERS)
@pytest.mark.parametrize("length", [0, 1])
def test_a_models_output_is_read_in_linear_time(reader: str, length: int) -> None:
    """False calls, values that never end, endless quotes, blanks and brackets: whole, and in pieces."""
    run = TEXT_READERS[reader]
    rng = random.Random(f"{SEED}{reader}{length}")  # noqa: S311
    for before, unit in [*REPORTED, *((rng.choice(BEFORE), unit) for unit in rng.sample(UNITS, 5)[:2])]:
        try:
            assert_linear(
                filled(unit, before),
                lambda text: run(pieces(text, length) if length else iter([text])),
                sizes=(8000, 16_000) if reader in {"object", "list"} and length else (4000, 8000),
                most=2.5,
            )
        except AssertionError as error:
            raise AssertionError(f"{before!r}, then {unit!r}: {error}") from None


# What servers send

EVENTS = counted("backends.cloud.sse")
STREAM = counted("backends.stream")
FAILURES = counted("backends.cloud.failures")
CLIENT = counted("_internal.http.client")
READER = counted("backends.cloud.reader")
NESTING = counted("_internal.nesting")


def read_events(kind: str, length: int) -> Run:
    def run(text: str) -> None:
        data = text.encode()
        decoder = getattr(EVENTS, kind)()
        for at in range(0, len(data), length or len(data)):
            list(decoder.feed(data[at : at + (length or len(data))]))
        list(decoder.close())

    return run


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize(
    "unit", ["data: x\n", "data:\n", "data: x\n\n", "\r", "\r\n", ": \n", "x", "event: x\n", "\n", " "]
)
def test_events_are_read_in_time_that_grows_with_their_length(unit: str, length: int) -> None:
    """Lines without end, without number, and without anything in them."""
    for kind in ("ServerSentEvents", "JsonLines"):
        assert_linear(filled(unit, "data: "), read_events(kind, length))


@pytest.mark.parametrize(
    "make",
    [
        filled('\\"', '{"a":"', "[" * 201),
        filled('"', "", "[" * 201),
        filled('"[', ""),
        filled("\\", '{"a":"', "[" * 201),
        filled("[]"),
        filled('{"a":['),
        filled("]", "", "[" * 201),
        filled('","\\', "", "{" * 201),
    ],
)
def test_nesting_is_checked_in_time_that_grows_with_the_length(make: Make) -> None:
    """Escaped quotes, texts that never end, brackets in texts and brackets without end."""

    def run(text: Any) -> None:
        with suppress(RecursionError):
            NESTING.check_depth(text)

    assert_linear(make, run, sizes=(2000, 4000, 8000))
    assert_linear(lambda size: make(size).encode(), run, sizes=(2000, 4000, 8000))


def reader_of(vendor: str, kind: str, *more: Any) -> Any:
    draft = STREAM.Draft(TYPES.ChatRequest(messages=[]), "x", "1")
    return getattr(counted(f"backends.cloud.{vendor}.reader"), kind)(
        draft, FAILURES.ErrorSource(backend="x", model="m", key_name="k"), *more
    )


VENDORS: dict[str, tuple[Callable[[], Any], Callable[[int], object]]] = {
    "openai": (
        lambda: reader_of("openai", "ChatCompletionReader"),
        lambda n: {"choices": [{"delta": {"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": "f"}}]}}]},
    ),
    "openai, more of them": (
        lambda: reader_of("openai", "ChatCompletionReader"),
        lambda n: {"choices": [{"delta": {"tool_calls": [{"index": n // 2, "function": {"arguments": "{"}}]}}]},
    ),
    "openai, objects of thinking": (
        lambda: reader_of("openai", "ChatCompletionReader"),
        lambda n: {"choices": [{"delta": {"reasoning_details": [{"index": n, "id": f"r{n}", "data": "S"}]}}]},
    ),
    "openai, pieces of one": (
        lambda: reader_of("openai", "ChatCompletionReader"),
        lambda n: {"choices": [{"delta": {"reasoning_details": [{"index": 0, "type": "x", "data": "S" * (n % 9)}]}}]},
    ),
    "openai, pieces of two in turn": (
        lambda: reader_of("openai", "ChatCompletionReader"),
        lambda n: {"choices": [{"delta": {"reasoning_details": [{"index": n % 2, "text": "Hm", "signature": "S"}]}}]},
    ),
    "openai, names beside a call": (
        lambda: reader_of("openai", "ChatCompletionReader"),
        lambda n: {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "extra_content": {f"n{n}": 1}}]}}]},
    ),
    "anthropic": (
        lambda: reader_of("anthropic", "AnthropicReader"),
        lambda n: {"type": "content_block_start", "index": n, "content_block": {"type": "tool_use", "name": "f"}},
    ),
    "gemini": (
        lambda: reader_of("gemini", "GeminiReader"),
        lambda n: {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": n}}}]}}]},
    ),
    "ollama": (
        lambda: reader_of("ollama", "OllamaReader", lambda model: None),
        lambda n: {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": n}}}]}},
    ),
    "ollama, one of them in pieces": (
        lambda: reader_of("ollama", "OllamaReader", lambda model: None),
        lambda n: {"message": {"tool_calls": [{"function": {"name": "" if n else "f", "arguments": "{"}}]}},
    ),
    "ollama, all with one id": (
        lambda: reader_of("ollama", "OllamaReader", lambda model: None),
        lambda n: {"message": {"tool_calls": [{"id": "x", "function": {"name": "f", "arguments": {"a": n}}}]}},
    ),
    "gemini, one of them in pieces": (
        lambda: reader_of("gemini", "GeminiReader"),
        lambda n: {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {
                                "functionCall": {
                                    "name": "" if n else "f",
                                    "partialArgs": [{"jsonPath": f"$.a[{n}]", "stringValue": "x"}],
                                    "willContinue": True,
                                }
                            }
                        ]
                    }
                }
            ]
        },
    ),
    "anthropic, without names": (
        lambda: reader_of("anthropic", "AnthropicReader"),
        lambda n: {"type": "content_block_delta", "index": n, "delta": {"partial_json": "{}"}},
    ),
    "gemini, words of errors instead": (
        lambda: reader_of("gemini", "GeminiReader"),
        lambda n: {"detail": [{"msg": "x" * 20}] * n},
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_answer_of_many_calls_is_read_in_linear_time(vendor: str) -> None:
    """Each event begins another call, or continues an earlier one."""
    reader_for, event_of = VENDORS[vendor]

    def run(events: list[str]) -> None:
        reader = reader_for()
        for event in events:
            list(reader.read(EVENTS.Event(event)))

    assert_linear(lambda size: [json.dumps(event_of(number)) for number in range(size)], run, sizes=(200, 400, 800))


def test_thoughts_in_many_pieces_are_put_together_in_time_that_grows_with_them() -> None:
    """Of one object, of two in turn, and of many; a turn has as many parts."""
    sent_back = counted("backends.cloud.provider_metadata")

    def parts(size: int, objects: int) -> list[Any]:
        value = {"type": "thinking", "thinking": "", "data": ""}
        return [
            TYPES.ReasoningPart("Hm", f"x/m:{json.dumps([field, number % objects, {**value, 'data': 'S'}])}")
            for number in range(size)
            for field in ("reasoning_details", "content")
        ]

    for objects in (1, 2, 10_000):
        assert_linear(
            lambda size, objects=objects: parts(size, objects),
            lambda given: (sent_back.thoughts_to_send("x/m", given), sent_back.chunks_to_send("x/m", given)),
            sizes=(200, 400, 800),
        )

    def kept(size: int) -> None:
        answer = counted("backends.answer_parts").AnswerParts()
        for number in range(size):
            answer.add_reasoning(TYPES.ReasoningDelta(reasoning="Hm", signature="S" if number % 3 else None))
            answer.text.append("" if number % 2 else "x")
            answer.add_call(TYPES.ToolCallDelta(index=number // 2, arguments="{"))
        answer.message(is_whole=True)

    assert_linear(lambda size: size, kept, sizes=(200, 400, 800))


def test_blanks_before_an_answer_are_read_once_and_are_bounded() -> None:
    """A server may send them one by one, and without end."""

    async def blanks(count: int) -> AsyncGenerator[bytes, None]:
        for _ in range(count):
            yield b" "

    assert_linear(lambda size: size, lambda size: asyncio.run(READER._start(blanks(size))))

    async def much() -> AsyncGenerator[bytes, None]:
        while True:
            yield b" " * 2**20

    with pytest.raises(counted("errors").ProtocolError):
        asyncio.run(READER._start(much()))


# Conversations

HISTORY = counted("chat.history")


def pairs(count: int) -> Any:
    """A conversation with calls, each with its result in the next message."""
    messages = [TYPES.Message("user", "Go on.")]
    for number in range(count):
        messages.append(TYPES.Message("assistant", [TYPES.ToolCallPart(f"c{number}", "f", "{}")]))
        messages.append(TYPES.Message("tool", [TYPES.ToolResultPart(f"c{number}", "x")]))
    return HISTORY.History(messages=messages, usage=[TYPES.Usage()])


def at_once(count: int) -> Any:
    """A conversation with all calls in one message, and the results the other way round."""
    calls = [TYPES.ToolCallPart(f"c{number}", "f", "{}") for number in range(count)]
    results = [TYPES.ToolResultPart(call.id, "x") for call in reversed(calls)]
    messages = [TYPES.Message("user", "Go."), TYPES.Message("assistant", calls), TYPES.Message("tool", results)]
    return HISTORY.History(messages=messages, usage=[TYPES.Usage()])


def turns(count: int) -> Any:
    """A conversation of short turns."""
    messages = [TYPES.Message("user" if number % 2 == 0 else "assistant", "x") for number in range(2 * count)]
    return HISTORY.History(messages=messages, usage=[TYPES.Usage()] * count)


def request_of(history: Any) -> Any:
    return TYPES.ChatRequest(messages=history.messages, tools=[TOOL])


def sent(vendor: str, function: str, *more: Any) -> Run:
    def run(history: Any) -> None:
        request = request_of(history)
        getattr(counted(vendor), function)(request, STREAM.Draft(request, "x", "1"), *more)

    return run


def written_for(family: str) -> Run:
    return lambda history: (
        counted("constrained.tool_calls.prompt").ToolUse(request_of(history)).messages(history.messages, family)
    )


def in_window(history: Any) -> None:
    class Backend:
        async def count_tokens(self, request: Any) -> int:
            return 10 * len(request.messages)

    context = counted("chat.context")
    gauge = context.Gauge(
        Backend(), lambda each: TYPES.ChatRequest(messages=each.sent), window=1000, reserve=100, known=None
    )
    with suppress(counted("errors").ContextExceeded):  # the last turn may be too large by itself
        asyncio.run(gauge.next_start(history, 0.5))


CONVERSATIONS: dict[str, Run] = {
    "loaded": lambda history: HISTORY.History.from_json(history.to_json()),
    "pending": lambda history: history.pending,
    "gemini": sent("backends.cloud.gemini.backend", "_contents", "m"),
    "ollama": sent("backends.cloud.ollama.backend", "_messages"),
    **{f"for {family or 'others'}": written_for(family) for family in ("", "Pocket", "Llama 3.2", "Mistral")},
    "in a window": in_window,
}


@pytest.mark.parametrize("reader", CONVERSATIONS)
@pytest.mark.parametrize("make", [pairs, at_once, turns])
def test_a_long_conversation_is_read_in_linear_time(make: Make, reader: str) -> None:
    """Loaded, checked, written for a model, and cut to a window: with many calls, results and turns."""
    # Where a start is sought among many, it is sought by halves.
    assert_linear(make, CONVERSATIONS[reader], sizes=(200, 400, 800), most=2.6 if reader == "in a window" else 2.3)


# What else is read


def read_twice(text: str) -> None:
    with pytest.raises(OUTPUT.InvalidValue):
        OUTPUT.read_json(text)


OTHERS: dict[str, tuple[Run, list[Make]]] = {
    "a JSON answer": (
        read_twice,
        [
            filled('"a":1,', "{", '"a":1}'),
            lambda size: json.dumps({str(n): n for n in range(size // 9)})[:-1] + ',"0":1}',
        ],
    ),
    "a page": (
        lambda text: list(counted("chat.builtin.page_text").PageReader(text, "https://example.com/").steps()),
        [
            filled(unit, before)
            for before in ("", "<pre>", "<nav>")
            for unit in (
                "<",
                "<a ",
                "<a b=",
                "<a b='",
                "<!--",
                "</",
                "<a href=x>y",
                "<base href='x/'>",
                "&#x",
                "&amp",
                "<p>",
            )
        ]
        + [
            filled(unit)
            for unit in ("<title>", "<script>", "</script", "<nav>", "</nav>", "<li>", " \n", "<a   ", "<a =")
        ],
    ),
    "a docstring": (
        lambda text: counted("json_schema.docstrings").parse_docstring(text),
        [
            filled(" ", "x\n\n:param", "x"),
            filled("x ", ":param ", "x"),
            filled(" ", "Args:\n    x", "y"),
            filled("(", "Args:\n    x "),
            filled(":param x: y\n"),
            filled("Args:\n"),
            filled("x\n---\n"),
        ],
    ),
    "an error of Ollama's": (
        lambda text: counted("backends.cloud.ollama.reader").read_error(text),
        [filled(unit) for unit in ("model 'x", "model '", 'model "', "model 'x' not ")],
    ),
}


@pytest.mark.parametrize("reader", OTHERS)
def test_other_input_is_read_in_linear_time(reader: str) -> None:
    """Pages, docstrings, errors, answers with a repeated key."""
    run, makers = OTHERS[reader]
    for maker in makers:
        try:
            assert_linear(maker, run, sizes=(1000, 2000, 4000))
        except AssertionError as error:
            raise AssertionError(f"{maker(9)[:80]!r}: {error}") from None


@pytest.mark.parametrize("mode", ["accumulated", "both"])
def test_an_accumulated_answer_takes_linear_time(mode: str) -> None:
    """Beyond 64 thousand characters a chunk waits until it adds enough text; none is lost."""

    async def read(count: int) -> list[Any]:
        async def generate(_request: Any, _draft: Any) -> AsyncGenerator[str, None]:
            for _ in range(count):
                yield "x" * 256

        request = TYPES.ChatRequest(messages=[])
        stream = STREAM.ChatStream(generate, STREAM.Draft(request, "x", "1"), mode)
        return [chunk async for chunk in stream]

    assert_linear(
        lambda size: size, lambda size: asyncio.run(read(size)), sizes=(3200, 6400, 12800), most=2.5, limit=10**11
    )
    *chunks, done = asyncio.run(read(6400))
    assert [chunk.sequence for chunk in [*chunks, done]] == list(range(len(chunks) + 1))
    whole = "x" * 256 * 6400
    assert (done.text if mode == "accumulated" else done.accumulated) == whole == done.response.text
    assert (chunks[-1].text if mode == "accumulated" else "".join(chunk.text for chunk in chunks)) == whole


def test_the_counter_counts_expensive_operations() -> None:
    """Copies of a text, and searches in lists, count as much as they copy and compare."""
    with pytest.raises(AssertionError):
        assert_linear(lambda size: ["x"] * size, copying)
    assert METER.steps == 0


def copying(texts: list[str]) -> None:
    """Join texts in quadratic time, in code that is counted by hand."""
    text = ""
    for each in texts:
        text += each
        METER.add(len(text))
