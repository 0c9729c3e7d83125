"""A clock tool: the date and time, which a model cannot know, and date arithmetic, which it does badly."""

# KEEP_DOCSTRINGS in a page, too: models read them (web/scripts/compile_python.mjs).
from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Literal

from ...errors import InvalidRequest
from ..tools import FunctionTool

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")


def clock(*, now: Callable[[], float] = time.time) -> FunctionTool:
    """Return a tool, ``clock``, that tells date and time, and counts days.

    ``now`` returns the seconds since 1970 (UTC). Time zones are the device's own, ``UTC``, offsets such as ``+02:00``,
    and names such as ``Europe/Berlin`` if the time zone database is installed, which it may not be in a page.
    """

    async def clock(
        action: Literal["now", "days_between", "add_days"] = "now",
        zone: str = "",
        date: str = "",
        other_date: str = "",
        days: int = 0,
    ) -> str:
        """Tell the date and time, count the days between two dates, or add days to a date.

        Args:
            action: "now" tells date, time and weekday; "days_between" counts from date to other_date; "add_days" adds
                days to date.
            zone: For "now": a time zone such as "Europe/Berlin", "UTC" or "+02:00"; empty for the zone of this device.
            date: As 2026-01-31; empty for today.
            other_date: For "days_between", as 2026-01-31.
            days: For "add_days"; below 0 to go back.
        """
        moment = datetime.fromtimestamp(now(), _zone(zone)) if zone else datetime.fromtimestamp(now()).astimezone()
        if action == "now":
            return f"{moment:%A}, {moment:%Y-%m-%d %H:%M:%S} (UTC{_offset_of(moment)}{', ' * bool(zone)}{zone})"
        first = _date(date, "date") if date else moment.date()
        if action == "days_between":
            second = _date(other_date, "other_date")
            return f"{(second - first).days} days from {_shown(first)} to {_shown(second)}"
        try:
            return f"{_shown(first + timedelta(days=days))} is {days} days after {_shown(first)}"
        except OverflowError:
            raise InvalidRequest(
                f"days={days!r} is out of range: dates go from 0001-01-01 to 9999-12-31", parameter="days"
            ) from None

    return FunctionTool(clock)


def _zone(name: str) -> tzinfo:
    """Return a time zone by name or offset. Raises `InvalidRequest` for an unknown one."""
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    if match := _OFFSET.fullmatch(name.upper()):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes < 24 * 60:
            return timezone((1 if match[1] == "+" else -1) * timedelta(minutes=minutes))
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        if not available_timezones():
            raise InvalidRequest(
                f"zone={name!r} is unknown, because no time zone database is installed; use an offset such as '+02:00' "
                "or 'UTC', or leave it empty for the zone of this device",
                parameter="zone",
            ) from error
        raise InvalidRequest(
            f"unknown time zone: zone={name!r}; use a name such as 'Europe/Berlin', an offset such as '+02:00', or "
            "'UTC'",
            parameter="zone",
        ) from error


def _offset_of(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"


def _date(text: str, parameter: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise InvalidRequest(
            f"{parameter}={text!r} is not a date; write it like 2026-01-31", parameter=parameter
        ) from None


def _shown(day: date) -> str:
    return f"{day.isoformat()} ({day:%A})"
