"""The count behind a `Budget`: what all programs that share a store have spent and reserved on each day.

A day is one value in the store. It is read, changed and swapped back; if another program was faster, that is repeated.
So each reservation is checked against exactly the count that it is added to, also with several programs at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from math import isfinite
from weakref import WeakKeyDictionary

import msgspec

from ..._internal import lazy_asyncio as asyncio
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.nesting import decode_json
from ...errors import InternalError, InvalidRequest, Unavailable
from ...stores.base import KeyValueStore

KEPT_DAYS = 7
"""How many days are kept."""

RESERVATION_S = 3600.0
"""How long a reservation lasts without being renewed; then its program is considered dead."""

MAX_USD = 1e9
MAX_TOKENS = 10**15
"""The largest valid count; a larger one was not written by a budget."""

MAX_SWAPS = 1000
"""How often a change is repeated because another program was faster."""


class Spent(msgspec.Struct, kw_only=True):
    """What was spent. ``reserved_*`` is the estimated cost of running answers, on top of that."""

    usd: float = 0.0
    tokens: int = 0
    reserved_usd: float = 0.0
    reserved_tokens: int = 0

    def add(self, other: Spent) -> None:
        """Add ``other``."""
        self.usd += other.usd
        self.tokens += other.tokens
        self.reserved_usd += other.reserved_usd
        self.reserved_tokens += other.reserved_tokens


class _Reservation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request has reserved, and when: by the time of day, and by the monotonic clock."""

    usd: float
    tokens: int
    at_s: float
    steady_s: float


# No defaults: a missing field would count as zero.
class _Day(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    usd: float
    tokens: int
    held: dict[str, _Reservation]


class _Live(msgspec.Struct):
    """A reservation of this program whose answer is in progress."""

    day: str
    held: _Reservation


class _Settled(msgspec.Struct):
    """The real cost of an answer until it is stored. ``attempted`` means that it may be in the store already."""

    day: str
    usd: float
    tokens: int
    attempted: bool = False


class Ledger:
    """Counts what is spent on each day in a store, under ``prefix``.

    The current day is never before the last counted one: a clock that is set back does not bring an older day's
    allowance back. A count smaller than one seen before is ignored, too.
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
                f"store={store!r} has no method swap(), which a budget needs to share its count between programs; see "
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
        # The largest count of each day that was read or written so far.
        self._seen: dict[str, tuple[float, int]] = {}
        self._latest = ""
        self._known: tuple[str, Spent] | None = None
        self._cleaned = ""
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @property
    def known(self) -> Spent | None:
        """The day's count as last read; ``None`` if it was not read on this day yet."""
        if self._known is None or self._known[0] != max(self._today().isoformat(), self._latest):
            return None
        return self._known[1]

    def ahead(self) -> str:
        """Return a note if the last counted day is after today, with what to do; otherwise an empty string."""
        today = self._today().isoformat()
        if self._latest <= today:
            return ""
        return (
            f" (the last counted day is {self._latest}, but today is {today}: a clock was ahead, or is behind now; "
            f"correct it, or delete {self._key(self._latest)!r} from the store if that day is wrong)"
        )

    async def read(self) -> Spent:
        """Return the day's count as it is in the store now."""
        self._leave_to_parent()
        entries = await self._entries()
        day = self._day_of(entries)
        _, record = self._read_day(entries, day)
        self._bring_up_to_date(day, record)
        return self._note(day, record)

    async def reserve(self, name: str, usd: float, tokens: int, refusal: Callable[[Spent], str]) -> str:
        """Reserve an amount under ``name``, unless ``refusal`` returns a reason; return that reason."""
        self._leave_to_parent()
        live: _Live | None = None

        def add(day: str, record: _Day, total: Spent) -> str:
            nonlocal live
            live = None
            if reason := refusal(total):
                return reason
            live = _Live(day, _Reservation(usd=usd, tokens=tokens, at_s=self._now(), steady_s=self._clock.now_s))
            record.held[name] = live.held
            return ""

        try:
            reason = await self._change(None, add)
        except BaseException:
            # It may have been stored all the same: then the next change releases it.
            if live is not None:
                self._settled[name] = _Settled(live.day, 0.0, 0)
            raise
        if live is not None:
            self._live[name] = live
        return reason

    async def renew(self, name: str) -> None:
        """Keep the reservation of a running answer alive. Call it often: it writes only when necessary."""
        self._leave_to_parent()
        live = self._live.get(name)
        if live is None:
            return  # the parent process has it
        if self._clock.now_s - live.held.steady_s < RESERVATION_S / 2:
            return
        at = {"at_s": self._now(), "steady_s": self._clock.now_s}
        live.held = msgspec.structs.replace(live.held, **at)
        await self._change(live.day, _nothing)

    async def settle(self, name: str, usd: float, tokens: int) -> None:
        """Replace an answer's reservation by its real cost, on the day it began.

        Raises the store's errors; the cost counts here all the same, and is stored with the next change.
        """
        self._leave_to_parent()
        live = self._live.pop(name, None)
        if live is None:
            return  # the parent process has it
        self._settled[name] = _Settled(live.day, min(usd, MAX_USD), min(tokens, MAX_TOKENS))
        await self._change(live.day, _nothing)

    # Implementation

    async def _change(self, day: str | None, change: Callable[[str, _Day, Spent], str]) -> str:
        """Change a day's record, by default today's, and store everything else that is pending for it."""
        self._leave_to_parent()
        async with self._turn():
            for _ in range(MAX_SWAPS):
                entries = await self._entries()
                on = day or self._day_of(entries)
                before, record = self._read_day(entries, on)
                settled = self._bring_up_to_date(on, record)
                reason = change(on, record, _sum(record))
                after = msgspec.json.encode(record)
                # A refusal also writes if a reservation has expired, or the next one would find it again.
                if after == before or (before is None and not (record.held or record.usd or record.tokens)):
                    self._note(on, record)
                    return reason
                for each in settled:
                    each.attempted = True
                if await self._store.swap(self._key(on), before, after):
                    self._settled = {
                        name: each for name, each in self._settled.items() if not any(each is one for one in settled)
                    }
                    self._seen[on] = record.usd, record.tokens
                    self._note(on, record)
                    return reason
                for each in settled:
                    each.attempted = False
        raise Unavailable(
            f"other programs changed the budget's count {MAX_SWAPS} times during one update; nothing was sent, "
            "try again later",
            reason="blocked",
        )

    def _leave_to_parent(self) -> None:
        """In a forked process, forget the running answers: the parent process counts them."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._live, self._settled = {}, {}
            self._turns = WeakKeyDictionary()

    def _turn(self) -> asyncio.Lock:
        """Return the lock with which the requests of one event loop change the count one after the other."""
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def _entries(self) -> dict[str, bytes]:
        """Return the store's values by day. Old days are deleted."""
        entries: dict[str, bytes] = {}
        for key, value in await self._store.items(self._prefix):
            day = key.removeprefix(self._prefix).partition("/")[0]
            if not _is_day(day):
                raise _broken(key, f"{day!r} is not a day")
            if key != self._key(day):
                raise _broken(key, "its name is not one of a budget's")
            entries[day] = value
        latest = self._day_of(entries)
        if self._cleaned != latest:
            oldest = (date.fromisoformat(latest) - timedelta(days=KEPT_DAYS)).isoformat()
            for day in [day for day in entries if day < oldest]:
                del entries[day]
                await self._store.delete(self._key(day))
            self._seen = {day: seen for day, seen in self._seen.items() if day >= oldest}
            self._cleaned = latest
        return entries

    def _day_of(self, entries: Mapping[str, object]) -> str:
        self._latest = max(self._latest, *entries) if entries else self._latest
        return max(self._today().isoformat(), self._latest)

    def _read_day(self, entries: Mapping[str, bytes], day: str) -> tuple[bytes | None, _Day]:
        """Return a day's stored value, and its record."""
        value = entries.get(day)
        if value is None:
            return None, _Day(usd=0.0, tokens=0, held={})
        record = _decode(self._key(day), value)
        _check(self._key(day), record.usd, record.tokens)
        for held in record.held.values():
            _check(self._key(day), held.usd, held.tokens)
            if not (isfinite(held.at_s) and isfinite(held.steady_s)):
                raise _broken(self._key(day), f"{held.at_s!r}, {held.steady_s!r} are not valid times")
        return value, record

    def _bring_up_to_date(self, day: str, record: _Day) -> list[_Settled]:
        """Update a record with what this program knows; return the settled costs that it now contains."""
        # Spending only grows: a smaller count is outdated or wrong.
        usd, tokens = self._seen.get(day, (0.0, 0))
        record.usd, record.tokens = max(record.usd, usd), max(record.tokens, tokens)
        self._seen[day] = record.usd, record.tokens
        settled: list[_Settled] = []
        for name, each in self._settled.items():
            if each.day != day:
                continue
            settled.append(each)
            if record.held.pop(name, None) is not None or not each.attempted:
                record.usd = min(record.usd + each.usd, MAX_USD)
                record.tokens = min(record.tokens + each.tokens, MAX_TOKENS)
        record.held.update({name: live.held for name, live in self._live.items() if live.day == day})
        now_s, steady_s = self._now(), self._clock.now_s
        for name, held in list(record.held.items()):
            if name in self._live:
                continue
            if held.at_s > now_s:
                # The time of day was set back: restart its lifetime, or it would outlast the shift.
                record.held[name] = msgspec.structs.replace(held, at_s=now_s)
            elif now_s - held.at_s >= RESERVATION_S and (
                # The time of day may have been set forward; the monotonic clock restarts with the machine.
                steady_s - held.steady_s >= RESERVATION_S or steady_s < held.steady_s
            ):
                del record.held[name]
        return settled

    def _note(self, day: str, record: _Day) -> Spent:
        total = _sum(record)
        if day == max(self._today().isoformat(), self._latest):
            self._known = (day, total)
        return total

    def _key(self, day: str) -> str:
        return f"{self._prefix}{day}/all"


def _nothing(day: str, record: _Day, total: Spent) -> str:
    """Change nothing; only pending updates are stored."""
    return ""


def _sum(record: _Day) -> Spent:
    return Spent(
        usd=record.usd,
        tokens=record.tokens,
        reserved_usd=sum(held.usd for held in record.held.values()),
        reserved_tokens=sum(held.tokens for held in record.held.values()),
    )


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _decode(key: str, value: bytes) -> _Day:
    try:
        return decode_json(value, _Day)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        # Ignoring it would allow spending it again.
        raise _broken(key, str(error)) from error


def _check(key: str, usd: float, tokens: int) -> None:
    if not (isfinite(usd) and 0 <= usd <= MAX_USD):
        raise _broken(key, f"{usd!r} US dollars is out of range")
    if not 0 <= tokens <= MAX_TOKENS:
        raise _broken(key, f"{tokens!r} tokens is out of range")


def _broken(key: str, why: str) -> InternalError:
    return InternalError(
        f"the budget's count {key!r} is not valid: {why}; nothing was sent. Correct it or delete it from the store.",
        data={"key": key},
    )
