"""A page that stops answering during a download: the download ends with an error instead of standing still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import browserllm as bl
from browserllm.models.downloads.watch import ANSWER_S, SILENCE_S, Watch
from browserllm.testing import ScriptedHost
from browserllm.testing.script import Clock


async def settle() -> None:
    """Let everything run that can without the clock."""
    for _ in range(20):
        await asyncio.sleep(0)


class Page(ScriptedHost):
    """A page whose worker is stuck, or is not."""

    def __init__(self, answer: Callable[[], Awaitable[Any]]) -> None:
        super().__init__()
        self.asked = 0
        self._answer = answer

    async def call(self, op: str, args: Any = None, on_progress: Any = None) -> Any:
        """Answer as the test says."""
        assert op == "status"
        self.asked += 1
        return await self._answer()


async def forever() -> None:
    """Never return, as a worker that waits for its disk."""
    await asyncio.get_running_loop().create_future()


async def alive() -> dict[str, Any]:
    """Answer at once."""
    return {"loaded": []}


async def test_a_page_that_does_not_answer_ends_the_work_with_the_way_out() -> None:
    """After a silence it is asked; without an answer the error says to free space and to reload."""
    clock, page = Clock(), Page(forever)
    ended: list[str] = []

    async def work() -> None:
        try:
            await forever()
        finally:
            ended.append("work")

    task = asyncio.create_task(Watch(page, clock).over(work()))
    await settle()
    clock.advance(SILENCE_S - 1)
    await settle()
    assert page.asked == 0
    clock.advance(1)
    await settle()
    assert (page.asked, task.done()) == (1, False)
    clock.advance(ANSWER_S)
    with pytest.raises(bl.errors.Unavailable, match="reload the page") as caught:
        await task
    assert caught.value.reason == "blocked"
    assert ended == ["work"]


async def test_a_page_that_answers_may_be_silent_for_as_long_as_it_needs() -> None:
    """A slow server is no reason: the page itself gives it up."""
    clock, page = Clock(), Page(alive)
    gate = asyncio.Event()

    async def work() -> str:
        await gate.wait()
        return "done"

    task = asyncio.create_task(Watch(page, clock).over(work()))
    for _ in range(20):
        await settle()
        clock.advance(SILENCE_S)
    await settle()
    assert not task.done() and page.asked == 20
    gate.set()
    assert await task == "done"


async def test_a_page_that_reports_progress_is_not_asked() -> None:
    """Each report begins the silence anew."""
    clock, page = Clock(), Page(forever)
    watch = Watch(page, clock)
    task = asyncio.create_task(watch.over(forever()))
    for _ in range(20):
        await settle()
        watch.hear()
        clock.advance(SILENCE_S - 1)
    await settle()
    assert page.asked == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_errors_of_the_work_and_of_a_cancellation_go_through() -> None:
    """What the page says is what the caller gets."""

    async def fails() -> None:
        raise bl.errors.QuotaExceeded("full")

    with pytest.raises(bl.errors.QuotaExceeded):
        await Watch(Page(alive), Clock()).over(fails())
    task = asyncio.create_task(Watch(Page(alive), Clock()).over(forever()))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
