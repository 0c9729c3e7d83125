"""Pages in Chromium with Python in them, for the benchmarks and the browser tests.

The server is the benchmarks' own: the built site, with their files and the npm packages beside it.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

import browserllm
from browserllm.page.chrome.launch import WEBGPU_FLAGS

ROOT = Path(__file__).resolve().parents[1]
SITE = Path(browserllm.__file__).parent / "static"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Handler(http.server.SimpleHTTPRequestHandler):
    """The site at /, benchmarks/page at /bench/, web/node_modules at /node_modules/."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        """Map the two extra prefixes to their folders."""
        for prefix, folder in (("/bench/", ROOT / "benchmarks/page"), ("/node_modules/", ROOT / "web/node_modules")):
            if path.startswith(prefix):
                self.directory = str(folder)
                return super().translate_path("/" + path.removeprefix(prefix))
        self.directory = str(SITE)
        return super().translate_path(path)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serve() -> Iterator[str]:
    """Serve on loopback; gives the base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium(profile: Path | None = None) -> Iterator[BrowserContext]:
    """Headless Chromium on the software WebGPU adapter, with a fresh profile unless one is given."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("no Chromium on PATH: install one")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            str(profile or folder), executable_path=path, headless=True, args=[*FLAGS, *WEBGPU_FLAGS["software"]]
        )
        context.set_default_timeout(300_000)
        try:
            yield context
        finally:
            context.close()


def open_python(context: BrowserContext, base: str) -> Page:
    """Open the page with Python and nothing else, and wait until Python is ready."""
    page = context.new_page()
    page.goto(base + "python.html")
    page.evaluate("() => window.browserllm.ready")
    return page


def run_python(page: Page, code: str) -> Any:
    """Run Python in the page; the last expression, decoded from JSON."""
    text = page.evaluate("code => window.browserllm.python(code)", code)
    return None if text is None else json.loads(text)
