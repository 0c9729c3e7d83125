"""The events of one call: ``llm:request`` and ``llm:response``, and between them the answer as it comes.

Streams follow Amplifier's contract for providers: ``llm:stream_block_start``, ``_delta`` and ``_end`` for each block of
text, thinking or tool use, and ``llm:stream_aborted`` if a stream that had begun breaks off.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from ..backends.split_characters import CharacterJoiner
from ..backends.stream import Delta
from ..errors import describe_error
from ..types import ChatChunk, ChatRestart, ReasoningDelta, TextDelta, ToolCallDelta


class Events:
    """Emits one call's events on a coordinator's hooks; without hooks it does nothing."""

    def __init__(self, hooks: Any, *, provider: str, model: str | None, streaming: bool) -> None:
        """``streaming=False`` leaves out the ``llm:stream_*`` events."""
        self._hooks = hooks
        self._named = {"provider": provider, "model": model}
        self._streaming = streaming and hooks is not None
        self._started_at = time.perf_counter()
        self._request_id = str(uuid.uuid4())
        self._block: tuple[str, int] | None = None
        self._blocks = 0
        self._sequence = 0
        self._halves = CharacterJoiner()

    async def emit(self, event: str, data: dict[str, Any]) -> None:
        """Emit an event with the provider's and the model's name."""
        if self._hooks is not None:
            await self._hooks.emit(event, {**self._named, **data})

    async def request(self, data: dict[str, Any]) -> None:
        """Tell that the request is sent."""
        await self.emit("llm:request", data)

    async def response(self, model: str | None, data: dict[str, Any]) -> None:
        """Tell that the answer is complete; ``model`` gave it."""
        await self.emit("llm:response", {"status": "ok", "duration_ms": self._elapsed_ms(), **data, "model": model})

    async def failure(self, error: BaseException) -> None:
        """Tell that the call failed, and that its stream breaks off if it had begun."""
        described = {"type": type(error).__name__, "msg": str(error) or describe_error(error)}
        if self._blocks:
            await self._stream("aborted", {"error": described})
        await self.emit("llm:response", {"status": "error", "duration_ms": self._elapsed_ms(), "error": described})

    async def chunk(self, chunk: ChatChunk) -> None:
        """Emit what a chunk of the answer adds."""
        if not self._streaming:
            return
        if isinstance(chunk, ChatRestart):
            await self._restart(chunk)
        elif isinstance(chunk, (TextDelta, ReasoningDelta)):
            await self._words(self._halves.join(chunk))
        elif isinstance(chunk, ToolCallDelta) and (chunk.name or self._block != ("tool_use", chunk.index)):
            await self._begin("tool_use", chunk.index, {"name": chunk.name or ""})

    async def end(self) -> None:
        """End the answer, and with it the last block."""
        for half in list(self._halves.rest()):
            await self._words(half)
        await self._end_block()

    async def _end_block(self) -> None:
        if self._block is not None:
            (kind, _), self._block = self._block, None
            await self._stream("block_end", {"block_index": self._blocks - 1, "block_type": kind})

    async def _words(self, delta: Delta) -> None:
        if isinstance(delta, ReasoningDelta):
            await self._text("thinking", 0, delta.reasoning)
        elif not isinstance(delta, ChatRestart | ToolCallDelta):
            await self._text("text", 0, delta if isinstance(delta, str) else delta.text)

    async def _text(self, kind: str, index: int, text: str) -> None:
        if not text:
            return
        if self._block != (kind, index):
            await self._begin(kind, index, {})
        where = {"block_index": self._blocks - 1, "block_type": kind, "sequence": self._sequence}
        await self._stream("block_delta", {**where, "text": text})
        self._sequence += 1

    async def _begin(self, kind: str, index: int, more: dict[str, Any]) -> None:
        if self._block == (kind, index):
            return
        await self._end_block()
        self._block = (kind, index)
        await self._stream("block_start", {"block_index": self._blocks, "block_type": kind, **more})
        self._blocks += 1
        self._sequence = 0

    async def _restart(self, chunk: ChatRestart) -> None:
        """Another backend answers from the start: what was streamed is void, and what comes has an id of its own."""
        if self._blocks:
            self._block = None
            await self._stream("aborted", {"error": {"type": chunk.hop.code or "restart", "msg": str(chunk.hop)}})
        self._request_id, self._blocks = str(uuid.uuid4()), 0
        self._halves = CharacterJoiner()

    async def _stream(self, name: str, data: dict[str, Any]) -> None:
        await self._hooks.emit(f"llm:stream_{name}", {"request_id": self._request_id, **data})

    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - self._started_at) * 1000)
