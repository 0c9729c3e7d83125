"""Converts our answers to Amplifier's responses."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, cast

import msgspec

from ..backends.split_characters import whole_text
from ..types import ChatResponse, ReasoningPart, TextPart, ToolCallPart
from .json_values import plain_json
from .kernel import ChatResponse as AmplifierResponse
from .kernel import (
    ContentBlock,
    ContentBlockUnion,
    InvalidToolCallError,
    RedactedThinkingBlock,
    TextBlock,
    TextContent,
    ThinkingBlock,
    ThinkingContent,
    ToolCall,
    ToolCallBlock,
    ToolCallContent,
)
from .kernel import Usage as AmplifierUsage


class DisplayedResponse(AmplifierResponse):
    """A response with what Amplifier's displays read: the answer's ``text`` and its ``content_blocks``."""

    text: str | None = None
    content_blocks: list[ContentBlock] | None = None


def convert_response(response: ChatResponse) -> DisplayedResponse:
    """Convert an answer. ``metadata`` says which backend, model and engine gave it, and how fast.

    Raises `InvalidToolCallError` if the model wrote arguments that are not a JSON object.
    """
    blocks: list[ContentBlockUnion] = []
    shown: list[ContentBlock] = []
    for part in response.message.parts:
        if isinstance(part, TextPart):
            text = whole_text(part.text)
            blocks.append(TextBlock(text=text))
            shown.append(TextContent(text=text))
        elif isinstance(part, ReasoningPart):
            if part.redacted:
                blocks.append(RedactedThinkingBlock(data=part.signature or ""))
            else:
                thinking = whole_text(part.text)
                blocks.append(ThinkingBlock(thinking=thinking, signature=part.signature))
                shown.append(ThinkingContent(text=thinking))
        elif isinstance(part, ToolCallPart):
            arguments = _arguments(part, response)
            call_id, name = whole_text(part.id), whole_text(part.name)
            blocks.append(ToolCallBlock(id=call_id, name=name, input=arguments))
            shown.append(ToolCallContent(id=call_id, name=name, arguments=arguments))
    calls = [
        ToolCall(id=block.id, name=block.name, arguments=block.input)
        for block in blocks
        if isinstance(block, ToolCallBlock)
    ]
    return DisplayedResponse(
        content=blocks,
        tool_calls=calls or None,
        usage=convert_usage(response),
        finish_reason=response.finish_reason,
        metadata=_metadata(response),
        text=whole_text(response.text) or None,
        content_blocks=shown or None,
    )


def convert_usage(response: ChatResponse) -> AmplifierUsage:
    """Convert the usage. The cost is exactly 0 for a model on this device, and ``None`` where it is unknown."""
    usage = response.usage
    return AmplifierUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        reasoning_tokens=usage.reasoning_tokens or None,
        cache_read_tokens=usage.cached_tokens or None,
        cache_write_tokens=usage.cache_write_tokens or None,
        cost_usd=None if response.cost_usd is None else Decimal(repr(response.cost_usd)).normalize(),
    )


def _arguments(call: ToolCallPart, response: ChatResponse) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        arguments, problem = None, f"are not JSON ({error})"
    else:
        problem = f"are a JSON {type(arguments).__name__} instead of an object"
    if isinstance(arguments, dict):
        try:
            return cast("dict[str, Any]", plain_json(arguments))
        except (ValueError, RecursionError) as error:
            problem = f"cannot be passed on ({error})"
    raise InvalidToolCallError(
        f"the model called {call.name!r} with arguments that {problem}: {whole_text(call.arguments[:200])}",
        tool_name=call.name,
        raw_arguments=whole_text(call.arguments),
        provider="browserllm",
        model=response.model,
    )


def _metadata(response: ChatResponse) -> dict[str, Any]:
    """Return who answered, what was passed over before, how long it took, and what was not honoured."""
    said = msgspec.to_builtins(response)
    names = ("request_id", "provider_request_id", "backend", "model", "engine", "device", "adapter", "timings")
    metadata = {name: said[name] for name in names if said[name] is not None}
    metadata["route"] = [str(hop) for hop in response.route]
    metadata["warnings"] = [warning.message for warning in response.warnings]
    return metadata
