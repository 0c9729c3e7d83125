"""Marks in a text that comes in pieces: which one stands at a place, or may still become one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """Return a text with its ASCII letters in lower case: others may change a text's length."""
    return text.translate(_LOWER)


class Vocabulary:
    """Marks, and the beginnings of marks."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = {lower(text) for text in texts}
        self._pattern = re.compile("|".join(map(re.escape, sorted(known))), re.IGNORECASE | re.ASCII)
        self._beginnings = {text[:length] for text in known for length in range(1, len(text))}
        self._longest = max(map(len, known))

    def at(self, text: str, at: int) -> str | None:
        """Return the mark that stands there, in lower case; an empty text for the beginning of one, else ``None``."""
        found = self._pattern.match(text, at)
        if found is not None:
            return lower(found[0])
        rest = lower(text[at : at + self._longest])
        return "" if rest in self._beginnings else None
