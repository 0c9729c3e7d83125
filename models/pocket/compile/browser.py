"""A loopback server for the page, the model and WebLLM, and a headless Chromium with WebGPU in software."""

from __future__ import annotations

import http.server
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from playwright.sync_api import Page, sync_playwright

PAGE = Path(__file__).parent / "page"
MODEL_URL = "/models/pocket/resolve/main/"
"""WebLLM appends `resolve/main/` to a model address that has none."""

CHROMIUM_FLAGS = (
    "--headless=new --no-sandbox --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader"
).split()


@contextmanager
def served(model: Path, web_llm: Path) -> Iterator[str]:
    """Serve the page at `/`, a model folder at MODEL_URL and WebLLM's module at `/web-llm.js`; yield the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map: ClassVar[dict[str, str]] = {
            ".wasm": "application/wasm",
            ".js": "text/javascript",
            ".html": "text/html",
            "": "",
        }

        def translate_path(self, path: str) -> str:
            path = path.partition("?")[0]
            if path == "/web-llm.js":
                return str(web_llm)
            root, name = (model, path[len(MODEL_URL) :]) if path.startswith(MODEL_URL) else (PAGE, path[1:])
            # Names only: nothing outside the two folders.
            return str(root / Path(name or "index.html").name)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium_page(address: str, executable: str, verbose: bool) -> Iterator[Page]:
    """Open the page in a fresh browser profile."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=executable, headless=True, args=CHROMIUM_FLAGS
        )
        try:
            page = context.new_page()
            page.on("console", lambda m: print("  page:", m.type, m.text) if verbose or m.type == "error" else None)
            page.on("pageerror", lambda error: print("  page:", error))
            page.set_default_timeout(300_000)
            page.goto(address)
            page.wait_for_function("window.pocket")
            yield page
        finally:
            context.close()
