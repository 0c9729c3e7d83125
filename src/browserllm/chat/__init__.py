"""Conversations: `Session` with its history, context window, hooks, approvals and tools."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "": "builtin",
    "approvals": "Approvals PendingCall",
    "context": "DropOldest FailWhenFull Summarize",
    "history": "History",
    "hooks": "Change Deny Hooks",
    "reply": "Reply ToolDone ToolRun ToolStarted TurnDone",
    "session": "Session",
    "tools": "FunctionTool Toolbox tool",
    "turn_stream": "TurnStream",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
