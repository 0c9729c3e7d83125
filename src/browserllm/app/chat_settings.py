"""What a conversation's settings mean for its requests."""

from __future__ import annotations

from typing import Any

import msgspec

from ..backends.request import check_options
from ..errors import InvalidRequest
from .checks import checked_length
from .limits import BUILTIN_TOOLS, MAX_MODEL_CHARS, MAX_NAME_CHARS, MAX_SCHEMA_BYTES, MAX_SYSTEM_CHARS
from .state import ConversationSettings


def options_of(settings: ConversationSettings) -> dict[str, Any]:
    """Return the fields of `ChatRequest` that the settings fill in, without model, tools and schema."""
    names = ("temperature", "top_p", "max_tokens", "seed", "thinking")
    return {name: value for name in names if (value := getattr(settings, name)) is not None}


def todo_prefix(conversation: str) -> str:
    """Return the prefix of the keys under which a conversation's to-do list is kept."""
    return f"todo.{conversation}"


def check_settings(settings: ConversationSettings) -> None:
    """Raise `InvalidRequest` for a value out of range, an unknown tool, or a schema that no answer can fit."""
    check_options(options_of(settings))
    checked_length("model", settings.model or "", MAX_MODEL_CHARS, "name of the model")
    checked_length("system", settings.system or "", MAX_SYSTEM_CHARS, "system prompt")
    checked_length("preset", settings.preset or "", MAX_NAME_CHARS, "id of the preset")
    if len(settings.tools) > len(set(settings.tools)):
        raise InvalidRequest("a tool is named twice; name each once", parameter="tools")
    for name in settings.tools:
        if name not in BUILTIN_TOOLS:
            raise InvalidRequest(
                f"unknown tool {name[:80]!r}. Choose from: {', '.join(BUILTIN_TOOLS)}.", parameter="tools"
            )
    if settings.schema is not None:
        from ..json_schema.types import output_type  # imported late: few conversations have a schema

        if (size := len(msgspec.json.encode(settings.schema))) > MAX_SCHEMA_BYTES:
            raise InvalidRequest(
                f"the schema has {size} bytes, over the limit of {MAX_SCHEMA_BYTES}; shorten it", parameter="schema"
            )
        output_type(settings.schema)
        if settings.tools:
            raise InvalidRequest(
                "tools cannot be combined with a schema: the answer is the object; remove one of them",
                parameter="schema",
            )
