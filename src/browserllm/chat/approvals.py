"""Approvals: tool calls wait until somebody, a person at a UI most likely, says whether they may run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from .._internal import lazy_asyncio as asyncio
from .._internal.clock import AnyClock, SystemClock
from ..errors import InvalidRequest
from ..types import ToolCallPart
from .hooks import Change, Deny, Hooks, write_arguments
from .tools import FunctionTool, as_tool, check_tools

Decision = bool | Deny | Change


class PendingCall:
    """A tool call that waits for a decision: `approve`, `deny` or `change`, once.

    ``done`` is true when nothing is to be decided any more: somebody has, its turn was cancelled, or the time is over.
    """

    def __init__(self, call: ToolCallPart, decision: asyncio.Future[Decision]) -> None:
        """Made by `Approvals`."""
        self.call = call
        self._decision = decision

    def __repr__(self) -> str:
        return f"PendingCall({self.call!r}, done={self.done})"

    @property
    def done(self) -> bool:
        """Whether nothing is to be decided any more."""
        return self._decision.done()

    def approve(self) -> None:
        """Let the call run as it is; hooks after these approvals are not asked."""
        self._decide(True)

    def deny(self, reason: str = "") -> None:
        """Do not let it run; the model reads the ``reason``."""
        self._decide(Deny(reason or "the user did not allow this call"))

    def change(self, arguments: dict[str, Any]) -> None:
        """Let it run with other arguments; raises `InvalidRequest`, and goes on waiting, where they are no JSON."""
        write_arguments(arguments)
        self._decide(Change(arguments))

    def _decide(self, decision: Decision) -> None:
        if self.done:
            raise InvalidRequest(
                f"the call {self.call.id!r} of {self.call.name} waits no more: it was decided, its turn was "
                "cancelled, or the time was over; look at pending.done",
                parameter="decision",
            )
        self._decision.set_result(decision)


class Approvals(Hooks):
    """A hook that asks: every call of the named tools waits until the app has decided.

    ::

        approvals = bl.Approvals(tools=["delete_file"])
        session = bl.Session(backend, tools=[delete_file], hooks=[approvals])
        ...
        async for pending in approvals:  # in another task
            if await ask(pending.call):
                pending.approve()
            else:
                pending.deny("the user said no")

    Several sessions of one event loop may share it. Where no app decides, and without ``timeout_s``, a call waits for
    ever. An approved call is asked of no further hook: hooks that refuse by rule come before this one.
    """

    def __init__(
        self, *, tools: Iterable[Any] | None = None, timeout_s: float | None = None, clock: AnyClock | None = None
    ) -> None:
        """Ask about these ``tools`` (names, or the tools themselves), or about all; others are no concern of this hook.

        After ``timeout_s`` seconds (above 0) without a decision a call is denied. Raises `InvalidRequest` for tools
        that are none, and for a time that is not above 0.
        """
        if timeout_s is not None and not timeout_s > 0:
            raise InvalidRequest(
                f"timeout_s={timeout_s!r} is no time to wait; it must be above 0", parameter="timeout_s"
            )
        self.tools = None if tools is None else _names(tools)
        self.timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._pending: dict[int, PendingCall] = {}
        self._asked = 0
        self._closed = False
        self._listeners: set[asyncio.Future[None]] = set()

    @property
    def pending(self) -> list[PendingCall]:
        """The calls that wait now, the oldest first: what a UI draws."""
        return [call for call in self._pending.values() if not call.done]

    async def on_tool_call(self, call: ToolCallPart) -> Decision | None:
        """Wait for the decision about a call."""
        if self.tools is not None and call.name not in self.tools:
            return None
        if self._closed:
            return Deny("nobody is there to allow this call")
        loop = asyncio.get_running_loop()
        decision: asyncio.Future[Decision] = loop.create_future()
        pending = PendingCall(call, decision)
        self._asked += 1
        number = self._asked
        self._pending[number] = pending
        self._tell()
        watch = None if self.timeout_s is None else loop.create_task(self._deny_late(pending, self.timeout_s))
        try:
            return await decision
        finally:
            # Also when the turn is cancelled: nobody can approve what is no longer there.
            decision.cancel()
            del self._pending[number]
            if watch is not None:
                watch.cancel()

    async def __aiter__(self) -> AsyncIterator[PendingCall]:
        """Give each call that waits, the oldest first, then each new one as it comes; ends with `close`.

        Who begins to iterate again is given what still waits. Two that iterate at a time are both given every call.
        """
        given = 0
        while True:
            number = next((number for number in self._pending if number > given), None)
            if number is not None:
                given = number
                if not self._pending[number].done:
                    yield self._pending[number]
            elif self._closed:
                return
            else:
                news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._listeners.add(news)
                try:
                    await news
                finally:
                    self._listeners.discard(news)

    def close(self) -> None:
        """Deny every call that waits and every later one, and end the iteration; safe to call more than once."""
        self._closed = True
        for pending in self.pending:
            pending.deny("nobody is there any more to allow this call")
        self._tell()

    def _tell(self) -> None:
        for news in self._listeners:
            if not news.done():
                news.set_result(None)

    async def _deny_late(self, pending: PendingCall, limit_s: float) -> None:
        await self._clock.sleep(limit_s)
        if not pending.done:
            pending.deny(f"nobody allowed this call within {limit_s:g} s")


def _names(tools: Iterable[Any]) -> frozenset[str]:
    # A text is an iterable too, of letters that no tool is called.
    if isinstance(tools, str):
        raise InvalidRequest(f"tools={tools!r} is one text; use a list of names", parameter="tools")
    names: set[str] = set()
    for given in check_tools(tools):
        made = given if isinstance(given, str) else as_tool(given)
        names.add(made if isinstance(made, str) else made.tool.name if isinstance(made, FunctionTool) else made.name)
    return frozenset(names)
