"""Turn a ``response_format`` into what an engine takes: a grammar in place of the schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..._internal.nesting import decode_json
from ...errors import InvalidRequest
from .grammar import grammar_of_schema
from .reduce import reduce_schema
from .reduced import Dropped
from .references import record

_MOST_NAMED = 4


class ConstrainedFormat(NamedTuple):
    """A ``response_format`` for an engine, and a sentence about the keywords that it does not enforce."""

    response_format: dict[str, Any]
    unconstrained: str


def constrain_format(response_format: dict[str, Any]) -> ConstrainedFormat:
    """Return a ``response_format`` with a grammar that enforces as much of the schema as possible.

    A ``response_format`` without a schema comes back unchanged. Raises `InvalidRequest` for an invalid schema.
    """
    kind = response_format.get("type")
    if kind not in {"json_schema", "json_object"} or (kind == "json_object" and "schema" not in response_format):
        return ConstrainedFormat(response_format, "")
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
                f"response_format has a schema that is not valid JSON: {error}", parameter="response_format"
            ) from None
    try:
        reduced = reduce_schema(schema)
        constrained = {"type": "grammar", "grammar": grammar_of_schema(reduced.schema)}
    except (TypeError, ValueError, AttributeError) as error:
        # The many rewrites of "not" do not check the shape of the schema first.
        raise InvalidRequest(
            f"response_format has a schema that is not valid: {error}", parameter="response_format"
        ) from error
    return ConstrainedFormat(constrained, describe_unconstrained(reduced.dropped))


def describe_unconstrained(dropped: Sequence[Dropped]) -> str:
    """Describe the keywords that are not enforced; an empty text if all are."""
    lost = [str(entry) for entry in dropped if not entry.excludes]
    more = f", and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
    return "; ".join(lost[:_MOST_NAMED]) + more
