"""Anthropic, Gemini and Ollama over real sockets: where a connection ends, breaks or says nothing more."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from unit.backends.cloud.native_formats import FORMATS, Format, each_format
from vendor_server import CUT, SILENCE, Hold, Reply, VendorServer, answer, server_playing

server = server_playing()


def asked(form: Format, server: VendorServer, reply: Reply, **options: Any) -> bl.backends.cloud.CloudBackend:
    """The backend of a format, at a server that replies so."""
    return type(form.llm)("m", base_url=server.add("x", reply), api_key="k", **options)


def said(form: Format, *texts: str, **more: Any) -> list[bytes]:
    """An answer, an event each, without a marker of its end."""
    items = [item for item in form.items(*texts, **more) if item.get("type") != "message_stop"]
    return [form.stream(item) for item in items]


@each_format
async def test_a_break_after_the_finish_reason_does_not_damage_an_answer(form: Format, server: VendorServer) -> None:
    """The answer was complete; before the reason, it is an error, and the response has the text so far."""
    async with asked(form, server, Reply((*said(form, "Hi"), CUT))) as llm:
        response = await llm.complete("x")
    assert (response.text, response.finish_reason) == ("Hi", "stop")
    async with asked(form, server, Reply((*said(form, "Hi", reason=None), CUT))) as llm:
        stream = llm.stream("x")
        with pytest.raises(bl.Unavailable):
            await stream.finish()
    assert (stream.response.text, stream.response.finish_reason) == ("Hi", "error")


@each_format
async def test_a_break_after_an_early_finish_reason_is_an_error(form: Format, server: VendorServer) -> None:
    """A server that continued after a reason may have had more to send; if it ends normally, it had not."""
    steps = (*said(form, "One "), *said(form, "two."))
    async with asked(form, server, Reply(steps)) as llm:
        assert (await llm.complete("x")).text == "One two."
    async with asked(form, server, Reply((*steps, CUT))) as llm:
        with pytest.raises(bl.Unavailable):
            await llm.complete("x")


@each_format
async def test_late_chunks_after_a_finish_reason_count(form: Format, server: VendorServer) -> None:
    """The text is yielded at once, and the stream is read on, however long the rest takes."""
    hold = Hold()
    async with asked(form, server, Reply((*said(form, "One "), hold, *said(form, "two.")))) as llm:
        stream = llm.stream("x")
        async for chunk in stream:
            if chunk.text == "One ":
                await hold.wait_until_reached()
                hold.release()
        assert stream.response.text == "One two."


async def test_silence_after_a_finish_reason_ends_an_answer(server: VendorServer) -> None:
    """A server that keeps the connection open does not damage it either."""
    form = FORMATS["gemini"]
    reply = Reply((*said(form, "Hi"), SILENCE))
    # Long enough for the first byte on a busy machine.
    async with asked(form, server, reply, timeouts=bl.backends.cloud.Timeouts(silence_s=2)) as llm:
        assert (await llm.complete("x")).text == "Hi"


@each_format
async def test_an_empty_body_is_an_error(form: Format, server: VendorServer) -> None:
    """With a good status and any content type."""
    for kind in ("text/event-stream", "application/json", "text/plain"):
        async with asked(form, server, Reply((), 200, {"content-type": kind}, length=0)) as llm:
            with pytest.raises(bl.Unavailable):
                await llm.complete("x")


@each_format
async def test_a_good_status_does_not_hide_the_meaning_of_an_error(form: Format, server: VendorServer) -> None:
    """By its code, if the vendor's own message is missing; a web page is an error, too."""
    for code, expected in ((429, bl.RateLimited), (401, bl.AuthenticationError), (503, bl.Unavailable)):
        error = {"error": {"code": code, "message": "No."}}
        for reply in (answer(error), Reply((form.stream(error),)), Reply((*said(form, "Hi"), form.stream(error)))):
            async with asked(form, server, reply) as llm:
                with pytest.raises(expected, match=r"No\."):
                    await llm.complete("x")
    for page in (b"<html>Sign in</html>", b"\n<!DOCTYPE html>"):
        async with asked(form, server, answer(page)) as llm:
            with pytest.raises(bl.errors.ProtocolError, match="web page"):
                await llm.complete("x")


async def test_calls_of_an_answer_that_broke_off_are_not_completed(server: VendorServer) -> None:
    """Missing arguments do not become an empty object."""
    call = {"type": "tool_use", "id": "a", "name": "add", "input": {}}
    steps = [FORMATS["anthropic"].stream({"type": "content_block_start", "index": 0, "content_block": call})]
    async with asked(FORMATS["anthropic"], server, Reply((*steps, CUT))) as llm:
        stream = llm.stream("x")
        with pytest.raises(bl.Unavailable):
            await stream.finish()
    assert [each.arguments for each in stream.response.message.tool_calls] == [""]
