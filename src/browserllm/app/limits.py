"""What both Python and pages must know: names and limits. `web/react/src/limits.ts` is generated from this file."""

from __future__ import annotations

BUILTIN_TOOLS = ("calculator", "clock", "todo_list", "storage", "web_fetch")
"""The names of the tools that a conversation can use."""

MAX_TITLE_CHARS = 200
"""How long the title of a conversation may be."""

MAX_NAME_CHARS = 100
"""How long the names of presets and folders and the labels of clouds may be."""

MAX_FILENAME_CHARS = 255
"""How long the name of an attached file may be."""

MAX_MODEL_CHARS = 200
"""How long the name of a model may be, as a conversation's settings or a cloud has it."""

MAX_ADDRESS_CHARS = 2_000
"""How long the address of a server or of a model may be."""

MAX_SYSTEM_CHARS = 200_000
"""How long a system prompt may be."""

MAX_SEARCH_CHARS = 1_000
"""How long the text that is searched for may be."""

MAX_SCHEMA_BYTES = 200_000
"""How large a JSON Schema may be, as JSON."""

MAX_COMPARED = 4
"""How many sides a comparison may have."""
