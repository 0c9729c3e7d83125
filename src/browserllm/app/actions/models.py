"""Models, their files, and comparisons of them."""

from __future__ import annotations

from typing import Any, ClassVar

from ..state import MissingFile
from .base import Action


class DownloadModel(Action, frozen=True, kw_only=True):
    """Start a download, or resume one that failed; returns at once."""

    name: ClassVar[str] = "models.download"
    model: str


class PauseDownload(Action, frozen=True, kw_only=True):
    """Pause a download; what has arrived stays."""

    name: ClassVar[str] = "models.pause"
    model: str


class ResumeDownload(Action, frozen=True, kw_only=True):
    """Resume a paused download."""

    name: ClassVar[str] = "models.resume"
    model: str


class CancelDownload(Action, frozen=True, kw_only=True):
    """Cancel a download; ``delete`` its parts, too."""

    name: ClassVar[str] = "models.cancel"
    model: str
    delete: bool = False


class LoadModel(Action, frozen=True, kw_only=True):
    """Load a model into memory, downloading it first if it must be; returns when it is loaded. Cancel to give up."""

    name: ClassVar[str] = "models.load"
    model: str
    engine: str | None = None
    device: str | None = None
    keep_others: bool = False


class UnloadModel(Action, frozen=True, kw_only=True):
    """Free a model's memory, or that of all models."""

    name: ClassVar[str] = "models.unload"
    model: str | None = None


class DeleteModel(Action, frozen=True, kw_only=True):
    """Delete a model's files, or with ``model="*"`` those of all models; returns the bytes freed."""

    name: ClassVar[str] = "models.delete"
    result: ClassVar[Any] = float
    model: str


class AddModel(Action, frozen=True, kw_only=True):
    """Add a custom model from an address, or without ``source`` from a folder that the user picks; returns its id."""

    name: ClassVar[str] = "models.add"
    result: ClassVar[Any] = str
    source: str | None = None
    id: str | None = None


class RefreshModels(Action, frozen=True, kw_only=True):
    """Look again at what is downloaded, loaded and stored."""

    name: ClassVar[str] = "models.refresh"


class EstimateDownload(Action, frozen=True, kw_only=True):
    """Return how long the download of a model would take on this connection, in seconds; ``None`` if not known."""

    name: ClassVar[str] = "models.estimate"
    result: ClassVar[Any] = float | None
    model: str


class ListMissingFiles(Action, frozen=True, kw_only=True):
    """Return the files that a model's download still lacks, for a page that lets its browser fetch them."""

    name: ClassVar[str] = "models.missing"
    result: ClassVar[Any] = list[MissingFile]
    model: str


class PersistStorage(Action, frozen=True, kw_only=True):
    """Ask the browser to keep the storage; returns its answer."""

    name: ClassVar[str] = "storage.persist"
    result: ClassVar[Any] = bool


class CleanStorage(Action, frozen=True, kw_only=True):
    """Delete files that belong to no model; returns the bytes freed."""

    name: ClassVar[str] = "storage.clean"
    result: ClassVar[Any] = float


class RunComparison(Action, frozen=True, kw_only=True):
    """Let each of the ``models`` answer the prompt in turn; returns at the end. Cancel to stop."""

    name: ClassVar[str] = "compare.run"
    prompt: str
    models: tuple[tuple[str, str | None, str | None], ...]
    """Model, engine and device of each side."""
    max_tokens: int | None = 200
