"""Hooks: what may look at, change or refuse what a conversation does.

A hook sees the request before it is sent, each chunk, each tool call before it runs, the response, a failure, and a
backend that was passed over. What a hook raises is raised to the caller: an approval that fails approves nothing.
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
    """A tool call is not to run; the model reads the ``reason``."""

    reason: str = ""


class Change(msgspec.Struct, frozen=True):
    """A tool call is to run with other ``arguments``: what its JSON object holds."""

    arguments: dict[str, Any]


class Hooks:
    """Override what you want to see; each method may be a coroutine function or, but for `on_chunk`, a plain one too.

    Several hooks are asked in their order, each about what the one before it made of the thing.
    """

    async def before_request(self, request: ChatRequest) -> ChatRequest | None:
        """Return another request to send in place of this one; ``None`` leaves it."""

    async def after_response(self, response: ChatResponse) -> None:
        """Look at a whole response of the model; a turn with tools has several."""

    def on_chunk(self, chunk: ChatChunk) -> None:
        """Look at a chunk before the caller gets it. A plain function: the answer waits for it."""

    async def on_tool_call(self, call: ToolCallPart) -> bool | Deny | Change | None:
        """Say whether a call may run.

        ``None``: no opinion, the next hook is asked; if none has one, it runs. ``True``: it runs, and no further hook
        is asked. ``False`` or a `Deny`: it does not run. A `Change`: later hooks, then the tool, see these arguments.
        """

    async def on_error(self, error: Exception) -> None:
        """Look at the failure that ends a turn, before the caller gets it."""

    async def on_fallback(self, hop: Hop) -> None:
        """Look at a backend that was passed over on the way to the answer."""


class Verdict(NamedTuple):
    """What the hooks say of a tool call: as it is to run, or why not."""

    call: ToolCallPart
    denied: str | None = None
    changed: bool = False


class HookChain:
    """The hooks of a conversation, asked in their order. ``watches_chunks`` says whether any looks at chunks."""

    def __init__(self, hooks: Iterable[Hooks | Callable[[ToolCallPart], Any]] = ()) -> None:
        """Take `Hooks`, and functions of one argument: each is an `on_tool_call`. Raise `InvalidRequest` for others."""
        self._hooks = [_as_hooks(given) for given in hooks]
        self._watchers = [hook.on_chunk for hook in self._hooks if _is_overridden(hook)]
        self.watches_chunks = bool(self._watchers)

    async def before_request(self, request: ChatRequest) -> ChatRequest:
        """Return the request to send; raise `InvalidRequest` for one that a hook made and no backend would take."""
        for hook in self._hooks:
            with privately(request.private):
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
        """Ask whether a call may run, and as what."""
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
    """Return arguments as the JSON text of a call; raise `InvalidRequest` for what is no JSON object."""
    if not isinstance(arguments, dict):
        raise InvalidRequest(
            f"the arguments {arguments!r} are no dict; a call's arguments are one, by name", parameter="arguments"
        )
    try:
        text = msgspec.json.encode(cast("dict[Any, Any]", arguments))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the arguments cannot be written as JSON: {error}", parameter="arguments") from error
    return text.decode()


class _Asked(Hooks):
    """A function as the hook that is asked about tool calls."""

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
        return _Asked(given)
    raise InvalidRequest(
        f"{given!r} is no hook; use an instance of a subclass of Hooks, or a function of one tool call",
        parameter="hooks",
    )


def _is_overridden(hook: Hooks) -> bool:
    """Say whether a hook looks at chunks; raise `InvalidRequest` where it would never be awaited."""
    import inspect

    if getattr(hook.on_chunk, "__func__", None) is Hooks.on_chunk:
        return False
    if inspect.iscoroutinefunction(hook.on_chunk):
        raise InvalidRequest(
            f"{hook!r} has an on_chunk that is 'async def', which nobody would await; make it a plain function",
            parameter="hooks",
        )
    return True


async def _result(value: Any) -> Any:
    return await cast("Awaitable[Any]", value) if isinstance(value, Awaitable) else value


def _wrong(hook: Hooks, method: str, value: object, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"{method} of the hook {hook!r} returned {value!r}; return {wanted}", parameter="hooks")
