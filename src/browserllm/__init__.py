"""Language models in the browser, from Python.

Names are imported when they are first used, so that ``import browserllm`` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .backend import Backend as Backend
    from .backend import Middleware as Middleware
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
    from .chat.structured import Generated as Generated
    from .chat.structured import ObjectStream as ObjectStream
    from .chat.structured import generate as generate
    from .chat.structured import stream_generate as stream_generate
    from .chat.tools import FunctionTool as FunctionTool
    from .chat.tools import Toolbox as Toolbox
    from .chat.tools import tool as tool
    from .chat.turn_stream import TurnStream as TurnStream
    from .cloud.anthropic import Anthropic as Anthropic
    from .cloud.base import CloudBackend as CloudBackend
    from .cloud.gemini import Gemini as Gemini
    from .cloud.ollama import Ollama as Ollama
    from .cloud.openai import OpenAI as OpenAI
    from .cloud.prices import Price as Price
    from .device import DeviceFacts as DeviceFacts
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
    from .facts import BackendFacts as BackendFacts
    from .facts import Environment as Environment
    from .host import Event as Event
    from .host import Host as Host
    from .host import Progress as Progress
    from .hosts import connect as connect
    from .http.client import Timeouts as Timeouts
    from .local import LocalBackend as LocalBackend
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
    from .models.download import Download as Download
    from .models.download import DownloadResult as DownloadResult
    from .models.recommend import Recommendation as Recommendation
    from .models.recommend import Tiers as Tiers
    from .openai_api.client import AsyncClient as AsyncClient
    from .openai_api.sync_client import Client as Client
    from .routing import Breaker as Breaker
    from .routing import ByCapability as ByCapability
    from .routing import Candidate as Candidate
    from .routing import Choice as Choice
    from .routing import CloudFirst as CloudFirst
    from .routing import Custom as Custom
    from .routing import Excluded as Excluded
    from .routing import Explanation as Explanation
    from .routing import Explicit as Explicit
    from .routing import LeastCost as LeastCost
    from .routing import LeastLatency as LeastLatency
    from .routing import LocalFirst as LocalFirst
    from .routing import LocalOnly as LocalOnly
    from .routing import Policy as Policy
    from .routing import RoundRobin as RoundRobin
    from .routing import Router as Router
    from .routing.middleware import Allowance as Allowance
    from .routing.middleware import Budget as Budget
    from .routing.middleware import Logging as Logging
    from .routing.middleware import Redaction as Redaction
    from .routing.middleware import ResponseCache as ResponseCache
    from .routing.middleware import Retry as Retry
    from .routing.middleware import Spent as Spent
    from .routing.middleware import Telemetry as Telemetry
    from .routing.middleware import TimeLimits as TimeLimits
    from .routing.middleware import observe_models as observe_models
    from .scripted import Clock as Clock
    from .scripted import ScriptedBackend as ScriptedBackend
    from .scripted import ScriptedHost as ScriptedHost
    from .store import KeyValueStore as KeyValueStore
    from .store import MemoryStore as MemoryStore
    from .store_host import HostStore as HostStore
    from .store_sqlite import SQLiteStore as SQLiteStore
    from .stream import ChatStream as ChatStream
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
    "backend": "Backend Middleware",
    "chat.approvals": "Approvals PendingCall",
    "chat.hooks": "Change Deny Hooks",
    "chat.structured": "Generated ObjectStream generate stream_generate",
    "chat.context": "DropOldest FailWhenFull Summarize",
    "chat.history": "History",
    "chat.reply": "Reply ToolDone ToolRun ToolStarted TurnDone",
    "chat.session": "Session",
    "chat.tools": "FunctionTool Toolbox tool",
    "chat.turn_stream": "TurnStream",
    "cloud.anthropic": "Anthropic",
    "cloud.base": "CloudBackend",
    "cloud.gemini": "Gemini",
    "http.client": "Timeouts",
    "cloud.ollama": "Ollama",
    "cloud.openai": "OpenAI",
    "cloud.prices": "Price",
    "errors": """
        AllBackendsFailed AuthenticationError BrowserLLMError BudgetExceeded Cancelled ContentFiltered ContextExceeded
        DeviceLost DownloadInterrupted IntegrityError InternalError InvalidOutput InvalidRequest LoadFailed
        ModelNotDownloaded ModelNotFound ModelNotLoaded OutOfMemory ProtocolError QueueFull QuotaExceeded RateLimited
        Stalled Timeout Unavailable Unsupported
    """,
    "device": "DeviceFacts",
    "facts": "BackendFacts Environment",
    "host": "Event Host Progress",
    "hosts": "connect",
    "local": "LocalBackend",
    "models": """
        Artifact Catalog EvictionPlan Fit LoadedModel ModelCard ModelEntry ModelEvent ModelManager Reason Storage
        StoredModel
    """,
    # Not with the others: a program that only loads and chats starts sooner without them.
    "models.download": "Download DownloadResult",
    "models.recommend": "Recommendation Tiers",
    "openai_api.client": "AsyncClient",
    "openai_api.sync_client": "Client",
    "routing": """
        Breaker ByCapability Candidate Choice CloudFirst Custom Excluded Explanation Explicit LeastCost LeastLatency
        LocalFirst LocalOnly Policy RoundRobin Router
    """,
    "routing.middleware": """
        Allowance Budget Logging Redaction ResponseCache Retry Spent Telemetry TimeLimits observe_models
    """,
    "scripted": "Clock ScriptedBackend ScriptedHost",
    "store_sqlite": "SQLiteStore",
    "stream": "ChatStream",
    "store": "KeyValueStore MemoryStore",
    "store_host": "HostStore",
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
