"""Anthropic, Gemini and Ollama: where an answer ends, what it took, and answers that come whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from unit.backends.cloud.native_formats import (
    FORMATS,
    HEARD,
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


async def test_a_finish_reason_does_not_end_an_answer() -> None:
    """On each piece, on the first one alone, before the text, and with its usage."""
    said = gemini_items("Hi")[:-1]
    stop = {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}
    usage = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}

    def piece(text: str) -> dict[str, Any]:
        return {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}

    for items in (
        [piece("H"), piece("i"), usage],
        [stop, stop, *said, stop, usage],
        [stop, *said, usage],
        [*said, stop, usage],
        [usage, *said, usage, stop],
    ):
        assert await heard(read(FORMATS["gemini"].llm, sse(*items))) == HEARD, items
    done = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    for items in (
        [{**done, "message": {"content": "H"}}, {**done, "message": {"content": "i"}}],
        [done, {"message": {"content": "Hi"}}],
        [{**done, "message": {"content": "H"}}, {"message": {"content": "i"}, "done": False}],
        [{"message": {"content": "Hi"}}, {"done": True}, done],
    ):
        assert await heard(read(FORMATS["ollama"].llm, lines(*items))) == HEARD, items
    twice = claude_items("Hi")
    late = [*claude_items("H")[:-1], {"type": "content_block_delta", "delta": {"text": "i"}}, *twice[-2:]]
    first = {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 1}}
    for items in ([*twice[:-1], *twice[-2:]], late, [*twice[:-2], first, *twice[-2:]], [*twice[:-1], first, twice[-1]]):
        assert await heard(read(FORMATS["anthropic"].llm, sse(*items))) == HEARD, items


async def test_the_last_finish_reason_counts() -> None:
    """A corrected reason is forgotten, but "stop" replaces none."""
    for first, second, expected in (
        ("STOP", "MAX_TOKENS", "length"),
        ("MALFORMED_FUNCTION_CALL", "STOP", "stop"),
        ("MAX_TOKENS", "STOP", "length"),
        ("SAFETY", "STOP", "content_filter"),
    ):
        items = [*gemini_items("Hi", reason=first), *gemini_items(reason=second)]
        assert read(FORMATS["gemini"].llm, sse(*items))[1].finish_reason == expected
    items = [*claude_items("Hi")[:-1], *claude_items(reason="max_tokens")[-2:]]
    assert read(FORMATS["anthropic"].llm, sse(*items))[1].finish_reason == "length"
    assert (
        read(FORMATS["ollama"].llm, lines(*ollama_items("Hi"), *ollama_items(reason="length")))[1].finish_reason
        == "length"
    )


@each_format
def test_a_break_after_an_early_finish_reason_is_an_error(form: Format) -> None:
    """A server that continued after a finish reason may not have been finished when the connection breaks."""
    draft = Draft(build_request("Hi", {}), "x", "chat-1")
    reader = form.llm.reader(draft, ErrorSource(backend="x", model="m", key_name="api_key"))

    def feed(items: list[Any]) -> bool:
        for event in form.llm.decoder().feed(form.stream(*items)):
            list(reader.read(event))
        return reader.complete

    without_marker = [item for item in form.items("Hi") if item.get("type") != "message_stop"]
    assert not feed(form.items("Hi", reason=None))
    assert feed(without_marker)
    assert not feed(without_marker)


@each_format
@pytest.mark.parametrize("indent", [None, 1])
async def test_an_answer_may_come_whole(form: Format, indent: int | None) -> None:
    """As one object on a line or on several, as a list of one, as an event, without a finish reason."""
    assert await heard(read_whole(form.llm, json.dumps(form.whole, indent=indent).encode())) == HEARD
    assert await heard(read_whole(form.llm, json.dumps([form.whole], indent=indent).encode())) == HEARD
    assert await heard(read(form.llm, form.stream(form.whole))) == HEARD
    assert await heard(read(form.llm, form.stream([form.whole]))) == HEARD
    rest = json.loads(json.dumps(form.whole).replace('"STOP"', "null").replace('"end_turn"', "null"))
    rest.pop("done", None)
    rest.pop("done_reason", None)
    assert await heard(read_whole(form.llm, json.dumps(rest, indent=indent).encode())) == HEARD


@pytest.mark.parametrize("separator", [",", ",\n", "\n,\r\n", " , "])
async def test_geminis_list_of_pieces_is_read_as_a_stream(separator: str) -> None:
    """What a request without ``alt=sse`` gets: a list, whole or cut off; pieces on lines of their own."""
    llm, pieces = FORMATS["gemini"].llm, [json.dumps(item) for item in gemini_items("H", "i")]
    listed = f"[{separator.join(pieces)}\n]\n"
    for body in (listed, listed.rstrip().removesuffix("]"), "\n".join(pieces), "".join(pieces), f" {listed}"):
        assert await heard(read_whole(llm, body.encode())) == HEARD
    for cut in range(1, listed.rindex("}")):
        with pytest.raises(bl.BrowserLLMError):
            read_whole(llm, listed[:cut].encode())


async def test_anthropics_message_may_come_with_its_start() -> None:
    """Its blocks count if no others come."""
    held = {"type": "message_start", "message": FORMATS["anthropic"].whole}
    assert await heard(read(FORMATS["anthropic"].llm, sse(held, {"type": "message_stop"}))) == HEARD
    assert await heard(read(FORMATS["anthropic"].llm, sse(held, *claude_items("Hi")[1:]))) == HEARD
    whole = {**FORMATS["anthropic"].whole, "content": "Hi"}
    assert await heard(read_whole(FORMATS["anthropic"].llm, json.dumps(whole).encode())) == HEARD


COUNTS: list[Any] = [None, 0, 0.0, -5, "x", "", True, [], {}, 2.0, "2", 1, 1e30, float("nan"), float("inf")]


@pytest.mark.parametrize("odd", COUNTS, ids=repr)
def test_the_largest_token_count_is_used(odd: Any) -> None:
    """Whatever comes before or after it, for each kind of count."""
    for first, second in ((9, odd), (odd, 9)):
        usage = [
            {"input_tokens": n, "output_tokens": n, "cache_read_input_tokens": n, "cache_creation_input_tokens": n}
            for n in (first, second)
        ]
        details = [
            {**each, "output_tokens_details": {"thinking_tokens": n}}
            for each, n in zip(usage, (first, second), strict=True)
        ]
        start = {"type": "message_start", "message": {"usage": details[0]}}
        items = [start, *claude_items("Hi", reason="end_turn", usage=details[1])[1:]]
        assert read(FORMATS["anthropic"].llm, sse(*items))[1].usage == bl.types.Usage(
            prompt_tokens=27, completion_tokens=9, cached_tokens=9, cache_write_tokens=9, reasoning_tokens=9
        )
        names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")
        items = [
            {**item, "usageMetadata": dict.fromkeys(names, n)}
            for item, n in zip(gemini_items("Hi"), (first, second), strict=True)
        ]
        assert read(FORMATS["gemini"].llm, sse(*items))[1].usage == bl.types.Usage(
            prompt_tokens=9, completion_tokens=18, cached_tokens=9, reasoning_tokens=9
        )
        items = [
            {**item, "prompt_eval_count": n, "eval_count": n}
            for item, n in zip(ollama_items("Hi"), (first, second), strict=True)
        ]
        assert read(FORMATS["ollama"].llm, lines(*items))[1].usage == bl.types.Usage(
            prompt_tokens=9, completion_tokens=9
        )


async def test_ollamas_other_answer_format_is_read() -> None:
    """Servers that forward a prompt answer with ``response``."""
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    assert await heard(read(FORMATS["ollama"].llm, lines({"response": "H"}, {"response": "i"}, end))) == HEARD
    assert await heard(read(FORMATS["ollama"].llm, lines({"response": "Hi", **end}))) == HEARD
