"""Functions as tools: schemas from signatures and docstrings, and calls with validated arguments.

Every failure of a call becomes a result that the model can read: invalid arguments, an unknown tool, an exception, a
time limit. Only the cancellation of the caller's task is raised.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import isawaitable, isclass
from os import PathLike, fsdecode
from typing import Any, NamedTuple, cast, overload

from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import check_list, check_number
from .._internal.nesting import encode_json
from .._internal.threads import Threads, is_ctrl_c
from ..backends.tools import tool_of
from ..errors import InvalidRequest, describe_error
from ..json_schema.coercion import coerce_arguments
from ..json_schema.docstrings import parse_docstring
from ..json_schema.types import InvalidValue, describe, output_type
from ..types import Tool, ToolCallPart, ToolResultPart
from .callables import arguments_type, class_docstring, read_callable

THREADS = Threads("tools", places=32, max_given_up=96)
"""The threads of plain functions, for all conversations. They are separate from other threads, because a tool may never
end."""


class FunctionTool:
    """A tool made of a function. Calling it calls the function.

    ``tool`` is the declaration that models get. ``timeout_s`` limits a run, in seconds. ``leaves_device`` means that a
    run sends data off this device, so that a private conversation does not run it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout_s: float | None = None,
        leaves_device: bool = False,
    ) -> None:
        """Read the signature and docstring. Raises `InvalidRequest` if JSON arguments cannot fill the signature."""
        given: Any = function
        while isinstance(given, FunctionTool):
            given = cast("Any", given).function
        self.function: Callable[..., Any] = given
        check_number("timeout_s", timeout_s, "above 0", lambda seconds: seconds > 0, optional=True)
        self.timeout_s = timeout_s
        self.leaves_device = leaves_device
        self._given = (name, description)
        self._callee = None if isclass(given) else read_callable(given, named=name is not None)
        if self._callee is None:  # a data class, whose fields are the arguments
            own_name = given.__name__
            self._type = output_type(given, strict=False)
            said, told = parse_docstring(class_docstring(given), self._type.schema.get("properties", {}))
        else:
            own_name, said, told = self._callee[:3]
            self._type = output_type(arguments_type(self._callee.parameters), strict=False)
        schema = {key: value for key, value in self._type.schema.items() if key != "title"}
        describe(schema.setdefault("properties", {}), told)
        self.tool = Tool(name or own_name, said if description is None else description, schema)

    @property
    def needs_object(self) -> bool:
        """Whether this is a method that is not bound to an object yet."""
        return self._callee is not None and self._callee.needs_object

    def __get__(self, instance: object, owner: type[Any] | None = None) -> FunctionTool:
        """Return the tool bound to an object, for a method that was decorated in its class."""
        function: Any = self.function
        if not self.needs_object or (instance is None and type(function) is not classmethod):
            return self
        name, description = self._given
        return FunctionTool(
            cast("Any", function).__get__(instance, owner),
            name=name,
            description=description,
            timeout_s=self.timeout_s,
            leaves_device=self.leaves_device,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"FunctionTool({self.tool.name!r})"

    def arguments(self, text: str) -> dict[str, Any]:
        """Return a call's arguments by parameter name. Raises `InvalidRequest` if they do not fit the schema."""
        try:
            value = self._read(text)
        except InvalidValue as invalid:
            said = "; ".join(map(str, invalid.problems))
            raise InvalidRequest(f"the arguments do not fit: {said}", parameter="arguments") from invalid
        if self._callee is None:
            return {"": value}
        return {name: getattr(value, name) for name in value.__struct_fields__}

    def _read(self, text: str) -> Any:
        try:
            return self._type.read(text or "{}")
        except InvalidValue:
            try:
                return self._type.check(coerce_arguments(text, self._type.schema))
            except InvalidValue:
                pass
            raise  # the problems of the arguments as the model wrote them

    async def run(self, call: ToolCallPart) -> ToolResultPart:
        """Run a call; the result holds what the function returns or raises."""
        limit = asyncio.timeout(self.timeout_s)
        try:
            arguments = self.arguments(call.arguments)
            async with limit:
                value = await self._call(arguments)
            if not isinstance(value, _Raised):
                return ToolResultPart(call.id, _as_text(value))
            error = value.error
        except InvalidRequest as invalid:
            return _failed(call, str(invalid))
        except BaseException as caught:
            if _is_callers(caught):
                raise
            if isinstance(caught, asyncio.CancelledError):
                return _failed(call, f"{call.name} was cancelled")
            error = caught
        if limit.expired():
            return _failed(call, f"{call.name} took longer than {self.timeout_s:g} s")
        return _failed(call, describe_error(error))

    async def _call(self, arguments: dict[str, Any]) -> Any:
        if self._callee is None:
            return arguments[""]
        places = [arguments.pop(one.name) for one in self._callee.parameters if one.positional_only]
        if self._callee.is_async or sys.platform == "emscripten":
            value = _attempt(self.function, *places, **arguments)
        else:
            # In a thread, so that a blocking function does not block the event loop; a page has no threads.
            value = await THREADS.run(_attempt, self.function, *places, **arguments)
        return await value if isawaitable(value) else value


class _Raised(NamedTuple):
    """An exception of a tool, passed as a value so that threads, coroutines and tasks do not act on it."""

    error: BaseException


def _attempt(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        if _is_callers(error):
            raise
        return _Raised(error)


def _is_callers(error: BaseException) -> bool:
    """Return whether an exception is meant for the caller: its task was cancelled, or the user pressed Ctrl-C."""
    if isinstance(error, asyncio.CancelledError):
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return False  # in a tool's thread
        return task is not None and task.cancelling() > 0
    return is_ctrl_c(error)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float | None = None,
    leaves_device: bool = False,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float | None = None,
    leaves_device: bool = False,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function, as ``@tool`` or ``@tool(timeout_s=10)``.

    The model gets its name, docstring and annotated parameters. Plain functions run in a thread (directly in a page,
    which has no threads), coroutine functions in the caller's event loop. Set ``leaves_device=True`` for a tool that
    sends data off the device; private conversations do not run it.
    """

    def make(function: Callable[..., Any]) -> FunctionTool:
        return FunctionTool(
            function, name=name, description=description, timeout_s=timeout_s, leaves_device=leaves_device
        )

    return make if function is None else make(function)


class Toolbox:
    """The tools of a conversation: their declarations for models, and the functions that run calls."""

    def __init__(self, tools: Iterable[Any] = ()) -> None:
        """Take functions, data classes, `FunctionTool`s, `Tool`s and dicts of declarations, with distinct names."""
        self._tools: dict[str, FunctionTool | Tool] = {}
        for given in check_tools(tools):
            made = as_tool(given)
            declared = made.tool if isinstance(made, FunctionTool) else made
            if declared.name in self._tools:
                raise InvalidRequest(f"two tools are named {declared.name!r}; rename one of them", parameter="tools")
            self._tools[declared.name] = made

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[FunctionTool | Tool]:
        return iter(self._tools.values())

    @property
    def tools(self) -> list[Tool]:
        """The declarations for models: the ``tools`` of a request."""
        return [made.tool if isinstance(made, FunctionTool) else made for made in self._tools.values()]

    def can_run(self, name: str) -> bool:
        """Return whether a tool has a function; the caller answers calls of the others."""
        return isinstance(self._tools.get(name), FunctionTool)

    async def run(self, call: ToolCallPart) -> ToolResultPart:
        """Run a call; the result also holds failures, such as an unknown tool."""
        made = self._tools.get(call.name)
        if isinstance(made, FunctionTool):
            return await made.run(call)
        if made is not None:
            return _failed(call, f"the tool {call.name!r} has no function here")
        known = f"the tools are: {', '.join(map(repr, self._tools))}" if self._tools else "there are no tools"
        return _failed(call, f"unknown tool {call.name!r}; {known}")


def check_tools(tools: Any) -> list[Any]:
    """Return the items of a list of tools or a `Toolbox`. Raises `InvalidRequest` for anything else."""
    return check_list("tools", tools, "tools", write="put it into a list, as in tools=[weather]")


def as_tool(given: Any) -> FunctionTool | Tool:
    """Convert a function, data class, dict or tool to a tool. Raises `InvalidRequest` for anything else."""
    if isinstance(given, FunctionTool) and given.needs_object:
        raise InvalidRequest(
            f"{given.function!r} is a method without its object; use the method of an object, as in "
            f"tools=[thing.{given.tool.name}]",
            parameter="tools",
        )
    if isinstance(given, (FunctionTool, Tool)):
        return given
    if isinstance(given, Mapping):
        return tool_of(cast("Mapping[str, Any]", given))
    if callable(given) or isinstance(given, classmethod):
        return as_tool(FunctionTool(cast("Any", given)))
    raise InvalidRequest(
        f"{given!r} is not a tool; use a function, a data class, a Tool, or a dict with a name and parameters",
        parameter="tools",
    )


def _encode_other(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, PathLike):
        return fsdecode(cast("PathLike[str]", value))
    what = type(value).__name__
    raise TypeError(
        f"the tool returned {what!r}, which cannot be written as JSON; return a string, number, list, dict or dataclass"
    )


def _as_text(value: Any) -> str:
    """Return a result as the model reads it: a string unchanged, anything else as JSON."""
    # A subclass of `str` may have its own `__str__`.
    return str.__str__(value) if isinstance(value, str) else encode_json(value, _encode_other)


def _failed(call: ToolCallPart, why: str) -> ToolResultPart:
    return ToolResultPart(call.id, why, is_error=True)
