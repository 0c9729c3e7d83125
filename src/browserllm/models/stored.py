"""Stored files as the page reports them: complete files in the caches, partial files, and the journal."""

from __future__ import annotations

from typing import Any

import msgspec

from ..page.host import Host, read


class StoredFile(msgspec.Struct, frozen=True):
    """A complete file in one of the engines' caches."""

    cache: str
    url: str
    size_bytes: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The file's identity: its cache and URL."""
        return (self.cache, self.url)


class Partial(msgspec.Struct, frozen=True):
    """A partly downloaded file; ``updated_ms`` counts since the epoch."""

    url: str
    cache: str = ""
    loaded_bytes: int = 0
    total_bytes: int | None = None
    updated_ms: float = 0.0


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The page's answer to ``stored``."""

    usage_bytes: int | None = None
    quota_bytes: int | None = None
    persisted: bool | None = None
    entries: list[StoredFile] = []
    partials: list[Partial] = []
    journal: dict[str, Any] = {}


async def ask_stored(host: Host) -> Stored:
    """Ask the page for its stored files; the quota is limited to the free disk space, if known."""
    stored = read(await host.call("stored"), Stored, "'stored'")
    free = host.disk_free_bytes()
    if free is None or stored.usage_bytes is None or stored.quota_bytes is None:
        return stored
    return msgspec.structs.replace(stored, quota_bytes=min(stored.quota_bytes, stored.usage_bytes + free))
