"""The documentation: what it shows, runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl

DOCS = Path(__file__).parents[2] / "docs"
MODELS = (DOCS / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", MODELS, re.DOTALL))
def test_the_code_about_models_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it."""
    scope: dict[str, Any] = {}
    exec(compile(code, "models.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert scope["bl"] is bl


def test_the_numbers_about_models_are_those_of_the_catalog() -> None:
    """A refreshed catalog has other counts: then the page must say so."""
    cards = list(bl.Catalog())
    builds = [a for card in cards for a in card.artifacts if a.engine == "webllm" and not a.bundled]
    of_webllm = [card for card in cards if any(a in builds for a in card.artifacts)]
    of_both = [
        card for card in cards if card.id != "pocket" and any(a.engine == "transformersjs" for a in card.artifacts)
    ]
    said = f"knows {len(cards)} models: the built-in `pocket`, every model in the list of the pinned web-llm "
    assert said in MODELS.replace("\n", " ")
    assert f"({len(builds)} builds of {len(of_webllm)} models)" in MODELS
    assert len(of_both) == 14
    assert "for fourteen models" in MODELS.replace("\n", " ")
