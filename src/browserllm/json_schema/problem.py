"""What is wrong with a JSON value, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple, Self, TypeGuard

MAX_PROBLEMS = 20
"""The most problems in an `InvalidValue`: with more mistakes, a model starts over anyway."""

MAX_PATH = 1000
"""The most characters of a path."""

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_TAG = re.compile(r"\.[A-Za-z_$][A-Za-z0-9_$-]*|\[\"[^\"]*\"\]")
_LONGEST_KEY = 100
"""The most characters of a key in a path: every path below a key repeats it."""
_MOST_SHOWN = 80
_ALTERNATIVES = 3
"""The most alternatives of an anyOf in one message."""
_LONGEST = 2000
"""The most characters of a message that contains other messages."""
_MOST_BITS = 4000
"""The most bits of an integer that is written out: Python refuses to write more than 4,300 digits."""


class Problem(NamedTuple):
    """One thing that does not fit: ``path`` is a JSON path (``$.items[0].name``), ``message`` is for a model."""

    path: str
    message: str

    def __str__(self) -> str:
        return self.message if self.path == "$" else f"{self.message} - at `{self.path}`"

    def relocated(self, to: str, start: str) -> Problem:
        """Return the problem with a path that begins with ``to`` instead of ``start``."""
        return type(self)(_moved(self.path, to, start), self.message)

    def of_key(self, path: str, name: str) -> KeyProblem:
        """Return this as a problem of a key of the object at ``path``."""
        return KeyProblem(path, name, self)


class Mismatch(Problem):
    """A problem that says what was expected and what was found instead.

    ``kind`` is ``type`` where a value of another type was expected, ``text`` where one text and no other was, else
    empty.
    """

    expected: str
    got: str
    kind: Literal["type", "text", ""]

    def __new__(cls, path: str, expected: str, got: str, kind: Literal["type", "text", ""] = "") -> Self:
        """Make the message of what was expected and found."""
        self = super().__new__(cls, path, f"expected {expected}, got {got}")
        self.expected, self.got, self.kind = expected, got, kind
        return self

    def relocated(self, to: str, start: str) -> Problem:
        """Return the problem with a path that begins with ``to`` instead of ``start``."""
        return Mismatch(_moved(self.path, to, start), self.expected, self.got, self.kind)

    def __getnewargs__(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (self.path, self.expected, self.got, self.kind)


class OtherText(Problem):
    """A problem with a text that is not the one text that is allowed."""


class KeyProblem(Problem):
    """A problem with the key ``name`` of an object at ``path``; the name is empty if it is not known."""

    name: str
    inner: Problem

    def __new__(cls, path: str, name: str, inner: Problem) -> Self:
        """Make the message of what is wrong with the key."""
        self = super().__new__(cls, path, f"the key {f'`{name}` ' if name else ''}is not valid: {inner.message}")
        self.name, self.inner = name, inner
        return self

    def relocated(self, to: str, start: str) -> Problem:
        """Return the problem with paths that begin with ``to`` instead of ``start``."""
        return KeyProblem(_moved(self.path, to, start), self.name, self.inner.relocated(to, start))

    def __getnewargs__(self) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (self.path, self.name, self.inner)


class NoAlternative(Problem):
    """A value that fits no alternative. ``alternatives`` is their number, ``shown`` the problems of the likeliest."""

    shown: list[list[Problem]]
    alternatives: int

    def __new__(cls, path: str, shown: list[list[Problem]], alternatives: int) -> Self:
        """Make the message of the problems, which has their paths in it."""
        described = "; or ".join(" and ".join(map(str, problems)) for problems in shown)
        self = super().__new__(
            cls, path, f"does not fit any of the {alternatives} alternatives: {truncated(described)}"
        )
        self.shown, self.alternatives = shown, alternatives
        return self

    def relocated(self, to: str, start: str) -> Problem:
        """Return the problem with paths that begin with ``to`` instead of ``start``."""
        shown = [[problem.relocated(to, start) for problem in problems] for problems in self.shown]
        return NoAlternative(_moved(self.path, to, start), shown, self.alternatives)

    def __getnewargs__(self) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (self.path, self.shown, self.alternatives)


class InvalidValue(ValueError):  # noqa: N818 (named for the value)
    """A value that does not fit a type; `problems` has the paths and reasons, ``str()`` is a message for a model.

    The paths of `problems` are those in the JSON that the model writes. The paths of `own` are those in the value of
    the type, which may be wrapped in an object in the JSON.
    """

    def __init__(self, problems: list[Problem], own: list[Problem] | None = None) -> None:
        """Keep the first `MAX_PROBLEMS` of the ``problems``."""
        self.problems = problems[:MAX_PROBLEMS]
        self.own = self.problems if own is None else own[:MAX_PROBLEMS]
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems, self.own))


def relocated(problems: list[Problem], to: str, start: str = "$") -> list[Problem]:
    """Return the problems with paths that begin with ``to`` instead of ``start``, also inside their messages."""
    return problems if to == start else [problem.relocated(to, start) for problem in problems]


def _moved(path: str, to: str, start: str) -> str:
    return to + path.removeprefix(start)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a decoded JSON value is a list."""
    return isinstance(value, list)


def path_to(path: str, key: str | int) -> str:
    """Return the path of the value at a key or an index."""
    if len(path) > MAX_PATH:  # every item has a path, so stop extending long ones
        return path if path.endswith("…") else f"{path[:MAX_PATH]}…"
    if isinstance(key, int):
        return f"{path}[{key}]"
    if len(key) > _LONGEST_KEY:
        key = f"{key[:_LONGEST_KEY]}..."
    return f"{path}.{key}" if _NAME.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def preview(value: Any) -> str:
    """Return a value as JSON, shortened; a long value is not read to its end."""
    text = "".join(_written(value, _MOST_SHOWN + 1))
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."


def _written(value: Any, room: int) -> Iterator[str]:
    """Yield a value as JSON, until it exceeds the room."""
    if isinstance(value, str):
        yield json.dumps(value[:room], ensure_ascii=False)
        return
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        yield f"a number of {value.bit_length()} bits"
        return
    pairs = [("", one) for one in islice(value, room)] if is_list(value) else None
    if is_object(value):
        names = islice(value.items(), room)
        pairs = [(f"{json.dumps(str(name)[:room], ensure_ascii=False)}: ", one) for name, one in names]
    if pairs is None:
        yield json.dumps(value, ensure_ascii=False, default=repr)
        return
    begin, end = "[]" if is_list(value) else "{}"
    yield begin
    left = room - 1
    for at, (before, one) in enumerate(pairs):
        start = f"{', ' if at else ''}{before}"
        yield start
        left -= len(start)
        for part in _written(one, max(left, 1)):
            yield part
            left -= len(part)
        if left <= 0:
            return
    yield end


def no_alternative_fits(attempts: list[list[Problem]], path: str) -> list[Problem]:
    """Say why no alternative fits: what is wrong with the one that was meant, where that is plain."""
    firsts = [problem for problems in attempts for problem in problems[:1]]
    mismatches = [problem for problem in firsts if isinstance(problem, Mismatch)]
    flat = all(problem.path == path for problems in attempts for problem in problems)
    same = len({problem.got for problem in mismatches}) == 1  # some say the value, others its type
    if flat and same and len(mismatches) == len(firsts):
        first, wanted = mismatches[0], dict.fromkeys(problem.expected for problem in mismatches)
        return [Mismatch(path, truncated(" or ".join(wanted)), first.got, first.kind)]
    # What has problems further inside is at least of the right kind, and a tag says which one is meant.
    near = [problems for problems in attempts if not any(_is_of_another_kind(one, path) for one in problems)]
    tagged = [problems for problems in near if not any(_is_another_tag(one, path) for one in problems)]
    near = tagged if len(tagged) == 1 else near
    if len(near) == 1:
        return near[0]
    shown = [problems[:2] for problems in (near or attempts)[:_ALTERNATIVES]]
    return [NoAlternative(path, shown, len(attempts))]


def truncated(text: str) -> str:
    """Shorten a message that contains other messages: its length would double with each level."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _is_of_another_kind(problem: Problem, path: str) -> bool:
    """Say whether the problem is that the value has the wrong type, or is not the only allowed value."""
    return problem.path == path and isinstance(problem, Mismatch) and bool(problem.kind)


def _is_another_tag(problem: Problem, path: str) -> bool:
    """Whether the problem is that a tag field does not have its only allowed value."""
    inside = problem.path.removeprefix(path)
    alone = problem.path != inside and _TAG.fullmatch(inside) is not None
    return alone and (isinstance(problem, OtherText) or (isinstance(problem, Mismatch) and problem.kind == "text"))
