"""What a router costs: ours beside LiteLLM's Router, pydantic-ai's FallbackModel and LangChain's with_fallbacks.

Each contender is a process of its own (benchmarks/routers/), measured by the same code against the same loopback
server. "added" is a routed call less the same call to the backend itself, each with the contender's own means, in turn;
``fake`` backends answer in the process, where nothing hides microseconds, ``loopback`` ones stream ten tokens by HTTP.

The peers live in a virtual environment of their own (requirements/peers.txt); ``make bench-router`` makes it.
``ROUNDS`` (300), ``STREAMS`` (1000) and ``RUNS`` (3) can be set in the environment.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from _report import Row, number, report

HERE = Path(__file__).parent / "routers"
PEERS = os.environ.get("PEERS_PYTHON", str(Path(__file__).parents[1] / ".venv-peers/bin/python"))
RUNS = int(os.environ.get("RUNS", "3"))

CONTENDERS = {
    "browserllm": (sys.executable, "browserllm_router.py"),
    "LiteLLM": (PEERS, "litellm_router.py"),
    "pydantic-ai": (PEERS, "pydantic_ai_fallback.py"),
    "LangChain": (PEERS, "langchain_fallbacks.py"),
}

CASES = {
    "healthy 1": "1 backend",
    "healthy 10": "10 backends",
    "healthy 100": "100 backends",
    "failed hop": "one failed hop",
}

# A router with a cloud behind it, in as few lines as each needs.
IMPORTS = {
    "browserllm": "import browserllm; browserllm.Router([browserllm.OpenAI('m', api_key='k')])",
    "LiteLLM": (
        "import os; os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'; from litellm import Router; "
        "Router(model_list=[{'model_name': 'm', 'litellm_params': {'model': 'openai/m', 'api_key': 'k'}}])"
    ),
    "pydantic-ai": (
        "from pydantic_ai.models.fallback import FallbackModel; from pydantic_ai.models.openai import OpenAIChatModel; "
        "from pydantic_ai.providers.openai import OpenAIProvider; "
        "FallbackModel(OpenAIChatModel('m', provider=OpenAIProvider(api_key='k')))"
    ),
    "LangChain": (
        "from langchain_openai import ChatOpenAI; ChatOpenAI(model='m', api_key='k').with_fallbacks("
        "[ChatOpenAI(model='n', api_key='k')])"
    ),
}

IMPORT_PROGRAM = """
import json, resource, sys, time
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = rss()
start = time.perf_counter()
{code}
print(json.dumps([(time.perf_counter() - start) * 1e3, (rss() - before) / 2**20]))
"""


@contextmanager
def server() -> Iterator[str]:
    """The loopback server, in a process of its own; gives its base URL."""
    process = subprocess.Popen([sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def output_of(command: list[str]) -> Any:
    """The JSON that a process printed last."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed:\n{done.stderr[-2000:]}")
    if "failed, the first" in done.stderr:
        print(done.stderr[-500:], file=sys.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def median_of(runs: list[dict[str, Any]], *path: str) -> list[float]:
    """A figure of every run."""
    values: list[float] = []
    for run in runs:
        value: Any = run
        for name in path:
            value = value[name]
        values.append(value)
    return values


def compare(found: dict[str, list[dict[str, Any]]], costs: dict[str, list[list[float]]]) -> None:
    """Print all contenders side by side; each figure is the median of the runs."""
    console = Console(width=max(Console().width, 120), highlight=False)
    table = Table(title=f"routers, medians of {RUNS} runs", title_justify="left", title_style="bold")
    table.add_column("what")
    for name in found:
        table.add_column(name, justify="right")

    def row(what: str, figures: dict[str, float]) -> None:
        table.add_row(what, *(number(figures[name]) for name in found))

    def middle(*path: str, scale: float = 1) -> dict[str, float]:
        return {name: statistics.median(median_of(runs, *path)) / scale for name, runs in found.items()}

    for kind in ("fake", "loopback"):
        for case, what in CASES.items():
            row(f"{kind}, {what}: added, p50 (us)", middle(kind, case, "p50"))
            row(f"{kind}, {what}: added, p99 (us)", middle(kind, case, "p99"))
        row(f"{kind}: the direct call itself, p50 (us)", middle(kind, "healthy 1", "direct_p50"))
    row("1,000 streams at once: seconds", middle("at once, routed", "seconds"))
    row("1,000 streams at once: memory (MiB)", middle("at once, routed", "memory_bytes", scale=2**20))
    row("1,000 streams at once: lost or another's answers", middle("at once, routed", "wrong"))
    row("import and a router made (ms)", {name: statistics.median([c[0] for c in costs[name]]) for name in found})
    row("  memory of that (MiB)", {name: statistics.median([c[1] for c in costs[name]]) for name in found})
    console.print(table)


def main() -> int:
    """Run the contenders in turn, `RUNS` times."""
    if not Path(PEERS).exists():
        raise SystemExit(f"no Python with the peers at {PEERS}: run `make bench-router`, which makes it")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    costs: dict[str, list[list[float]]] = {name: [] for name in CONTENDERS}
    with server() as base:
        for turn in range(RUNS):
            for name, (python, file) in CONTENDERS.items():
                print(f"run {turn + 1} of {RUNS}: {name}", file=sys.stderr, flush=True)
                found[name].append(output_of([python, str(HERE / file), base]))
        for turn in range(6):
            for name, (python, _) in CONTENDERS.items():
                cost = output_of([python, "-c", IMPORT_PROGRAM.format(code=IMPORTS[name])])
                if turn:  # the first may write .pyc files
                    costs[name].append(cost)
    compare(found, costs)
    ours = found["browserllm"]
    rows = [
        Row("healthy path: added, p50", median_of(ours, "fake", "healthy 1", "p50"), "us", budget=50),
        Row("  with 10 backends", median_of(ours, "fake", "healthy 10", "p50"), "us"),
        Row("  with 100 backends", median_of(ours, "fake", "healthy 100", "p50"), "us", budget=50),
        Row("one failed hop: added, p50", median_of(ours, "fake", "failed hop", "p50"), "us", budget=150),
        Row("answers lost or another's, of 1,000 at once", median_of(ours, "at once, routed", "wrong"), "", budget=0),
    ]
    return report(
        "router: what ours adds", rows, ["A hop over HTTP costs the request that fails; the table above has it."]
    )


if __name__ == "__main__":
    sys.exit(main())
