"""Find markers in a text that arrives in pieces, including markers that have only begun."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """Lower only the ASCII letters: lowering others may change the length of the text."""
    return text.translate(_LOWER)


class Vocabulary:
    """A set of markers and their prefixes."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = {lower(text) for text in texts}
        self._pattern = re.compile("|".join(map(re.escape, sorted(known))), re.IGNORECASE | re.ASCII)
        self._beginnings = {text[:length] for text in known for length in range(1, len(text))}
        self._longest = max(map(len, known))

    def at(self, text: str, at: int) -> str | None:
        """Return the marker at a position, in lower case; an empty text for a marker's beginning, else ``None``."""
        found = self._pattern.match(text, at)
        if found is not None:
            return lower(found[0])
        rest = lower(text[at : at + self._longest])
        return "" if rest in self._beginnings else None
