"""Reads how long a server asks to wait, from headers, fields of a body, or words.

A time in the past counts as 0. Negative values, values that are not numbers, and waits of more than `MAX_WAIT_S` are
mistakes and are ignored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

MAX_WAIT_S = 31 * 86400.0
"""The longest wait that is accepted: a monthly quota."""

_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""From here on a number is a time since 1970, in seconds and in milliseconds. (As waits they were decades.)"""

_UNITS_S = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = (
    r"(?P<number>\d{1,15}(?:\.\d{1,15})?)\s{0,2}"
    r"(?P<unit>ns|[uµμ]s|ms|milli(?:second)?s?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?)"
    r"(?![a-zµμ])"
)
_AMOUNTS = re.compile(_AMOUNT, re.IGNORECASE)
_PLAIN = re.sub(r"\?P<\w+>", "?:", _AMOUNT)
_DURATION = re.compile(rf"(?:{_PLAIN}(?:\s|,|and){{0,5}}){{1,6}}", re.IGNORECASE)
_AGAIN = r"\b(?:try again|retry(?:ing)?|wait|resets?|reset time|available again|until|come back)\b\D{0,40}?(?<![-\d.])"
_IN_WORDS = re.compile(rf"{_AGAIN}({_DURATION.pattern})", re.IGNORECASE)
_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_AT_IN_WORDS = re.compile(rf"{_AGAIN}({_TIME})", re.IGNORECASE)

_LIMIT = re.compile(r"(x-|anthropic-)?rate-?limit(bysize)?-(.{1,60}-)?(reset|remaining)(-.{1,60})?")
"""A header of a limit: ``x-ratelimit-reset-KIND``, ``anthropic-ratelimit-KIND-reset``, ``ratelimit-reset``."""

_FIELDS_S = {
    "retrydelay",
    "retryafter",
    "retryafters",
    "retryafterseconds",
    "retryinseconds",
    "resetsinseconds",
    "estimatedtime",
    "resetsat",
    "resetat",
}
_FIELDS_MS = {"retryafterms", "retryaftermilliseconds", "retryinms"}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, or ``None``; the names in ``headers`` are in lower case.

    Retry-After has seconds or a date; where it is missing, the limits that are used up say when they begin anew
    (``x-ratelimit-reset-requests`` and the like): as a duration (``6m0s``), as seconds, or as a time.
    """
    now_s = _server_time(headers.get("date"))
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None and (wait_s := _believed(milliseconds / 1000)) is not None:
        return wait_s
    # A header that came twice is one with a comma.
    values = re.sub(r"(?<=\d),(?=\s{0,3}\d)", "\n", headers.get("retry-after", "")[:200]).splitlines()
    said = [wait_s for value in values if (wait_s := _seconds(value, now_s)) is not None]
    if said:
        return max(said)
    resets: dict[str, str] = {}
    used_up: dict[str, bool] = {}
    for name, value in headers.items():
        if name == "ratelimit" and (
            found := re.search(r"(?:remaining=|\br=)0\b.{0,40}?(?:reset=|\bt=)(\d{1,9})\b", value)
        ):
            resets[name] = found[1]  # draft-ietf-httpapi-ratelimit-headers, in its older and newer form
        if _LIMIT.fullmatch(name) is None:
            continue
        kind = re.sub(r"reset|remaining", "", name)
        if "reset" in name:
            resets[kind] = value
        else:
            used_up[kind] = _number(value) == 0
    waits = [_seconds(value, now_s) for kind, value in resets.items() if used_up.get(kind, True)]
    return max((wait for wait in waits if wait is not None), default=None)


def wait_in_field(name: str, value: Any) -> float | None:
    """Return the seconds that a field of a body asks to wait; ``name`` is in small letters and digits alone."""
    if name in _FIELDS_MS:
        milliseconds = _number(value)
        return None if milliseconds is None else _believed(milliseconds / 1000)
    if name not in _FIELDS_S:
        return None
    if isinstance(value, dict):  # a google.protobuf.Duration
        parts = cast("dict[str, Any]", value)
        seconds = _number(parts.get("seconds") or 0)
        return None if seconds is None else _believed(seconds + (_number(parts.get("nanos") or 0) or 0) * 1e-9)
    return _seconds(str(value), time.time()) if isinstance(value, (str, int, float)) else None


def wait_in_words(words: str) -> float | None:
    """Return the seconds that a text asks to wait: ``Please try again in 1m30s``; ``None`` where it asks for none."""
    found = _IN_WORDS.search(words)
    if found is not None:
        return _believed(sum(_amounts(found[1])))
    at = _AT_IN_WORDS.search(words)
    return None if at is None else _until(at[1], time.time())


def _seconds(text: str, now_s: float) -> float | None:
    """Return the wait that a value says: seconds, a duration, a date, or a time since 1970."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_S:
            return _believed(max(0.0, (number / 1000 if number >= _EPOCH_MS else number) - now_s))
        return _believed(number)
    if len(text) > 100:
        return None
    if _DURATION.fullmatch(text):
        return _believed(sum(_amounts(text)))
    return _until(text, now_s)


def _amounts(text: str) -> Iterator[float]:
    for found in _AMOUNTS.finditer(text):
        unit = found["unit"].lower().replace("μ", "µ")
        yield float(found["number"]) * _UNITS_S["ms" if unit == "ms" or unit.startswith("milli") else unit[0]]


def _until(date: str, now_s: float) -> float | None:
    try:
        if re.fullmatch(_TIME, date):
            then_s = datetime.fromisoformat(date.upper().replace(" ", "T")).timestamp()
        else:
            then_s = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, TypeError, OSError):
        return None
    return _believed(max(0.0, then_s - now_s))


def _server_time(date: str | None) -> float:
    """Return the time on the server's clock, or on ours where it is not known."""
    try:
        return time.time() if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, TypeError, OSError):
        return time.time()


def _believed(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= MAX_WAIT_S else None


def _number(value: Any) -> float | None:
    """Return a number that is not below zero, as plain digits have it."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None
