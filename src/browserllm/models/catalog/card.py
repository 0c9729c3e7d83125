"""ModelCard: a model with its artifacts: one build for each engine, device and precision."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Device = Literal["webgpu", "wasm", "browser"]
"""Where a model runs: the GPU, the CPU (WebAssembly), or the browser for its own model, wherever it runs that."""

Purpose = Literal["chat", "code", "math", "multilingual", "vision", "embedding", "low-end"]

Thinking = Literal["never", "always", "template", "words"]
"""Whether a model thinks before it answers, and how a request switches that: by its chat template, or by words."""

# The fields of an artifact that the page's `load` takes; the others are for choosing and downloading one.
_WIRE = ("url", "library", "dtype", "overrides", "low_resource", "vram_mb", "features", "model_type", "manifest")
_EMBEDDING = ("pooling", "normalize")


class Artifact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model's files for one engine on one device, and what they need.

    ``id`` is the engine's own name for this build. ``url`` is the folder with the files, absolute or relative to the
    site; ``bundled`` files ship with the site and need no download. ``library`` is WebLLM's compiled model,
    ``model_type`` the kind of pipeline if it is not a text chat (``"embedding"``, ``"vision"``), ``manifest`` the name
    of a model's own list of its resources. ``dtype`` is the precision for Transformers.js, ``files`` the names to
    download if they do not follow from it. ``pooling`` says how an embedding model combines its token vectors (their
    mean, the first, the last), and ``normalize`` whether the result is scaled to length 1; without ``pooling``
    Transformers.js reads both from the folder's ``1_Pooling/config.json`` and ``modules.json``. ``features`` are the
    WebGPU features that the device must have, ``vram_mb`` the memory and ``buffer_mb`` the largest buffer that it
    needs, in mebibytes. ``download_bytes`` is computed from the parameters while ``download_estimated``.
    ``low_resource`` is WebLLM's mark for builds that limited devices (phones) can run.
    """

    engine: str
    device: Device
    url: str
    id: str | None = None
    library: str | None = None
    dtype: str | None = None
    overrides: dict[str, Any] | None = None
    low_resource: bool | None = None
    vram_mb: float | None = None
    features: list[str] = []
    model_type: Literal["embedding", "vision"] | None = None
    manifest: str | None = None
    pooling: Literal["mean", "cls", "last"] | None = None
    normalize: bool | None = None
    quantization: str | None = None
    context_window: int | None = None
    buffer_mb: float | None = None
    bundled: bool = False
    download_bytes: int | None = None
    download_estimated: bool = True
    files: list[str] | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the artifact as the page's ``load`` takes it."""
        wire: dict[str, Any] = msgspec.to_builtins(self)
        return {name: wire[name] for name in (*_WIRE, *_EMBEDDING) if name in wire}


class ModelCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that can run in the page: its description, its purposes and its artifacts.

    ``family`` is its line of models ("Qwen3"), ``license`` an SPDX id or the name of its terms. ``context_window`` is
    the largest of its builds, in tokens. ``tools`` says that it was trained to call tools, ``vision`` that it accepts
    images. ``cloud_equivalent`` names a cloud model of about the same strength, if there is one.

    ``thinking`` says whether it thinks before it answers: ``"never"``, ``"always"``, or as the request asks, by
    ``enable_thinking`` of its chat template (``"template"``: Qwen3) or by ``/think`` and ``/no_think`` in the system
    message (``"words"``: SmolLM3). If it is ``None``, only a chat template with the option can switch thinking.
    """

    id: str
    artifacts: list[Artifact]
    name: str = ""
    family: str = ""
    type: Literal["chat", "embedding"] = "chat"
    parameters: int | None = None
    license: str | None = None
    license_url: str | None = None
    context_window: int | None = None
    purposes: list[Purpose] = []
    tools: bool = False
    vision: bool = False
    thinking: Thinking | None = None
    cloud_equivalent: str | None = None
