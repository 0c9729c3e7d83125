"""Waiting for what is asynchronous: code that is not can have a coroutine run, and its result."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InvalidRequest, Unavailable, Unsupported
from . import lazy_asyncio as asyncio
from .cpython.at_exit import call_before_threads_end

if TYPE_CHECKING:
    import threading

T = TypeVar("T")

CANCEL_WAIT_S = 5.0
"""How long a wait that was interrupted waits for what it cancelled to end."""

CLOSE_WAIT_S = 15.0
"""How long closing waits; a browser that does not want to end is killed before that."""

# On Windows a wait without an end does not hear Ctrl-C.
_POLL_S = 0.2 if sys.platform == "win32" else None

_running: set[LoopThread] = set()
_ending: set[asyncio.Task[None]] = set()


class Waiter(ABC):
    """Runs coroutines for code that is not asynchronous, all in one event loop."""

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end and return its result; what interrupts the wait (Ctrl-C) cancels it."""

    @abstractmethod
    def close(self) -> None:
        """Cancel what runs, end with the function given at the start, and wait for that; safe to call twice."""

    @abstractmethod
    def drop(self) -> None:
        """Do as `close`, without waiting."""


def open_waiter(at_end: Callable[[], Coroutine[Any, Any, None]]) -> Waiter:
    """Return what waits where this program runs; ``at_end`` is awaited when it closes."""
    return PageWaiter(at_end) if sys.platform == "emscripten" else LoopThread(at_end)


class LoopThread(Waiter):
    """An event loop in a thread of its own; any number of threads may wait for what it runs.

    It ends with `close`, and else with the program: then, too, ``at_end`` is awaited first.
    """

    def __init__(self, at_end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start the thread."""
        import os
        import threading

        self._at_end = at_end
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waits: set[threading.Event] = set()
        self._lock = threading.Lock()
        self._ended = False
        # A program that ends does not wait for daemons by itself; `_end_all` does, and no longer than it must.
        self._thread = threading.Thread(target=self._main, name="browserllm", daemon=True)
        _watch_the_end()
        _running.add(self)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the loop and wait.

        Raises `InvalidRequest` in the loop's own thread, which would wait for itself, and in a fork of the process,
        `Unavailable` when the loop was closed.
        """
        import threading

        done = threading.Event()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            if not self._stop.done():
                tasks.append(self._begin(work))
                tasks[0].add_done_callback(lambda _: done.set())

        try:
            self._check()
            try:
                self._call(begin, done)
                _wait(done)
            except BaseException:
                with suppress(Unavailable):
                    self._call(lambda: [task.cancel() for task in tasks])
                    done.wait(CANCEL_WAIT_S)
                raise
            finally:
                self._waits.discard(done)
            if tasks and tasks[0].done():
                return tasks[0].result()
        except asyncio.CancelledError:
            pass
        finally:
            if not tasks:
                work.close()
        raise _closed()

    def close(self) -> None:
        """End the loop and its thread."""
        import threading

        self.drop()
        if self._thread is not threading.current_thread() and not self._is_of_a_parent():
            self._thread.join(CLOSE_WAIT_S)

    def drop(self) -> None:
        """Let the loop end."""
        if self._is_of_a_parent():
            return
        with suppress(Unavailable):
            self._call(lambda: self._stop.done() or self._stop.set_result(None))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)  # the loop itself does not keep it
        task.add_done_callback(self._tasks.discard)
        return task

    def _call(self, function: Callable[[], Any], done: threading.Event | None = None) -> None:
        with self._lock:
            if self._ended:
                raise _closed()
            if done is not None:
                self._waits.add(done)
            self._loop.call_soon_threadsafe(function)

    def _check(self) -> None:
        import threading

        if threading.current_thread() is self._thread:
            raise InvalidRequest(
                "a client that waits was called by something that it waits for itself, which would never end; "
                "use AsyncClient there"
            )
        if self._is_of_a_parent():
            raise InvalidRequest("this client was made by the process that this one was forked from; make another one")

    def _is_of_a_parent(self) -> bool:
        """Say whether this is a fork of the process that has the thread; there the locks may be taken for ever."""
        import os

        return os.getpid() != self._process

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._stop)
            self._loop.run_until_complete(self._end())
        finally:
            with self._lock:
                self._ended = True
                waits = list(self._waits)
            self._loop.close()
            _running.discard(self)
            for done in waits:  # what came too late to begin
                done.set()

    async def _end(self) -> None:
        loop = self._loop
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._at_end()
        except Exception as error:  # no caller is left to raise it to
            loop.call_exception_handler({"message": "closing failed", "exception": error})
        await loop.shutdown_asyncgens()
        with suppress(RuntimeError):  # Python 3.12 starts no thread any more, which this takes, once a program ends
            await loop.shutdown_default_executor()


def _wait(done: threading.Event) -> None:
    while not done.wait(_POLL_S):
        pass


def _closed() -> Unavailable:
    return Unavailable("the client is closed; make another one", reason="closed")


@cache
def _watch_the_end() -> None:
    """Have `_end_all` called before the program ends, while its other threads still work."""
    call_before_threads_end(_end_all)


def _end_all() -> None:
    for thread in list(_running):
        thread.drop()
    for thread in list(_running):
        thread.close()  # does nothing in a fork of the process that has the thread


class PageWaiter(Waiter):
    """Waits in a page, where the browser lets Python wait (WebAssembly's stack switching)."""

    def __init__(self, at_end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Use the page's own event loop."""
        self._at_end = at_end
        self._ffi = import_module("pyodide.ffi")
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` and wait. Raises `Unsupported` where Python cannot wait here, `Unavailable` once closed."""
        if self._closed or not self._ffi.can_run_sync():
            work.close()
            if self._closed:
                raise _closed()
            raise Unsupported(
                "Python cannot wait here: this browser has no JavaScript Promise Integration, or JavaScript called "
                "this code without being ready to wait for it; use AsyncClient, or start it from an `async def`"
            )
        return self._ffi.run_sync(work)

    def close(self) -> None:
        """Await ``at_end``; where Python cannot wait here, let it run."""
        if not self._closed and self._ffi.can_run_sync():
            self._closed = True
            self._ffi.run_sync(self._at_end())
        else:
            self.drop()

    def drop(self) -> None:
        """Let ``at_end`` run."""
        if not self._closed:
            self._closed = True
            task = asyncio.get_event_loop().create_task(self._at_end())
            _ending.add(task)  # the loop itself does not keep it
            task.add_done_callback(_ending.discard)
