"""Approvals: tool calls wait until the app decides whether they may run, usually by asking the user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import check_number
from .._internal.clock import AnyClock, SystemClock
from ..errors import InvalidRequest
from ..types import ToolCallPart
from .hooks import Change, Deny, Hooks, write_arguments
from .tools import FunctionTool, as_tool, check_tools

Decision = bool | Deny | Change


class PendingCall:
    """A tool call that waits for one decision: `approve`, `deny` or `change`.

    ``done`` is true once it was decided, its turn was cancelled, or its time ran out.
    """

    def __init__(self, call: ToolCallPart, decision: asyncio.Future[Decision]) -> None:
        """Wait for ``decision``, which `Approvals` holds."""
        self.call = call
        self._decision = decision

    def __repr__(self) -> str:
        return f"PendingCall({self.call!r}, done={self.done})"

    @property
    def done(self) -> bool:
        """Whether the call no longer waits for a decision."""
        return self._decision.done()

    def approve(self) -> None:
        """Let the call run unchanged, without asking the hooks after these approvals."""
        self._decide(True)

    def deny(self, reason: str = "") -> None:
        """Deny the call; the model reads the ``reason``."""
        self._decide(Deny(reason or "the user did not allow this call"))

    def change(self, arguments: dict[str, Any]) -> None:
        """Let the call run with other arguments. Raises `InvalidRequest`, and keeps waiting, if they are not JSON."""
        write_arguments(arguments)
        self._decide(Change(arguments))

    def _decide(self, decision: Decision) -> None:
        if self.done:
            raise InvalidRequest(
                f"the call {self.call.id!r} of {self.call.name} no longer waits: it was decided, its turn was "
                "cancelled, or its time ran out; check pending.done first",
                parameter="decision",
            )
        self._decision.set_result(decision)


class Approvals(Hooks):
    """A hook that makes every call of the named tools wait until the app has decided.

    ::

        approvals = bl.Approvals(tools=["delete_file"])
        session = bl.Session(backend, tools=[delete_file], hooks=[approvals])
        ...
        async for pending in approvals:  # in another task
            if await ask(pending.call):
                pending.approve()
            else:
                pending.deny("the user said no")

    Several sessions of one event loop may share it. Without ``timeout_s``, a call that the app does not decide waits
    forever. Hooks after this one are not asked about an approved call, so put hooks that deny by rule before it.
    """

    def __init__(
        self, *, tools: Iterable[Any] | None = None, timeout_s: float | None = None, clock: AnyClock | None = None
    ) -> None:
        """Ask about calls of these ``tools`` (names or the tools themselves), or of all tools.

        A call without a decision after ``timeout_s`` seconds (above 0) is denied. Raises `InvalidRequest` for invalid
        tools, and for a time that is not above 0.
        """
        check_number("timeout_s", timeout_s, "above 0", lambda seconds: seconds > 0, optional=True)
        self.tools = None if tools is None else _names(tools)
        self.timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._pending: dict[int, PendingCall] = {}
        self._asked = 0
        self._closed = False
        self._listeners: set[asyncio.Future[None]] = set()

    @property
    def pending(self) -> list[PendingCall]:
        """The calls that wait now, oldest first, for a UI to show."""
        return [call for call in self._pending.values() if not call.done]

    async def on_tool_call(self, call: ToolCallPart) -> Decision | None:
        """Wait for the decision about a call."""
        if self.tools is not None and call.name not in self.tools:
            return None
        if self._closed:
            return Deny("approvals are closed, so this call cannot be approved")
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
            # Also when the turn is cancelled, so that the call cannot be approved any more.
            decision.cancel()
            del self._pending[number]
            if watch is not None:
                watch.cancel()

    async def __aiter__(self) -> AsyncIterator[PendingCall]:
        """Yield each waiting call, oldest first, then each new one as it arrives; `close` ends the iteration.

        A new iteration begins with the calls that still wait. Two at the same time both get every call.
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
        """Deny every waiting and every later call, and end the iteration; safe to call more than once."""
        self._closed = True
        for pending in self.pending:
            pending.deny("approvals were closed before this call was approved")
        self._tell()

    def _tell(self) -> None:
        for news in self._listeners:
            if not news.done():
                news.set_result(None)

    async def _deny_late(self, pending: PendingCall, limit_s: float) -> None:
        await self._clock.sleep(limit_s)
        if not pending.done:
            pending.deny(f"this call was not approved within {limit_s:g} s")


def _names(tools: Iterable[Any]) -> frozenset[str]:
    # A string is an iterable, too: of one-letter names.
    if isinstance(tools, str):
        raise InvalidRequest(f"tools={tools!r} is one string; use a list of names", parameter="tools")
    names: set[str] = set()
    for given in check_tools(tools):
        made = given if isinstance(given, str) else as_tool(given)
        names.add(made if isinstance(made, str) else made.tool.name if isinstance(made, FunctionTool) else made.name)
    return frozenset(names)
