"""The contract of `browserllm._internal.cpython` with this Python: each test names the assumption that broke."""

from __future__ import annotations

import asyncio
import selectors
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

AT_EXIT = """
import atexit, threading
from browserllm._internal.cpython.at_exit import call_before_threads_end

def last():
    thread = threading.Thread(target=print, args=["a thread was started"])
    thread.start()
    thread.join()
    pool.submit(print, "work was taken").result()

from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
atexit.register(print, "atexit")
call_before_threads_end(last)
"""


def test_threading_still_has_the_private_function_that_at_exit_registers_with() -> None:
    """`threading._register_atexit` exists; if Python now has a public way, `at_exit.py` should use that."""
    assert callable(getattr(threading, "_register_atexit", None))
    import atexit

    assert not hasattr(atexit, "register_early"), "Python has a public way now: use it in cpython/at_exit.py"


def test_the_exit_function_is_called_while_threads_and_pools_still_work() -> None:
    """The function registered last is called before that of `concurrent.futures`, and before those of `atexit`."""
    done = subprocess.run([sys.executable, "-c", AT_EXIT], check=False, capture_output=True, text=True)
    assert (done.stdout.splitlines(), done.stderr) == (["a thread was started", "work was taken", "atexit"], "")


@pytest.mark.skipif(not hasattr(selectors, "EpollSelector"), reason="this system has no epoll to share with a child")
def test_an_event_loop_has_the_private_fields_that_a_child_replaces() -> None:
    """A loop's ``_selector`` is an EpollSelector with an epoll of its own; ``_ssock`` and ``_csock`` wake it."""
    import select

    async def fields() -> tuple[Any, ...]:
        loop: Any = asyncio.get_running_loop()
        return loop._selector, loop._selector._selector, loop._ssock, loop._csock

    selector, epoll, reader, writer = asyncio.run(fields())
    assert isinstance(selector, selectors.EpollSelector)
    assert isinstance(epoll, select.epoll)
    assert isinstance(reader, socket.socket)
    assert isinstance(writer, socket.socket)
