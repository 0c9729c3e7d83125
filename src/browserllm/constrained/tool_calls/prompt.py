"""Turn messages with tools, calls and results into text messages, the only ones that an engine's template takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..._internal.content import content_of, with_joined_texts
from ...errors import InvalidRequest
from ...types import ChatRequest, ContentPart, Message, TextPart, Tool, ToolResultPart
from .choice import ToolChoice, tool_choice_of
from .constraint import ToolConstraint, tool_constraint
from .formats import ToolFormat, format_for
from .parser import ToolCallParser

_NAME = re.compile(r"[\w.:/-]{1,128}")


class ToolUse:
    """The tools of a request, for a model without native tool calls.

    ``tools`` are the offered ones: none if the choice is ``none``.
    """

    def __init__(self, request: ChatRequest) -> None:
        """Raise `InvalidRequest` for a choice or a tool's name that is not valid."""
        self._form = format_for("")
        self.choice = tool_choice_of(request) or ToolChoice("auto")
        self.tools: list[Tool] = [] if self.choice.mode == "none" else request.tools
        for index, tool in enumerate(self.tools):
            if not _NAME.fullmatch(tool.name):
                raise InvalidRequest(
                    f"tools[{index}].name={tool.name!r} is not valid; use letters, digits, '_', '-', '.', ':' and '/'",
                    parameter="tools",
                )

    def messages(self, messages: Sequence[Message], family: str) -> list[Message]:
        """Return the messages with the tools described, and calls and results in the format of a model family."""
        form = self._form = format_for(family)
        written: list[Message] = []
        results: list[str] = []  # adjacent results that become one user message

        def write_results(after: Sequence[ContentPart] = ()) -> None:
            if results:
                text = "\n".join(results)
                written.append(_user([TextPart(f"{text}\n\n"), *after] if after else [TextPart(text)]))
                results.clear()

        for message in messages:
            if message.role == "tool":
                answered = [
                    ToolResultPart(part.id, form.render_result(part))
                    for part in message.parts
                    if isinstance(part, ToolResultPart)
                ]
                if form.result_role == "user":
                    results += [part.content for part in answered]
                else:
                    written += [Message("tool", [part]) for part in answered]
            elif message.role == "user" and results and message.parts:
                # Templates require user and assistant to alternate: the user's text joins the results before it.
                write_results(message.parts)
            else:
                write_results()
                calls = message.tool_calls
                written.append(Message("assistant", form.render_turn(message.text, calls)) if calls else message)
        write_results()
        return self._with_tools(written, form) if self.tools else written

    def constraint(self) -> ToolConstraint | None:
        """Return the constraint for calls; ``None`` without tools. Raises the errors of `tool_constraint`."""
        return tool_constraint(self._form, self.tools, self.choice) if self.tools else None

    def parser(self) -> ToolCallParser | None:
        """Return a parser for the family that was given to `messages`; ``None`` without tools."""
        return ToolCallParser(self.tools, self._form) if self.tools else None

    def _with_tools(self, messages: list[Message], form: ToolFormat) -> list[Message]:
        text = form.describe(self.tools)
        first = next((index for index, message in enumerate(messages) if message.role == "user"), None)
        if form.place == "user" and first is not None:
            asked = _user([TextPart(text), *messages[first].parts])
            return [*messages[:first], asked, *messages[first + 1 :]]
        system = "\n\n".join(message.text for message in messages if message.role == "system") or form.default_system
        rest = [message for message in messages if message.role != "system"]
        return [Message("system", f"{system}\n\n{text}" if system else text), *rest]


def _user(parts: Sequence[ContentPart]) -> Message:
    return Message("user", content_of(with_joined_texts(parts)))
