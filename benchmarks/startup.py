"""From opening the page to Python ready, and to the first token: cold (a fresh profile) and warm (the same again)."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from _page import chromium, run_python, serve
from _report import Row, report

ASK = """
import json
import browserllm as bl
async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket")
    async for chunk in llm.stream("Hello!", temperature=0, max_tokens=8):
        if chunk.text:
            break
json.dumps(True)
"""


def open_once(profile: Path, base: str) -> tuple[float, float]:
    """Milliseconds to Python ready (the page's own clock) and to the first token, in a new browser on this profile."""
    with chromium(profile) as context:
        page = context.new_page()
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(base + "python.html", wait_until="commit")
        page.wait_for_function("() => window.browserllm")  # the page's script has begun; Python takes far longer
        ready = page.evaluate("async () => { await window.browserllm.ready; return performance.now(); }")
        run_python(page, ASK)
        return ready, (time.perf_counter() - start) * 1e3


def main() -> int:
    """Measure cold and warm starts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="fresh profiles, each opened twice (default 5)")
    options = parser.parse_args()
    cold, warm = [], []
    with serve() as base:
        for _ in range(options.runs):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                cold.append(open_once(Path(folder), base))
                warm.append(open_once(Path(folder), base))
    rows = [
        Row("page open -> Python ready, warm", [run[0] for run in warm], "ms", budget=1000),
        Row("page open -> Python ready, cold", [run[0] for run in cold], "ms"),
        Row("page open -> first token, warm", [run[1] for run in warm], "ms"),
        Row("page open -> first token, cold", [run[1] for run in cold], "ms"),
    ]
    return report("startup: a new browser on loopback, software WebGPU, the pocket model", rows)


if __name__ == "__main__":
    sys.exit(main())
