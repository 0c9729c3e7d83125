"""Continuing an answer that was stopped or reached its limit, with any model.

Few engines and clouds let a request begin the answer (a "prefill"), so the model gets its answer so far and an
instruction that is not shown. Models then like to repeat their last words, or to open a code block again; a `Joint`
takes that away.
"""

from __future__ import annotations

import re

TAIL_CHARS = 200
"""How much of the end of an answer a model may repeat."""

_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_OPENING = re.compile(r"\s*```[\w+#.-]*[ \t]*\n")
_MAYBE_OPENING = re.compile(r"\s*(?:`{1,2}|```[\w+#.-]*[ \t]*)?\Z")
_SPACELESS_FROM = 0x2E80
"""The first character of the scripts that write no spaces between words (CJK and what follows)."""
_LEAST_OVERLAP = 3
"""How many letters must be repeated to be no coincidence."""
_ENDS = ",;:.!?)”\"'"


def instruction_for(text: str) -> str:
    """Return the instruction to go on with an answer that ends with the end of ``text``."""
    end = " ".join(text[-60:].split())
    return (
        f"Your answer was cut off. Continue it exactly where it ended, which was: “…{end}”. "
        "Write only what comes next; do not repeat anything, and do not comment on this."
    )


class Joint:
    """Fits the text of a continuation, in pieces of any size, to the end of what is there."""

    def __init__(self, text: str) -> None:
        """Continue ``text``."""
        self._tail = text[-TAIL_CHARS:]
        self._in_code = len(_FENCE.findall(text)) % 2 == 1
        self._held = ""
        self._fits = not text

    def feed(self, text: str) -> str:
        """Return what is certain to be added to the text."""
        if self._fits:
            return text
        self._held += text
        return "" if self._is_open() else self.finish()

    def finish(self) -> str:
        """Return what was held back, as it is now."""
        if self._fits:
            return ""
        self._fits = True
        held, self._held = self._held, ""
        if self._in_code and (opening := _OPENING.match(held)):
            held = held[opening.end() :]
        overlap = self._overlap(held.lstrip())
        if overlap:
            return held.lstrip()[overlap:]
        return self._spaced(held)

    def _is_open(self) -> bool:
        """Return whether more text could show that the beginning repeats the end."""
        start = self._held.lstrip()
        if not start or (self._in_code and _MAYBE_OPENING.match(self._held)):
            return True
        if self._in_code and (opening := _OPENING.match(self._held)):
            start = self._held[opening.end() :].lstrip()
        return any(len(self._tail) - at > len(start) and self._tail.startswith(start, at) for at in self._word_starts())

    def _overlap(self, start: str) -> int:
        """Return how many characters at the beginning repeat the end of the text, from a word on."""
        for at in self._word_starts():
            repeated = self._tail[at:]
            if sum(map(str.isalnum, repeated)) >= _LEAST_OVERLAP and start.startswith(repeated):
                return len(repeated)
        return 0

    def _word_starts(self) -> list[int]:
        tail = self._tail
        return [at for at in range(len(tail)) if not tail[at].isspace() and (at == 0 or not tail[at - 1].isalnum())]

    def _spaced(self, start: str) -> str:
        """Put a space between two words, and take away one that is there already."""
        if not start or self._tail[-1].isspace():
            return start.lstrip(" ")
        last, first = self._tail[-1], start[0]
        if first.isalnum() and (last.isalnum() or last in _ENDS) and max(ord(last), ord(first)) < _SPACELESS_FROM:
            return f" {start}"
        return start
