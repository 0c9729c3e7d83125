"""Approvals in the app: tool calls that wait for the user are in `AppState.approvals`, and an action decides."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from ..types import ToolCallPart
from .actions import DecideApproval
from .app import App
from .live_answer import arguments_of
from .state import Approval

if TYPE_CHECKING:
    from ..chat.approvals import Approvals, PendingCall

OnAsked = Callable[[ToolCallPart, str], None]


class ApprovalDesk:
    """Shows the calls that wait in any conversation, and carries out the user's decisions."""

    def __init__(self, app: App) -> None:
        """Begin without calls."""
        self._app = app
        self._waiting: dict[str, PendingCall] = {}
        app.on(DecideApproval, self._decide)

    @asynccontextmanager
    async def asking(
        self, approvals: Approvals, conversation: str, message: str, on_asked: OnAsked
    ) -> AsyncGenerator[None, None]:
        """Show the calls that wait in ``approvals`` while an answer goes on; at its end they are gone.

        ``on_asked`` is called with each call and the id of its approval.
        """
        shown: list[str] = []

        async def watch() -> None:
            async for pending in approvals:
                id = f"approval-{os.urandom(6).hex()}"  # noqa: A001 (what it is in the state)
                shown.append(id)
                self._waiting[id] = pending
                arguments = arguments_of(pending.call)
                approval = Approval(
                    id=id,
                    conversation=conversation,
                    message=message,
                    tool_name=pending.call.name,
                    arguments=cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else {},
                    at=self._app.now_ms(),
                )
                self._app.state.put(approval, "approvals", id)
                on_asked(pending.call, id)

        watcher = asyncio.create_task(watch())
        try:
            yield
        finally:
            approvals.close()
            watcher.cancel()
            await asyncio.wait([watcher])
            for each in shown:
                self._remove(each)

    async def _decide(self, action: DecideApproval) -> None:
        pending = self._waiting.get(action.id)
        if pending is None or pending.done:
            raise InvalidRequest(
                f"no tool call waits for the approval {action.id!r}: it was decided, or its answer has ended",
                parameter="id",
            )
        if not action.approve:
            pending.deny(action.reason)
        elif action.arguments is None:
            pending.approve()
        else:
            pending.change(action.arguments)
        self._remove(action.id)

    def _remove(self, approval: str) -> None:
        self._waiting.pop(approval, None)
        self._app.state.remove("approvals", approval)
