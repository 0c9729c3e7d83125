"""The keywords of JSON Schema: each returns the problems of a value, and adds what it evaluates to ``evaluated``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, cast

from .._internal.equality import Key
from .check import Evaluated, Keyword, SchemaCheck
from .document import Schema
from .patterns.pattern import Pattern
from .problem import Mismatch, OtherText, Problem, is_list, is_object, no_alternative_fits, path_to, preview, truncated

_NAMES: Mapping[type, str] = {str: "string", int: "integer", float: "number", dict: "object", list: "array"}
_LISTED = 20  # how many values of an enum, and how many missing names, a message lists


# Any value


def _ref(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    return check.apply(value, check.document.targets[id(schema), "$ref"], path, evaluated)


def _dynamic_ref(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    target = check.document.targets[id(schema), "$dynamicRef"]
    name = schema["$dynamicRef"].rpartition("#")[2]
    if is_object(target) and target.get("$dynamicAnchor") == name:
        # The outermost resource on the path to here that has an anchor of that name.
        target = next((home.dynamic[name] for home in check.scope if name in home.dynamic), target)
    return check.apply(value, target, path, evaluated)


def _type(_check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    wanted = cast("str | list[str]", schema["type"])
    names = [wanted] if isinstance(wanted, str) else wanted
    if any(_is(value, name) for name in names):
        return []
    return [Mismatch(path, _words(names), f"`{_type_of(value)}`", "type")]


def _is(value: Any, name: str) -> bool:
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    return _type_of(value) == name


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    return "boolean" if isinstance(value, bool) else _NAMES.get(cast("Any", type(value)), "something")


def _words(names: list[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _enum(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if check.keys.of(value) in check.document.constants[id(schema), "enum"]:
        return []
    listed = schema["enum"]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    check.spend(10 * min(len(listed), _LISTED))
    kind = OtherText if isinstance(value, str) and len(listed) == 1 and isinstance(listed[0], str) else Problem
    return [kind(path, f"{preview(value)} is not one of {', '.join(map(preview, listed[:_LISTED]))}{more}")]


def _const(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    same = check.keys.of(value) in check.document.constants[id(schema), "const"]
    wanted = schema["const"]
    return [] if same else [Mismatch(path, preview(wanted), preview(value), "text" if isinstance(wanted, str) else "")]


# Schemas on the same value


def _all_of(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    return [problem for part in schema["allOf"] for problem in check.apply(value, part, path, evaluated)]


def _any_of(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    attempts = [check.apply(value, part, path, evaluated) for part in schema["anyOf"]]
    return [] if not all(attempts) else no_alternative_fits(attempts, path)


def _one_of(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    seens = [Evaluated() for _ in schema["oneOf"]]
    attempts = [check.apply(value, part, path, own) for part, own in zip(schema["oneOf"], seens, strict=True)]
    fitting = [index for index, problems in enumerate(attempts) if not problems]
    if not fitting:
        return no_alternative_fits(attempts, path)
    if len(fitting) > 1:
        which = truncated(", ".join(map(str, fitting)))
        return [Problem(path, f"exactly one of the alternatives must fit, but these fit (counted from 0): {which}")]
    evaluated.add(seens[fitting[0]])
    return []


def _not(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if check.apply(value, schema["not"], path, Evaluated()):
        return []
    return [Problem(path, f"must not fit {preview(schema['not'])}")]


def _if(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    holds = not check.apply(value, schema["if"], path, evaluated)
    return check.apply(value, schema.get("then" if holds else "else", True), path, evaluated)


# Numbers and texts


def _limit(words: str, fits: Callable[[Any, Any], bool]) -> Callable[[str], Keyword]:
    def make(keyword: str) -> Keyword:
        def check_limit(
            _check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated
        ) -> list[Problem]:
            if not _is(value, "number") or fits(value, schema[keyword]):
                return []
            return [Mismatch(path, f"a number {words} {schema[keyword]}", preview(value))]

        return check_limit

    return make


def _size(kind: type[Any], what: str, *, least: bool) -> Callable[[str], Keyword]:
    def make(keyword: str) -> Keyword:
        def check_size(
            _check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated
        ) -> list[Problem]:
            limit = schema[keyword]
            if not isinstance(value, kind) or (len(value) >= limit) is least or len(value) == limit:
                return []
            words = "at least" if least else "at most"
            return [Mismatch(path, f"{words} {int(limit)} {what}", str(len(value)))]

        return check_size

    return make


def _multiple_of(_check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if not _is(value, "number"):
        return []
    (number, digits), (step, step_digits) = _decimal(value), _decimal(schema["multipleOf"])
    places = max(digits, step_digits, 0)
    if number * 10 ** (places - digits) % (step * 10 ** (places - step_digits)) == 0:
        return []
    return [Problem(path, f"{preview(value)} is not a multiple of {schema['multipleOf']}")]


def _decimal(value: float) -> tuple[int, int]:
    """Return the digits of a number as an integer, and how many of them follow the point."""
    if isinstance(value, int):
        return value, 0
    digits, _, exponent = repr(value).partition("e")
    whole, _, behind = digits.partition(".")
    return int(whole + behind), len(behind) - int(exponent or 0)


def _pattern(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if not isinstance(value, str) or check.finds(check.document.patterns[schema["pattern"]], value):
        return []
    return [Mismatch(path, f"text that matches {truncated(repr(schema['pattern']))}", preview(value))]


# Lists


def _prefix_items(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    return _each(check, value, schema["prefixItems"], path, evaluated)


def _items(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    return _rest(check, value, schema["items"], len(schema.get("prefixItems", ())), path, evaluated)


def _items_7(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    items = schema["items"]
    if is_list(items):
        return _each(check, value, items, path, evaluated)
    return _rest(check, value, items, 0, path, evaluated)


def _additional_items(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    items = schema.get("items")
    if not is_list(items):
        return []
    return _rest(check, value, schema["additionalItems"], len(items), path, evaluated)


def _each(check: SchemaCheck, value: Any, schemas: list[Any], path: str, evaluated: Evaluated) -> list[Problem]:
    problems: list[Problem] = []
    if is_list(value):
        for index, (one, schema) in enumerate(zip(value, schemas, strict=False)):
            evaluated.places.add(index)
            problems += check.apply(one, schema, path_to(path, index), Evaluated())
    return problems


def _rest(check: SchemaCheck, value: Any, schema: Any, start: int, path: str, evaluated: Evaluated) -> list[Problem]:
    problems: list[Problem] = []
    if is_list(value):
        for index, one in enumerate(value[start:], start):
            evaluated.places.add(index)
            problems += check.apply(one, schema, path_to(path, index), Evaluated())
    return problems


def _contains(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    if not is_list(value):
        return []
    items = value
    found = [
        i for i, one in enumerate(items) if not check.apply(one, schema["contains"], path_to(path, i), Evaluated())
    ]
    least, most = 1, len(items)
    if not check.document.draft_7:
        evaluated.places.update(found)
        least, most = schema.get("minContains", 1), schema.get("maxContains", most)
    if least <= len(found) <= most:
        return []
    bound = f"at least {least}" if len(found) < least else f"at most {most}"
    return [Mismatch(path, f"{bound} items that fit {preview(schema['contains'])}", str(len(found)))]


def _unique_items(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if not is_list(value) or not schema["uniqueItems"]:
        return []
    check.spend(len(value))
    first: dict[Key, int] = {}
    for index, one in enumerate(value):
        before = first.setdefault(check.keys.of(one), index)
        if before != index:
            return [Problem(path_to(path, index), f"is equal to item {before}; the items must be unique")]
    return []


# Objects


def _properties(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    problems: list[Problem] = []
    if is_object(value):
        properties: Schema = schema["properties"]
        names: Iterable[str] = properties
        if len(value) < len(properties) >> 3:
            # The value has few of many properties: sort its names in the schema's order.
            order = check.document.order(properties)
            names = sorted((name for name in value if name in properties), key=order.__getitem__)
        else:
            check.spend(len(properties))
        for name in names:
            if name in value:
                evaluated.keys.add(name)
                problems += check.apply(value[name], properties[name], path_to(path, name), Evaluated())
    return problems


def _pattern_properties(
    check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated
) -> list[Problem]:
    problems: list[Problem] = []
    if is_object(value):
        for pattern, inner in schema["patternProperties"].items():
            found = check.document.patterns[pattern]
            for name in value:
                if check.finds(found, name):
                    evaluated.keys.add(name)
                    problems += check.apply(value[name], inner, path_to(path, name), Evaluated())
    return problems


def _additional(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    if not is_object(value):
        return []
    patterns = [check.document.patterns[pattern] for pattern in schema.get("patternProperties", ())]
    named = schema.get("properties", {})
    check.spend(len(value) + len(patterns))
    others = [name for name in value if name not in named and not _finds(check, patterns, name)]
    return _others(check, value, others, schema["additionalProperties"], path, evaluated)


def _finds(check: SchemaCheck, patterns: list[Pattern], name: str) -> bool:
    return any(check.finds(pattern, name) for pattern in patterns)


def _others(
    check: SchemaCheck, value: Schema, names: list[str], schema: Any, path: str, evaluated: Evaluated
) -> list[Problem]:
    problems: list[Problem] = []
    for name in names:
        evaluated.keys.add(name)
        if schema is False:
            problems.append(Problem(path, f"object contains unknown field `{name}`"))
        else:
            problems += check.apply(value[name], schema, path_to(path, name), Evaluated())
    return problems


def _property_names(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if not is_object(value):
        return []
    return [
        problem.of_key(path, name)
        for name in value
        for problem in check.apply(name, schema["propertyNames"], path, Evaluated())
    ]


def _required(check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated) -> list[Problem]:
    if not is_object(value):
        return []
    check.spend(len(schema["required"]))
    missing = (name for name in schema["required"] if name not in value)
    return [Problem(path, f"object missing required field `{name}`") for name in islice(missing, _LISTED)]


def _dependent_required(
    check: SchemaCheck, value: Any, schema: Schema, path: str, _evaluated: Evaluated
) -> list[Problem]:
    return _dependent(check, value, schema["dependentRequired"], path)


def _dependent(check: SchemaCheck, value: Any, wanted: Mapping[str, list[str]], path: str) -> list[Problem]:
    if not is_object(value):
        return []
    check.spend(len(wanted))
    problems: list[Problem] = []
    for name, others in wanted.items():
        if name in value:
            check.spend(len(others))
            missing = (other for other in others if other not in value)
            problems += [
                Problem(path, f"object missing field `{other}`, which is required with `{name}`")
                for other in islice(missing, _LISTED)
            ]
    return problems


def _dependent_schemas(
    check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated
) -> list[Problem]:
    return _dependent_on(check, value, schema["dependentSchemas"], path, evaluated)


def _dependent_on(check: SchemaCheck, value: Any, schemas: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    if not is_object(value):
        return []
    check.spend(len(schemas))
    return [
        problem
        for name, inner in schemas.items()
        if name in value
        for problem in check.apply(value, inner, path, evaluated)
    ]


def _dependencies(check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated) -> list[Problem]:
    given = schema["dependencies"]
    schemas = {name: inner for name, inner in given.items() if not is_list(inner)}
    lists = {name: cast("list[str]", inner) for name, inner in given.items() if is_list(inner)}
    return _dependent(check, value, lists, path) + _dependent_on(check, value, schemas, path, evaluated)


# Unevaluated properties and items


def _unevaluated_properties(
    check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated
) -> list[Problem]:
    if not is_object(value):
        return []
    check.spend(len(value))
    names = [name for name in value if name not in evaluated.keys]
    return _others(check, value, names, schema["unevaluatedProperties"], path, evaluated)


def _unevaluated_items(
    check: SchemaCheck, value: Any, schema: Schema, path: str, evaluated: Evaluated
) -> list[Problem]:
    if not is_list(value):
        return []
    check.spend(len(value))
    problems: list[Problem] = []
    for index, one in enumerate(value):
        if index not in evaluated.places:
            evaluated.places.add(index)
            problems += check.apply(one, schema["unevaluatedItems"], path_to(path, index), Evaluated())
    return problems


_KEYWORDS: dict[str, Keyword] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "minimum": _limit("from", lambda a, b: a >= b)("minimum"),
    "maximum": _limit("up to", lambda a, b: a <= b)("maximum"),
    "exclusiveMinimum": _limit("above", lambda a, b: a > b)("exclusiveMinimum"),
    "exclusiveMaximum": _limit("below", lambda a, b: a < b)("exclusiveMaximum"),
    "multipleOf": _multiple_of,
    "minLength": _size(str, "characters", least=True)("minLength"),
    "maxLength": _size(str, "characters", least=False)("maxLength"),
    "pattern": _pattern,
    "minItems": _size(list, "items", least=True)("minItems"),
    "maxItems": _size(list, "items", least=False)("maxItems"),
    "uniqueItems": _unique_items,
    "contains": _contains,
    "minProperties": _size(dict, "fields", least=True)("minProperties"),
    "maxProperties": _size(dict, "fields", least=False)("maxProperties"),
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "required": _required,
    "dependencies": _dependencies,
}
_DRAFT_7: dict[str, Keyword] = {**_KEYWORDS, "items": _items_7, "additionalItems": _additional_items}
_2020: dict[str, Keyword] = {
    **_KEYWORDS,
    "$dynamicRef": _dynamic_ref,
    "prefixItems": _prefix_items,
    "items": _items,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
}
_UNEVALUATED: dict[str, Keyword] = {
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
FOR_DRAFT_7: tuple[Mapping[str, Keyword], Mapping[str, Keyword]] = (_DRAFT_7, {})
FOR_2020: tuple[Mapping[str, Keyword], Mapping[str, Keyword]] = (_2020, _UNEVALUATED)
"""The keywords of a draft, and those that depend on what all others have evaluated."""
