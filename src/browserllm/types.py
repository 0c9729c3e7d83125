"""The data types of a chat: the request (`ChatRequest`), its stream (`ChatChunk`) and the answer (`ChatResponse`).

All are msgspec Structs: plain data that encodes to JSON and decodes typed. A backend validates a request when it
receives it (`browserllm.backends.request`), so building one never fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
StructuredMode = Literal["constrained", "json_schema", "json", "tool", "fenced"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]
TextMode = Literal["delta", "accumulated", "both"]
ThinkingEffort = Literal["low", "medium", "high"]

MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""The largest request, as JSON, that a backend accepts."""


# Requests


class TextPart(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """A piece of text.

    ``signature`` is opaque data that some providers want back with the history.
    """

    text: str
    signature: str | None = None


class ImagePart(msgspec.Struct, frozen=True, tag="image", omit_defaults=True):
    """An image: a URL (http, https or data), or its bytes with their media type."""

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None


class AudioPart(msgspec.Struct, frozen=True, tag="audio", omit_defaults=True):
    """An audio clip: a URL (http, https or data), or its bytes with their media type."""

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning", omit_defaults=True):
    """A piece of the model's thinking, which is not part of the answer.

    ``signature`` is opaque data that some providers want back with the history. A ``redacted`` piece has only that.
    """

    text: str
    signature: str | None = None
    redacted: bool = False


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call", omit_defaults=True):
    """A tool call by the model: ``arguments`` is JSON text, as the model wrote it.

    ``signature`` is opaque data that some providers want back with the history.
    """

    id: str
    name: str
    arguments: str = "{}"
    signature: str | None = None


class ToolResultPart(msgspec.Struct, frozen=True, tag="tool_result", omit_defaults=True):
    """The result of the tool call with the same ``id``."""

    id: str
    content: str
    is_error: bool = False


ContentPart = TextPart | ImagePart | AudioPart | ReasoningPart | ToolCallPart | ToolResultPart

ROLE_PARTS: Mapping[Role, tuple[type[ContentPart], ...]] = {
    "system": (TextPart,),
    "user": (TextPart, ImagePart, AudioPart),
    "assistant": (TextPart, ReasoningPart, ToolCallPart),
    "tool": (ToolResultPart,),
}
"""Which parts a message of each role may hold. Request validation rejects others; a backend may accept fewer."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a chat: the role of its author, and text or a list of parts.

    Programs write ``content``. To read a message use ``parts``, which is always a list.
    """

    role: Role
    content: str | list[ContentPart] = ""
    name: str | None = None

    @property
    def parts(self) -> list[ContentPart]:
        """The content as a list of parts: one `TextPart` for a text, none for an empty text. Do not change the list."""
        if isinstance(self.content, str):
            return [TextPart(self.content)] if self.content else []
        return self.content

    @property
    def text(self) -> str:
        """The text parts of the message, joined; other parts are left out."""
        return "".join([part.text for part in self.parts if isinstance(part, TextPart)])

    @property
    def tool_calls(self) -> list[ToolCallPart]:
        """The tool calls in the message."""
        return [part for part in self.parts if isinstance(part, ToolCallPart)]

    @property
    def reasoning(self) -> str:
        """The model's thinking in the message, its parts joined."""
        return "".join([part.text for part in self.parts if isinstance(part, ReasoningPart)])


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function that the model may call; ``parameters`` is a JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chat request, the same for every backend. ``None`` leaves the choice to the backend.

    Ranges: ``temperature`` 0..2, ``top_p`` 0..1 (above 0), ``top_k`` >= 1, ``max_tokens`` >= 1, both penalties -2..2,
    ``top_logprobs`` 0..20, ``n`` >= 1, ``deadline_s`` above 0. ``unsupported`` says what happens when the backend
    cannot do something: a warning on the response, or an `Unsupported` error. A ``private`` request never leaves the
    device; its images and audio must be bytes.

    ``thinking`` is for models that can think before they answer: ``False`` turns thinking off, ``True`` lets the model
    decide how much to think, ``"low"``, ``"medium"`` and ``"high"`` set the effort. A model that always thinks treats
    ``False`` as its lowest effort, with a warning. A model without the requested effort uses the nearest one it has.
    """

    messages: list[Message]
    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: list[str] = []
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[int, float] = {}
    logprobs: bool = False
    top_logprobs: int | None = None
    n: int = 1
    response_format: dict[str, Any] | None = None
    tools: list[Tool] = []
    tool_choice: str | dict[str, Any] | None = None
    thinking: bool | ThinkingEffort | None = None
    metadata: dict[str, Any] = {}
    deadline_s: float | None = None
    private: bool = False
    unsupported: Literal["warn", "error"] = "warn"


# (field, smallest, largest, whether the smallest itself is allowed)
OPTION_RANGES: tuple[tuple[str, float, float, bool], ...] = (
    ("temperature", 0, 2, True),
    ("top_p", 0, 1, False),
    ("top_k", 1, float("inf"), True),
    ("max_tokens", 1, float("inf"), True),
    ("frequency_penalty", -2, 2, True),
    ("presence_penalty", -2, 2, True),
    ("top_logprobs", 0, 20, True),
    ("n", 1, float("inf"), True),
    ("deadline_s", 0, float("inf"), False),
)
"""The ranges of a request's numbers."""

ENGINE_OPTIONS = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "top_logprobs",
    "response_format",
)
"""The options that go unchanged to the page's engines (``web/src/engine/options.ts`` reads them)."""


# Responses


class ChatWarning(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something in the request that was not honoured: which parameter, and what happened instead.

    ``code`` is set where a program can act on the warning: ``partly_constrained`` means that the answer follows the
    ``response_format`` except for what the message names.
    """

    parameter: str
    message: str
    code: Literal["", "partly_constrained"] = ""


class Hop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A backend, model, engine or device that was tried or skipped before the answer, and why."""

    reason: str
    code: str = ""
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    backend: str | None = None

    def __str__(self) -> str:
        place = " on ".join(filter(None, [self.engine, self.device]))
        named = [self.backend, self.model, place]
        return f"{', '.join(filter(None, named)) or 'passed over'}: {self.reason}"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one request and its answer.

    ``prompt_tokens`` include ``cached_tokens``, which were read from a cache, and ``cache_write_tokens``, which were
    written to a cache that the provider bills. ``completion_tokens`` include ``reasoning_tokens``, the thinking.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time went, in milliseconds; ``tokens_per_s`` is decoding alone. ``None`` means not measured."""

    queue_ms: float | None = None
    first_token_ms: float | None = None
    decode_ms: float | None = None
    tokens_per_s: float | None = None
    total_ms: float | None = None


class ChatResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A finished answer: the message, why it ended, its usage and timings, and the backend that gave it.

    ``cost_usd`` is 0.0 for a local model and ``None`` where the cost is unknown. ``route`` lists what was tried or
    skipped before. ``provider_request_id`` is the cloud provider's id of the request, for its support.
    """

    request_id: str
    backend: str
    message: Message
    finish_reason: FinishReason
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    adapter: str | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    warnings: list[ChatWarning] = []
    route: list[Hop] = []
    logprobs: list[Any] = []
    cost_usd: float | None = None
    provider_request_id: str | None = None

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The model's thinking, where the backend shows it."""
        return self.message.reasoning

    @property
    def tool_calls(self) -> list[ToolCallPart]:
        """The tool calls in the answer."""
        return self.message.tool_calls


# Streams


class ChatChunk(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk of a stream. ``sequence`` counts from 0; the stream sets it, and backends leave it out.

    Every chunk has ``text``: what it adds to the answer, or with ``text="accumulated"`` the answer so far. With
    ``text="both"`` the answer so far is in ``accumulated``, which is otherwise ``None``.
    """

    sequence: int = 0
    text: str = ""
    accumulated: str | None = None


class ChatStart(ChatChunk, frozen=True, kw_only=True, tag="start"):
    """The first chunk: the backend, model, engine and device that will answer."""

    request_id: str
    backend: str
    model: str | None = None
    engine: str | None = None
    device: str | None = None


class TextDelta(ChatChunk, frozen=True, kw_only=True, tag="text"):
    """A piece of the answer; ``logprobs`` has its entries in OpenAI's shape, if the request asked for them.

    With a ``signature`` it becomes a `TextPart` of its own.
    """

    logprobs: list[Any] | None = None
    signature: str | None = None


class ReasoningDelta(ChatChunk, frozen=True, kw_only=True, tag="reasoning"):
    """A piece of the model's thinking, in ``reasoning``; it is not part of the answer.

    ``signature`` belongs to a `ReasoningPart` and ends it; what follows belongs to the next one.
    """

    reasoning: str = ""
    signature: str | None = None
    redacted: bool = False


class ToolCallDelta(ChatChunk, frozen=True, kw_only=True, tag="tool_call"):
    """A piece of a tool call: ``index`` says which call, ``arguments`` adds to its JSON text."""

    index: int = 0
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    signature: str | None = None


class ChatRestart(ChatChunk, frozen=True, kw_only=True, tag="restart"):
    """The answer broke off and starts again on another backend: discard what came before this chunk.

    ``hop`` says what failed and why; the other fields name what answers now.
    """

    hop: Hop
    backend: str
    model: str | None = None
    engine: str | None = None
    device: str | None = None


class ChatDone(ChatChunk, frozen=True, kw_only=True, tag="done"):
    """The last chunk, with the whole response."""

    response: ChatResponse

    @property
    def message(self) -> Message:
        """The whole answer as a message for the history."""
        return self.response.message

    @property
    def finish_reason(self) -> FinishReason:
        """Why the answer ended."""
        return self.response.finish_reason

    @property
    def usage(self) -> Usage:
        """The tokens of the request and the answer."""
        return self.response.usage

    @property
    def timings(self) -> Timings:
        """Where the time went."""
        return self.response.timings

    @property
    def warnings(self) -> list[ChatWarning]:
        """What in the request was not honoured."""
        return self.response.warnings


# Backends


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend can do. ``parameters`` are the `ChatRequest` fields that it honours.

    ``structured_output`` lists how it can produce JSON that follows a schema, the strongest way first: constrained
    decoding (``constrained``), an API that takes a schema (``json_schema``), JSON of any shape (``json``), or a forced
    tool call (``tool``). A prompt can ask any model for JSON (``fenced``), so that is not listed.
    """

    images: bool = False
    audio: bool = False
    tools: bool = False
    multiple_answers: bool = False
    structured_output: tuple[StructuredMode, ...] = ()
    parameters: frozenset[str] = frozenset()


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """Texts as vectors: ``vectors`` [texts, dimensions], in the order of the texts; ``model`` computed them."""

    model: str
    vectors: list[list[float]]
    usage: Usage = Usage()


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a backend offers; ``downloaded`` and ``loaded`` are about models on the device."""

    id: str
    name: str = ""
    context_window: int | None = None
    downloaded: bool = False
    loaded: bool = False


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a backend can answer now; if not, ``reason`` says why."""

    ok: bool
    reason: str = ""
