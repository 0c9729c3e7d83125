"""How many steps a regular expression takes: what Python's own engine does, done slowly and counted.

Python's engine backtracks after a wrong choice, and does not report how often. This one makes the same choices in the
same order (from the tree that Python's parser makes), so that its steps grow as Python's do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

AnyText = Any
_C: Any = _parser
_ANY, _BRANCH, _AT, _GROUPREF = _C.ANY, _C.BRANCH, _C.AT, _C.GROUPREF
_REPEATS = {_C.MAX_REPEAT: "greedy", _C.MIN_REPEAT: "lazy", _C.POSSESSIVE_REPEAT: "possessive"}
_ASSERTS = {_C.ASSERT: True, _C.ASSERT_NOT: False}
_CHAR, _SPLIT, _JUMP, _PLACE, _ATOMIC, _ASSERT = range(6)
"""The parts of a program, each with what it needs: two things at most, so that it is read at once."""
_END = (-1, None, None)
_SINGLE = {_C.LITERAL, _C.NOT_LITERAL, _C.IN, _C.ANY}


class Steps:
    """Counts the steps of one pattern."""

    def __init__(self, pattern: re.Pattern[Any], limit: int = 20_000_000) -> None:
        self.steps = 0
        self.limit = limit
        self._program, self._state, self._flags = _program(pattern)

    def match(self, text: AnyText, start: int = 0, *, full: bool = False) -> int | None:
        """Return where a match that begins at ``start`` ends."""
        return self._run(self._program, text, start, full=full)

    def search(self, text: AnyText, start: int = 0) -> tuple[int, int] | None:
        """Return the first match from ``start`` on."""
        kind, is_first, _ = self._program[0] if self._program else _END
        for begin in range(start, len(text) + 1):
            if kind == _CHAR and not is_first(text[begin : begin + 1]):
                self.steps += 1  # as a match would that fails at once
                continue
            end = self.match(text, begin)
            if end is not None:
                return begin, end
        return None

    def every(self, text: AnyText, at: int = 0) -> Iterator[tuple[int, int]]:
        """Give all matches, as ``finditer`` does."""
        while at <= len(text) and (found := self.search(text, at)) is not None:
            yield found
            at = found[1] + (found[0] == found[1])

    def _run(self, program: list[Any], text: AnyText, start: int, *, full: bool = False) -> int | None:
        size, end, steps, limit = len(text), len(program), self.steps, self.limit
        waiting = [(0, start)]
        while waiting:
            at, position = waiting.pop()
            while True:
                steps += 1
                if steps > limit:
                    raise AssertionError(f"more than {limit:,} steps")
                if at == end:
                    if full and position != size:
                        break
                    self.steps = steps
                    return position
                kind, first, second = program[at]
                if kind == _CHAR:
                    if position >= size or not first(text[position : position + 1]):
                        break
                    position += 1
                elif kind == _SPLIT:  # the first choice now, the second when it was wrong
                    waiting.append((at + second, position))
                    at += first
                    continue
                elif kind == _JUMP:
                    at += first
                    continue
                elif kind == _PLACE:
                    if first(text, position) is None:
                        break
                else:
                    self.steps = steps
                    found = self._inner(kind, first, second, text, position)
                    steps = self.steps
                    if found is None:
                        break
                    position = found
                at += 1
        self.steps = steps
        return None

    def _inner(self, kind: int, program: list[Any], assertion: Any, text: AnyText, position: int) -> int | None:
        """Return where the text after an atomic group or an assertion begins, if it holds."""
        if kind == _ATOMIC:
            return self._run(program, text, position)
        wanted, width = assertion
        held = position >= width and self._run(program, text, position - width) is not None
        return position if held == wanted else None


@cache
def _program(pattern: re.Pattern[Any]) -> tuple[list[Any], Any, int]:
    tree: Any = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    return _compiled(tree, tree.state, pattern.flags), tree.state, pattern.flags


def _compiled(tree: Any, state: Any, flags: int) -> list[Any]:
    program: list[Any] = []
    for op, value in tree:
        program += _one(op, value, state, flags)
    return program


def _one(op: Any, value: Any, state: Any, flags: int) -> list[Any]:
    if op in _SINGLE:
        return [(_CHAR, _test(op, value, state, flags), None)]
    if op is _AT:
        return [(_PLACE, _place(op, value, state, flags), None)]
    if op is _C.SUBPATTERN:
        return _compiled(value[3], state, (flags | value[1]) & ~value[2])
    if op is _C.ATOMIC_GROUP:
        return [(_ATOMIC, _compiled(value, state, flags), None)]
    if op in _ASSERTS:
        direction, inner = value
        width = inner.getwidth()[0] if direction < 0 else 0
        return [(_ASSERT, _compiled(inner, state, flags), (_ASSERTS[op], width))]
    if op is _BRANCH:
        return _branches([_compiled(each, state, flags) for each in value[1]])
    if op in _REPEATS:
        least, most, inner = value
        return _repeat(_compiled(inner, state, flags), least, most, _REPEATS[op])
    raise NotImplementedError(f"{op} is not counted")


def _branches(programs: list[list[Any]]) -> list[Any]:
    made = programs[-1]
    for each in reversed(programs[:-1]):
        made = [(_SPLIT, 1, len(each) + 2), *each, (_JUMP, len(made) + 1, None), *made]
    return made


def _repeat(body: list[Any], least: int, most: Any, way: str) -> list[Any]:
    def choice(inside: int, outside: int) -> Any:
        return (_SPLIT, outside, inside) if way == "lazy" else (_SPLIT, inside, outside)

    made = body * least
    if most is _C.MAXREPEAT:
        made = [*made, choice(1, len(body) + 2), *body, (_JUMP, -len(body) - 1, None)]
    else:
        optional: list[Any] = []
        for _ in range(most - least):
            optional = [choice(1, len(body) + len(optional) + 1), *body, *optional]
        made = made + optional
    return [(_ATOMIC, made, None)] if way == "possessive" else made


def _test(op: Any, value: Any, state: Any, flags: int) -> Callable[[Any], bool]:
    single = _alone(op, value, state, flags)
    return cache(lambda char: single.fullmatch(char) is not None)


def _place(op: Any, value: Any, state: Any, flags: int) -> Callable[[Any, int], Any]:
    return _alone(op, value, state, flags).match


def _alone(op: Any, value: Any, state: Any, flags: int) -> re.Pattern[Any]:
    return _compiler.compile(_parser.SubPattern(state, [(op, value)]), flags)
