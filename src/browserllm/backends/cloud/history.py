"""Prepares a model's earlier messages for sending back: signatures, call ids, arguments and tool names.

A signature is a vendor's seal on its model's thinking. It is sent back unchanged, and only to the same model: other
vendors, and other models of the vendor, refuse it. So it is stored with a prefix of vendor and model
(``"anthropic/claude-sonnet-5-5:EqQB..."``). A signature without a prefix comes from the program and is sent as it is.
The metadata of chat completions is stored in the same way: see `provider_metadata`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from msgspec.structs import replace

from ..._internal.nesting import decode_json
from ...errors import InvalidRequest
from ...types import ContentPart, Message, ToolCallPart, ToolResultPart
from ..accepted_parts import PlacedPart, accepted_parts
from ..base import unsupported
from ..draft import Draft

NO_SIGNATURE = "skip_thought_signature_validator"
"""What stands for the signature of a call that this model did not make: Gemini 3 and later refuse a chat without one.
See https://ai.google.dev/gemini-api/docs/thought-signatures."""

UNSIGNED = re.compile(r"((models|google)/)?(gemini-[12]\b|gemma)")
"""The models of Gemini's API that want no signature."""


def parts_of(
    message: Message, index: int, draft: Draft, *, refused: tuple[type[ContentPart], ...] = ()
) -> list[PlacedPart]:
    """Return the `accepted_parts`, and report a speaker's name: vendors with their own API accept none."""
    taken = accepted_parts(message, index, draft, refused=refused)
    if message.name is not None:
        unsupported(
            draft, "messages", f"this API does not support message names such as {message.name!r}", "it was left out"
        )
    return taken


def mark_signature(vendor: str, model: str, signature: str) -> str:
    """Return the signature as it is kept in a history; signatures are base64 and hold no colon."""
    return f"{vendor}/{model}:{signature}"


def signature_for(vendor: str, model: str, kept: str | None) -> str | None:
    """Return the signature to send to a model; ``None`` without one, or if it belongs to another model."""
    signer, mark, signature = (kept or "").rpartition(":")
    return (signature or None) if not mark or signer == f"{vendor}/{model}" else None


def new_call_id() -> str:
    """Return a new id for a tool call that has none, in a form that every vendor accepts."""
    return f"call_{os.urandom(9).hex()}"


def arguments_object(call: ToolCallPart) -> dict[str, Any]:
    """Return a call's arguments as the object that vendors want in a history.

    A model may have written what is no object, or no JSON at all; it then finds its own words under ``INVALID_JSON``.
    """
    if not call.arguments.strip():
        return {}
    try:
        value = decode_json(call.arguments, object)
    except (ValueError, RecursionError):
        value = None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"INVALID_JSON": call.arguments}


def with_own_ids(messages: Sequence[Message], name: Callable[[str], str] = str) -> list[Message]:
    """Return the messages with another id for each call that has none, or has the one of a call before it.

    Models and servers begin to count anew in each turn (``call_0``), and a history may come from several of them; what
    takes it back refuses ids that come twice. ``name`` makes an id as it is sent, for two may be the same by that. The
    results go with their calls: one after the other, where a turn's calls have the same id. The same messages are
    always given the same ids, so that what a server keeps of a history stays of use.
    """
    used: set[str] = set()
    waiting: dict[str, list[str]] = {}
    last: dict[str, str] = {}

    def call(part: ToolCallPart) -> ToolCallPart:
        own, count = name(part.id) if part.id else "", 1
        while not own or own in used:
            count += 1
            own = name(f"{part.id or 'call'}_{count}")
        used.add(own)
        waiting.setdefault(part.id, []).append(own)
        return part if own == part.id else replace(part, id=own)

    def result(part: ToolResultPart) -> ToolResultPart:
        if open_ids := waiting.get(part.id):
            last[part.id] = open_ids.pop(0)
        own = last.get(part.id, part.id)
        return part if own == part.id else replace(part, id=own)

    made: list[Message] = []
    for message in messages:
        parts: list[ContentPart]
        if message.role == "assistant" and message.tool_calls:
            waiting = {}
            parts = [call(part) if isinstance(part, ToolCallPart) else part for part in message.parts]
            made.append(replace(message, content=parts))
        elif message.role == "tool":
            parts = [result(part) if isinstance(part, ToolResultPart) else part for part in message.parts]
            made.append(replace(message, content=parts))
        else:
            made.append(message)
    return made


class ToolNames:
    """Which tool a result is of: the one that was called last with its id."""

    def __init__(self) -> None:
        """Start before the first message."""
        self._names: dict[str, str] = {}

    def add(self, message: Message) -> None:
        """Go on to the message after this one."""
        # Of one message's calls with the same id, the first one counts.
        self._names.update((call.id, call.name) for call in reversed(message.tool_calls))

    def of(self, result: ToolResultPart) -> str:
        """Return the name of the tool whose result this is; raises `InvalidRequest` if there is no such call."""
        name = self._names.get(result.id)
        if name is None:
            raise InvalidRequest(
                f"the tool result with id {result.id!r} has no tool call before it; keep the message that contains "
                "the call",
                parameter="messages",
            )
        return name
