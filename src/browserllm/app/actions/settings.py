"""Settings, clouds, notices and the device."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ..state import ErrorInfo, Preset
from .base import Action


class UpdateSettings(Action, frozen=True, kw_only=True):
    """Change the given settings (in camel case, as in the state); a value that is not valid changes nothing."""

    name: ClassVar[str] = "settings.update"
    changes: dict[str, Any]


class SavePreset(Action, frozen=True, kw_only=True):
    """Add a preset, or replace the one with its id."""

    name: ClassVar[str] = "settings.preset"
    preset: Preset


class DeletePreset(Action, frozen=True, kw_only=True):
    """Delete a preset."""

    name: ClassVar[str] = "settings.delete_preset"
    id: str


class SaveCloud(Action, frozen=True, kw_only=True):
    """Set up a cloud model, or change one; returns its id. Without ``api_key`` the key stays as it is.

    ``keep_key`` writes the key into the browser's storage of this site; otherwise it is gone with the page.
    """

    name: ClassVar[str] = "clouds.save"
    result: ClassVar[Any] = str
    vendor: Literal["openai", "anthropic", "gemini", "ollama", "compatible"]
    model: str
    id: str | None = None
    label: str | None = None
    api_key: str | None = None
    keep_key: bool = False
    base_url: str | None = None
    enabled: bool = True


class DeleteCloud(Action, frozen=True, kw_only=True):
    """Forget a cloud model and its key."""

    name: ClassVar[str] = "clouds.delete"
    id: str


class TestCloud(Action, frozen=True, kw_only=True):
    """Ask a cloud for a sign of life; returns ``None``, or what is wrong."""

    name: ClassVar[str] = "clouds.test"
    result: ClassVar[Any] = ErrorInfo | None
    id: str


class DismissNotice(Action, frozen=True, kw_only=True):
    """Take a notice away."""

    name: ClassVar[str] = "notices.dismiss"
    id: str


class RefreshDevice(Action, frozen=True, kw_only=True):
    """Look at the device again."""

    name: ClassVar[str] = "device.refresh"
