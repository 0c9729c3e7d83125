"""The page about routing: what it shows, runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl

PAGE = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS)
def test_the_code_about_routing_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it; what it claims, it asserts."""
    scope: dict[str, Any] = {}
    exec(compile(code, "routing.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert scope["bl"] is bl


def test_the_explanation_shown_is_the_one_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Word for word."""
    shown = re.search(r"```\n(LocalFirst would ask:.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    code = next(block for block in BLOCKS if "print(await router.explain" in block)
    exec(compile(code, "routing.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == shown[1]


@pytest.mark.parametrize(
    ("option", "default"), [("max_queue", 4), ("min_battery", 0.2), ("max_fetch_bytes", 100_000_000)]
)
def test_the_defaults_in_the_table_are_those_of_the_code(option: str, default: float) -> None:
    """A changed default changes the page."""
    assert getattr(bl.LocalFirst(), option) == default
    said = {"max_queue": "| 4 |", "min_battery": "| 0.2 |", "max_fetch_bytes": "| 100 MB |"}[option]
    assert f"| `{option}` {said}" in PAGE
