"""What a turn of a conversation gives: the chunks about its tools, and the reply."""

from __future__ import annotations

from typing import Any

import msgspec

from ..types import ChatChunk, ChatResponse, ChatWarning, FinishReason, Message, ToolCallPart, ToolResultPart, Usage


class ToolRun(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that was called: ``call`` as it was run, and what became of it.

    ``changed`` says that a hook gave it other arguments than the model; the message has those of the model. ``denied``
    is why it was not run. ``result`` is ``None`` where the program is to answer (`Session.send_results`).
    """

    call: ToolCallPart
    result: ToolResultPart | None = None
    changed: bool = False
    denied: str | None = None
    elapsed_ms: float = 0.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A finished turn: the answer, and what it took to get there.

    ``message`` is the last answer, ``response`` where it came from; a turn with tools has several ``responses``.
    ``calls`` are the tools that were called. ``usage`` and ``cost_usd`` are sums, summaries included; the cost is
    ``None`` where that of a part is unknown.

    ``finish_reason`` is ``stop``, ``length``, ``content_filter``, ``tool_calls`` (calls wait for
    `Session.send_results`), ``cancelled`` (stopped, or the deadline) or ``error``.
    """

    message: Message
    finish_reason: FinishReason
    responses: list[ChatResponse] = []
    calls: list[ToolRun] = []
    usage: Usage = Usage()
    cost_usd: float | None = None
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
        """The last response. Raises `IndexError` for a turn that ended before there was one."""
        return self.responses[-1]

    @property
    def pending(self) -> list[ToolCallPart]:
        """The calls that wait for `Session.send_results`."""
        return [run.call for run in self.calls if run.result is None]


class ToolStarted(ChatChunk, frozen=True, kw_only=True, tag="tool_started"):
    """A tool begins to run. ``changed`` says that a hook gave the ``call`` other arguments than the model."""

    call: ToolCallPart
    changed: bool = False


class ToolDone(ChatChunk, frozen=True, kw_only=True, tag="tool_done"):
    """A call has its result; ``denied`` is why it was not run, where a hook said so."""

    call: ToolCallPart
    result: ToolResultPart
    denied: str | None = None
    elapsed_ms: float = 0.0


class TurnDone(ChatChunk, frozen=True, kw_only=True, tag="turn_done"):
    """The last chunk of a turn, with the reply."""

    reply: Reply


def position(mode: str, so_far: str) -> dict[str, Any]:
    """Return the fields about the text of a chunk that adds none."""
    return {"text": so_far if mode == "accumulated" else "", "accumulated": so_far if mode == "both" else None}
