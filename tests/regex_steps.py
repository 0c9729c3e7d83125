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
        for begin in range(start, len(text) + 1):
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
        waiting = [(0, start)]
        while waiting:
            at, position = waiting.pop()
            while True:
                self.steps += 1
                if self.steps > self.limit:
                    raise AssertionError(f"more than {self.limit:,} steps")
                if at == len(program):
                    if full and position != len(text):
                        break
                    return position
                kind, *given = program[at]
                if kind == "char":
                    if position >= len(text) or not given[0](text[position : position + 1]):
                        break
                    position += 1
                elif kind == "split":  # the first choice now, the second when it was wrong
                    waiting.append((at + given[1], position))
                    at += given[0]
                    continue
                elif kind == "jump":
                    at += given[0]
                    continue
                elif kind == "atomic":
                    end = self._run(given[0], text, position)
                    if end is None:
                        break
                    position = end
                elif kind == "assert":
                    wanted, width, inner = given
                    held = position >= width and self._run(inner, text, position - width) is not None
                    if held != wanted:
                        break
                elif given[0](text, position) is None:
                    break
                at += 1
        return None


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
        return [("char", _test(op, value, state, flags))]
    if op is _AT:
        return [("at", _place(op, value, state, flags))]
    if op is _C.SUBPATTERN:
        return _compiled(value[3], state, (flags | value[1]) & ~value[2])
    if op is _C.ATOMIC_GROUP:
        return [("atomic", _compiled(value, state, flags))]
    if op in _ASSERTS:
        direction, inner = value
        width = inner.getwidth()[0] if direction < 0 else 0
        return [("assert", _ASSERTS[op], width, _compiled(inner, state, flags))]
    if op is _BRANCH:
        return _branches([_compiled(each, state, flags) for each in value[1]])
    if op in _REPEATS:
        least, most, inner = value
        return _repeat(_compiled(inner, state, flags), least, most, _REPEATS[op])
    raise NotImplementedError(f"{op} is not counted")


def _branches(programs: list[list[Any]]) -> list[Any]:
    made = programs[-1]
    for each in reversed(programs[:-1]):
        made = [("split", 1, len(each) + 2), *each, ("jump", len(made) + 1), *made]
    return made


def _repeat(body: list[Any], least: int, most: Any, way: str) -> list[Any]:
    def choice(inside: int, outside: int) -> Any:
        return ("split", outside, inside) if way == "lazy" else ("split", inside, outside)

    made = body * least
    if most is _C.MAXREPEAT:
        made = [*made, choice(1, len(body) + 2), *body, ("jump", -len(body) - 1)]
    else:
        optional: list[Any] = []
        for _ in range(most - least):
            optional = [choice(1, len(body) + len(optional) + 1), *body, *optional]
        made = made + optional
    return [("atomic", made)] if way == "possessive" else made


def _test(op: Any, value: Any, state: Any, flags: int) -> Callable[[Any], bool]:
    single = _alone(op, value, state, flags)
    return cache(lambda char: single.fullmatch(char) is not None)


def _place(op: Any, value: Any, state: Any, flags: int) -> Callable[[Any, int], Any]:
    return _alone(op, value, state, flags).match


def _alone(op: Any, value: Any, state: Any, flags: int) -> re.Pattern[Any]:
    return _compiler.compile(_parser.SubPattern(state, [(op, value)]), flags)
