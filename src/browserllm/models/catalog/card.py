"""ModelCard: one model as people name it, with its artifacts: a build for each engine, device and precision."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Device = Literal["webgpu", "wasm", "browser"]
"""What computes: the GPU, the CPU (WebAssembly), or for its own model the browser, which does not say on what."""

Purpose = Literal["chat", "code", "math", "multilingual", "vision", "embedding", "low-end"]

Thinking = Literal["never", "always", "template", "words"]
"""Whether a model thinks before it answers, and what says so in a request: its chat template's own switch, or words."""

# What the page's `load` takes of an artifact; the rest is for choosing and downloading one.
_WIRE = ("url", "library", "dtype", "overrides", "low_resource", "vram_mb", "features", "model_type", "manifest")
_EMBEDDING = ("pooling", "normalize")


class Artifact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model's files for one engine on one device, and what they need.

    ``id`` is the engine's own name for this build. ``url`` is the folder with the files, absolute or relative to the
    site; ``bundled`` says that they are the site's own and need no download. ``library`` is WebLLM's compiled model,
    ``model_type`` the kind of pipeline it needs when that is no chat (``"embedding"``, ``"vision"``), ``manifest`` the
    name of a model's own list of its resources. ``dtype`` is the precision that Transformers.js takes, ``files`` the
    names to fetch where they cannot be told from it. ``pooling`` says how an embedding model's vectors of tokens become
    one (their mean, the first, the last), and ``normalize`` whether that gets length 1; without ``pooling``
    Transformers.js reads both from the folder's ``1_Pooling/config.json`` and ``modules.json``. ``features`` are the
    WebGPU features the device must have, ``vram_mb`` the memory and ``buffer_mb`` the largest buffer it needs, in
    mebibytes. ``download_bytes`` is computed from the parameters while ``download_estimated``. ``low_resource`` is
    WebLLM's word that limited devices (phones) can run it.
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
    """A model that can run in the page: what it is and is good for, and its artifacts.

    ``family`` is its line of models ("Qwen3"), ``license`` an SPDX id or the name of its terms. ``context_window`` is
    the most that a build of it takes, in tokens. ``tools`` says that it was trained to call tools, ``vision`` that it
    takes images. ``cloud_equivalent`` names a cloud model of about its strength, where there is one.

    ``thinking`` says whether it thinks before it answers: ``"never"``, ``"always"``, or as a request says by
    ``enable_thinking`` of its chat template (``"template"``: Qwen3) or by ``/think`` and ``/no_think`` in the system
    message (``"words"``: SmolLM3). Without it a template that has the switch is used, and nothing else.
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
