"""Any JSON Schema (drafts 7 and 2020-12) into one that a grammar can hold a model to, and what that leaves out.

What comes out says the same with fewer words: references to ``#/$defs/...`` alone, one type at each place, ``anyOf``,
``enum``, and each type's own keywords. So much is rewritten without loss: ``allOf``, references of all kinds, ``oneOf``
of what cannot overlap, conditions on properties, draft 7's spellings. What a grammar cannot know is left out and named:
``contains``, ``uniqueItems``, expressions that look ahead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from ...errors import InvalidRequest
from .given import check, check_given
from .kinds import Kinds, Schema, union
from .negation import negated
from .overlap import Overlap
from .references import Part, References, record, same_place
from .shared import Shared

MAX_DEPTH = 48
"""How deep schemas may lie in each other; below it, anything goes, and is named."""
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


class Dropped(NamedTuple):
    """What a model is not held to: where (``$.properties.age``), which keyword, and why.

    ``excludes`` is true where it is the other way around: it is held to more than the schema says.
    """

    path: str
    keyword: str
    reason: str
    excludes: bool = False

    def __str__(self) -> str:
        return f"{self.path}.{self.keyword}: {self.reason}"


class Reduced(NamedTuple):
    """A schema that `grammar_of_schema` takes, and what it leaves out of the one it was made of."""

    schema: Schema
    dropped: list[Dropped]


def reduce_schema(schema: Any, *, close: bool = True) -> Reduced:
    """Return as much of a JSON Schema as a grammar can hold a model to, and name the rest.

    With ``close``, objects that declare properties have no others unless the schema says so itself: a model that may
    invent names does. Raises `InvalidRequest` for what is no schema.
    """
    if isinstance(schema, bool):
        reduced: Schema = {} if schema else False
        reducer = None
    else:
        reducer = _Reducer(schema, close)
        reduced = reducer.whole()
    dropped = [] if reducer is None else list(reducer.dropped)
    if reduced is False:
        reduced, dropped = {}, [*dropped, Dropped("$", "schema", "nothing fits it")]
    return Reduced(reduced, dropped)


class _Choice(NamedTuple):
    parts: list[Part]
    path: str
    exclusive: bool


class _Reducer:
    """The work on one schema."""

    def __init__(self, schema: Any, close: bool) -> None:
        root = Part(schema, "$")
        check(root)
        check_given(schema)
        draft = schema.get("$schema")
        self.draft7 = isinstance(draft, str) and "draft-0" in draft
        self.dropped: dict[Dropped, None] = {}
        self._references = References(schema, draft7=self.draft7)
        self._root = root
        self._shared = Shared(self.note)
        self._kinds = Kinds(self.value, self.note, self._shared, close=close)
        self._done: dict[tuple[int, ...], Schema] = {}
        self._active: dict[tuple[int, ...], int] = {}
        self._names: dict[tuple[int, ...], str] = {}
        self._paths: dict[str, str] = {}
        self._defs: dict[str, Schema] = {}
        self._overlap = Overlap(self._defs, self._shared)
        self._checked: dict[int, Any] = {}
        self._kept: dict[tuple[int, str], Any] = {}
        self._steps = 0

    def note(self, path: str, keyword: str, reason: str, excludes: bool = False) -> None:
        """Name something that is left out."""
        self.dropped[Dropped(path, keyword, reason, excludes)] = None

    def _check(self, part: Part) -> None:
        """Check a schema, once."""
        if id(part.schema) not in self._checked:
            self._checked[id(part.schema)] = part.schema
            check(part)

    def whole(self) -> Schema:
        """Return the reduced schema, with what it refers to."""
        schema = self.value([self._root])
        self._forbid_loops()
        if isinstance(schema, bool):
            return {} if schema else False
        used = self._used(schema)
        return {**schema, "$defs": used} if used else schema

    def value(self, parts: Sequence[Part]) -> Schema:
        """Return what fits all of the parts."""
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
            self.note(parts[0].path, "schema", "it lies too deep, or the whole is too large")
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

    def _follow(self, parts: list[Part]) -> Schema:
        """Return what fits the parts; a reference alone stays one, so that nothing is written twice."""
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
        atoms: list[Part] = []
        choices: list[_Choice] = []
        seen: set[int] = set()
        for part in parts:
            self._flatten(part, (), atoms, choices, seen)
        return self._choose(atoms, choices)

    def _named(self, key: tuple[int, ...], parts: list[Part]) -> Schema:
        return {"$ref": f"#/$defs/{self._name(key, parts)}"}

    def _name(self, key: tuple[int, ...], parts: list[Part]) -> str:
        if key not in self._names:
            self._names[key] = f"d{len(self._names)}"
            self._paths[self._names[key]] = parts[0].path
        return self._names[key]

    def _is_reference(self, schema: Any) -> bool:
        if not any(name in schema for name in _REFERENCES):
            return False
        return self.draft7 or not any(name in _ATOMIC or name in _COMPOSITE for name in schema)

    def _target(self, part: Part) -> Part | None:
        if "$recursiveRef" in part.schema:
            return self._root
        target = self._references.target(part)
        if target is None:
            name = "$ref" if "$ref" in part.schema else "$dynamicRef"
            self.note(part.path, name, f"{part.schema[name]!r} is not in this document, or not the same everywhere")
        else:
            self._check(target)
        return target

    def _flatten(
        self, part: Part, followed: tuple[int, ...], atoms: list[Part], choices: list[_Choice], seen: set[int]
    ) -> None:
        """Take a schema apart: what it says itself, and what there is to choose from. What was seen says it once."""
        self._check(part)
        schema = part.schema
        if isinstance(schema, bool):
            if not schema:
                atoms.append(part)
            return
        if id(schema) in followed:
            raise InvalidRequest(
                f"{part.path} refers to itself without end: no value can be checked against it", parameter="schema"
            )
        if id(schema) in seen:
            return
        seen.add(id(schema))
        followed = (*followed, id(schema))
        if len(followed) > MAX_DEPTH or not self._shared.budget.work(10 + len(schema)):
            self.note(part.path, "schema", "it lies too deep, or the whole is too large")
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
                choices.append(_Choice(ways, f"{part.path}.{name}", name == "oneOf"))
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
                    self.note(part.path, name, "what has been evaluated depends on the answer")
                elif "all" not in known:
                    atoms.append(self._made(part, {**known, _LEFT[name]: schema[name]}, name))

    def _flatten_not(self, part: Part, atoms: list[Part], choices: list[_Choice]) -> None:
        """Rewrite what must not be as the ways not to be it, where they are known."""
        values = _listed(part.schema)
        if values is not None:
            atoms.append(self._made(part, {"not": values}, "not"))
            return
        ways = negated(part)
        if ways is None:
            self.note(part.path.rpartition(".")[0], "not", "what must not be cannot be told from what may")
        else:
            choices.append(self._ways(part, ways, part.path))

    def _flatten_if(
        self, part: Part, followed: tuple[int, ...], atoms: list[Part], choices: list[_Choice], seen: set[int]
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
            self.note(part.path, "if", "what follows from a condition cannot be told before it is met")
            return
        found: list[Any] = [{"allOf": [condition, then]}, *({"allOf": [way, other]} for way in ways)]
        choices.append(self._ways(part, found, f"{part.path}.if"))

    def _ways(self, part: Part, ways: list[Any], path: str) -> _Choice:
        return _Choice([self._made(part, way, f"{path} {at}") for at, way in enumerate(ways)], path, False)

    def _dependency(self, part: Part, key: str) -> _Choice:
        """Return the two ways to do justice to it: the property is not there, or what it asks for is."""
        given = part.schema
        needs: dict[str, Any] = {"required": [key, *given]} if isinstance(given, list) else {"required": [key]}
        if isinstance(given, (dict, bool)):
            needs["allOf"] = [given]
        without = self._made(part, {"properties": {key: False}})
        # Made anew on each way here, and yet the same for whoever asks by identity.
        return _Choice([without, self._made(part, {"type": "object", **needs}, f"with {key}")], part.path, False)

    def _evaluated(self, part: Part, name: str, followed: tuple[int, ...], seen: set[int]) -> dict[str, Any] | None:
        """Return the properties or items that a schema has a word on, or ``all``; ``None`` where it depends."""
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

    def _choose(self, atoms: list[Part], choices: list[_Choice]) -> Schema:
        """Return what fits all atoms and one way of each choice."""
        choices = self._fewer(choices)
        if not choices:
            return self._kinds.merged(atoms)
        said = [part for part in atoms if part.schema is False or part.schema]
        found = [self.value([*said, *ways]) for ways in product(*(choice.parts for choice in choices))]
        for choice in choices:
            exclusive = choice.exclusive and len(choices) == 1
            kept = [way for way in found if way is not False]
            apart = exclusive and self._overlap.apart(kept)
            if choice.exclusive and not apart and len(choice.parts) > 1:
                path = choice.path.rpartition(".")[0]
                self.note(path, "oneOf", "an answer may fit more than one")
        return union(found, self._shared.keys)

    def _fewer(self, choices: list[_Choice]) -> list[_Choice]:
        """Return the choices that can be combined with each other, the smallest first taken."""
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
            self.note(path, keyword, f"there are more than {MAX_BRANCHES} ways to combine it with the others")
        return [choice for at, choice in enumerate(choices) if at in kept]

    def _stripped(self, part: Part) -> Part:
        """Return what a schema says itself."""
        known = _ATOMIC - _NOT_IN_DRAFT7 if self.draft7 else _ATOMIC
        if known.issuperset(part.schema):
            return part
        return self._made(part, {key: value for key, value in part.schema.items() if key in known}, "own")

    def _made(self, part: Part, schema: Any, kind: str = "") -> Part:
        """Return a schema of ours in the place of another, the same one each time."""
        if isinstance(schema, bool):
            return Part(schema, part.path)
        key = (id(part.schema), kind or json.dumps(schema, default=repr))
        return Part(self._kept.setdefault(key, schema), part.path)

    def _used(self, schema: Schema) -> dict[str, Schema]:
        """Return the definitions that are referred to."""
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

    def _forbid_loops(self) -> None:
        """Raise where a definition is another one, which is the first: that says nothing, and never ends."""
        done: set[str] = set()
        for begin in self._defs:
            path = [(begin, iter(same_place(self._defs[begin])))] if begin not in done else []
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
                        f"{self._paths[other]} refers to itself without end: no value can be checked against it",
                        parameter="schema",
                    )
                elif other not in done:
                    on_path.add(other)
                    path.append((other, iter(same_place(self._defs[other]))))


_COMPOSITE = frozenset(
    {
        *("allOf", "anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "dependencies"),
        *("unevaluatedProperties", "unevaluatedItems"),
    }
)
_DEPENDS = ("anyOf", "oneOf", "if", "dependentSchemas", "dependencies", "$dynamicRef")
_LEFT = {"unevaluatedProperties": "additionalProperties", "unevaluatedItems": "items"}


def _listed(schema: Any) -> list[Any] | None:
    """Return the values of a schema that does nothing but list them."""
    names = set(record(schema) or ())
    return schema.get("enum", [schema.get("const")]) if names in ({"enum"}, {"const"}) else None
