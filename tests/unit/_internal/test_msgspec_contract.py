"""The contract of `browserllm._internal.msgspec_errors` with msgspec: each test names the assumption that broke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from browserllm._internal.msgspec_errors import place_of


class Custom:
    """A type that msgspec leaves to a hook."""


class EmptyError(ValueError):
    """Has no words of its own."""


class Item(msgspec.Struct):
    name: str


class Checked(msgspec.Struct):
    name: str

    def __post_init__(self) -> None:
        raise ValueError("no - at `$.elsewhere`")


def error_of(value: Any, kind: Any) -> msgspec.ValidationError:
    """Return the error of a value that does not fit a type."""

    def hook(kind: Any, value: Any) -> Any:
        raise EmptyError

    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind, dec_hook=hook, str_keys=True)
    return caught.value


def test_an_error_has_nothing_public_besides_its_text() -> None:
    """If msgspec has the path in an attribute now, `place_of` should read that."""
    error = error_of([{"name": 1}], list[Item])
    assert not [name for name in dir(error) if name not in dir(ValueError) and not name.startswith("__")]


@pytest.mark.parametrize(
    ("value", "kind", "path", "steps", "of_key"),
    [
        (1, str, "$", (), False),
        ([{"name": 1}], list[Item], "$[0].name", (0, "name"), False),
        ({"a": {"b": ["x"]}}, dict[str, dict[str, list[int]]], "$[...][...][0]", (None, None, 0), False),
        ({"x": 1}, dict[int, int], "$", (), True),
        ({"a": {"x": 1}}, dict[str, dict[int, int]], "$[...]", (None,), True),
        ([1, "x"], tuple[int, int], "$[1]", (1,), False),
    ],
)
def test_the_place_is_at_the_end_of_the_text(
    value: Any, kind: Any, path: str, steps: tuple[Any, ...], of_key: bool
) -> None:
    """As `` - at `$.a[0]` ``, `` - at `$[...]` `` inside a dict, and `` - at `key` in `$` `` for a key of a dict."""
    place = place_of(error_of(value, kind))
    assert (place.path, place.steps, place.of_key) == (path, steps, of_key)
    assert place.reason.startswith("expected `")
    assert "at `" not in place.reason


def test_the_words_of_an_exception_come_first_and_the_exception_is_the_cause() -> None:
    """Also where they look like a place."""
    error = error_of([{"name": "a"}], list[Checked])
    assert isinstance(error.__cause__, ValueError)
    place = place_of(error)
    assert (place.reason, place.path) == ("no - at `$.elsewhere`", "$[0]")


def test_an_exception_of_a_hook_without_words_leaves_the_place_alone() -> None:
    """This is how the problems of a custom type get their place."""
    error = error_of({"a": [1]}, dict[str, list[Custom]])
    assert isinstance(error.__cause__, EmptyError)
    assert place_of(error) == ("", "$[...][0]", (None, 0), False)
    assert place_of(error_of(1, Custom)) == ("", "$", (), False)


def test_the_first_key_that_does_not_fit_is_reported() -> None:
    """A binary search finds it, since no other key fails with fewer keys before it."""

    @dataclass
    class Pair:
        a: dict[str, int]

    values: dict[str, Any] = {"x": 1, "y": "first", "z": None}
    assert place_of(error_of({"a": values}, Pair)).reason == "expected `int`, got `str`"
    assert place_of(error_of({"a": {"x": 1, "z": None}}, Pair)).reason == "expected `int`, got `null`"


def test_the_exception_of_a_schema_hook_is_raised_as_it_is() -> None:
    """So the reason why a class has no schema need not be read from msgspec's words."""

    def hook(kind: Any) -> Any:
        raise EmptyError

    for kind in (Custom, list[Custom], Custom | None):
        with pytest.raises(EmptyError):
            msgspec.json.schema_components([kind], schema_hook=hook)
