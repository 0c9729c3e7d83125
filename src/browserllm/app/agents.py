"""Agents: sessions of Amplifier that a page opens, asks and cancels. The page shows what they do and runs its tools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..errors import InvalidRequest, Unavailable
from ..page.extras import load_extra
from .actions import (
    AgentAnswer,
    AgentEvent,
    AgentHistory,
    AgentInfo,
    AskAgent,
    CancelAgent,
    ChangeAgent,
    CloseAgent,
    OpenAgent,
    ReplyToAgent,
)
from .answering import Answering
from .app import App, Emit
from .chat_settings import check_settings
from .checks import checked_id
from .state import ConversationSettings

if TYPE_CHECKING:
    from .agent_session import AgentSession

EXTRA = "amplifier"

BackendOf = Callable[[ConversationSettings, Sequence[str]], Backend]
"""Returns the backend of some settings, with the models that are asked next."""


class Agents:
    """The open agents, by the ids of their sessions."""

    def __init__(self, app: App, backend_of: BackendOf, answering: Answering) -> None:
        """Ask what ``backend_of`` returns; the built-in tools and the privacy are those of conversations."""
        self._backend_of = backend_of
        self._answering = answering
        self._agents: dict[str, AgentSession] = {}
        app.on_events(OpenAgent, self._open)
        app.on_events(AskAgent, self._ask)
        app.on(ReplyToAgent, self._reply)
        app.on(CancelAgent, self._cancel)
        app.on(ChangeAgent, self._change)
        app.on(AgentHistory, self._history)
        app.on(CloseAgent, self._close)

    async def close(self) -> None:
        """Cancel what the agents do, and end their sessions."""
        agents, self._agents = list(self._agents.values()), {}
        await asyncio.gather(*(agent.close() for agent in agents))

    async def _open(self, action: OpenAgent, emit: Emit) -> AgentInfo:
        check_settings(action.settings)
        if action.settings.schema is not None:
            raise InvalidRequest("an agent's answers are texts; leave out the schema", parameter="schema")
        if action.id is not None:
            checked_id(action.id)
        if action.max_iterations is not None and action.max_iterations < 1:
            raise InvalidRequest(
                f"max_iterations={action.max_iterations} is out of range: it must be at least 1",
                parameter="max_iterations",
            )
        backend = self._backend_of(action.settings, action.fallback)
        emit(AgentEvent(type="stage", name="packages"))
        await load_extra(EXTRA)
        try:
            from .agent_session import AgentSession

            import_module("amplifier_core")  # the module above may be there from before
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "amplifier_core":
                raise
            raise Unavailable(
                "agents need amplifier-core in the Python that serves this page: pip install 'browserllm[amplifier]'",
                reason="not_installed",
            ) from error
        emit(AgentEvent(type="stage", name="session"))
        agent = await AgentSession.open(action, backend, self._answering)
        before = self._agents.get(agent.id)
        self._agents[agent.id] = agent
        if before is not None:
            await before.close()
        if sys.platform == "emscripten":
            from ..amplifier.bridge import install_bridge

            install_bridge(backend)
        return AgentInfo(id=agent.id, tools=agent.tools, handle=agent.handle)

    async def _ask(self, action: AskAgent, emit: Emit) -> AgentAnswer:
        agent = self._find(action.agent)
        if not action.prompt.strip():
            raise InvalidRequest("the prompt is empty; write what the agent should do", parameter="prompt")
        # Clouds may have changed since the last prompt.
        agent.use(self._backend_of(agent.settings, agent.fallback))
        return await agent.execute(action.prompt, emit)

    async def _reply(self, action: ReplyToAgent) -> None:
        self._find(action.agent).questions.answer(action.id, action.value, action.error)

    async def _cancel(self, action: CancelAgent) -> None:
        await self._find(action.agent).cancel(immediate=action.immediate)

    async def _change(self, action: ChangeAgent) -> tuple[str, ...]:
        agent = self._find(action.agent)
        if action.page_tool is not None:
            await agent.add_tool(action.page_tool)
        if action.model is not None:
            settings = replace(agent.settings, model=action.model)
            agent.use(self._backend_of(settings, action.fallback))
            agent.settings, agent.fallback = settings, action.fallback
        if action.clear:
            await agent.clear()
        if action.system is not None:
            await agent.set_system(action.system)
        return agent.tools

    async def _history(self, action: AgentHistory) -> list[dict[str, Any]]:
        return await self._find(action.agent).history()

    async def _close(self, action: CloseAgent) -> None:
        agent = self._agents.get(self._id_of(action.agent))
        if agent is not None:
            del self._agents[agent.id]
            await agent.close()

    def _find(self, name: str) -> AgentSession:
        agent = self._agents.get(self._id_of(name))
        if agent is None:
            raise InvalidRequest(
                f"no agent {name!r} is open: it was closed, or its session was opened again; open one with "
                "'agent.open'",
                parameter="agent",
            )
        return agent

    def _id_of(self, name: str) -> str:
        """Return the id of the session that an id or a handle means."""
        return next((id for id, agent in self._agents.items() if agent.handle == name), name)  # noqa: A001
