"""Storage: the files of each model in the browser, when it was last used, what to evict, and which files are orphans.

The caches say which files exist. The journal records the files of each finished download and when its model was last
used. Comparing the two shows what the browser has evicted, and which files belong to no model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from ..page.host import Host
from . import engines
from .catalog.card import Artifact, ModelCard
from .stored import Partial, Stored, StoredFile

ABANDONED_MS = 7 * 24 * 3600 * 1000
"""A partial file that has not changed for this long counts as abandoned."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's record of a finished download; times are milliseconds since the epoch."""

    model: str
    engine: str
    device: str
    artifact_id: str | None = None
    files: list[StoredFile] = []
    size_bytes: int = 0
    downloaded_ms: float | None = None
    last_used_ms: float | None = None


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one build of a model on this device.

    ``complete`` if nothing has to be downloaded: no file of its download is missing, or the build ships with the site
    and the files are an engine's copies of it. ``evicted`` if it was complete and the browser has deleted files since.
    ``size_bytes`` is its present size, partial files included.
    """

    key: str
    model: str
    engine: str
    device: str | None = None
    artifact_id: str | None = None
    size_bytes: int = 0
    downloaded_ms: float | None = None
    last_used_ms: float | None = None
    complete: bool = False
    evicted: bool = False
    files: list[StoredFile] = []
    partials: list[Partial] = []
    missing: list[StoredFile] = []

    def to_record(self) -> Record:
        """Return the journal's record of a complete model."""
        return Record(
            model=self.model,
            engine=self.engine,
            device=self.device or "",
            artifact_id=self.artifact_id,
            files=self.files,
            size_bytes=self.size_bytes,
            downloaded_ms=self.downloaded_ms,
            last_used_ms=self.last_used_ms,
        )


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """The storage of the page's origin, in bytes; ``None`` if the browser does not report a figure.

    ``used_bytes`` counts everything that the origin stores, ``models`` are the files of known models. ``orphans`` are
    files in the engines' caches that belong to no model, ``abandoned`` partial files unchanged for a week.
    """

    used_bytes: int | None = None
    quota_bytes: int | None = None
    available_bytes: int | None = None
    persisted: bool | None = None
    models: list[StoredModel] = []
    orphans: list[StoredFile] = []
    abandoned: list[Partial] = []

    @property
    def models_bytes(self) -> int:
        """The size of all models, each file counted once."""
        files = {file.key: file.size_bytes or 0 for model in self.models for file in model.files}
        partials = {partial.url: partial.loaded_bytes for model in self.models for partial in model.partials}
        return sum(files.values()) + sum(partials.values())

    def find(self, model: str, artifact: Artifact) -> StoredModel | None:
        """Return the stored files of a build of a model."""
        # A partial file beside a complete build has an entry of its own, after the record's.
        here = {kept.key: kept for kept in reversed(self.models)}
        return here.get(journal_key(model, artifact))


class EvictionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The models to delete to free ``needed_bytes``, the least recently used first.

    ``enough`` is false if deleting every model that is not in use does not suffice.
    """

    needed_bytes: int
    freed_bytes: int
    models: list[StoredModel]

    @property
    def enough(self) -> bool:
        """Whether the plan frees enough bytes."""
        return self.freed_bytes >= self.needed_bytes


def journal_key(model: str, artifact: Artifact) -> str:
    """Return the journal's key of an artifact: the engine's own id, or model, engine, device and precision."""
    return artifact.id or "/".join(filter(None, (model, artifact.engine, artifact.device, artifact.dtype)))


def storage_of(stored: Stored, cards: Iterable[ModelCard], now_ms: float) -> Storage:
    """Group stored files by model: by the journal first, then by the folders of the catalog's artifacts."""
    files = {entry.key: entry for entry in stored.entries}
    partials = {partial.url: partial for partial in stored.partials}
    models: list[StoredModel] = []
    claimed: set[tuple[str, str]] = set()
    claimed_partials: set[str] = set()
    for key, raw in stored.journal.items():
        record = _read_record(raw)
        if record is None:
            continue
        there = [files[file.key] for file in record.files if _is_there(file, files)]
        missing = [file for file in record.files if not _is_there(file, files)]
        parts = [partials[file.url] for file in missing if file.url in partials]
        claimed.update(file.key for file in record.files)
        claimed_partials.update(part.url for part in parts)
        models.append(
            StoredModel(
                key=key,
                model=record.model,
                engine=record.engine,
                device=record.device,
                artifact_id=record.artifact_id,
                size_bytes=_size(there, parts),
                downloaded_ms=record.downloaded_ms,
                last_used_ms=record.last_used_ms,
                complete=not missing,
                evicted=bool(missing),
                files=there,
                partials=parts,
                missing=missing,
            )
        )
    loose = {key: entry for key, entry in files.items() if key not in claimed}
    loose_partials = {url: part for url, part in partials.items() if url not in claimed_partials}
    abandoned = [part for part in loose_partials.values() if now_ms - part.updated_ms > ABANDONED_MS]
    for card in cards:
        models += _unrecorded(card, loose, loose_partials, files)
    orphans = list(loose.values())
    free = None
    if stored.quota_bytes is not None and stored.usage_bytes is not None:
        free = max(0, stored.quota_bytes - stored.usage_bytes)
    return Storage(
        used_bytes=stored.usage_bytes,
        quota_bytes=stored.quota_bytes,
        available_bytes=free,
        persisted=stored.persisted,
        models=models,
        orphans=orphans,
        abandoned=abandoned,
    )


def plan_eviction(models: Collection[StoredModel], needed_bytes: int, keep: Collection[str]) -> EvictionPlan:
    """Choose the least recently used models to delete to free ``needed_bytes``, but none named in ``keep``.

    Files that a remaining model also needs are not counted, because they are not deleted.
    """
    order = sorted((model for model in models if model.model not in keep), key=_last_used)
    chosen: list[StoredModel] = []
    freed = 0
    for model in order:
        if freed >= needed_bytes:
            break
        chosen.append(model)
        files, partials = only_of(chosen, models)
        freed = _size(files, partials)
    return EvictionPlan(needed_bytes=needed_bytes, freed_bytes=freed, models=chosen)


def only_of(chosen: Collection[StoredModel], models: Collection[StoredModel]) -> tuple[list[StoredFile], list[Partial]]:
    """Return the files and partial files of ``chosen`` that no other of ``models`` needs."""
    keys = {model.key for model in chosen}
    others = [model for model in models if model.key not in keys]
    needed = {file.key for model in others for file in model.files}
    needed_parts = {partial.url for model in others for partial in model.partials}
    files = {file.key: file for model in chosen for file in model.files if file.key not in needed}
    partials = {part.url: part for model in chosen for part in model.partials if part.url not in needed_parts}
    return list(files.values()), list(partials.values())


async def delete_files(
    host: Host, files: Collection[StoredFile], partials: Collection[Partial], keys: Collection[str]
) -> int:
    """Delete files, partial files and journal records; returns the bytes freed."""
    if keys:
        await host.call("journal", {"put": {}, "remove": list(keys)})
    if not files and not partials:
        return 0
    result = await host.call(
        "delete_files",
        {
            "entries": [{"cache": file.cache, "url": file.url} for file in files],
            "partials": [part.url for part in partials],
        },
    )
    return int(result.get("freed_bytes") or 0)


async def put_record(host: Host, key: str, record: Record) -> None:
    """Write a record to the journal, replacing an earlier one."""
    await host.call("journal", {"put": {key: msgspec.to_builtins(record)}, "remove": []})


def _read_record(raw: Any) -> Record | None:
    try:
        return msgspec.convert(raw, Record)
    except msgspec.ValidationError:
        # Without a readable record, the files are grouped by their folder, or are orphans.
        return None


def _is_there(file: StoredFile, files: dict[tuple[str, str], StoredFile]) -> bool:
    found = files.get(file.key)
    return found is not None and (None in (found.size_bytes, file.size_bytes) or found.size_bytes == file.size_bytes)


def _unrecorded(
    card: ModelCard,
    loose: dict[tuple[str, str], StoredFile],
    partials: dict[str, Partial],
    everything: dict[tuple[str, str], StoredFile],
) -> list[StoredModel]:
    """Remove from ``loose`` the files in the folders of a card's artifacts, and return them as stored models."""
    found: list[StoredModel] = []
    for artifact in card.artifacts:
        files = [file for file in loose.values() if _may_have(artifact, card, file)]
        parts = [part for part in partials.values() if _may_have(artifact, card, part)]
        if not files and not parts:
            continue
        if artifact.library is not None:
            # Several models share a library: count it for this one too, even if another has claimed it.
            files += [file for file in everything.values() if _is_in(artifact.library, file.url) and file not in files]
            parts += [part for part in partials.values() if _is_in(artifact.library, part.url) and part not in parts]
        for file in files:
            loose.pop(file.key, None)
        for part in parts:
            partials.pop(part.url, None)
        found.append(
            StoredModel(
                key=journal_key(card.id, artifact),
                model=card.id,
                engine=artifact.engine,
                device=artifact.device,
                artifact_id=artifact.id,
                size_bytes=_size(files, parts),
                # An engine's copies of a bundled model are no download: the site has all files.
                complete=artifact.bundled,
                files=files,
                partials=parts,
            )
        )
    return found


def _may_have(artifact: Artifact, card: ModelCard, file: StoredFile | Partial) -> bool:
    """Whether a file without a record may, by its folder and name, belong to this artifact."""
    if not _is_in(artifact.url, file.url):
        return False
    own = _owns(artifact, file)
    return own is not False or (
        _reads(artifact, file) and not any(_owns(other, file) is True for other in card.artifacts)
    )


def _reads(artifact: Artifact, file: StoredFile | Partial) -> bool:
    """Whether a file is in a cache that the artifact's engine reads."""
    engine = engines.find(artifact.engine)
    return engine is not None and file.cache in engine.caches


def _owns(artifact: Artifact, file: StoredFile | Partial) -> bool | None:
    """Whether a file belongs to this build alone; ``None`` if all builds in its folder may share it."""
    engine = engines.find(artifact.engine)
    if engine is None or file.cache not in engine.caches:
        return False
    return engine.is_own_file(artifact, file.url)


def _is_in(place: str, url: str) -> bool:
    """Whether a URL is ``place`` or lies in that folder; a place without a host is on the site itself."""
    if "://" not in place:
        place = "/" + place.removeprefix("./")
        start = url.find(place, url.find("://") + 3)
        url = url[start:] if start >= 0 else ""
    return url == place or url.startswith(place.rstrip("/") + "/")


def _size(files: Iterable[StoredFile], partials: Iterable[Partial]) -> int:
    return sum(file.size_bytes or 0 for file in files) + sum(part.loaded_bytes for part in partials)


def _last_used(model: StoredModel) -> float:
    return model.last_used_ms or model.downloaded_ms or 0.0
