"""Patterns compared with two other engines: Node's RegExp, and Python's re where both mean the same.

Not among the unit tests, because it needs Node and Hypothesis.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from browserllm.json_schema.patterns.pattern import Pattern, PatternError
from browserllm.json_schema.patterns.work import TooMuchWork
from cases import cases

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).parents[3]
SEED = 20261129
PATTERNS = 6000
TEXTS = 12

# V8 itself is wrong about some of these beside characters of two code units (`/\2😀|(a)(b)/u`), so those stand apart.
CHARS = ["a", "b", "c", " ", "-", "é", "q", r"\n", "1"]
SETS = [".", r"\d", r"\w", r"\s", r"\S", r"\W", r"\D", "[ab]", "[^a]", "[a-c1]", r"[\d-]", r"[^\s]", r"[\W]"]
SETS += [r"[^\Wa]", "[]", "[^]", r"[\b]", "[é-ü]", r"[\-\]]", r"[^\S]", r"[\u0041-\x5a]", r"\cJ", r"\u{71}"]
COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "{0}", "*?", "+?", "??", "{1,3}?"]
TEST = """
const jobs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answer = ([pattern, texts]) => {
  try { const made = new RegExp(pattern, "u"); return texts.map((text) => made.test(text)); } catch { return null; }
};
process.stdout.write(JSON.stringify(jobs.map(answer)));
"""


class Maker:
    """Generates patterns from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.references = False

    def pattern(self) -> str:
        self.references = self.random.random() < 0.4
        return self.choice(0)

    def choice(self, depth: int) -> str:
        return "|".join(self.sequence(depth) for _ in range(self.random.choice([1, 1, 1, 2, 3])))

    def sequence(self, depth: int) -> str:
        return "".join(self.term(depth) for _ in range(self.random.choice([0, 1, 1, 2, 2, 3, 4])))

    def term(self, depth: int) -> str:
        return self.atom(depth) + (self.random.choice(COUNTS) if self.random.random() < 0.4 else "")

    def atom(self, depth: int) -> str:
        which = self.random.random()
        if depth > 3 or which < 0.35:
            return self.random.choice(CHARS)
        if which < 0.58:
            return self.random.choice(SETS)
        if which < 0.66:
            return self.random.choice([r"\b", r"\B", "^", "$"])
        if which < 0.74:
            return self.random.choice(["(?=", "(?!", "(?<=", "(?<!"]) + self.choice(depth + 1) + ")"
        if which < 0.80 and self.references:
            return self.random.choice([r"\1", r"\2", r"\k<n>"])
        return self.random.choice(["(", "(", "(?:", "(?<n>"]) + self.choice(depth + 1) + ")"

    def text(self) -> str:
        return "".join(self.random.choice("aabbc 1-éqü\n\u2028A") for _ in range(self.random.randint(0, 9)))


def node_answers(jobs: list[tuple[str, list[str]]]) -> list[list[bool] | None]:
    """Return the texts in which Node finds each pattern; nothing for patterns that Node rejects."""
    sys.path.insert(0, str(ROOT / "web"))
    try:
        from build_site import node_command
    finally:
        sys.path.remove(str(ROOT / "web"))
    command = [*node_command("node"), "--eval", TEST]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[list[bool] | None] = json.loads(done.stdout)
    return found


def test_patterns_match_as_in_node() -> None:
    """Every pattern that Node accepts is accepted, and is found in the same texts."""
    print("seed", SEED)  # noqa: T201
    maker = Maker(SEED)
    jobs = [(maker.pattern(), [maker.text() for _ in range(TEXTS)]) for _ in range(PATTERNS)]
    jobs += [
        ("^.$", ["😀", "a😀"]),
        ("^[😀-😎]{2}$", ["😀😎", "😀a"]),
        (r"\u{1F600}+$", ["😀😀", "x"]),
        (r"^\ud83d\ude00$", ["😀"]),
    ]
    wrong: list[Any] = []
    compared = 0
    for (pattern, texts), expected in zip(jobs, node_answers(jobs), strict=True):
        if expected is None:
            continue
        try:
            made = Pattern(pattern)
        except PatternError as error:
            wrong.append((pattern, str(error)))
            continue
        for text, there in zip(texts, expected, strict=True):
            compared += 1
            if made.search(text) is not there:
                wrong.append((pattern, text, there))
    assert wrong == []
    assert compared > PATTERNS * TEXTS // 2


plain = st.recursive(
    st.sampled_from(["a", "b", "c", "[ab]", "[^a]", "[a-c]", r"\d", r"[^\d]", "^", r"\b", "(?=a)", "(?!b)", "(?<=a)"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?", "{2,}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda part: f"(?={part})"),
        inner.map(lambda part: f"(?!{part})"),
    ),
    max_leaves=8,
)


@settings(max_examples=cases(1500), deadline=None, derandomize=True)
@given(plain, st.text("abcd1 ", max_size=10))
def test_patterns_match_as_in_python(pattern: str, text: str) -> None:
    """This covers syntax with the same meaning in both."""
    try:
        other = re.compile(pattern, re.ASCII)
    except re.error:
        assume(False)
        return
    assert Pattern(pattern).search(text) is (other.search(text) is not None)


@settings(max_examples=cases(1500), deadline=None, derandomize=True)
@given(st.text(st.sampled_from([*r"ab(|)*+?{}[]^$\.,-:=!<>12kudwsbBDWSxcnp0", "😀"]), max_size=24), st.text())
def test_any_text_is_a_pattern_or_a_pattern_error(pattern: str, text: str) -> None:
    """There is no other kind of error, and valid patterns can be searched for."""
    try:
        made = Pattern(pattern)
    except PatternError:
        return
    try:
        assert made.search(text) in (True, False)
    except TooMuchWork:
        assert "\\" in pattern
