"""Turn the pieces of an answer into stream deltas: its text, its thoughts and its tool calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

from ..types import ReasoningDelta, TextDelta, ToolCallDelta
from .markers import ALL_MARKERS, Markers
from .splitter import CallState, StartsAs, ThoughtSplitter
from .state import Piece

Delta = str | TextDelta | ReasoningDelta | ToolCallDelta


class CallParser(Protocol):
    """Finds tool calls in text, see `constrained.tool_calls.parser`."""

    @property
    def call_state(self) -> CallState:
        """Whether the parser is inside a call, or has just left one."""
        ...

    def feed(self, text: str) -> Sequence[str | ToolCallDelta]:
        """Take the next piece of text."""
        ...

    def quote(self, text: str) -> Sequence[str | ToolCallDelta]:
        """Take text in which no call can begin."""
        ...

    def finish(self) -> Sequence[str | ToolCallDelta]:
        """Return the rest."""
        ...


class ThoughtReader:
    """Reads an answer. Thoughts never reach ``calls``: a call inside a thought is not a call.

    Logprobs stay with their text: those of thoughts and markers are dropped.
    """

    def __init__(
        self, markers: Iterable[Markers] = ALL_MARKERS, *, starts_as: StartsAs = "text", calls: CallParser | None = None
    ) -> None:
        """Read thoughts between ``markers``; ``starts_as`` is explained at `ThoughtSplitter`."""
        self._calls = calls
        call_state = None if calls is None else lambda: calls.call_state
        self._splitter = ThoughtSplitter(markers, starts_as=starts_as, call_state=call_state)
        self._waiting: list[Any] = []  # logprobs of text that is still undecided

    @property
    def thinking(self) -> bool:
        """Whether a thought is open."""
        return self._splitter.thinking

    def feed(self, text: str, logprobs: list[Any] | None = None) -> Iterator[Delta]:
        """Take the next piece of the answer, with the logprobs of its tokens."""
        if logprobs is None:
            yield from self._deltas(self._splitter.feed(text))
            return
        texts, kept = list[str](), list[Any]()
        for token, entries in _tokens(text, logprobs):
            self._waiting += entries
            spoke = not (token or self._splitter.thinking or self._splitter.undecided)
            for delta in self._deltas(self._splitter.feed(token)):
                if isinstance(delta, str):
                    spoke = True
                    texts.append(delta)
                    continue
                spoke = spoke or isinstance(delta, ToolCallDelta)
                yield from _text(texts, kept)
                yield delta
            if spoke or (self._calls is not None and not (self.thinking or self._splitter.undecided)):
                kept += self._waiting
            if spoke or not self._splitter.undecided:
                self._waiting.clear()
        yield from _text(texts, kept)

    def release(self) -> Iterator[Delta]:
        """Note that the server sends this answer's thoughts separately, so the text has none."""
        yield from self._deltas(self._splitter.release())

    def finish(self, *, cut: bool = False) -> Iterator[Delta]:
        """Note that the answer has ended, or was ``cut`` off; yield the rest."""
        texts = list[str]()
        for delta in self._deltas(self._splitter.finish(cut=cut)):
            if isinstance(delta, str):
                texts.append(delta)
            else:
                yield delta
        if texts:
            yield from _text(texts, self._waiting)
        if self._calls is not None:
            yield from self._calls.finish()

    def _deltas(self, pieces: Iterator[Piece]) -> Iterator[Delta]:
        calls = self._calls
        for kind, text in pieces:
            if kind == "thought":
                yield ReasoningDelta(reasoning=text)
            elif calls is None:
                yield text
            else:
                yield from calls.quote(text) if kind == "quoted" else calls.feed(text)


def _text(texts: list[str], logprobs: list[Any]) -> Iterator[Delta]:
    """Yield the collected text, and clear it."""
    text = "".join(texts)
    if logprobs:
        yield TextDelta(text=text, logprobs=logprobs.copy())
    elif text:
        yield text
    texts.clear()
    logprobs.clear()


def _tokens(text: str, logprobs: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield a text token by token with the logprobs; all at once if the tokens do not add up to the text."""
    tokens = [_token(entry) for entry in logprobs]
    if "".join(tokens) == text:
        yield from ((token, [entry]) for token, entry in zip(tokens, logprobs, strict=True))
    else:
        yield text, logprobs


def _token(entry: Any) -> str:
    token = cast("dict[str, Any]", entry).get("token") if isinstance(entry, dict) else None
    return token if isinstance(token, str) else ""
