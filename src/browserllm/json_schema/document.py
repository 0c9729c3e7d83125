"""Read a JSON Schema once: check its shape, resolve its references, and reject circular ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from .._internal.equality import Key, Keys
from .._internal.nesting import MAX_DEPTH, decode_json
from ..errors import InvalidRequest
from .patterns.pattern import Pattern
from .problem import is_list, is_object, path_to

Schema = dict[str, Any]

MAX_PARTS = 2_000_000
"""How many values the lists and objects of a schema may have together."""

DRAFT_7 = "http://json-schema.org/draft-07/schema"
DRAFT_2020_12 = "https://json-schema.org/draft/2020-12/schema"

_NO_BASE = "browserllm:///"  # the base URI of a schema without $id
_MAX_URI = 2000
_TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}
_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")

# The keywords that contain schemas. Those without a suffix belong to both drafts.
_ONE = {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
_LISTS = {"allOf", "anyOf", "oneOf"}
_MAPS = {"definitions", "patternProperties", "properties"}
_ONE_7 = _ONE | {"additionalItems"}
_ONE_2020 = _ONE | {"contentSchema", "unevaluatedItems", "unevaluatedProperties"}
_LISTS_2020 = _LISTS | {"prefixItems"}
_MAPS_2020 = _MAPS | {"$defs", "dependentSchemas"}

# The keywords whose schemas apply to the same value as the schema that contains them.
_IN_PLACE = ("not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies")


class Resource:
    """A schema with its own URI, which is the base of the references inside it, and its anchors."""

    def __init__(self, uri: str, root: Any) -> None:
        """Start without anchors."""
        self.uri = uri
        self.root = root
        self.anchors: dict[str, Any] = {}
        self.dynamic: dict[str, Any] = {}


class IndexedSchema(NamedTuple):
    """A subschema, the resource that contains it, and its path."""

    schema: Schema
    home: Resource
    path: str


class Document:
    """A schema with its references. Raises `InvalidRequest` for an invalid or unsupported schema.

    ``root`` is a copy of the given schema as decoded JSON. Its parts are identified by ``id()``.
    """

    def __init__(self, schema: Any) -> None:
        """Read the whole schema."""
        check_size(schema)
        try:
            # A private copy in which no object is shared between two places, and everything is JSON.
            self.root: Any = decode_json(msgspec.json.encode(schema), Any)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise InvalidRequest(f"{schema!r:.200} is not a JSON Schema: {error}", parameter="schema") from error
        if not is_object(self.root) and self.root is not True and self.root is not False:
            raise InvalidRequest(f"{schema!r:.200} is not a JSON Schema; use a dict", parameter="schema")
        draft = self._draft = self.root.get("$schema", DRAFT_2020_12) if is_object(self.root) else DRAFT_2020_12
        self.draft_7 = draft in (DRAFT_7, DRAFT_7 + "#")
        if not self.draft_7 and draft not in (DRAFT_2020_12, DRAFT_2020_12 + "#"):
            raise _refused("$", "$schema", f"{draft!r} is not supported; use {DRAFT_2020_12!r} or {DRAFT_7!r}")
        self.patterns: dict[str, Pattern] = {}
        self.targets: dict[tuple[int, str], Any] = {}
        self.keys = Keys()
        self.constants: dict[tuple[int, str], frozenset[Key]] = {}
        self._orders: dict[int, dict[str, int]] = {}
        self._resources: dict[str, Resource] = {}
        self._known: dict[int, IndexedSchema] = {}
        self._waiting: list[tuple[Schema, str]] = []
        self._enter(self.root, "$", self._resource(_NO_BASE, self.root))
        while self._waiting:
            part, keyword = self._waiting.pop()
            self.targets[id(part), keyword] = self._resolve(part, keyword)
        self._find_circles()

    def order(self, properties: Schema) -> dict[str, int]:
        """Return the position of each name among the properties of a schema."""
        if id(properties) not in self._orders:
            self._orders[id(properties)] = {name: at for at, name in enumerate(properties)}
        return self._orders[id(properties)]

    def home(self, part: Schema) -> Resource:
        """Return the resource that a subschema belongs to."""
        return self._known[id(part)].home

    # Reading the schema

    def _resource(self, uri: str, root: Any) -> Resource:
        return self._resources.setdefault(uri, Resource(uri, root))

    def _enter(self, part: Any, path: str, home: Resource) -> None:
        """Check a schema and its subschemas, and record what references can point to."""
        if isinstance(part, bool):
            return
        if not is_object(part):
            raise InvalidRequest(
                f"the JSON Schema has {part!r:.80} at {path}; use a schema there: an object, true or false",
                parameter="schema",
            )
        given = part
        if id(given) in self._known:
            return
        alone = self.draft_7 and "$ref" in given  # in draft 7 a reference hides its sibling keywords
        for keyword, value in given.items():
            if not alone or keyword in ("$ref", "definitions"):
                self._check(keyword, value, path)
        for keyword in ("enum", "const") if not alone else ():
            if keyword in given:
                values = given["enum"] if keyword == "enum" else [given["const"]]
                self.constants[id(given), keyword] = frozenset(map(self.keys.of, values))
        home = home if alone else self._identified(given, path, home)
        self._known[id(given)] = IndexedSchema(given, home, path)
        refs = ("$ref",) if self.draft_7 else ("$ref", "$dynamicRef")
        self._waiting += [(given, keyword) for keyword in refs if keyword in given]
        for keyword, inner, at in self._inner(given, path):
            if not alone or keyword == "definitions":
                self._enter(inner, at, home)

    def _identified(self, given: Schema, path: str, home: Resource) -> Resource:
        """Return the resource of a schema, which may start a new one, and record its anchors."""
        uri = given.get("$id")
        if isinstance(uri, str):
            base, _, fragment = uri.partition("#")
            if base:
                uri = _join(home.uri, base)
                if uri in self._resources and self._resources[uri].root is not given:
                    raise _refused(path, "$id", f"{uri!r} is used twice")
                home = self._resource(uri, given)
            if fragment and self.draft_7:
                home.anchors[fragment] = given
            elif fragment:
                raise _refused(path, "$id", f"{given['$id']!r} has a fragment; use $anchor")
        if not self.draft_7:
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(name := given.get(keyword), str):
                    if home.anchors.get(name, given) is not given:
                        raise _refused(path, keyword, f"{name!r} is used twice")
                    home.anchors[name] = given
                    if keyword == "$dynamicAnchor":
                        home.dynamic[name] = given
        return home

    def _inner(self, given: Schema, path: str) -> Iterator[tuple[str, Any, str]]:
        """Yield the subschemas of a schema, with their keyword and path."""
        one = _ONE_7 if self.draft_7 else _ONE_2020
        lists = _LISTS if self.draft_7 else _LISTS_2020
        maps = _MAPS if self.draft_7 else _MAPS_2020
        for keyword, value in given.items():
            at = path_to(path, keyword)
            if is_list(value) and (keyword in lists or keyword == "items"):
                yield from ((keyword, inner, path_to(at, index)) for index, inner in enumerate(value))
            elif keyword in one:
                yield keyword, value, at
            elif is_object(value) and keyword in maps:
                yield from ((keyword, inner, path_to(at, name)) for name, inner in value.items())
            elif is_object(value) and keyword == "dependencies":
                yield from ((keyword, inner, path_to(at, name)) for name, inner in value.items() if not is_list(inner))

    def _check(self, keyword: str, value: Any, path: str) -> None:
        """Check the shape of a keyword's value; unknown keywords are ignored, as the standard says."""
        shape = (_SHAPES if self.draft_7 else _SHAPES_2020).get(keyword)
        if shape is None:
            return
        fits, wanted = shape
        if not fits(value):
            raise _refused(path, keyword, f"must be {wanted}, not {value!r:.80}")
        if keyword == "$schema" and path != "$" and value.rstrip("#") != self._draft.rstrip("#"):
            raise _refused(path, keyword, f"{value!r} is another draft than that of the whole schema")
        patterns = [value] if keyword == "pattern" else value if keyword == "patternProperties" else ()
        for pattern in patterns:
            try:
                if pattern not in self.patterns:
                    self.patterns[pattern] = Pattern(pattern)
            except ValueError as error:
                raise _refused(path, keyword, f"{pattern!r:.200} cannot be used: {error}") from error

    # References

    def _resolve(self, part: Schema, keyword: str) -> Any:
        _, home, path = self._known[id(part)]
        ref = part[keyword]
        base, _, fragment = ref.partition("#")
        if base:
            uri = _join(home.uri, base)
            if uri not in self._resources:
                raise _refused(path, keyword, f"{ref!r} is outside the schema; put its target under $defs")
            home = self._resources[uri]
        fragment = _unquoted(fragment)
        if fragment and not fragment.startswith("/"):
            if fragment not in home.anchors:
                raise _refused(path, keyword, f"{ref!r} has no target")
            return home.anchors[fragment]
        return self._at_pointer(home, fragment, path, keyword, ref)

    def _at_pointer(self, home: Resource, pointer: str, path: str, keyword: str, ref: str) -> Any:
        found: Any = home.root
        for name in pointer.split("/")[1:]:
            key = name.replace("~1", "/").replace("~0", "~")
            if is_list(found) and (index := index_of(key, len(found))) is not None:
                found = found[index]
            elif is_object(found) and key in found:
                found = found[key]
            else:
                raise _refused(path, keyword, f"{ref!r} has no target")
            if is_object(found):
                known = self._known.get(id(found))
                home = known.home if known else home
        self._enter(found, f"{home.uri.removeprefix(_NO_BASE)}#{pointer}", home)
        return found

    def _find_circles(self) -> None:
        """Reject schemas that refer to themselves without going deeper into the value: they never end."""
        done: set[int] = set()
        on_path: set[int] = set()
        for begin in list(self._known.values()):
            path = [(id(begin.schema), self._in_place(begin.schema))] if id(begin.schema) not in done else []
            on_path.update(last for last, _ in path)
            while path:
                last, within = path[-1]
                following = next(within, None)
                if following is None:
                    path.pop()
                    on_path.discard(last)
                    done.add(last)
                elif id(following) in on_path:
                    raise _refused(self._known[last].path, "$ref", "refers back to itself")
                elif id(following) not in done:
                    path.append((id(following), self._in_place(following)))
                    on_path.add(id(following))

    def _in_place(self, given: Schema) -> Iterator[Schema]:
        """Yield the subschemas that apply to the same value."""
        target = self.targets.get((id(given), "$ref"))
        if is_object(target):
            yield target
        if self.draft_7 and "$ref" in given:
            return
        for keyword, inner, _ in self._inner(given, ""):
            if keyword in _IN_PLACE and is_object(inner):
                yield inner


def check_size(schema: Any) -> None:
    """Raise `InvalidRequest` for a schema that is nested too deeply or too large: encoding it could crash a page.

    A shared part counts at each of its places, but is read once: thirty lists, each twice in the next, would be
    encoded as a billion values.
    """
    level: dict[int, tuple[Any, int]] = {id(schema): (schema, 1)} if type(schema) in (dict, list, tuple) else {}
    parts = 0
    for _ in range(MAX_DEPTH + 1):
        inside: dict[int, tuple[Any, int]] = {}
        for one, times in level.values():
            parts += times * len(one)
            for part in one.values() if is_object(one) else one:
                if type(part) in (dict, list, tuple):
                    inside[id(part)] = part, times + inside.get(id(part), (part, 0))[1]
        if parts > MAX_PARTS:
            raise InvalidRequest(
                f"the JSON Schema has more than {MAX_PARTS} parts; give a smaller one", parameter="schema"
            )
        if not inside:
            return
        level = inside
    raise InvalidRequest("the JSON Schema is nested too deeply, or contains itself", parameter="schema")


def index_of(step: str, size: int) -> int | None:
    """Return the index that a step of a JSON pointer names in a list of this size; ``None`` if it is not valid."""
    number = int(step) if step.isascii() and step.isdigit() and len(step) <= 9 else size
    return number if number < size else None


def _refused(path: str, keyword: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"the JSON Schema cannot be used: {keyword!r} at {path}: {why}",
        parameter="schema",
        data={"path": path, "keyword": keyword},
    )


def _join(base: str, uri: str) -> str:
    """Resolve a URI against a base URI; raises `InvalidRequest` for an invalid one."""
    if len(base) > _MAX_URI:  # each reference inside copies it
        raise InvalidRequest(
            f"the $id {base!r:.200} has more than {_MAX_URI} characters; shorten it", parameter="schema"
        )
    try:
        return _joined(base, uri)
    except ValueError as error:
        raise InvalidRequest(f"{uri!r:.200} in the JSON Schema is not a URI: {error}", parameter="schema") from error


def _joined(base: str, uri: str) -> str:
    from urllib.parse import urljoin, uses_netloc, uses_relative

    if base.startswith("urn:") or ":" in uri.partition("/")[0]:
        return uri
    scheme = base.partition(":")[0]
    if scheme in uses_relative and scheme in uses_netloc:
        return urljoin(base, uri)
    # urljoin supports only some schemes, so join as if it were http.
    return scheme + urljoin("http" + base.removeprefix(scheme), uri).removeprefix("http")


def _unquoted(fragment: str) -> str:
    if "%" not in fragment:
        return fragment
    from urllib.parse import unquote

    return unquote(fragment)


# The shapes of keywords' values

Shape = tuple[Callable[[Any], bool], str]


def _is_texts(value: Any) -> bool:
    return is_list(value) and all(isinstance(one, str) for one in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_type(value: Any) -> bool:
    names = value if is_list(value) else [value]
    return 0 < len(names) <= len(_TYPES) and all(isinstance(name, str) and name in _TYPES for name in names)


def _is_list(value: Any) -> bool:
    return is_list(value)


def _is_schemas(value: Any) -> bool:
    return is_list(value) and bool(value)


def _is_map(value: Any) -> bool:
    return is_object(value)


def _is_map_of_texts(value: Any) -> bool:
    return is_object(value) and all(map(_is_texts, value.values()))


def _is_dependencies(value: Any) -> bool:
    return is_object(value) and all(_is_texts(one) for one in value.values() if is_list(one))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(_ANCHOR.fullmatch(value))


_TEXT: Shape = (_is_text, "a string")
_NUMBER: Shape = (_is_number, "a number")
_COUNT: Shape = (_is_count, "an integer of at least 0")
_SCHEMAS: Shape = (_is_schemas, "a list with at least one schema")
_MAP: Shape = (_is_map, "an object")
_FLAG: Shape = (lambda value: isinstance(value, bool), "true or false")

_SHAPES: Mapping[str, Shape] = {
    "$schema": _TEXT,
    "$id": _TEXT,
    "$ref": _TEXT,
    "type": (_is_type, f"one of {', '.join(sorted(_TYPES))}, or a list of them"),
    "enum": (_is_list, "a list"),
    "required": (_is_texts, "a list of strings"),
    "pattern": _TEXT,
    "dependencies": (_is_dependencies, "an object with schemas and lists of strings"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "uniqueItems": _FLAG,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _COUNT),
    **dict.fromkeys(_LISTS, _SCHEMAS),
    **dict.fromkeys(_MAPS, _MAP),
}
_SHAPES_2020: Mapping[str, Shape] = {
    **_SHAPES,
    "$anchor": (_is_name, "a plain name"),
    "$dynamicAnchor": (_is_name, "a plain name"),
    "$dynamicRef": _TEXT,
    "$recursiveRef": (lambda _: False, "written as $dynamicRef in this draft"),
    "$defs": _MAP,
    "prefixItems": _SCHEMAS,
    "items": (lambda value: not is_list(value), "a schema; use prefixItems for a list of schemas"),
    "minContains": _COUNT,
    "maxContains": _COUNT,
    "dependentSchemas": _MAP,
    "dependentRequired": (_is_map_of_texts, "an object with lists of strings"),
}
