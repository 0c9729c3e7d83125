# ruff: noqa: PLC0414, RUF012 (re-exported names; msgspec copies empty defaults)
"""The state of the app: everything that a person can see, as one immutable tree.

Python owns it; pages hold copies (see docs/app.md). Field names are in camel case there. Times are milliseconds since
the epoch, sizes are bytes. `web/react/src/state.ts` is generated from this file (``make app-types``).
"""

from __future__ import annotations

from typing import Any, Literal

from .message_state import AnswerInfo as AnswerInfo
from .message_state import ChatMessage as ChatMessage
from .message_state import ErrorInfo as ErrorInfo
from .message_state import FilePart as FilePart
from .message_state import HopInfo as HopInfo
from .message_state import MessagePart as MessagePart
from .message_state import Notice as Notice
from .message_state import ObjectPart as ObjectPart
from .message_state import Part as Part
from .message_state import ReasoningPart as ReasoningPart
from .message_state import TextPart as TextPart
from .message_state import ToolPart as ToolPart

# Conversations


class ConversationSettings(Part, frozen=True, kw_only=True):
    """What requests of a conversation carry; ``None`` leaves it to the app's settings or the model.

    ``model`` is the id of a model, or ``cloud:ID``. ``private`` keeps the conversation on the device. ``schema`` is a
    JSON Schema that each answer must fit. ``tools`` are names of built-in tools.
    """

    model: str | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    thinking: bool | None = None
    private: bool = False
    tools: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    preset: str | None = None


class Conversation(Part, frozen=True, kw_only=True):
    """An entry of the list of conversations."""

    id: str
    title: str
    created_at: float
    updated_at: float
    pinned: bool = False
    folder: str | None = None
    messages: int = 0
    preview: str = ""
    settings: ConversationSettings = ConversationSettings()


class RouteChoice(Part, frozen=True, kw_only=True):
    """A backend that a request may go to, or may not, and why."""

    backend: str
    where: Literal["local", "cloud"]
    reason: str
    model: str | None = None


class RouteInfo(Part, frozen=True, kw_only=True):
    """Who would answer the next message: ``ranked``, the first first, and ``excluded``, each with a reason."""

    policy: str
    ranked: tuple[RouteChoice, ...] = ()
    excluded: tuple[RouteChoice, ...] = ()


class Thread(Part, frozen=True, kw_only=True):
    """An open conversation: its messages as a tree, and the path through it that is shown.

    ``children`` maps a message's id to those that follow it, oldest first; the first messages are under ``""``.
    ``path`` are the ids of the shown messages. ``answering`` is the answer in progress. ``elsewhere``: another tab is
    answering. ``context_tokens`` of ``context_window`` are in use.
    """

    id: str
    messages: dict[str, ChatMessage] = {}
    children: dict[str, tuple[str, ...]] = {}
    path: tuple[str, ...] = ()
    status: Literal["ready", "submitted", "streaming", "error"] = "ready"
    answering: str | None = None
    queue: tuple[str, ...] = ()
    elsewhere: bool = False
    error: ErrorInfo | None = None
    route: RouteInfo | None = None
    context_tokens: int | None = None
    context_window: int | None = None


class Approval(Part, frozen=True, kw_only=True):
    """A tool call that waits for the user's decision."""

    id: str
    conversation: str
    message: str
    tool_name: str
    arguments: dict[str, Any]
    at: float


class SearchHit(Part, frozen=True, kw_only=True):
    """A place that contains what was searched for: a message, or the title if ``message`` is empty."""

    conversation: str
    message: str
    excerpt: str


# The device and its models


class GPU(Part, frozen=True, kw_only=True):
    """The graphics adapter, as WebGPU describes it; ``software`` runs on the CPU."""

    name: str
    vendor: str | None = None
    software: bool = False
    max_buffer_bytes: float | None = None
    features: tuple[str, ...] = ()


class Device(Part, frozen=True, kw_only=True):
    """What the page's device can do; ``problem`` says why it has no WebGPU, and what to do."""

    browser: str | None = None
    browser_version: str | None = None
    gpu: GPU | None = None
    problem: ErrorInfo | None = None
    memory_gb: float | None = None
    cores: int | None = None
    threads: bool | None = None
    online: bool = True
    metered: bool | None = None
    save_data: bool | None = None


class Engine(Part, frozen=True, kw_only=True):
    """An inference runtime of the page."""

    name: str
    label: str
    available: bool
    reason: str | None = None


class Build(Part, frozen=True, kw_only=True):
    """A model's files for one engine on one device."""

    id: str
    engine: str
    device: str
    quantization: str | None = None
    download_bytes: float | None = None
    memory_bytes: float | None = None
    fits: bool = True
    reason: str | None = None
    downloaded: bool = False


class Model(Part, frozen=True, kw_only=True):
    """A model of the catalog, and its state on this device.

    ``fit``: ``good``, ``tight`` (it may be slow or run out of memory) or ``no``; ``reasons`` say why. ``tier`` marks
    the recommended models of this device.
    """

    id: str
    name: str
    family: str = ""
    type: Literal["chat", "embedding"] = "chat"
    parameters: float | None = None
    license: str | None = None
    license_url: str | None = None
    context_window: int | None = None
    purposes: tuple[str, ...] = ()
    tools: bool = False
    vision: bool = False
    thinking: bool = False
    custom: bool = False
    bundled: bool = False
    quantization: str | None = None
    download_bytes: float | None = None
    memory_bytes: float | None = None
    fit: Literal["good", "tight", "no"] = "good"
    reasons: tuple[str, ...] = ()
    builds: tuple[Build, ...] = ()
    tier: Literal["quick", "smart", "genius"] | None = None
    downloaded: bool = False
    stored_bytes: float = 0
    last_used_at: float | None = None


class Download(Part, frozen=True, kw_only=True):
    """A download of a model's files; ``left_s`` estimates the seconds to its end."""

    model: str
    state: Literal["waiting", "running", "paused", "verifying", "failed"]
    received_bytes: float = 0
    total_bytes: float | None = None
    bytes_per_s: float | None = None
    left_s: float | None = None
    error: ErrorInfo | None = None


class MissingFile(Part, frozen=True, kw_only=True):
    """A file that a download still lacks: its address, the engine's cache for it, and what its manifest promises.

    ``received_bytes`` is what a download in the app would skip; ``hash`` is in hexadecimal.
    """

    url: str
    cache: str
    size_bytes: float | None = None
    hash_algorithm: Literal["md5", "sha256"] | None = None
    hash: str | None = None
    received_bytes: float = 0


class Loading(Part, frozen=True, kw_only=True):
    """A model on its way into memory; ``fraction`` is 0..1, or ``None`` if not known.

    ``phase`` is ``queued`` while another model is being loaded.
    """

    model: str
    phase: str
    fraction: float | None = None
    text: str = ""


class Loaded(Part, frozen=True, kw_only=True):
    """A model in memory, and where it runs. ``expires_at`` is when it is freed if it is not used."""

    model: str
    engine: str
    device: str
    adapter: str | None = None
    context_window: int | None = None
    hops: tuple[HopInfo, ...] = ()
    expires_at: float | None = None


class StoredModelInfo(Part, frozen=True, kw_only=True):
    """The files of a model on the device."""

    model: str
    key: str
    size_bytes: float
    complete: bool
    last_used_at: float | None = None


class StorageInfo(Part, frozen=True, kw_only=True):
    """The browser's storage. ``reclaimable_bytes`` belong to no model, or to parts of unfinished downloads."""

    used_bytes: float | None = None
    quota_bytes: float | None = None
    models_bytes: float = 0
    reclaimable_bytes: float = 0
    persisted: bool | None = None
    models: tuple[StoredModelInfo, ...] = ()


class Sample(Part, frozen=True, kw_only=True):
    """One point of the session's plot, after an answer of this device."""

    at: float
    model: str
    tokens_per_s: float | None = None
    memory_bytes: float | None = None


class Totals(Part, frozen=True, kw_only=True):
    """What this session has answered so far."""

    answers: int = 0
    tokens: int = 0
    tokens_per_s: float | None = None
    answer_ms: float | None = None
    last_activity_at: float | None = None


# Settings


class Cloud(Part, frozen=True, kw_only=True):
    """A cloud model that the user has set up. The key itself is never part of the state.

    ``key`` says where it is: ``memory`` (gone with the page), ``device`` (kept in the browser's storage) or ``none``.
    """

    id: str
    vendor: str
    model: str
    label: str
    base_url: str | None = None
    key: Literal["none", "memory", "device"] = "none"
    enabled: bool = True


class Preset(Part, frozen=True, kw_only=True):
    """Settings with a name, for new conversations."""

    id: str
    name: str
    settings: ConversationSettings


class Settings(Part, frozen=True, kw_only=True):
    """The user's settings; they are kept on the device.

    ``mode`` ``local`` never asks a cloud, ``cloud`` asks only clouds, ``auto`` follows ``policy``.
    ``never_leave_device`` wins over both. ``keep_alive_s``: after how many seconds without use a model is freed
    (``None``: never); ``free_hidden_s``: the same while the page is hidden, and at once when the browser freezes it.
    """

    theme: Literal["system", "light", "dark"] = "system"
    language: Literal["auto", "en", "de", "ar"] = "auto"
    mode: Literal["auto", "local", "cloud"] = "auto"
    policy: Literal["local_first", "cloud_first", "least_cost", "least_latency"] = "local_first"
    never_leave_device: bool = True
    model: str | None = None
    keep_alive_s: float | None = None
    free_hidden_s: float | None = None
    free_under_pressure: bool = True
    storage_budget_bytes: float | None = None
    enter_sends: bool = True
    reduce_motion: bool = False
    introduced: bool = False
    defaults: ConversationSettings = ConversationSettings()
    presets: tuple[Preset, ...] = ()


class CompareRun(Part, frozen=True, kw_only=True):
    """One side of a comparison."""

    model: str
    engine: str | None = None
    device: str | None = None
    status: Literal["waiting", "loading", "streaming", "done", "stopped", "error"] = "waiting"
    text: str = ""
    answer: AnswerInfo | None = None
    error: ErrorInfo | None = None


class Comparison(Part, frozen=True, kw_only=True):
    """A prompt, answered by several models or engines in turn."""

    prompt: str = ""
    runs: tuple[CompareRun, ...] = ()


class AppState(Part, frozen=True, kw_only=True):
    """All of it. ``loads`` are the models on their way into memory, and ``loading`` is the one whose turn it is."""

    status: Literal["starting", "ready", "failed"] = "starting"
    error: ErrorInfo | None = None
    version: str = ""
    python: Literal["page", "process", "notebook"] = "page"
    device: Device | None = None
    engines: tuple[Engine, ...] = ()
    models: dict[str, Model] = {}
    downloads: dict[str, Download] = {}
    loading: Loading | None = None
    loads: dict[str, Loading] = {}
    loaded: tuple[Loaded, ...] = ()
    storage: StorageInfo = StorageInfo()
    samples: tuple[Sample, ...] = ()
    totals: Totals = Totals()
    conversations: dict[str, Conversation] = {}
    threads: dict[str, Thread] = {}
    approvals: dict[str, Approval] = {}
    clouds: dict[str, Cloud] = {}
    settings: Settings = Settings()
    compare: Comparison = Comparison()
    notices: tuple[Notice, ...] = ()
