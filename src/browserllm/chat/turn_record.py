"""TurnRecord: what of a turn becomes history, and the reply.

A turn works on a copy of the history, which becomes the conversation's once, when the turn ends, however it ends. What
was answered whole stays, and so do rounds whose calls have been run; so does the text of an answer that was stopped. A
failure takes back the answer it happened in. A turn that got nothing leaves the history as it was, so that the same can
be asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..types import ChatResponse, ChatWarning, FinishReason, Message, Usage
from .calls import Calls
from .conversation import Conversation
from .history import History, encodable_message, partial_message, sum_usage
from .reply import Reply, ToolRun


class TurnRecord:
    """The copy of the history that a turn works on, and what has come of the turn so far.

    ``finish_reason`` is why the turn ends; ``None`` while it goes on.
    """

    def __init__(self, conversation: Conversation, warnings: Iterable[ChatWarning]) -> None:
        """Begin with ``warnings``, which the reply has in any case."""
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
        """How many answers of the turn called tools; a turn that goes on has had some before."""
        return sum(bool(message.tool_calls) for message in self.history.turns[-1])

    def begin(self, change: Callable[[History], None], *, private: bool) -> None:
        """Copy the conversation's history, and change the copy as the turn begins."""
        self._before = self._conversation.history
        self.history = self._before.copy()
        self.history.private = self.history.private or private
        change(self.history)
        self.history.check()
        self._began_with = len(self.history.messages)

    def warn(self, parameter: str, message: str) -> None:
        """Have the reply warn of something."""
        self.warnings.append(ChatWarning(parameter, message))

    def keep(self, response: ChatResponse) -> None:
        """Put an answer at the end of the history."""
        self._note(response, encodable_message(response.message))
        self.history.add(self._message)

    def keep_results(self, calls: Calls) -> None:
        """Put the results of an answer's calls at the end of the history."""
        self._runs += calls.runs
        if calls.results:
            self.history.add(Message("tool", [*calls.results]))

    def keep_partly(self, response: ChatResponse) -> None:
        """Keep the text of an answer that was stopped."""
        self._note(response, partial_message(response.message))
        if self._message.text:
            self.history.add(self._message)

    def take_back(self, response: ChatResponse) -> None:
        """Leave an answer that failed out of the history; the reply has it."""
        self._note(response, response.message)

    def commit(self, spent: list[ChatResponse], *, has_failed: bool, keeps_room: bool) -> Reply:
        """Make the history the conversation's, as far as the turn got, and return the reply.

        ``spent`` are responses that are no answers. Where the turn is taken back, the room that was made for it stays
        made if ``keeps_room``.
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
            warnings=list({(warning.parameter, warning.message): warning for warning in warnings}.values()),
        )

    @property
    def is_kept(self) -> bool:
        """Whether something has come of the turn, so that it becomes history."""
        return self._began_with is not None and len(self.history.messages) > self._began_with

    def _note(self, response: ChatResponse, message: Message) -> None:
        self._responses.append(response)
        self._message = message
