"""ModelCard: one model, with its files for each engine."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Device = Literal["webgpu", "wasm"]


class Artifact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model's files for one engine on one device.

    ``url`` is the folder with the files, absolute or relative to the site. ``library`` is WebLLM's compiled model,
    ``dtype`` the precision that Transformers.js takes, ``features`` the WebGPU features that the device must have,
    ``vram_mb`` the GPU memory it needs in mebibytes.
    """

    engine: str
    device: Device
    url: str
    library: str | None = None
    dtype: str | None = None
    overrides: dict[str, Any] | None = None
    low_resource: bool | None = None
    vram_mb: float | None = None
    features: list[str] = []

    def to_wire(self) -> dict[str, Any]:
        """Return the artifact as the page's ``load`` takes it."""
        wire: dict[str, Any] = msgspec.to_builtins(self)
        del wire["engine"], wire["device"]
        return wire


class ModelCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that can run in the page: what it is, and its artifacts."""

    id: str
    artifacts: list[Artifact]
    name: str = ""
    parameters: int | None = None
    license: str | None = None
    context_window: int | None = None
