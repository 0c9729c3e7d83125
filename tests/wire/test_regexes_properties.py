"""Every regular expression of browserllm takes time that grows with the length of the text alone."""

from __future__ import annotations

import ast
import importlib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import browserllm
from regex_steps import Steps

SOURCE = Path(browserllm.__file__).parent
SEED = 20261129
C: Any = _parser
MARK = "\ue000"
METHODS = {"match", "fullmatch", "search", "finditer", "findall", "split", "sub"}


def _written() -> Iterator[tuple[str, tuple[re.Pattern[Any], set[str]]]]:
    """Give all patterns, with how they are used: those that modules hold by name, and those in the middle of code."""
    for file in sorted(SOURCE.rglob("*.py")):
        source = file.read_text("utf-8")
        if "re." not in source or "static" in file.parts:
            continue
        module = importlib.import_module(".".join(["browserllm", *file.relative_to(SOURCE).with_suffix("").parts]))
        for name, value in vars(module).items():
            for index, each in enumerate(value.values() if isinstance(value, dict) else (value,)):
                if isinstance(each, re.Pattern) and re.search(rf"^{name}\b", source, re.MULTILINE):
                    used = set(re.findall(rf"\b{name}(?:\[[^\]]*\])?\.(\w+)\(", source))
                    yield f"{module.__name__}.{name}[{index}]", (each, used or METHODS)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                first = node.args[0] if node.args else None
                if ast.unparse(node.func.value) == "re" and isinstance(first, ast.Constant):
                    yield f"{module.__name__}:{node.lineno}", (re.compile(first.value), {node.func.attr})


PATTERNS = dict(_written())


class _Samples:
    """Makes texts that a pattern takes, or nearly takes, with one of its repeats done very often."""

    def __init__(self, pattern: re.Pattern[Any], rng: random.Random) -> None:
        self.tree: Any = _parser.parse(pattern.pattern, pattern.flags)
        self.rng = rng
        self.repeats = self._count(self.tree)
        self.often, self.times = -1, 0

    def text(self, often: int, times: int) -> str:
        self.often, self.times, self.seen = often, times, 0
        return self._of(self.tree)

    def _count(self, tree: Any) -> int:
        found = 0
        for _, value in tree:
            for inner in value if isinstance(value, tuple) else [value]:
                for each in inner if isinstance(inner, list) else [inner]:
                    if isinstance(each, C.SubPattern):
                        found += self._count(each)
        return found + sum("REPEAT" in str(op) for op, _ in tree)

    def _of(self, tree: Any) -> str:
        return "".join(self._one(op, value) for op, value in tree)

    def _one(self, op: Any, value: Any) -> str:
        rng = self.rng
        if op is C.LITERAL:
            return chr(value)
        if op is C.BRANCH:
            return self._of(rng.choice(value[1]))
        if op is C.SUBPATTERN:
            return self._of(value[3])
        if op is C.ATOMIC_GROUP:
            return self._of(value)
        if "REPEAT" in str(op):
            least, most, inner = value
            mine, self.seen = self.seen, self.seen + 1
            times = self.times if mine == self.often else rng.randint(least, min(most, least + 2))
            one = self._of(inner)
            return (
                one * times + MARK
                if times > 3
                else "".join([one, *(self._of(inner) for _ in range(times - 1))][:times])
            )
        if op is C.IN:
            negated = value[0][0] is C.NEGATE
            return rng.choice("ab1 -.x") if negated else self._member(rng.choice(value))
        return rng.choice("ab1 \n") if op in (C.ANY, C.NOT_LITERAL) else ""

    def _member(self, member: tuple[Any, Any]) -> str:
        op, value = member
        if op is C.LITERAL:
            return chr(value)
        if op is C.RANGE:
            return chr(self.rng.randint(value[0], min(value[1], value[0] + 9)))
        word = str(value)
        return self.rng.choice(" \t" if "SPACE" in word else "0123456789" if "DIGIT" in word else "aZ_9")


def hostile(pattern: re.Pattern[Any], rng: random.Random, size: int) -> Iterator[str]:
    """Give texts of about one length: a repeat that goes on and on, and beginnings again and again."""
    samples = _Samples(pattern, rng)
    for often in range(samples.repeats):
        begun, _, rest = samples.text(often, size).partition(MARK)
        begun, long = begun[: 2 * size], (begun + rest)[: 2 * size]
        yield from (begun, f"{begun}\0", long, long[:-1], f"{long}\0", f"{long}!\0")
    for _ in range(4):
        short = samples.text(-1, 0) or "a"
        for unit in {short, short[:-1], short[:1], short[: len(short) // 2], f"{short} "} - {""}:
            yield (unit * size)[:size]
            yield (unit * size)[:size] + "\0"
    for char in " \n\\\"'<{[-0a":
        yield char * size


def _steps(pattern: re.Pattern[Any], text: str, used: set[str] = METHODS) -> int:
    given: Any = text.encode("utf-8", "surrogatepass") if isinstance(pattern.pattern, bytes) else text
    steps = Steps(pattern)
    if used - {"match", "fullmatch"}:
        list(steps.every(given))
    steps.match(given)
    steps.match(given, full=True)
    return steps.steps


@pytest.mark.parametrize("name", PATTERNS)
def test_a_regular_expression_takes_time_that_grows_with_the_length(name: str) -> None:
    """Whatever it is given: what it takes, what it nearly takes, and the beginnings of that again and again."""
    pattern, used = PATTERNS[name]
    texts = [list(hostile(pattern, random.Random(SEED), size)) for size in (300, 1200)]  # noqa: S311
    for small, large in zip(*texts, strict=True):
        steps = _steps(pattern, small, used)
        if steps > 25 * (len(small) + 10):  # else it is linear, or as good as that
            assert _steps(pattern, large, used) <= 6 * steps, (name, pattern.pattern, small[:80], SEED)


def test_the_steps_are_those_of_pythons_own_engine() -> None:
    """The counting engine finds the same matches; and it tells a pattern that goes back from one that does not."""
    rng = random.Random(SEED)  # noqa: S311
    for name, (pattern, _) in PATTERNS.items():
        for text in hostile(pattern, rng, 40):
            given: Any = text.encode("utf-8", "surrogatepass") if isinstance(pattern.pattern, bytes) else text
            steps = Steps(pattern)
            assert list(steps.every(given)) == [found.span() for found in pattern.finditer(given)], (name, text)
    old, new = (re.compile(text) for text in (r'"(?:[^"\\]|\\.)*"', r'"(?:[^"\\]++|\\.)*+"?'))
    size, twice = ('"' + r"\"" * count for count in (200, 400))
    assert _steps(old, twice) > 3.5 * _steps(old, size)
    assert _steps(new, twice) < 2.1 * _steps(new, size)
