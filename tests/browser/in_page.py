"""Shared by the browser tests: where the site is, Chromium's flags, and Python in a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

import browserllm

SITE = Path(browserllm.__file__).parent / "static"

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
NO_WEBGPU = ["--disable-features=WebGPU,WebGPUService", "--disable-gpu"]


def open_python(context: BrowserContext, site_url: str) -> Page:
    """Open the page that has Python and nothing else, and wait until Python is ready."""
    page = context.new_page()
    page.goto(site_url + "python.html")
    page.evaluate("() => window.browserllm.ready")
    return page


def run_python(page: Page, code: str) -> Any:
    """Run Python in the page's Pyodide; the value of the last expression, decoded from the JSON it must be."""
    text = page.evaluate("code => window.browserllm.python(code)", code)
    return json.loads(text) if text is not None else None
