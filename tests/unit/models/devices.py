"""Devices as their pages would tell of them, for the tests of what fits where."""

from __future__ import annotations

from typing import Any

from browserllm.page.device import (
    AdapterInfo,
    BrowserFacts,
    ConnectionFacts,
    DeviceFacts,
    StorageFacts,
    WasmFacts,
    WebGPUFacts,
)

GIB = 2**30

LIMITS: dict[str, float] = {
    "maxBufferSize": 4 * GIB,
    "maxStorageBufferBindingSize": 4 * GIB - 4,
    "maxComputeWorkgroupStorageSize": 32768,
    "maxStorageBuffersPerShaderStage": 10,
}

ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/156.0.0.0 Mobile Safari/537.36"

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"


def gpu(
    vendor: str | None, architecture: str | None, *, f16: bool = True, fallback: bool = False, **limits: float
) -> WebGPUFacts:
    """WebGPU on an adapter of this vendor, with these limits lower than usual."""
    return WebGPUFacts(
        available=True,
        adapter=AdapterInfo(vendor=vendor, architecture=architecture, fallback=fallback),
        features=["shader-f16", "subgroups"] if f16 else ["subgroups"],
        limits={**LIMITS, **limits},
    )


def no_gpu(reason: str) -> WebGPUFacts:
    """No WebGPU, and why."""
    return WebGPUFacts(available=False, reason=reason)


def device(webgpu: WebGPUFacts, *, free_gb: float | None = 100, **facts: Any) -> DeviceFacts:
    """A device with this much free storage (None: the browser does not tell)."""
    storage = StorageFacts() if free_gb is None else StorageFacts(usage=1e9, quota=free_gb * 1e9 + 1e9)
    return DeviceFacts(webgpu=webgpu, wasm=WasmFacts(simd=True, threads=True), storage=storage, **facts)


DEVICES: dict[str, DeviceFacts] = {
    "laptop with an integrated GPU": device(gpu("intel", "xe-lpg"), memory_gb=16),
    "old laptop with an integrated GPU without f16": device(gpu("intel", "gen-9", f16=False), memory_gb=4),
    "Mac with 8 GB": device(gpu("apple", "common-3"), memory_gb=8, user_agent=MAC),
    "Mac whose browser counts to 8": device(gpu("apple", "common-3"), memory_gb=8),
    "Mac with 64 GB": device(gpu("apple", "common-3"), memory_gb=32, user_agent=MAC),
    "gaming PC": device(gpu("nvidia", "blackwell"), memory_gb=32),
    "PC with an Arc card": device(gpu("intel", "xe-2hpg"), memory_gb=4),
    "phone with f16": device(gpu("qualcomm", "adreno-7xx"), memory_gb=8, user_agent=ANDROID),
    "phone without f16": device(gpu("arm", "valhall", f16=False), memory_gb=4, user_agent=ANDROID),
    "browser without WebGPU": device(no_gpu("no_api"), memory_gb=8),
    "machine without an adapter": device(no_gpu("no_adapter"), memory_gb=8),
    "insecure page": device(no_gpu("insecure_context"), memory_gb=8),
    "software adapter": device(gpu("google", "swiftshader", f16=False, fallback=True), memory_gb=16),
    "nearly full disk": device(gpu("nvidia", "ampere"), memory_gb=16, free_gb=0.5),
    "full disk": device(gpu("nvidia", "ampere"), memory_gb=16, free_gb=0.05),
    "tablet on a cellular network": device(
        gpu("qualcomm", "adreno-7xx"),
        memory_gb=8,
        user_agent=ANDROID,
        connection=ConnectionFacts(type="cellular"),
    ),
    "laptop that saves data": device(
        gpu("intel", "xe-lpg"), memory_gb=16, connection=ConnectionFacts(type="4g", save_data=True)
    ),
    "old laptop with its CPU only": device(no_gpu("no_adapter"), memory_gb=2),
    "Firefox": device(gpu(None, None), free_gb=10, browser=BrowserFacts("Firefox", "150")),
    "adapter with small buffers": device(
        gpu("amd", "gcn-4", maxBufferSize=256 * 2**20, maxStorageBufferBindingSize=512 * 2**20), memory_gb=16
    ),
    "adapter with too small workgroups": device(
        gpu("broadcom", "videocore", maxComputeWorkgroupStorageSize=16384), memory_gb=8
    ),
    "laptop that is offline": device(gpu("intel", "xe-lpg"), memory_gb=16, online=False),
    "browser without SIMD": DeviceFacts(webgpu=no_gpu("no_api"), wasm=WasmFacts(simd=False)),
}
