"""What a conversation's settings mean for its requests."""

from __future__ import annotations

from typing import Any

from ..backends.request import check_options
from ..errors import InvalidRequest
from .limits import BUILTIN_TOOLS
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
    for name in settings.tools:
        if name not in BUILTIN_TOOLS:
            raise InvalidRequest(f"unknown tool {name!r}. Choose from: {', '.join(BUILTIN_TOOLS)}.", parameter="tools")
    if settings.schema is not None:
        from ..json_schema.types import output_type  # imported late: few conversations have a schema

        output_type(settings.schema)
        if settings.tools:
            raise InvalidRequest(
                "tools cannot be combined with a schema: the answer is the object; remove one of them",
                parameter="schema",
            )
