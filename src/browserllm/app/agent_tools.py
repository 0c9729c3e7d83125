"""The page's tools, as an agent calls them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..amplifier.kernel import ToolResult
from ..constrained.grammars.reduce import reduce_schema
from ..errors import InvalidRequest
from ..json_schema.coercion import coerce_arguments
from ..json_schema.problem import InvalidValue, Problem
from ..json_schema.validate import Validator
from .actions import PageTool
from .agent_questions import PageToolFailed, Questions


class ToolOfPage:
    """A tool of Amplifier's that the page runs, with arguments that fit its schema."""

    def __init__(self, tool: PageTool, questions: Questions) -> None:
        """Ask the page to run ``tool``. Raises `InvalidRequest` for a wrong schema, which would fail each prompt."""
        self.name = tool.name
        self.description = tool.description
        self.input_schema = tool.parameters or {"type": "object", "properties": {}}
        self._questions = questions
        try:
            reduce_schema(self.input_schema)
        except InvalidRequest as error:
            raise InvalidRequest(f"the parameters of tool {tool.name!r}: {error}", parameter="page_tools") from None
        try:
            self._validator = Validator(self.input_schema)
        except InvalidRequest:  # right, but beyond what can be checked here
            self._validator = None

    async def execute(self, input: dict[str, Any]) -> ToolResult:  # noqa: A002 (Amplifier's name)
        """Run it; what the page throws, and arguments that do not fit, are for the model to read."""
        arguments, problems = self._fitting(input)
        if problems:
            return _failed(f"the arguments do not fit: {'; '.join(map(str, problems))}")
        try:
            output = await self._questions.ask("page-tool", name=self.name, arguments=arguments)
        except PageToolFailed as error:
            return _failed(str(error))
        return ToolResult(output=output)

    def _fitting(self, given: dict[str, Any]) -> tuple[dict[str, Any], Sequence[Problem]]:
        """Return the arguments, coerced where the model's meaning is certain, and else what is wrong with them."""
        problems = [] if self._validator is None else self._validator.problems(given)
        if self._validator is None or not problems:
            return given, []
        try:
            coerced = coerce_arguments(json.dumps(given), self.input_schema)
        except InvalidValue:
            return given, problems
        return (given, problems) if self._validator.problems(coerced) else (coerced, [])


def _failed(message: str) -> ToolResult:
    return ToolResult(success=False, error={"message": message})
