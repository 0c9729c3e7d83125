"""What is known of the kernel that this Python runs in: when it delivers messages, and when it runs a cell."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SHORT_WAIT_S = 10.0
"""How long a cell waits for a widget's messages in a kernel that may deliver none meanwhile."""


class Kernel:
    """The running kernel: ipykernel, another one (marimo), or none."""

    def __init__(self) -> None:
        """Look for it without importing anything."""
        ipython = sys.modules.get("IPython")
        self._shell: Any = ipython.get_ipython() if ipython is not None else None
        self._kernel: Any = getattr(self._shell, "kernel", None)
        self._thread = threading.current_thread()
        self._loop: asyncio.AbstractEventLoop | None = None
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    @property
    def name(self) -> str:
        """What to call it in a message."""
        if self._kernel is None:
            return "marimo" if "marimo" in sys.modules else "this Python"
        return f"ipykernel {getattr(sys.modules.get('ipykernel'), '__version__', '')}".strip()

    @property
    def delivers_while_a_cell_runs(self) -> bool:
        """Whether messages of widgets arrive while a cell awaits something.

        ipykernel 7 runs their handlers beside such a cell. Earlier ones do not, unless the front end sends them to a
        thread of their own, as JupyterLab 4.4 does.
        """
        dispatch = getattr(self._kernel, "dispatch_shell", None)
        return dispatch is not None and "concurrent" in inspect.signature(dispatch).parameters

    def watch_cells(self, on_busy: Callable[[bool], None]) -> Callable[[], None]:
        """Call ``on_busy`` when a cell begins and ends; returns a function that stops it."""
        events = getattr(self._shell, "events", None)
        if events is None:
            return lambda: None

        def begun(*_: object) -> None:
            on_busy(True)

        def ended(*_: object) -> None:
            on_busy(False)

        events.register("pre_run_cell", begun)
        events.register("post_run_cell", ended)

        def stop() -> None:
            with suppress(ValueError):
                events.unregister("pre_run_cell", begun)
                events.unregister("post_run_cell", ended)

        return stop

    def from_any_thread(self, send: Callable[[Any, list[bytes]], None]) -> Callable[[Any, list[bytes]], None]:
        """Return ``send`` for all threads.

        ipykernel's sockets may be used in every thread. Other kernels know the notebook only in their own.
        """
        if self._kernel is not None:
            lock = threading.RLock()

            def locked(content: Any, buffers: list[bytes]) -> None:
                with lock:
                    send(content, buffers)

            return locked

        def hop(content: Any, buffers: list[bytes]) -> None:
            if self._loop is None or threading.current_thread() is self._thread:
                send(content, buffers)
            else:
                self._loop.call_soon_threadsafe(send, content, buffers)

        return hop
