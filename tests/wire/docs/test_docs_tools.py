"""The page about tools: what it shows, runs, and what it says of bounds is so."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm.chat.builtin import calculator, storage, todo_list, web_fetch
from browserllm.chat.builtin.calculator import MAX_BITS, MAX_CHARS
from browserllm.chat.builtin.todo import MAX_TEXT_CHARS

PAGE = (Path(__file__).parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_about_tools_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it; what it claims, it asserts."""
    assert "assert " in code
    scope: dict[str, Any] = {}
    exec(compile(code, "tools.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert scope["bl"] is bl


def defaults(function: Any) -> dict[str, Any]:
    """What a function takes where nothing is given."""
    return {name: each.default for name, each in inspect.signature(function).parameters.items()}


def test_the_bounds_in_the_page_are_those_of_the_code() -> None:
    """A changed default changes the page."""
    fetch, keeps = defaults(web_fetch), defaults(storage)
    assert f"at most {fetch['max_bytes']:,} bytes, counted unpacked, and {fetch['timeout_s']:g} s" in TEXT
    assert f"gets {fetch['max_chars']:,} characters at a time" in TEXT
    assert f"Redirects (at most {fetch['max_redirects']})" in TEXT
    sizes = f"{keeps['max_value_bytes'] // 1024} KiB, {keeps['max_bytes'] // 1024} KiB in all"
    assert f"{keeps['max_entries']} values of {sizes}" in TEXT
    assert f"{defaults(todo_list)['max_items']} items of {MAX_TEXT_CHARS} characters" in TEXT
    assert f"{MAX_CHARS} characters, exact numbers of {MAX_BITS:,} bits" in TEXT


def test_every_hook_and_every_tool_is_in_its_table() -> None:
    """By name."""
    hooks = [name for name, _ in inspect.getmembers(bl.Hooks, inspect.isfunction) if not name.startswith("_")]
    assert [name for name in hooks if f"| `{name}(" not in PAGE] == []
    assert [name for name in bl.chat.builtin.__all__ if f"| `{name}` |" not in PAGE] == []
    assert calculator().tool.name in bl.chat.builtin.__all__
