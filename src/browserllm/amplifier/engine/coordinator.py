# pyright: reportMissingTypeStubs=false
"""The coordinator: what a session's modules share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any, Self, cast

from .cancellation import CancellationToken
from .hooks import HookRegistry
from .injections import injections_of, joined

logger = logging.getLogger("browserllm.amplifier.coordinator")

_SINGLE = ("orchestrator", "context", "module-source-resolver")
_NAMED = ("providers", "tools")
_CHARS_PER_TOKEN = 4


class Coordinator:
    """Mount points, hooks, capabilities, contributions, cleanup, cancellation, and what hooks ask of the kernel."""

    _session: Any
    approval_system: Any
    display_system: Any
    loader: Any
    hooks: HookRegistry
    cancellation: CancellationToken
    mount_points: dict[str, Any]
    channels: dict[str, list[dict[str, Any]]]
    session_state: dict[str, Any]
    _capabilities: dict[str, Any]
    _cleanup_fns: list[Any]
    _current_turn_injections: int

    # Everything is set here and nothing in __init__: subclasses (`MockCoordinator`) pass their arguments here only.
    def __new__(cls, session: Any = None, approval_system: Any = None, display_system: Any = None) -> Self:
        """``session`` has ``session_id``, ``parent_id`` and ``config``."""
        self = super().__new__(cls)
        self._session = session
        self.approval_system = approval_system
        self.display_system = display_system
        self.loader = None
        self.hooks = HookRegistry()
        self.cancellation = CancellationToken()
        self.mount_points = {
            "orchestrator": None,
            "providers": {},
            "tools": {},
            "context": None,
            "hooks": self.hooks,
            "module-source-resolver": None,
        }
        self.channels = {}
        self.session_state = {}
        self._capabilities = {}
        self._cleanup_fns = []
        self._current_turn_injections = 0
        return self

    # The session

    @property
    def session(self) -> Any:
        """What the coordinator was created with."""
        return self._session

    @property
    def session_id(self) -> str:
        """The session's id."""
        return str(getattr(self._session, "session_id", ""))

    @property
    def parent_id(self) -> str | None:
        """The parent session's id."""
        return getattr(self._session, "parent_id", None)

    @property
    def config(self) -> dict[str, Any]:
        """The session's mount plan."""
        return getattr(self._session, "config", None) or {}

    @property
    def injection_budget_per_turn(self) -> int | None:
        """How many tokens hooks may inject in a turn before a warning is logged."""
        return self._session_setting("injection_budget_per_turn")

    @property
    def injection_size_limit(self) -> int | None:
        """How many characters one injection may have."""
        return self._session_setting("injection_size_limit")

    def _session_setting(self, name: str) -> Any:
        settings = cast("dict[str, Any]", self.config.get("session") or {})
        return settings.get(name)

    # Mount points

    async def mount(self, mount_point: str, module: Any, name: str | None = None) -> None:
        """Mount a module; providers and tools need a name, their own by default."""
        self._check(mount_point)
        if mount_point == "hooks":
            raise ValueError("Hooks should be registered directly with the HookRegistry")
        if mount_point in _SINGLE:
            self.mount_points[mount_point] = module
            return
        name = name or getattr(module, "name", None)
        if not name:
            raise ValueError(f"Name required for {mount_point}")
        self.mount_points[mount_point][name] = module

    async def unmount(self, mount_point: str, name: str | None = None) -> None:
        """Unmount a module; one that is not mounted is fine."""
        self._check(mount_point)
        if mount_point in _SINGLE:
            self.mount_points[mount_point] = None
        elif mount_point in _NAMED:
            if not name:
                raise ValueError(f"Name required to unmount from {mount_point}")
            self.mount_points[mount_point].pop(name, None)

    def get(self, mount_point: str, name: str | None = None) -> Any:
        """Return what is mounted: one module, or all of a mount point by name."""
        self._check(mount_point)
        mounted = self.mount_points[mount_point]
        return mounted.get(name) if mount_point in _NAMED and name is not None else mounted

    def _check(self, mount_point: str) -> None:
        if mount_point not in self.mount_points:
            raise ValueError(f"Unknown mount point: {mount_point}")

    # Capabilities, contributions, cleanup

    def register_capability(self, name: str, value: Any) -> None:
        """Offer a value to other modules."""
        self._capabilities[name] = value

    def get_capability(self, name: str) -> Any:
        """Return an offered value, or None."""
        return self._capabilities.get(name)

    def register_contributor(self, channel: str, name: str, callback: Callable[[], Any]) -> None:
        """Contribute to a channel when it is collected."""
        self.channels.setdefault(channel, []).append({"name": name, "callback": callback})

    async def collect_contributions(self, channel: str) -> list[Any]:
        """Return what the contributors of a channel give; one that fails is logged and left out."""
        collected: list[Any] = []
        for contributor in list(self.channels.get(channel, ())):
            try:
                value = contributor["callback"]()
                if isawaitable(value):
                    value = await value
            except Exception as error:
                logger.warning("Contributor %r on channel %r failed: %s", contributor["name"], channel, error)
                continue
            if value is not None:
                collected.append(value)
        return collected

    def register_cleanup(self, cleanup_fn: Any) -> None:
        """Call a function when the session is cleaned up; what cannot be called is ignored."""
        if callable(cleanup_fn):
            self._cleanup_fns.append(cleanup_fn)

    async def cleanup(self) -> None:
        """Call the cleanup functions, the last registered first; one that fails does not stop the others."""
        for function in reversed(self._cleanup_fns):
            try:
                answer = function()
                if isawaitable(answer):
                    await answer
            except Exception as error:
                logger.error("Error during cleanup: %s: %s", type(error).__name__, error)

    def to_dict(self) -> dict[str, Any]:
        """Return what is mounted, by name."""
        return {
            "tools": sorted(self.mount_points["tools"]),
            "providers": sorted(self.mount_points["providers"]),
            "has_orchestrator": self.mount_points["orchestrator"] is not None,
            "has_context": self.mount_points["context"] is not None,
            "capabilities": sorted(self._capabilities),
            "has_approval_provider": self.approval_system is not None,
            "has_display_service": self.display_system is not None,
        }

    # Turns

    async def request_cancel(self, immediate: bool = False) -> None:
        """Cancel the session."""
        if immediate:
            self.cancellation.request_immediate()
        else:
            self.cancellation.request_graceful()

    def reset_turn(self) -> None:
        """Begin a new turn: its budget of injections is whole again."""
        self._current_turn_injections = 0

    # What hooks ask of the kernel

    async def process_hook_result(self, result: Any, event: str, hook_name: str = "unknown") -> Any:
        """Carry out what hooks answered: inject context, ask a person, show a message. Return what is left to do."""
        from amplifier_core.models import HookResult

        if result.user_message:
            self._show(result, hook_name)
        if result.action == "inject_context":
            return await self._inject(result, event, hook_name)
        if result.action == "ask_user":
            return await self._ask(result, hook_name, HookResult)
        return result

    def _show(self, result: Any, hook_name: str) -> None:
        if self.display_system is not None:
            source = f"hook:{result.user_message_source or hook_name}"
            self.display_system.show_message(result.user_message, result.user_message_level, source)

    async def _ask(self, result: Any, hook_name: str, hook_result: Any) -> Any:
        if self.approval_system is None:
            logger.error("Approval requested but no approval system provided (hook=%s)", hook_name)
            return hook_result(action="deny", reason="No approval system available")
        prompt = result.approval_prompt or "Allow this operation?"
        options = result.approval_options or ["Allow", "Deny"]
        decision = await self.approval_system.request_approval(
            prompt, options, result.approval_timeout, result.approval_default
        )
        if not isinstance(decision, str):
            raise TypeError(f"{type(decision).__name__!r} object is not an instance of 'str'")
        if decision.lower() in ("allow", "allow once", "allow always"):
            return hook_result(action="continue")
        if decision.lower() != "deny":
            logger.warning("the approval system answered %r for hook %r, which counts as deny", decision, hook_name)
        return hook_result(action="deny", reason=f"User denied: {prompt}")

    async def _inject(self, result: Any, event: str, hook_name: str) -> Any:
        from amplifier_core.models import HookResult

        injections = injections_of(result, hook_name, event)
        limit = self.injection_size_limit
        for each in injections:
            if limit is not None and len(each.content) > limit:
                logger.error("Hook injection too large: %s (chars=%d, limit=%d)", hook_name, len(each.content), limit)
                raise ValueError(f"Context injection exceeds {limit} characters")
        context = self.mount_points["context"]
        for each in injections:
            self._count(len(each.content) // _CHARS_PER_TOKEN, hook_name)
            if context is not None and not each.ephemeral:
                await context.add_message(_message(each))
        ephemeral = [each for each in injections if each.ephemeral]
        left: dict[str, Any] = joined(ephemeral) if ephemeral else {"action": "continue"}
        return HookResult(
            **left,
            user_message=result.user_message,
            user_message_level=result.user_message_level,
            user_message_source=result.user_message_source,
            suppress_output=result.suppress_output,
        )

    def _count(self, tokens: int, hook_name: str) -> None:
        budget = self.injection_budget_per_turn
        if budget is not None and self._current_turn_injections + tokens > budget:
            logger.warning(
                "Hook injection budget exceeded (hook=%s, current=%d, attempted=%d, budget=%d)",
                hook_name,
                self._current_turn_injections,
                tokens,
                budget,
            )
        self._current_turn_injections += tokens


def _message(injection: Any) -> dict[str, Any]:
    return {
        "role": injection.role,
        "content": injection.content,
        "metadata": {
            "source": "hook",
            "hook_name": injection.hook_name,
            "event": injection.event,
            "timestamp": datetime.now(UTC).isoformat(),
            "requested_role": injection.role,
            "ephemeral": False,
            "persisted": True,
        },
    }
