"""The facts of a device, as its page tells them. A value that the browser does not tell is ``None``."""

from __future__ import annotations

import msgspec


class AdapterInfo(msgspec.Struct, frozen=True):
    """What WebGPU tells of the adapter; ``fallback`` marks a software adapter."""

    vendor: str | None = None
    architecture: str | None = None
    device: str | None = None
    description: str | None = None
    fallback: bool | None = None


class WebGPUFacts(msgspec.Struct, frozen=True):
    """Whether WebGPU is there; ``reason`` says why not, in a word of `browserllm.errors.UnavailableReason`."""

    available: bool
    reason: str | None = None
    adapter: AdapterInfo | None = None
    features: list[str] = []
    limits: dict[str, float] = {}


class WasmFacts(msgspec.Struct, frozen=True):
    """What WebAssembly can do in the page."""

    simd: bool | None = None
    threads: bool | None = None


class StorageFacts(msgspec.Struct, frozen=True):
    """Storage of the page's origin, in bytes."""

    usage: float | None = None
    quota: float | None = None
    persisted: bool | None = None


class ConnectionFacts(msgspec.Struct, frozen=True):
    """The network, as far as the browser tells.

    ``type`` is what it is (``cellular``, ``wifi``, ``ethernet``), which phones tell and most computers do not;
    ``effective_type`` how fast it seems (``slow-2g``, ``2g``, ``3g``, ``4g``).
    """

    type: str | None = None
    effective_type: str | None = None
    save_data: bool | None = None

    @property
    def metered(self) -> bool | None:
        """Whether bytes are likely to cost money: browsers tell nothing but the type. ``None`` where they do not."""
        return {"cellular": True, "wifi": False, "ethernet": False}.get(self.type or "")


class BatteryFacts(msgspec.Struct, frozen=True):
    """The battery: ``level`` is 0..1."""

    level: float
    charging: bool


class Surroundings(msgspec.Struct, frozen=True):
    """What changes around a device while the page is open; ``None`` where the browser does not say."""

    online: bool | None = None
    connection: ConnectionFacts | None = None
    battery: BatteryFacts | None = None


class BrowserFacts(msgspec.Struct, frozen=True):
    """The browser's name and version."""

    name: str | None = None
    version: str | None = None


class DeviceFacts(msgspec.Struct, frozen=True):
    """What a page tells of its device; ``None`` where the browser does not say.

    ``engines`` says of each engine that the browser brings whether its model is there: ``unavailable``,
    ``downloadable``, ``downloading`` or ``available``.
    """

    webgpu: WebGPUFacts
    wasm: WasmFacts = WasmFacts()
    storage: StorageFacts = StorageFacts()
    memory_gb: float | None = None
    cores: int | None = None
    online: bool | None = None
    connection: ConnectionFacts | None = None
    battery: BatteryFacts | None = None
    browser: BrowserFacts = BrowserFacts()
    user_agent: str = ""
    engines: dict[str, str] = {}
    cross_origin_isolated: bool | None = None
    secure_context: bool | None = None
