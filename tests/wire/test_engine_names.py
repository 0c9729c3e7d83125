"""Engines plug in: the package asks their registry, and compares no names."""

from __future__ import annotations

import ast
from pathlib import Path

import browserllm
from browserllm.models import engines

PACKAGE = Path(browserllm.__file__).parent

# Where a name has to stand: the engines themselves, and what models there are.
NAMED = ("models/engines/", "models/catalog/catalog.py", "models/catalog/curated.py", "models/catalog/prebuilt.py")


def test_no_code_knows_an_engine_by_its_name() -> None:
    """A text that is an engine's name stands nowhere but in the engines' modules and in the catalog's tables."""
    names = set(engines.names())
    found: list[str] = []
    read = 0
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith(("static/", *NAMED)):
            continue
        read += 1
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        texts = [node for node in nodes if isinstance(node, ast.Constant) and node.value in names]
        found += [f"{place}:{node.lineno} {node.value!r}" for node in texts]
    assert read > 100
    assert found == []
