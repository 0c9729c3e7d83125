"""Turn messages with tools, calls and results into text messages, the only ones that an engine's template takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
                written.append(Message("user", [TextPart(f"{text}\n\n"), *after] if after else text))
                results.clear()

        for message in messages:
            if message.role == "tool":
                for part in _parts(message):
                    if not isinstance(part, (ToolResultPart, TextPart)):
                        write_results()
                        written.append(Message("tool", [part]))  # the backend raises an error for it
                        continue
                    text = form.render_result(
                        part if isinstance(part, ToolResultPart) else ToolResultPart("", part.text)
                    )
                    if form.result_role == "user":
                        results.append(text)
                    else:
                        written.append(Message(form.result_role, text))
            elif message.role == "user" and results and (parts := _parts(message)):
                # Templates require user and assistant to alternate: the user's text joins the results before it.
                write_results(parts)
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
            message = messages[first]
            content = text + message.content if isinstance(message.content, str) else [TextPart(text), *message.content]
            return [*messages[:first], Message("user", content), *messages[first + 1 :]]
        system = "\n\n".join(message.text for message in messages if message.role == "system") or form.default_system
        rest = [message for message in messages if message.role != "system"]
        return [Message("system", f"{system}\n\n{text}" if system else text), *rest]


def _parts(message: Message) -> list[ContentPart]:
    return [TextPart(message.content)] if isinstance(message.content, str) else message.content
