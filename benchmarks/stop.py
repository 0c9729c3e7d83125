"""How fast stop() takes effect on each engine: tokens that still came, and time until the stream has ended.

Python in the page streams a long answer and stops it after the fifth piece of text. The end arrives only when the
engine is idle again, so the time to it bounds the engine's own.
"""

from __future__ import annotations

import argparse
import sys

from _page import chromium, open_python, run_python, serve
from _report import Row, report

ASK = """
import json, time
import browserllm as bl
figures = []
async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket", engine=ENGINE, device=DEVICE)
    for run in range(RUNS + 1):
        options = dict(temperature=0.9, seed=run, max_tokens=400)
        stream = llm.stream("Tell me a story about a fox.", **options)
        seen, stopped = 0, 0.0
        async for chunk in stream:
            if chunk.text:
                seen += 1
                if seen == 5:
                    stopped = time.perf_counter()
                    stream.stop()
        assert stream.response.finish_reason == "cancelled", stream.response
        figures.append([(time.perf_counter() - stopped) * 1e3, stream.response.usage.completion_tokens,
                        1e3 / stream.response.timings.tokens_per_s])
        await llm.complete("Hello!", max_tokens=4)
json.dumps(figures[1:])
"""


def measure(engine: str, device: str, runs: int) -> list[list[float]]:
    """Per run: milliseconds from stop() to the end, tokens generated in all, milliseconds a token takes."""
    code = ASK.replace("ENGINE", repr(engine)).replace("DEVICE", repr(device)).replace("RUNS", str(runs))
    with serve() as base, chromium() as context:
        return run_python(open_python(context, base), code)


def main() -> int:
    """Measure both engines and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="stops on each engine (default 20)")
    options = parser.parse_args()
    gpu = measure("webllm", "webgpu", options.runs)
    cpu = measure("transformersjs", "wasm", options.runs)
    rows = [
        Row("WebLLM on WebGPU: stop -> idle, in tokens' time", [run[0] / run[2] for run in gpu], "tokens", budget=1),
        Row("  the same", [run[0] for run in gpu], "ms"),
        Row("Transformers.js on the CPU: stop -> idle", [run[0] for run in cpu], "ms", budget=50),
    ]
    return report("stop: from Python in the page, the pocket model", rows)


if __name__ == "__main__":
    sys.exit(main())
