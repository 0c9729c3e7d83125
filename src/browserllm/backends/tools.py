"""Converts every form in which a program may pass tools into `Tool`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from .._internal.arguments import check_list, shown
from ..errors import InvalidRequest
from ..types import Tool

_FORMS = "use Tool(...), a function decorated with @browserllm.tool, a Toolbox, or a dict with a name and parameters"


def declared_tools(given: Any) -> list[Tool]:
    """Return the tools passed as ``tools=``. Raises `InvalidRequest` for a value that is not a tool."""
    listed = check_list("tools", given, "tools", write=_FORMS)
    return [_declared(each, f"tools[{index}]") for index, each in enumerate(listed)]


def tool_of(declared: Mapping[str, Any]) -> Tool:
    """Return the `Tool` of a dict: OpenAI's format, or just the function. Raises `InvalidRequest` for other dicts."""
    try:
        return msgspec.convert(dict(declared.get("function", declared)), Tool)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise InvalidRequest(f"the tool {declared!r} is not valid: {error}", parameter="tools") from error


def _declared(given: Any, where: str) -> Tool:
    if isinstance(given, Tool):
        return given
    if isinstance(given, Mapping):
        return tool_of(cast("Mapping[str, Any]", given))
    # A FunctionTool; its class is in a higher layer and cannot be imported here.
    if isinstance(declared := getattr(given, "tool", None), Tool):
        return declared
    if callable(given):
        name = getattr(given, "__name__", "function")
        raise InvalidRequest(
            f"{where}={shown(given)} is a plain function; write browserllm.tool({name}), or pass it to a Session, "
            "which also runs it",
            parameter="tools",
        )
    raise InvalidRequest(f"{where}={shown(given)} is not a tool; {_FORMS}", parameter="tools")
