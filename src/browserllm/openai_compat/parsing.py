"""The parsing of `chat.completions.parse`: answers into objects of a type, and the arguments of calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from .._internal.nesting import decode_json
from ..backends.base import Backend
from ..errors import InvalidOutput
from ..json_schema.types import InvalidValue, OutputType, output_type
from .messages import fields_of, list_of
from .requests import ReadRequest
from .responses import completion_of
from .shapes import ChatCompletion


def listed(given: dict[str, Any]) -> list[Any]:
    """Return the tools of a request as a list, and store it in the request, in case they are an iterator."""
    tools = given.get("tools")
    if tools is None or not hasattr(tools, "__iter__"):
        return []
    given["tools"] = listed = list_of(tools, "tools")
    return listed


async def generated(backend: Backend, read: ReadRequest, response_format: Any, repairs: int) -> ChatCompletion:
    """Generate an object, without tools, in the backend's strongest mode."""
    from ..structured.generate import stream_generate

    async with stream_generate(backend, read.request, output=response_format, repairs=repairs) as stream:
        result = await stream.finish()
    completion = completion_of(result.response, warnings=read.warnings, usage=result.usage)
    choice = completion.choices[0]
    # The object may have come as a call of our own tool, which the caller does not know.
    choice.message.content = result.text
    choice.message.tool_calls = None
    choice.message.parsed = result.output
    if choice.finish_reason == "tool_calls":
        choice.finish_reason = "stop"
    if completion.browserllm is not None:
        completion.browserllm.mode = result.mode
        completion.browserllm.repairs = result.repairs
    return completion


def as_response_format(response_format: Any) -> tuple[OutputType[Any], dict[str, Any]]:
    """Return an output type, and the response format that requests it together with tools."""
    output = output_type(response_format)
    return output, {"type": "json_schema", "json_schema": {"name": output.name, "schema": output.schema}}


def parse_message(completion: ChatCompletion, output: OutputType[Any]) -> None:
    """Read the message as an object of the type, unless it calls tools."""
    choice = completion.choices[0]
    message = choice.message
    if message.tool_calls:
        return
    if choice.finish_reason == "content_filter":
        return
    try:
        message.parsed = output.read(message.content or "")
    except InvalidValue as invalid:
        cut = "; it was cut off, raise max_tokens" if choice.finish_reason == "length" else ""
        raise _invalid(
            f"the answer is not of the type {output.name!r}", invalid, message.content or "", cut
        ) from invalid


def parse_calls(completion: ChatCompletion, tools: Sequence[Any]) -> None:
    """Decode the arguments of calls of strict tools; those of `openai.pydantic_function_tool` become models."""
    known = {function.get("name"): function for tool in tools if (function := _function(tool)) is not None}
    for call in completion.choices[0].message.tool_calls or ():
        function = known.get(call.function.name)
        if function is None:
            continue
        model = getattr(function, "model", None)
        try:
            if model is not None:
                call.function.parsed_arguments = output_type(model).read(call.function.arguments)
            elif function.get("strict"):
                call.function.parsed_arguments = decode_json(call.function.arguments, object)
        except (InvalidValue, ValueError, RecursionError) as error:
            said = f"the arguments of the call of {call.function.name!r} do not match its parameters"
            raise _invalid(said, error, call.function.arguments) from error


def _function(tool: Any) -> dict[str, Any] | None:
    function = fields_of(tool, "tools").get("function")
    return cast("dict[str, Any]", function) if isinstance(function, dict) else None


def _invalid(what: str, error: Exception, text: str, hint: str = "") -> InvalidOutput:
    problems = [{"path": each.path, "message": each.message} for each in getattr(error, "own", ())]
    said = "; ".join(map(str, getattr(error, "own", ()))) or str(error)
    return InvalidOutput(f"{what}: {said[:500]}{hint}", data={"problems": problems, "text": text[:2000]})
