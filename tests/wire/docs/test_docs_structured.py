"""The page about objects: what it shows, runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

import browserllm as bl
from browserllm.structured.generate import MAX_REPAIRS
from browserllm.types import StructuredMode

PAGE = (Path(__file__).parents[3] / "docs" / "structured.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_about_objects_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it; what it claims, it asserts."""
    scope: dict[str, Any] = {"__name__": "pasted"}
    exec(compile(code, "structured.md", "exec", dont_inherit=True), scope)  # noqa: S102 (our own documentation)
    assert "assert " in code
    assert scope["bl"] is bl


def test_the_tables_have_the_modes_and_who_has_them() -> None:
    """Every mode has a row, and every backend with it is named there."""
    rows = {row.split("`")[1]: row for row in PAGE.splitlines() if re.match(r"\| `[a-z_]+` \|", row)}
    assert list(rows) == list(get_args(StructuredMode))
    clouds = {
        "OpenAI": bl.OpenAI("m"),
        "Anthropic": bl.Anthropic("m"),
        "Gemini": bl.Gemini("m"),
        "Ollama": bl.Ollama("m"),
    }
    for mode in ("json_schema", "json", "tool"):
        named = {name for name in clouds if name in rows[mode]}
        assert named == {name for name, llm in clouds.items() if mode in llm.capabilities.structured_output}, mode
    assert bl.LocalBackend.capabilities.structured_output == ("constrained",)
    assert MAX_REPAIRS == 10 and "up to ten times" in PAGE
