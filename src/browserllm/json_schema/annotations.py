"""Translate the metadata of `Annotated`: descriptions, and the rules of msgspec, annotated-types and pydantic.

`for_msgspec` rewrites a type so that msgspec understands its rules: they are in the schema and are checked.
`for_pydantic` does the same for pydantic.
"""

from __future__ import annotations

import operator
import sys
import typing
from collections.abc import Iterator
from datetime import datetime, time
from typing import Annotated, Any, cast

import msgspec

from ..errors import InvalidRequest
from .custom import LISTS, MAPS, converted, custom, is_custom_type, schema_of
from .fields import fields_of
from .problem import InvalidValue, Problem, no_alternative_fits
from .rules import Notes, checked, description_of, is_union, package_of, ruled


class _Rewriting:
    """Rewrites the annotations in a type, but not those inside its classes."""

    def __init__(self) -> None:
        self._aliases: list[int] = []

    def of(self, kind: Any) -> Any:
        """Return the rewritten type; the same object if nothing changes."""
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin is Annotated:
            return self.annotated(kind, self.of(args[0]), args[1:])
        if type(origin or kind).__name__ == "TypeAliasType":
            return self._alias(origin or kind, args)
        if hasattr(kind, "__supertype__"):  # a NewType
            inner = self.of(kind.__supertype__)
            return kind if inner is kind.__supertype__ else inner
        if not args or origin is typing.Literal or not (isinstance(origin, type) or origin is typing.Union):
            return self.plain(kind)
        if origin in LISTS or origin in MAPS:
            return self.collection(kind, origin, args)
        made = tuple(self.of(one) if one is not Ellipsis else one for one in args)
        if is_union(kind):
            return self.union(kind, made)
        if all(new is old for new, old in zip(made, args, strict=True)):
            return kind
        return kind.copy_with(made) if hasattr(kind, "copy_with") else cast("Any", origin)[made]

    def plain(self, kind: Any) -> Any:
        """Rewrite a type without type arguments."""
        return kind

    def annotated(self, kind: Any, base: Any, annotations: tuple[Any, ...]) -> Any:
        """Rewrite an annotated type with its new base."""
        raise NotImplementedError

    def collection(self, kind: Any, origin: Any, args: tuple[Any, ...]) -> Any:
        """Rewrite one of `LISTS` and `MAPS`."""
        return origin[tuple(map(self.of, args))]

    def union(self, kind: Any, made: tuple[Any, ...]) -> Any:
        """Rewrite a union with its new alternatives."""
        return kind if made == typing.get_args(kind) else typing.Union[made]  # noqa: UP007

    def _alias(self, alias: Any, args: tuple[Any, ...]) -> Any:
        if id(alias) in self._aliases:
            raise InvalidRequest(
                f"the type {alias.__name__!r} contains itself; use a class: a dataclass, a Struct or a pydantic model",
                parameter="output",
            )
        self._aliases.append(id(alias))
        made = self.of(alias.__value__[args] if args else alias.__value__)
        self._aliases.pop()
        return made


# Classes


def field_descriptions(kind: Any) -> dict[Any, dict[str, str]]:
    """Return the descriptions in the annotations of each class's fields, by the class's name."""
    found: dict[Any, dict[str, str]] = {}
    for owner, name, hint in fields_of(kind):
        while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            hint = typing.get_args(hint)[0]  # noqa: PLW2901
        if typing.get_origin(hint) is Annotated:
            for one in typing.get_args(hint)[1:]:
                description = description_of(one) or (
                    getattr(one, "description", None) if package_of(one) == "pydantic" else ""
                )
                if description:
                    found.setdefault(owner.__name__, {})[name] = description
    return found


def check_fields(kind: Any, *, by_pydantic: bool) -> None:
    """Raise `InvalidRequest` for a rule at a field that the library behind its class would ignore."""
    unread = ("msgspec",) if by_pydantic else ("pydantic", "annotated_types")
    maker, way = ("pydantic", "Field(...)") if by_pydantic else ("msgspec", "msgspec.Meta(...)")
    for owner, name, hint in fields_of(kind):
        for inner in _within(hint):
            rules = [one for one in typing.get_args(inner)[1:] if package_of(one) in unread]
            notes = Notes(tuple(rules))
            if notes.rules or notes.tests:
                raise InvalidRequest(
                    f"{rules[0]!r} at {owner.__name__}.{name} would not be checked, because {maker} reads "
                    f"{owner.__name__}; use Annotated[..., {way}], or make it a pydantic model",
                    parameter="output",
                )


def _within(kind: Any) -> Iterator[Any]:
    if typing.get_origin(kind) is Annotated:
        yield kind
        kind = typing.get_args(kind)[0]
    for inner in typing.get_args(kind):
        yield from _within(inner)


# For msgspec


_MOMENTS: dict[Any, str] = {datetime: "date-time", time: "time"}


def for_msgspec(kind: Any) -> Any:
    """Rewrite a type so that msgspec applies all of its annotations, except those inside its classes."""
    return _ForMsgspec().of(kind)


class _ForMsgspec(_Rewriting):
    def plain(self, kind: Any) -> Any:
        if kind is object:
            return Any
        if kind is datetime or kind is time:  # msgspec's schema only says that they are strings
            return Annotated[kind, msgspec.Meta(extra_json_schema={"format": _MOMENTS[kind]})]
        return str if kind is typing.LiteralString else kind

    def annotated(self, kind: Any, base: Any, annotations: tuple[Any, ...]) -> Any:
        if typing.get_origin(base) is Annotated:  # possible for an alias or a NewType
            base, annotations = typing.get_args(base)[0], (*typing.get_args(base)[1:], *annotations)
        notes = Notes(annotations)
        if not notes.foreign and not (notes.rules and is_union(base)) and base is typing.get_args(kind)[0]:
            return kind
        made = ruled(base, notes.rules) if notes.rules else base
        if notes.tests:
            made = checked(made, [], notes.tests)
        return Annotated[made, msgspec.Meta(**notes.words)] if notes.words else made

    def union(self, kind: Any, made: tuple[Any, ...]) -> Any:
        others = [one for one in made if one is not type(None)]
        if len(others) > 1 and any(map(is_custom_type, others)):  # msgspec does not support them in unions
            return custom(
                repr(kind),
                lambda: {"anyOf": [schema_of(one) for one in made]},
                lambda value, strict: _first_fitting(value, made, strict=strict),
            )
        return super().union(kind, made)

    def collection(self, kind: Any, origin: Any, args: tuple[Any, ...]) -> Any:
        inner: Any = list[self.of(args[0])] if origin in LISTS else dict[tuple(map(self.of, (*args, int)[:2]))]  # type: ignore[misc]
        make = {**LISTS, **MAPS}[origin]
        return custom(
            repr(kind), lambda: schema_of(inner), lambda value, strict: make(converted(value, inner, strict=strict))
        )


def _first_fitting(value: Any, kinds: tuple[Any, ...], *, strict: bool) -> Any:
    problems: list[list[Problem]] = []
    for kind in kinds:
        try:
            return converted(value, kind, strict=strict)
        except InvalidValue as invalid:
            problems.append(invalid.problems)
    raise InvalidValue(no_alternative_fits(problems, "$"))


# For pydantic


def for_pydantic(kind: Any) -> Any:
    """Rewrite a type so that pydantic reads all descriptions, and typing's TypedDicts if it takes only the backport."""
    return _ForPydantic().of(kind)


class _ForPydantic(_Rewriting):
    def __init__(self) -> None:
        super().__init__()
        self._within: set[Any] = set()

    def plain(self, kind: Any) -> Any:
        extensions = cast("Any", sys.modules.get("typing_extensions"))
        own = typing.is_typeddict(kind) and type(kind).__module__ == "typing"
        if sys.version_info >= (3, 12) or extensions is None or not own or kind in self._within:
            return kind
        self._within.add(kind)
        fields: dict[str, Any] = {}
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            origin = typing.get_origin(hint)
            marked = origin in (typing.Required, typing.NotRequired)
            inner = self.of(typing.get_args(hint)[0] if marked else hint)
            required = origin is typing.Required if marked else name in kind.__required_keys__
            fields[name] = inner if required else typing.NotRequired[inner]
        self._within.discard(kind)
        made = extensions.TypedDict(kind.__name__, fields)
        made.__doc__, made.__module__ = kind.__doc__, kind.__module__
        return made

    def annotated(self, kind: Any, base: Any, annotations: tuple[Any, ...]) -> Any:
        rewritten = [self._for_field(one) for one in annotations]
        unchanged = base is typing.get_args(kind)[0] and all(map(operator.is_, rewritten, annotations))
        return kind if unchanged else Annotated[(base, *rewritten)]

    def _for_field(self, one: Any) -> Any:
        field = cast("Any", sys.modules["pydantic"]).Field
        if words := description_of(one):
            return field(description=words)
        if isinstance(one, msgspec.Meta):
            notes = Notes((one,))
            extra = notes.words.pop("extra_json_schema", None)
            words = {name: value for name, value in notes.words.items() if name != "extra"}
            return field(**dict(notes.rules), **words, json_schema_extra=extra)
        return one
