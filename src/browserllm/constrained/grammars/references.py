"""Resolve the references of a JSON Schema by pointer, ``$anchor`` and ``$id``, within one document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urldefrag, urljoin

from ...errors import InvalidRequest

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAX_ADDRESS = 2000
_LONGEST_NAME = 100
"""The most characters of a name that a path shows."""
_SINGLE = (
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)


def record(value: Any) -> dict[str, Any] | None:
    """Return a value typed as an object; ``None`` if it is not one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


class Subschema(NamedTuple):
    """A schema and its path: ``$.properties.age``."""

    schema: Any
    path: str

    def at(self, *steps: str | int) -> Subschema:
        """Return the subschema at the end of these steps."""
        schema, path = self
        for step in steps:
            schema = schema[step]
            path += f"[{step}]" if isinstance(step, int) else f".{_shortened(step)}"
        return Subschema(schema, path)


def _shortened(name: str) -> str:
    # Every path below a name repeats it.
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def subschemas(part: Subschema) -> Iterator[Subschema]:
    """Yield the direct subschemas of a schema."""
    schema = part.schema
    for keyword in _NAMED:
        for name, value in (record(schema.get(keyword)) or {}).items():
            if not isinstance(value, list):
                yield part.at(keyword, name)
    for keyword in _LISTED:
        listed = schema.get(keyword)
        if isinstance(listed, list):
            for index in range(len(cast("list[Any]", listed))):
                yield part.at(keyword, index)
    for keyword in _SINGLE:
        if isinstance(schema.get(keyword), dict):
            yield part.at(keyword)


class References:
    """Finds the schemas of a document by the names that the document gives them."""

    def __init__(self, root: dict[str, Any], *, draft7: bool) -> None:
        """Read the names of ``root``; in draft 7 a ``$ref`` hides its sibling keywords."""
        self._draft7 = draft7
        self._named: dict[str, Subschema] = {}
        self._dynamic: dict[str, list[Subschema]] = {}
        self._bases: dict[int, str] = {}
        self._index(Subschema(root, "$"), "")
        self._named.setdefault("", Subschema(root, "$"))

    def target(self, part: Subschema) -> Subschema | None:
        """Return the target of a schema's reference; ``None`` if it is in another document.

        Raises `InvalidRequest` if this document has no such schema.
        """
        base = self._bases.get(id(part.schema), "")
        keyword = "$ref" if "$ref" in part.schema else "$dynamicRef"
        reference = part.schema[keyword]
        if not isinstance(reference, str):
            raise InvalidRequest(f"{part.path}.{keyword}={reference!r} is not valid; use a string")
        if keyword == "$dynamicRef" and len(self._dynamic.get(reference.rpartition("#")[2], ())) > 1:
            return None  # its target depends on the path that leads there
        address, fragment = urldefrag(_joined(base, reference))
        found = self._named.get(f"{address}#{fragment}") if fragment and not fragment.startswith("/") else None
        resource = self._named.get(address)
        if found is None and resource is not None and (not fragment or fragment.startswith("/")):
            found = self._within(resource, unquote(fragment), address)
        if found is None and (resource is not None or not address):
            raise InvalidRequest(f"{part.path}.{keyword}={reference!r} has no target; name a schema of this document")
        return found

    def _within(self, part: Subschema, pointer: str, base: str) -> Subschema | None:
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            schema: Any = part.schema
            if name in (record(schema) or ()):
                part = part.at(name)
            elif isinstance(schema, list) and _is_place(name, cast("list[Any]", schema)):
                part = part.at(int(name))
            else:
                return None
        self._index(part, base)  # in case it is under a keyword that does not hold schemas
        return part

    def _index(self, root: Subschema, base: str) -> None:
        waiting = [(root, base)]
        while waiting:
            part, base = waiting.pop()
            if record(part.schema) is None or id(part.schema) in self._bases:
                continue
            base = self._name(part, base)
            self._bases[id(part.schema)] = base
            waiting += [(inner, base) for inner in subschemas(part)]

    def _name(self, part: Subschema, base: str) -> str:
        """Record the names of a schema; return the base URI of its subschemas."""
        schema = cast("dict[str, Any]", part.schema)
        own = schema.get("$id")
        if isinstance(own, str) and not (self._draft7 and "$ref" in schema):
            address, fragment = urldefrag(_joined(base, own))
            if fragment:
                self._named.setdefault(f"{address}#{fragment}", part)
            if not own.startswith("#"):
                base = address
                self._named.setdefault(base, part)
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = schema.get(keyword)
            if isinstance(name, str):
                self._named.setdefault(f"{base}#{name}", part)
                if keyword == "$dynamicAnchor":
                    self._dynamic.setdefault(name, []).append(part)
        return base


def _is_place(step: str, listed: list[Any]) -> bool:
    return step.isascii() and step.isdigit() and len(step) <= 9 and int(step) < len(listed)


def _joined(base: str, reference: str) -> str:
    # `urljoin` cannot add a fragment to a URN.
    if len(base) > _MAX_ADDRESS:  # each reference inside copies it
        raise InvalidRequest(
            f"the $id {base!r:.200} has more than {_MAX_ADDRESS} characters; shorten it", parameter="schema"
        )
    if reference.startswith("#"):
        return base + reference
    try:
        return urljoin(base, reference)
    except ValueError as error:
        raise InvalidRequest(f"{reference!r:.200} is not a valid URI: {error}", parameter="schema") from error


def aliased_definitions(schema: Any) -> list[str]:
    """Return the definitions that a schema refers to directly, or as alternatives."""
    found: list[str] = []
    waiting: list[Any] = [schema]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, bool) or id(one) in seen:
            continue
        seen.add(id(one))
        if "$ref" in one:
            found.append(one["$ref"].removeprefix("#/$defs/"))
        else:
            waiting += one.get("anyOf", ())
    return found
