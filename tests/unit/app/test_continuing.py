"""Continuing an answer: the new text fits the old one, in pieces of any size."""

from __future__ import annotations

import random

import pytest

from browserllm.app.continuing import Joint, instruction_for

CASES = [
    # the text so far, the continuation, what the whole should be
    ("The cat sat on the", "mat.", "The cat sat on the mat."),
    ("The cat sat on the", " mat.", "The cat sat on the mat."),
    ("The cat sat on the ", "mat.", "The cat sat on the mat."),
    ("The cat sat on the ", " mat.", "The cat sat on the mat."),
    ("The cat sat on the", "sat on the mat.", "The cat sat on the mat."),
    ("The cat sat on the", "The cat sat on the mat.", "The cat sat on the mat."),
    ("The quick bro", "brown fox", "The quick brown fox"),
    ("The end.", "Next.", "The end. Next."),
    ("The end", ", then more", "The end, then more"),
    ("- one\n- two\n", "- three", "- one\n- two\n- three"),
    ("これは", "本です", "これは本です"),
    ("I saw a", "and b", "I saw a and b"),
    ("```python\nx = 1\n", "```python\ny = 2\n```", "```python\nx = 1\ny = 2\n```"),
    ("Use `x`:\n```\na\n```\n", "```\nb\n```", "Use `x`:\n```\na\n```\n```\nb\n```"),
    ("Say it", "", "Say it"),
]


@pytest.mark.parametrize(("before", "after", "whole"), CASES)
@pytest.mark.parametrize("seed", range(5))
def test_no_text_is_lost_or_doubled(before: str, after: str, whole: str, seed: int) -> None:
    """The result does not depend on the pieces in which the continuation arrives."""
    chance = random.Random(seed)  # noqa: S311
    joint, text, rest = Joint(before), before, after
    while rest:
        size = len(rest) if seed == 0 else chance.randrange(1, 4)
        text += joint.feed(rest[:size])
        rest = rest[size:]
    assert text + joint.finish() == whole


def test_the_text_after_the_joint_is_passed_on_at_once() -> None:
    joint = Joint("The cat sat on the")
    assert joint.feed("sat on") == ""
    assert joint.feed(" the mat") == " mat"
    assert joint.feed(" the") == " the"
    assert joint.finish() == ""


def test_the_instruction_names_the_end() -> None:
    assert "…the very end”" in instruction_for("x" * 100 + "\nthe very\nend")[-200:].replace("x", "").replace(
        " the", "the"
    )
