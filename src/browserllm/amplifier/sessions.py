"""`create_session`: an Amplifier session from Python objects, without files of settings or installed modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ..backends.base import Backend
from ..backends.split_characters import whole_text
from ..errors import InvalidRequest
from .context import Context
from .kernel import AmplifierSession
from .loop import Loop
from .mounting import mount as mount_provider
from .tools import adapt_tool

Mount = Callable[..., Awaitable[Any]]


class Modules:
    """A loader of modules that are Python functions: what `AmplifierSession` needs where nothing is installed.

    ``mounts`` maps a module's id to its ``mount(coordinator, config)``.
    """

    def __init__(self, mounts: Mapping[str, Mount]) -> None:
        """Load these modules."""
        self._mounts = dict(mounts)
        self._ready: list[tuple[str, Any]] = []

    async def load(
        self,
        module_id: str,
        config: Mapping[str, Any] | None = None,
        source_hint: Any = None,
        coordinator: Any = None,
    ) -> Callable[[Any], Awaitable[Any]]:
        """Return the function that mounts a module. Raises `ValueError` for an unknown one."""
        found = self._mounts.get(module_id)
        if found is None:
            raise ValueError(f"unknown module {module_id!r}; choose one of: {', '.join(sorted(self._mounts))}")

        async def mounted(coordinator: Any) -> Any:
            return await found(coordinator, dict(config or {}))

        return mounted

    def get_on_session_ready_queue(self) -> list[tuple[str, Any]]:
        """Return what waits until all modules are mounted."""
        return self._ready

    def clear_on_session_ready_queue(self) -> None:
        """Forget what waited."""
        self._ready = []

    def enqueue_on_session_ready(self, module_id: str, function: Any) -> None:
        """Call ``function(coordinator)`` when all modules are mounted."""
        self._ready.append((module_id, function))

    def cleanup(self) -> None:
        """Nothing was loaded from outside."""


async def mount_loop(coordinator: Any, config: Mapping[str, Any] | None = None) -> None:
    """Mount `Loop` as the session's orchestrator."""
    await coordinator.mount("orchestrator", Loop(config))


async def mount_context(coordinator: Any, config: Mapping[str, Any] | None = None) -> None:
    """Mount `Context` as the session's context manager."""
    await coordinator.mount("context", Context(config, coordinator.hooks))


BUILT_IN: Mapping[str, Mount] = {
    "loop-browserllm": mount_loop,
    "context-browserllm": mount_context,
    "provider-browserllm": mount_provider,
}
"""The modules that come with browserllm, by id."""


def create_session(
    backend: Backend | None = None,
    *,
    system: str = "",
    tools: Iterable[Any] = (),
    config: Mapping[str, Any] | None = None,
    loop: Mapping[str, Any] | None = None,
    modules: Mapping[str, Mount] | None = None,
    approval_system: Any = None,
    display_system: Any = None,
    session_id: str | None = None,
) -> AmplifierSession:
    """Return a session that answers with ``backend`` (by default a model on this device) and runs ``tools``.

    ::

        async with create_session(LocalBackend(host), tools=[web_fetch()]) as session:
            print(await session.execute("What is on example.org?"))

    ``system`` is the system prompt. ``tools`` are functions, tools of `browserllm.chat` or Amplifier's own. ``config``
    are further settings of the provider, ``loop`` those of `Loop`. ``modules`` are further modules by id: each is
    mounted after the tools. Hooks are registered on ``session.coordinator.hooks``.

    Raises `InvalidRequest` for tools of the same name, and for what is no tool.
    """
    added = dict(modules or {})
    adapted = [adapt_tool(tool) for tool in tools]
    names = Counter(tool.name for tool in adapted)
    for name, count in names.items():
        if count > 1:
            raise InvalidRequest(f"two tools are named {name!r}; rename one of them", parameter="tools")

    async def mount_tools(coordinator: Any, config: Mapping[str, Any] | None = None) -> None:
        for tool in adapted:
            await coordinator.mount("tools", tool, name=tool.name)

    provider = {**(config or {}), **({} if backend is None else {"backend": backend})}
    plan: dict[str, Any] = {
        "session": {"orchestrator": "loop-browserllm", "context": "context-browserllm"},
        "orchestrator": {"config": dict(loop or {})},
        "context": {"config": {"system_prompt": whole_text(system)}},
        "tools": [{"module": "tools-given"}] if adapted else [],
        "hooks": [{"module": name} for name in added],
    }

    async def mount_given(coordinator: Any, _: Mapping[str, Any] | None = None) -> Any:
        # Not in the plan: the kernel copies it, and a backend cannot be copied.
        return await mount_provider(coordinator, provider)

    plan["providers"] = [{"module": "provider-browserllm"}]
    session = AmplifierSession(
        plan, session_id=session_id, approval_system=approval_system, display_system=display_system
    )
    session.coordinator.loader = Modules(
        {**BUILT_IN, "provider-browserllm": mount_given, "tools-given": mount_tools, **added}
    )
    return session
