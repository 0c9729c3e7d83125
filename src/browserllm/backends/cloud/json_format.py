"""Reads ``response_format``, for every wire format."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from ...errors import InvalidRequest
from ...types import ChatRequest


class JsonFormat(NamedTuple):
    """The answer must be JSON, of this ``schema`` if there is one."""

    schema: dict[str, Any] | None = None
    name: str = "answer"
    strict: bool | None = None


def json_format_of(request: ChatRequest) -> JsonFormat | None:
    """Return what ``response_format`` says; ``None`` is text. Raises `InvalidRequest` when it says nothing known."""
    given = request.response_format
    if given is None or given.get("type") == "text":
        return None
    if given.get("type") == "json_object":
        return JsonFormat()
    spec = given.get("json_schema")
    if given.get("type") == "json_schema" and isinstance(spec, dict):
        fields = cast("dict[str, Any]", spec)
        schema, name, strict = fields.get("schema"), fields.get("name", "answer"), fields.get("strict")
        if isinstance(schema, dict) and isinstance(name, str) and (strict is None or isinstance(strict, bool)):
            return JsonFormat(cast("dict[str, Any]", schema), name, strict)
    raise InvalidRequest(
        f"response_format={given!r} is not valid; use {{'type': 'text'}}, {{'type': 'json_object'}} or "
        "{'type': 'json_schema', 'json_schema': {'name': ..., 'schema': {...}}}",
        parameter="response_format",
    )
