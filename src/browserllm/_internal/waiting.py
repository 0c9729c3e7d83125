"""Runs coroutines for synchronous code, and returns their results."""

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
"""How long an interrupted call waits for the task that it cancelled to end."""

CLOSE_WAIT_S = 15.0
"""How long closing waits; a browser that does not exit is killed before that."""

# On Windows, Ctrl-C does not interrupt a wait without a timeout.
_POLL_S = 0.2 if sys.platform == "win32" else None

_running: set[LoopThread] = set()
_ending: set[asyncio.Task[None]] = set()


class Waiter(ABC):
    """Runs coroutines for synchronous code, all in one event loop."""

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end and return its result; an interrupt (Ctrl-C) cancels it."""

    @abstractmethod
    def close(self) -> None:
        """Cancel running work, await the ``at_end`` function, and wait for both; safe to call twice."""

    @abstractmethod
    def drop(self) -> None:
        """Like `close`, without waiting."""


def open_waiter(at_end: Callable[[], Coroutine[Any, Any, None]]) -> Waiter:
    """Return the waiter for this platform; ``at_end`` is awaited when it closes."""
    return PageWaiter(at_end) if sys.platform == "emscripten" else LoopThread(at_end)


class LoopThread(Waiter):
    """An event loop in its own thread; any number of threads may wait for its work.

    It ends with `close`, or when the program exits; in both cases ``at_end`` is awaited first.
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
        # Python does not wait for daemon threads at exit; `_end_all` does, for a limited time.
        self._thread = threading.Thread(target=self._main, name="browserllm", daemon=True)
        _register_at_exit()
        _running.add(self)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the loop and wait.

        Raises `InvalidRequest` in the loop's own thread, which would wait for itself, and in a fork of the process;
        `Unavailable` once the loop is closed.
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
        if self._thread is not threading.current_thread() and not self._belongs_to_parent():
            self._thread.join(CLOSE_WAIT_S)

    def drop(self) -> None:
        """Tell the loop to end, without waiting."""
        if self._belongs_to_parent():
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
                "this Client was called from code that it is running itself (a tool or a callback), so it would wait "
                "forever; use AsyncClient there"
            )
        if self._belongs_to_parent():
            raise InvalidRequest("this client belongs to the process that this one was forked from; create a new one")

    def _belongs_to_parent(self) -> bool:
        """Return whether this is a fork of the process that has the thread; there the locks may be held forever."""
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
            for done in waits:  # calls that came too late to start
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
        with suppress(RuntimeError):  # this needs a thread, and Python 3.12 starts none while a program exits
            await loop.shutdown_default_executor()


def _wait(done: threading.Event) -> None:
    while not done.wait(_POLL_S):
        pass


def _closed() -> Unavailable:
    return Unavailable("the client is closed; create a new one", reason="closed")


@cache
def _register_at_exit() -> None:
    """Register `_end_all` to be called before the program exits, while its other threads still work."""
    call_before_threads_end(_end_all)


def _end_all() -> None:
    for thread in list(_running):
        thread.drop()
    for thread in list(_running):
        thread.close()  # does nothing in a fork


class PageWaiter(Waiter):
    """Waits in a page, if the browser supports WebAssembly's stack switching."""

    def __init__(self, at_end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Use the page's own event loop."""
        self._at_end = at_end
        self._ffi = import_module("pyodide.ffi")
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` and wait. Raises `Unsupported` if Python cannot wait here, `Unavailable` once closed."""
        if self._closed or not self._ffi.can_run_sync():
            work.close()
            if self._closed:
                raise _closed()
            raise Unsupported(
                "Python cannot wait here: this browser has no JavaScript Promise Integration, or JavaScript called "
                "this code synchronously; use AsyncClient, or call it from an `async def`"
            )
        return self._ffi.run_sync(work)

    def close(self) -> None:
        """Await ``at_end``; if Python cannot wait here, run it in the background."""
        if not self._closed and self._ffi.can_run_sync():
            self._closed = True
            self._ffi.run_sync(self._at_end())
        else:
            self.drop()

    def drop(self) -> None:
        """Run ``at_end`` in the background."""
        if not self._closed:
            self._closed = True
            task = asyncio.get_event_loop().create_task(self._at_end())
            _ending.add(task)  # the loop itself does not keep it
            task.add_done_callback(_ending.discard)
