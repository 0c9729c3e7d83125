"""The part of the app's state that a conversation shows: messages, what they are made of, and what went wrong.

The rest of the state is in `state.py`, which also has these names.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every struct of the state: immutable, and in camel case on the page's side."""


# What went wrong


class ErrorInfo(Part, frozen=True, kw_only=True):
    """An error as people see it: what happened, and what to do. ``code`` is that of a `BrowserLLMError`.

    ``actions`` name the ways out that the page can offer as buttons.
    """

    code: str
    title: str
    message: str
    remedy: str | None = None
    actions: tuple[
        Literal[
            "retry",
            "reload",
            "free_space",
            "use_cloud",
            "smaller_model",
            "larger_model",
            "edit_message",
            "open_settings",
            "open_privacy",
        ],
        ...,
    ] = ()
    data: dict[str, Any] = {}


class Notice(Part, frozen=True, kw_only=True):
    """Something that happened outside of an answer, until the user dismisses it.

    ``text`` says it in English. ``code`` says what it is, and ``data`` has what the text names, for other languages.
    """

    id: str
    at: float
    kind: Literal["info", "warning", "error"] = "info"
    text: str = ""
    code: Literal[
        "",
        "cloud_damaged",
        "device_not_read",
        "download_not_recorded",
        "engine_failed",
        "evicted",
        "freed",
        "gpu_lost",
        "model_damaged",
        "models_not_listed",
        "no_storage",
        "not_deleted",
        "not_downloaded",
        "not_loaded",
        "not_saved",
        "page_silent",
        "record_damaged",
        "records_damaged",
        "records_newer",
        "settings_damaged",
        "storage_lost",
        "tab_not_read",
    ] = ""
    data: dict[str, Any] = {}
    error: ErrorInfo | None = None


# Messages


class TextPart(Part, frozen=True, kw_only=True, tag="text"):
    """Text in Markdown."""

    text: str
    state: Literal["streaming", "done"] = "done"


class ReasoningPart(Part, frozen=True, kw_only=True, tag="reasoning"):
    """The model's thinking."""

    text: str
    state: Literal["streaming", "done"] = "done"


class FilePart(Part, frozen=True, kw_only=True, tag="file"):
    """A file of the user: an image as a data URL, or a text file as its text."""

    media_type: str
    filename: str | None = None
    url: str | None = None
    text: str | None = None
    size_bytes: int | None = None


class ToolPart(Part, frozen=True, kw_only=True, tag="dynamic-tool"):
    """A tool call, from its first piece to its result. ``approval_id`` is set while it waits for a decision."""

    tool_name: str
    tool_call_id: str
    state: Literal[
        "input-streaming",
        "input-available",
        "approval-requested",
        "output-available",
        "output-error",
        "output-denied",
    ]
    input: Any = None
    output: Any = None
    error_text: str | None = None
    approval_id: str | None = None


class ObjectPart(Part, frozen=True, kw_only=True, tag="data-object"):
    """Structured output: the value so far, or the whole value when ``state`` is ``done``."""

    value: Any
    state: Literal["streaming", "done"] = "done"


MessagePart = TextPart | ReasoningPart | FilePart | ToolPart | ObjectPart


class HopInfo(Part, frozen=True, kw_only=True):
    """A backend, engine or device that was passed over, and why; ``wanted`` if the user's own choice is the reason."""

    reason: str
    code: str = ""
    backend: str | None = None
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    wanted: bool = False


class AnswerInfo(Part, frozen=True, kw_only=True):
    """Who gave an answer, and what it took. ``where`` is ``local`` if nothing left the device."""

    where: Literal["local", "cloud"]
    backend: str
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    adapter: str | None = None
    finish_reason: str | None = None
    hops: tuple[HopInfo, ...] = ()
    warnings: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    tokens_per_s: float | None = None
    first_token_ms: float | None = None
    duration_ms: float | None = None
    cost_usd: float | None = None
    context_tokens: int | None = None
    context_window: int | None = None


class ChatMessage(Part, frozen=True, kw_only=True):
    """A message of a conversation. ``parent`` is the message before it; siblings are branches.

    ``queued``: it waits for an answer in progress, or for the model to load. ``stopped`` answers keep their text.
    """

    id: str
    role: Literal["user", "assistant"]
    parts: tuple[MessagePart, ...] = ()
    parent: str | None = None
    created_at: float = 0
    status: Literal["queued", "submitted", "streaming", "done", "stopped", "error"] = "done"
    answer: AnswerInfo | None = None
    error: ErrorInfo | None = None
