"""A loop for sessions (Amplifier's *orchestrator*): ask the model, run the tools that it calls, ask again.

It emits the events of Amplifier's contract: ``execution:start`` first, ``execution:end`` and ``orchestrator:complete``
on every way out, ``prompt:submit``, ``provider:request`` and ``provider:response`` around each call of the model,
``tool:pre``, ``tool:post`` and ``tool:error`` around each tool. Hooks may deny, change, inject context and ask.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from .._internal import lazy_asyncio as asyncio
from ..backends.split_characters import whole_text
from ..errors import describe_error
from .cancelling import until_cancelled
from .json_values import plain_json
from .kernel import ChatRequest, ChatResponse, HookResult, Message, ToolCall, ToolResult, ToolSpec

MAX_ITERATIONS = 25
"""How often one prompt asks the model, unless the settings say otherwise."""


_T = TypeVar("_T")


class _Denied(Exception):  # noqa: N818 (no error: an answer)
    """A hook or a person refused."""


class _Cancelled(_Denied):
    """The session was cancelled while a hook or a person was asked, or a tool ran."""


class _Call(NamedTuple):
    """One tool call of an answer, with what came of it."""

    call: ToolCall
    result: ToolResult


class Loop:
    """Answers prompts with one provider and the session's tools.

    ``config``: ``max_iterations`` (how often one prompt asks the model, -1 for no limit), ``default_provider`` (a
    name; else the first one mounted), and ``extended_thinking``, ``temperature`` and the like go to the provider.
    """

    name = "loop-browserllm"

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        """Read the settings."""
        self.config = dict(config or {})
        limit = self.config.get("max_iterations", MAX_ITERATIONS)
        if not isinstance(limit, int) or isinstance(limit, bool) or (limit < 1 and limit != -1):
            raise ValueError(f"max_iterations={limit!r} is not valid; use a whole number above 0, or -1 for no limit")
        self.max_iterations = limit

    async def execute(
        self, prompt: str, context: Any, providers: dict[str, Any], tools: dict[str, Any], hooks: Any, **kernel: Any
    ) -> str:
        """Answer one prompt and return the answer's text. Raises what the provider raises."""
        if not isinstance(prompt, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            # The conversation would have it in every request from now on.
            raise TypeError(f"the prompt is {prompt!r}; pass a text")
        turn = _Turn(self, context, providers, tools, hooks, kernel.get("coordinator"))
        return await turn.run(whole_text(prompt))


class _Turn:
    """One prompt on its way through model and tools."""

    def __init__(
        self, loop: Loop, context: Any, providers: dict[str, Any], tools: dict[str, Any], hooks: Any, coordinator: Any
    ) -> None:
        self.loop, self.context, self.tools, self.hooks, self.coordinator = loop, context, tools, hooks, coordinator
        self.provider_name, self.provider = _chosen(providers, loop.config.get("default_provider"))
        self.iterations = 0
        self.ephemeral: list[Any] = []

    async def run(self, prompt: str) -> str:
        status, response = "error", ""
        if self.coordinator is not None:
            self.coordinator.reset_turn()
        await self.hooks.emit("execution:start", {"prompt": prompt})
        try:
            try:
                await self._ask_hooks("prompt:submit", {"prompt": prompt})
            except _Cancelled:
                raise
            except _Denied as denied:
                status, response = "completed", f"The prompt was refused: {denied}"
                return response
            await self.context.add_message({"role": "user", "content": prompt})
            learn = getattr(self.provider, "learn_window", None)
            if learn is not None:  # ours: the context is cut to it
                await self._unless_cancelled(
                    learn(), "while the model's context window was asked for", immediately=False
                )
            response = await self._converse()
            status = "cancelled" if self._is_cancelled() else "completed"
            await self.hooks.emit("prompt:complete", {"prompt": prompt, "response": response})
            return response
        except _Cancelled:
            status = "cancelled"
            return response
        except BaseException:
            status = "cancelled" if self._is_cancelled() else "error"
            raise
        finally:
            await self.hooks.emit("execution:end", {"response": response, "status": status})
            said = {"orchestrator": self.loop.name, "turn_count": self.iterations, "status": status}
            await self.hooks.emit("orchestrator:complete", said)

    async def _converse(self) -> str:
        text = ""
        while not self._is_cancelled():
            if self.iterations == self.loop.max_iterations:
                return text or f"Stopped after {self.iterations} calls of the model (max_iterations)."
            self.iterations += 1
            response = await self._ask_model()
            text = "".join(block.text for block in response.content if block.type == "text")
            calls = self.provider.parse_tool_calls(response)
            await self.context.add_message(_as_message(response, calls))
            if not calls:
                return text
            for each in await asyncio.gather(*(self._run(call) for call in calls)):
                await self.context.add_message(
                    {
                        "role": "tool",
                        "name": each.call.name,
                        "tool_call_id": each.call.id,
                        "content": each.result.get_serialized_output(),
                    }
                )
        return text

    async def _ask_model(self) -> ChatResponse:
        await self._ask_hooks(
            "provider:request", {"provider": self.provider_name, "iteration": self.iterations}, may_deny=False
        )
        stored = await self.context.get_messages_for_request(provider=self.provider)
        messages = [Message.model_validate(each) for each in _with_injections(stored, self.ephemeral)]
        self.ephemeral = []
        request = ChatRequest(messages=messages, tools=[_spec(name, tool) for name, tool in self.tools.items()] or None)
        try:
            response = await self.provider.complete(request)
        except Exception as error:
            said = {"provider": self.provider_name, "error": {"type": type(error).__name__, "msg": str(error)}}
            await self.hooks.emit("provider:error", said)
            raise
        usage = response.usage.model_dump(exclude_none=True) if response.usage else None
        said = {"provider": self.provider_name, "usage": usage, "tool_calls": bool(response.tool_calls)}
        await self._ask_hooks("provider:response", said, may_deny=False)
        return response

    # Tools

    async def _run(self, call: ToolCall) -> _Call:
        """Run a call. It always has a result, so that the conversation can go on."""
        token = self._token()
        if token is not None:
            token.register_tool_start(call.id, call.name)
        try:
            return _Call(call, await self._result(call))
        finally:
            if token is not None:
                token.register_tool_complete(call.id)

    async def _result(self, call: ToolCall) -> ToolResult:
        tool = self.tools.get(call.name)
        arguments = call.arguments
        named = {"tool_name": call.name, "tool_call_id": call.id}
        try:
            said = await self._ask_hooks("tool:pre", {**named, "tool_input": arguments})
            arguments = said.get("tool_input", arguments)
            if self._is_cancelled():
                return _failed("the session was cancelled before this tool ran")
            if tool is None:
                known = ", ".join(sorted(self.tools)) or "none"
                raise LookupError(f"there is no tool {call.name!r}; the tools are: {known}")
            result = _readable(await self._execute(tool, arguments))
        except _Cancelled as cancelled:
            return _failed(str(cancelled))
        except _Denied as denied:
            return _failed(f"the call was refused: {denied}")
        except Exception as error:
            failure = {"type": type(error).__name__, "msg": str(error) or describe_error(error)}
            await self.hooks.emit("tool:error", {**named, "tool_input": arguments, "error": failure})
            return _failed(describe_error(error))
        shown = result.model_dump() if isinstance(result, ToolResult) else {"output": result}
        try:
            said = await self._ask_hooks("tool:post", {**named, "tool_input": arguments, "tool_result": shown})
        except _Cancelled as cancelled:
            return _failed(str(cancelled))
        except _Denied as denied:
            return _failed(f"the result was refused: {denied}")
        changed = said.get("tool_result")
        if changed is not None and changed != shown:
            return ToolResult.model_validate(changed if isinstance(changed, dict) else {"output": changed})
        return result if isinstance(result, ToolResult) else ToolResult(output=result)

    async def _execute(self, tool: Any, arguments: dict[str, Any]) -> Any:
        """Run a tool; an immediate cancellation of the session does not wait for its end."""
        running = asyncio.ensure_future(tool.execute(arguments))
        try:
            return await self._unless_cancelled(running, "while the tool ran", immediately=True)
        except asyncio.CancelledError as error:
            if not running.cancelled() or _is_being_cancelled():
                raise
            # The tool's own doing, such as waiting for a task that it has cancelled: an error as others.
            raise RuntimeError("the tool was cancelled by its own code") from error

    # Hooks

    async def _ask_hooks(self, event: str, data: dict[str, Any], *, may_deny: bool = True) -> dict[str, Any]:
        """Emit an event, let the kernel carry out what the hooks answer, and return the data as they changed it."""
        answer: HookResult = await self._unless_cancelled(
            self.hooks.emit(event, data), "while a hook ran", immediately=True
        )
        changed = answer.data  # the kernel answers "continue" with the data that hooks modified
        if self.coordinator is not None:
            asks = answer.action == "ask_user"
            if asks and self._is_cancelled():
                raise _Cancelled("the session was cancelled before an approval was asked for")
            answer = await self._unless_cancelled(
                self.coordinator.process_hook_result(answer, event, self.loop.name),
                "while it waited for an approval" if asks else "while a hook ran",
                immediately=not asks,
            )
        # What is left to inject is for the next call of the model alone; the rest is in the context now.
        self.ephemeral += [each for each in answer.context_injections if each.ephemeral]
        if answer.action == "deny" and may_deny:
            raise _Denied(answer.reason or "no reason given")
        return changed or data

    async def _unless_cancelled(self, work: Awaitable[_T], when: str, *, immediately: bool) -> _T:
        """Wait for something that may never end; raise `_Cancelled` when the session is cancelled meanwhile."""
        token = self._token()
        # What is done after the cancellation, such as telling its results, is done to its end.
        if token is None or (token.is_immediate if immediately else token.is_cancelled):
            return await work
        running = asyncio.ensure_future(work)
        cancelled = asyncio.ensure_future(until_cancelled(token, immediately=immediately))
        try:
            await asyncio.wait([running, cancelled], return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                raise _Cancelled(f"the session was cancelled {when}")
            return await running
        finally:
            running.cancel()
            cancelled.cancel()

    def _token(self) -> Any:
        return getattr(self.coordinator, "cancellation", None)

    def _is_cancelled(self) -> bool:
        token = self._token()
        return bool(token is not None and token.is_cancelled)


def _chosen(providers: dict[str, Any], wanted: str | None) -> tuple[str, Any]:
    if wanted is not None and wanted not in providers:
        raise ValueError(f"default_provider={wanted!r} is not mounted; mounted: {', '.join(providers) or 'none'}")
    for name, provider in providers.items():
        if wanted in (None, name):
            return name, provider
    raise ValueError("the session has no provider; mount one, such as provider-browserllm")


def _with_injections(stored: list[dict[str, Any]], injections: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the messages with what hooks inject for this call: at the end, or in the last tool result."""
    messages = [dict(message) for message in stored]
    for each in injections:
        last = messages[-1] if messages else {}
        if each.append_to_last_tool_result and last.get("role") == "tool" and isinstance(last.get("content"), str):
            last["content"] += f"\n\n{each.content}"
        else:
            messages.append({"role": each.role, "content": each.content})
    return messages


def _spec(name: str, tool: Any) -> ToolSpec:
    schema: dict[str, Any] = getattr(tool, "input_schema", None) or {"type": "object", "properties": {}}
    return ToolSpec(name=name, description=getattr(tool, "description", None) or "", parameters=schema)


def _as_message(response: ChatResponse, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """Return an answer as the context stores it: blocks, so that thoughts and signatures are kept."""
    blocks = [block.model_dump(exclude_none=True) for block in response.content]
    if len(blocks) == 1 and blocks[0]["type"] == "text" and not calls:
        return {"role": "assistant", "content": blocks[0]["text"]}
    return {"role": "assistant", "content": json.loads(json.dumps(blocks, default=str))}


def _readable(result: Any) -> Any:
    """Return a tool's result as JSON has it. Raises `ValueError` and the like for one that JSON cannot have."""
    if not isinstance(result, ToolResult):
        return plain_json(result)
    said = result.model_dump()
    plain = plain_json(said)
    return result if plain == said else ToolResult.model_validate(plain)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _failed(message: str) -> ToolResult:
    return ToolResult(success=False, error={"message": message})
