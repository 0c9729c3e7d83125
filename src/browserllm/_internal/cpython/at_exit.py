"""Calls a function before the program exits, while its threads still work.

What: registers with ``threading._register_atexit``, after `concurrent.futures` has registered its own function there,
so ours is called first (the last one registered is called first).
Why: `atexit` calls its functions when threads no longer accept work, and closing a browser's profile needs a thread.
Upstream: python/cpython#86128 and python/cpython#126168 ask for a public way. If the name is missing, `atexit` is
used.
Contract: ``tests/wire/_internal/test_cpython_contract.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module


def call_before_threads_end(function: Callable[[], object]) -> None:
    """Call ``function`` before the program exits, while threads can still be started and given work."""
    import atexit
    import threading

    import_module("concurrent.futures.thread")  # the function that it registers is called after ours
    getattr(threading, "_register_atexit", atexit.register)(function)
