"""Read ``tool_choice``: whether the model may, must or must not call tools."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

from ...errors import InvalidRequest
from ...types import ChatRequest


class ToolChoice(NamedTuple):
    """Whether the model may, must or must not call tools; ``name`` is the tool that it must call."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""


def tool_choice_of(request: ChatRequest) -> ToolChoice | None:
    """Return the request's tool choice, or ``None``. Raises `InvalidRequest` for an invalid one or an unknown tool."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice in ("auto", "none", "required"):
        if not request.tools and choice == "required":
            raise InvalidRequest("tool_choice='required' needs tools", parameter="tool_choice")
        return ToolChoice(choice)
    name: Any = None
    if isinstance(choice, dict):
        function = choice.get("function")
        name = cast("dict[str, Any]", function).get("name") if isinstance(function, dict) else choice.get("name")
    if not isinstance(name, str) or name not in {tool.name for tool in request.tools}:
        known = ", ".join(repr(tool.name) for tool in request.tools) or "the request has no tools"
        raise InvalidRequest(
            f"tool_choice={choice!r} is not valid; use 'auto', 'none', 'required', or {{'name': ...}} with one of the "
            f"tools ({known})",
            parameter="tool_choice",
        )
    return ToolChoice("named", name)
