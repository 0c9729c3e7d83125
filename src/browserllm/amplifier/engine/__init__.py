"""A kernel for Amplifier in pure Python, in the place of ``amplifier_core._engine``.

amplifier-core's own engine is a native library, which no page can load. Its Python files use only these names,
so the same sessions run in a page. Behaviour follows the native engine of amplifier-core 2.0.2: the same scenarios run
on both, and their events and results are equal. What a page cannot do (modules of WebAssembly or gRPC) raises
`NotImplementedError` with its name.
"""

from __future__ import annotations

from typing import Any, NoReturn

from . import names
from .cancellation import CancellationToken as RustCancellationToken
from .coordinator import Coordinator as RustCoordinator
from .hooks import HookRegistry as RustHookRegistry
from .names import *  # noqa: F403 (the constants of events and capabilities)
from .retry import ProviderError, RetryConfig, classify_error_message, compute_delay
from .session import Session as RustSession
from .tool_results import normalize_tool_result_content as _normalize_tool_result_content
from .tool_results import tool_result_safe_hook_presentation as _tool_result_safe_hook_presentation

RUST_AVAILABLE = False

__version__ = "2.0.2"


def _not_covered(name: str) -> Any:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(
            f"amplifier_core._engine.{name} is not available in this pure-Python engine; it needs the native library"
        )

    refused.__name__ = name
    return refused


load_and_mount_wasm = _not_covered("load_and_mount_wasm")
load_wasm_from_path = _not_covered("load_wasm_from_path")
resolve_module = _not_covered("resolve_module")
proto_chat_request_to_json = _not_covered("proto_chat_request_to_json")
json_to_proto_chat_response = _not_covered("json_to_proto_chat_response")

__all__ = [
    "RUST_AVAILABLE",
    "ProviderError",
    "RetryConfig",
    "RustCancellationToken",
    "RustCoordinator",
    "RustHookRegistry",
    "RustSession",
    "_normalize_tool_result_content",
    "_tool_result_safe_hook_presentation",
    "classify_error_message",
    "compute_delay",
    "json_to_proto_chat_response",
    "load_and_mount_wasm",
    "load_wasm_from_path",
    "proto_chat_request_to_json",
    "resolve_module",
]
__all__ += names.__all__
