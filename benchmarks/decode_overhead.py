"""Decode speed and first token through the whole Python stack, beside web-llm called from bare JavaScript.

Both run in one page of one Chromium on one adapter, in turn, on the same prompts; each run is a pair. The Python side
is Pyodide in its worker, a MessagePort, the engine worker, web-llm; the bare side is web-llm in a worker, timed there.
"""

from __future__ import annotations

import argparse
import sys

from _page import chromium, open_python, run_python, serve
from _report import Row, report
from browserllm.models import Catalog

SUBJECTS = ["a fox", "a lighthouse", "an old clock", "a small robot", "a lost key", "a river", "a baker", "a cloud"]

PREPARE = """
import json, time
import browserllm as bl
host = await bl.connect()
llm = bl.LocalBackend(host, model="pocket")
async def chat(prompt, max_tokens):
    asked, first, last = time.perf_counter(), None, None
    async for chunk in llm.stream(prompt, temperature=0, max_tokens=max_tokens):
        if isinstance(chunk, bl.types.TextDelta):
            last = time.perf_counter()
            first = first or last
    response = chunk.response
    tokens = response.usage.completion_tokens
    return json.dumps(dict(
        text=response.text, tokens=tokens, first_token_ms=(first - asked) * 1e3,
        tokens_per_s=(tokens - 1) / (last - first),
        engine_first_token_ms=response.timings.first_token_ms + (response.timings.queue_ms or 0),
    ))
import builtins
builtins.bench_chat = chat
await chat("Hello!", 4)
"""

BARE = """
([base, folder]) => {
  const worker = new Worker("/bench/bare_worker.js", { type: "module" });
  let last = 0;
  const waiting = new Map();
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = waiting.get(id);
    error === undefined ? resolve(value) : reject(new Error(error));
  };
  window.bare = (method, ...args) => new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ id: last, method, args });
  });
  return window.bare("load", base, folder);
}
"""


def main() -> int:
    """Measure the pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=24, help="pairs to measure (default 24)")
    parser.add_argument("--tokens", type=int, default=96, help="tokens to decode in each run (default 96)")
    options = parser.parse_args()
    ratios: list[float] = []
    added: list[float] = []
    paired_added: list[float] = []
    speeds: tuple[list[float], list[float]] = ([], [])
    with serve() as base, chromium() as context:
        page = open_python(context, base)
        run_python(page, PREPARE)
        page.evaluate(BARE, [base, Catalog().get("pocket").artifacts[0].url])
        page.evaluate("() => window.bare('chat', 'Hello!', 4)")
        for run in range(options.runs):
            prompt = f"Tell me a story about {SUBJECTS[run % len(SUBJECTS)]}."
            sides = {}
            for side in ("python", "bare") if run % 2 else ("bare", "python"):
                if side == "python":
                    sides[side] = run_python(page, f"await bench_chat({prompt!r}, {options.tokens})")
                else:
                    sides[side] = page.evaluate("([p, n]) => window.bare('chat', p, n)", [prompt, options.tokens])
            python, bare = sides["python"], sides["bare"]
            if python["text"] != bare["text"]:
                raise SystemExit(f"the two sides answered differently: {python['text']!r} and {bare['text']!r}")
            ratios.append(python["tokens_per_s"] / bare["tokens_per_s"])
            speeds[0].append(python["tokens_per_s"])
            speeds[1].append(bare["tokens_per_s"])
            added.append(python["first_token_ms"] - python["engine_first_token_ms"])
            paired_added.append(python["first_token_ms"] - bare["first_token_ms"])
    rows = [
        Row("decode speed, Python / bare JavaScript", ratios, "ratio", budget=0.97, at_least=True),
        Row("  through Python", speeds[0], "tokens/s"),
        Row("  bare web-llm", speeds[1], "tokens/s"),
        Row("added to the first token, same run", added, "ms", budget=5),
        Row("  first token, Python - bare, paired", paired_added, "ms"),
    ]
    return report("decode_overhead: the pocket model, WebLLM on software WebGPU", rows)


if __name__ == "__main__":
    sys.exit(main())
