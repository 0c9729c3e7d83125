"""One agent: a session of Amplifier, with the page's tools, the user's approvals and events as it works."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from decimal import Decimal
from typing import Any, Self

from .._internal import lazy_asyncio as asyncio
from ..amplifier.kernel import HookResult, InvalidToolCallError
from ..amplifier.kernel import Message as AmplifierMessage
from ..amplifier.sessions import create_session
from ..backends.base import Backend, Middleware
from ..backends.draft import Draft
from ..backends.stream import Delta
from ..errors import BrowserLLMError, Cancelled, InvalidOutput, InvalidRequest
from ..types import ChatRequest, Message
from .actions import AgentAnswer, AgentEvent, OpenAgent, PageTool
from .agent_questions import PageToolFailed, Questions
from .agent_tools import ToolOfPage
from .answering import Answering
from .app import Emit
from .chat_settings import options_of

ALLOW, DENY = "Allow", "Deny"
_CANCELLED = "Cancelled"
"""What is answered in the user's place when the agent is cancelled; it counts as no."""
_ALLOWED = frozenset({"allow", "allow once", "allow always"})
"""What Amplifier takes for a yes, in lower case."""
APPROVAL_S = 300.0
"""How long the user may take to decide about a tool call; then it is refused."""
_ANSWER_SHARE = 0.25
"""How much of a model's window is kept free for the answer, where no limit is set."""


class _Current(Middleware):
    """The backend of the prompt that is being answered."""

    identity = Middleware.identity
    failure: BrowserLLMError | None = None
    """Why the last answer failed: the native kernel passes on the message alone."""

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Forward the answer."""
        self.failure = None
        try:
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                async for delta in deltas:
                    yield delta
        except BrowserLLMError as error:
            self.failure = error
            raise

    async def close(self) -> None:
        """Do nothing: the backend belongs to the app."""


class _User:
    """Amplifier's approval system: the page asks the user. Without an answer in time, the default counts."""

    def __init__(self, questions: Questions, tell: Callable[[AgentEvent], None]) -> None:
        self._questions = questions
        self._tell = tell
        self.calls: dict[str, dict[str, Any]] = {}
        """The tool calls by the text of their question: what the kernel passes on is the text alone."""

    async def request_approval(
        self,
        prompt: str,
        options: list[str],
        timeout: float,  # noqa: ASYNC109 (Amplifier's interface)
        default: str,
    ) -> str:
        call = self.calls.pop(prompt, {})
        asked = {
            "name": call.get("tool_name"),
            "arguments": call.get("tool_input"),
            "call_id": call.get("tool_call_id"),
        }
        why = "the user refused the call"
        try:
            async with asyncio.timeout(timeout):
                answer = str(await self._questions.ask("approval", text=prompt, options=tuple(options), **asked))
        except TimeoutError:
            answer = ALLOW if default == "allow" else DENY
            why = f"there was no answer within {timeout:g} s"
        except PageToolFailed as error:
            answer, why = DENY, f"the user could not be asked: {error}"
        if answer.lower() in _ALLOWED:
            return answer
        if answer == _CANCELLED:
            why = "the agent was cancelled before the user decided"
        if call:
            self._tell(refused(call, why))
        return DENY


def _key_of(agent: str | None) -> str:
    """Return the name of an agent's to-do list, which is no conversation's."""
    return f"agent-{os.urandom(16).hex() if agent is None else agent}"


def _checked(messages: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return messages that a session can go on with. Raises `InvalidRequest` for what is not a message."""
    for index, message in enumerate(messages):
        try:
            AmplifierMessage.model_validate(message)
        except ValueError as error:
            raise InvalidRequest(
                f"messages[{index}] is not a message of a session: {error}", parameter="messages"
            ) from error
    return messages


def refused(call: Mapping[str, Any], why: str) -> AgentEvent:
    """Return the event of a tool call that does not run."""
    return AgentEvent(type="tool-result", id=call["tool_call_id"], name=call["tool_name"], error=why)


class _Display:
    """Amplifier's display system: what hooks say to the user goes to the page."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def show_message(self, message: str, level: str = "info", source: str = "hook") -> None:
        self._emit(AgentEvent(type="message", text=message, name=level))


class AgentSession:
    """An agent. It carries out one prompt at a time."""

    def __init__(self, action: OpenAgent, backend: Backend, answering: Answering) -> None:
        """See `OpenAgent`. Open it with `open`."""
        self.settings = action.settings
        self.fallback = action.fallback
        self.handle = f"opening#{os.urandom(8).hex()}"
        """The name of this opening, which is no id."""
        self.questions = Questions(self._tell)
        self._answering = answering
        self.backend = _Current(backend)
        self._emit: Emit | None = None
        self._task: asyncio.Task[str] | None = None
        self._usage: list[Any] = []
        self._calls: dict[str | None, AgentEvent] = {}
        """The tool calls that the page was told of and whose results it was not."""
        self._model: str | None = None
        self._ask = action.ask
        self._user = _User(self.questions, self._tell)
        builtin = answering.tools_of(action.settings, _key_of(action.id), keep=True, keep_list=action.id is not None)
        own = [ToolOfPage(tool, self.questions) for tool in action.page_tools]
        # A tool of the page takes the place of a built-in one with its name.
        names = {tool.name for tool in own}
        builtin = [tool for tool in builtin if tool.tool.name not in names]
        self._leaving = {tool.tool.name for tool in builtin if tool.leaves_device}
        self.session = create_session(
            self.backend,
            system=action.settings.system or "",
            tools=[*builtin, *own],
            config=options_of(action.settings),
            loop={} if action.max_iterations is None else {"max_iterations": action.max_iterations},
            approval_system=self._user,
            display_system=_Display(self._tell),
            session_id=action.id,
        )
        for event, handler in {
            "llm:stream_block_delta": self._on_delta,
            "llm:stream_aborted": self._on_aborted,
            "llm:response": self._on_response,
            "provider:error": self._on_failure,
            "tool:post": self._on_result,
            "tool:error": self._on_error,
        }.items():
            self.session.coordinator.hooks.register(event, handler, name="browserllm.page")
        self.session.coordinator.hooks.register("tool:pre", self._on_call, priority=100, name="browserllm.approvals")

    @classmethod
    async def open(cls, action: OpenAgent, backend: Backend, answering: Answering) -> Self:
        """Open a session."""
        agent = cls(action, backend, answering)
        await agent.session.initialize()
        if action.messages:
            system = await agent._context.get_messages()
            earlier = [each for each in _checked(action.messages) if not system or each["role"] != "system"]
            await agent._context.set_messages([*system, *earlier])
        return agent

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self.session.session_id)

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of its tools."""
        return tuple(self._coordinator.get("tools"))

    def use(self, backend: Backend) -> None:
        """Answer the next prompt with ``backend``."""
        if self._task is None:
            self.backend.backend = backend

    async def execute(self, prompt: str, emit: Emit) -> AgentAnswer:
        """Answer a prompt. Raises `InvalidRequest` while another one is answered, `Cancelled`, and what failed."""
        if self._task is not None:
            raise InvalidRequest("the agent answers another prompt; wait for its end, or cancel it", parameter="prompt")
        self._coordinator.cancellation.reset()
        self._emit, self._usage, self._model, self.backend.failure = emit, [], None, None
        task = self._task = asyncio.create_task(self._run(prompt))
        try:
            await asyncio.wait([task])
            return self._answer(task)
        except asyncio.CancelledError:
            await self.cancel(immediate=True)
            await asyncio.wait([task])
            raise
        finally:
            for call in list(self._calls.values()):
                self._tell(
                    AgentEvent(type="tool-result", id=call.id, name=call.name, error="the agent stopped before its end")
                )
            self._task = self._emit = None

    async def cancel(self, *, immediate: bool) -> None:
        """Stop the model; running tools end first, unless ``immediate``. Without a running prompt it does nothing."""
        if self._task is not None:
            await self._coordinator.request_cancel(immediate)
            self.questions.withdraw("approval", _CANCELLED)

    async def add_tool(self, tool: PageTool) -> None:
        """Add a tool of the page; one of the same name is replaced."""
        await self._coordinator.mount("tools", ToolOfPage(tool, self.questions), name=tool.name)
        self._leaving.discard(tool.name)

    async def set_system(self, text: str) -> None:
        """Replace the system prompt."""
        others = [message for message in await self._context.get_messages() if message.get("role") != "system"]
        await self._context.set_messages([*([{"role": "system", "content": text}] if text else []), *others])

    async def clear(self) -> None:
        """Forget everything but the system prompt. Raises `InvalidRequest` while a prompt is answered."""
        if self._task is not None:
            raise InvalidRequest("the agent answers a prompt; wait for its end, or cancel it", parameter="clear")
        await self._context.clear()

    async def history(self) -> list[dict[str, Any]]:
        """Return the messages."""
        return await self._context.get_messages()

    async def close(self) -> None:
        """Stop, and end the session."""
        task = self._task
        if task is not None:
            await self.cancel(immediate=True)
            await asyncio.wait([task])
        await self.session.cleanup()

    # One prompt

    async def _run(self, prompt: str) -> str:
        await self._fit_window()
        return await self.session.execute(prompt)

    async def _fit_window(self) -> None:
        """Let the context leave out old turns that the model's window does not hold."""
        request = ChatRequest(messages=[Message("user", "")], **self._answering.options(self.settings))
        with suppress(BrowserLLMError):
            window = (await self.backend.facts(request)).context_window
            if window:
                answer = self.settings.max_tokens or int(window * _ANSWER_SHARE)
                self._context.config["max_tokens"] = max(1, window - min(answer, window // 2))

    def _answer(self, task: asyncio.Task[str]) -> AgentAnswer:
        cancelled = self._coordinator.cancellation.is_cancelled
        try:
            text = task.result()
        except Exception as error:
            if cancelled:
                raise Cancelled("the agent was cancelled") from error
            raise self.backend.failure or error.__cause__ or error from error
        if cancelled:
            raise Cancelled("the agent was cancelled")
        costs = [usage.get("cost_usd") for usage in self._usage]
        return AgentAnswer(
            text=text,
            input_tokens=sum(usage.get("input_tokens", 0) for usage in self._usage),
            output_tokens=sum(usage.get("output_tokens", 0) for usage in self._usage),
            cost_usd=None if None in costs else float(sum(map(Decimal, costs))),
            model=self._model,
        )

    # Hooks

    async def _on_delta(self, event: str, data: Mapping[str, Any]) -> HookResult:
        self._tell(AgentEvent(type="thinking" if data["block_type"] == "thinking" else "text", text=data["text"]))
        return HookResult()

    async def _on_aborted(self, event: str, data: Mapping[str, Any]) -> HookResult:
        self._tell(AgentEvent(type="restart", text=str(data["error"]["msg"])))
        return HookResult()

    async def _on_response(self, event: str, data: Mapping[str, Any]) -> HookResult:
        if data.get("status") == "ok":
            self._usage.append(data["usage"])
            self._model = data["model"]
        return HookResult()

    async def _on_failure(self, event: str, data: Mapping[str, Any]) -> HookResult:
        """Note what the model wrote wrong; a failure of the backend itself is noted already."""
        if data["error"]["type"] == InvalidToolCallError.__name__:
            self.backend.failure = InvalidOutput(data["error"]["msg"])
        return HookResult()

    async def _on_call(self, event: str, data: Mapping[str, Any]) -> HookResult:
        """Tell of a call, and let the user decide about it where that is wanted."""
        name, arguments = data["tool_name"], data["tool_input"]
        self._tell(AgentEvent(type="tool-call", id=data["tool_call_id"], name=name, arguments=arguments))
        if name in self._leaving and self._answering.is_private(self.settings):
            why = "the conversation stays on the device, and the tool sends data elsewhere"
            self._tell(refused(data, why))
            return HookResult(action="deny", reason=why)
        asks = self._leaving if self._ask is None else self._ask
        if name not in asks and "*" not in asks:
            return HookResult()
        question = f"Run {name} ({data['tool_call_id']})?"
        self._user.calls[question] = dict(data)
        return HookResult(
            action="ask_user", approval_prompt=question, approval_options=[ALLOW, DENY], approval_timeout=APPROVAL_S
        )

    async def _on_result(self, event: str, data: Mapping[str, Any]) -> HookResult:
        result: dict[str, Any] = data["tool_result"]
        failure: Any = (result.get("error") or {}) if result.get("success") is False else None
        self._tell(
            AgentEvent(
                type="tool-result",
                id=data["tool_call_id"],
                name=data["tool_name"],
                output=result.get("output") if failure is None else None,
                error=None if failure is None else str(failure.get("message", "the tool failed")),
            )
        )
        return HookResult()

    async def _on_error(self, event: str, data: Mapping[str, Any]) -> HookResult:
        said = {"id": data["tool_call_id"], "name": data["tool_name"], "error": data["error"]["msg"]}
        self._tell(AgentEvent(type="tool-result", **said))
        return HookResult()

    def _tell(self, event: AgentEvent) -> None:
        if event.type == "tool-call":
            self._calls[event.id] = event
        elif event.type == "tool-result":
            self._calls.pop(event.id, None)
        if self._emit is not None:
            self._emit(event)

    @property
    def _coordinator(self) -> Any:
        return self.session.coordinator

    @property
    def _context(self) -> Any:
        return self._coordinator.get("context")
