"""Waiting in a page, with a fake of Pyodide's functions: what runs, what is refused, and how it ends.

(tests/browser/test_openai_client.py is the real thing; the thread is in test_openai_client.py.)
"""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

import browserllm as bl
from browserllm._internal.waiting import LoopThread, PageWaiter, open_waiter


class Page:
    """An event loop that can or cannot be waited for."""

    def __init__(self) -> None:
        """A fresh loop."""
        self.loop = asyncio.new_event_loop()
        self.can_wait = True
        self.ended: list[str] = []

    def can_run_sync(self) -> bool:
        """Return what the test has set."""
        return self.can_wait

    def run_sync(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it."""
        return self.loop.run_until_complete(work)

    async def at_end(self) -> None:
        """Record the call."""
        self.ended.append("ended")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Pyodide's functions over a loop."""
    page = Page()
    ffi = types.ModuleType("pyodide.ffi")
    ffi.can_run_sync, ffi.run_sync = page.can_run_sync, page.run_sync  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    monkeypatch.setattr(sys, "platform", "emscripten")
    asyncio.set_event_loop(page.loop)
    yield page
    asyncio.set_event_loop(None)
    page.loop.close()


async def answer(value: str) -> str:
    """Answer."""
    return value


async def turns() -> None:
    """Let started tasks run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_page_waits_in_its_own_loop(page: Page) -> None:
    """It returns the result; closing is awaited, once."""
    waiter = open_waiter(page.at_end)
    assert isinstance(waiter, PageWaiter)
    assert waiter.run(answer("Hi")) == "Hi"
    waiter.close()
    waiter.close()
    assert page.ended == ["ended"]
    with pytest.raises(bl.Unavailable) as caught:
        waiter.run(answer("late"))
    assert caught.value.reason == "closed"


def test_where_python_cannot_wait_it_says_so(page: Page) -> None:
    """Closing then runs in the background."""
    waiter = open_waiter(page.at_end)
    page.can_wait = False
    with pytest.raises(bl.errors.Unsupported, match="use AsyncClient"):
        waiter.run(answer("never"))
    waiter.close()
    waiter.drop()
    assert page.ended == []
    page.run_sync(turns())
    assert page.ended == ["ended"]


def test_a_call_while_the_loop_ends_is_an_error() -> None:
    """It does not wait for work that will never start."""
    caught: list[Exception] = []

    async def at_end() -> None:
        import threading

        def ask() -> None:
            try:
                waiter.run(answer("late"))
            except bl.Unavailable as error:
                caught.append(error)

        asking.append(threading.Thread(target=ask))
        asking[0].start()
        while not waiter._waits:
            await asyncio.sleep(0)

    asking: list[Any] = []
    waiter = LoopThread(at_end)
    waiter.close()
    asking[0].join()
    assert [error.reason for error in caught if isinstance(error, bl.Unavailable)] == ["closed"]
