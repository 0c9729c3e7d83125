"""How fast stop() takes effect on each engine: tokens that were still computed, and time until the stream has ended.

Python in the page streams a long answer and stops it after the fifth token. The end arrives only when the engine is
idle again, so the time to it bounds the engine's own. Tokens that come faster than a frame share a chunk; logprobs, one
entry a token, tell how many it holds.

On WebGPU the token that the GPU computes is always finished: what was submitted cannot be taken back. Stops at any
moment (spread evenly over a token's time) so wait for half a token in the middle. A stop in answer to a token is the
worst case, because the next token has just begun.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from _page import chromium, open_python, run_python, serve
from _report import Row, report

ASK = """
import asyncio, json, time
import browserllm as bl
figures = []
async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket", engine=ENGINE, device=DEVICE)
    token_s = 0.0
    PROBS = dict(logprobs=True, top_logprobs=1)
    # The first run warms up and says how long a token takes.
    for run, wait in enumerate([0, *WAITS]):
        stream = llm.stream("Tell me a story about a fox.", temperature=0.9, seed=run, max_tokens=400, **PROBS)
        seen, stopped = 0, 0.0
        def stop():
            global stopped
            stopped = time.perf_counter()
            stream.stop()
        async for chunk in stream:
            if not isinstance(chunk, bl.types.TextDelta):
                continue
            before, seen = seen, seen + len(chunk.logprobs or ())
            if before >= 5 or seen < 5:
                continue
            if wait == 0:
                stop()
            else:
                asyncio.get_running_loop().call_later(wait * token_s, stop)
        idle_ms = (time.perf_counter() - stopped) * 1e3
        assert stream.response.finish_reason == "cancelled", stream.response
        token_s = 1 / stream.response.timings.tokens_per_s
        figures.append([idle_ms, stream.response.usage.completion_tokens - seen, token_s * 1e3])
        await llm.complete("Hello!", max_tokens=4)
json.dumps(figures[1:])
"""


def measure(engine: str, device: str, waits: list[float]) -> list[list[float]]:
    """Per stop: milliseconds until the end, tokens computed after the last one seen, milliseconds per token.

    A stop comes so many tokens' time after the fifth token was seen; 0 is at once, before Python does anything else.
    """
    code = ASK.replace("ENGINE", repr(engine)).replace("DEVICE", repr(device)).replace("WAITS", repr(waits))
    with serve() as base, chromium() as context:
        return run_python(open_python(context, base), code)


def main() -> int:
    """Measure both engines and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="stops of each kind on each engine (default 20)")
    runs = parser.parse_args().runs
    gpu = measure("webllm", "webgpu", [0.0] * runs + [(run + 0.5) / runs for run in range(runs)])
    at_once, any_moment = gpu[:runs], gpu[runs:]
    cpu = measure("transformersjs", "wasm", [0.0] * runs)
    token_ms = statistics.median(run[2] for run in gpu)
    rows = [
        Row(
            "WebGPU: stop at any moment -> idle, in tokens' time",
            [run[0] / token_ms for run in any_moment],
            "tokens",
            1,
        ),
        Row("WebGPU: stop in answer to a token -> idle", [run[0] / token_ms for run in at_once], "tokens"),
        Row("  computed after it", [run[1] for run in at_once], "tokens", budget=1),
        Row("Transformers.js on the CPU: stop -> idle", [run[0] for run in cpu], "ms", budget=50),
    ]
    notes = [f"A token takes {token_ms:.1f} ms on WebGPU here."]
    return report("stop: from Python in the page, the pocket model", rows, notes)


if __name__ == "__main__":
    sys.exit(main())
