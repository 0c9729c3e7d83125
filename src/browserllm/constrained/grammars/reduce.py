"""Reduce a JSON Schema (drafts 7 and 2020-12) to keywords that a grammar can enforce, and name what is left out.

The result means the same with fewer keywords: references only to ``#/$defs/...``, one type at each place, ``anyOf``,
``enum``, and each type's own keywords. Rewritten without loss: ``allOf``, all kinds of references, ``oneOf`` of
disjoint schemas, conditions on properties, draft 7's spellings. Left out and named, since a grammar cannot enforce
them: ``contains``, ``uniqueItems``, patterns with lookaround.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from ...errors import InvalidRequest
from .checks import check_keywords, check_readable
from .kinds import Schema, SchemaMerger, union
from .negation import negated
from .overlap import Overlap
from .reduced import Dropped, Reduced
from .references import References, Subschema, aliased_definitions, record
from .shared import Shared

MAX_DEPTH = 48
"""How deeply schemas may be nested; below that, any value is allowed, and the path is named."""
MAX_BRANCHES = 64
MAX_STEPS = 20_000
_STEP = 20

_ATOMIC = frozenset(
    {
        *("type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "format", "prefixItems", "items", "additionalItems", "minItems"),
        *("maxItems", "uniqueItems", "contains", "minContains", "maxContains", "properties", "patternProperties"),
        *("additionalProperties", "propertyNames", "required", "minProperties", "maxProperties"),
    }
)
_NOT_IN_DRAFT7 = {"prefixItems", "minContains", "maxContains"}
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def reduce_schema(schema: Any, *, close: bool = True) -> Reduced:
    """Reduce a JSON Schema to what a grammar can enforce, and name the rest.

    With ``close``, objects that declare properties allow no others unless the schema says so: a model that may invent
    names does. Raises `InvalidRequest` for an invalid schema.
    """
    if isinstance(schema, bool):
        reduced: Schema = {} if schema else False
        reducer = None
    else:
        reducer = _Reducer(schema, close)
        reduced = reducer.reduced()
    dropped = [] if reducer is None else list(reducer.dropped)
    if reduced is False:
        reduced, dropped = {}, [*dropped, Dropped("$", "schema", "no value fits it")]
    return Reduced(reduced, dropped)


class _Alternatives(NamedTuple):
    parts: list[Subschema]
    path: str
    exclusive: bool


class _Reducer:
    """Reduces one schema."""

    def __init__(self, schema: Any, close: bool) -> None:
        root = Subschema(schema, "$")
        check_keywords(root)
        check_readable(schema)
        draft = schema.get("$schema")
        self.draft7 = isinstance(draft, str) and "draft-0" in draft
        self.dropped: dict[Dropped, None] = {}
        self._references = References(schema, draft7=self.draft7)
        self._root = root
        self._shared = Shared(self.note)
        self._merger = SchemaMerger(self.value, self.note, self._shared, close=close)
        self._done: dict[tuple[int, ...], Schema] = {}
        self._active: dict[tuple[int, ...], int] = {}
        self._names: dict[tuple[int, ...], str] = {}
        self._paths: dict[str, str] = {}
        self._defs: dict[str, Schema] = {}
        self._overlap = Overlap(self._defs, self._shared)
        self._checked: dict[int, Any] = {}
        self._derived_schemas: dict[tuple[int, str], Any] = {}
        self._steps = 0

    def note(self, path: str, keyword: str, reason: str, excludes: bool = False) -> None:
        """Name a keyword that is left out."""
        self.dropped[Dropped(path, keyword, reason, excludes)] = None

    def _check(self, part: Subschema) -> None:
        """Check a schema, once."""
        if id(part.schema) not in self._checked:
            self._checked[id(part.schema)] = part.schema
            check_keywords(part)

    def reduced(self) -> Schema:
        """Return the reduced schema with its definitions."""
        schema = self.value([self._root])
        self._reject_loops()
        if isinstance(schema, bool):
            return {} if schema else False
        used = self._used(schema)
        return {**schema, "$defs": used} if used else schema

    def value(self, parts: Sequence[Subschema]) -> Schema:
        """Reduce schemas that must all fit the same value."""
        self._steps += 1
        parts = [part for part in parts if part.schema is not True]
        for part in parts:
            self._check(part)
            if part.schema is False:
                return False
        if not parts:
            return True
        afforded = self._shared.budget.work(_STEP + 5 * len(parts))
        if len(self._active) > MAX_DEPTH or self._steps > MAX_STEPS or not afforded:
            self.note(parts[0].path, "schema", "it is nested too deeply, or the whole schema is too large")
            return True
        key = tuple(sorted({id(part.schema) for part in parts}))
        if key in self._done:
            return self._done[key]
        if key in self._active:
            return self._named(key, parts)
        self._active[key] = 1
        try:
            found = self._follow(parts)
        finally:
            del self._active[key]
        if key in self._names:
            self._defs[self._names[key]] = found
            found = {"$ref": f"#/$defs/{self._names[key]}"}
        self._done[key] = found
        return found

    def _follow(self, parts: list[Subschema]) -> Schema:
        """Reduce the parts; a lone reference stays a reference, so that nothing is written twice."""
        if len(parts) == 1 and self._is_reference(parts[0].schema):
            target = self._target(parts[0])
            if target is None:
                return True
            found = self.value([target])
            key = (id(target.schema),)
            if isinstance(found, bool) or "$ref" in found or key in self._active:
                return found
            self._defs[self._name(key, [target])] = found
            self._done[key] = named = {"$ref": f"#/$defs/{self._names[key]}"}
            return named
        atoms: list[Subschema] = []
        choices: list[_Alternatives] = []
        seen: set[int] = set()
        for part in parts:
            self._flatten(part, (), atoms, choices, seen)
        return self._combine(atoms, choices)

    def _named(self, key: tuple[int, ...], parts: list[Subschema]) -> Schema:
        return {"$ref": f"#/$defs/{self._name(key, parts)}"}

    def _name(self, key: tuple[int, ...], parts: list[Subschema]) -> str:
        if key not in self._names:
            self._names[key] = f"d{len(self._names)}"
            self._paths[self._names[key]] = parts[0].path
        return self._names[key]

    def _is_reference(self, schema: Any) -> bool:
        if not any(name in schema for name in _REFERENCES):
            return False
        return self.draft7 or not any(name in _ATOMIC or name in _COMPOSITE for name in schema)

    def _target(self, part: Subschema) -> Subschema | None:
        if "$recursiveRef" in part.schema:
            return self._root
        target = self._references.target(part)
        if target is None:
            name = "$ref" if "$ref" in part.schema else "$dynamicRef"
            self.note(part.path, name, f"{part.schema[name]!r} is outside this document, or depends on the path to it")
        else:
            self._check(target)
        return target

    def _flatten(
        self,
        part: Subschema,
        followed: tuple[int, ...],
        atoms: list[Subschema],
        choices: list[_Alternatives],
        seen: set[int],
    ) -> None:
        """Split a schema into its own keywords (``atoms``) and its alternatives (``choices``), once for each schema."""
        self._check(part)
        schema = part.schema
        if isinstance(schema, bool):
            if not schema:
                atoms.append(part)
            return
        if id(schema) in followed:
            raise InvalidRequest(
                f"{part.path} refers only to itself, so no value can be checked against it", parameter="schema"
            )
        if id(schema) in seen:
            return
        seen.add(id(schema))
        followed = (*followed, id(schema))
        if len(followed) > MAX_DEPTH or not self._shared.budget.work(10 + len(schema)):
            self.note(part.path, "schema", "it is nested too deeply, or the whole schema is too large")
            return
        if any(name in schema for name in _REFERENCES):
            target = self._target(part)
            if target is not None:
                self._flatten(target, followed, atoms, choices, seen)
            if self.draft7:
                return
        atoms.append(self._stripped(part))
        for index in range(len(schema.get("allOf", ()))):
            self._flatten(part.at("allOf", index), followed, atoms, choices, seen)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                ways = [part.at(name, index) for index in range(len(schema[name]))]
                choices.append(_Alternatives(ways, f"{part.path}.{name}", name == "oneOf"))
        if "not" in schema:
            self._flatten_not(part.at("not"), atoms, choices)
        if "if" in schema and ("then" in schema or "else" in schema):
            self._flatten_if(part, followed, atoms, choices, seen)
        for name in ("dependencies",) if self.draft7 else ("dependentRequired", "dependentSchemas"):
            choices += [self._dependency(part.at(name, key), key) for key in schema.get(name, {})]
        for name in () if self.draft7 else ("unevaluatedProperties", "unevaluatedItems"):
            if name in schema and schema[name] is not True and schema[name] != {}:
                known = self._evaluated(part, name, (), set())
                if known is None:
                    self.note(part.path, name, "which parts are evaluated depends on the value")
                elif "all" not in known:
                    atoms.append(self._derived(part, {**known, _LEFT[name]: schema[name]}, name))

    def _flatten_not(self, part: Subschema, atoms: list[Subschema], choices: list[_Alternatives]) -> None:
        """Rewrite ``not`` as the ways in which a value can fail to fit, if they are known."""
        values = _listed(part.schema)
        if values is not None:
            atoms.append(self._derived(part, {"not": values}, "not"))
            return
        ways = negated(part)
        if ways is None:
            self.note(part.path.rpartition(".")[0], "not", "it cannot be rewritten as a choice of schemas")
        else:
            choices.append(self._ways(part, ways, part.path))

    def _flatten_if(
        self,
        part: Subschema,
        followed: tuple[int, ...],
        atoms: list[Subschema],
        choices: list[_Alternatives],
        seen: set[int],
    ) -> None:
        condition = part.schema["if"]
        if isinstance(condition, bool) or condition == {}:
            name = "else" if condition is False else "then"
            if name in part.schema:
                self._flatten(part.at(name), followed, atoms, choices, seen)
            return
        then, other = part.schema.get("then", True), part.schema.get("else", True)
        if then in (True, {}) and other in (True, {}):
            return
        ways = negated(part.at("if"))
        if ways is None:
            self.note(part.path, "if", "its negation cannot be rewritten as a choice of schemas")
            return
        found: list[Any] = [{"allOf": [condition, then]}, *({"allOf": [way, other]} for way in ways)]
        choices.append(self._ways(part, found, f"{part.path}.if"))

    def _ways(self, part: Subschema, ways: list[Any], path: str) -> _Alternatives:
        return _Alternatives([self._derived(part, way, f"{path} {at}") for at, way in enumerate(ways)], path, False)

    def _dependency(self, part: Subschema, key: str) -> _Alternatives:
        """Return the two ways to satisfy a dependency: the property is absent, or its requirements are met."""
        given = part.schema
        needs: dict[str, Any] = {"required": [key, *given]} if isinstance(given, list) else {"required": [key]}
        if isinstance(given, (dict, bool)):
            needs["allOf"] = [given]
        without = self._derived(part, {"properties": {key: False}})
        # Built on every call, but `_derived` returns the same object each time: schemas are compared by identity.
        return _Alternatives(
            [without, self._derived(part, {"type": "object", **needs}, f"with {key}")], part.path, False
        )

    def _evaluated(
        self, part: Subschema, name: str, followed: tuple[int, ...], seen: set[int]
    ) -> dict[str, Any] | None:
        """Return the properties or items that a schema evaluates, or ``all``; ``None`` if that depends on the value."""
        schema = part.schema
        if isinstance(schema, bool) or (id(schema) in seen and id(schema) not in followed):
            return {}
        seen.add(id(schema))
        if not self._shared.budget.work(10 + len(schema)):
            return None
        if id(schema) in followed or len(followed) > MAX_DEPTH or any(key in schema for key in _DEPENDS):
            return None
        rest = _LEFT[name]
        if (rest in schema and not isinstance(schema[rest], list)) or (followed and name in schema):
            return {"all": True}
        if "contains" in schema and rest == "items":
            return None
        inner = [part.at("allOf", index) for index in range(len(schema.get("allOf", ())))]
        if any(key in schema for key in _REFERENCES):
            target = self._target(part)
            if target is None:
                return None
            inner.append(target)
        parts: list[dict[str, Any]] = [schema]
        for deeper in inner:
            found = self._evaluated(deeper, name, (*followed, id(schema)), seen)
            if found is None or "all" in found:
                return found
            parts.append(found)
        if rest == "items":
            return {"prefixItems": [True] * max(len(found.get("prefixItems", ())) for found in parts)}
        return {
            key: {word: True for found in parts for word in found.get(key, ())}
            for key in ("properties", "patternProperties")
        }

    def _combine(self, atoms: list[Subschema], choices: list[_Alternatives]) -> Schema:
        """Reduce the atoms together with each combination of the choices."""
        choices = self._limit_choices(choices)
        if not choices:
            return self._merger.merged(atoms)
        relevant = [part for part in atoms if part.schema is False or part.schema]
        found = [self.value([*relevant, *ways]) for ways in product(*(choice.parts for choice in choices))]
        for choice in choices:
            exclusive = choice.exclusive and len(choices) == 1
            kept = [way for way in found if way is not False]
            apart = exclusive and self._overlap.all_disjoint(kept)
            if choice.exclusive and not apart and len(choice.parts) > 1:
                path = choice.path.rpartition(".")[0]
                self.note(path, "oneOf", "a value may fit more than one of the schemas")
        return union(found, self._shared.keys)

    def _limit_choices(self, choices: list[_Alternatives]) -> list[_Alternatives]:
        """Return as many choices as can be combined with each other, starting with the smallest."""
        if len(choices) < 2:
            return choices
        kept: set[int] = set()
        ways = 1
        for at in sorted(range(len(choices)), key=lambda at: (len(choices[at].parts), -at)):
            if kept and ways * len(choices[at].parts) > MAX_BRANCHES:
                break
            kept.add(at)
            ways *= len(choices[at].parts)
        left_out = [choice for at, choice in enumerate(choices) if at not in kept]
        for choice in sorted(left_out, key=lambda choice: -len(choice.parts)):
            path, _, keyword = choice.path.rpartition(".")
            self.note(path, keyword, f"there are more than {MAX_BRANCHES} ways to combine it with other choices")
        return [choice for at, choice in enumerate(choices) if at in kept]

    def _stripped(self, part: Subschema) -> Subschema:
        """Return only the keywords that constrain the value directly."""
        known = _ATOMIC - _NOT_IN_DRAFT7 if self.draft7 else _ATOMIC
        if known.issuperset(part.schema):
            return part
        return self._derived(part, {key: value for key, value in part.schema.items() if key in known}, "own")

    def _derived(self, part: Subschema, schema: Any, kind: str = "") -> Subschema:
        """Return a derived schema at the path of the original, the same object each time."""
        if isinstance(schema, bool):
            return Subschema(schema, part.path)
        key = (id(part.schema), kind or json.dumps(schema, default=repr))
        return Subschema(self._derived_schemas.setdefault(key, schema), part.path)

    def _used(self, schema: Schema) -> dict[str, Schema]:
        """Return the definitions that are used."""
        if not self._defs:
            return {}
        found: dict[str, Schema] = {}
        seen: set[int] = set()
        waiting: list[Any] = [schema]
        while waiting:
            one = waiting.pop()
            if isinstance(one, bool) or id(one) in seen:
                continue
            seen.add(id(one))
            if "$ref" in one:
                name = one["$ref"].removeprefix("#/$defs/")
                if name not in found:
                    found[name] = self._defs[name]
                    waiting.append(found[name])
                continue
            waiting += [*one.get("anyOf", ()), *one.get("prefixItems", ())]
            for keyword in ("properties", "patternProperties"):
                waiting += one.get(keyword, {}).values()
            waiting += [
                one[keyword] for keyword in ("items", "additionalProperties", "propertyNames") if keyword in one
            ]
        return {name: self._defs[name] for name in self._defs if name in found}

    def _reject_loops(self) -> None:
        """Raise `InvalidRequest` for definitions that are only references to each other: they never end."""
        done: set[str] = set()
        for begin in self._defs:
            path = [(begin, iter(aliased_definitions(self._defs[begin])))] if begin not in done else []
            on_path = {begin}
            while path:
                name, others = path[-1]
                other = next(others, None)
                if other is None:
                    path.pop()
                    on_path.discard(name)
                    done.add(name)
                elif other in on_path:
                    raise InvalidRequest(
                        f"{self._paths[other]} refers only to itself, so no value can be checked against it",
                        parameter="schema",
                    )
                elif other not in done:
                    on_path.add(other)
                    path.append((other, iter(aliased_definitions(self._defs[other]))))


_COMPOSITE = frozenset(
    {
        *("allOf", "anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "dependencies"),
        *("unevaluatedProperties", "unevaluatedItems"),
    }
)
_DEPENDS = ("anyOf", "oneOf", "if", "dependentSchemas", "dependencies", "$dynamicRef")
_LEFT = {"unevaluatedProperties": "additionalProperties", "unevaluatedItems": "items"}


def _listed(schema: Any) -> list[Any] | None:
    """Return the values of a schema that only lists values."""
    names = set(record(schema) or ())
    return schema.get("enum", [schema.get("const")]) if names in ({"enum"}, {"const"}) else None
