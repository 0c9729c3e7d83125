"""Split an answer, in any pieces, into text and thoughts.

A thought begins with an opening marker at the start of the answer, at the start of a line, after a call, or after
another thought, and also with a marker that ends its line. Anywhere else in a line, in a code fence or in quotes, a
marker is only mentioned: it stays text, and no call is read between it and its closing marker, if there is one. A
thought ends with its closing marker; without one, it runs to the end of the answer. Case does not matter.

Whitespace before the answer and around a thought is dropped, as templates do; a blank line separates several thoughts.
The result does not depend on how the answer is cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Literal

from .markers import ALL_MARKERS, Markers
from .state import LineState, MarkerSet, OutputBuffer, Piece, ThoughtState

CallState = Literal["text", "call", "after_call"]
StartsAs = Literal["text", "thought", "unsure"]
Step = Generator[Piece, None, int | None]
"""Reads a step; returns where the next one begins, or ``None`` if it needs more text to decide."""

_RUN = re.compile(r"[^\s<\[◁]+")
_BLANKS = re.compile(r"\s+")
_TICKS = re.compile("`+|~+")
_QUOTES = "`\"'"
_FENCE = 3
_CALL_ENDS = "}])>`"
_STARTS = "<[◁"


class ThoughtSplitter:
    """Splits an answer that arrives in pieces.

    Consume `feed` and `finish` piece by piece, and parse each piece for calls before taking the next one: the splitter
    asks ``call_state`` in between, since the arguments of a call have no markers.
    """

    def __init__(
        self,
        markers: Iterable[Markers] = ALL_MARKERS,
        *,
        starts_as: StartsAs = "text",
        call_state: Callable[[], CallState] | None = None,
    ) -> None:
        """Read an answer that starts as ``text``, or in a ``thought`` that the prompt has opened.

        If that is ``unsure``, the text is held back until a marker decides, or the answer ends without one.
        """
        self._marks = MarkerSet(markers)
        self._call_state: Callable[[], CallState] = call_state or (lambda: "text")
        self._waits = call_state is not None  # whether it matters where a mention ends
        self._step: Callable[[str, int], Step] = self._read_text
        self._held = ""  # possibly the beginning of a marker
        self._blanks: list[str] = []  # whitespace that may be dropped
        self._deferred: list[str] = []  # either text or a thought: not decided yet
        self._last = self._solid = ""  # the last character, and the last one that is not whitespace
        self._ended = False
        self._out = OutputBuffer()
        self._at_edge = True  # only whitespace since the answer began, or since a thought ended
        self._mention: Markers | None = None
        self._line = LineState()
        self._thought = ThoughtState()
        if starts_as == "thought":
            self._open(None)
        elif starts_as == "unsure":
            self._step = self._read_unsure

    @property
    def thinking(self) -> bool:
        """Whether a thought is open."""
        return self._thought.depth > 0

    @property
    def undecided(self) -> bool:
        """Whether some text that was read is still held back."""
        blanks = self._blanks and not self.thinking and not (self._at_edge and self._thought.count)
        return bool(self._held or self._deferred or blanks)

    def feed(self, text: str) -> Iterator[Piece]:
        """Take the next piece of the answer; yield what is decided by now."""
        if text:
            yield from self._advance(text)

    def release(self) -> Iterator[Piece]:
        """Note that the thoughts of this answer arrive separately: what was unsure is text."""
        if self._step == self._read_unsure:
            yield from self._replay()

    def finish(self, *, cut: bool = False) -> Iterator[Piece]:
        """Note that the answer has ended, or was ``cut`` off; yield the rest."""
        self._ended = True
        yield from self._advance("")
        if self._step == self._read_mention and cut:
            yield from self._out.put("quoted", "".join(self._deferred))
            self._deferred.clear()
        elif self._deferred and cut:
            self._thought.depth = 1
            yield from self._emit_held_thought(self._deferred)
        elif self._deferred:
            yield from self._replay()
        if not self.thinking and not (self._at_edge and self._thought.count):
            yield from self._out.put("text", "".join(self._blanks))
        self._blanks.clear()
        yield from self._out.flush()

    def _advance(self, text: str) -> Iterator[Piece]:
        buffer, self._held = self._held + text, ""
        at = 0
        while at < len(buffer):
            end = yield from self._step(buffer, at)
            if end is None:
                self._held = buffer[at:]
                break
            at = end
        yield from self._out.flush()

    def _replay(self) -> Iterator[Piece]:
        """Read the deferred text again, as text."""
        if self._step == self._read_nested_end:
            del self._deferred[0]  # the marker that ended the thought after all
            self._thought.nests = False
            self._close()
        elif self._step == self._read_mention:
            self._mention = None
        self._waits = False  # no character is read more than three times
        text = "".join(self._deferred)
        self._deferred.clear()
        self._step, self._last = self._read_text, ""
        rest, self._held = self._held, ""
        yield from self._advance(text + rest)

    def _marker_at(self, buffer: str, at: int) -> str | None:
        """Return the marker at a position, ``None`` without one, or an empty text if it needs more text to decide."""
        marker = self._marks.vocabulary.at(buffer, at) if buffer[at] in _STARTS else None
        return None if self._ended and not marker else marker

    def _is_quoted(self, buffer: str, end: int) -> bool | None:
        """Whether the marker that ends there is in quotes; ``None`` if it needs more text to decide."""
        if not self._last or self._last not in _QUOTES:
            return False
        if end < len(buffer):
            return buffer[end] == self._last
        return False if self._ended else None

    # Text

    def _read_text(self, buffer: str, at: int) -> Step:
        blanks = _BLANKS.match(buffer, at)
        if blanks is not None:
            yield from self._read_blanks(blanks[0])
            return blanks.end()
        char = buffer[at]
        ticks = _TICKS.match(buffer, at) if self._line.fresh and self._line.tick in ("", char) else None
        if ticks is not None:
            yield from self._emit_text(ticks[0], fresh=True)
            self._line.tick, self._line.ticks = char, self._line.ticks + len(ticks[0])
            return ticks.end()
        yield from self._end_ticks()
        marker = self._marker_at(buffer, at)
        if marker:
            return (yield from self._read_marker(buffer, at, marker))
        if marker is not None:
            return None
        run = _RUN.match(buffer, at)
        end = at + 1 if run is None else run.end()
        if self._line.has_fence and self._line.fence_tick == "`" and "`" in buffer[at:end]:
            self._line.fence = 0  # it was an inline code span
        yield from self._emit_text(buffer[at:end])
        return end

    def _read_marker(self, buffer: str, at: int, marker: str) -> Step:
        end = at + len(marker)
        yield from self._out.flush()
        call_state = self._call_state()
        family = self._marks.openings.get(marker)
        if call_state == "call":
            yield from self._emit_text(buffer[at:end])
        elif family is None:
            framing = self._marks.framing.get(marker)
            dropped = self._at_edge if framing is None else self._at_edge or framing in self._thought.seen
            if not dropped or self._line.fence:
                yield from self._emit_text(buffer[at:end])
            elif framing is None:
                self._thought.count += 1  # the prompt had everything but the closing marker
            if self._mention is not None and self._marks.ends(marker, self._mention):
                self._mention = None
        elif self._line.fence or self._mention is not None:
            self._mention = self._mention or family
            yield from self._emit_text(buffer[at:end])
        elif self._at_edge or self._line.fresh or (call_state == "after_call" and self._solid in _CALL_ENDS):
            self._open(family)
        else:
            quoted = self._is_quoted(buffer, end)
            after = buffer[end : end + 2]
            if quoted is None or (after in ("", "\r") and not self._ended):
                return None
            if after.startswith(("\n", "\r\n")) and self._last not in _QUOTES:
                self._open(family)
            else:
                self._mention = None if quoted else family
                yield from self._emit_text(buffer[at:end])
        return end

    def _read_blanks(self, blanks: str) -> Iterator[Piece]:
        begin = blanks.find("\n")
        yield from self._end_ticks()
        if self._at_edge:
            self._blanks.append(blanks)
        elif begin < 0 and self._line.fresh:
            self._blanks.append(blanks)  # dropped if the line begins with a marker
        else:
            end = blanks.rfind("\n") + 1
            yield from self._out.put("quoted" if self._mention else "text", "".join(self._blanks))
            self._blanks.clear()
            if begin < 0:
                yield from self._out.put("quoted" if self._mention else "text", blanks)
                self._line.begun = True
            else:
                yield from self._out.put("quoted" if self._mention else "text", blanks[:begin])
                if self._mention is not None and not self._line.fence:
                    if self._waits:
                        self._deferred.append(blanks[begin:])
                        self._step, self._line.fresh, self._last = self._read_mention, True, blanks[-1]
                        return
                    self._mention = None
                yield from self._out.put("quoted" if self._mention else "text", blanks[begin:end])
                self._line.begun, self._line.fresh = False, True
                if end < len(blanks):
                    self._blanks.append(blanks[end:])
        if begin >= 0:
            self._line.fresh, self._line.has_fence = True, False
        self._last = blanks[-1]

    def _end_ticks(self) -> Iterator[Piece]:
        """Open or close a code fence, if the line began with one."""
        tick, ticks = self._line.tick, self._line.ticks
        self._line.tick, self._line.ticks = "", 0
        if not tick:
            return
        self._line.fresh = False
        yield from self._out.flush()
        if ticks < _FENCE or self._call_state() == "call":
            return
        if not self._line.fence:
            self._line.fence, self._line.fence_tick, self._line.has_fence = ticks, tick, True
        elif tick == self._line.fence_tick and ticks >= self._line.fence:
            self._line.fence, self._mention = 0, None

    def _emit_text(self, text: str, *, fresh: bool = False) -> Iterator[Piece]:
        blanks = "".join(self._blanks)
        self._blanks.clear()
        if self._at_edge and self._thought.count and not self._line.begun:
            blanks = ""
        yield from self._out.put("quoted" if self._mention else "text", blanks + text)
        self._line.begun = True
        self._at_edge, self._line.fresh, self._last, self._solid = False, fresh, text[-1], text[-1]

    # Thoughts

    def _open(self, family: Markers | None) -> None:
        self._blanks.clear()
        self._thought.family = family
        if family is not None:
            self._thought.seen.add(family)
        self._step, self._thought.depth, self._thought.has_text, self._last = self._read_thought, 1, False, ""
        self._thought.count += 1

    def _close(self) -> None:
        self._blanks.clear()
        self._thought.family = None
        self._step, self._thought.depth, self._last = self._read_text, 0, ""
        self._at_edge = self._line.fresh = True

    def _ends(self, marker: str) -> bool:
        """Whether a marker ends the current thought."""
        return self._marks.ends(marker, self._thought.family)

    def _read_thought(self, buffer: str, at: int) -> Step:
        blanks = _BLANKS.match(buffer, at)
        if blanks is not None:
            self._blanks.append(blanks[0])
            self._last = blanks[0][-1]
            return blanks.end()
        marker = self._marker_at(buffer, at)
        if marker == "":
            return None
        run = _RUN.match(buffer, at)
        end = at + len(marker) if marker else at + 1 if run is None else run.end()
        if marker and (self._ends(marker) or marker in self._marks.openings):
            quoted = self._is_quoted(buffer, end)
            if quoted is None:
                return None
            if not quoted and self._ends(marker):
                self._thought.depth -= 1
                if self._thought.depth:
                    self._deferred.append(buffer[at:end])
                    self._step = self._read_nested_end
                else:
                    self._close()
                return end
            family = self._marks.openings.get(marker)
            if not quoted and family is not None and self._thought.family in (None, family):
                if not self._thought.has_text:
                    self._open_again(family)  # the prompt had opened it already
                    return end
                self._thought.depth += self._thought.nests
        yield from self._emit_thought(buffer[at:end])
        return end

    def _open_again(self, family: Markers) -> None:
        self._thought.family = family
        self._thought.seen.add(family)
        self._last = ""

    def _emit_thought(self, text: str) -> Iterator[Piece]:
        blanks = "".join(self._blanks) if self._thought.has_text else "\n\n" if self._thought.any_has_text else ""
        self._blanks.clear()
        if text:
            yield from self._out.put("thought", blanks + text)
            self._thought.has_text = self._thought.any_has_text = True
            self._last = text[-1]

    def _emit_held_thought(self, texts: list[str]) -> Iterator[Piece]:
        """Emit deferred texts as a thought."""
        text = "".join(texts)
        texts.clear()
        if not self._thought.has_text:
            text = text.lstrip()
        stripped = text.rstrip()
        yield from self._emit_thought(stripped)
        self._blanks.append(text[len(stripped) :])

    def _read_nested_end(self, buffer: str, at: int) -> Step:
        """Read on after a closing marker when two markers were opened: the second may only have been mentioned.

        If another closing marker follows, it was a nested thought; if the answer ends first, it was a mention.
        """
        end, marker = self._next_token(buffer, at)
        if end is None:
            return None
        if marker and self._ends(marker):
            yield from self._emit_held_thought(self._deferred)
            self._thought.depth -= 1
            if not self._thought.depth:
                self._close()
                return end
        elif marker and self._marks.openings.get(marker) == self._thought.family:
            self._thought.depth += 1
        self._deferred.append(buffer[at:end])
        return end

    def _read_unsure(self, buffer: str, at: int) -> Step:
        """Read text that is a thought if a closing marker follows, and otherwise part of the answer."""
        end, ends = yield from self._hold_back(buffer, at, None)
        if ends:
            self._thought.count += 1
            yield from self._emit_held_thought(self._deferred[:-1])
            self._deferred.clear()
            self._close()
        return end

    def _read_mention(self, buffer: str, at: int) -> Step:
        """Read on after a line that mentions a marker: if a closing marker follows, the text has no calls."""
        end, ends = yield from self._hold_back(buffer, at, self._mention)
        if ends:
            self._step = self._read_text
            yield from self._emit_text("".join(self._deferred))
            self._deferred.clear()
            self._mention = None
        return end

    def _hold_back(
        self, buffer: str, at: int, family: Markers | None
    ) -> Generator[Piece, None, tuple[int | None, bool]]:
        """Defer the next token; return where it ends, and whether it is a closing marker of the family.

        If an opening marker begins its line, everything deferred is text.
        """
        if buffer[at] in _STARTS and self._marker_at(buffer, at) in self._marks.openings and self._line.fresh:
            yield from self._replay()
            return at, False
        end, marker = self._next_token(buffer, at)
        if end is None:
            return None, False
        text = buffer[at:end]
        self._deferred.append(text)
        self._line.fresh = "\n" in text or (self._line.fresh and text.isspace())
        return end, bool(marker) and self._marks.ends(marker, family)

    def _next_token(self, buffer: str, at: int) -> tuple[int | None, str]:
        """Return where the next run of whitespace, run of text or unquoted marker ends, and that marker."""
        run = _BLANKS.match(buffer, at) or _RUN.match(buffer, at)
        if run is not None:
            self._last = run[0][-1]
            return run.end(), ""
        marker = self._marker_at(buffer, at)
        end = at + len(marker or " ")
        quoted = self._is_quoted(buffer, end) if marker else False
        if marker == "" or quoted is None:
            return None, ""
        self._last = buffer[end - 1]
        return end, "" if quoted else marker or ""
