"""The tools of a request, in each form that a program has them in, as the `Tool`s that models are told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from .._internal.arguments import check_list, shown
from ..errors import InvalidRequest
from ..types import Tool

_FORMS = "use Tool(...), what @browserllm.tool made of a function, a Toolbox, or a dict with a name and parameters"


def declared_tools(given: Any) -> list[Tool]:
    """Return the tools of ``tools=``; raise `InvalidRequest` for anything that does not declare one."""
    listed = check_list("tools", given, "tools", write=_FORMS)
    return [_declared(each, f"tools[{index}]") for index, each in enumerate(listed)]


def tool_of(declared: Mapping[str, Any]) -> Tool:
    """Return the `Tool` of a dict, as OpenAI has it or the function alone; raise `InvalidRequest` for another dict."""
    try:
        return msgspec.convert(dict(declared.get("function", declared)), Tool)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise InvalidRequest(f"the tool {declared!r} is not valid: {error}", parameter="tools") from error


def _declared(given: Any, where: str) -> Tool:
    if isinstance(given, Tool):
        return given
    if isinstance(given, Mapping):
        return tool_of(cast("Mapping[str, Any]", given))
    # A FunctionTool belongs to a higher floor.
    if isinstance(declared := getattr(given, "tool", None), Tool):
        return declared
    if callable(given):
        name = getattr(given, "__name__", "function")
        raise InvalidRequest(
            f"{where}={shown(given)} is a function without its description; write browserllm.tool({name}), or "
            "give it to a Session, which also runs it",
            parameter="tools",
        )
    raise InvalidRequest(f"{where}={shown(given)} is not a tool; {_FORMS}", parameter="tools")
