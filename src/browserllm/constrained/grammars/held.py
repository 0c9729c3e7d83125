"""``response_format`` as an engine is given it: a grammar in the place of a schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..._internal.nesting import decode_json
from ...errors import InvalidRequest
from .grammar import grammar_of_schema
from .reduce import Dropped, reduce_schema
from .references import record

_MOST_NAMED = 4


class HeldFormat(NamedTuple):
    """A ``response_format`` for an engine, and what of the schema it does not hold a model to, for people."""

    response_format: dict[str, Any]
    not_held: str


def held_format(response_format: dict[str, Any]) -> HeldFormat:
    """Return what holds a model to the schema of a ``response_format``, as far as that can be.

    What has no schema comes back as it is. Raises `InvalidRequest` for a schema that is none.
    """
    kind = response_format.get("type")
    if kind not in {"json_schema", "json_object"} or (kind == "json_object" and "schema" not in response_format):
        return HeldFormat(response_format, "")
    inner = record(response_format.get("json_schema", response_format)) or {}
    if "schema" not in inner:
        raise InvalidRequest(
            f"response_format={response_format!r} has no schema; use "
            "{'type': 'json_schema', 'json_schema': {'name': ..., 'schema': {...}}}",
            parameter="response_format",
        )
    schema = inner["schema"]
    if isinstance(schema, str):
        try:
            schema = decode_json(schema, Any)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(
                f"response_format has a schema that is no JSON: {error}", parameter="response_format"
            ) from None
    try:
        reduced = reduce_schema(schema)
        held = {"type": "grammar", "grammar": grammar_of_schema(reduced.schema)}
    except (TypeError, ValueError, AttributeError) as error:
        # What is under "not" is read in many ways, none of which looks for what no schema has.
        raise InvalidRequest(
            f"response_format has a schema that is not valid: {error}", parameter="response_format"
        ) from error
    return HeldFormat(held, not_held(reduced.dropped))


def not_held(dropped: Sequence[Dropped]) -> str:
    """Return what a model is not held to, for people; an empty text where it is held to everything."""
    lost = [str(entry) for entry in dropped if not entry.excludes]
    more = f", and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
    return "; ".join(lost[:_MOST_NAMED]) + more
