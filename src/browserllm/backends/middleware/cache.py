"""ResponseCache: answer a repeated request from a store, without asking the backend again."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import msgspec
from msgspec.structs import replace

from ..._internal.identity import identity_of
from ..._internal.nesting import decode_json
from ...errors import BrowserLLMError, InvalidRequest
from ...stores.base import KeyValueStore, check_store
from ...stores.memory import MemoryStore
from ...types import (
    ChatRequest,
    ChatRestart,
    ChatWarning,
    Hop,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
)
from ..base import Backend, Middleware
from ..draft import AnswerRecord, Draft
from ..router.checks import check, check_above_0
from ..stream import Delta

Piece = str | TextDelta | ReasoningDelta | ToolCallDelta

FORMAT = 3
"""Part of every key: entries of another format are not found, and are evicted as they age."""

NOT_IN_THE_KEY = frozenset({"metadata", "deadline_s", "private"})
"""Request fields that do not affect the answer. ``metadata`` that does is part of a backend's identity."""

SALT_BYTES = 32

MODES = ("use", "refresh", "skip")
WHOLE = ("stop", "length", "tool_calls")


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was received."""

    pieces: list[Piece]
    recorded: AnswerRecord


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's size in bytes, and when it was created and last used, in seconds since 1970."""

    size_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    made_s: float
    used_s: float


class ResponseCache(Middleware):
    """Answers repeated requests from a store, free of charge; the route shows it.

    Two requests are the same if they agree in everything that affects the answer: every field but `NOT_IN_THE_KEY`, and
    the backend's identity (see `Backend.identity`): its address, model, API key, headers, and what it adds to each
    request. A custom backend without an identity shares answers with no other, and loses them at a restart.

    By default only requests with ``temperature=0`` or a ``seed`` are looked up and kept, since their answers should be
    the same each time. ``metadata={"cache": "use"}`` does so for any other request, ``"refresh"`` asks the backend and
    keeps the new answer, ``"skip"`` does neither. Only complete answers are kept, not cancelled, failed or filtered
    ones. The answer to a private request is kept only in memory (a `MemoryStore`), unless ``keep_private`` is set:
    other stores keep answers in plain text. Of the request a store gets only a hash, keyed with a random salt that is
    stored there.

    An answer is replayed in its original pieces. Two equal requests at the same moment are both sent: if they shared
    one answer, one caller's stop or failure would end the other's.
    """

    identity = Middleware.identity

    def __init__(
        self,
        backend: Backend,
        *,
        store: KeyValueStore | None = None,
        max_age_s: float | None = None,
        max_entries: int = 1000,
        max_bytes: int = 16 * 1024 * 1024,
        keep_private: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Keep answers in ``store``, by default in memory, for ``max_age_s`` seconds (``None``: forever).

        Beyond ``max_entries`` or ``max_bytes``, the least recently used answers are dropped. The caller closes the
        store. ``keep_private=True`` keeps the answers of private requests in any store, in plain text. ``now`` returns
        the time of day in seconds since 1970. Raises `InvalidRequest` for a limit that is not above 0.
        """
        super().__init__(backend)
        check_above_0(max_age_s=max_age_s, max_entries=max_entries, max_bytes=max_bytes)
        if store is not None:
            check_store(store)
        self.max_age_s = max_age_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.keep_private = keep_private
        self._store = MemoryStore() if store is None else store
        self._now = now
        self._salt = b""
        self._salt_kept = False

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer from the store, or ask the backend and keep its answer."""
        mode = request.metadata.get("cache")
        check('metadata["cache"]', mode, mode is None or mode in MODES, f"one of {', '.join(MODES)}")
        if mode is None:
            mode = "use" if request.temperature == 0 or request.seed is not None else "skip"
        if mode == "skip":
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        try:
            await self._read_salt()
        except BrowserLLMError as error:
            draft.warn("cache", f"the cache could not be read: {error}")
        salt = self._salt
        key = await self._key(request, salt)
        entry = await self._find(key, draft) if mode == "use" else None
        if entry is not None:
            for piece in self._replay(entry, draft):
                yield piece
            return
        # Any other store, a subclass of MemoryStore too, may write to a disk.
        keep = not request.private or self.keep_private or type(self._store) is MemoryStore
        pieces: list[Piece] = []
        warned = len(draft.warnings)
        async with aclosing(self.backend.generate(request, draft)) as deltas:
            async for delta in deltas:
                if isinstance(delta, ChatRestart):
                    pieces.clear()
                elif keep:
                    pieces.append(delta)
                yield delta
        if keep and not draft.stopped and draft.finish_reason in WHOLE:
            await self._keep(key, salt, pieces, draft, draft.warnings[warned:])

    async def clear(self) -> None:
        """Forget every answer."""
        self._salt, self._salt_kept = b"", False
        await self._store.clear("cache/")

    async def _key(self, request: ChatRequest, salt: bytes) -> str:
        """Return a keyed hash of everything that affects the answer."""

        def hashed(secret: str) -> str:
            return _hash(salt, b"secret/" + secret.encode("utf-8", "surrogatepass"))

        known = await self.backend.facts(request) if request.model is None else None
        identity = identity_of(self.backend, request, hashed)
        # From the struct's own list, so that no new field is forgotten.
        fields = {name: getattr(request, name) for name in request.__struct_fields__ if name not in NOT_IN_THE_KEY}
        whole = (FORMAT, identity, None if known is None else known.model, fields)
        try:
            # In the caller's order: a model fills in a schema's properties in that order.
            return _hash(salt, msgspec.json.encode(msgspec.to_builtins(whole, str_keys=True)))
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                f"the identity of {self.backend.name!r} cannot be written as JSON ({error}); "
                "return strings, numbers, lists and dicts from identity()"
            ) from error

    async def _read_salt(self) -> bytes | None:
        """Take the store's salt, and return what was stored; a store without one gets a salt with the first answer."""
        if self._salt_kept:
            return self._salt
        self._salt = self._salt or os.urandom(SALT_BYTES)
        salt = await self._store.get("cache/salt")
        if salt is not None and len(salt) == SALT_BYTES:
            self._salt, self._salt_kept = salt, True
        return salt

    async def _find(self, key: str, draft: Draft) -> _Entry | None:
        """Return the answer if it is stored, intact and not too old. If the store fails, warn: asking again is safe."""
        try:
            raw, answer = await self._store.get(f"cache/about/{key}"), await self._store.get(f"cache/answer/{key}")
            if raw is None or answer is None:
                return None
            now = self._now()
            about, entry = _read(raw, _About), _read(answer, _Entry)
            # An entry from the future was created with a wrong clock: its age is unknown.
            age_s = 0.0 if about is None else now - about.made_s
            if (
                about is None
                or entry is None
                or about.size_bytes != len(answer)
                or entry.recorded.finish_reason not in WHOLE
                or not (age_s >= 0 and (self.max_age_s is None or age_s < self.max_age_s))
            ):
                await self._forget(key)
                return None
            await self._store.put(f"cache/about/{key}", msgspec.json.encode(replace(about, used_s=now)))
        except BrowserLLMError as error:
            draft.warn("cache", f"the cache could not be read: {error}")
            return None
        return entry

    def _replay(self, entry: _Entry, draft: Draft) -> list[Piece]:
        recorded = entry.recorded
        reason = "the same request was answered before"
        draft.route.append(Hop(reason=reason, code="cached", backend=self.name, model=recorded.model))
        draft.restore(replace(recorded, warnings=[*draft.warnings, *recorded.warnings]))
        return entry.pieces

    async def _keep(
        self,
        key: str,
        salt: bytes,
        pieces: list[Piece],
        draft: Draft,
        warnings: list[ChatWarning],
    ) -> None:
        # Without what applies only to the original answer.
        recorded = replace(
            draft.snapshot(), cost_usd=0.0, timings=Timings(), provider_request_id=None, warnings=warnings
        )
        entry = _Entry(pieces=pieces, recorded=recorded)
        answer = msgspec.json.encode(entry)
        if len(answer) > self.max_bytes:
            return
        now = self._now()
        about = _About(size_bytes=len(answer), made_s=now, used_s=now)
        try:
            there = await self._read_salt()
            if not self._salt_kept:
                # Of two programs that start at the same moment, one stores the salt and the other takes it.
                await self._store.swap("cache/salt", there, self._salt)
                await self._read_salt()
            if self._salt != salt:
                return  # another program stored its salt meanwhile, so this key is not valid there
            await self._make_room(key, len(answer))
            # In this order: an interruption leaves a record without an answer, which is counted and evicted in time.
            await self._store.put(f"cache/about/{key}", msgspec.json.encode(about))
            await self._store.put(f"cache/answer/{key}", answer)
        except BrowserLLMError as error:
            draft.warn("cache", f"the answer could not be cached: {error}")

    async def _make_room(self, key: str, size_bytes: int) -> None:
        """Drop the least recently used answers until one more fits. The store itself is the list of entries."""
        now = self._now()
        others: list[tuple[float, int, str]] = []
        for name, raw in await self._store.items("cache/about/"):
            other = name.removeprefix("cache/about/")
            if other == key:
                continue
            about = _read(raw, _About)
            if about is None:
                await self._forget(other)
                continue
            # A last use in the future comes from a wrong clock: it counts as now, or the entry would stay forever.
            others.append((min(about.used_s, now), about.size_bytes, other))
        others.sort(reverse=True)
        total_bytes = size_bytes + sum(size for _, size, _ in others)
        while others and (len(others) >= self.max_entries or total_bytes > self.max_bytes):
            _, size, other = others.pop()
            total_bytes -= size
            await self._forget(other)

    async def _forget(self, key: str) -> None:
        await self._store.delete(f"cache/answer/{key}")
        await self._store.delete(f"cache/about/{key}")


Struct = TypeVar("Struct", _Entry, _About)


def _read(raw: bytes, kind: type[Struct]) -> Struct | None:
    """Return the decoded entry, or ``None`` if it is damaged."""
    try:
        return decode_json(raw, kind)
    except (ValueError, RecursionError):
        return None


def _hash(salt: bytes, text: bytes) -> str:
    import hashlib
    import hmac

    return hmac.new(salt, text, hashlib.sha256).hexdigest()
