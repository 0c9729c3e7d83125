# pyright: reportMissingTypeStubs=false
"""The session: its life from the mount plan to the cleanup."""

from __future__ import annotations

import uuid
from types import SimpleNamespace, TracebackType
from typing import Any, Self, cast

from . import names
from .coordinator import Coordinator


class Session:
    """One conversation of an agent: loads the modules of its mount plan, and gives prompts to its orchestrator."""

    def __init__(
        self,
        config: dict[str, Any],
        loader: Any = None,
        session_id: str | None = None,
        parent_id: str | None = None,
        approval_system: Any = None,
        display_system: Any = None,
        is_resumed: bool = False,
    ) -> None:
        """Raises `ValueError` if the mount plan names no orchestrator or no context.

        ``loader`` is ignored, as the native engine does: set ``session.coordinator.loader``.
        """
        if not isinstance(config, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"'{config}' is not an instance of 'dict'")
        if not config:
            raise ValueError("Configuration is required")
        plan = _session_of(config)
        for needed in ("orchestrator", "context"):
            if not plan.get(needed):
                raise ValueError(f"Configuration must specify session.{needed}")
        self.config = config
        self.session_id = session_id or str(uuid.uuid4())
        self.parent_id = parent_id
        self.is_resumed = is_resumed
        self.initialized = False
        self._announced = False
        described = SimpleNamespace(session_id=self.session_id, parent_id=parent_id, config=config)
        self.coordinator = Coordinator(described, approval_system, display_system)
        self.coordinator.hooks.set_default_fields(session_id=self.session_id, parent_id=parent_id)

    async def initialize(self) -> None:
        """Load and mount all modules; a second call does nothing."""
        from amplifier_core._session_init import initialize_session

        if self.initialized:
            return
        await initialize_session(self.config, self.coordinator, self.session_id, self.parent_id)
        self.initialized = True

    async def execute(self, prompt: str) -> str:
        """Give a prompt to the orchestrator and return its answer.

        Raises `RuntimeError` for whatever the orchestrator raises, with the original as its cause.
        """
        from amplifier_core._session_exec import (
            emit_raw_field_if_configured,  # pyright: ignore[reportUnknownVariableType]
            run_orchestrator,
        )

        if not self.initialized:
            raise RuntimeError("Session not initialized. Call initialize() first.")
        if not self._announced:
            self._announced = True
            event = names.SESSION_RESUME if self.is_resumed else names.SESSION_START
            metadata = _session_of(self.config).get("metadata")
            said = {"session_id": self.session_id, "parent_id": self.parent_id}
            await self.coordinator.hooks.emit(event, {**said, **({"metadata": metadata} if metadata else {})})
            await emit_raw_field_if_configured(self.coordinator, self.config, self.session_id, event)
        try:
            answer = await run_orchestrator(self.coordinator, prompt)
        except Exception as error:
            described = f"{type(error).__name__}: {error}"
            await self._tell_if_cancelled({"error": described})
            raise RuntimeError(f"Execution failed: {described}") from error
        if not isinstance(answer, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"'{type(answer).__name__}' object is not an instance of 'str'")
        await self._tell_if_cancelled({})
        return answer

    async def cleanup(self) -> None:
        """End the session: tell it once, and call the cleanup functions of its modules."""
        if self._announced:
            self._announced = False
            await self.coordinator.hooks.emit(names.SESSION_END, {"session_id": self.session_id})
        self.initialized = False
        await self.coordinator.cleanup()

    async def _tell_if_cancelled(self, said: dict[str, Any]) -> None:
        token = self.coordinator.cancellation
        if token.is_cancelled:
            await self.coordinator.hooks.emit(names.CANCEL_COMPLETED, {"was_immediate": token.is_immediate, **said})

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.cleanup()


def _session_of(config: dict[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", config.get("session") or {})
