"""Detects an answer in another vendor's format: the wrong backend class was used, and a retry does not help."""

from __future__ import annotations

from typing import Any, cast

from ..._internal.nesting import decode_json
from ...errors import ProtocolError
from .failures import ErrorSource

_EVENTS = ("message_start", "content_block_start", "content_block_delta", "message_delta")


def detect_other_format(said: Any, own: str) -> str:
    """Return whose format this is, if not ``own``: ``OpenAI``, ``Anthropic``, ``Gemini``, ``Ollama`` or ``""``.

    ``said`` is JSON, or a text that may be a line of an event.
    """
    if isinstance(said, str):
        try:
            said = decode_json(said.strip().removeprefix("data:").encode(), object)
        except (ValueError, RecursionError):
            return ""
    pieces = cast("list[Any]", said) if isinstance(said, list) else [said]
    for piece in pieces:
        if isinstance(piece, dict):
            found = _format_of(cast("dict[str, Any]", piece))
            return "" if found == own else found
    return ""


def _format_of(value: dict[str, Any]) -> str:
    if _holds_objects(value.get("choices")):
        return "OpenAI"
    if _holds_objects(value.get("candidates")):
        return "Gemini"
    if isinstance(value.get("done"), bool) and isinstance(value.get("message"), dict):
        return "Ollama"
    kind = value.get("type")
    return "Anthropic" if kind in _EVENTS or (kind == "message" and _holds_objects(value.get("content"))) else ""


def _holds_objects(value: Any) -> bool:
    pieces = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(pieces) and isinstance(pieces[0], dict)


def wrong_format_error(source: ErrorSource, own: str, foreign: str) -> ProtocolError:
    """Return the error that names the right backend class for the server."""
    return ProtocolError(
        f"{source.backend!r} uses {own}'s API, but the server answered in {foreign}'s format: use "
        f"browserllm.{foreign}(...) for this server, or correct base_url",
        data={"backend": source.backend, "model": source.model},
    )
