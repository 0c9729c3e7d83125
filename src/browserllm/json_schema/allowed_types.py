"""Find out which types a schema allows, from its keywords alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

EVERY = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
_MAX_SCHEMAS = 100
"""The most schemas to examine for the types of one value."""


class AllowedTypes:
    """Reads the schemas within one ``root``, in which their references point."""

    def __init__(self, root: dict[str, Any]) -> None:
        """Read schemas of ``root``."""
        self._root = root

    def kinds(self, schema: Any) -> frozenset[str]:
        """Return the types that a schema allows."""
        left = [_MAX_SCHEMAS]

        def kinds(part: Any) -> frozenset[str]:
            left[0] -= 1
            if not isinstance(part, dict) or left[0] < 0:
                return EVERY
            given = cast("dict[str, Any]", part)
            found = EVERY
            names = given.get("type")
            if isinstance(names, (str, list)):
                found = frozenset([names] if isinstance(names, str) else map(str, cast("list[Any]", names)))
                found |= {"integer"} if "number" in found else set[str]()
            listed = [given["const"]] if "const" in given else given.get("enum")
            if isinstance(listed, list):
                found &= frozenset(type_of_json(json.dumps(value)) for value in cast("list[Any]", listed))
            for one in self._targets(given):
                found &= kinds(one)
            for keyword in ("anyOf", "oneOf"):
                if isinstance(given.get(keyword), list):
                    found &= frozenset[str]().union(*map(kinds, given[keyword]))
            return found

        return kinds(schema)

    def is_nullable(self, schema: Any, depth: int = 0) -> bool:
        """Whether OpenAPI's ``nullable`` allows null; JSON Schema itself ignores it."""
        if not isinstance(schema, dict) or depth > _MAX_SCHEMAS:
            return False
        given = cast("dict[str, Any]", schema)
        return given.get("nullable") is True or any(self.is_nullable(one, depth + 1) for one in self._targets(given))

    def parts(self, schema: Any) -> list[dict[str, Any]]:
        """Return the schemas that may apply to the same value: this one, its references and its alternatives."""
        found: list[dict[str, Any]] = []
        waiting = [schema]
        while waiting and len(found) < _MAX_SCHEMAS:
            part = waiting.pop()
            if not isinstance(part, dict) or any(part is one for one in found):
                continue
            given = cast("dict[str, Any]", part)
            found.append(given)
            waiting += self._targets(given)
            for keyword in ("anyOf", "oneOf"):
                if isinstance(given.get(keyword), list):
                    waiting += given[keyword]
        return found

    def _targets(self, schema: dict[str, Any]) -> Iterator[Any]:
        """Yield the schemas that apply together with this one."""
        reference, all_of = schema.get("$ref"), schema.get("allOf")
        if isinstance(reference, str) and reference.startswith("#"):
            yield self._at(reference[1:])
        if isinstance(all_of, list):
            yield from cast("list[Any]", all_of)

    def _at(self, pointer: str) -> Any:
        part: Any = self._root
        for step in pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            part = cast("dict[str, Any]", part).get(key) if isinstance(part, dict) else None
        return part


def type_of_json(written: str) -> str:
    """Return the type of the value in a JSON text."""
    first = written[:1]
    if first in "-0123456789":
        return "integer" if written.lstrip("-").isdigit() else "number"
    return {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean"}.get(first, "null")
