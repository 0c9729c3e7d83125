"""The results of a turn: the reply, and the chunks about tools."""

from __future__ import annotations

from typing import Any

import msgspec

from ..types import ChatChunk, ChatResponse, ChatWarning, FinishReason, Message, ToolCallPart, ToolResultPart, Usage


class ToolRun(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call: ``call`` as it ran, and its result.

    ``changed`` means that a hook changed the arguments; the message keeps those of the model. ``denied`` is the reason
    when a hook denied the call. ``result`` is ``None`` for a call that the program must answer with
    `Session.send_results`.
    """

    call: ToolCallPart
    result: ToolResultPart | None = None
    changed: bool = False
    denied: str | None = None
    elapsed_ms: float = 0.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A finished turn: the answer, the tool calls and the usage.

    ``message`` is the last answer and ``response`` the response it came in; a turn with tools has several
    ``responses``. ``calls`` are the tool calls. ``usage`` and ``cost_usd`` are sums that include summaries; the cost is
    ``None`` if any part of it is unknown. ``left_out`` is how many of the history's oldest messages the backend was not
    sent, to fit its context window.

    ``finish_reason`` is ``stop``, ``length``, ``content_filter``, ``tool_calls`` (calls wait for
    `Session.send_results`), ``cancelled`` (stopped, or past its deadline) or ``error``.
    """

    message: Message
    finish_reason: FinishReason
    responses: list[ChatResponse] = []
    calls: list[ToolRun] = []
    usage: Usage = Usage()
    cost_usd: float | None = None
    left_out: int = 0
    warnings: list[ChatWarning] = []

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The model's thinking before the answer, where the backend shows it."""
        return self.message.reasoning

    @property
    def response(self) -> ChatResponse:
        """The last response. Raises `IndexError` if the turn ended before the first one."""
        return self.responses[-1]

    @property
    def pending(self) -> list[ToolCallPart]:
        """The calls that wait for `Session.send_results`."""
        return [run.call for run in self.calls if run.result is None]


class ToolStarted(ChatChunk, frozen=True, kw_only=True, tag="tool_started"):
    """A tool begins to run. ``changed`` means that a hook changed the arguments of the ``call``."""

    call: ToolCallPart
    changed: bool = False


class ToolDone(ChatChunk, frozen=True, kw_only=True, tag="tool_done"):
    """A call has its result; ``denied`` is the reason if a hook denied it."""

    call: ToolCallPart
    result: ToolResultPart
    denied: str | None = None
    elapsed_ms: float = 0.0


class TurnDone(ChatChunk, frozen=True, kw_only=True, tag="turn_done"):
    """The last chunk of a turn, with the reply."""

    reply: Reply


def position(mode: str, so_far: str) -> dict[str, Any]:
    """Return the text fields of a chunk that adds no text."""
    return {"text": so_far if mode == "accumulated" else "", "accumulated": so_far if mode == "both" else None}
