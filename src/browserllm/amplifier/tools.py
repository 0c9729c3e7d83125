"""Our tools as Amplifier's, so that a session takes a plain function, a `FunctionTool` or a tool of Amplifier's own."""

from __future__ import annotations

import json
from typing import Any

from ..chat.tools import FunctionTool, as_tool
from ..errors import InvalidRequest
from ..types import ToolCallPart
from .kernel import ToolResult


class AdaptedTool:
    """A tool of ours with Amplifier's interface. Wrong arguments and exceptions become results that the model reads."""

    def __init__(self, tool: FunctionTool) -> None:
        """Adapt a tool."""
        self._tool = tool
        self._count = 0

    @property
    def name(self) -> str:
        """Its name."""
        return self._tool.tool.name

    @property
    def description(self) -> str:
        """What it does."""
        return self._tool.tool.description

    @property
    def input_schema(self) -> dict[str, Any]:
        """A JSON Schema of its arguments."""
        return self._tool.tool.parameters

    async def execute(self, input: dict[str, Any]) -> ToolResult:  # noqa: A002 (Amplifier's name)
        """Run it with these arguments."""
        self._count += 1
        result = await self._tool.run(ToolCallPart(f"{self.name}-{self._count}", self.name, json.dumps(input)))
        if result.is_error:
            return ToolResult(success=False, error={"message": result.content})
        return ToolResult(output=result.content)


def adapt_tool(given: Any) -> Any:
    """Return a tool with Amplifier's interface. Raises `InvalidRequest` for what is no tool."""
    if hasattr(given, "execute") and hasattr(given, "name"):
        return given
    tool = as_tool(given)
    if not isinstance(tool, FunctionTool):
        raise InvalidRequest(
            f"{given!r} only declares a tool; give a function, so that the session can run it", parameter="tools"
        )
    return AdaptedTool(tool)
