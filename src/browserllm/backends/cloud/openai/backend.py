"""OpenAI's chat completions: builds requests for OpenAI and the many compatible servers.

The format is that of https://developers.openai.com/api/reference; `presets` says how others differ. `openai/reader.py`
reads the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Unpack

import msgspec

from ...._internal.http.address import host_of
from ...._internal.http.client import Secret
from ...._internal.nesting import decode_json
from ....constrained.tool_calls.choice import tool_choice_of
from ....errors import InvalidRequest
from ....reasoning import ThoughtReader, template_opens
from ....types import (
    AudioPart,
    Capabilities,
    ChatRequest,
    ContentPart,
    ImagePart,
    Message,
    ModelInfo,
    StructuredMode,
    TextPart,
    ToolResultPart,
)
from ...accepted_parts import PlacedPart, accepted_parts
from ...base import unsupported
from ...draft import Draft
from ...media import Media, media_of, sound_format
from ..base import CloudBackend
from ..failures import ErrorSource, VendorError, read_error
from ..history import NO_SIGNATURE, UNSIGNED, with_own_ids
from ..json_format import json_format_of
from ..options import CloudOptions, hidden_options
from ..presets import NOWHERE, PRESETS, RETURNED_TO, Preset, PresetName, Returned
from ..provider_metadata import chunks_to_send, extras_to_send, thoughts_to_send
from ..reader import Reader
from ..schemas import strict_schema
from ..thinking import add_thinking, chat_completion_thinking
from .reader import ChatCompletionReader

_PLAIN = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "top_logprobs")
_PARAMETERS = frozenset(
    {
        *_PLAIN,
        "max_tokens",
        "stop",
        "seed",
        "logit_bias",
        "logprobs",
        "response_format",
        "tools",
        "tool_choice",
        "thinking",
    }
)


class OpenAI(CloudBackend):
    """Answers with OpenAI or a compatible server.

    ``OpenAI("gpt-6-luna")`` asks OpenAI, ``OpenAI("openai/gpt-oss-120b", preset="groq")`` Groq, and
    ``OpenAI("anything", base_url="https://...")`` the server at that URL.
    """

    vendor = "openai"
    default_base_url = PRESETS["openai"].base_url
    capabilities = Capabilities(images=True, audio=True, tools=True, parameters=_PARAMETERS)

    def __init__(self, model: str, *, preset: PresetName = "openai", **options: Unpack[CloudOptions]) -> None:
        """Answer with ``model``; ``preset`` is the server's kind, and its address unless there is a ``base_url``.

        ``options`` are those of `CloudBackend`.
        """
        options = hidden_options(options)  # before anything can fail: see CloudBackend
        if not isinstance(preset, str) or preset not in PRESETS:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(
                f"unknown preset={preset!r}; use one of {', '.join(map(repr, PRESETS))}, or a base_url",
                parameter="preset",
            )
        self.preset: Preset = PRESETS[preset]
        self.vendor = preset
        self.default_base_url = self.preset.base_url
        self.key_variables = self.preset.key_variables
        self.key_hosts = self.preset.key_hosts
        self.url_variables = self.preset.url_variables
        self.address_format = self.preset.address_format
        self.header_variables = self.preset.header_variables
        self.capabilities = Capabilities(
            images=True,
            audio=True,
            tools=True,
            structured_output=_modes(self.preset.formats),
            parameters=_PARAMETERS - self.preset.refuses - ({"thinking"} if self.preset.thinking is None else set()),
        )
        super().__init__(model, **options)

    identity = CloudBackend.identity

    # What is sent

    def chat_url(self, model: str) -> str:
        """Return the URL for chats."""
        return f"{self.base_url}/chat/completions"

    def auth_headers(self, key: Secret) -> dict[str, Secret]:
        """Return the key as a bearer token; Azure's older addresses, with a version in the query, want it bare."""
        if self._found.query and self._is_azure():
            return {"api-key": key}
        return {"authorization": Secret("Bearer " + key)}

    def _is_azure(self) -> bool:
        return host_of(self.base_url).endswith((".openai.azure.com", ".services.ai.azure.com"))

    def body(self, request: ChatRequest, draft: Draft) -> dict[str, Any]:
        """Return the body of a chat completions request."""
        preset = self.preset
        model = request.model or self.model
        body: dict[str, Any] = {"model": model, "messages": list(self._messages(request, draft)), "stream": True}
        if preset.stream_options:
            body["stream_options"] = {"include_usage": True}
        taken = {name: getattr(request, name) for name in _PLAIN}
        taken[self._tokens_field(model)] = request.max_tokens
        taken[preset.seed_field] = request.seed
        taken["stop"] = request.stop or None
        taken["logprobs"] = request.logprobs or None
        # JSON's keys are texts; OpenAI takes whole numbers only.
        bias = {str(token): int(value) if value == int(value) else value for token, value in request.logit_bias.items()}
        taken["logit_bias"] = bias or None
        for name, value in taken.items():
            field = "seed" if name == preset.seed_field else name
            if value is None:
                continue
            if field in preset.refuses:
                unsupported(draft, field, f"{self.name!r} does not support it", "it was left out")
            else:
                body[name] = value
        if request.n > 1:
            unsupported(draft, "n", f"only one answer is requested, not {request.n}")
        self._add_tools(body, request)
        self._add_format(body, request, draft)
        return add_thinking(body, request, draft, lambda: chat_completion_thinking(preset.thinking, request, model))

    def _tokens_field(self, model: str) -> str:
        """Return the name of the token limit: OpenAI's newer name only if the server knows it."""
        if self.preset is not PRESETS["openai"] or self._is_vendors_own():
            return self.preset.tokens_field
        # Somewhere else, Azure or a proxy, may still be OpenAI's models; what else there is knows the older name.
        newer = self._is_azure() or re.match(r"(openai/)?(gpt-[5-9]|o\d)", model)
        return "max_completion_tokens" if newer else "max_tokens"

    def _add_tools(self, body: dict[str, Any], request: ChatRequest) -> None:
        choice = tool_choice_of(request)
        if not request.tools:
            return
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    **({"description": tool.description} if tool.description else {}),
                    "parameters": tool.parameters or {"type": "object", "properties": {}},
                },
            }
            for tool in request.tools
        ]
        if choice is not None:
            named = {"type": "function", "function": {"name": choice.name}}
            body["tool_choice"] = named if choice.mode == "named" else choice.mode

    def _add_format(self, body: dict[str, Any], request: ChatRequest, draft: Draft) -> None:
        wanted = json_format_of(request)
        if wanted is None:
            return
        schema = wanted.schema
        if schema is not None and "json_schema" not in self.preset.formats:
            unsupported(
                draft,
                "response_format",
                f"{self.name!r} does not support a schema (put the schema in a message)",
                "plain JSON was requested",
            )
            schema = None
        elif schema is None and "json_object" not in self.preset.formats:
            schema = {"type": "object"}
        if schema is None:
            body["response_format"] = {"type": "json_object"}
            return
        strict = wanted.strict
        # No other server is known to constrain a model by a schema in the same way.
        if strict is None and self.preset is PRESETS["openai"] and (held := strict_schema(schema)) is not None:
            schema, strict = held, True
        spec: dict[str, Any] = {"name": wanted.name, "schema": schema}
        if strict is not None:
            spec["strict"] = strict
        body["response_format"] = {"type": "json_schema", "json_schema": spec}

    def _messages(self, request: ChatRequest, draft: Draft) -> Iterator[dict[str, Any]]:
        signer = f"{self._giver()}/{self._model_sent(request)}"
        for index, message in enumerate(with_own_ids(request.messages, self._call_id)):
            parts = accepted_parts(message, index, draft)
            if message.role == "tool":
                yield from self._tool_messages(parts)
                continue
            wire: dict[str, Any] = {"role": message.role}
            if message.name is not None:
                if self.preset.names:
                    wire["name"] = message.name
                else:
                    unsupported(
                        draft,
                        "messages",
                        f"{self.name!r} does not support message names such as {message.name!r}",
                        "it was left out",
                    )
            if message.role == "assistant":
                self._fill_assistant(wire, message, signer)
            elif len(message.parts) < 2 and all(isinstance(part, TextPart) for part in message.parts):
                wire["content"] = message.text  # every server takes a text
            else:
                sent = [self._part(part, where, draft) for part, where in parts]
                wire["content"] = [part for part in sent if part is not None]
            yield wire

    def _fill_assistant(self, wire: dict[str, Any], message: Message, signer: str) -> None:
        calls, parts = message.tool_calls, message.parts
        chunks = chunks_to_send(signer, parts)
        wire["content"] = chunks or (message.text if message.text or not calls else None)
        thoughts = thoughts_to_send(signer, parts)
        wire |= thoughts.fields
        for part in parts:
            if isinstance(part, TextPart):
                wire |= extras_to_send(signer, part)
        if calls:
            wire["tool_calls"] = [
                {
                    "id": self._call_id(call.id),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                    **extras_to_send(signer, call),
                }
                for call in calls
            ]
            self._sign_first(wire["tool_calls"], signer)
            returned = self._returned()
            # If thinking is required, another model's text is better than none.
            plain = thoughts.plain if returned.without is None else message.reasoning or returned.without
            if returned.field and not thoughts.fields and (plain or returned.without is not None):
                wire[returned.field] = plain

    def _giver(self) -> str:
        """Return the provider to send metadata back to: the server itself if its kind is unknown."""
        if self.preset is not PRESETS["openai"] or self._is_vendors_own():
            return self.vendor
        return f"{self.vendor}@{self.base_url.partition('://')[2].partition('/')[0].lower()}"

    def _returned(self) -> Returned:
        """Return how plain thinking is sent back with its calls."""
        if self.preset is not PRESETS["openai"]:
            return self.preset.returns_reasoning
        host = host_of(self.base_url)
        return next((each for name, each in RETURNED_TO.items() if host == name or host.endswith(f".{name}")), NOWHERE)

    def _sign_first(self, calls: list[dict[str, Any]], signer: str) -> None:
        """Have Gemini, under OpenAI's API, take calls of another model: see `NO_SIGNATURE`."""
        model = signer.partition("/")[2]
        if not host_of(self.base_url).endswith(".googleapis.com") or "gemini" not in model or UNSIGNED.match(model):
            return
        if "extra_content" not in calls[0]:
            calls[0]["extra_content"] = {"google": {"thought_signature": NO_SIGNATURE}}

    def _tool_messages(self, parts: Sequence[PlacedPart]) -> Iterator[dict[str, Any]]:
        for part, _ in parts:
            if isinstance(part, ToolResultPart):
                # There is no place for the mark of an error, so the words must say it.
                content = f"Error: {part.content}" if part.is_error else part.content
                yield {"role": "tool", "tool_call_id": self._call_id(part.id), "content": content}

    def _part(self, part: ContentPart, where: str, draft: Draft) -> dict[str, Any] | None:
        if isinstance(part, TextPart):
            return {"type": "text", "text": part.text}
        if isinstance(part, ImagePart):
            media = media_of(part, where)
            return {"type": "image_url", "image_url": {"url": media.url if isinstance(media, Media) else media}}
        if isinstance(part, AudioPart):
            media = media_of(part, where)
            kind = sound_format(media.media_type) if isinstance(media, Media) else None
            if isinstance(media, Media) and kind is not None:
                return {"type": "input_audio", "input_audio": {"data": media.base64, "format": kind}}
            unsupported(draft, where, "audio must be sent as data, in WAV or MP3", "it was left out")
        return None

    def _call_id(self, call_id: str) -> str:
        """Return a call's id as this server takes it: another vendor's may be too long, or have other characters."""
        # Only OpenAI has a limit; what LiteLLM sends back to Gemini is in an id: docs.litellm.ai/blog/gemini_3.
        limited = self.preset is PRESETS["openai"] and (self._is_vendors_own() or self._is_azure())
        fits = not limited or len(call_id) <= 40
        if self.preset.short_call_ids:
            fits = re.fullmatch(r"[a-zA-Z0-9]{9}", call_id)
        if fits:
            return call_id
        import hashlib

        return hashlib.sha256(call_id.encode()).hexdigest()[:9]

    # What comes back

    def reader(self, draft: Draft, source: ErrorSource) -> Reader:
        """Return a reader for the answer."""
        if self.preset is PRESETS["openai"] and self._is_vendors_own():
            return ChatCompletionReader(draft, source, self._giver())  # its models' thoughts are never in the text
        # A plain proxy may leave the thoughts in the text, and their opening mark in the prompt.
        raw = not self.preset.key_hosts or self.preset is PRESETS["openai"]
        unsure = raw and template_opens(source.model) and draft.request.thinking is not False
        thoughts = ThoughtReader(starts_as="unsure" if unsure else "text")
        return ChatCompletionReader(draft, source, self._giver(), thoughts)

    def read_error(self, body: Any) -> VendorError:
        """Parse an error's body, in any of the shapes that compatible servers use."""
        return read_error(body)

    def models_url(self, page: str | None) -> str:
        """Return the URL of the model list."""
        return f"{self.base_url}/models"

    def read_models(self, body: bytes) -> tuple[list[ModelInfo], str | None]:
        """Return the models; they come as one page."""
        # Together sends the list itself.
        models: _Models | list[_Model] = decode_json(body, _Models | list[_Model])
        listed = models.data if isinstance(models, _Models) else models
        return [
            ModelInfo(
                id=model.id, name=model.name or model.id, context_window=model.context_length or model.max_model_len
            )
            for model in listed
        ], None


class _Model(msgspec.Struct):
    id: str
    name: str | None = None
    context_length: int | None = None
    max_model_len: int | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


def _modes(formats: frozenset[str]) -> tuple[StructuredMode, ...]:
    """Return the ways to JSON of a server that knows these response formats."""
    known: tuple[tuple[str, StructuredMode], ...] = (("json_schema", "json_schema"), ("json_object", "json"))
    return (*(mode for name, mode in known if name in formats), "tool")
