"""Problems carry what was expected and found, so that no code has to read their words."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from browserllm.json_schema.problem import (
    KeyProblem,
    Mismatch,
    NoAlternative,
    OtherText,
    Problem,
    no_alternative_fits,
    relocated,
)


@pytest.mark.parametrize(
    "problem",
    [
        Mismatch("$.a", "`int`", "`str`", "type"),
        OtherText("$.a", "no"),
        Problem("$", "x"),
        KeyProblem("$.a", "b", Problem("$.a", "too short")),
        NoAlternative("$.a", [[Problem("$.a.b", "no")], [Problem("$.a", "nor")]], 2),
    ],
)
def test_a_problem_of_any_kind_is_its_path_and_its_message(problem: Any) -> None:
    """Also after another process has read it."""
    copied = pickle.loads(pickle.dumps(problem))  # noqa: S301
    assert (type(copied), copied, getattr(copied, "__dict__", {})) == (
        type(problem),
        (problem.path, problem.message),
        getattr(problem, "__dict__", {}),
    )


def test_alternatives_of_one_place_are_joined_by_what_they_expected() -> None:
    """Whatever the words are: a value that quotes them is not taken apart."""
    attempts: list[list[Problem]] = [
        [Mismatch("$", "`string`", '"a, got b"', "type")],
        [Mismatch("$", "5", '"a, got b"')],
    ]
    (joined,) = no_alternative_fits(attempts, "$")
    assert joined == ("$", 'expected `string` or 5, got "a, got b"')
    assert isinstance(joined, Mismatch)
    assert (joined.expected, joined.got, joined.kind) == ("`string` or 5", '"a, got b"', "type")


def test_words_that_look_like_a_mismatch_are_not_one() -> None:
    """A message of another piece is preview, and not read."""
    (told,) = no_alternative_fits([[Problem("$", "expected a, got b")], [Problem("$", "expected c, got b")]], "$")
    assert told.message == "does not fit any of the 2 alternatives: expected a, got b; or expected c, got b"


def test_a_problem_of_any_kind_is_relocated_with_the_paths_in_its_message() -> None:
    """And stays of its kind; words of others that look like a path are left as they are."""
    inner = Problem("$.b", "expected text like 'at `$.x`'")
    problems = [
        Mismatch("$.a", "`int`", "`str`", "type"),
        OtherText("$.a", "no"),
        NoAlternative("$", [[inner], [KeyProblem("$", "k", inner)]], 2),
    ]
    moved = relocated(list(problems), "$.items[0]")
    assert [type(problem) for problem in moved] == [type(problem) for problem in problems]
    assert moved == [
        ("$.items[0].a", "expected `int`, got `str`"),
        ("$.items[0].a", "no"),
        (
            "$.items[0]",
            "does not fit any of the 2 alternatives: expected text like 'at `$.x`' - at `$.items[0].b`; or "
            "the key `k` is not valid: expected text like 'at `$.x`' - at `$.items[0]`",
        ),
    ]
    assert relocated(moved, "$", "$.items[0]") == problems
