"""What travels: the wheel, and a first visit to the chat page without its model, compressed as a server would."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

from _page import ROOT, chromium, serve
from _report import Row, report


def wheel_mb() -> float:
    """The size of this checkout's wheel, in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT)]
        subprocess.run(command, check=True, capture_output=True)
        return next(Path(folder).glob("*.whl")).stat().st_size / 1e6


def first_visit() -> dict[str, float]:
    """Compressed megabytes of every file that the chat page fetches until its model is ready; the model left out."""
    sizes: dict[str, float] = {}
    with serve() as base, chromium() as context:
        # Not what the service worker fetches for visits without network.
        context.on("requestfinished", lambda request: seen.append("" if request.service_worker else request.url))
        seen: list[str] = []
        page = context.new_page()
        page.goto(base)
        page.get_by_role("button", name="Start chatting").click()
        box = page.get_by_role("textbox", name="Message", exact=True)
        box.fill("Hello!")
        box.press("Enter")
        # The answer is complete, so its engine has been fetched.
        page.locator(".message-foot", has_text="On this device").wait_for()
        for url in sorted(set(seen)):
            if url.startswith(base) and "/models/" not in url:
                body = context.request.get(url).body()
                sizes[url.removeprefix(base).partition("?")[0] or "index.html"] = len(gzip.compress(body, 9)) / 1e6
    return sizes


def main() -> int:
    """Measure and print the table."""
    files = first_visit()
    rows = [
        Row("the wheel", [wheel_mb()], "MB", budget=40),
        Row("first visit with WebLLM, without a model, gzip", [sum(files.values())], "MB", budget=12),
        *(Row(f"  {name}", [size], "MB") for name, size in sorted(files.items(), key=lambda f: -f[1])[:6]),
    ]
    return report("size: what travels", rows)


if __name__ == "__main__":
    sys.exit(main())
