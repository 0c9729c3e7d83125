"""The messages of a widget's comm. docs/notebook.md lists them; `web/notebook/messages.ts` is the other side.

A view is one place where a front end shows the widget: a cell's output, once more in another tab. Each has an id of its
own. Texts of a channel are UTF-8 in one binary buffer, in pieces of at most `PIECE_BYTES`, because servers of notebooks
limit the size of a message; ``more`` says that another piece follows. ``n`` counts the pieces of a channel: a kernel
may deliver messages through several threads.
"""

from __future__ import annotations

import msgspec

PIECE_BYTES = 1024 * 1024
"""Tornado, under every Jupyter server, closes a connection over a message of 10 MiB."""


class Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """A view is there, or still there: it says so every few seconds, and is answered with ``welcome``."""

    view: str
    origin: str = ""


class Ready(msgspec.Struct, tag_field="type", tag="ready"):
    """The view's frame has started, with a site of this version; channels can be opened."""

    view: str
    version: str = ""


class Problem(msgspec.Struct, tag_field="type", tag="problem"):
    """The view cannot show the site's page, and told the user so."""

    view: str
    message: str


class Text(msgspec.Struct, tag_field="type", tag="text"):
    """A piece of a text of a channel; its bytes are in the first buffer."""

    view: str
    channel: int
    n: int
    more: bool = False


class Ended(msgspec.Struct, tag_field="type", tag="ended"):
    """A channel has ended in the page: its engine stopped, for example."""

    view: str
    channel: int
    reason: str = ""


class Bye(msgspec.Struct, tag_field="type", tag="bye"):
    """The view is going: its output was cleared, its cell runs again, or its tab is closed."""

    view: str


FromView = Hello | Ready | Problem | Text | Ended | Bye
