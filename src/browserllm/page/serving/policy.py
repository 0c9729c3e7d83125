"""What a page of ours may load and talk to: the Content-Security-Policy of each, and why.

Workers have the policy of the answer that their script came with, so the servers here send it with every file. A site
that `browserllm build` wrote is served by others: its pages carry the same policy in a meta tag, without
``frame-ancestors``, which is not allowed there (the pages refuse to run in a frame themselves), and their workers have
what the server sends.
"""

from __future__ import annotations

from collections.abc import Iterable

# Scripts come from the site alone. WebAssembly is compiled from bytes, and ONNX Runtime's threads and loader begin at
# blob: addresses. Nothing is ever evaluated from a text.
_BASE = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval' blob:",
    "worker-src": "'self' blob:",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}

# Models and clouds over https, and servers on this device. No WebSocket: nobody outside can drive an engine.
_CHAT_TARGETS = "'self' data: blob: https: http://localhost:* http://127.0.0.1:*"

# Python says what its browser fetches, from wherever it could itself; the one WebSocket goes back to Python.
_HOST_TARGETS = "'self' data: blob: https: http:"

_NO_FRAMES = {"frame-ancestors": "'none'"}


def meta_policy() -> str:
    """Return the policy of a built page, for its meta tag."""
    return _join({**_BASE, "connect-src": _CHAT_TARGETS})


def chat_policy() -> str:
    """Return the policy of the chat page, for its server's headers."""
    return _join({**_BASE, "connect-src": _CHAT_TARGETS, **_NO_FRAMES})


def host_policy(hosts: Iterable[str]) -> str:
    """Return the policy of the page in a launched browser; its socket is one of ``hosts``, as the page's address is."""
    sockets = [f"ws://{host}" for host in sorted(hosts)]
    return _join({**_BASE, "connect-src": " ".join([_HOST_TARGETS, *sockets]), **_NO_FRAMES})


def _join(directives: dict[str, str]) -> str:
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())
