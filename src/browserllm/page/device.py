"""The facts of a device, as its page reports them. A value that the browser does not report is ``None``."""

from __future__ import annotations

from typing import Literal

import msgspec


class AdapterInfo(msgspec.Struct, frozen=True):
    """WebGPU's description of the adapter; ``fallback`` marks a software adapter."""

    vendor: str | None = None
    architecture: str | None = None
    device: str | None = None
    description: str | None = None
    fallback: bool | None = None


class WebGPUFacts(msgspec.Struct, frozen=True):
    """Whether WebGPU is available; if not, ``reason`` is a `browserllm.errors.UnavailableReason`."""

    available: bool
    reason: str | None = None
    adapter: AdapterInfo | None = None
    features: list[str] = []
    limits: dict[str, float] = {}


class WasmFacts(msgspec.Struct, frozen=True):
    """The WebAssembly features of the page."""

    simd: bool | None = None
    threads: bool | None = None


class StorageFacts(msgspec.Struct, frozen=True):
    """The storage of the page's origin, in bytes."""

    usage: float | None = None
    quota: float | None = None
    persisted: bool | None = None


class ConnectionFacts(msgspec.Struct, frozen=True):
    """The network, as far as the browser reports it.

    ``type`` is ``cellular``, ``wifi``, ``ethernet`` or another word of the browser; phones report it, most computers
    do not. ``effective_type`` is how fast it seems: ``slow-2g``, ``2g``, ``3g`` or ``4g``. ``downlink_mbps`` is what
    the browser has measured lately, in megabits per second; no browser says more than 10.
    """

    type: str | None = None
    effective_type: str | None = None
    save_data: bool | None = None
    downlink_mbps: float | None = None

    @property
    def metered(self) -> bool | None:
        """Whether traffic probably costs money, judged by the type; ``None`` if the browser does not report it."""
        return {"cellular": True, "wifi": False, "ethernet": False}.get(self.type or "")


class BatteryFacts(msgspec.Struct, frozen=True):
    """The battery; ``level`` is 0..1."""

    level: float
    charging: bool


class EnvironmentFacts(msgspec.Struct, frozen=True):
    """Facts that may change while the page is open; ``None`` if the browser does not report them."""

    online: bool | None = None
    connection: ConnectionFacts | None = None
    battery: BatteryFacts | None = None
    visibility: Literal["visible", "hidden", "frozen"] | None = None


class BrowserFacts(msgspec.Struct, frozen=True):
    """The browser's name and version."""

    name: str | None = None
    version: str | None = None


class DeviceFacts(msgspec.Struct, frozen=True):
    """A page's report about its device; ``None`` if the browser does not report a value.

    ``engines`` maps each engine that the browser brings to the state of its model: ``unavailable``, ``downloadable``,
    ``downloading`` or ``available``.
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
