r"""Match patterns with backreferences (``(a|b)\1``) by backtracking, within a limit of work."""

from __future__ import annotations

from typing import NamedTuple

from .syntax import (
    WORD,
    Alternation,
    Anchor,
    Backreference,
    Chars,
    Concatenation,
    Group,
    Lookaround,
    Node,
    PatternError,
    Ranges,
    Repeat,
    Tree,
)
from .work import Work

_MAX_STEPS = 20_000
"""The most instructions of one pattern."""
_WORD = frozenset(chr(code) for first, last in WORD for code in range(first, last + 1))

Slots = tuple[int, ...]
"""Where groups begin and end, and where iterations of a repetition began; -1 if unknown."""


class _Do(NamedTuple):
    """An instruction; the meaning of ``a`` and ``b`` depends on the ``kind``."""

    kind: str
    a: int = 0
    b: int = 0
    ranges: Ranges = ()
    word: str = ""


class Backtracker:
    """The instructions of a pattern. As in ECMAScript, a group that has not matched yet is the empty text."""

    def __init__(self, tree: Tree) -> None:
        """Compile the instructions; raises `PatternError` if there are too many."""
        self._names = tree.names
        self._slots = 2 * (tree.groups + 1)
        self._steps: list[_Do] = []
        self._emit(tree.node, back=False)
        self._add("end")

    def _add(self, kind: str, a: int = 0, b: int = 0, ranges: Ranges = (), word: str = "") -> int:
        if len(self._steps) >= _MAX_STEPS:
            raise PatternError(f"with its repetitions expanded it has more than {_MAX_STEPS} steps")
        self._steps.append(_Do(kind, a, b, ranges, word))
        return len(self._steps) - 1

    def _emit(self, node: Node, *, back: bool) -> None:
        """Compile a part; inside a lookbehind it is read ``back``, from its end."""
        if isinstance(node, Chars):
            self._add("char", -1 if back else 1, ranges=node.ranges)
        elif isinstance(node, Concatenation):
            for part in reversed(node.parts) if back else node.parts:
                self._emit(part, back=back)
        elif isinstance(node, Alternation):
            jumps: list[int] = []
            for part in node.parts[:-1]:
                split = self._add("split")
                self._emit(part, back=back)
                jumps.append(self._add("jump"))
                self._steps[split] = _Do("split", split + 1, len(self._steps))
            self._emit(node.parts[-1], back=back)
            for jump in jumps:
                self._steps[jump] = _Do("jump", len(self._steps))
        elif isinstance(node, Repeat):
            self._emit_repeat(node, back)
        elif isinstance(node, Group):
            self._add("save", 2 * node.number + back)
            self._emit(node.part, back=back)
            self._add("save", 2 * node.number + (not back))
        elif isinstance(node, Anchor):
            self._add("anchor", word=node.kind)
        elif isinstance(node, Backreference):
            group = node.group if isinstance(node.group, int) else self._names[node.group]
            self._add("back", group, -1 if back else 1)
        else:
            look = self._add("look")
            self._emit(node.part, back=node.behind)
            self._add("end")
            self._steps[look] = _Do("look", len(self._steps), int(node.negated))

    def _emit_repeat(self, node: Repeat, back: bool) -> None:
        groups = _groups(node.part)
        first, last = 2 * min(groups, default=0), 2 * max(groups, default=-1) + 1

        def turn() -> None:
            if groups:
                self._add("forget", first, last)
            self._emit(node.part, back=back)

        for _ in range(node.least):
            before = len(self._steps)
            turn()
            if len(self._steps) == before:
                return
        mark = self._slots
        self._slots += 1
        splits: list[int] = []
        for _ in range(1 if node.most is None else node.most - node.least):
            splits.append(self._add("split"))
            self._add("save", mark)
            turn()
            self._add("moved", mark)
            if node.most is None:
                self._add("jump", splits[0])
        for split in splits:
            on, out = split + 1, len(self._steps)
            self._steps[split] = _Do("split", out, on) if node.lazy else _Do("split", on, out)

    def search(self, text: str, work: Work) -> bool:
        """Whether the pattern is found in a text; raises `TooMuchWork`."""
        none = (-1,) * self._slots
        return any(self._run(0, at, none, text, work) is not None for at in range(len(text) + 1))

    def _run(self, step: int, at: int, slots: Slots, text: str, work: Work) -> Slots | None:
        """Run the instructions from ``step`` to an end; return the slots, or ``None`` without a match."""
        waiting: list[tuple[int, int, Slots]] = [(step, at, slots)]
        cost = 8 + (self._slots >> 4)
        while waiting:
            step, at, slots = waiting.pop()
            while True:
                work.spend(cost)
                do = self._steps[step]
                step += 1
                if do.kind == "end":
                    return slots
                if do.kind == "jump":
                    step = do.a
                elif do.kind == "split":
                    waiting.append((do.b, at, slots))
                    step = do.a
                elif do.kind == "save":
                    slots = (*slots[: do.a], at, *slots[do.a + 1 :])
                elif do.kind == "forget":
                    slots = (*slots[: do.a], *(-1,) * (do.b + 1 - do.a), *slots[do.b + 1 :])
                elif do.kind == "look":
                    found = self._run(step, at, slots, text, work)
                    if (found is None) is not bool(do.b):
                        break
                    slots = slots if found is None else found
                    step = do.a
                else:
                    after = _moved(do, at, slots, text, work)
                    if after is None:
                        break
                    at = after
        return None


def _moved(do: _Do, at: int, slots: Slots, text: str, work: Work) -> int | None:
    """Return the position after an instruction that reads the text; ``None`` if it does not match."""
    if do.kind == "char":
        place = at if do.a > 0 else at - 1
        if not 0 <= place < len(text):
            return None
        code = ord(text[place])
        return at + do.a if any(first <= code <= last for first, last in do.ranges) else None
    if do.kind == "moved":
        return at if at != slots[do.a] else None
    if do.kind == "anchor":
        return at if _holds_at(do.word, at, text) else None
    begin, end = slots[2 * do.a], slots[2 * do.a + 1]
    if begin < 0 or end < 0:
        return at
    size = end - begin
    work.spend(size >> 4)
    start = at if do.b > 0 else at - size
    if start < 0 or text[start : start + size] != text[begin:end]:
        return None
    return at + do.b * size


def _holds_at(kind: str, at: int, text: str) -> bool:
    if kind == "^":
        return at == 0
    if kind == "$":
        return at == len(text)
    before, after = at > 0 and text[at - 1] in _WORD, at < len(text) and text[at] in _WORD
    return (before is not after) is (kind == "b")


def _groups(node: Node) -> list[int]:
    """Return the numbers of the groups in a part."""
    if isinstance(node, Group):
        return [node.number, *_groups(node.part)]
    if isinstance(node, Repeat | Lookaround):
        return _groups(node.part)
    return (
        [number for part in node.parts for number in _groups(part)]
        if isinstance(node, Concatenation | Alternation)
        else []
    )
