"""pydantic's models and what holds them. pydantic is never imported here: whoever has a model of it has imported it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

import msgspec

from ..errors import InvalidRequest
from .problem import Misfit, Problem, path_to


def pydantic_type(kind: Any) -> tuple[dict[str, Any], Callable[[Any], Any]] | None:
    """Return the schema and the check of a type that is pydantic's, or is built of its; ``None`` for all others.

    What holds Structs too is msgspec's, for pydantic does not know them; models in there are checked by `decode_model`.
    """
    if _is_model(kind):
        return model_schema(kind), lambda value: decode_model(kind, value)
    if "pydantic" not in sys.modules:
        return None
    held = _Held()
    held.look(kind)
    if not held.pydantic or held.struct:
        return None
    try:
        adapter: Any = cast("Any", sys.modules["pydantic"]).TypeAdapter(kind)
        schema = adapter.json_schema()
    except (RuntimeError, TypeError, ValueError, NameError) as error:
        raise InvalidRequest(f"{kind!r} has no JSON Schema: {error}", parameter="output") from error
    return schema, lambda value: _validated(adapter.validate_json, value)


def model_schema(kind: Any) -> dict[str, Any]:
    """Return the schema of a model; raise NotImplementedError for any other class, as msgspec wants it."""
    if not _is_model(kind):
        raise NotImplementedError(f"{kind!r} is no type that JSON has")
    try:
        return dict(kind.model_json_schema())
    except (RuntimeError, TypeError, ValueError, NameError) as error:
        raise InvalidRequest(f"{kind.__name__!r} has no JSON Schema: {error}", parameter="output") from error


def decode_model(kind: Any, value: Any) -> Any:
    """Make a decoded JSON value into a model; raise `Misfit`, or NotImplementedError for any other class."""
    if not _is_model(kind):
        raise NotImplementedError(f"{kind!r} is no type that JSON has")
    return _validated(kind.model_validate_json, value)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def _validated(validate_json: Callable[[bytes], Any], value: Any) -> Any:
    # As JSON and not as what Python makes of it: a strict model takes a date only from a JSON text.
    try:
        return validate_json(msgspec.json.encode(value))
    except ValueError as error:
        raise Misfit(_problems(error)) from error


def _problems(error: ValueError) -> list[Problem]:
    if not hasattr(error, "errors"):
        return [Problem("$", str(error))]
    problems: list[Problem] = []
    for one in cast("Any", error).errors(include_url=False, include_context=False, include_input=False):
        path = "$"
        for key in one["loc"]:
            path = path_to(path, key if isinstance(key, int) else str(key))
        problems.append(Problem(path, str(one["msg"])))
    return problems


class _Held:
    """Looks through a type for pydantic's and for msgspec's."""

    def __init__(self) -> None:
        self.pydantic = False
        self.struct = False
        self._seen: set[int] = set()

    def look(self, kind: Any) -> None:
        import typing

        if id(kind) in self._seen:
            return
        self._seen.add(id(kind))
        for inner in typing.get_args(kind):
            self.look(inner)
        # What annotates a type: pydantic's Field(gt=0), or the annotated_types that only pydantic reads.
        module = type(kind).__module__.partition(".")[0]
        if module in ("pydantic", "annotated_types") or hasattr(kind, "__pydantic_validator__"):
            self.pydantic = True
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
