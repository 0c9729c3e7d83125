"""Functions for Python in a page that was written to ``js_llm_complete`` and ``js_llm_complete_streaming``.

Both take a request as JSON, in the form of OpenAI's chat completions (or its list of messages alone), and return the
answer as JSON in that form. The streaming one also calls back with ``{"type": "delta", "content": ...}`` as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from ..backends.base import Backend
from ..errors import InvalidRequest
from ..openai_compat.requests import read_request
from ..openai_compat.responses import completion_of
from ..types import TextDelta


class Bridge:
    """The two functions over a backend, which the caller closes."""

    def __init__(self, backend: Backend) -> None:
        """Ask ``backend``."""
        self._backend = backend

    async def complete(self, request: str, tools: str | None = None) -> str:
        """Answer a request; ``tools`` are its tools as JSON, if they are not in it."""
        return await self._answer(request, tools, lambda text: None)

    async def complete_streaming(self, request: str, on_chunk: Callable[[str], Any]) -> str:
        """Answer a request, and call ``on_chunk`` with each piece of text."""
        return await self._answer(request, None, on_chunk)

    async def _answer(self, request: str, tools: str | None, on_chunk: Callable[[str], Any]) -> str:
        read = read_request(_read(request, tools))
        async with self._backend.stream(read.request) as stream:
            async for chunk in stream:
                if isinstance(chunk, TextDelta):
                    on_chunk(json.dumps({"type": "delta", "content": chunk.text}))
            response = await stream.finish()
        return json.dumps(completion_of(response, warnings=read.warnings).to_dict())


def install_bridge(backend: Backend) -> None:
    """Let ``from js import js_llm_complete, js_llm_complete_streaming`` work in this page, over ``backend``."""
    bridge = Bridge(backend)
    js: Any = import_module("js")
    js.js_llm_complete = bridge.complete
    js.js_llm_complete_streaming = bridge.complete_streaming


def _read(request: str, tools: str | None) -> dict[str, Any]:
    try:
        given: Any = json.loads(request)
        more: Any = {"tools": json.loads(tools)} if tools else {}
    except ValueError as error:
        raise InvalidRequest(f"the request is not JSON: {error}", parameter="request") from error
    return {**cast("dict[str, Any]", {"messages": given} if isinstance(given, list) else given), **more}
