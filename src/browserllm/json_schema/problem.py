"""What is wrong with a JSON value, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple, Self, TypeGuard

MAX_PROBLEMS = 20
"""The most problems that a `Misfit` tells of: a model that got more of them wrong starts anew anyway."""

MAX_PATH = 1000
"""How many characters of a path are told, and of a key in it."""

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_TAG = re.compile(r"\.[A-Za-z_$][A-Za-z0-9_$-]*|\[\"[^\"]*\"\]")
_LONGEST_KEY = 100
"""The most characters of a key that a path shows: a path is written for each value that lies under it."""
_MOST_SHOWN = 80
_ALTERNATIVES = 3
"""How many alternatives of an anyOf are told of, at most."""
_LONGEST = 2000
"""The most characters of a problem that is made of others."""
_MOST_BITS = 4000
"""Of a number that Python would still write out: it refuses those of 4,300 digits."""


class Problem(NamedTuple):
    """One thing that does not fit: ``path`` is a JSON path (``$.items[0].name``), ``message`` says it to a model."""

    path: str
    message: str

    def __str__(self) -> str:
        return self.message if self.path == "$" else f"{self.message} - at `{self.path}`"


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
        self = super().__new__(cls, path, f"Expected {expected}, got {got}")
        self.expected, self.got, self.kind = expected, got, kind
        return self

    def __getnewargs__(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (self.path, self.expected, self.got, self.kind)


class OtherText(Problem):
    """A problem with a text that is not the one text that is allowed."""


class Misfit(ValueError):  # noqa: N818 (it says what it is)
    """A value that is not of the type; `problems` says where and why, ``str()`` says it to a model.

    Their places are those in the JSON that the model writes. In ``own`` they are those in the value of the type, which
    may lie in an object of the JSON.
    """

    def __init__(self, problems: list[Problem], own: list[Problem] | None = None) -> None:
        """Keep the first `MAX_PROBLEMS` of the ``problems``."""
        self.problems = problems[:MAX_PROBLEMS]
        self.own = self.problems if own is None else own[:MAX_PROBLEMS]
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems, self.own))


def moved(problems: list[Problem], to: str, start: str = "$") -> list[Problem]:
    """Return the problems of a value that lies at another place than was said, also where their words name places."""
    if to == start:
        return problems
    return [
        Problem(to + path.removeprefix(start), said.replace(f"at `{start}", f"at `{to}")) for path, said in problems
    ]


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Say whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a decoded JSON value is a list."""
    return isinstance(value, list)


def path_to(path: str, key: str | int) -> str:
    """Return the path of what lies under a key, or at an index."""
    if len(path) > MAX_PATH:  # a path is written for every item: what is far too long is not made longer
        return path if path.endswith("…") else f"{path[:MAX_PATH]}…"
    if isinstance(key, int):
        return f"{path}[{key}]"
    if len(key) > _LONGEST_KEY:
        key = f"{key[:_LONGEST_KEY]}..."
    return f"{path}.{key}" if _NAME.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def shown(value: Any) -> str:
    """Return the beginning of a value as JSON; what is longer is not read to its end."""
    text = "".join(_written(value, _MOST_SHOWN + 1))
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."


def _written(value: Any, room: int) -> Iterator[str]:
    """Yield a value as JSON, until it is longer than there is room."""
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


def none_fits(tries: list[list[Problem]], path: str) -> list[Problem]:
    """Say why no alternative fits: what is wrong with the one that was meant, where that is plain."""
    firsts = [problem for problems in tries for problem in problems[:1]]
    mismatches = [problem for problem in firsts if isinstance(problem, Mismatch)]
    flat = all(problem.path == path for problems in tries for problem in problems)
    same = len({problem.got for problem in mismatches}) == 1  # some say the value, others its type
    if flat and same and len(mismatches) == len(firsts):
        first, wanted = mismatches[0], dict.fromkeys(problem.expected for problem in mismatches)
        return [Mismatch(path, cut(" or ".join(wanted)), first.got, first.kind)]
    # What has problems further inside is at least of the right kind, and a tag says which one is meant.
    near = [problems for problems in tries if not any(_is_of_another_kind(one, path) for one in problems)]
    tagged = [problems for problems in near if not any(_is_another_tag(one, path) for one in problems)]
    near = tagged if len(tagged) == 1 else near
    if len(near) == 1:
        return near[0]
    told = "; or ".join(" and ".join(map(str, problems[:2])) for problems in (near or tries)[:_ALTERNATIVES])
    return [Problem(path, f"Fits none of the {len(tries)} alternatives: {cut(told)}")]


def cut(text: str) -> str:
    """Shorten a text that is made of others: problems that tell of problems would double with each level."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _is_of_another_kind(problem: Problem, path: str) -> bool:
    """Say whether a problem is that the value is of another type, or another one than the only one that there is."""
    return problem.path == path and isinstance(problem, Mismatch) and bool(problem.kind)


def _is_another_tag(problem: Problem, path: str) -> bool:
    """Say whether a problem is that a field has another value than the one that all such objects have."""
    inside = problem.path.removeprefix(path)
    alone = problem.path != inside and _TAG.fullmatch(inside) is not None
    return alone and (isinstance(problem, OtherText) or (isinstance(problem, Mismatch) and problem.kind == "text"))
