"""ResponseCache: the same question again gets the same answer, without asking again."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from ...backend import Backend, Middleware
from ...errors import BrowserLLMError
from ...store import KeyValueStore, MemoryStore
from ...stream import Delta, Draft
from ...types import (
    ChatRequest,
    ChatRestart,
    ChatWarning,
    FinishReason,
    Hop,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from ..checks import check, check_above_0

Piece = str | TextDelta | ReasoningDelta | ToolCallDelta

FORMAT = 1
"""Part of every key: entries of another format are not found, and go as they get old."""

MODES = ("use", "refresh", "skip")


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it came."""

    pieces: list[Piece]
    finish_reason: FinishReason
    backend: str
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    adapter: str | None = None
    usage: Usage = Usage()
    warnings: list[ChatWarning] = []


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's size in bytes, and when it was made and last used, in seconds since 1970."""

    size_bytes: int
    made_s: float
    used_s: float


class ResponseCache(Middleware):
    """Answers a request that was answered before from a store; the route says so, and it costs nothing.

    Two requests are the same when everything that makes an answer is: messages, model, options and tools, but not
    ``metadata``, ``deadline_s`` and ``private``. Only a request whose answer is meant to be the same each time is
    looked up and kept: ``temperature=0`` or a ``seed``. ``metadata={"cache": "use"}`` says so of any other,
    ``"refresh"`` asks anew and keeps the new answer, ``"skip"`` does neither. Only whole answers are kept: no
    cancelled, failed or filtered one. A private request is kept like any other, for every store stays on the device.

    Answers come back in the pieces in which they once came. Two that are asked at the same moment are asked
    twice: to share one would let the one caller's stop or failure end the other one's answer.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        store: KeyValueStore | None = None,
        max_age_s: float | None = None,
        max_entries: int = 1000,
        max_bytes: int = 16 * 1024 * 1024,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Keep answers in ``store``, by default in memory, for ``max_age_s`` seconds (``None``: for good).

        Of more than ``max_entries`` or ``max_bytes``, those go that were not used for the longest time. The store stays
        the caller's to close. ``now`` is the time of day in seconds since 1970. Raises `InvalidRequest` for a limit
        that is not above 0.
        """
        super().__init__(backend)
        check_above_0(max_age_s=max_age_s, max_entries=max_entries, max_bytes=max_bytes)
        self.max_age_s = max_age_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._store = store or MemoryStore()
        self._now = now

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer from the store, or ask and keep the answer."""
        mode = request.metadata.get("cache")
        check('metadata["cache"]', mode, mode is None or mode in MODES, f"one of {', '.join(MODES)}")
        if mode is None:
            mode = "use" if request.temperature == 0 or request.seed is not None else "skip"
        key = "" if mode == "skip" else await self._key(request)
        entry = await self._find(key, draft) if mode == "use" else None
        if entry is not None:
            for piece in self._replay(entry, draft):
                yield piece
            return
        pieces: list[Piece] = []
        warned = len(draft.warnings)
        async with aclosing(self.backend.generate(request, draft)) as deltas:
            async for delta in deltas:
                if isinstance(delta, ChatRestart):
                    pieces.clear()
                elif key:
                    pieces.append(delta)
                yield delta
        if key and not draft.stopped and draft.finish_reason in {"stop", "length", "tool_calls"}:
            await self._keep(key, pieces, draft, draft.warnings[warned:])

    async def clear(self) -> None:
        """Forget every answer."""
        await self._store.clear("cache/")

    async def _key(self, request: ChatRequest) -> str:
        """A name for everything that makes the answer, the backend and the model that it would take included."""
        import hashlib

        facts = await self.backend.facts(request) if request.model is None else None
        same = replace(request, metadata={}, deadline_s=None, private=False)
        whole = (FORMAT, self.backend.name, None if facts is None else facts.model, same)
        return hashlib.sha256(msgspec.json.encode(whole, order="deterministic")).hexdigest()

    async def _find(self, key: str, draft: Draft) -> _Entry | None:
        """The answer, if it is there, whole, and not too old. A store that fails is a warning: asking anew is safe."""
        try:
            raw, answer = await self._store.get(f"cache/about/{key}"), await self._store.get(f"cache/answer/{key}")
            if raw is None or answer is None:
                return None
            now = self._now()
            try:
                about = msgspec.json.decode(raw, type=_About)
                entry = msgspec.json.decode(answer, type=_Entry)
            except msgspec.DecodeError:
                about = entry = None
            # What was made in the future was made by a clock that went wrong: nobody knows how old it is.
            age_s = 0.0 if about is None else now - about.made_s
            if about is None or entry is None or age_s < 0 or (self.max_age_s is not None and age_s >= self.max_age_s):
                await self._forget(key)
                return None
            await self._store.put(f"cache/about/{key}", msgspec.json.encode(replace(about, used_s=now)))
        except BrowserLLMError as error:
            draft.warn("cache", f"the cache could not be read: {error}")
            return None
        return entry

    def _replay(self, entry: _Entry, draft: Draft) -> list[Piece]:
        asked = Hop(reason="the same request was answered before", code="cached", backend=self.name, model=entry.model)
        draft.route.append(asked)
        draft.backend, draft.model, draft.engine = entry.backend, entry.model, entry.engine
        draft.device, draft.adapter = entry.device, entry.adapter
        draft.usage, draft.finish_reason, draft.cost_usd = entry.usage, entry.finish_reason, 0.0
        draft.warnings.extend(entry.warnings)
        return entry.pieces

    async def _keep(
        self,
        key: str,
        pieces: list[Piece],
        draft: Draft,
        warnings: list[ChatWarning],
    ) -> None:
        entry = _Entry(
            pieces=pieces,
            finish_reason=draft.finish_reason,
            backend=draft.backend,
            model=draft.model,
            engine=draft.engine,
            device=draft.device,
            adapter=draft.adapter,
            usage=draft.usage,
            warnings=warnings,
        )
        answer = msgspec.json.encode(entry)
        if len(answer) > self.max_bytes:
            return
        now = self._now()
        about = _About(size_bytes=len(answer), made_s=now, used_s=now)
        try:
            await self._make_room(key, len(answer))
            # In this order: what breaks off in between leaves a word about nothing, which is counted and goes in time.
            await self._store.put(f"cache/about/{key}", msgspec.json.encode(about))
            await self._store.put(f"cache/answer/{key}", answer)
        except BrowserLLMError as error:
            draft.warn("cache", f"the answer could not be kept: {error}")

    async def _make_room(self, key: str, size_bytes: int) -> None:
        """Forget what was not used for the longest time, until one more fits. What is there is what the store says."""
        others: list[tuple[float, int, str]] = []
        for name, raw in await self._store.items("cache/about/"):
            other = name.removeprefix("cache/about/")
            if other == key:
                continue
            try:
                about = msgspec.json.decode(raw, type=_About)
            except msgspec.DecodeError:
                await self._forget(other)
                continue
            others.append((about.used_s, about.size_bytes, other))
        others.sort(reverse=True)
        total_bytes = size_bytes + sum(size for _, size, _ in others)
        while others and (len(others) >= self.max_entries or total_bytes > self.max_bytes):
            _, size, other = others.pop()
            total_bytes -= size
            await self._forget(other)

    async def _forget(self, key: str) -> None:
        await self._store.delete(f"cache/answer/{key}")
        await self._store.delete(f"cache/about/{key}")
