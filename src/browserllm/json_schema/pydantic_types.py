"""Support pydantic's models, and types that contain them. Never imports pydantic: a caller with a model already has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec

from ..errors import InvalidRequest
from .problem import InvalidValue, Problem, is_list, is_object, no_alternative_fits, path_to


def pydantic_type(
    kind: Any, rewrite: Callable[[Any], Any] = lambda kind: kind
) -> tuple[dict[str, Any], Callable[[Any], Any]] | None:
    """Return the schema and the check of a pydantic model, or of a type that contains one; ``None`` for all others.

    Types that also contain Structs are left to msgspec, since pydantic does not support them; `decode_model` checks
    the models in them. ``rewrite`` changes a type so that pydantic understands it.
    """
    if is_model(kind):
        return model_schema(kind), lambda value: decode_model(kind, value)
    if not needs_pydantic(kind):
        return None
    try:
        adapter: Any = cast("Any", sys.modules["pydantic"]).TypeAdapter(rewrite(kind))
        schema = adapter.json_schema()
    except InvalidRequest:
        raise
    except Exception as error:  # pydantic raises many kinds of errors for unsupported types
        raise InvalidRequest(f"{kind!r} has no JSON Schema: {error}", parameter="output") from error
    return schema, lambda value: _validated(adapter.validate_json, value)


def needs_pydantic(kind: Any) -> bool:
    """Whether a type contains something of pydantic's, and nothing that pydantic does not support."""
    if "pydantic" not in sys.modules:
        return False
    scan = _TypeScan()
    scan.visit(kind)
    return scan.pydantic and not scan.struct


def model_schema(kind: Any) -> dict[str, Any]:
    """Return the schema of a model; raise NotImplementedError for other classes, as msgspec's hooks must."""
    if not is_model(kind):
        raise NotImplementedError(f"JSON cannot represent {kind!r}")
    try:
        return dict(kind.model_json_schema())
    except Exception as error:  # as above, and a model's own json_schema_extra may raise anything
        raise InvalidRequest(f"{kind.__name__!r} has no JSON Schema: {error}", parameter="output") from error


def decode_model(kind: Any, value: Any) -> Any:
    """Convert a decoded JSON value to a model; raise `InvalidValue`, or NotImplementedError for other classes."""
    if not is_model(kind):
        raise NotImplementedError(f"JSON cannot represent {kind!r}")
    return _validated(kind.model_validate_json, value)


def is_model(kind: Any) -> bool:
    """Whether a type is a pydantic model."""
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def _validated(validate_json: Callable[[bytes], Any], value: Any) -> Any:
    # As JSON, not as Python objects: a strict model accepts a date string only in JSON.
    try:
        return validate_json(msgspec.json.encode(value))
    except Exception as error:  # a validator of the caller's may raise anything
        raise InvalidValue(_problems(error, value)) from error


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
    for path, attempts in unions.items():
        problems += (
            no_alternative_fits(list(attempts.values()), path) if len(attempts) > 1 else next(iter(attempts.values()))
        )
    return problems


class _Place(NamedTuple):
    path: str
    union: str
    label: str


def _place(loc: tuple[Any, ...], value: Any, *, missing: bool) -> _Place:
    """Return the path in the JSON: pydantic's ``loc`` also has alternatives of unions, and validators."""
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


class _TypeScan:
    """Searches a type for parts of pydantic and of msgspec."""

    def __init__(self) -> None:
        self.pydantic = False
        self.struct = False
        self._seen: dict[int, Any] = {}  # keeps the types alive, so that their ids stay unique

    def visit(self, kind: Any) -> None:
        import typing

        if id(kind) in self._seen:
            return
        self._seen[id(kind)] = kind
        for inner in typing.get_args(kind):
            self.visit(inner)
        # Annotations: pydantic's Field(gt=0), or the annotated_types that pydantic reads.
        packages = {one.__module__.partition(".")[0] for one in type(kind).__mro__}
        hooks = ("__pydantic_validator__", "__get_pydantic_core_schema__")
        if packages & {"pydantic", "annotated_types"} or any(hasattr(kind, name) for name in hooks):
            self.pydantic = True
        if type(kind).__name__ == "TypeAliasType":
            self.visit(kind.__value__)
        if hasattr(kind, "__supertype__"):
            self.visit(kind.__supertype__)
        if not isinstance(kind, type):
            return
        self.struct = self.struct or issubclass(kind, msgspec.Struct)
        if hasattr(kind, "__annotations__"):
            try:
                hints = typing.get_type_hints(cast("Any", kind), include_extras=True)
            except Exception:  # an annotation is any expression; making the schema raises a better error
                return
            for inner in hints.values():
                self.visit(inner)
