"""Ask any backend for an object of a type: `stream_generate` is the whole of it, `generate` its end.

`object_stream` has what happens between the first request and the object, `modes` what is sent, `text` how an answer is
read.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

from ..backends.base import Backend, check_backend
from ..backends.request import Prompt, build_request
from ..errors import InvalidRequest
from ..json_schema.types import OutputType, output_type
from ..types import StructuredMode
from .modes import Form, mode_for
from .object_stream import ObjectStream

T = TypeVar("T")

MAX_REPAIRS = 10
"""The most that can be asked for: what was not understood ten times will not be."""

_OURS = ("tools", "tool_choice", "response_format")
"""The fields of a request that belong to the mode."""


@overload
async def generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: type[T] | OutputType[T],
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> T: ...
@overload
async def generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> Any: ...
async def generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> Any:
    """Ask any backend for an object of a type, and return it.

    ``recipe = await generate(llm, "A quick pasta", output=Recipe)``. Everything else is as with `stream_generate`; what
    is raised later is what `ObjectStream.finish` raises.
    """
    async with stream_generate(backend, prompt, output=output, mode=mode, repairs=repairs, **options) as stream:
        return (await stream.finish()).output


@overload
def stream_generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: type[T] | OutputType[T],
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> ObjectStream[T]: ...
@overload
def stream_generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> ObjectStream[Any]: ...
def stream_generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> ObjectStream[Any]:
    """Ask any backend for an object of a type, as a stream of what has come of it.

    Args:
        backend: Who answers.
        prompt: As for `Backend.stream`. What the type is goes after the system message, which stays whole.
        output: A pydantic model, dataclass, TypedDict, msgspec Struct, plain type (``list[int]``, an Enum, a union) or
            JSON Schema.
        mode: How to ask; by default in the strongest way of `Capabilities.structured_output`, or else in words.
        repairs: How often (0..10) the model may correct an answer that is not of the type. An answer that was cut off
            is none of those.
        options: The fields of `ChatRequest`. ``deadline_s`` is for all answers together.

    Raises:
        InvalidRequest: At once, when an argument is wrong.
        Unsupported: At once, when the backend does not have the mode.
    """
    check_backend("backend", backend)
    wanted = output_type(output)
    if type(repairs) is not int or not 0 <= repairs <= MAX_REPAIRS:
        raise InvalidRequest(f"repairs={repairs!r} is out of range: it must be 0 to {MAX_REPAIRS}", parameter="repairs")
    request = build_request(prompt, options)
    for name in _OURS:
        if value := getattr(request, name):
            raise InvalidRequest(
                f"{name}={value!r} does not go together with output={wanted!r}, which is asked for by it; leave it out",
                parameter=name,
            )
    form = Form(wanted, mode_for(backend.capabilities, mode, backend.name))
    return ObjectStream(backend, request, form, repairs)
