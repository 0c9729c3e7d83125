"""Shared by the browser tests: what the benchmarks use too, and WebGPU on or off as the library's launcher has it."""

from __future__ import annotations

from _page import FLAGS, SITE, open_python, run_python
from browserllm.page.chrome.launch import WEBGPU_FLAGS

SOFTWARE_WEBGPU = WEBGPU_FLAGS["software"]
NO_WEBGPU = WEBGPU_FLAGS["off"]

__all__ = ["FLAGS", "NO_WEBGPU", "SITE", "SOFTWARE_WEBGPU", "open_python", "run_python"]
