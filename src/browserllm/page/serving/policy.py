"""The Content-Security-Policy of each of our pages, and why.

A worker has the policy of the response with its script, so the servers here send it with every file. Other servers
serve a site built with `browserllm build`: its pages have the same policy in a meta tag, without ``frame-ancestors``,
which is not allowed there (the pages refuse to run in a frame themselves), and their workers have the policy that the
server sends. The page that a notebook shows in a frame has that policy in any case: notebooks are at all kinds of
origins, and a key says which may frame it.
"""

from __future__ import annotations

from collections.abc import Iterable

# Scripts only come from the site. WebAssembly is compiled from bytes, and ONNX Runtime's threads and loader start from
# blob: URLs. No text is ever evaluated.
_BASE = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval' blob:",
    "worker-src": "'self' blob:",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}

# Models and clouds over https, and servers on this device. No WebSocket, so that no other program can drive an engine.
_CHAT_TARGETS = "'self' data: blob: https: http://localhost:* http://127.0.0.1:*"

# Python decides what its browser fetches, and could fetch it itself; the only WebSocket goes back to Python.
_HOST_TARGETS = "'self' data: blob: https: http:"

_NO_FRAMES = {"frame-ancestors": "'none'"}


def meta_policy() -> str:
    """Return the policy of a built page, for its meta tag."""
    return _join({**_BASE, "connect-src": _CHAT_TARGETS})


def chat_policy(hosts: Iterable[str] = ()) -> str:
    """Return the policy of the app, for its server's headers; ``hosts``: its Python is behind a WebSocket there."""
    return _join({**_BASE, "connect-src": " ".join([_CHAT_TARGETS, *_sockets(hosts)]), **_NO_FRAMES})


def host_policy(hosts: Iterable[str]) -> str:
    """Return the policy of the page in a launched browser; the page and its WebSocket use one of ``hosts``."""
    return _join({**_BASE, "connect-src": " ".join([_HOST_TARGETS, *_sockets(hosts)]), **_NO_FRAMES})


def _sockets(hosts: Iterable[str]) -> list[str]:
    return [f"ws://{host}" for host in sorted(hosts)]


def _join(directives: dict[str, str]) -> str:
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())
