"""What a JSON Schema's references mean: ``$ref`` by pointer, by ``$anchor``, by ``$id``, within one document."""

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
    """Return a value that is an object, typed as one; ``None`` for others."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


class Part(NamedTuple):
    """A schema, and where it stands: ``$.properties.age``."""

    schema: Any
    path: str

    def at(self, *steps: str | int) -> Part:
        """Return what lies within."""
        schema, path = self
        for step in steps:
            schema = schema[step]
            path += f"[{step}]" if isinstance(step, int) else f".{_shortened(step)}"
        return Part(schema, path)


def _shortened(name: str) -> str:
    # A path is written for everything that lies under a name.
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def subschemas(part: Part) -> Iterator[Part]:
    """Return the schemas that lie directly within one."""
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
    """The schemas of a document, by all the names that it gives them."""

    def __init__(self, root: dict[str, Any], *, draft7: bool) -> None:
        """Read the names of ``root``; in draft 7 nothing counts beside a ``$ref``."""
        self._draft7 = draft7
        self._named: dict[str, Part] = {}
        self._dynamic: dict[str, list[Part]] = {}
        self._bases: dict[int, str] = {}
        self._index(Part(root, "$"), "")
        self._named.setdefault("", Part(root, "$"))

    def target(self, part: Part) -> Part | None:
        """Return what the ``$ref`` of a schema means; ``None`` where it is in another document.

        Raises `InvalidRequest` where this document has nothing of that name.
        """
        base = self._bases.get(id(part.schema), "")
        keyword = "$ref" if "$ref" in part.schema else "$dynamicRef"
        reference = part.schema[keyword]
        if not isinstance(reference, str):
            raise InvalidRequest(f"{part.path}.{keyword}={reference!r} is no reference; give it a text")
        if keyword == "$dynamicRef" and len(self._dynamic.get(reference.rpartition("#")[2], ())) > 1:
            return None  # what it means depends on the way that leads there
        address, fragment = urldefrag(_joined(base, reference))
        found = self._named.get(f"{address}#{fragment}") if fragment and not fragment.startswith("/") else None
        resource = self._named.get(address)
        if found is None and resource is not None and (not fragment or fragment.startswith("/")):
            found = self._within(resource, unquote(fragment), address)
        if found is None and (resource is not None or not address):
            raise InvalidRequest(f"{part.path}.{keyword}={reference!r} leads nowhere; name a schema of this document")
        return found

    def _within(self, part: Part, pointer: str, base: str) -> Part | None:
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            schema: Any = part.schema
            if name in (record(schema) or ()):
                part = part.at(name)
            elif isinstance(schema, list) and _is_place(name, cast("list[Any]", schema)):
                part = part.at(int(name))
            else:
                return None
        self._index(part, base)  # in case it lies where no schemas are expected
        return part

    def _index(self, root: Part, base: str) -> None:
        waiting = [(root, base)]
        while waiting:
            part, base = waiting.pop()
            if record(part.schema) is None or id(part.schema) in self._bases:
                continue
            base = self._name(part, base)
            self._bases[id(part.schema)] = base
            waiting += [(inner, base) for inner in subschemas(part)]

    def _name(self, part: Part, base: str) -> str:
        """Note the names of a schema; return the base of what lies within."""
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
    # `urljoin` knows no URN, which a fragment may follow all the same.
    if len(base) > _MAX_ADDRESS:  # each reference within makes a copy
        raise InvalidRequest(f"the $id {base!r:.200} has more than {_MAX_ADDRESS} characters", parameter="schema")
    if reference.startswith("#"):
        return base + reference
    try:
        return urljoin(base, reference)
    except ValueError as error:
        raise InvalidRequest(f"{reference!r:.200} is no address: {error}", parameter="schema") from error


def same_place(schema: Any) -> list[str]:
    """Return the definitions that a schema is, or one of which it is."""
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
