"""Threads for work that may take long or never end: each kind of work has its own, so that none waits for another.

asyncio has few threads of its own (``asyncio.to_thread``, name lookups), a whole program shares them, and a program
does not exit before they end. Six tools that never return would block every file access, name lookup and store. The
threads here are daemons: a program exits without waiting for them. A page has no threads, so nothing here runs there.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, cast

from ..errors import QueueFull
from . import lazy_asyncio as asyncio

T = TypeVar("T")
P = ParamSpec("P")

_WAITING, _RUNNING, _ENDED = "waiting", "running", "ended"


class Threads:
    """Daemon threads for one kind of work. At most ``places`` calls run at a time; the others wait their turn.

    When a caller gives up on a call (it was cancelled, or timed out), the call continues in its thread, because a
    thread cannot be stopped, but its place goes to the next call. At most ``max_given_up`` such calls may run: beyond
    that, new calls raise `QueueFull`. With 0 no call is refused, and each keeps its place until it ends.
    """

    def __init__(self, what: str, *, places: int, max_given_up: int = 0) -> None:
        """``what`` says what the threads are for: it names them, and appears in errors."""
        self._what = what
        self._places = places
        self._max_given_up = max_given_up
        self._forget()
        _all.add(self)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in a thread, in a copy of the caller's context, and return what it returns.

        An exception that would end the program or a task (``SystemExit``, ``CancelledError``) becomes a
        `RuntimeError`: raised in a thread, it is not meant for the program or the caller's task.
        """
        return await self.run_or_dispose(partial(function, *args, **kwargs), _keep)

    async def run_or_dispose(self, function: Callable[[], T], dispose: Callable[[T], object]) -> T:
        """Like `run`, but if the caller has given up, call ``dispose`` with the result, in a thread."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def notify() -> None:
            with suppress(RuntimeError):  # the loop has ended, and so has the caller
                loop.call_soon_threadsafe(lambda: done.done() or done.set_result(None))

        job = _Job(partial(contextvars.copy_context().run, function), dispose, notify)
        self._begin(job)
        try:
            await done
        except BaseException:
            self._give_up(job)
            raise
        return job.take()

    def _forget(self) -> None:
        """Start without work. A fork of the process does so too, because it has none of the threads."""
        # Reentrant: the garbage collector may end a forgotten caller at any moment.
        self._lock = threading.RLock()
        self._waiting: dict[_Job[Any], None] = {}
        self._running = 0
        self._given_up = 0
        self._process = os.getpid()

    def _begin(self, job: _Job[Any]) -> None:
        with self._lock:
            if self._max_given_up and self._given_up >= self._max_given_up:
                raise QueueFull(
                    f"not started: {self._given_up} abandoned calls of {self._what} are still running, which is the "
                    "limit; wait until they end, or give them shorter timeouts"
                )
            if self._running >= self._places:
                self._waiting[job] = None
                return
            self._running += 1
            job.state = _RUNNING
        try:
            self._start(job)
        except RuntimeError as error:  # no more threads, or the program is ending
            with self._lock:
                self._running -= 1
            raise QueueFull(f"not started: no thread can be started for {self._what}: {error}") from error

    def _start(self, job: _Job[Any]) -> None:
        threading.Thread(target=self._work, args=[job], name=f"browserllm: {self._what}", daemon=True).start()

    def _work(self, first: _Job[Any]) -> None:
        job: _Job[Any] | None = first
        while job is not None:
            job.call()
            job = self._end(job)

    def _end(self, job: _Job[Any]) -> _Job[Any] | None:
        """Record the end of a call, and return the next call for this thread."""
        if os.getpid() != self._process:
            return None  # the function has forked, and this is the child
        with self._lock:
            job.state = _ENDED
            following = None
            if job.replaced:
                self._given_up -= 1
            else:
                following = self._next()
        if job.given_up:
            job.throw_away()
        else:
            job.notify()
        return following

    def _next(self) -> _Job[Any] | None:
        """Return the next waiting call for a place that became free, if any; call with the lock held."""
        for job in self._waiting:
            del self._waiting[job]
            job.state = _RUNNING
            return job
        self._running -= 1
        return None

    def _give_up(self, job: _Job[Any]) -> None:
        following = None
        with self._lock:
            ended = job.state == _ENDED
            job.given_up = True
            if job.state == _WAITING:
                self._waiting.pop(job, None)
            elif not ended and self._given_up < self._max_given_up:
                self._given_up += 1
                job.replaced = True
                following = self._next()
        if following is not None:
            try:
                self._start(following)
            except RuntimeError as error:
                following.fail(error)
                self._end(following)
        if ended and job.dispose is not _keep:
            # The result arrived just as the caller gave up. Not disposed of here: this may be an event loop's thread.
            try:
                threading.Thread(target=job.throw_away, daemon=True).start()
            except RuntimeError:
                job.throw_away()


class _Job(Generic[T]):
    """One call, with its state and its result."""

    def __init__(self, function: Callable[[], T], dispose: Callable[[T], object], notify: Callable[[], None]) -> None:
        self.dispose = dispose
        self.notify = notify
        self.state = _WAITING
        self.given_up = False
        self.replaced = False
        self._function: Callable[[], T] | None = function
        self._value: T | None = None
        self._error: BaseException | None = None

    def call(self) -> None:
        function, self._function = self._function, None
        assert function is not None  # noqa: S101 (each job is called once)
        try:
            self._value = function()
        except BaseException as error:  # raised where the caller waits
            self._error = error

    def fail(self, error: BaseException) -> None:
        self._error = error

    def take(self) -> T:
        error, self._error = self._error, None
        try:
            if isinstance(error, Exception):
                raise error
            if error is not None:
                raise RuntimeError(f"{type(error).__name__}({error}) was raised in a thread") from error
            return cast("T", self._value)
        finally:
            del error  # its traceback holds this frame

    def throw_away(self) -> None:
        if self._error is None:
            with suppress(Exception):  # no caller is left to raise it to
                self.dispose(cast("T", self._value))


def _keep(value: object) -> None:
    """Do nothing, for results that need no disposal."""


def is_ctrl_c(error: BaseException) -> bool:
    """Return whether an exception may be the user's Ctrl-C.

    ``asyncio.run`` handles Ctrl-C itself. Elsewhere Python raises it in the main thread, in whatever code is running.
    A page has no such key.
    """
    import signal

    return (
        isinstance(error, KeyboardInterrupt)
        and sys.platform != "emscripten"
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


_all: weakref.WeakSet[Threads] = weakref.WeakSet()


def _forget_all() -> None:
    for threads in list(_all):
        threads._forget()  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
