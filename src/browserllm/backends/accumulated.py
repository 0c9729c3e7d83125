"""The text of an answer so far, sent again with each chunk."""

from __future__ import annotations

from typing import Any

from ..types import TextDelta, TextMode

_LATE, _LATE_FROM = 1024, 65_536
"""Beyond ``_LATE_FROM`` characters, pieces are joined until they add at least 1/``_LATE`` of the text: each chunk
repeats the whole text, so many small chunks would cost quadratic time."""


class Accumulated:
    """Keeps the ``text`` sent so far and the pieces that wait for the next chunk."""

    def __init__(self, mode: TextMode) -> None:
        """Start empty, for the mode ``accumulated`` or ``both``."""
        self.text = ""
        self._both = mode == "both"
        self._late: list[str] = []
        self._late_chars = 0

    def add(
        self, text: str, logprobs: list[Any] | None, sequence: int, signature: str | None = None
    ) -> TextDelta | None:
        """Add a piece; return the chunk to send, or ``None`` while the piece waits for more."""
        self._late.append(text)
        self._late_chars += len(text)
        if logprobs is None and signature is None and self._late_chars * _LATE < len(self.text) - _LATE_FROM:
            return None
        return self._tell(sequence, logprobs, signature)

    def rest(self, sequence: int) -> TextDelta | None:
        """Return a chunk with the pieces that still wait, or ``None``."""
        return self._tell(sequence, None) if self._late else None

    def clear(self) -> None:
        """Start over: another backend answers."""
        self.text = ""

    def _tell(self, sequence: int, logprobs: list[Any] | None, signature: str | None = None) -> TextDelta:
        fresh = "".join(self._late)
        self._late.clear()
        self._late_chars = 0
        self.text += fresh
        if self._both:
            return TextDelta(
                sequence=sequence, text=fresh, accumulated=self.text, logprobs=logprobs, signature=signature
            )
        return TextDelta(sequence=sequence, text=self.text, logprobs=logprobs, signature=signature)
