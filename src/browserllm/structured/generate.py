"""Ask any backend for an object of a type: `stream_generate` streams it, `generate` returns it.

`object_stream` runs the requests until there is an object, `modes` builds them, and `text` reads the answers.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

from ..backends.base import Backend, check_backend
from ..backends.request import Prompt, build_request
from ..errors import InvalidRequest
from ..json_schema.types import OutputType, output_type
from ..types import StructuredMode
from .modes import OutputForm, mode_for
from .object_stream import ObjectStream

T = TypeVar("T")

MAX_REPAIRS = 10
"""The most repairs: a model that failed ten times will not succeed."""

_MODE_FIELDS = ("tools", "tool_choice", "response_format")
"""The request fields that the mode sets."""


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

    ``recipe = await generate(llm, "A quick pasta", output=Recipe)``. The arguments are those of `stream_generate`; it
    also raises what `ObjectStream.finish` raises.
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
    """Ask any backend for an object of a type, and stream it while it is written.

    Args:
        backend: The backend to ask.
        prompt: As for `Backend.stream`. The instruction for the type is appended to the system message.
        output: A pydantic model, dataclass, TypedDict, msgspec Struct, plain type (``list[int]``, an Enum, a union) or
            JSON Schema.
        mode: How to ask; by default the strongest mode of `Capabilities.structured_output`, or else ``"fenced"``.
        repairs: How often (0..10) the model may correct an answer that is not of the type. An answer that was cut off
            is not repaired.
        options: Fields of `ChatRequest`. ``deadline_s`` covers all answers together.

    Raises:
        InvalidRequest: At once, if an argument is invalid.
        Unsupported: At once, if the backend does not support the mode.
    """
    check_backend("backend", backend)
    wanted = output_type(output)
    if type(repairs) is not int or not 0 <= repairs <= MAX_REPAIRS:
        raise InvalidRequest(f"repairs={repairs!r} is out of range: it must be 0 to {MAX_REPAIRS}", parameter="repairs")
    request = build_request(prompt, options)
    for name in _MODE_FIELDS:
        if value := getattr(request, name):
            raise InvalidRequest(
                f"{name}={value!r} cannot be combined with output={wanted!r}, which sets it; leave it out",
                parameter=name,
            )
    form = OutputForm(wanted, mode_for(backend.capabilities, mode, backend.name))
    return ObjectStream(backend, request, form, repairs)
