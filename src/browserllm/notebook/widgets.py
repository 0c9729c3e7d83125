"""The widgets: `ChatApp` shows the chat app in a cell's output, `Engine` only lends the browser's GPU to the kernel."""

from __future__ import annotations

import os
import sys
import weakref
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from ..errors import Timeout, Unavailable, Unsupported
from ..page.host import Host
from ..page.serving.static import site_folder
from .kernel import SHORT_WAIT_S, Kernel
from .running import Running

SCRIPT = "notebook-widget.js"
"""The widget's script, a file of the built site."""


class _Widget:
    """A widget of anywidget, with what runs behind it."""

    _chat: ClassVar[bool] = False
    _open: ClassVar[weakref.WeakSet[_Widget]] = weakref.WeakSet()

    def __init__(self, site: str | None, height: int, conversations: str | os.PathLike[str] | None) -> None:
        for earlier in [each for each in _Widget._open if type(each) is type(self)]:
            earlier._end("the cell was run again, and the newer output has it now")
        self._kernel = Kernel()
        self.widget: Any = _make_widget(height)
        self._running = Running(
            self._kernel.from_any_thread(self.widget.send), site=site, chat=self._chat, conversations=conversations
        )
        self._stop_watching = self._kernel.watch_cells(self._running.note_busy)
        self.widget.on_msg(self._on_message)
        _Widget._open.add(self)

    async def open_host(self, timeout_s: float = 60.0) -> Host:
        """Open a connection to the engine of the page that shows this widget; `browserllm.connect` calls it.

        Raises `Unavailable` if no notebook shows the widget, or none can, and `Timeout` if its page does not start.
        """
        waits = self._kernel.delivers_while_a_cell_runs
        try:
            return await self._running.open_host(timeout_s if waits else min(timeout_s, SHORT_WAIT_S))
        except (Timeout, Unavailable) as error:
            if waits or (isinstance(error, Unavailable) and error.reason != "no_window"):
                raise
            raise Unavailable(
                f"no message of the notebook has arrived: while a cell runs, {self._kernel.name} delivers none of a "
                "widget. Start the work in one cell with asyncio.create_task(...) and look at its result in a later "
                "one; ipykernel 7.4 and newer need no such care",
                reason="no_window",
            ) from error

    def close(self) -> None:
        """End it, and show in its output that it has ended."""
        self._end("it was closed by Python")

    def _end(self, reason: str) -> None:
        _Widget._open.discard(self)
        self._stop_watching()
        self._running.close(reason)

    def _on_message(self, widget: object, content: object, buffers: list[Any]) -> None:
        self._running.receive(content, buffers)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def _display_(self) -> Any:
        """Return what marimo shows."""
        return self.widget


class ChatApp(_Widget):
    """The chat app, in the output of a cell.

    Its Python is this kernel; conversations are in this user's data folder, as those of ``browserllm serve``. The
    browser that shows the notebook draws and computes. ``await browserllm.connect(app)`` lends its engine to the
    kernel's code.
    """

    _chat = True

    def __init__(
        self,
        *,
        site: str | None = None,
        height: int = 640,
        conversations: str | os.PathLike[str] | None = None,
    ) -> None:
        """Start the app; put it on the last line of a cell. An earlier `ChatApp` of this kernel ends.

        ``site`` is the address of a site that ``browserllm build`` wrote; by default this process serves it on
        loopback, which a browser can only reach on the same machine. ``height`` is in pixels. ``conversations`` is
        another file for the conversations.
        """
        super().__init__(site, height, conversations)


class Engine(_Widget):
    """The engine of the browser that shows the notebook, without a chat: one line in the output of a cell.

    ``await browserllm.connect(engine)`` opens a connection to it.
    """

    def __init__(self, *, site: str | None = None) -> None:
        """Start; put it on the last line of a cell. An earlier `Engine` of this kernel ends.

        ``site`` is the address of a site that ``browserllm build`` wrote; by default this process serves it.
        """
        super().__init__(site, 72, None)


def _make_widget(height: int) -> Any:
    if sys.platform == "emscripten":
        raise Unsupported(
            "a kernel in the browser (JupyterLite) cannot run the notebook's widget yet; open a site of `browserllm "
            "build`, where Python and the models run in the page"
        )
    try:
        anywidget: Any = import_module("anywidget")
        traitlets: Any = import_module("traitlets")
    except ImportError as error:
        raise Unavailable(
            f"the notebook's widget needs anywidget ({error}): pip install 'browserllm[notebook]', and restart the "
            "kernel",
            reason="blocked",
        ) from error
    script = Path(site_folder(), SCRIPT).read_text(encoding="utf-8")
    fields = {"_esm": traitlets.Unicode(script).tag(sync=True), "height": traitlets.Int(height).tag(sync=True)}
    return type("BrowserLLM", (anywidget.AnyWidget,), fields)()
