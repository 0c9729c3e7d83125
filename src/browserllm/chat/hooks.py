"""Hooks: observe a conversation, change its requests, and allow, change or deny its tool calls.

A hook sees each request before it is sent, each chunk, each tool call before it runs, each response, a failure, and
each backend that was passed over. The caller gets the exceptions of hooks: an approval hook that fails approves
nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, cast

import msgspec

from ..backends.private_context import privately
from ..backends.request import build_request
from ..errors import InvalidRequest
from ..types import ChatChunk, ChatRequest, ChatResponse, Hop, ToolCallPart


class Deny(msgspec.Struct, frozen=True):
    """Deny a tool call; the model reads the ``reason``."""

    reason: str = ""


class Change(msgspec.Struct, frozen=True):
    """Run a tool call with other ``arguments``, by name."""

    arguments: dict[str, Any]


class Hooks:
    """Base class of hooks: override the methods you need. All but `on_chunk` may be coroutine or plain functions.

    Hooks run in order; each sees the result of the one before it.
    """

    async def before_request(self, request: ChatRequest) -> ChatRequest | None:
        """Return a request to send instead, or ``None`` to leave this one unchanged."""

    async def after_response(self, response: ChatResponse) -> None:
        """Observe a complete response; a turn with tools has several."""

    def on_chunk(self, chunk: ChatChunk) -> None:
        """Observe a chunk before the caller gets it. It must be a plain function; the answer waits for it."""

    async def on_tool_call(self, call: ToolCallPart) -> bool | Deny | Change | None:
        """Decide whether a call may run.

        ``None`` leaves the decision to the next hook; a call that no hook decides runs. ``True`` runs it without asking
        further hooks. ``False`` or a `Deny` denies it. A `Change` replaces the arguments that later hooks and the tool
        see.
        """

    async def on_error(self, error: Exception) -> None:
        """Observe the failure that ends a turn, before the caller gets it."""

    async def on_fallback(self, hop: Hop) -> None:
        """Observe a backend that was passed over on the way to the answer."""


class Verdict(NamedTuple):
    """The hooks' decision about a tool call: the call to run, or why it was denied."""

    call: ToolCallPart
    denied: str | None = None
    changed: bool = False


class HookChain:
    """The hooks of a conversation, called in order. ``watches_chunks`` says whether any overrides `Hooks.on_chunk`."""

    def __init__(self, hooks: Iterable[Hooks | Callable[[ToolCallPart], Any]] = ()) -> None:
        """Take `Hooks` and functions, each of which becomes an `on_tool_call`. Raises `InvalidRequest` for others."""
        self._hooks = [_as_hooks(given) for given in hooks]
        self._watchers = [hook.on_chunk for hook in self._hooks if _is_overridden(hook)]
        self.watches_chunks = bool(self._watchers)

    async def before_request(self, request: ChatRequest) -> ChatRequest:
        """Return the request to send. Raises `InvalidRequest` if a hook returns an invalid one."""
        for hook in self._hooks:
            with privately(request.private):  # a request built within stays private
                made: Any = await _result(hook.before_request(request))
                if made is None or made is request:
                    continue
                if not isinstance(made, ChatRequest):
                    raise _wrong(hook, "before_request", made, "a ChatRequest or None")
                request = build_request(made, {})
        return request

    async def after_response(self, response: ChatResponse) -> None:
        """Show every hook a response."""
        for hook in self._hooks:
            await _result(hook.after_response(response))

    def on_chunk(self, chunk: ChatChunk) -> None:
        """Show a chunk to the hooks that look at chunks."""
        for watch in self._watchers:
            watch(chunk)

    async def decide(self, call: ToolCallPart) -> Verdict:
        """Ask the hooks whether a call may run, and with which arguments."""
        changed = False
        for hook in self._hooks:
            said: Any = await _result(hook.on_tool_call(call))
            if said is None:
                continue
            if said is True:
                break
            if said is False or isinstance(said, Deny):
                reason = said.reason if isinstance(said, Deny) else ""
                return Verdict(call, reason or f"the call of {call.name} was not allowed", changed)
            if not isinstance(said, Change):
                raise _wrong(hook, "on_tool_call", said, "True, False, a Deny, a Change or None")
            call = msgspec.structs.replace(call, arguments=write_arguments(said.arguments))
            changed = True
        return Verdict(call, None, changed)

    async def on_error(self, error: Exception) -> None:
        """Show every hook a failure."""
        for hook in self._hooks:
            await _result(hook.on_error(error))

    async def on_fallback(self, hop: Hop) -> None:
        """Show every hook a backend that was passed over."""
        for hook in self._hooks:
            await _result(hook.on_fallback(hop))


def write_arguments(arguments: object) -> str:
    """Return arguments as the JSON text of a call. Raises `InvalidRequest` if they are not a JSON object."""
    if not isinstance(arguments, dict):
        raise InvalidRequest(
            f"the arguments {arguments!r} are not valid; use a dict of arguments by name", parameter="arguments"
        )
    try:
        text = msgspec.json.encode(cast("dict[Any, Any]", arguments))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the arguments cannot be written as JSON: {error}", parameter="arguments") from error
    return text.decode()


class _FunctionHook(Hooks):
    """A plain function used as an `on_tool_call` hook."""

    def __init__(self, function: Callable[[ToolCallPart], Any]) -> None:
        self._function = function

    def __repr__(self) -> str:
        return repr(self._function)

    async def on_tool_call(self, call: ToolCallPart) -> bool | Deny | Change | None:
        return await _result(self._function(call))


def _as_hooks(given: Any) -> Hooks:
    if isinstance(given, Hooks):
        return given
    if callable(given) and not isinstance(given, type):
        return _FunctionHook(given)
    raise InvalidRequest(
        f"{given!r} is not a hook; use an instance of a Hooks subclass, or a function that takes a tool call",
        parameter="hooks",
    )


def _is_overridden(hook: Hooks) -> bool:
    """Return whether a hook overrides `on_chunk`. Raises `InvalidRequest` if that is a coroutine function."""
    import inspect

    if getattr(hook.on_chunk, "__func__", None) is Hooks.on_chunk:
        return False
    if inspect.iscoroutinefunction(hook.on_chunk):
        raise InvalidRequest(
            f"on_chunk of the hook {hook!r} is 'async def', but it is called without await; make it a plain function",
            parameter="hooks",
        )
    return True


async def _result(value: Any) -> Any:
    return await cast("Awaitable[Any]", value) if isinstance(value, Awaitable) else value


def _wrong(hook: Hooks, method: str, value: object, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"{method} of the hook {hook!r} returned {value!r}; return {wanted}", parameter="hooks")
