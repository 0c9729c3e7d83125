"""Language models in the browser, from Python.

Names are imported when they are first used, so that ``import browserllm`` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._internal.version import __version__ as __version__

if TYPE_CHECKING:
    from ._internal.http.client import Timeouts as Timeouts
    from .backends.base import Backend as Backend
    from .backends.base import Middleware as Middleware
    from .backends.cloud.anthropic.backend import Anthropic as Anthropic
    from .backends.cloud.base import CloudBackend as CloudBackend
    from .backends.cloud.gemini.backend import Gemini as Gemini
    from .backends.cloud.ollama.backend import Ollama as Ollama
    from .backends.cloud.openai.backend import OpenAI as OpenAI
    from .backends.cloud.prices import Price as Price
    from .backends.facts import BackendFacts as BackendFacts
    from .backends.local import LocalBackend as LocalBackend
    from .backends.middleware import Allowance as Allowance
    from .backends.middleware import Budget as Budget
    from .backends.middleware import Logging as Logging
    from .backends.middleware import Redaction as Redaction
    from .backends.middleware import ResponseCache as ResponseCache
    from .backends.middleware import Retry as Retry
    from .backends.middleware import Spent as Spent
    from .backends.middleware import Telemetry as Telemetry
    from .backends.middleware import TimeLimits as TimeLimits
    from .backends.middleware import observe_models as observe_models
    from .backends.router import Breaker as Breaker
    from .backends.router import ByCapability as ByCapability
    from .backends.router import Candidate as Candidate
    from .backends.router import Choice as Choice
    from .backends.router import CloudFirst as CloudFirst
    from .backends.router import Custom as Custom
    from .backends.router import Excluded as Excluded
    from .backends.router import Explanation as Explanation
    from .backends.router import Explicit as Explicit
    from .backends.router import LeastCost as LeastCost
    from .backends.router import LeastLatency as LeastLatency
    from .backends.router import LocalFirst as LocalFirst
    from .backends.router import LocalOnly as LocalOnly
    from .backends.router import Policy as Policy
    from .backends.router import RoundRobin as RoundRobin
    from .backends.router import Router as Router
    from .backends.stream import ChatStream as ChatStream
    from .chat import builtin as builtin
    from .chat.approvals import Approvals as Approvals
    from .chat.approvals import PendingCall as PendingCall
    from .chat.context import DropOldest as DropOldest
    from .chat.context import FailWhenFull as FailWhenFull
    from .chat.context import Summarize as Summarize
    from .chat.history import History as History
    from .chat.hooks import Change as Change
    from .chat.hooks import Deny as Deny
    from .chat.hooks import Hooks as Hooks
    from .chat.reply import Reply as Reply
    from .chat.reply import ToolDone as ToolDone
    from .chat.reply import ToolRun as ToolRun
    from .chat.reply import ToolStarted as ToolStarted
    from .chat.reply import TurnDone as TurnDone
    from .chat.session import Session as Session
    from .chat.tools import FunctionTool as FunctionTool
    from .chat.tools import Toolbox as Toolbox
    from .chat.tools import tool as tool
    from .chat.turn_stream import TurnStream as TurnStream
    from .errors import AllBackendsFailed as AllBackendsFailed
    from .errors import AuthenticationError as AuthenticationError
    from .errors import BrowserLLMError as BrowserLLMError
    from .errors import BudgetExceeded as BudgetExceeded
    from .errors import Cancelled as Cancelled
    from .errors import ContentFiltered as ContentFiltered
    from .errors import ContextExceeded as ContextExceeded
    from .errors import DeviceLost as DeviceLost
    from .errors import DownloadInterrupted as DownloadInterrupted
    from .errors import IntegrityError as IntegrityError
    from .errors import InternalError as InternalError
    from .errors import InvalidOutput as InvalidOutput
    from .errors import InvalidRequest as InvalidRequest
    from .errors import LoadFailed as LoadFailed
    from .errors import ModelNotDownloaded as ModelNotDownloaded
    from .errors import ModelNotFound as ModelNotFound
    from .errors import ModelNotLoaded as ModelNotLoaded
    from .errors import OutOfMemory as OutOfMemory
    from .errors import ProtocolError as ProtocolError
    from .errors import QueueFull as QueueFull
    from .errors import QuotaExceeded as QuotaExceeded
    from .errors import RateLimited as RateLimited
    from .errors import Stalled as Stalled
    from .errors import Timeout as Timeout
    from .errors import Unavailable as Unavailable
    from .errors import Unsupported as Unsupported
    from .models import Artifact as Artifact
    from .models import Catalog as Catalog
    from .models import EvictionPlan as EvictionPlan
    from .models import Fit as Fit
    from .models import LoadedModel as LoadedModel
    from .models import ModelCard as ModelCard
    from .models import ModelEntry as ModelEntry
    from .models import ModelEvent as ModelEvent
    from .models import ModelManager as ModelManager
    from .models import Reason as Reason
    from .models import Storage as Storage
    from .models import StoredModel as StoredModel
    from .models.downloads.download import Download as Download
    from .models.downloads.download import DownloadResult as DownloadResult
    from .models.recommend import Recommendation as Recommendation
    from .models.recommend import Tiers as Tiers
    from .openai_compat.client import AsyncClient as AsyncClient
    from .openai_compat.sync_client import Client as Client
    from .page.connect import connect as connect
    from .page.device import DeviceFacts as DeviceFacts
    from .page.environment import Environment as Environment
    from .page.host import Event as Event
    from .page.host import Host as Host
    from .page.host import Progress as Progress
    from .stores.base import KeyValueStore as KeyValueStore
    from .stores.memory import MemoryStore as MemoryStore
    from .stores.page import HostStore as HostStore
    from .stores.sqlite import SQLiteStore as SQLiteStore
    from .structured.generate import Generated as Generated
    from .structured.generate import ObjectStream as ObjectStream
    from .structured.generate import generate as generate
    from .structured.generate import stream_generate as stream_generate
    from .testing.backend import ScriptedBackend as ScriptedBackend
    from .testing.host import ScriptedHost as ScriptedHost
    from .testing.script import Clock as Clock
    from .types import AudioPart as AudioPart
    from .types import Capabilities as Capabilities
    from .types import ChatChunk as ChatChunk
    from .types import ChatDone as ChatDone
    from .types import ChatRequest as ChatRequest
    from .types import ChatResponse as ChatResponse
    from .types import ChatRestart as ChatRestart
    from .types import ChatStart as ChatStart
    from .types import ChatWarning as ChatWarning
    from .types import ContentPart as ContentPart
    from .types import Embeddings as Embeddings
    from .types import Health as Health
    from .types import Hop as Hop
    from .types import ImagePart as ImagePart
    from .types import Message as Message
    from .types import ModelInfo as ModelInfo
    from .types import ReasoningDelta as ReasoningDelta
    from .types import ReasoningPart as ReasoningPart
    from .types import TextDelta as TextDelta
    from .types import TextPart as TextPart
    from .types import Timings as Timings
    from .types import Tool as Tool
    from .types import ToolCallDelta as ToolCallDelta
    from .types import ToolCallPart as ToolCallPart
    from .types import ToolResultPart as ToolResultPart
    from .types import Usage as Usage

_MODULES = {
    "backends.base": "Backend Middleware",
    "chat.approvals": "Approvals PendingCall",
    "chat.hooks": "Change Deny Hooks",
    "structured.generate": "Generated ObjectStream generate stream_generate",
    "chat.context": "DropOldest FailWhenFull Summarize",
    "chat.history": "History",
    "chat.reply": "Reply ToolDone ToolRun ToolStarted TurnDone",
    "chat.session": "Session",
    "chat.tools": "FunctionTool Toolbox tool",
    "chat.turn_stream": "TurnStream",
    "backends.cloud.anthropic.backend": "Anthropic",
    "backends.cloud.base": "CloudBackend",
    "backends.cloud.gemini.backend": "Gemini",
    "_internal.http.client": "Timeouts",
    "backends.cloud.ollama.backend": "Ollama",
    "backends.cloud.openai.backend": "OpenAI",
    "backends.cloud.prices": "Price",
    "errors": """
        AllBackendsFailed AuthenticationError BrowserLLMError BudgetExceeded Cancelled ContentFiltered ContextExceeded
        DeviceLost DownloadInterrupted IntegrityError InternalError InvalidOutput InvalidRequest LoadFailed
        ModelNotDownloaded ModelNotFound ModelNotLoaded OutOfMemory ProtocolError QueueFull QuotaExceeded RateLimited
        Stalled Timeout Unavailable Unsupported
    """,
    "page.device": "DeviceFacts",
    "backends.facts": "BackendFacts",
    "page.environment": "Environment",
    "page.host": "Event Host Progress",
    "page.connect": "connect",
    "backends.local": "LocalBackend",
    "models": """
        Artifact Catalog EvictionPlan Fit LoadedModel ModelCard ModelEntry ModelEvent ModelManager Reason Storage
        StoredModel
    """,
    # Not with the others: a program that only loads and chats starts sooner without them.
    "models.downloads.download": "Download DownloadResult",
    "models.recommend": "Recommendation Tiers",
    "openai_compat.client": "AsyncClient",
    "openai_compat.sync_client": "Client",
    "backends.router": """
        Breaker ByCapability Candidate Choice CloudFirst Custom Excluded Explanation Explicit LeastCost LeastLatency
        LocalFirst LocalOnly Policy RoundRobin Router
    """,
    "backends.middleware": """
        Allowance Budget Logging Redaction ResponseCache Retry Spent Telemetry TimeLimits observe_models
    """,
    "testing.backend": "ScriptedBackend",
    "testing.host": "ScriptedHost",
    "testing.script": "Clock",
    "stores.sqlite": "SQLiteStore",
    "backends.stream": "ChatStream",
    "stores.base": "KeyValueStore",
    "stores.memory": "MemoryStore",
    "stores.page": "HostStore",
    "types": """
        AudioPart Capabilities ChatChunk ChatDone ChatRequest ChatResponse ChatRestart ChatStart ChatWarning ContentPart
        Embeddings Health Hop ImagePart Message ModelInfo ReasoningDelta ReasoningPart TextDelta TextPart Timings Tool
        ToolCallDelta ToolCallPart ToolResultPart Usage
    """,
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}
# Names that are packages: what they hold is used through them.
_PACKAGES = {"builtin": "chat.builtin"}

__all__ = list(_HOME | _PACKAGES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        value: Any = import_module(f".{_PACKAGES[name]}", __name__)
    elif name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return ["__version__", *__all__]
