"""Blank texts: those that show nothing."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from browserllm.app.blank import is_blank


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b", "\ufeff", "\u2060\u00a0", "\u200d\ufe0f", "\u2800", "\x00"])
def test_what_shows_nothing_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", ["a", "\u200ba", ".", "👩\u200d👩\u200d👧", "\u0600", "\u06dd", "\u0627\u200c", "\u0301", "\ufffd"]
)
def test_what_shows_something_is_not_blank(text: str) -> None:
    """Arabic signs of numbers are format characters in Unicode, but are drawn."""
    assert not is_blank(text)


def test_every_space_and_control_of_unicode_is_blank() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    hidden = [one for one in characters if unicodedata.category(one) in ("Zs", "Zl", "Zp", "Cc")]
    assert [one for one in hidden if not is_blank(one)] == []
