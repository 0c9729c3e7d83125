# pyright: reportMissingTypeStubs=false
"""Hooks: handlers of events, called one after another by priority."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any, ClassVar, NamedTuple, cast

from ..._internal import lazy_asyncio as asyncio
from . import names
from .injections import injections_of, joined

logger = logging.getLogger("browserllm.amplifier.hooks")

_UNREADABLE = "Hook handler returned invalid response"


class _Handler(NamedTuple):
    priority: int
    name: str
    function: Any


class Unregister:
    """Removes one handler when it is called."""

    def __init__(self, remove: Callable[[], None], name: str) -> None:
        """Remember what to remove."""
        self._remove, self._name = remove, name

    def __call__(self) -> None:
        """Remove the handler."""
        self._remove()

    def __repr__(self) -> str:
        return f"<unregister {self._name!r}>"


class HookRegistry:
    """Handlers by event.

    A handler gets the event's name and its data, as JSON values, and returns a ``HookResult``. The first ``deny`` ends
    the event. ``modify`` changes the data for the next handlers. After all of them the strongest answer counts:
    ``deny``, ``ask_user``, ``inject_context``, ``continue``. A handler that fails is logged and skipped; one whose
    answer cannot be read denies.
    """

    SESSION_START: ClassVar[str] = names.SESSION_START
    SESSION_END: ClassVar[str] = names.SESSION_END
    PROMPT_SUBMIT: ClassVar[str] = names.PROMPT_SUBMIT
    TOOL_PRE: ClassVar[str] = names.TOOL_PRE
    TOOL_POST: ClassVar[str] = names.TOOL_POST
    CONTEXT_PRE_COMPACT: ClassVar[str] = names.CONTEXT_PRE_COMPACT
    ORCHESTRATOR_COMPLETE: ClassVar[str] = names.ORCHESTRATOR_COMPLETE
    USER_NOTIFICATION: ClassVar[str] = names.USER_NOTIFICATION

    def __init__(self) -> None:
        """Start without handlers."""
        self._handlers: dict[str, list[_Handler]] = {}
        self._defaults: dict[str, Any] = {}

    def register(self, event: str, handler: Any, priority: int = 0, name: str | None = None) -> Unregister:
        """Call ``handler(event, data)`` for an event, lower priorities first; returns a function that removes it."""
        added = _Handler(priority, name or f"_auto_{event}_{uuid.uuid4()}", handler)
        handlers = self._handlers.setdefault(event, [])
        handlers.append(added)
        handlers.sort(key=lambda each: each.priority)

        def remove() -> None:
            # By identity: two handlers may be equal tuples.
            self._handlers[event] = [each for each in self._handlers.get(event, ()) if each is not added]

        return Unregister(remove, added.name)

    on = register

    def unregister(self, name: str) -> None:
        """Remove every handler with this name."""
        for event, handlers in self._handlers.items():
            self._handlers[event] = [each for each in handlers if each.name != name]

    def set_default_fields(self, **fields: Any) -> None:
        """Add these fields to the data of every event that does not have them."""
        self._defaults = fields

    def list_handlers(self, event: str | None = None) -> dict[str, list[str]]:
        """Return the names of the handlers by event."""
        events = [event] if event is not None else sorted(self._handlers)
        found = {each: [handler.name for handler in self._handlers.get(each, ())] for each in events}
        return found if event is not None else {each: handlers for each, handlers in found.items() if handlers}

    async def emit(self, event: str, data: Mapping[str, Any] | None) -> Any:
        """Call the handlers of an event, and return the strongest answer as a ``HookResult``."""
        from amplifier_core.models import HookResult

        current = json_values(data)
        handlers = list(self._handlers.get(event, ()))
        if not handlers:
            return HookResult(action="continue", data=current)
        current = {**self._defaults, "timestamp": _now(), **current}
        ask: Any = None
        injections: list[Any] = []
        suppress = False
        for handler in handlers:
            result = await self._call(handler, event, current)
            if result is None:
                continue
            if result.action == "deny":
                return result
            if result.action == "modify" and result.data is not None:
                current = json_values(result.data)
            elif result.action == "inject_context":
                injections += injections_of(result, handler.name, event)
                suppress = suppress or result.suppress_output
            elif result.action == "ask_user" and ask is None:
                ask = result
        if ask is not None:
            return ask
        if injections:
            return HookResult(**joined(injections), suppress_output=suppress)
        return HookResult(action="continue", data=current)

    async def emit_and_collect(
        self,
        event: str,
        data: Mapping[str, Any] | None,
        timeout: float | None = None,  # noqa: ASYNC109 (its name)
    ) -> list[Any]:
        """Call the handlers of an event, and return the data that they answer; each gets ``timeout`` seconds."""
        current = json_values(data)
        collected: list[Any] = []
        for handler in list(self._handlers.get(event, ())):
            try:
                async with asyncio.timeout(timeout):
                    result = await self._call(handler, event, current)
            except TimeoutError:
                logger.warning("Hook handler timed out for event %r (handler %r)", event, handler.name)
                continue
            if result is not None and result.data is not None:
                collected.append(json_values(result.data))
        return collected

    async def _call(self, handler: _Handler, event: str, data: dict[str, Any]) -> Any:
        from amplifier_core.models import HookResult
        from pydantic import ValidationError

        try:
            answer = handler.function(event, json_values(data))
            if isawaitable(answer):
                answer = await answer
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.error("Hook handler error for event %r (handler %r): %s", event, handler.name, error)
            return None
        if answer is None or isinstance(answer, HookResult):
            return answer
        try:
            return HookResult.model_validate(answer)
        except ValidationError as error:
            logger.error("a hook's answer cannot be read, so it denies: %s (handler %r)", error, handler.name)
            return HookResult(action="deny", reason=_UNREADABLE)


def json_values(data: Any) -> dict[str, Any]:
    """Return data as JSON values of its own, so that handlers cannot change one another's; other values become text."""
    if not data:
        return {}
    return cast("dict[str, Any]", json.loads(json.dumps(data, default=str)))


def _now() -> str:
    nanoseconds = time.time_ns()
    seconds = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{seconds:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000:09d}+00:00"
