"""A chat option stands in one file of Python and one of the page: here they are compared."""

from __future__ import annotations

import re
from pathlib import Path

import browserllm as bl
from browserllm.types import ENGINE_OPTIONS, OPTION_RANGES

ROOT = Path(__file__).parents[3]


def test_the_page_reads_every_option_that_python_sends() -> None:
    """`ENGINE_OPTIONS` are fields of a request, known to the page's parser and listed in docs/protocol.md."""
    text = (ROOT / "web" / "src" / "engine" / "options.ts").read_text(encoding="utf-8")
    names = re.search(r"const OPTION_NAMES = \[(.*?)\]", text, re.DOTALL)
    assert names is not None
    read = set(re.findall(r'"(\w+)"', names[1]))
    assert set(ENGINE_OPTIONS) <= read & set(bl.ChatRequest.__struct_fields__)
    protocol = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    described = re.search(r"Options: `(.*?)`", protocol, re.DOTALL)
    assert described is not None
    assert set(re.findall(r"\w+", re.sub(r":\s*(?:\{[^}]*\}|\[text\])", "", described[1]))) == read


def test_every_range_is_of_a_field() -> None:
    """A field that is renamed takes its range along."""
    assert {name for name, *_ in OPTION_RANGES} <= set(bl.ChatRequest.__struct_fields__)
