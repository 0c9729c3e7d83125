"""Values that a model wrote without quotes, as JSON of the types that a tool's schema allows them.

``<parameter=text>12, Main Street</parameter>`` says nothing about types, so the schema does. What is, as a whole, a
value of another type that may stand there is that value: a number, ``true``, ``null``, a list, an object. Where a text
may be, everything else is that text, to the letter. So ``12`` is the number where both an integer and a text are
allowed, and the text where only a text is; ``[draft] notes`` and ``{"a": 1}, or so`` are texts.

Where no text is allowed the value is repaired as far as its meaning is plain. What still does not fit is passed on as
it is, for whoever checks the arguments to say so.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from ...errors import InvalidRequest
from ...json_schema.allowed import Allowed, kind_of
from ...json_schema.lenient import whole
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
"""Of a number that Python reads: it refuses those of more than 4,300 digits."""


class ToolValues:
    """The arguments of one tool. Its schema is read once, when a value without quotes first needs it."""

    def __init__(self, tool: Tool) -> None:
        """Take the types of ``tool``."""
        self._schema = tool.parameters
        self._allowed = Allowed(tool.parameters)
        found = tool.parameters.get("properties")
        self.properties: dict[str, Any] = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        self._validator: Validator | None = None
        self._read = False

    def written(self, name: str, text: str) -> str:
        """Return, as JSON, the value of the argument ``name`` that was written as ``text``."""
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
        if exact and kind_of(exact) in kinds:
            return exact
        return _text(text) if "string" in kinds else guessed or exact or _text(text)

    def _fits(self, name: str, schema: Any, written: str) -> bool:
        if not self._read:
            self._read = True
            try:
                self._validator = Validator(self._schema)
            except (InvalidRequest, RecursionError):
                self._validator = None
        if self._validator is None:  # no schema that anything can be checked with: its types alone
            return kind_of(written) in self._allowed.kinds(schema)
        here = path_to("$", name)
        problems = self._validator.problems({name: json.loads(written)})
        return not any(
            problem.path == here or problem.path.startswith((f"{here}.", f"{here}[")) for problem in problems
        )


def _read(text: str) -> tuple[str, str]:
    """Return what a text is as a whole, other than a text, and what it is with some repairs; empty if nothing."""
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped], ""
    if _NUMBER.fullmatch(stripped):
        return (stripped, "") if len(stripped) < _MAX_DIGITS else ("", "")
    found = whole(stripped) if stripped[:1] in ("{", "[") else None
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
    """Return the text within quotes; an empty one where there are none."""
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        return ""
    found = whole(text)
    return found[0] if found and not found[1] and _is_json(found[0]) else ""
