"""Odd answers of compatible servers, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import browserllm as bl
from unit.backends.cloud.openai_odd import DONE, END, GOOD, NOTHING, TEXTS, odd_answers
from vendor_server import CUT, Reply, VendorServer, answer, events, stream

EXCHANGES: dict[str, Reply | list[Reply]] = {}
NAMES: dict[str, str] = {}


def framed() -> dict[str, Reply]:
    """A good stream in other frames."""
    good = events(GOOD, END, DONE)
    plain = {"content-type": "text/plain"}
    pretty = b"".join(
        b"".join(b"data: " + line.encode() + b"\n" for line in json.dumps(each, indent=1).split("\n")) + b"\n"
        for each in (GOOD, END)
    )
    whole = {**END, "choices": [{"index": 0, "message": {"content": "Fine."}, "finish_reason": "stop"}]}
    return {
        "byte order mark": stream(b"\xef\xbb\xbf" + good),
        "no space": stream(good.replace(b"data: ", b"data:")),
        "CRLF": stream(good.replace(b"\n", b"\r\n")).in_pieces(3),
        "CR": stream(good.replace(b"\n", b"\r")).in_pieces(2),
        "comments": stream(b": hi\n\n" + good.replace(b"\n\n", b"\n:\n\n: ping\n\n")),
        "many lines": stream(pretty, b"data: [DONE]\n\n"),
        "called a page": Reply((good,), 200, {"content-type": "text/html"}),
        "called JSON": Reply((good,), 200, {"content-type": "application/json"}),
        "called nothing": Reply((good,), 200, {}),
        "status 201": Reply((good,), 201, {"content-type": "text/event-stream"}),
        "cut after the end": stream(good, CUT),
        "cut after the reason": stream(events(GOOD, END), CUT),
        "whole": answer(whole),
        "whole, called a stream": stream(json.dumps(whole).encode()),
        "whole, called text": Reply((json.dumps(whole, indent=2).encode(),), 200, plain),
        "whole with a mark": answer(b"\xef\xbb\xbf \n" + json.dumps(whole).encode()),
        "whole after comments": stream(b": wait\n\n: wait\n\n" + json.dumps(whole).encode()),
        "no last line's end": stream(good.rstrip()),
        "no last empty line": stream(events(GOOD, END)[:-1]),
        "lines of JSON": stream(b"".join(json.dumps(each).encode() + b"\n" for each in (GOOD, END))),
        "whole as one event": stream(events(whole)),
        "whole in a list": answer([whole]),
    }


def add(kind: str, name: str, reply: Reply) -> None:
    """Add an exchange; a path has no blanks."""
    NAMES[f"{kind}: {name}"] = f"e{len(NAMES)}"
    EXCHANGES[NAMES[f"{kind}: {name}"]] = reply


for each in odd_answers():
    add("odd", each, stream(events(*odd_answers()[each])))
for each, reply in framed().items():
    add("odd", each, reply)
for each, (body, _, _) in NOTHING.items():
    add("whole", each, answer(body))
    add("streamed", each, stream(events(body, DONE)))
    add("ends with", each, stream(events(GOOD, body, DONE)))
add("cut", "by a page", stream(events(GOOD), b"<html>502 Bad Gateway</html>\n\n"))
add("cut", "by words", stream(events(GOOD), b"upstream is gone"))
for each, (data, kind, _, _) in TEXTS.items():
    add("text", each, Reply((data,), 200, {"content-type": kind}, length=len(data)))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that plays them."""
    with VendorServer(EXCHANGES) as server:
        yield server.url


async def ask(url: str, name: str) -> bl.ChatResponse:
    """What an exchange comes to."""
    async with bl.OpenAI("m", base_url=f"{url}/{NAMES[name]}", api_key="k") as llm:
        return await llm.complete("x")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("odd")])
async def test_odd_fields_do_not_damage_a_good_answer(url: str, name: str) -> None:
    """Its text stays, and it has ended."""
    response = await ask(url, name)
    assert (response.text, response.finish_reason) == ("Fine.", "stop")


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("name", NOTHING)
async def test_an_empty_answer_is_never_a_success(url: str, name: str, how: str) -> None:
    """The error has the right class and the server's text."""
    _, expected, words = NOTHING[name]
    with pytest.raises(expected) as caught:
        await ask(url, f"{how}: {name}")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", TEXTS)
async def test_other_bodies_are_never_a_success(url: str, name: str) -> None:
    """Text, pages, keep-alives, empty bodies."""
    _, _, expected, words = TEXTS[name]
    with pytest.raises(expected) as caught:
        await ask(url, f"text: {name}")
    assert words in str(caught.value)


@pytest.mark.parametrize(("name", "words"), [("by a page", "Bad Gateway"), ("by words", "upstream is gone")])
async def test_a_text_that_cuts_an_answer_off_is_quoted(url: str, name: str, words: str) -> None:
    """In the middle of a stream, in place of an event."""
    with pytest.raises(bl.Unavailable, match=words):
        await ask(url, f"cut: {name}")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rb"Hi \ud83d", rb"\ude00!"),
        (b"Hi \xed\xa0\xbd", b"\xed\xb8\x80!"),
        (b"Hi \xf0\x9f", b"\x98\x80!"),
        (rb"Hi \ud83d\ude00", b"!"),
    ],
)
async def test_half_characters_are_joined(first: bytes, second: bytes) -> None:
    """In the text, the reasoning and the arguments; a half without the other one is replaced."""
    pieces = [
        b'data: {"choices":[{"delta":{"%s":"%s"}}]}\n\n' % (field, half)
        for field in (b"reasoning_content", b"content")
        for half in (first, second)
    ]
    pieces += [
        b'data: {"model":"m\\ud83d","choices":[{"delta":{"tool_calls":[{"id":"a","function":'
        b'{"name":"f","arguments":"{\\"a\\":\\"%s"}}]}}]}\n\n' % first,
        b'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"%s\\"}"}}]},'
        b'"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n' % second,
    ]
    with VendorServer({"e0": stream(*pieces).in_pieces(5), "e1": stream(*pieces[2:3], *pieces[-1:])}) as server:
        async with bl.OpenAI("m", base_url=f"{server.url}/e0", api_key="k") as llm:
            response = await llm.complete("x")
    smile = "Hi \U0001f600!"
    assert (response.text, response.reasoning, response.model) == (smile, smile, "m\ufffd")
    assert [call.arguments for call in response.message.tool_calls] == [f'{{"a":"{smile}"}}']


async def test_an_error_with_half_a_character_can_be_shown() -> None:
    """Its message is quoted without the half."""
    body = b'data: {"error":{"message":"bad \\ud83d","x":["\\ud83d"]}}\n\n'
    with VendorServer({"e": stream(body)}) as server:
        async with bl.OpenAI("m", base_url=f"{server.url}/e", api_key="k") as llm:
            with pytest.raises(bl.Unavailable, match="bad \ufffd") as caught:
                await llm.complete("x")
    assert str(caught.value).encode()


async def test_missing_arguments_stay_missing_in_a_cut_answer() -> None:
    """In an answer that ended normally they are an empty object."""
    call = {"choices": [{"delta": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]}}]}
    for finish, arguments in (("length", ""), ("content_filter", ""), ("tool_calls", "{}"), ("stop", "{}")):
        end = {"choices": [{"delta": {}, "finish_reason": finish}]}
        with VendorServer({"e": stream(events(call, end, DONE))}) as server:
            async with bl.OpenAI("m", base_url=f"{server.url}/e", api_key="k") as llm:
                response = await llm.complete("x")
        assert [each.arguments for each in response.message.tool_calls] == [arguments], finish
        assert bool(arguments) != any(each.parameter == "tools" for each in response.warnings), finish
