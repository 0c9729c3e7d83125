"""Convert values without quotes to JSON of the types that a tool's schema allows.

``<parameter=text>12, Main Street</parameter>`` has no types, so the schema decides. If the whole text is a value of an
allowed type other than a string (a number, ``true``, ``null``, a list, an object), it becomes that value. If a string
is allowed, any other text becomes that string, verbatim. So ``12`` is a number where both an integer and a string are
allowed, and a string where only a string is; ``[draft] notes`` and ``{"a": 1}, or so`` are strings.

If no string is allowed, the value is repaired as far as its meaning is clear. A value that still does not fit is passed
on unchanged, so that the check of the arguments reports it.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from ...errors import InvalidRequest
from ...json_schema.allowed_types import AllowedTypes, type_of_json
from ...json_schema.lenient import repair_whole
from ...json_schema.problem import path_to
from ...json_schema.validate import Validator
from ...types import Tool

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), "true"),
    **dict.fromkeys(("false", "False", "FALSE"), "false"),
    **dict.fromkeys(("null", "None"), "null"),
}
_MAX_DIGITS = 4000
"""The most digits of a number: Python refuses to read more than 4,300."""


class ToolValues:
    """Converts arguments of one tool. Its schema is read once, for the first value without quotes."""

    def __init__(self, tool: Tool) -> None:
        """Use the types in the schema of ``tool``."""
        self._schema = tool.parameters
        self._allowed = AllowedTypes(tool.parameters)
        found = tool.parameters.get("properties")
        self.properties: dict[str, Any] = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        self._validator: Validator | None = None
        self._read = False

    def to_json(self, name: str, text: str) -> str:
        """Return as JSON the value of the argument ``name`` that was written as ``text``."""
        exact, guessed = _read(text)
        schema = self.properties.get(name, self._schema.get("additionalProperties"))
        if exact == "null" and self._allowed.is_nullable(schema):
            return exact
        stripped = text.strip()
        ways = [exact, _text(text), _text(stripped), _unquoted(stripped), guessed]
        for way in dict.fromkeys(way for way in ways if way):
            if self._fits(name, schema, way):
                return way
        kinds = self._allowed.kinds(schema)
        if exact and type_of_json(exact) in kinds:
            return exact
        return _text(text) if "string" in kinds else guessed or exact or _text(text)

    def _fits(self, name: str, schema: Any, written: str) -> bool:
        if not self._read:
            self._read = True
            try:
                self._validator = Validator(self._schema)
            except (InvalidRequest, RecursionError):
                self._validator = None
        if self._validator is None:  # an invalid schema: use only its types
            return type_of_json(written) in self._allowed.kinds(schema)
        here = path_to("$", name)
        problems = self._validator.problems({name: json.loads(written)})
        return not any(
            problem.path == here or problem.path.startswith((f"{here}.", f"{here}[")) for problem in problems
        )


def _read(text: str) -> tuple[str, str]:
    """Return the JSON that a text is as written, and the JSON after repairs; at most one of them is not empty."""
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped], ""
    if _NUMBER.fullmatch(stripped):
        return (stripped, "") if len(stripped) < _MAX_DIGITS else ("", "")
    found = repair_whole(stripped) if stripped[:1] in ("{", "[") else None
    if found is None or not _is_json(found[0]):
        return "", ""
    return ("", found[0]) if found[1] else (found[0], "")


def _is_json(written: str) -> bool:
    try:
        json.loads(written)
    except (ValueError, RecursionError):
        return False
    return True


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _unquoted(text: str) -> str:
    """Return a quoted text as JSON; an empty text if there are no quotes."""
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        return ""
    found = repair_whole(text)
    return found[0] if found and not found[1] and _is_json(found[0]) else ""
