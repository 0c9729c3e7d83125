"""Shared by the browser tests: what the benchmarks use too, and WebGPU on or off as the library's launcher has it."""

from __future__ import annotations

from _page import FLAGS, SITE, open_python, run_python
from browserllm.page.chrome.launch import WEBGPU_FLAGS

SOFTWARE_WEBGPU = WEBGPU_FLAGS["software"]
NO_WEBGPU = WEBGPU_FLAGS["off"]

PATIENCE_MS = 300_000
"""How long a test waits for what it expects before it fails. A person waits two seconds; a busy machine with a software
GPU has taken minutes, and a test that gives up early fails for no fault."""

__all__ = ["FLAGS", "NO_WEBGPU", "PATIENCE_MS", "SITE", "SOFTWARE_WEBGPU", "open_python", "run_python"]
