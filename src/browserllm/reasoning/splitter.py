"""An answer, in any pieces, split into its text and its thoughts.

A thought begins with an opening mark that comes first: in the answer, in its line, after a call, after another thought.
It also begins with one that ends its line. Anywhere else in a line, in a code fence and in quotes a mark is a mention:
it stays text, and up to its closing mark, where it has one, nothing is a call. A thought ends with its closing mark;
one that never ends is a thought to the end of the answer. Case does not matter.

Blanks before the answer and around a thought are dropped, as templates do, and several thoughts have a blank line
between them. How the answer is cut into pieces changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Literal

from .marks import GENERAL, Marks
from .state import Line, MarkSet, Output, Piece, Thought

Where = Literal["text", "call", "after_call"]
Begins = Literal["text", "thought", "unsure"]
Step = Generator[Piece, None, int | None]
"""Reads on; returns where the next one begins, or ``None`` where that is not clear before more has come."""

_RUN = re.compile(r"[^\s<\[◁]+")
_BLANKS = re.compile(r"\s+")
_TICKS = re.compile("`+|~+")
_QUOTES = "`\"'"
_FENCE = 3
_CALL_ENDS = "}])>`"
_STARTS = "<[◁"


class ThoughtSplitter:
    """Splits an answer that comes in pieces.

    What `feed` and `finish` give must be taken piece by piece: in between, ``where`` is asked of whoever reads the text
    for calls. In the arguments of a call nothing is a mark.
    """

    def __init__(
        self,
        marks: Iterable[Marks] = GENERAL,
        *,
        begins: Begins = "text",
        where: Callable[[], Where] | None = None,
    ) -> None:
        """Read an answer that ``begins`` as text, in a thought that the prompt has opened, or in one of the two.

        What is ``unsure`` is held back until a mark says what it is, or the answer ends without one.
        """
        self._marks = MarkSet(marks)
        self._where: Callable[[], Where] = where or (lambda: "text")
        self._waits = where is not None  # whether it matters how far a mention goes
        self._step: Callable[[str, int], Step] = self._text
        self._held = ""  # what may be the beginning of a mark
        self._blanks: list[str] = []  # which may be dropped
        self._later: list[str] = []  # of which it will be seen whether it is text or a thought
        self._last = self._solid = ""  # the character before, and the last one of the text that is no blank
        self._ended = False
        self._out = Output()
        self._edge = True  # nothing but blanks since the answer began, or a thought ended
        self._mention: Marks | None = None
        self._line = Line()
        self._thought = Thought()
        if begins == "thought":
            self._open(None)
        elif begins == "unsure":
            self._step = self._unsure

    @property
    def thinking(self) -> bool:
        """Whether a thought has begun and not ended."""
        return self._thought.depth > 0

    @property
    def undecided(self) -> bool:
        """Whether it is not clear yet what becomes of something that was read."""
        blanks = self._blanks and not self.thinking and not (self._edge and self._thought.count)
        return bool(self._held or self._later or blanks)

    def feed(self, text: str) -> Iterator[Piece]:
        """Take the next piece of the answer; give what is clear by now."""
        if text:
            yield from self._go_on(text)

    def release(self) -> Iterator[Piece]:
        """Say that the thoughts of this answer come in another way: what was unsure is text."""
        if self._step == self._unsure:
            yield from self._replay()

    def finish(self, *, cut: bool = False) -> Iterator[Piece]:
        """Say that the answer has ended, or was ``cut`` off; give the rest."""
        self._ended = True
        yield from self._go_on("")
        if self._step == self._mentioned and cut:
            yield from self._out.put("quoted", "".join(self._later))
            self._later.clear()
        elif self._later and cut:
            self._thought.depth = 1
            yield from self._think_of(self._later)
        elif self._later:
            yield from self._replay()
        if not self.thinking and not (self._edge and self._thought.count):
            yield from self._out.put("text", "".join(self._blanks))
        self._blanks.clear()
        yield from self._out.flush()

    def _go_on(self, text: str) -> Iterator[Piece]:
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
        """Read what was held back as text."""
        if self._step == self._settle:
            del self._later[0]  # the mark that ended the thought, as is clear now
            self._thought.nests = False
            self._close()
        elif self._step == self._mentioned:
            self._mention = None
        self._waits = False  # no character is read more than three times
        text = "".join(self._later)
        self._later.clear()
        self._step, self._last = self._text, ""
        rest, self._held = self._held, ""
        yield from self._go_on(text + rest)

    def _mark(self, buffer: str, at: int) -> str | None:
        """Return the mark that stands there, ``None`` where none does; an empty text where that is not clear yet."""
        mark = self._marks.vocabulary.at(buffer, at) if buffer[at] in _STARTS else None
        return None if self._ended and not mark else mark

    def _is_quoted(self, buffer: str, end: int) -> bool | None:
        """Say whether what ends there has quotes around it; ``None`` where that is not clear yet."""
        if not self._last or self._last not in _QUOTES:
            return False
        if end < len(buffer):
            return buffer[end] == self._last
        return False if self._ended else None

    # Text

    def _text(self, buffer: str, at: int) -> Step:
        blanks = _BLANKS.match(buffer, at)
        if blanks is not None:
            yield from self._read_blanks(blanks[0])
            return blanks.end()
        char = buffer[at]
        ticks = _TICKS.match(buffer, at) if self._line.fresh and self._line.tick in ("", char) else None
        if ticks is not None:
            yield from self._say(ticks[0], fresh=True)
            self._line.tick, self._line.ticks = char, self._line.ticks + len(ticks[0])
            return ticks.end()
        yield from self._end_ticks()
        mark = self._mark(buffer, at)
        if mark:
            return (yield from self._mark_in_text(buffer, at, mark))
        if mark is not None:
            return None
        run = _RUN.match(buffer, at)
        end = at + 1 if run is None else run.end()
        if self._line.has_fence and self._line.fence_tick == "`" and "`" in buffer[at:end]:
            self._line.fence = 0  # it was code within a line
        yield from self._say(buffer[at:end])
        return end

    def _mark_in_text(self, buffer: str, at: int, mark: str) -> Step:
        end = at + len(mark)
        yield from self._out.flush()
        where = self._where()
        family = self._marks.openings.get(mark)
        if where == "call":
            yield from self._say(buffer[at:end])
        elif family is None:
            framing = self._marks.framing.get(mark)
            dropped = self._edge if framing is None else self._edge or framing in self._thought.seen
            if not dropped or self._line.fence:
                yield from self._say(buffer[at:end])
            elif framing is None:
                self._thought.count += 1  # the prompt had all of it but its end
            if self._mention is not None and self._marks.ends(mark, self._mention):
                self._mention = None
        elif self._line.fence or self._mention is not None:
            self._mention = self._mention or family
            yield from self._say(buffer[at:end])
        elif self._edge or self._line.fresh or (where == "after_call" and self._solid in _CALL_ENDS):
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
                yield from self._say(buffer[at:end])
        return end

    def _read_blanks(self, blanks: str) -> Iterator[Piece]:
        begin = blanks.find("\n")
        yield from self._end_ticks()
        if self._edge:
            self._blanks.append(blanks)
        elif begin < 0 and self._line.fresh:
            self._blanks.append(blanks)  # a mark that begins its line takes them along
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
                        self._later.append(blanks[begin:])
                        self._step, self._line.fresh, self._last = self._mentioned, True, blanks[-1]
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
        """Begin or end a code fence, where the line began with one."""
        tick, ticks = self._line.tick, self._line.ticks
        self._line.tick, self._line.ticks = "", 0
        if not tick:
            return
        self._line.fresh = False
        yield from self._out.flush()
        if ticks < _FENCE or self._where() == "call":
            return
        if not self._line.fence:
            self._line.fence, self._line.fence_tick, self._line.has_fence = ticks, tick, True
        elif tick == self._line.fence_tick and ticks >= self._line.fence:
            self._line.fence, self._mention = 0, None

    def _say(self, text: str, *, fresh: bool = False) -> Iterator[Piece]:
        blanks = "".join(self._blanks)
        self._blanks.clear()
        if self._edge and self._thought.count and not self._line.begun:
            blanks = ""
        yield from self._out.put("quoted" if self._mention else "text", blanks + text)
        self._line.begun = True
        self._edge, self._line.fresh, self._last, self._solid = False, fresh, text[-1], text[-1]

    # Thoughts

    def _open(self, family: Marks | None) -> None:
        self._blanks.clear()
        self._thought.family = family
        if family is not None:
            self._thought.seen.add(family)
        self._step, self._thought.depth, self._thought.speaks, self._last = self._think_on, 1, False, ""
        self._thought.count += 1

    def _close(self) -> None:
        self._blanks.clear()
        self._thought.family = None
        self._step, self._thought.depth, self._last = self._text, 0, ""
        self._edge = self._line.fresh = True

    def _ends(self, mark: str) -> bool:
        """Say whether a mark ends the thought that is read."""
        return self._marks.ends(mark, self._thought.family)

    def _think_on(self, buffer: str, at: int) -> Step:
        blanks = _BLANKS.match(buffer, at)
        if blanks is not None:
            self._blanks.append(blanks[0])
            self._last = blanks[0][-1]
            return blanks.end()
        mark = self._mark(buffer, at)
        if mark == "":
            return None
        run = _RUN.match(buffer, at)
        end = at + len(mark) if mark else at + 1 if run is None else run.end()
        if mark and (self._ends(mark) or mark in self._marks.openings):
            quoted = self._is_quoted(buffer, end)
            if quoted is None:
                return None
            if not quoted and self._ends(mark):
                self._thought.depth -= 1
                if self._thought.depth:
                    self._later.append(buffer[at:end])
                    self._step = self._settle
                else:
                    self._close()
                return end
            family = self._marks.openings.get(mark)
            if not quoted and family is not None and self._thought.family in (None, family):
                if not self._thought.speaks:
                    self._open_again(family)  # the prompt had it already
                    return end
                self._thought.depth += self._thought.nests
        yield from self._think(buffer[at:end])
        return end

    def _open_again(self, family: Marks) -> None:
        self._thought.family = family
        self._thought.seen.add(family)
        self._last = ""

    def _think(self, text: str) -> Iterator[Piece]:
        blanks = "".join(self._blanks) if self._thought.speaks else "\n\n" if self._thought.spoken else ""
        self._blanks.clear()
        if text:
            yield from self._out.put("thought", blanks + text)
            self._thought.speaks = self._thought.spoken = True
            self._last = text[-1]

    def _think_of(self, texts: list[str]) -> Iterator[Piece]:
        """Take for a thought what was held back."""
        text = "".join(texts)
        texts.clear()
        if not self._thought.speaks:
            text = text.lstrip()
        said = text.rstrip()
        yield from self._think(said)
        self._blanks.append(text[len(said) :])

    def _settle(self, buffer: str, at: int) -> Step:
        """Read what comes after a closing mark where two were opened: the second may only have been mentioned.

        Another closing mark says that it was a thought in the thought, and the answer's end that it was a mention.
        """
        end, mark = self._next(buffer, at)
        if end is None:
            return None
        if mark and self._ends(mark):
            yield from self._think_of(self._later)
            self._thought.depth -= 1
            if not self._thought.depth:
                self._close()
                return end
        elif mark and self._marks.openings.get(mark) == self._thought.family:
            self._thought.depth += 1
        self._later.append(buffer[at:end])
        return end

    def _unsure(self, buffer: str, at: int) -> Step:
        """Read what is a thought if a closing mark comes, and text if there is none."""
        end, ends = yield from self._hold_back(buffer, at, None)
        if ends:
            self._thought.count += 1
            yield from self._think_of(self._later[:-1])
            self._later.clear()
            self._close()
        return end

    def _mentioned(self, buffer: str, at: int) -> Step:
        """Read what comes after a line that mentions a mark: text without calls if it has a closing mark."""
        end, ends = yield from self._hold_back(buffer, at, self._mention)
        if ends:
            self._step = self._text
            yield from self._say("".join(self._later))
            self._later.clear()
            self._mention = None
        return end

    def _hold_back(self, buffer: str, at: int, family: Marks | None) -> Generator[Piece, None, tuple[int | None, bool]]:
        """Keep what comes for later; return where it ends, and whether it is a closing mark of the family.

        An opening mark that begins its line says that all of it is text.
        """
        if buffer[at] in _STARTS and self._mark(buffer, at) in self._marks.openings and self._line.fresh:
            yield from self._replay()
            return at, False
        end, mark = self._next(buffer, at)
        if end is None:
            return None, False
        text = buffer[at:end]
        self._later.append(text)
        self._line.fresh = "\n" in text or (self._line.fresh and text.isspace())
        return end, bool(mark) and self._marks.ends(mark, family)

    def _next(self, buffer: str, at: int) -> tuple[int | None, str]:
        """Return where a run of blanks, of text, or a mark without quotes around it ends, and that mark."""
        run = _BLANKS.match(buffer, at) or _RUN.match(buffer, at)
        if run is not None:
            self._last = run[0][-1]
            return run.end(), ""
        mark = self._mark(buffer, at)
        end = at + len(mark or " ")
        quoted = self._is_quoted(buffer, end) if mark else False
        if mark == "" or quoted is None:
            return None, ""
        self._last = buffer[end - 1]
        return end, "" if quoted else mark or ""
