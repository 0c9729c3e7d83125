"""Google's Gemini API, generateContent: https://ai.google.dev/api/generate-content.

Tools and answers accept JSON Schema unchanged (``parametersJsonSchema``, ``responseJsonSchema``). Thoughts are returned
if requested (``thinking=True``, or an effort); it is not the default, because models that do not think refuse it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote as url_quote

import msgspec

from ...._internal.http.client import Secret
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
from ...media import Media, media_of, named_type
from ..addresses import GEMINI_ADDRESS_FORMAT
from ..base import CloudBackend
from ..failures import ErrorSource, VendorError, read_error
from ..history import NO_SIGNATURE, UNSIGNED, ToolNames, arguments_object, parts_of, signature_for, with_own_ids
from ..json_format import json_format_of
from ..reader import Reader
from ..thinking import add_thinking, gemini_thinking
from .reader import GeminiReader

# Our field: their field.
_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


class Gemini(CloudBackend):
    """Gemini, over Google's Gemini API. Takes the same arguments as every cloud backend: see `CloudBackend`."""

    vendor = "gemini"
    default_base_url = "https://generativelanguage.googleapis.com/v1beta"
    key_hosts = ("generativelanguage.googleapis.com",)
    key_variables = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    url_variables = ("GOOGLE_GEMINI_BASE_URL",)
    address_format = GEMINI_ADDRESS_FORMAT
    capabilities = Capabilities(
        images=True,
        audio=True,
        tools=True,
        structured_output=("json_schema", "json", "tool"),
        parameters=frozenset(
            {*_NUMBERS, "stop", "logprobs", "top_logprobs", "response_format", "tools", "tool_choice", "thinking"},
        ),
    )

    identity = CloudBackend.identity

    def chat_url(self, model: str) -> str:
        """Return the URL for chats; a model name with a collection (``tunedModels/...``) keeps it."""
        path = model if "/" in model else f"models/{model}"
        return f"{self.base_url}/{url_quote(path)}:streamGenerateContent?alt=sse"

    def auth_headers(self, key: Secret) -> dict[str, Secret]:
        """Return the headers that carry the key, which is never in a URL."""
        return {"x-goog-api-key": key}

    def body(self, request: ChatRequest, draft: Draft) -> dict[str, Any]:
        """Return the body of a request."""
        return content_body(request, draft, self._model_sent(request))

    def reader(self, draft: Draft, source: ErrorSource) -> Reader:
        """Return a reader for the answer."""
        return GeminiReader(draft, source)

    def read_error(self, body: Any) -> VendorError:
        """Parse an error's body."""
        return read_error(body)

    def models_url(self, page: str | None) -> str:
        """Return the URL of the model list."""
        token = f"&pageToken={url_quote(page, safe='')}" if page else ""
        return f"{self.base_url}/models?pageSize=1000{token}"

    def read_models(self, body: bytes) -> tuple[list[ModelInfo], str | None]:
        """Return the chat models of one page, and the next page's token."""
        page = decode_json(body, _ModelPage)
        models = [
            ModelInfo(
                id=each.name.removeprefix("models/"),
                name=each.display_name,
                context_window=each.input_token_limit,
            )
            for each in page.models
            if "generateContent" in each.supported_generation_methods
        ]
        return models, page.next_page_token or None


# The request


def content_body(request: ChatRequest, draft: Draft, model: str) -> dict[str, Any]:
    """Return the body of a request; report options that the API does not support."""
    body: dict[str, Any] = {"contents": _contents(request, draft, model)}
    system = [{"text": message.text} for message in request.messages if message.role == "system" and message.text]
    if system:
        body["systemInstruction"] = {"parts": system}
    if request.tools:
        body["tools"] = [
            {
                "functionDeclarations": [
                    {
                        "name": tool.name,
                        **({"description": tool.description} if tool.description else {}),
                        **({"parametersJsonSchema": tool.parameters} if tool.parameters else {}),
                    }
                    for tool in request.tools
                ]
            }
        ]
    choice = tool_choice_of(request)
    if choice is not None and request.tools:
        config: dict[str, Any] = {"mode": _MODES[choice.mode]}
        if choice.name:
            config["allowedFunctionNames"] = [choice.name]
        body["toolConfig"] = {"functionCallingConfig": config}
    generation = _generation(request)
    if generation:
        body["generationConfig"] = generation
    if request.n > 1:
        unsupported(draft, "n", f"this API gives one answer, not {request.n}")
    if request.logit_bias:
        unsupported(draft, "logit_bias", "this API does not support it", "it was left out")
    return add_thinking(body, request, draft, lambda: gemini_thinking(request, model))


def _generation(request: ChatRequest) -> dict[str, Any]:
    generation: dict[str, Any] = {
        theirs: value for ours, theirs in _NUMBERS.items() if (value := getattr(request, ours)) is not None
    }
    if request.stop:
        generation["stopSequences"] = request.stop
    if request.logprobs:
        generation["responseLogprobs"] = True
        if request.top_logprobs:
            generation["logprobs"] = request.top_logprobs
    shape = json_format_of(request)
    if shape is not None:
        generation["responseMimeType"] = "application/json"
        if shape.schema is not None:
            generation["responseJsonSchema"] = shape.schema
    return generation


def _contents(request: ChatRequest, draft: Draft, model: str) -> list[dict[str, Any]]:
    """Return the turns: the user's and the model's alternate, results apart from what the user says."""
    contents: list[dict[str, Any]] = []
    last, names = "", ToolNames()
    for index, message in enumerate(with_own_ids(request.messages)):
        taken = parts_of(message, index, draft)
        if message.role == "system":
            continue
        if message.role == "assistant":
            parts = _model_parts([part for part, _ in taken], model)
        else:
            parts = [sent for part, where in taken if (sent := _user_part(part, where, names)) is not None]
        names.add(message)
        if not parts:
            continue
        if message.role == last:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        last = message.role
    if not contents:
        raise InvalidRequest("messages contains only empty texts; add some text", parameter="messages")
    if contents[0]["role"] == "model":
        # A call must follow a user's turn.
        contents.insert(0, {"role": "user", "parts": [{"text": "…"}]})
        draft.warn(
            "messages", "they begin with the assistant; a user's turn '…' was put before, for this API wants one"
        )
    return contents


def _user_part(part: ContentPart, where: str, names: ToolNames) -> dict[str, Any] | None:
    """Return a part of a user's or a tool's turn, or ``None`` if there is nothing to send."""
    if isinstance(part, ToolResultPart):
        response = {"error" if part.is_error else "output": part.content}
        return {"functionResponse": {"id": part.id, "name": names.of(part), "response": response}}
    if isinstance(part, (ImagePart, AudioPart)):
        return _media_part(part, where)
    # A part without data is refused.
    return {"text": part.text} if isinstance(part, TextPart) and part.text else None


def _media_part(part: ImagePart | AudioPart, where: str) -> dict[str, Any]:
    media = media_of(part, where)
    if isinstance(media, Media):
        return {"inlineData": {"mimeType": media.media_type, "data": media.base64}}
    media_type = named_type(part.media_type)
    return {"fileData": {"fileUri": media, **({"mimeType": media_type} if media_type else {})}}


def _model_parts(parts: list[ContentPart], model: str) -> list[dict[str, Any]]:
    """Return a turn of the model, part by part as it came: none is put together with another that has a signature.

    Thoughts themselves do not go back, but for one that has a signature itself.
    """
    sent: list[dict[str, Any]] = []
    has_call = False
    for part in parts:
        if not isinstance(part, (TextPart, ReasoningPart, ToolCallPart)):
            continue
        signature = signature_for("gemini", model, part.signature)
        if isinstance(part, ToolCallPart):
            said: dict[str, Any] = {"functionCall": {"id": part.id, "name": part.name, "args": arguments_object(part)}}
            # Of calls side by side, the first one has the signature.
            if signature is None and not has_call and not UNSIGNED.match(model):
                signature = NO_SIGNATURE
            has_call = True
        elif isinstance(part, ReasoningPart) and (part.text or not signature):
            if not signature:
                continue
            said = {"text": part.text, "thought": True}
        elif part.text or signature:
            said = {"text": part.text}
        else:
            continue
        sent.append({**said, "thoughtSignature": signature} if signature else said)
    return sent


class _Model(msgspec.Struct, rename="camel"):
    name: str
    display_name: str = ""
    input_token_limit: int | None = None
    supported_generation_methods: list[str] = []


class _ModelPage(msgspec.Struct, rename="camel"):
    models: list[_Model]
    next_page_token: str = ""
