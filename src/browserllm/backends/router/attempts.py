"""What has come of a request so far: the failures, and what an answer that broke off had said of itself."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import AllBackendsFailed, BrowserLLMError
from ...types import ChatRestart, Hop
from ..draft import AnswerRecord, Draft
from .candidate import Choice, Excluded


class Attempts:
    """The failures of one request, kept on its draft's route and as causes."""

    __slots__ = ("_broken", "_broken_hop", "_draft", "_excluded", "_failures", "_mark")

    def __init__(self, draft: Draft, excluded: Sequence[Excluded]) -> None:
        """Begin with the backends that are not asked at all."""
        self._draft = draft
        self._excluded = excluded
        self._failures: list[tuple[str, Exception]] = []
        self._mark = len(draft.warnings)
        self._broken: AnswerRecord | None = None
        self._broken_hop: Hop | None = None
        for one in excluded:
            draft.route.append(one.hop())

    def failed(self, choice: Choice, error: Exception) -> None:
        """Note a failure, or raise it where no other backend may be asked; its warnings are not those of the answer."""
        if self._draft.stopped or (isinstance(error, BrowserLLMError) and error.final):
            raise error
        self._failures.append((choice.name, error))
        code = error.code if isinstance(error, BrowserLLMError) else "internal"
        reason = str(error) if isinstance(error, BrowserLLMError) else f"{type(error).__name__}: {error}"
        self._draft.route.append(Hop(reason=reason, code=code, backend=choice.name, model=choice.model))
        del self._draft.warnings[self._mark :]

    def broke_off(self, choice: Choice, error: Exception) -> None:
        """Note a failure in the middle of an answer, and keep what the answer said of itself."""
        said = self._draft.snapshot()
        self.failed(choice, error)
        self._broken = said
        self._broken_hop = self._draft.route[-1]

    def restart(self) -> ChatRestart | None:
        """The chunk that says that the answer begins anew, when one broke off before."""
        hop, self._broken_hop, self._broken = self._broken_hop, None, None
        if hop is None:
            return None
        draft = self._draft
        return ChatRestart(hop=hop, backend=draft.backend, model=draft.model, engine=draft.engine, device=draft.device)

    def give_up(self) -> AllBackendsFailed:
        """The error that has every cause, in order; what an answer said before it broke off is the caller's again."""
        if self._broken is not None:
            self._draft.restore(self._broken)
        causes = [*((one.name, one.error()) for one in self._excluded), *self._failures]
        told = "; ".join([*(f"{one.name!r}: {one.reason}" for one in self._excluded), *map(_told, self._failures)])
        return AllBackendsFailed(
            f"no backend could answer: {told}" if told else "no backend could answer: the policy ranked none",
            causes=[error for _, error in causes],
            data={"backends": [name for name, _ in causes]},
        )


def _told(failure: tuple[str, Exception]) -> str:
    name, error = failure
    return f"{name!r}: {error}" if isinstance(error, BrowserLLMError) else f"{name!r}: {type(error).__name__}: {error}"
