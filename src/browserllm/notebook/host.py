"""NotebookHost: the reader's browser computes for the kernel's own code."""

from __future__ import annotations

from ..page.protocol import ChannelHost


class NotebookHost(ChannelHost):
    """A host whose page is the frame in a notebook's output; ``await browserllm.connect(widget)`` opens one.

    It is closed when that output goes: the cell is run again, the output is cleared, the tab is closed. Closing it
    leaves the page and its loaded models as they are.
    """
