"""Logging: two records for an answer, with every fact and, unless asked for, no content."""

from __future__ import annotations

import logging

import pytest

import browserllm as bl
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import HANG, Clock
from unit.chat.interruptible import Interruptible, stopped

DOWN = bl.Unavailable("the server failed", reason="server_error")


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.logger = logging.Logger("test", logging.DEBUG)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


async def test_an_answer_is_two_records_with_every_fact_and_no_content() -> None:
    """Backend, model, finish reason, tokens, time, cost and route, but no prompt and no answer."""
    log, clock = Records(), Clock()
    inner = bl.Retry(ScriptedBackend([[DOWN], "a secret answer"], name="cloud", model="m-1"), first_wait_s=0)
    response = await bl.Logging(inner, logger=log.logger, clock=clock).complete("a secret question", max_tokens=5)
    assert log.lines == [
        f"{response.request_id} started: cloud, 1 messages, 0 tools",
        f"{response.request_id} ended (stop): cloud (m-1), {response.usage.prompt_tokens} + 3 tokens, 0 ms, $0; "
        "passed over: cloud: unavailable",
    ]
    start, end = (record.__dict__["chat"] for record in log.records)
    assert (start["event"], end["event"]) == ("start", "end")
    assert (end["model"], end["finish_reason"], end["completion_tokens"], end["cost_usd"]) == ("m-1", "stop", 3, 0.0)
    assert all("secret" not in repr(record.__dict__) for record in log.records)


async def test_content_is_logged_on_request() -> None:
    """The last message and the answer."""
    log = Records()
    await bl.Logging(ScriptedBackend("the answer"), logger=log.logger, content=True).complete("the question")
    assert log.lines[0].endswith("last message: 'the question'")
    assert log.lines[1].endswith("answer: 'the answer'")


@pytest.mark.parametrize("content", [False, True])
async def test_a_failure_is_an_error_record_without_the_providers_message(content: bool) -> None:
    """Providers quote requests in their messages; the code, the reason and the status are logged."""
    log = Records()
    error = bl.Unavailable(
        "cannot answer 'my secret'", reason="server_error", data={"status": 503, "request": "secret"}
    )
    with pytest.raises(bl.Unavailable):
        await bl.Logging(ScriptedBackend([[error]]), logger=log.logger, content=content).complete("hi")
    assert [record.levelno for record in log.records] == [logging.INFO, logging.ERROR]
    assert "failed: type='Unavailable' code='unavailable' reason='server_error' status=503" in log.lines[1]
    assert ("secret" in log.lines[1]) is content


async def test_a_stopped_answer_is_logged_as_cancelled() -> None:
    """By stop(), or by a reader that leaves."""
    for leave in ("stop", "close"):
        log = Records()
        stream = bl.Logging(ScriptedBackend([["a ", HANG]]), logger=log.logger).stream("hi")
        assert (await anext(aiter(stream))).sequence == 0
        if leave == "stop":
            stream.stop()
            await stream.finish()
        else:
            await stream.aclose()
        assert log.records[-1].__dict__["chat"]["finish_reason"] == "cancelled"
        assert log.records[-1].levelno == logging.INFO


async def test_a_failure_while_stopping_is_not_an_error() -> None:
    """The answer has stopped, as requested."""
    log = Records()
    await stopped(bl.Logging(Interruptible(DOWN), logger=log.logger))
    assert [record.levelno for record in log.records] == [logging.INFO, logging.INFO]
    assert "ended (cancelled)" in log.lines[1]
