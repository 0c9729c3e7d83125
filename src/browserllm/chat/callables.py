"""The parameters of any callable: a function, method, partial or callable object.

A parameter that is already bound is hidden from the model: it may be a key or a user's name.
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
from ..json_schema.types import argument_type


class Parameter(NamedTuple):
    """A parameter that the model fills. ``default`` returns its default value; ``None`` means it is required."""

    name: str
    kind: Any
    default: Callable[[], Any] | None
    positional_only: bool
    from_factory: bool = False  # the default comes from the caller's default_factory, called once per call


class Callee(NamedTuple):
    """A callable's name, description and parameters."""

    name: str
    description: str
    parameter_docs: dict[str, str]
    parameters: list[Parameter]
    is_async: bool
    needs_object: bool
    """Whether it is a method that is not bound to an object yet."""


def read_callable(given: Callable[..., Any], *, named: bool = False) -> Callee:
    """Read a callable's signature and docstring. Raises `InvalidRequest` if a JSON object cannot fill the signature.

    ``named`` means that the caller names the tool, which a lambda needs.
    """
    name, docs = _name(given), list(_docs(given))
    if name == "<lambda>" and not named:
        raise InvalidRequest(
            f"{given!r} has no name for the model to call; write a function with def, or name it: "
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
    description, parameter_docs = "", dict[str, str]()
    for text in docs:
        said, more = parse_docstring(text, [one.name for one in made])
        description = description or said
        parameter_docs = more | parameter_docs
    return Callee(name, description, parameter_docs, made, _is_async(given), needs_object)


def arguments_type(parameters: list[Parameter]) -> type[msgspec.Struct]:
    """Return a Struct class with one field per parameter."""
    fields: list[Any] = []
    for one in parameters:
        if one.default is None:
            fields.append((one.name, one.kind))
            continue
        value = None if one.from_factory else one.default()
        try:
            msgspec.to_builtins(value, str_keys=True)
            shown = not one.from_factory and type(value) not in (list, dict, set)
        except (TypeError, ValueError, msgspec.MsgspecError):
            shown = False  # the default cannot be written as JSON
        fields.append((one.name, one.kind, value if shown else msgspec.field(default_factory=one.default)))
    return msgspec.defstruct("arguments", fields, kw_only=True, forbid_unknown_fields=True)


# Names and docstrings


def _inner(given: Any) -> Any:
    """Return the callable inside partials, static methods and class methods."""
    while isinstance(given, (functools.partial, staticmethod, classmethod)):
        inner: Any = cast("Any", given)
        given = inner.func if isinstance(given, functools.partial) else inner.__func__
    return given


def _name(given: Any) -> str:
    inner = _inner(given)
    own = getattr(given, "__name__", None) or getattr(inner, "__name__", None)
    return own if isinstance(own, str) else type(inner).__name__


def _docs(given: Any) -> Iterator[str | None]:
    """Yield the docstrings of a callable, the most specific first."""
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
    """Return a class's own docstring, not the signature that a dataclass gets in place of one."""
    return None if (kind.__doc__ or "").startswith(f"{kind.__name__}(") else kind.__doc__


def _is_async(given: Any) -> bool:
    inner = _inner(given)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


# Signatures


def _signature(given: Any) -> tuple[inspect.Signature, Any, set[str]]:
    """Return a signature, its function, and the names that are already bound."""
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
    """Return the function whose signature applies: the decorated one if the wrapper takes ``*args, **kwargs``."""
    if inspect.ismethod(function):
        inner = _unwrapped(function.__func__)
        return function if inner is function.__func__ else types.MethodType(inner, function.__self__)
    while (inner := getattr(function, "__wrapped__", None)) is not None and not hasattr(function, "__signature__"):
        try:
            own = list(_signature_of(function).parameters.values())
        except ValueError:  # functools.cache, for example, is written in C
            own = []
        if own and not any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in own):
            break
        function = inner
    return function


def _signature_of(function: Any) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # annotations may name types that are not defined yet
        from annotationlib import Format

        return inspect.signature(function, follow_wrapped=False, annotation_format=Format.FORWARDREF)
    return inspect.signature(function, follow_wrapped=False)


def _bound(signature: inspect.Signature, args: tuple[Any, ...], keywords: dict[str, Any]) -> set[str]:
    """Return the names of the parameters that a partial has bound."""
    hole = getattr(functools, "Placeholder", None)  # from Python 3.14 on
    if hole is not None and any(one is hole for one in args):
        names = [one.name for one in signature.parameters.values() if one.kind != one.KEYWORD_ONLY]
        return {name for name, one in zip(names, args, strict=False) if one is not hole} | keywords.keys()
    return set(signature.bind_partial(*args, **keywords).arguments)


def _is_method(function: Any, parameters: list[inspect.Parameter], given: Any) -> bool:
    """Return whether a function is an unbound method: its first parameter is an unannotated ``self`` or ``cls``."""
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
    """Return the types of the parameters, without the return type, which may not be importable."""
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
            return typing.get_type_hints(holder, space, _names_in_scope(owner), include_extras=True)
    except Exception as error:  # an annotation is any expression, and may raise anything
        raise InvalidRequest(f"the signature of {given!r} cannot be read: {error}", parameter="tools") from error


def _annotations(function: Any) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)
    if inspect.isclass(function):
        return dict(vars(function).get("__annotations__", {}))
    return dict(getattr(function, "__annotations__", None) or {})


def _names_in_scope(function: Any) -> dict[str, Any]:
    """Return the local names where a function was defined, if that frame still runs, and its closure's names.

    With string annotations, a class that is defined in a function can be found nowhere else.
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
            f"{given!r} has the parameter {str(one)!r}, which JSON arguments cannot fill; name the parameters, or use "
            "one that takes a list or a dict",
            parameter="tools",
        )
    kind = hints.get(one.name, Any)
    default: Callable[[], Any] | None = None
    from_factory = False
    annotations = typing.get_args(kind)[1:] if typing.get_origin(kind) is Annotated else ()
    fields = list(filter(_is_field, annotations))
    if _is_field(one.default):
        fields.append(one.default)
        kind = Annotated[kind, one.default]
    elif one.default is not one.empty:
        default = functools.partial(_copied, one.default)
    for field in fields if default is None else ():
        if not field.is_required():  # pydantic uses the last Field with a default
            from_factory = field.default_factory is not None
            default = cast("Callable[[], Any]", functools.partial(field.get_default, call_default_factory=True))
    if default is not None and not from_factory and default() is None:
        kind = _optional(kind)  # ``n: int = None`` means an optional int
    try:
        from ..json_schema.satisfiable import check_satisfiable  # imported late: only with tools

        made = argument_type(kind)
        check_satisfiable(schema_of(made), "it", "tools")
    except InvalidRequest as error:
        raise InvalidRequest(f"the parameter {one.name!r} of {given!r}: {error}", parameter="tools") from error
    return Parameter(one.name, made, default, one.kind == one.POSITIONAL_ONLY, from_factory)


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
    """Return a default value, copied if it is mutable, so that calls do not share it."""
    from copy import copy

    return copy(value) if type(value) in (list, dict, set) else value
