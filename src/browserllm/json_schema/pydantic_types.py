"""pydantic's models and what holds them. pydantic is never imported here: whoever has a model of it has imported it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec

from ..errors import InvalidRequest
from .problem import Misfit, Problem, is_list, is_object, none_fits, path_to


def pydantic_type(
    kind: Any, again: Callable[[Any], Any] = lambda kind: kind
) -> tuple[dict[str, Any], Callable[[Any], Any]] | None:
    """Return the schema and the check of a type that is pydantic's, or is built of its; ``None`` for all others.

    What holds Structs too is msgspec's, for pydantic does not know them; models in there are checked by `decode_model`.
    ``again`` says a type again as pydantic understands it.
    """
    if is_model(kind):
        return model_schema(kind), lambda value: decode_model(kind, value)
    if not needs_pydantic(kind):
        return None
    try:
        adapter: Any = cast("Any", sys.modules["pydantic"]).TypeAdapter(again(kind))
        schema = adapter.json_schema()
    except InvalidRequest:
        raise
    except Exception as error:  # pydantic has many for what it does not take
        raise InvalidRequest(f"{kind!r} has no JSON Schema: {error}", parameter="output") from error
    return schema, lambda value: _validated(adapter.validate_json, value)


def needs_pydantic(kind: Any) -> bool:
    """Say whether a type has something of pydantic's in it, and nothing that pydantic does not know."""
    if "pydantic" not in sys.modules:
        return False
    held = _Held()
    held.look(kind)
    return held.pydantic and not held.struct


def model_schema(kind: Any) -> dict[str, Any]:
    """Return the schema of a model; raise NotImplementedError for any other class, as msgspec wants it."""
    if not is_model(kind):
        raise NotImplementedError(f"{kind!r} is no type that JSON has")
    try:
        return dict(kind.model_json_schema())
    except (RuntimeError, TypeError, ValueError, NameError) as error:
        raise InvalidRequest(f"{kind.__name__!r} has no JSON Schema: {error}", parameter="output") from error


def decode_model(kind: Any, value: Any) -> Any:
    """Make a decoded JSON value into a model; raise `Misfit`, or NotImplementedError for any other class."""
    if not is_model(kind):
        raise NotImplementedError(f"{kind!r} is no type that JSON has")
    return _validated(kind.model_validate_json, value)


def is_model(kind: Any) -> bool:
    """Say whether a type is one of pydantic's models."""
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def _validated(validate_json: Callable[[bytes], Any], value: Any) -> Any:
    # As JSON and not as what Python makes of it: a strict model takes a date only from a JSON text.
    try:
        return validate_json(msgspec.json.encode(value))
    except Exception as error:  # a validator of the caller's may raise anything
        raise Misfit(_problems(error, value)) from error


def _problems(error: Exception, value: Any) -> list[Problem]:
    if not hasattr(error, "errors"):
        return [Problem("$", str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}")]
    problems: list[Problem] = []
    unions: dict[str, dict[str, list[Problem]]] = {}
    for one in cast("Any", error).errors(include_url=False, include_context=False, include_input=False):
        place = _place(one["loc"], value, missing=one["type"] == "missing")
        problem = Problem(place.path, str(one["msg"]))
        if place.label:
            unions.setdefault(place.union, {}).setdefault(place.label, []).append(problem)
        else:
            problems.append(problem)
    for path, tries in unions.items():
        problems += none_fits(list(tries.values()), path) if len(tries) > 1 else next(iter(tries.values()))
    return problems


class _Place(NamedTuple):
    path: str
    union: str
    label: str


def _place(loc: tuple[Any, ...], value: Any, *, missing: bool) -> _Place:
    """Return the place in the JSON: pydantic also names the alternative of a union that it tried, or a validator."""
    path, union, label = "$", "", ""
    here = value
    for at, key in enumerate(loc):
        last = missing and at == len(loc) - 1
        if is_object(here) and (str(key) in here or last):
            path, here = path_to(path, str(key)), here.get(str(key))
        elif is_list(here) and isinstance(key, int) and key < len(here):
            path, here = path_to(path, key), here[key]
        elif not label:
            union, label = path, str(key)
    return _Place(path, union, label)


class _Held:
    """Looks through a type for pydantic's and for msgspec's."""

    def __init__(self) -> None:
        self.pydantic = False
        self.struct = False
        self._seen: dict[int, Any] = {}  # what was looked at is kept, so that nothing else gets its id

    def look(self, kind: Any) -> None:
        import typing

        if id(kind) in self._seen:
            return
        self._seen[id(kind)] = kind
        for inner in typing.get_args(kind):
            self.look(inner)
        # What annotates a type: pydantic's Field(gt=0), or the annotated_types that pydantic reads.
        packages = {one.__module__.partition(".")[0] for one in type(kind).__mro__}
        hooks = ("__pydantic_validator__", "__get_pydantic_core_schema__")
        if packages & {"pydantic", "annotated_types"} or any(hasattr(kind, name) for name in hooks):
            self.pydantic = True
        if type(kind).__name__ == "TypeAliasType":
            self.look(kind.__value__)
        if hasattr(kind, "__supertype__"):
            self.look(kind.__supertype__)
        if not isinstance(kind, type):
            return
        self.struct = self.struct or issubclass(kind, msgspec.Struct)
        if hasattr(kind, "__annotations__"):
            try:
                hints = typing.get_type_hints(cast("Any", kind), include_extras=True)
            except (NameError, TypeError):  # whoever makes the schema says what it is
                return
            for inner in hints.values():
                self.look(inner)
