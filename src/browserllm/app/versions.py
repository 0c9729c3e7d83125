"""Versions of records: what a later version of the app has written is left alone.

Two versions meet when a tab was opened before the site changed, or when a site goes back to an earlier build. A record
without a version is of the first.
"""

from __future__ import annotations

import msgspec

from .._internal.nesting import decode_json
from ..errors import InvalidRequest
from ..stores.base import KeyValueStore
from .notices import Notices

VERSION = 1
"""Of what this app writes."""

MAX_NAMED = 5
"""How many records the notice names."""


class _Head(msgspec.Struct):
    version: int = VERSION


def is_newer(raw: bytes) -> bool:
    """Return whether a later version of the app has written this record."""
    try:
        return decode_json(raw, _Head).version > VERSION
    except (msgspec.DecodeError, RecursionError):  # it is damaged, or no object
        return False


def is_left_alone(key: str, raw: bytes, notices: Notices) -> bool:
    """Return whether a later version has written this record, and say so: in one notice for all, each counted once."""
    if not is_newer(raw):
        return False
    if key not in notices.newer:
        notices.newer[key] = None
        _tell(notices)
    return True


async def check_not_newer(store: KeyValueStore, key: str) -> None:
    """Raise `InvalidRequest` if a later version has written the record under this key: it must not be overwritten."""
    raw = await store.get(key)
    if raw is not None and is_newer(raw):
        raise newer_exists(key)


def newer_exists(key: str) -> InvalidRequest:
    """Return the error for an id that a record of a later version has."""
    return InvalidRequest(
        f"a newer version of this app has stored {key!r}, which must not be overwritten; reload the page to get that "
        "version, or use another id",
        parameter="id",
    )


def _tell(notices: Notices) -> None:
    count, names = len(notices.newer), list(notices.newer)[:MAX_NAMED]
    more = f" and {count - len(names)} more" if count > len(names) else ""
    text = (
        f"A newer version of this app has stored what this one cannot read: {', '.join(names)}{more}. It is left as it "
        "is. Reload the page to get the newer version."
    )
    notices.add("newer-records", text, code="records_newer", kind="warning", count=count, names=names)
