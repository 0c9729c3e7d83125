"""What a callable takes, as people write them: functions, methods, partials, objects that can be called.

A parameter that is bound already is not the model's to see, nor to change: it may be a key, or somebody's name.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, cast

import msgspec

from ..errors import InvalidRequest
from ..json_schema.custom import schema_of
from ..json_schema.docstrings import parse_docstring
from ..json_schema.rules import package_of
from ..json_schema.satisfiable import check_satisfiable
from ..json_schema.types import argument_type


class Parameter(NamedTuple):
    """One argument that a model gives. ``default`` makes what is taken where it gives none; ``None``: it must."""

    name: str
    kind: Any
    default: Callable[[], Any] | None
    by_place: bool
    is_made: bool = False  # the default: by a function of the caller's, that is for a call alone


class Callee(NamedTuple):
    """What can be called, and what is said of it."""

    name: str
    description: str
    told: dict[str, str]
    parameters: list[Parameter]
    is_async: bool
    needs_object: bool
    """Whether it is a method without its object yet."""


def read_callable(given: Callable[..., Any], *, named: bool = False) -> Callee:
    """Read a callable's signature and docstring; raise `InvalidRequest` for what no JSON object can fill.

    ``named`` says that somebody gives it a name, as a lambda needs one.
    """
    name, docs = _name(given), list(_docs(given))
    if name == "<lambda>" and not named:
        raise InvalidRequest(
            f"{given!r} has no name that a model could call it by; write a function with def, or give it one: "
            "tool(name='...')(lambda ...)",
            parameter="tools",
        )
    signature, function, bound = _signature(given)
    parameters = list(signature.parameters.values())
    needs_object = isinstance(given, classmethod) or _is_method(function, parameters, given)
    if needs_object:
        parameters = parameters[1:]
    hints = _hints(function, signature, given)
    made = [_parameter(one, hints, given) for one in parameters if one.name not in bound]
    description, told = "", dict[str, str]()
    for text in docs:
        said, more = parse_docstring(text, [one.name for one in made])
        description = description or said
        told = more | told
    return Callee(name, description, told, made, _is_async(given), needs_object)


def arguments_type(parameters: list[Parameter]) -> type[msgspec.Struct]:
    """Return the Struct of all arguments."""
    fields: list[Any] = []
    for one in parameters:
        if one.default is None:
            fields.append((one.name, one.kind))
            continue
        value = None if one.is_made else one.default()
        try:
            msgspec.to_builtins(value, str_keys=True)
            shown = not one.is_made and type(value) not in (list, dict, set)
        except (TypeError, ValueError, msgspec.MsgspecError):
            shown = False  # no JSON could show it
        fields.append((one.name, one.kind, value if shown else msgspec.field(default_factory=one.default)))
    return msgspec.defstruct("arguments", fields, kw_only=True, forbid_unknown_fields=True)


# Names and docstrings


def _inner(given: Any) -> Any:
    """Return what a partial calls, or an object that can be called, or the thing itself."""
    while isinstance(given, (functools.partial, staticmethod, classmethod)):
        inner: Any = cast("Any", given)
        given = inner.func if isinstance(given, functools.partial) else inner.__func__
    return given


def _name(given: Any) -> str:
    inner = _inner(given)
    own = getattr(given, "__name__", None) or getattr(inner, "__name__", None)
    return own if isinstance(own, str) else type(inner).__name__


def _docs(given: Any) -> Iterator[str | None]:
    """Yield the docstrings that there are, those first that say most of this very thing."""
    if isinstance(given, functools.partial) and given.__doc__ != functools.partial.__doc__:
        yield given.__doc__
    inner: Any = _inner(given)
    if inspect.isroutine(inner) or inspect.isclass(inner) or hasattr(inner, "__wrapped__"):
        yield inner.__doc__
        return
    kind = cast("Any", type(inner))
    yield getattr(inner, "__dict__", {}).get("__doc__")
    yield kind.__call__.__doc__ if inspect.isfunction(kind.__call__) else None
    yield class_docstring(kind)


def class_docstring(kind: type[Any]) -> str | None:
    """Return what somebody has written of a class: a dataclass has its signature where nobody has."""
    return None if (kind.__doc__ or "").startswith(f"{kind.__name__}(") else kind.__doc__


def _is_async(given: Any) -> bool:
    inner = _inner(given)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


# Signatures


def _signature(given: Any) -> tuple[inspect.Signature, Any, set[str]]:
    """Return a signature, the function that it is of, and the names that are bound already."""
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    partial = given
    while isinstance(partial, (functools.partial, staticmethod, classmethod)):
        if isinstance(partial, functools.partial):
            args, keywords = (*partial.args, *args), {**partial.keywords, **keywords}
            partial = partial.func
        else:
            partial = cast("Any", partial).__func__
    if not inspect.isroutine(partial) and not inspect.isclass(partial) and inspect.isfunction(type(partial).__call__):
        partial = types.MethodType(type(partial).__call__, partial)
    try:
        function = _unwrapped(partial)
        signature = _signature_of(function)
        bound = _bound(signature, args, keywords)
    except (TypeError, ValueError, NameError) as error:
        raise InvalidRequest(f"the signature of {given!r} cannot be read: {error}", parameter="tools") from error
    return signature, function, bound


def _unwrapped(function: Any) -> Any:
    """Return the function whose signature counts: the decorated one, where the decorator passes on whatever comes."""
    if inspect.ismethod(function):
        inner = _unwrapped(function.__func__)
        return function if inner is function.__func__ else types.MethodType(inner, function.__self__)
    while (inner := getattr(function, "__wrapped__", None)) is not None and not hasattr(function, "__signature__"):
        try:
            own = list(_signature_of(function).parameters.values())
        except ValueError:  # as of functools.cache, which is not written in Python
            own = []
        if own and not any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in own):
            break
        function = inner
    return function


def _signature_of(function: Any) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # what is annotated may not be there yet, which is not to be asked here
        from annotationlib import Format

        return inspect.signature(function, follow_wrapped=False, annotation_format=Format.FORWARDREF)
    return inspect.signature(function, follow_wrapped=False)


def _bound(signature: inspect.Signature, args: tuple[Any, ...], keywords: dict[str, Any]) -> set[str]:
    """Return the names of parameters that a partial has filled."""
    hole = getattr(functools, "Placeholder", None)  # from Python 3.14 on
    if hole is not None and any(one is hole for one in args):
        names = [one.name for one in signature.parameters.values() if one.kind != one.KEYWORD_ONLY]
        return {name for name, one in zip(names, args, strict=False) if one is not hole} | keywords.keys()
    return set(signature.bind_partial(*args, **keywords).arguments)


def _is_method(function: Any, parameters: list[inspect.Parameter], given: Any) -> bool:
    """Say whether a function begins with its object: ``self`` or ``cls`` without a type, in the body of a class."""
    if not inspect.isfunction(function) or not parameters or isinstance(given, staticmethod) or inspect.ismethod(given):
        return False
    first = parameters[0]
    within = function.__qualname__.rpartition(".")[0]
    return (
        first.name in ("self", "cls")
        and first.annotation is first.empty
        and bool(within)
        and not within.endswith("<locals>")
    )


def _hints(function: Any, signature: inspect.Signature, given: Any) -> Mapping[str, Any]:
    """Return the types of the parameters; what a function returns may be of a type that is not there."""
    owner: Any = function.__init__ if inspect.isclass(function) and _annotations(function.__init__) else function
    own = {one.name: one.annotation for one in signature.parameters.values() if one.annotation is not one.empty}
    for kind in reversed(owner.__mro__) if inspect.isclass(owner) else (owner,):
        own |= {name: one for name, one in _annotations(kind).items() if name in signature.parameters}
    space = getattr(inspect.unwrap(owner), "__globals__", None)
    if space is None:
        space = vars(sys.modules.get(getattr(owner, "__module__", ""), typing))
    holder: Any = type("holder", (), {})()
    holder.__annotations__ = own
    try:
        try:
            return typing.get_type_hints(holder, space, None, include_extras=True)
        except NameError:
            return typing.get_type_hints(holder, space, _names_around(owner), include_extras=True)
    except (NameError, TypeError, ValueError, SyntaxError, AttributeError) as error:
        raise InvalidRequest(f"the signature of {given!r} cannot be read: {error}", parameter="tools") from error


def _annotations(function: Any) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)
    if inspect.isclass(function):
        return dict(vars(function).get("__annotations__", {}))
    return dict(getattr(function, "__annotations__", None) or {})


def _names_around(function: Any) -> dict[str, Any]:
    """Return the names where a function was defined, as far as that place still runs, and those that it closes over.

    A class that is defined in a function is found nowhere else, when annotations are texts.
    """
    inner = inspect.unwrap(function)
    found: dict[str, Any] = {}
    frame: Any = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is getattr(inner, "__globals__", None):
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    if inspect.isfunction(inner):
        found |= inspect.getclosurevars(inner).nonlocals
    return found


def _parameter(one: inspect.Parameter, hints: Mapping[str, Any], given: Any) -> Parameter:
    if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
        raise InvalidRequest(
            f"{given!r} has the parameter {str(one)!r}, which no JSON object fills; name what it takes, or take a list "
            "or a dict under one name",
            parameter="tools",
        )
    kind = hints.get(one.name, Any)
    default: Callable[[], Any] | None = None
    is_made = False
    annotations = typing.get_args(kind)[1:] if typing.get_origin(kind) is Annotated else ()
    fields = list(filter(_is_field, annotations))
    if _is_field(one.default):
        fields.append(one.default)
        kind = Annotated[kind, one.default]
    elif one.default is not one.empty:
        default = functools.partial(_copied, one.default)
    for field in fields if default is None else ():
        if not field.is_required():  # of pydantic's Fields the last one that has a default counts
            is_made = field.default_factory is not None
            default = cast("Callable[[], Any]", functools.partial(field.get_default, call_default_factory=True))
    if default is not None and not is_made and default() is None:
        kind = _optional(kind)  # as ``n: int = None`` has always meant
    try:
        made = argument_type(kind)
        check_satisfiable(schema_of(made), "it", "tools")
    except InvalidRequest as error:
        raise InvalidRequest(f"the parameter {one.name!r} of {given!r}: {error}", parameter="tools") from error
    return Parameter(one.name, made, default, one.kind == one.POSITIONAL_ONLY, is_made)


def _is_field(one: Any) -> bool:
    return package_of(one) == "pydantic" and hasattr(one, "default_factory")


def _optional(kind: Any) -> Any:
    if typing.get_origin(kind) is Annotated:
        base, *annotations = typing.get_args(kind)
        return Annotated[(_optional(base), *annotations)]
    if kind is Any or kind is object:
        return kind
    return typing.Optional[kind]  # noqa: UP045


def _copied(value: Any) -> Any:
    """Return a default, as a copy where it can change, so that no run sees another's."""
    from copy import copy

    return copy(value) if type(value) in (list, dict, set) else value
