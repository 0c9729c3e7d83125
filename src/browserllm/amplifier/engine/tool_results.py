"""The content of tool results: checked on its way in, and without images on its way to hooks."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, cast

_MEDIA_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")

_OMITTED = "[Image omitted from tool event; original retained for model request if unmodified.]"


def normalize_tool_result_content(content_json: str) -> str | None:
    """Return a tool result's blocks (text, images in base64) in their canonical form; ``None`` if there are none.

    Raises `ValueError` for anything else.
    """
    content = json.loads(content_json)
    if content is None:
        return None
    if not isinstance(content, list):
        raise ValueError("invalid tool result content")
    blocks = [_block(each) for each in cast("list[Any]", content)]
    return json.dumps(blocks, separators=(",", ":"), ensure_ascii=False) if blocks else None


def _block(block: Any) -> dict[str, Any]:
    if isinstance(block, dict):
        fields = cast("dict[str, Any]", block)
        if fields.get("type") == "text" and isinstance(fields.get("text"), str):
            return {"type": "text", "text": fields["text"]}
        if fields.get("type") == "image":
            return {"type": "image", "source": _source(fields.get("source"))}
    raise ValueError("invalid tool result content")


def _source(source: Any) -> dict[str, Any]:
    fields = cast("dict[str, Any]", source) if isinstance(source, dict) else {}
    if fields.get("type") != "base64":
        raise ValueError("invalid tool result image source")
    media_type, data = fields.get("media_type"), fields.get("data")
    if media_type not in _MEDIA_TYPES:
        raise ValueError("invalid tool result image media type")
    try:
        decoded = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except binascii.Error:
        decoded = b""
    if not decoded:
        raise ValueError("invalid tool result image data")
    return {"media_type": media_type, "data": data, "type": "base64"}


def tool_result_safe_hook_presentation(tool_result_json: str) -> str:
    """Return a tool result as hooks see it: each image is replaced by a text."""
    result = cast("dict[str, Any]", json.loads(tool_result_json))
    content = result.pop("content", None)
    if content:
        result["content"] = [
            {"type": "text", "text": _OMITTED} if block.get("type") == "image" else block for block in content
        ]
    return json.dumps(result, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
