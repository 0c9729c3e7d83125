"""Ollama's own API: https://docs.ollama.com/api/chat.

A server on this machine (the default) keeps requests on the device: they are free and may be private. Requests for
models of Ollama's cloud leave the device through any server. They are recognized by their names, and before a private
request the server is asked whether it would forward it.

A page can use a server only if the server allows the page's origin: start it with OLLAMA_ORIGINS set to that origin.
"""

from __future__ import annotations

from typing import Any, Unpack

import msgspec

from ...._internal.http.address import is_loopback
from ...._internal.http.client import Secret
from ...._internal.identity import Hashed
from ...._internal.nesting import decode_json
from ....constrained.tool_calls.choice import tool_choice_of
from ....errors import InvalidRequest, ProtocolError
from ....types import (
    AudioPart,
    Capabilities,
    ChatRequest,
    ImagePart,
    Message,
    ModelInfo,
    ToolCallPart,
    ToolResultPart,
)
from ...accepted_parts import PlacedPart
from ...base import unsupported
from ...draft import Draft
from ...media import Media, media_of
from ..addresses import OLLAMA_ADDRESS_FORMAT
from ..base import CloudBackend
from ..failures import ErrorSource, VendorError
from ..history import ToolNames, arguments_object, parts_of, with_own_ids
from ..json_format import json_format_of
from ..options import CloudOptions, hidden_options
from ..reader import Reader
from ..sse import EventDecoder, JsonLines
from ..thinking import add_thinking, ollama_thinking
from .reader import OllamaReader, read_error

# Our field: their field.
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "num_predict",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}


class Ollama(CloudBackend):
    """Answers with the models of an Ollama server, by default the one on this machine."""

    vendor = "ollama"
    default_base_url = "http://127.0.0.1:11434"
    key_hosts = ("ollama.com",)
    key_variables = ("OLLAMA_API_KEY",)
    url_variables = ("OLLAMA_HOST",)
    address_format = OLLAMA_ADDRESS_FORMAT
    capabilities = Capabilities(
        images=True,
        tools=True,
        structured_output=("json_schema", "json"),
        parameters=frozenset({*_OPTIONS, "stop", "logprobs", "top_logprobs", "response_format", "tools", "thinking"}),
    )

    def __init__(self, model: str, *, num_ctx: int | None = None, **options: Unpack[CloudOptions]) -> None:
        """Answer with ``model``; ``num_ctx`` is its context window in tokens, the server's own choice by default.

        ``options`` are those of `CloudBackend`; ``leaves_device`` is ``False`` for an address on this machine.
        """
        options = hidden_options(options)  # before anything can fail: see CloudBackend
        if num_ctx is not None and not isinstance(num_ctx, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind, num_ctx = type(num_ctx).__name__, None  # whatever it is, it is not shown
            raise InvalidRequest(f"num_ctx is of type {kind}; use an int", parameter="num_ctx")
        if num_ctx is not None and num_ctx < 1:
            raise InvalidRequest(f"num_ctx={num_ctx!r} is out of range: it must be at least 1", parameter="num_ctx")
        if "leaves_device" not in options:
            options["leaves_device"] = not self._is_here(options)
        super().__init__(model, **options)
        self.num_ctx = num_ctx
        self._passed_on: set[str] = set()

    def _is_here(self, options: CloudOptions) -> bool:
        """Return whether the base URL is on this machine; a URL that is not valid is not, and is rejected later."""
        given = options.get("base_url")
        if given is not None and not isinstance(given, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            return False
        try:
            return is_loopback(self._address(given, allow_http=True)[0])
        except InvalidRequest:
            return False

    def _takes_key_of_environment(self) -> bool:
        # OLLAMA_HOST also says where a server listens, and the key is for Ollama's cloud: none goes to this machine.
        return super()._takes_key_of_environment() and not is_loopback(self.base_url)

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the server, the account, the additions and the context window."""
        return [super().identity(request, hashed), self.num_ctx]

    def keeps_on_device(self, model: str) -> bool:
        """Return whether a request for this model stays on the device; models of Ollama's cloud do not."""
        return super().keeps_on_device(model) and model not in self._passed_on

    def chat_url(self, model: str) -> str:
        """Return the URL for chats."""
        return f"{self.base_url}/api/chat"

    def auth_headers(self, key: Secret) -> dict[str, Secret]:
        """Return the headers that carry the key."""
        return {"authorization": Secret("Bearer " + key)}

    def body(self, request: ChatRequest, draft: Draft) -> dict[str, Any]:
        """Return the body of a streaming request."""
        return chat_body(request, draft, request.model or self.model, self.num_ctx)

    def reader(self, draft: Draft, source: ErrorSource) -> Reader:
        """Return a reader for the answer."""
        return OllamaReader(draft, source, self._passed_on.add)

    def decoder(self) -> EventDecoder:
        """Return a decoder for JSON lines."""
        return JsonLines()

    def read_error(self, body: Any) -> VendorError:
        """Parse an error's body."""
        return read_error(body)

    def models_url(self, page: str | None) -> str:
        """Return the URL of the model list."""
        return f"{self.base_url}/api/tags"

    def read_models(self, body: bytes) -> tuple[list[ModelInfo], str | None]:
        """Return the server's models."""
        models = decode_json(body, _Tags).models
        self._passed_on |= {name for each in models if each.remote_host for name in (each.name, each.model)}
        return [ModelInfo(id=each.model or each.name, downloaded=not each.remote_host) for each in models], None

    async def remote_location(self, model: str) -> str:
        """Ask the server where it would forward requests for this model to; it must answer."""
        response = await self._send("POST", f"{self.base_url}/api/show", msgspec.json.encode({"model": model}))
        try:
            if response.status != 200:
                raise await self._failure(response, self._error_source(model, response))
            shown = decode_json(await response.read(), _Shown)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{self.name!r} did not say where {model!r} runs ({error}); nothing was sent") from None
        finally:
            await response.aclose()
        if shown.remote_host or shown.remote_model:
            self._passed_on.add(model)
            return shown.remote_host or shown.remote_model
        return ""


class _Shown(msgspec.Struct):
    remote_host: str = ""
    remote_model: str = ""


class _Tag(msgspec.Struct):
    name: str = ""
    model: str = ""
    remote_host: str = ""


class _Tags(msgspec.Struct):
    models: list[_Tag]


# The request


def chat_body(request: ChatRequest, draft: Draft, model: str, num_ctx: int | None = None) -> dict[str, Any]:
    """Return the body of a streaming request; report options that the API does not support."""
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(request, draft),
        "stream": True,
        # Otherwise the server silently drops the beginning of a chat that is too long.
        "truncate": False,
    }
    options: dict[str, Any] = {
        theirs: value for ours, theirs in _OPTIONS.items() if (value := getattr(request, ours)) is not None
    }
    if request.stop:
        options["stop"] = request.stop
    if num_ctx is not None:
        options["num_ctx"] = num_ctx
    if options:
        body["options"] = options
    tools = request.tools
    choice = tool_choice_of(request)
    if choice is not None and choice.mode == "none":
        tools = []
    elif choice is not None and choice.mode != "auto":
        unsupported(draft, "tool_choice", "this API cannot force a tool call", "the model may choose")
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": {"type": "object", "properties": {}, **tool.parameters},
                },
            }
            for tool in tools
        ]
    shape = json_format_of(request)
    if shape is not None:
        body["format"] = "json" if shape.schema is None else shape.schema
    if request.logprobs:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.n > 1:
        unsupported(draft, "n", f"this API gives one answer, not {request.n}")
    if request.logit_bias:
        unsupported(draft, "logit_bias", "this API does not support it", "it was left out")
    return add_thinking(body, request, draft, lambda: ollama_thinking(request, model))


def _messages(request: ChatRequest, draft: Draft) -> list[dict[str, Any]]:
    """Return the messages, one for each result; the models' own templates cope with the order of roles."""
    messages: list[dict[str, Any]] = []
    names = ToolNames()
    for index, message in enumerate(with_own_ids(request.messages)):
        parts = parts_of(message, index, draft, refused=(AudioPart,))
        if message.role == "tool":
            messages += [_result(part, names.of(part)) for part, _ in parts if isinstance(part, ToolResultPart)]
        else:
            messages.append(_message(message, parts, draft))
        names.add(message)
    return messages


def _result(part: ToolResultPart, name: str) -> dict[str, Any]:
    return {
        "role": "tool",
        # There is no other place to say that a tool failed.
        "content": f"Error: {part.content}" if part.is_error else part.content,
        "tool_name": name,
        "tool_call_id": part.id,
    }


def _message(message: Message, parts: list[PlacedPart], draft: Draft) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.text}
    images: list[str] = []
    calls: list[dict[str, Any]] = []
    for part, where in parts:
        if isinstance(part, ImagePart):
            media = media_of(part, where)
            if isinstance(media, Media):
                images.append(media.base64)
            else:
                unsupported(
                    draft, where, f"this API does not fetch images (pass the bytes of {media!r})", "it was left out"
                )
        elif isinstance(part, ToolCallPart):
            function = {"index": len(calls), "name": part.name, "arguments": arguments_object(part)}
            calls.append({"id": part.id, "function": function})
    if message.reasoning:
        sent["thinking"] = message.reasoning
    if images:
        sent["images"] = images
    if calls:
        sent["tool_calls"] = calls
    return sent
