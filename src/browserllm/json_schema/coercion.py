"""Coerce arguments that do not fit a schema, only where the model's meaning is certain, and only in these cases.

- An object or a list that is encoded as a JSON string again, whole or in part, where no string is allowed.
- null for an optional property that may not be null.
- No text, null or an empty list where an object is required.
- JSON in Python's notation, or with an extra comma.
- Dates and times in common notations: a space instead of the T, no seconds, or midnight for a date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time
from typing import Any, cast

from .allowed_types import AllowedTypes
from .lenient import repair_whole
from .problem import InvalidValue, is_list, is_object
from .types import read_json

_MOST_TEXTS = 3
"""How many times a value may be encoded as a JSON string."""


def coerce_arguments(text: str, schema: dict[str, Any]) -> Any:
    """Return the object in a text, coerced to ``schema`` where possible; raise `InvalidValue` for invalid JSON."""
    nothing: dict[str, Any] = {}
    value = _read(text) if text.strip() else nothing
    for _ in range(_MOST_TEXTS):
        if not isinstance(value, str):
            break
        value = _read(value) if value.strip() else nothing
    if value is None or value == []:
        value = nothing
    return _Coercion(schema).of(value, schema)


def _read(text: str) -> Any:
    try:
        return read_json(text)
    except InvalidValue:
        found = repair_whole(text)
        if found is None or found[1]:  # it breaks off, or a repair would be a guess
            raise
        return read_json(found[0])


def _day(text: str) -> str:
    """Return the date of a text that is a date or its midnight."""
    moment = datetime.fromisoformat(text)
    if moment.time() != time():
        raise ValueError(text)
    return moment.date().isoformat()


_TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?\s?(?:Z|[+-]\d\d:?\d\d)?"
_MOMENT = re.compile(rf"\d{{4}}-\d\d-\d\d(?:[ T]{_TIME})?|{_TIME}")
_MOMENTS: dict[str, Callable[[str], str]] = {
    "date-time": lambda text: datetime.fromisoformat(text.replace(" +", "+").replace(" Z", "Z")).isoformat(),
    "date": _day,
    "time": lambda text: time.fromisoformat(text).isoformat(),
}


class _Coercion:
    def __init__(self, root: dict[str, Any]) -> None:
        self._allowed = AllowedTypes(root)

    def of(self, value: Any, schema: Any) -> Any:
        value = self._unquoted(value, schema)
        if is_object(value):
            return self._of_object(value, self._allowed.parts(schema))
        if is_list(value):
            items = [part["items"] for part in self._allowed.parts(schema) if "items" in part]
            return [self.of(item, {"anyOf": items}) for item in value] if items else value
        return self._written_out(value, schema) if isinstance(value, str) else value

    def _written_out(self, value: str, schema: Any) -> str:
        """Return a date or a time in the form of RFC 3339, if the schema has such a format."""
        formats = {str(part.get("format")) for part in self._allowed.parts(schema)} & _MOMENTS.keys()
        text = value.strip()
        if not formats or not _MOMENT.fullmatch(text):
            return value
        for name in sorted(formats, reverse=True):
            try:
                return _MOMENTS[name](text)
            except ValueError:
                continue
        return value

    def _unquoted(self, value: Any, schema: Any) -> Any:
        """Return the object or the list that a string encodes, if the schema allows no string."""
        kinds = self._allowed.kinds(schema)
        if not isinstance(value, str) or "string" in kinds:
            return value
        read: Any = value
        for _ in range(_MOST_TEXTS):
            if not isinstance(read, str) or read.strip()[:1] not in ("{", "[", '"'):
                break
            try:
                read = _read(read)
            except InvalidValue:
                return value
        return read if ("object" if is_object(read) else "array" if is_list(read) else "") in kinds else value

    def _of_object(self, value: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, inner in value.items():
            schemas, needed = self._of_property(name, parts)
            schema = {"anyOf": schemas}
            if inner is None and schemas and not needed and not self._takes_null(schemas):
                continue
            made[name] = self.of(inner, schema) if schemas else inner
        return made

    def _of_property(self, name: str, parts: list[dict[str, Any]]) -> tuple[list[Any], bool]:
        """Return the schemas of a property, and whether it is required."""
        found: list[Any] = []
        needed = False
        for part in parts:
            properties, required = part.get("properties"), part.get("required")
            if is_object(properties) and name in properties:
                found.append(properties[name])
            needed = needed or (isinstance(required, list) and name in cast("list[Any]", required))
        if not found:
            found = [each for part in parts if is_object(each := part.get("additionalProperties"))]
            needed = True  # an undeclared property: keep its null
        return found, needed

    def _takes_null(self, schemas: list[Any]) -> bool:
        kinds = self._allowed.kinds({"anyOf": schemas})
        return "null" in kinds or any(self._allowed.is_nullable(schema) for schema in schemas)
