"""Problems carry what was expected and found, so that no code has to read their words."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from browserllm.json_schema.problem import Mismatch, OtherText, Problem, no_alternative_fits


@pytest.mark.parametrize(
    "problem", [Mismatch("$.a", "`int`", "`str`", "type"), OtherText("$.a", "no"), Problem("$", "x")]
)
def test_a_problem_of_any_kind_is_its_path_and_its_message(problem: Any) -> None:
    """Also after another process has read it."""
    copied = pickle.loads(pickle.dumps(problem))  # noqa: S301
    assert (type(copied), copied, vars(copied) if isinstance(problem, Mismatch) else None) == (
        type(problem),
        (problem.path, problem.message),
        vars(problem) if isinstance(problem, Mismatch) else None,
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
