"""Middleware around a real wire format on a real socket, with counts and answers kept in real files."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.prices import Price
from browserllm.testing.script import Clock
from openai_exchanges import EXCHANGES, MODEL, USAGE, chunk, error, text_chunks
from vendor_server import SILENCE, Hold, VendorServer, answer, events, stream

KEY = "sk-" + "of-a-test-0123456789"
HELLO = EXCHANGES["hello"]
PRICES = {MODEL: Price(input=1000.0, output=1000.0, cached_input=0.0)}


def cloud(server: VendorServer, name: str, **options: Any) -> bl.OpenAI:
    return bl.OpenAI(MODEL, base_url=f"{server.url}/{name}", api_key=KEY, prices=PRICES, **options)


async def test_retry_waits_as_long_as_the_provider_says() -> None:
    """By its Retry-After header; then it asks again and gets the answer."""
    busy = answer(error("Slow down.", "rate_limit_exceeded"), 429, retry_after="7")
    clock = Clock()
    with VendorServer({"x": [busy, HELLO]}) as server:
        async with bl.Retry(cloud(server, "x"), first_wait_s=0.001, clock=clock) as llm:
            task = asyncio.create_task(llm.complete("hi"))
            while not clock._sleepers:
                await asyncio.sleep(0)
            assert clock._sleepers[0][0] == 7
            clock.advance(7)
            response = await task
        assert len(server.asked("x")) == 2
    assert [hop.code for hop in response.route] == ["rate_limited"]


async def test_a_time_limit_closes_the_connection() -> None:
    """Before the first byte and in the middle: the provider sees the client disconnect, and nothing stays open."""
    begun = events(chunk({"role": "assistant"}), chunk({"content": "Once "}))
    hold = Hold()
    clock = Clock()
    with VendorServer({"slow": stream(SILENCE), "stuck": stream(begun, hold, SILENCE)}) as server:
        limits = {"first_token_s": 5.0, "between_tokens_s": 3.0}
        async with bl.TimeLimits(cloud(server, "slow"), clock=clock, **limits) as llm:
            task = asyncio.create_task(llm.complete("hi"))
            while not server.asked("slow"):
                await asyncio.sleep(0.001)
            clock.advance(5)
            with pytest.raises(bl.Timeout, match="first_token_s=5"):
                await task
            await server.asked("slow")[0].wait_until_gone()
        async with bl.TimeLimits(cloud(server, "stuck"), clock=clock, **limits) as llm:
            told = llm.stream("hi")
            task = asyncio.create_task(told.finish())
            await hold.wait_until_reached()
            hold.release()
            while not told._generation._parts.text:
                await asyncio.sleep(0.001)
            clock.advance(3)
            with pytest.raises(bl.errors.Stalled):
                await task
            assert told.response.text == "Once "
            await server.asked("stuck")[0].wait_until_gone()


async def test_a_days_budget_of_real_prices_survives_a_restart(tmp_path: Path) -> None:
    """The file has the cost of the provider's usage by the price table when the next program starts."""
    # (19 - 4 cached + 10) tokens at 1000 dollars a million
    cost = (USAGE["prompt_tokens"] - 4 + USAGE["completion_tokens"]) / 1000
    with VendorServer({"x": HELLO}) as server:

        def program() -> tuple[bl.Budget, bl.stores.SQLiteStore]:
            store = bl.stores.SQLiteStore(tmp_path / "spent.db")
            return bl.Budget(cloud(server, "x"), per_day=bl.Allowance(usd=1.5 * cost), store=store), store

        budget, store = program()
        response = await budget.complete("hi", max_tokens=10)
        assert response.cost_usd == pytest.approx(cost)
        await budget.close()
        await store.close()
        budget, store = program()
        assert (await budget.spent_today()).usd == pytest.approx(cost)
        with pytest.raises(bl.BudgetExceeded):
            await budget.complete("hi", max_tokens=20)
        assert len(server.asked("x")) == 1
        await budget.close()
        await store.close()


async def test_a_kept_answer_is_there_for_the_next_program(tmp_path: Path) -> None:
    """The same pieces come from a file, without a request."""
    with VendorServer({"x": HELLO}) as server:
        texts: list[list[str]] = []
        for _ in range(2):
            store = bl.stores.SQLiteStore(tmp_path / "answers.db")
            async with bl.ResponseCache(cloud(server, "x"), store=store) as llm:
                texts.append([part.text async for part in llm.stream("hi", temperature=0) if part.text])
            await store.close()
        assert texts[0] == texts[1]
        assert len(texts[0]) > 1
        assert len(server.asked("x")) == 1


async def test_one_file_keeps_the_answers_of_two_servers_apart(tmp_path: Path) -> None:
    """With the same name and model, also behind a router; and with two API keys of one server."""
    said = {name: stream(events(*text_chunks(f"I am {name}"), "[DONE]")) for name in ("a", "b")}
    store = bl.stores.SQLiteStore(tmp_path / "answers.db")
    with VendorServer(said) as server:
        for _ in range(2):
            for name in said:
                for backend in (cloud(server, name), bl.Router([cloud(server, name)])):
                    async with bl.ResponseCache(backend, store=store) as llm:
                        response = await llm.complete("hi", temperature=0)
                    assert response.text == f"I am {name}"
        assert [len(server.asked(name)) for name in said] == [2, 2]
        other = bl.OpenAI(MODEL, base_url=f"{server.url}/a", api_key=KEY + "9")
        async with bl.ResponseCache(other, store=store) as llm:
            assert (await llm.complete("hi", temperature=0)).route == []
    await store.close()


async def test_nothing_private_and_no_key_is_in_the_file(tmp_path: Path) -> None:
    """A server on this machine may get private requests; by default their answers are not stored."""
    said = stream(events(*text_chunks("a private", " answer"), "[DONE]"))
    found: list[bool] = []
    with VendorServer({"x": said}) as server:
        for keep in (False, True):
            store = bl.stores.SQLiteStore(tmp_path / f"{keep}.db")
            here = cloud(server, "x", leaves_device=False)
            async with bl.ResponseCache(here, store=store, keep_private=keep) as llm:
                await llm.complete("a private prompt", temperature=0, private=True)
                await llm.complete("another prompt", temperature=0)
            await store.close()
            written = b"".join(file.read_bytes() for file in tmp_path.glob(f"{keep}.db*"))
            assert KEY.encode() not in written and b" prompt" not in written
            found.append(written.count(b"a private") > 1)
    assert found == [False, True]


async def test_no_value_is_in_the_sent_bytes() -> None:
    """Neither in the body nor in the headers; the answer has it."""
    said = stream(events(*text_chunks("I wrote to <EMA", "IL_1>."), "[DONE]"))
    with VendorServer({"x": said}) as server:
        async with bl.Redaction(cloud(server, "x")) as llm:
            response = await llm.complete(
                [{"role": "system", "content": "You serve ada@example.org"}, {"role": "user", "content": "Go on"}],
                stop=["ada@example.org"],
            )
        (asked,) = server.asked("x")
        assert b"<EMAIL_1>" in asked.body
        assert b"ada@example" not in asked.body + repr(asked.headers).encode()
    assert response.text == "I wrote to ada@example.org."


@pytest.mark.parametrize("name", ["hello", "bad-key"])
async def test_a_key_is_in_no_log_whatever_is_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """With all content, of an answer and of a failure."""
    replies = {"hello": HELLO, "bad-key": answer(error(f"Incorrect API key provided: {KEY}", "invalid_api_key"), 401)}
    with VendorServer({"x": replies[name]}) as server, caplog.at_level(logging.DEBUG):
        async with bl.Logging(cloud(server, "x"), content=True) as llm:
            if name == "hello":
                await llm.complete("hi")
            else:
                with pytest.raises(bl.AuthenticationError):
                    await llm.complete("hi")
    records = [record for record in caplog.records if record.name == "browserllm.chat"]
    assert len(records) == 2
    assert all(KEY not in repr(record.__dict__) for record in caplog.records)
