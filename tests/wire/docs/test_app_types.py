"""The TypeScript of the app's state and actions: it is what the structs say."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def app_types() -> Any:
    """The script behind `make app-types`."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("app_types")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def test_the_files_are_what_the_structs_say(app_types: Any) -> None:
    """A changed struct without `make app-types` fails here."""
    files = dict(app_types.files())
    assert len(files) == 4
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, "run `make app-types`"


class Inner(msgspec.Struct, rename="camel"):
    """One line."""

    some_size: int = 0


class Outer(msgspec.Struct, rename="camel", tag="outer"):
    """What it is.

    And ``more`` of it.
    """

    inner: Inner
    kind: Literal["a", "b"] | None = None
    pairs: tuple[tuple[str, int | None], ...] = ()
    """Of this."""
    by_name: dict[str, Inner] = {}


def test_what_python_sends_has_every_field(app_types: Any) -> None:
    """A tag is a type, unions stay unions, names are in camel case, and docstrings are comments."""
    assert app_types.interface(Outer) == (
        "/**\n * What it is.\n *\n * And `more` of it.\n */\n"
        "export interface Outer {\n"
        '  readonly type: "outer";\n'
        "  readonly inner: Inner;\n"
        '  readonly kind: "a" | "b" | null;\n'
        "  /** Of this. */\n"
        "  readonly pairs: readonly (readonly [string, number | null])[];\n"
        "  readonly byName: Readonly<Record<string, Inner>>;\n"
        "}\n"
    )


def test_a_page_may_leave_out_what_has_a_default(app_types: Any) -> None:
    """Structs inside have a second type for it."""
    text = app_types.interface(Outer, sent=True)
    assert "  readonly inner: InnerInput;\n" in text
    assert '  readonly kind?: "a" | "b" | null | undefined;\n' in text


def test_a_type_without_typescript_is_an_error(app_types: Any) -> None:
    """It is not written as something else."""
    with pytest.raises(TypeError, match="bytes"):
        app_types.ts(bytes)
