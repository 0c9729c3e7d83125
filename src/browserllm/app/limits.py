"""What both Python and pages must know: names and limits. `web/react/src/limits.ts` is generated from this file."""

from __future__ import annotations

BUILTIN_TOOLS = ("calculator", "clock", "todo_list", "storage", "web_fetch")
"""The names of the tools that a conversation can use."""

MAX_TITLE_CHARS = 200
"""How long the title of a conversation may be."""

MAX_NAME_CHARS = 100
"""How long the names of presets and the labels of clouds may be."""

MAX_COMPARED = 4
"""How many sides a comparison may have."""
