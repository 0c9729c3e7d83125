"""How large a file and a class may be: what is larger has more than one idea in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 450
MAX_ATTRIBUTES = 15
GENERATED = {"src/browserllm/models/catalog/prebuilt.py"}


def sources() -> Iterator[Path]:
    """Every file of ours that is written by hand, Python and TypeScript."""
    for folder, pattern in (("src/browserllm", "*.py"), ("web/src", "*.ts")):
        for file in sorted((ROOT / folder).rglob(pattern)):
            name = file.relative_to(ROOT).as_posix()
            if "/static/" not in name and name not in GENERATED:
                yield file


def attributes_of(node: ast.ClassDef) -> set[str]:
    """The names that the methods of a class set on ``self``: its state.

    The fields that the body of a Struct or a TypedDict declares are data, not state, and do not count: a format has as
    many fields as its specification.
    """
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    }


@pytest.mark.parametrize("file", list(sources()), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_and_its_classes_have_one_idea(file: Path) -> None:
    """No file has more than 450 lines, and no class sets more than 15 attributes of its own."""
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES
    if file.suffix == ".py":
        classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
        large = {node.name: len(attributes_of(node)) for node in classes if len(attributes_of(node)) > MAX_ATTRIBUTES}
        assert not large
