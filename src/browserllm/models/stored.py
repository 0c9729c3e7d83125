"""What the page keeps, as it reports it: whole files in the caches, parts of files, and the journal."""

from __future__ import annotations

from typing import Any

import msgspec

from ..page.host import Host, read


class StoredFile(msgspec.Struct, frozen=True):
    """A whole file in one of the caches that the engines read."""

    cache: str
    url: str
    size_bytes: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return (self.cache, self.url)


class Partial(msgspec.Struct, frozen=True):
    """The beginning of a file whose download has not ended; ``updated_ms`` since the epoch."""

    url: str
    cache: str = ""
    loaded_bytes: int = 0
    total_bytes: int | None = None
    updated_ms: float = 0.0


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says it keeps."""

    usage_bytes: int | None = None
    quota_bytes: int | None = None
    persisted: bool | None = None
    entries: list[StoredFile] = []
    partials: list[Partial] = []
    journal: dict[str, Any] = {}


async def ask_stored(host: Host) -> Stored:
    """Ask the page what it keeps; its quota is no more than the disk has room for, where that is known."""
    stored = read(await host.call("stored"), Stored, "'stored'")
    free = host.disk_free_bytes()
    if free is None or stored.usage_bytes is None or stored.quota_bytes is None:
        return stored
    return msgspec.structs.replace(stored, quota_bytes=min(stored.quota_bytes, stored.usage_bytes + free))
