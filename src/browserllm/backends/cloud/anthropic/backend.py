"""Anthropic's messages API: https://platform.claude.com/docs/en/api/messages and .../build-with-claude/streaming.

The API version 2026-10-21 does not support ``temperature``, ``top_p`` and ``top_k``; they are reported as not honoured.
To use them with a model that still supports them, request the version before it:
``headers={"anthropic-version": "2023-06-01"}, extra_body={"temperature": 0.2}``. `thinking` has the thinking options.
"""

from __future__ import annotations

import re
import sys
from typing import Any
from urllib.parse import quote as url_quote

import msgspec

from ...._internal.http.client import Secret
from ...._internal.identity import Hashed
from ...._internal.nesting import decode_json
from ....constrained.tool_calls.choice import tool_choice_of
from ....errors import InvalidRequest
from ....types import (
    AudioPart,
    Capabilities,
    ChatRequest,
    ContentPart,
    ImagePart,
    ModelInfo,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ...base import unsupported
from ...draft import Draft
from ...media import Media, media_of
from ..addresses import ANTHROPIC_ADDRESS_FORMAT
from ..base import CloudBackend
from ..failures import ErrorSource, VendorError, read_error
from ..history import arguments_object, parts_of, signature_for, with_own_ids
from ..json_format import json_format_of
from ..reader import Reader
from ..schemas import anthropic_schema
from ..thinking import add_thinking, anthropic_thinking
from .reader import AnthropicReader

API_VERSION = "2026-10-21"

DEFAULT_MAX_TOKENS = 16_384
"""The default ``max_tokens``, which the API requires. Every current model accepts it; it leaves room for thinking and a
long answer, and limits the cost of an endless one."""

_UNSUPPORTED = {
    "temperature": "this API no longer supports it",
    "top_p": "this API no longer supports it",
    "top_k": "this API no longer supports it",
    "seed": "this API does not support it",
    "frequency_penalty": "this API does not support it",
    "presence_penalty": "this API does not support it",
    "logit_bias": "this API does not support it",
    "logprobs": "this API does not support it",
}


class Anthropic(CloudBackend):
    """Claude, over Anthropic's messages API. Takes the same arguments as every cloud backend: see `CloudBackend`."""

    vendor = "anthropic"
    default_base_url = "https://api.anthropic.com/v1"
    key_hosts = ("api.anthropic.com",)
    key_variables = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    url_variables = ("ANTHROPIC_BASE_URL",)
    address_format = ANTHROPIC_ADDRESS_FORMAT
    request_id_header = "request-id"
    capabilities = Capabilities(
        images=True,
        tools=True,
        structured_output=("json_schema", "tool"),
        parameters=frozenset({"max_tokens", "stop", "response_format", "tools", "tool_choice", "thinking", "metadata"}),
    )

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the server, the account, the additions, and the user that a request names."""
        return [super().identity(request, hashed), request.metadata.get("user_id")]

    def chat_url(self, model: str) -> str:
        """Return the URL for chats."""
        return f"{self.base_url}/messages"

    def auth_headers(self, key: Secret) -> dict[str, Secret]:
        """Return the headers that carry the key."""
        return {"authorization": Secret("Bearer " + key)}

    def fixed_headers(self) -> dict[str, str]:
        """Return the API's version and, in a page, the header that allows requests from browsers."""
        headers = {"anthropic-version": API_VERSION}
        if sys.platform == "emscripten":
            headers["anthropic-dangerous-direct-browser-access"] = "true"
        return headers

    def body(self, request: ChatRequest, draft: Draft) -> dict[str, Any]:
        """Return the body of a streaming request."""
        return message_body(request, draft, self._model_sent(request))

    def reader(self, draft: Draft, source: ErrorSource) -> Reader:
        """Return a reader for the answer."""
        return AnthropicReader(draft, source)

    def read_error(self, body: Any) -> VendorError:
        """Parse an error's body."""
        return read_error(body)

    def models_url(self, page: str | None) -> str:
        """Return the URL of the model list."""
        after = f"&after_id={url_quote(page, safe='')}" if page else ""
        return f"{self.base_url}/models?limit=1000{after}"

    def read_models(self, body: bytes) -> tuple[list[ModelInfo], str | None]:
        """Return the models of one page, and the last one's id if there are more pages."""
        page = decode_json(body, _ModelPage)
        models = [
            ModelInfo(id=each.id, name=each.display_name, context_window=each.max_input_tokens) for each in page.data
        ]
        return models, page.last_id if page.has_more else None


# The request


def message_body(request: ChatRequest, draft: Draft, model: str) -> dict[str, Any]:
    """Return the body of a streaming request; report options that the API does not support."""
    system, messages = _conversation(request, draft, model)
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": messages,
        "stream": True,
    }
    if system:
        body["system"] = system
    stop = [text for text in request.stop if text.strip()]
    if stop:
        body["stop_sequences"] = stop
    if len(stop) < len(request.stop):
        unsupported(draft, "stop", "this API accepts no stop sequence of blanks only", "it was left out")
    if request.tools:
        body["tools"] = [
            {
                "name": tool.name,
                "input_schema": {"type": "object", "properties": {}, **tool.parameters},
                **({"description": tool.description} if tool.description else {}),
            }
            for tool in request.tools
        ]
    choice = tool_choice_of(request)
    if choice is not None and request.tools:
        kinds = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}
        body["tool_choice"] = {"type": kinds[choice.mode], **({"name": choice.name} if choice.name else {})}
    shape = json_format_of(request)
    if shape is not None and shape.schema is not None:
        schema = anthropic_schema(shape.schema)
        if schema is None:
            unsupported(
                draft,
                "response_format",
                "this API does not support recursive schemas, or objects with fields of any name (put the schema in a "
                "message)",
                "it was left out",
            )
        else:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    elif shape is not None:
        unsupported(
            draft,
            "response_format",
            "this API does not support JSON without a schema; use 'json_schema', or ask for it",
        )
    if "user_id" in request.metadata:
        body["metadata"] = {"user_id": str(request.metadata["user_id"])}
    _report(request, draft)
    return add_thinking(body, request, draft, lambda: anthropic_thinking(request, model, body["max_tokens"]))


def _report(request: ChatRequest, draft: Draft) -> None:
    for parameter, why in _UNSUPPORTED.items():
        value = getattr(request, parameter)
        if value is not None and value is not False and value != {}:
            unsupported(draft, parameter, why, "it was left out")
    if request.n > 1:
        unsupported(draft, "n", f"this API gives one answer, not {request.n}")


def _conversation(request: ChatRequest, draft: Draft, model: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the system prompt, and turns that alternate and begin with the user, as the API requires."""
    system: list[str] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(with_own_ids(request.messages, _call_id)):
        parts = parts_of(message, index, draft, refused=(AudioPart,))
        if message.role == "system":
            system += [message.text] if message.text.strip() else []
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part, where in parts if (block := _block(part, where, model)) is not None]
        # A turn must not end with thinking, as one that was cut off does.
        while blocks and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
            blocks.pop()
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise InvalidRequest("messages contains only empty texts; add some text", parameter="messages")
    if turns[0]["role"] == "assistant":
        # The API wants the user to begin, and a text that is not blank.
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": "…"}]})
        draft.warn(
            "messages", "they begin with the assistant; a user's turn '…' was put before, for this API wants one"
        )
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and last["type"] == "text":
        # The start of an answer must not end with blanks.
        last["text"] = last["text"].rstrip()
    for turn in turns:
        # Results come first in a turn, right after their calls.
        turn["content"].sort(key=_is_no_result)
    return "\n\n".join(system), turns


def _block(part: ContentPart, where: str, model: str) -> dict[str, Any] | None:
    """Return a part as a content block, or ``None`` if there is nothing to send."""
    if isinstance(part, TextPart):
        # A blank text is refused.
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, ImagePart):
        media = media_of(part, where)
        if isinstance(media, Media):
            source = {"type": "base64", "media_type": media.media_type, "data": media.base64}
        else:
            source = {"type": "url", "url": media}
        return {"type": "image", "source": source}
    if isinstance(part, ReasoningPart):
        signature = signature_for("anthropic", model, part.signature)
        # Thinking without a signature is another model's, and would be refused.
        if signature is None:
            return None
        if part.redacted:
            return {"type": "redacted_thinking", "data": signature}
        return {"type": "thinking", "thinking": part.text, "signature": signature}
    if isinstance(part, ToolCallPart):
        return {"type": "tool_use", "id": _call_id(part.id), "name": part.name, "input": arguments_object(part)}
    return _result(part) if isinstance(part, ToolResultPart) else None


def _result(part: ToolResultPart) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": _call_id(part.id)}
    if part.is_error:
        # An error without a word is refused.
        return {**block, "content": part.content if part.content.strip() else "error", "is_error": True}
    return {**block, "content": part.content} if part.content.strip() else block


def _call_id(given: str) -> str:
    """Return an id that the API accepts; other vendors' ids may contain any characters."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", given) or "_"


def _is_no_result(block: dict[str, Any]) -> bool:
    return block["type"] != "tool_result"


class _Model(msgspec.Struct):
    id: str
    display_name: str = ""
    max_input_tokens: int | None = None


class _ModelPage(msgspec.Struct):
    data: list[_Model]
    has_more: bool = False
    last_id: str | None = None
