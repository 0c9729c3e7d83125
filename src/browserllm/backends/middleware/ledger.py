"""The count behind a `Budget`: what was spent on each day, and what is set aside, by all programs that share a store.

A day is one value in the store. It is read, changed and swapped back; if another program was faster, all of that begins
anew. So what is set aside was checked against the very count that it is added to, whoever counts at the same time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from math import isfinite
from typing import TypeVar
from weakref import WeakKeyDictionary

import msgspec

from ..._internal import lazy_asyncio as asyncio
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.nesting import decode_json
from ...errors import InternalError, InvalidRequest, Unavailable
from ...stores.base import KeyValueStore

T = TypeVar("T")

KEPT_DAYS = 7
"""For how many days the count is kept."""

RESERVATION_S = 3600.0
"""How long what was set aside stays so without a word from its program, which is taken for dead then."""

MAX_USD = 1e9
MAX_TOKENS = 10**15
"""No count is larger: one that says so was not written by us."""

MAX_SWAPS = 1000
"""How often a change is tried anew because another program was faster."""


class Spent(msgspec.Struct, kw_only=True):
    """What was spent. ``reserved_*`` is what running answers are expected to cost, on top of that."""

    usd: float = 0.0
    tokens: int = 0
    reserved_usd: float = 0.0
    reserved_tokens: int = 0

    def add(self, other: Spent) -> None:
        """Count ``other`` as well."""
        self.usd += other.usd
        self.tokens += other.tokens
        self.reserved_usd += other.reserved_usd
        self.reserved_tokens += other.reserved_tokens


class _Held(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request has set aside, and when: by the time of day, and by the clock that nobody sets."""

    usd: float
    tokens: int
    at_s: float
    steady_s: float


# Nothing has a default here: what is missing would count as zero.
class _Day(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    usd: float
    tokens: int
    held: dict[str, _Held]


class _Former(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One program's entry, as they were written when each program had its own."""

    usd: float
    tokens: int
    reserved_usd: float
    reserved_tokens: int


class _Live(msgspec.Struct):
    """A reservation of ours whose answer is under way."""

    day: str
    held: _Held


class _Settled(msgspec.Struct):
    """What an answer did cost, until that is in the store. ``tried`` says that it may be there already."""

    day: str
    usd: float
    tokens: int
    tried: bool = False


class Ledger:
    """Counts what is spent on each day in a store, under ``prefix``.

    The day is the latest one that anything was counted on: a clock that is set back does not bring an older day's
    allowance back. A count that is smaller than one that was seen before is not believed either.
    """

    def __init__(
        self,
        store: KeyValueStore,
        prefix: str,
        today: Callable[[], date],
        now: Callable[[], float] = time.time,
        clock: AnyClock | None = None,
    ) -> None:
        """Count in ``store``; ``now`` is the time of day in seconds since 1970."""
        if not hasattr(store, "swap"):
            raise InvalidRequest(
                f"store={store!r} has no method swap(), without which programs cannot count together; see "
                "KeyValueStore",
                parameter="store",
            )
        self._store = store
        self._prefix = prefix
        self._today = today
        self._now = now
        self._clock = clock or SystemClock()
        self._process = os.getpid()
        self._live: dict[str, _Live] = {}
        self._settled: dict[str, _Settled] = {}
        # The largest count of each day that was read or written.
        self._seen: dict[str, tuple[float, int]] = {}
        self._latest = ""
        self._known: tuple[str, Spent] | None = None
        self._cleaned = ""
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @property
    def known(self) -> Spent | None:
        """The day's count as it was last read; ``None`` when it was not yet read on this day."""
        if self._known is None or self._known[0] != max(self._today().isoformat(), self._latest):
            return None
        return self._known[1]

    def ahead(self) -> str:
        """Say so when the day that counts is after today, and what to do; else nothing."""
        today = self._today().isoformat()
        if self._latest <= today:
            return ""
        return (
            f" (the latest day that was counted is {self._latest}, and today is {today}: a clock was ahead, or is "
            f"behind; set it right, or delete {self._key(self._latest)!r} from the store if that day never was)"
        )

    async def read(self) -> Spent:
        """Return the day's count, as it stands in the store now."""
        self._leave_to_parent()
        entries = await self._entries()
        day = self._day_of(entries)
        _, record, former = self._read_day(entries, day)
        self._bring_up_to_date(day, record)
        return self._note(day, record, former)

    async def reserve(self, name: str, usd: float, tokens: int, refusal: Callable[[Spent], str]) -> str:
        """Set an amount aside under ``name``, unless ``refusal`` says why not; return what it says."""
        self._leave_to_parent()
        live: _Live | None = None

        def add(day: str, record: _Day, total: Spent) -> str:
            nonlocal live
            live = None
            if reason := refusal(total):
                return reason
            live = _Live(day, _Held(usd=usd, tokens=tokens, at_s=self._now(), steady_s=self._clock.now_s))
            record.held[name] = live.held
            return ""

        try:
            reason = await self._change(None, add)
        except BaseException:
            # It may have been written down all the same: then it is given back with the next change.
            if live is not None:
                self._settled[name] = _Settled(live.day, 0.0, 0)
            raise
        if live is not None:
            self._live[name] = live
        return reason

    async def renew(self, name: str) -> None:
        """Say that an answer is still under way; worth a call now and then, and done when it is time."""
        self._leave_to_parent()
        live = self._live.get(name)
        if live is None:
            return  # of the parent
        if self._clock.now_s - live.held.steady_s < RESERVATION_S / 2:
            return
        at = {"at_s": self._now(), "steady_s": self._clock.now_s}
        live.held = msgspec.structs.replace(live.held, **at)
        await self._change(live.day, _nothing)

    async def settle(self, name: str, usd: float, tokens: int) -> None:
        """Count what an answer did cost in place of what was set aside for it, on the day it began.

        Raises what the store raises; it counts here all the same, and is written down with the next change.
        """
        self._leave_to_parent()
        live = self._live.pop(name, None)
        if live is None:
            return  # of the parent
        self._settled[name] = _Settled(live.day, min(usd, MAX_USD), min(tokens, MAX_TOKENS))
        await self._change(live.day, _nothing)

    # Inside

    async def _change(self, day: str | None, change: Callable[[str, _Day, Spent], str]) -> str:
        """Change a day's record, by default that of today, together with whatever else is to be written there."""
        self._leave_to_parent()
        async with self._turn():
            for _ in range(MAX_SWAPS):
                entries = await self._entries()
                on = day or self._day_of(entries)
                before, record, former = self._read_day(entries, on)
                settled = self._bring_up_to_date(on, record)
                said = change(on, record, _sum(record, former))
                after = msgspec.json.encode(record)
                # A refusal writes as well where something has expired, or the next one would find it again.
                if after == before or (before is None and not (record.held or record.usd or record.tokens)):
                    self._note(on, record, former)
                    return said
                for each in settled:
                    each.tried = True
                if await self._store.swap(self._key(on), before, after):
                    self._settled = {
                        name: each for name, each in self._settled.items() if not any(each is one for one in settled)
                    }
                    self._seen[on] = record.usd, record.tokens
                    self._note(on, record, former)
                    return said
                for each in settled:
                    each.tried = False
        raise Unavailable(
            f"the count of a budget changed {MAX_SWAPS} times while it was to be changed here; nothing was sent, "
            "try again later",
            reason="blocked",
        )

    def _leave_to_parent(self) -> None:
        """In a fork, forget what is under way: the parent sets it aside and counts it."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._live, self._settled = {}, {}
            self._turns = WeakKeyDictionary()

    def _turn(self) -> asyncio.Lock:
        """Let the requests of one loop change the count one after the other, not race each other."""
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def _entries(self) -> dict[str, dict[str, bytes]]:
        """Return what the store has: by day, then by key. Days that are long over are forgotten."""
        entries: dict[str, dict[str, bytes]] = {}
        for key, value in await self._store.items(self._prefix):
            day = key.removeprefix(self._prefix).partition("/")[0]
            if not _is_day(day):
                raise _broken(key, f"{day!r} is no day")
            entries.setdefault(day, {})[key] = value
        latest = self._day_of(entries)
        if self._cleaned != latest:
            oldest = (date.fromisoformat(latest) - timedelta(days=KEPT_DAYS)).isoformat()
            for day in [day for day in entries if day < oldest]:
                for key in entries.pop(day):
                    await self._store.delete(key)
            self._seen = {day: seen for day, seen in self._seen.items() if day >= oldest}
            self._cleaned = latest
        return entries

    def _day_of(self, entries: Mapping[str, object]) -> str:
        self._latest = max(self._latest, *entries) if entries else self._latest
        return max(self._today().isoformat(), self._latest)

    def _read_day(self, entries: Mapping[str, Mapping[str, bytes]], day: str) -> tuple[bytes | None, _Day, Spent]:
        """Return a day's value, what it says, and what programs that had entries of their own have counted."""
        former = Spent()
        values = dict(entries.get(day, {}))
        value = values.pop(self._key(day), None)
        for key, each in values.items():
            own = _decode(key, each, _Former)
            _check(key, own.usd, own.tokens)
            # Sums of what was set aside and given back are not exact.
            _check(
                key, max(own.reserved_usd, 0.0) if own.reserved_usd > -1e-6 else own.reserved_usd, own.reserved_tokens
            )
            former.add(Spent(usd=own.usd + max(own.reserved_usd, 0.0), tokens=own.tokens + own.reserved_tokens))
        if value is None:
            return None, _Day(usd=0.0, tokens=0, held={}), former
        record = _decode(self._key(day), value, _Day)
        _check(self._key(day), record.usd, record.tokens)
        for held in record.held.values():
            _check(self._key(day), held.usd, held.tokens)
            if not (isfinite(held.at_s) and isfinite(held.steady_s)):
                raise _broken(self._key(day), f"{held.at_s!r}, {held.steady_s!r} are no times")
        return value, record, former

    def _bring_up_to_date(self, day: str, record: _Day) -> list[_Settled]:
        """Put into a record what is known here; return what of it is to be in the store from now on."""
        # What is spent only grows: a smaller count is one of before, or somebody's invention.
        usd, tokens = self._seen.get(day, (0.0, 0))
        record.usd, record.tokens = max(record.usd, usd), max(record.tokens, tokens)
        self._seen[day] = record.usd, record.tokens
        settled: list[_Settled] = []
        for name, each in self._settled.items():
            if each.day != day:
                continue
            settled.append(each)
            if record.held.pop(name, None) is not None or not each.tried:
                record.usd = min(record.usd + each.usd, MAX_USD)
                record.tokens = min(record.tokens + each.tokens, MAX_TOKENS)
        record.held.update({name: live.held for name, live in self._live.items() if live.day == day})
        now_s, steady_s = self._now(), self._clock.now_s
        for name, held in list(record.held.items()):
            if name in self._live:
                continue
            if held.at_s > now_s:
                # The time of day was set back: its time begins now, or it would wait for the clock to come by again.
                record.held[name] = msgspec.structs.replace(held, at_s=now_s)
            elif now_s - held.at_s >= RESERVATION_S and (
                # A clock that was set forward tells nothing; after a new start this one begins anew.
                steady_s - held.steady_s >= RESERVATION_S or steady_s < held.steady_s
            ):
                del record.held[name]
        return settled

    def _note(self, day: str, record: _Day, former: Spent) -> Spent:
        total = _sum(record, former)
        if day == max(self._today().isoformat(), self._latest):
            self._known = (day, total)
        return total

    def _key(self, day: str) -> str:
        return f"{self._prefix}{day}/all"


def _nothing(day: str, record: _Day, total: Spent) -> str:
    """Change nothing but what is to be written down anyway."""
    return ""


def _sum(record: _Day, former: Spent) -> Spent:
    total = Spent(
        usd=record.usd,
        tokens=record.tokens,
        reserved_usd=sum(held.usd for held in record.held.values()),
        reserved_tokens=sum(held.tokens for held in record.held.values()),
    )
    total.add(former)
    return total


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _decode(key: str, value: bytes, kind: type[T]) -> T:
    try:
        return decode_json(value, kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        # To pass over it would be to spend it again.
        raise _broken(key, str(error)) from error


def _check(key: str, usd: float, tokens: int) -> None:
    if not (isfinite(usd) and 0 <= usd <= MAX_USD):
        raise _broken(key, f"{usd!r} US dollars are not what can have been spent")
    if not 0 <= tokens <= MAX_TOKENS:
        raise _broken(key, f"{tokens!r} tokens are not what can have been used")


def _broken(key: str, why: str) -> InternalError:
    return InternalError(
        f"the count {key!r} of a budget cannot be read: {why}; nothing was sent, delete it from the store to go on",
        data={"key": key},
    )
