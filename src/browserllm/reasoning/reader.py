"""An answer, in any pieces, as the chunks of a stream: its text, its thoughts, and the calls in its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

from ..types import ReasoningDelta, TextDelta, ToolCallDelta
from .marks import GENERAL, Marks
from .splitter import Begins, Piece, ThoughtSplitter, Where

Delta = str | TextDelta | ReasoningDelta | ToolCallDelta


class Calls(Protocol):
    """What finds the calls in a text, see `toolcalls.parser`."""

    @property
    def where(self) -> Where:
        """Whether the reading is in a call, or has just left one."""
        ...

    def feed(self, text: str) -> Sequence[str | ToolCallDelta]:
        """Take the next piece of text."""
        ...

    def quote(self, text: str) -> Sequence[str | ToolCallDelta]:
        """Take text in which no call begins."""
        ...

    def finish(self) -> Sequence[str | ToolCallDelta]:
        """Give the rest."""
        ...


class ThoughtReader:
    """Reads an answer. What is thought never comes to ``calls``: no call in a thought is one.

    Logprobs go with the text: those of a thought, and of the marks around it, are dropped with it.
    """

    def __init__(
        self, marks: Iterable[Marks] = GENERAL, *, begins: Begins = "text", calls: Calls | None = None
    ) -> None:
        """Read thoughts between ``marks``; ``begins`` is for `ThoughtSplitter`."""
        self._calls = calls
        where = None if calls is None else lambda: calls.where
        self._splitter = ThoughtSplitter(marks, begins=begins, where=where)
        self._waiting: list[Any] = []  # logprobs of what is not clear yet

    @property
    def thinking(self) -> bool:
        """Whether a thought has begun and not ended."""
        return self._splitter.thinking

    def feed(self, text: str, logprobs: list[Any] | None = None) -> Iterator[Delta]:
        """Take the next piece of the answer, with the entries of its tokens."""
        if logprobs is None:
            yield from self._deltas(self._splitter.feed(text))
            return
        said, kept = list[str](), list[Any]()
        for token, entries in _tokens(text, logprobs):
            self._waiting += entries
            spoke = not (token or self._splitter.thinking or self._splitter.undecided)
            for delta in self._deltas(self._splitter.feed(token)):
                if isinstance(delta, str):
                    spoke = True
                    said.append(delta)
                    continue
                spoke = spoke or isinstance(delta, ToolCallDelta)
                yield from _text(said, kept)
                yield delta
            if spoke or (self._calls is not None and not (self.thinking or self._splitter.undecided)):
                kept += self._waiting
            if spoke or not self._splitter.undecided:
                self._waiting.clear()
        yield from _text(said, kept)

    def release(self) -> Iterator[Delta]:
        """Say that the thoughts of this answer come in another way."""
        yield from self._deltas(self._splitter.release())

    def finish(self, *, cut: bool = False) -> Iterator[Delta]:
        """Say that the answer has ended, or was ``cut`` off; give the rest."""
        said = list[str]()
        for delta in self._deltas(self._splitter.finish(cut=cut)):
            if isinstance(delta, str):
                said.append(delta)
            else:
                yield delta
        if said:
            yield from _text(said, self._waiting)
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


def _text(said: list[str], logprobs: list[Any]) -> Iterator[Delta]:
    """Give the text that has come, and forget it."""
    text = "".join(said)
    if logprobs:
        yield TextDelta(text=text, logprobs=logprobs.copy())
    elif text:
        yield text
    said.clear()
    logprobs.clear()


def _tokens(text: str, logprobs: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Give a text token by token, each with its entry; all at once where the tokens are not the text."""
    tokens = [_token(entry) for entry in logprobs]
    if "".join(tokens) == text:
        yield from ((token, [entry]) for token, entry in zip(tokens, logprobs, strict=True))
    else:
        yield text, logprobs


def _token(entry: Any) -> str:
    token = cast("dict[str, Any]", entry).get("token") if isinstance(entry, dict) else None
    return token if isinstance(token, str) else ""
