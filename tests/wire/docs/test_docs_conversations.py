"""The page about conversations: what it shows, runs."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm.chat.calls import MAX_RESULT_CHARS
from browserllm.chat.context import RESERVE_TOKENS

PAGE = (Path(__file__).parents[3] / "docs" / "conversations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS)
def test_the_code_about_conversations_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block by itself, as a reader would paste it; what it claims, it asserts."""
    scope: dict[str, Any] = {}
    exec(compile(code, "conversations.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert scope["bl"] is bl
    if "asyncio.run" not in code:
        asyncio.run(scope["main"](bl.ScriptedBackend("It scatters.")))
        assert capsys.readouterr().out.count("It scatters.") == 2
    else:
        assert "assert " in code


def test_the_numbers_about_conversations_are_those_of_the_code() -> None:
    """A changed default changes the page."""
    assert f"A result is at most {MAX_RESULT_CHARS:,} characters" in PAGE
    assert f"`reserve` ({RESERVE_TOKENS:,} tokens" in PAGE
    rounds = inspect.signature(bl.Session).parameters["max_rounds"].default
    assert f"After `max_rounds` rounds of calls ({rounds})" in PAGE
    assert f"`DropOldest(keep={bl.chat.DropOldest().keep})`" in PAGE
    made = bl.chat.Summarize()
    assert f"`Summarize(keep={made.keep}, max_tokens={made.max_tokens})`" in PAGE


def test_the_page_about_conversations_has_all_a_session_can_do() -> None:
    """Every method is named."""
    methods = [name for name, _ in inspect.getmembers(bl.Session, inspect.isfunction) if not name.startswith("_")]
    assert [name for name in methods if f"{name}(" not in PAGE and f"`{name}`" not in PAGE] == []
