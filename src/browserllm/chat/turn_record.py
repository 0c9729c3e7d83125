"""TurnRecord: the messages of a turn that become history, and the reply.

A turn works on a copy of the history. The copy replaces the conversation's history once, when the turn ends. Complete
answers stay, and so do rounds whose calls have run and the text of a stopped answer. A failure discards the answer in
which it happened. A turn without any answer leaves the history unchanged, so that the user can ask again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..types import ChatResponse, ChatWarning, FinishReason, Message, Usage
from .calls import CallBatch
from .conversation import Conversation
from .history import History, encodable_message, partial_message, sum_usage
from .reply import Reply, ToolRun


class TurnRecord:
    """The copy of the history that a turn works on, and the answers and tool runs so far.

    ``finish_reason`` says why the turn ends; it is ``None`` while the turn goes on.
    """

    def __init__(self, conversation: Conversation, warnings: Iterable[ChatWarning]) -> None:
        """Begin with ``warnings`` that the reply always carries."""
        self.history = conversation.history
        self.finish_reason: FinishReason | None = None
        self.warnings = list(warnings)
        self._conversation = conversation
        self._before = conversation.history
        self._began_with: int | None = None
        self._message = Message("assistant", "")
        self._responses: list[ChatResponse] = []
        self._runs: list[ToolRun] = []

    @property
    def rounds(self) -> int:
        """How many answers of the turn called tools, including those before a turn was resumed."""
        return sum(bool(message.tool_calls) for message in self.history.turns[-1])

    def begin(self, change: Callable[[History], None], *, private: bool) -> None:
        """Copy the conversation's history and apply ``change`` to the copy."""
        self._before = self._conversation.history
        self.history = self._before.copy()
        self.history.private = self.history.private or private
        change(self.history)
        self.history.check()
        self._began_with = len(self.history.messages)

    def warn(self, parameter: str, message: str) -> None:
        """Add a warning to the reply."""
        self.warnings.append(ChatWarning(parameter, message))

    def keep(self, response: ChatResponse) -> None:
        """Append an answer to the history."""
        self._note(response, encodable_message(response.message))
        self.history.add(self._message)

    def keep_results(self, calls: CallBatch) -> None:
        """Append the results of an answer's calls to the history."""
        self._runs += calls.runs
        if calls.results:
            self.history.add(Message("tool", [*calls.results]))

    def keep_partly(self, response: ChatResponse) -> None:
        """Append the text of a stopped answer to the history."""
        self._note(response, partial_message(response.message))
        if self._message.text:
            self.history.add(self._message)

    def take_back(self, response: ChatResponse) -> None:
        """Leave a failed answer out of the history; the reply still has it."""
        self._note(response, response.message)

    def commit(self, spent: list[ChatResponse], *, has_failed: bool, keeps_room: bool, left_out: int) -> Reply:
        """Replace the conversation's history with the turn's, if it got an answer, and return the reply.

        ``spent`` are responses other than answers, such as summaries. If the turn leaves no messages and ``keeps_room``
        is true, the turns that were dropped to make room stay dropped. ``left_out`` is for the reply.
        """
        history, conversation = self.history, self._conversation
        responses = [*self._responses, *spent]
        usage = Usage()
        for response in responses:
            usage = sum_usage(usage, response.usage)
        if self.is_kept:
            history.add_usage(usage)
            conversation.history = history
        elif history.start > self._before.start and keeps_room:
            conversation.history = self._before.copy()
            conversation.history.start, conversation.history.summary = history.start, history.summary
        costs = [response.cost_usd for response in responses if response.cost_usd is not None]
        warnings = [*(warning for response in self._responses for warning in response.warnings), *self.warnings]
        return Reply(
            message=self._message,
            finish_reason=self.finish_reason or ("error" if has_failed else "cancelled"),
            responses=self._responses,
            calls=self._runs,
            usage=usage,
            cost_usd=sum(costs) if len(costs) == len(responses) else None,
            left_out=left_out,
            warnings=list({(warning.parameter, warning.message): warning for warning in warnings}.values()),
        )

    @property
    def is_kept(self) -> bool:
        """Whether the turn added messages and so becomes history."""
        return self._began_with is not None and len(self.history.messages) > self._began_with

    def _note(self, response: ChatResponse, message: Message) -> None:
        self._responses.append(response)
        self._message = message
