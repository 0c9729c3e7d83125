"""Give schemas an object at their root, as most constraint engines and services require."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .problem import InvalidValue, Problem, is_list, is_object, path_to, relocated

Schema = dict[str, Any]

WRAPPER = "value"
"""The key of a non-object type's value in the object that wraps it."""

_ANNOTATIONS = {"$defs", "definitions", "$schema", "$comment", "title", "description", "default", "examples"}
_HOISTED = ("$schema", "$defs", "definitions")
_MAX_SEEN = 100
"""The most schemas to examine for the type of the root: references may form a long chain."""
_DATA = {"const", "enum", "default", "examples"}


def with_object_root(schema: Schema) -> tuple[Schema, bool]:
    """Return the schema with an object at its root, and whether it had to be wrapped in one."""
    root = _inlined(schema)
    if _is_object(root, root, set()):
        return {**root, "type": "object"}, False
    return _wrapped(schema), True


def unwrapping_check(convert: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return a check of ``{"value": ...}`` that returns the value, and reports problems with their whole path.

    `InvalidValue.own` has the problems with their paths in the unwrapped value, for the caller.
    """

    def check(value: Any, path: str) -> Any:
        problems: list[Problem] = []
        if not is_object(value):
            raise InvalidValue([Problem(path, f"expected an object with the key `{WRAPPER}`")])
        if WRAPPER not in value:
            problems.append(Problem(path, f"object missing required field `{WRAPPER}`"))
        problems += [Problem(path, f"object contains unknown field `{key}`") for key in value if key != WRAPPER]
        if problems:
            raise InvalidValue(problems)
        start = path_to(path, WRAPPER)
        try:
            return convert(value[WRAPPER], start)
        except InvalidValue as invalid:
            raise InvalidValue(invalid.problems, relocated(invalid.problems, path, start)) from invalid

    return check


def _inlined(schema: Schema) -> Schema:
    """Replace a reference at the root by its target, if there are only annotations beside it."""
    root, seen = schema, set[str]()
    while isinstance(name := root.get("$ref"), str) and name not in seen and root.keys() - {"$ref"} <= _ANNOTATIONS:
        seen.add(name)
        target = _target(schema, name)
        if target is None or "$id" in target:
            return schema
        root = {**target, **{key: value for key, value in root.items() if key != "$ref"}}
    used = _used(root) if seen else set[str]()
    for group in ("$defs", "definitions"):
        unused = {name for name in seen if name.startswith(f"#/{group}/") and name not in used}
        if unused:
            left = {key: value for key, value in root[group].items() if f"#/{group}/{key}" not in unused}
            root = {key: value for key, value in root.items() if key != group} | ({group: left} if left else {})
    return root


def _target(schema: Schema, pointer: str) -> Schema | None:
    found: Any = schema
    for part in pointer.removeprefix("#/").split("/") if pointer.startswith("#/") else [""]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not is_object(found) or key not in found:
            return None
        found = found[key]
    return found if is_object(found) else None


def _used(schema: Schema) -> set[str]:
    """Return the definitions that are referred to, or into, including by themselves."""
    found: set[str] = set()
    waiting: list[Any] = [schema]
    while waiting:
        value = waiting.pop()
        if is_object(value):
            ref = value.get("$ref")
            if isinstance(ref, str):
                found.add("/".join(ref.split("/", 3)[:3]))
            waiting += value.values()
        elif is_list(value):
            waiting += value
    return found


def _is_object(schema: Any, root: Schema, seen: set[int]) -> bool:
    """Whether a schema allows only objects; a schema that was examined before counts as false."""
    if not is_object(schema) or id(schema) in seen or len(seen) > _MAX_SEEN:
        return False
    seen.add(id(schema))
    given = schema
    if "type" in given:
        return given["type"] in ("object", ["object"])
    ref = given.get("$ref")
    if isinstance(ref, str) and _is_object(_target(root, ref), root, seen):
        return True
    parts = given.get("allOf")
    if is_list(parts) and any(_is_object(part, root, seen) for part in parts):
        return True
    # A schema with properties means an object, unless it has other alternatives.
    return ("properties" in given or "required" in given) and not given.keys() & {"$ref", "anyOf", "oneOf", "allOf"}


def _wrapped(schema: Schema) -> Schema:
    """Wrap a schema in an object; its definitions stay at the root, and references to its root still work."""
    if "$id" in schema:  # the base of its references, which does not depend on its place
        inner = {key: value for key, value in schema.items() if key != "$schema"}
        hoisted = {key: schema[key] for key in ("$schema",) if key in schema}
    else:
        moved = _moved(schema)
        inner = {key: value for key, value in moved.items() if key not in _HOISTED}
        hoisted = {key: moved[key] for key in _HOISTED if key in moved}
    return {
        "type": "object",
        "properties": {WRAPPER: inner},
        "required": [WRAPPER],
        "additionalProperties": False,
        **hoisted,
    }


def _moved(value: Any) -> Any:
    """Update references to the root, or to a path below it outside the definitions, to the new place."""
    if is_list(value):
        return [_moved(inner) for inner in value]
    if not is_object(value):
        return value
    given = value
    moved = {key: inner if key in _DATA else _moved(inner) for key, inner in given.items()}
    for keyword in ("$ref", "$dynamicRef"):
        ref = moved.get(keyword)
        if isinstance(ref, str) and (ref == "#" or ref.startswith("#/")):
            stays = ref.startswith(("#/$defs/", "#/definitions/"))
            moved[keyword] = ref if stays else f"#/properties/{WRAPPER}{ref[1:]}"
    return moved
