"""The attempts at a request so far: their failures, and the metadata of an answer that broke off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import AllBackendsFailed, BrowserLLMError, ContextExceeded
from ...types import ChatRestart, Hop
from ..draft import AnswerRecord, Draft
from .candidate import Choice, Excluded
from .windows import reason_of


class Attempts:
    """Collects the failures of one request: on its draft's route, and as causes of the final error."""

    __slots__ = ("_broken", "_broken_hop", "_draft", "_excluded", "_failures", "_mark")

    def __init__(self, draft: Draft, excluded: Sequence[Excluded]) -> None:
        """Start with the backends that were excluded."""
        self._draft = draft
        self._excluded = excluded
        self._failures: list[tuple[str, Exception]] = []
        self._mark = len(draft.warnings)
        self._broken: AnswerRecord | None = None
        self._broken_hop: Hop | None = None
        for one in excluded:
            draft.route.append(one.hop())

    def failed(self, choice: Choice, error: Exception) -> None:
        """Record a failure, and drop its warnings. If no other backend may be asked, raise it."""
        if self._draft.stopped or (isinstance(error, BrowserLLMError) and error.final):
            raise error
        self._failures.append((choice.name, error))
        code = error.code if isinstance(error, BrowserLLMError) else "internal"
        self._draft.route.append(Hop(reason=_reason(error), code=code, backend=choice.name, model=choice.model))
        del self._draft.warnings[self._mark :]

    def broke_off(self, choice: Choice, error: Exception) -> None:
        """Record a failure in the middle of an answer, and keep that answer's metadata."""
        recorded = self._draft.snapshot()
        self.failed(choice, error)
        self._broken = recorded
        self._broken_hop = self._draft.route[-1]

    def restart(self) -> ChatRestart | None:
        """Return the chunk that announces a new answer, if an earlier one broke off."""
        hop, self._broken_hop, self._broken = self._broken_hop, None, None
        if hop is None:
            return None
        draft = self._draft
        return ChatRestart(hop=hop, backend=draft.backend, model=draft.model, engine=draft.engine, device=draft.device)

    def give_up(self) -> AllBackendsFailed | ContextExceeded:
        """Return the error with every cause, in order. The draft gets back the metadata of an answer that broke off.

        If the prompt was too long for every backend that was asked, it is a `ContextExceeded` with the largest window.
        """
        if self._broken is not None:
            self._draft.restore(self._broken)
        causes = [*((one.name, one.error()) for one in self._excluded), *self._failures]
        reasons = [
            *(f"{one.name!r}: {one.reason}" for one in self._excluded),
            *(f"{name!r}: {_reason(error)}" for name, error in self._failures),
        ]
        failed = AllBackendsFailed(
            f"no backend could answer: {'; '.join(reasons) or 'the policy ranked none of them'}",
            causes=[error for _, error in causes],
            data={"backends": [name for name, _ in causes]},
        )
        too_long = {name: error for name, error in self._failures if isinstance(error, ContextExceeded)}
        return (
            self._too_long(too_long, reasons, failed) if too_long and len(too_long) == len(self._failures) else failed
        )

    def _too_long(
        self, errors: Mapping[str, ContextExceeded], reasons: Sequence[str], failed: AllBackendsFailed
    ) -> ContextExceeded:
        """Return the error for a prompt that is too long for every backend; it is about the largest window."""
        name, largest = max(errors.items(), key=lambda item: _window(item[1]))
        size = _window(largest)
        window = f"context window of more than {size} tokens" if size else "larger context window"
        exceeded = ContextExceeded(
            f"the prompt is too long for every backend that may answer: {'; '.join(reasons)}; shorten it, or use a "
            f"model with a {window}",
            data={
                "backend": name,
                **largest.data,
                "not_asked": [
                    {"backend": one.name, "code": one.code, "reason": one.data.get("reason", ""), "why": one.reason}
                    for one in self._excluded
                ],
            },
        )
        exceeded.__cause__ = failed
        return exceeded


def _window(error: ContextExceeded) -> int:
    told = error.data.get("context_window")
    return told if isinstance(told, int) else 0


def _reason(error: Exception) -> str:
    if isinstance(error, ContextExceeded):
        return reason_of(error)
    return str(error) if isinstance(error, BrowserLLMError) else f"{type(error).__name__}: {error}"
