"""What a model means by arguments that do not fit: only where that is certain, and only what has a name for it here.

- An object or a list that is written as a text of JSON once more, in its whole or within it, where no text is allowed.
- null for what may be left out, and may not be null.
- Nothing, null or an empty list where an object is wanted.
- JSON as Python writes it, or with a comma too many.
- Dates and times as people write them, with a blank for the T or without seconds; a day for its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time
from typing import Any, cast

from .allowed import Allowed
from .lenient import whole
from .problem import Misfit, is_list, is_object
from .types import read_json

_MOST_TEXTS = 3
"""How many times in a row a value may be a text of JSON."""


def meant(text: str, schema: dict[str, Any]) -> Any:
    """Return the object that a text means by its ``schema``, which it need not fit; raise `Misfit` for no JSON."""
    nothing: dict[str, Any] = {}
    value = _read(text) if text.strip() else nothing
    for _ in range(_MOST_TEXTS):
        if not isinstance(value, str):
            break
        value = _read(value) if value.strip() else nothing
    if value is None or value == []:
        value = nothing
    return _Meaning(schema).of(value, schema)


def _read(text: str) -> Any:
    try:
        return read_json(text)
    except Misfit:
        found = whole(text)
        if found is None or found[1]:  # it breaks off, or may be meant otherwise
            raise
        return read_json(found[0])


def _day(text: str) -> str:
    """Return the day whose beginning a text says."""
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


class _Meaning:
    def __init__(self, root: dict[str, Any]) -> None:
        self._allowed = Allowed(root)

    def of(self, value: Any, schema: Any) -> Any:
        value = self._unquoted(value, schema)
        if is_object(value):
            return self._of_object(value, self._allowed.parts(schema))
        if is_list(value):
            items = [part["items"] for part in self._allowed.parts(schema) if "items" in part]
            return [self.of(item, {"anyOf": items}) for item in value] if items else value
        return self._written_out(value, schema) if isinstance(value, str) else value

    def _written_out(self, value: str, schema: Any) -> str:
        """Return a date or a time in the form of RFC 3339, where that is what it is to be."""
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
        """Return the object or the list that a text is, where only these are allowed."""
        kinds = self._allowed.kinds(schema)
        if not isinstance(value, str) or "string" in kinds:
            return value
        read: Any = value
        for _ in range(_MOST_TEXTS):
            if not isinstance(read, str) or read.strip()[:1] not in ("{", "[", '"'):
                break
            try:
                read = _read(read)
            except Misfit:
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
        """Return the schemas of a property, and whether it must be there."""
        found: list[Any] = []
        needed = False
        for part in parts:
            properties, required = part.get("properties"), part.get("required")
            if is_object(properties) and name in properties:
                found.append(properties[name])
            needed = needed or (isinstance(required, list) and name in cast("list[Any]", required))
        if not found:
            found = [each for part in parts if is_object(each := part.get("additionalProperties"))]
            needed = True  # nobody has asked for it, so nobody can leave it out
        return found, needed

    def _takes_null(self, schemas: list[Any]) -> bool:
        kinds = self._allowed.kinds({"anyOf": schemas})
        return "null" in kinds or any(self._allowed.is_nullable(schema) for schema in schemas)
