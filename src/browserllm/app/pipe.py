"""Pipe: connects the app to one page. It sends the state and its changes, and carries out the page's calls.

The messages are JSON texts; docs/app.md lists them. Whether Python runs in the page, in a
process or behind a notebook, only what carries the texts differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import decode_json
from ..errors import Cancelled, InvalidRequest, ProtocolError
from .actions import Action, actions
from .app import App
from .error_info import error_info, name_clouds
from .patches import diff
from .state import AppState


class _Hello(msgspec.Struct, tag="hello"):
    pass


class _Call(msgspec.Struct, tag="call"):
    id: int
    action: str
    args: dict[str, Any] = {}


class _Cancel(msgspec.Struct, tag="cancel"):
    id: int


_CALL = re.compile(r'\s*\{\s*"type"\s*:\s*"call"\s*,\s*"id"\s*:\s*(\d{1,15})\s*,')
"""How a page's call begins, whatever follows."""


class Pipe:
    """One page's connection to the app. Close it when the page is gone."""

    def __init__(self, app: App, send: Callable[[str], None]) -> None:
        """Send texts to the page with ``send``, once it has said hello."""
        self._app = app
        self._send = send
        self._sent: AppState | None = None
        self._calls: dict[int, asyncio.Task[Any]] = {}
        self._unsubscribe = app.state.subscribe(lambda state: state, self._show)

    def on_text(self, text: str) -> None:
        """Take a message of the page; returns at once."""
        try:
            message = decode_json(text, _Hello | _Call | _Cancel)
        except (msgspec.DecodeError, RecursionError) as error:
            call = _CALL.match(text)
            if call is not None and int(call[1]) not in self._calls:
                # Its caller waits: arguments that cannot be read fail their own call.
                self._fail(int(call[1]), InvalidRequest(f"the call cannot be read: {error}", parameter="args"))
            else:
                problem = ProtocolError(f"the page sent {text[:80]!r}: {error}")
                self._post(type="error", id=None, error=error_info(problem))
            return
        if isinstance(message, _Hello):
            self._sent = self._app.state.value
            self._post(type="state", state=self._sent)
        elif isinstance(message, _Cancel):
            if task := self._calls.get(message.id):
                task.cancel()
        elif message.id in self._calls:
            self._fail(message.id, InvalidRequest(f"the call {message.id} is still running; use another id"))
        else:
            task = self._app.spawn(self._carry_out(message))
            self._calls[message.id] = task
            task.add_done_callback(lambda _: self._calls.pop(message.id, None))

    def close(self) -> None:
        """Stop sending, and cancel the page's calls."""
        self._unsubscribe()
        self._send = _drop
        for task in list(self._calls.values()):
            task.cancel()

    async def _carry_out(self, call: _Call) -> None:
        try:
            action = _read_action(call)
            value = await self._app.call(action, lambda event: self._post(type="event", id=call.id, value=event))
        except asyncio.CancelledError:
            self._fail(call.id, Cancelled(f"the call of {call.action!r} was cancelled"))
            raise
        except Exception as error:
            self._fail(call.id, error)
        else:
            self._show(self._app.state.value)  # what the action changed comes before its result
            self._post(type="result", id=call.id, value=value)

    def _fail(self, id: int, error: BaseException) -> None:  # noqa: A002 (what the message calls it)
        self._show(self._app.state.value)
        self._post(type="error", id=id, error=name_clouds(error_info(error), self._app.state.value.clouds))

    def _show(self, state: AppState) -> None:
        if self._sent is None or self._sent is state:
            return
        patches = diff(self._sent, state)
        self._sent = state
        if patches:
            self._post(type="patch", patches=patches)

    def _post(self, **message: Any) -> None:
        self._send(_encoded(message))


def _drop(text: str) -> None:
    """Take what a call still says after its page has gone."""


def _encoded(message: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(message).decode()
    except UnicodeEncodeError:
        # A text with half a character, from a model or a file's name. A page can hold it, and must not miss a patch.
        import json

        return json.dumps(msgspec.to_builtins(message))


def _read_action(call: _Call) -> Action:
    kind = actions().get(call.action)
    if kind is None:
        raise InvalidRequest(f"unknown action {call.action!r}", parameter="action")
    try:
        return msgspec.convert(call.args, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the arguments of {call.action!r} are not valid: {error}", parameter="args") from error
