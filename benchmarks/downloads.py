"""What our downloads cost: speed against a bare fetch, memory and disk for 1 GB, and loading from the cache afterwards.

The server makes the bytes up as it sends them, in a thread of this process; both sides of a comparison are measured
with it, in turns, in one browser. Run it with `make bench-downloads`, which puts the tests' server on Python's path.

The criterion of speed is a line of 100 MB/s (800 Mbit/s, more than nearly every connection): on it a download with MD5
has to reach 0.8 of a bare fetch into nothing, and so on one of 50 MB/s. Loopback is told and decides nothing: there no
line is waited for, and what counts is the work. A download's bytes are written twice (to the partial that survives a
kill, then by the browser into its cache) and hashed; even the browser's own `cache.add`, which promises nothing, is far
below a fetch that throws everything away. A line's rate is made by the server: each of the parallel answers sleeps
after every 20 ms' worth of bytes until its share of the rate allows the next.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import BrowserContext, Page

from _page import chromium, open_python, run_python, serve
from _report import Row, report
from fault_server import Content, Fault, FaultServer
from served_models import ServedFile, pocket_model

MB = 1024 * 1024
PARALLEL = 4
LINES_MB_PER_S = (50, 100)
"""Fast lines: 400 and 800 Mbit/s."""
LINE_FILES = 24
"""Of 16 MiB. The last files' way into the cache is waited for once, in a small model as in a large one."""
SETTLE_MS = 2000
"""How long after a download its memory is looked at again."""

BARE = f"""
async (urls) => {{
  const began = performance.now();
  const left = [...urls];
  const one = async () => {{
    for (let url = left.shift(); url !== undefined; url = left.shift()) {{
      const reader = (await fetch(url)).body.getReader();
      while (!(await reader.read()).done);
    }}
  }};
  await Promise.all(Array.from({{ length: {PARALLEL} }}, one));
  return performance.now() - began;
}}
"""

ADD = f"""
async (urls) => {{
  const began = performance.now();
  const cache = await caches.open("bench");
  const left = [...urls];
  const one = async () => {{
    for (let url = left.shift(); url !== undefined; url = left.shift()) await cache.add(url);
  }};
  await Promise.all(Array.from({{ length: {PARALLEL} }}, one));
  const took = performance.now() - began;
  await caches.delete("bench");
  return took;
}}
"""

CALL = """
import json, time
import browserllm as bl
async with bl.connect() as host:
    began = time.perf_counter()
    result = await host.call(OP, json.loads(ARGS))
    took_ms = (time.perf_counter() - began) * 1e3
json.dumps([result, took_ms])
"""

START = """
code => {
  window.asked = window.browserllm.python(code);
  const end = () => { window.ended = true; };
  window.asked.then(end, end);
}
"""

READ = """
async ([cache, url]) => {
  const began = performance.now();
  const bytes = await (await (await caches.open(cache)).match(url)).arrayBuffer();
  return [bytes.byteLength, performance.now() - began];
}
"""


def code(op: str, args: dict[str, Any]) -> str:
    """Python for the page: ask for an operation; its result and the milliseconds it took."""
    return CALL.replace("OP", repr(op)).replace("ARGS", repr(json.dumps(args)))


def call(page: Page, op: str, args: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Ask for an operation through Python in the page."""
    result, took_ms = run_python(page, code(op, args))
    return result, took_ms


def serve_files(server: FaultServer, folder: str, count: int, size: int, *faults: Fault) -> list[ServedFile]:
    """Files of noise, each another."""
    contents = [Content.generated(size, seed=number) for number in range(count)]
    return [
        ServedFile(server.add(f"{folder}/shard_{number}.bin", content, *faults), "webllm/model", content)
        for number, content in enumerate(contents)
    ]


def forget(page: Page, files: list[ServedFile]) -> None:
    """Delete what a run has kept."""
    entries = [{"cache": file.cache, "url": file.url} for file in files]
    call(page, "delete_files", {"entries": entries, "partials": []})


def measure_speed(page: Page, files: list[ServedFile], runs: int) -> dict[str, list[float]]:
    """Megabytes a second, in turns: a bare fetch into nothing, into the cache as WebLLM does it, and our downloads.

    Ours have sizes alone ("size"), and MD5 hashes ("hash").
    """
    megabytes = sum(file.content.size for file in files) / 1e6
    urls = [file.url for file in files]
    orders = {promise: [file.order(promise) for file in files] for promise in ("size", "hash")}
    rates: dict[str, list[float]] = {"bare": [], "add": [], "size": [], "hash": []}
    for run in range(runs + 1):
        took_ms = {"bare": page.evaluate(BARE, urls), "add": page.evaluate(ADD, urls)}
        for promise, files_of in orders.items():
            _, took_ms[promise] = call(page, "download", {"files": files_of, "parallel": PARALLEL})
            forget(page, files)
        if run > 0:  # the first warms everything up
            for kind, each_ms in took_ms.items():
                rates[kind].append(megabytes / each_ms * 1e3)
    return rates


@dataclass
class Peaks:
    """Memory and disk while something runs, in mebibytes."""

    start_mb: float
    peak_mb: float
    end_mb: float
    start_disk_mb: float
    peak_disk_mb: float
    end_disk_mb: float


def measure_peaks(page: Page, server: FaultServer, profile: Path) -> Peaks:
    """Watch the browser's processes and its profile while 1 GiB in 8 files is downloaded."""
    files = serve_files(server, "/large", 8, 128 * MB)
    orders = {"files": [file.order() for file in files], "parallel": PARALLEL}
    memory, disk = [memory_mb(profile)], [disk_mb(profile)]
    page.evaluate(START, code("download", orders))
    while not page.evaluate("() => window.ended === true"):
        memory.append(memory_mb(profile))
        disk.append(disk_mb(profile))
        page.wait_for_timeout(50)
    json.loads(page.evaluate("() => window.asked"))
    page.wait_for_timeout(SETTLE_MS)
    peaks = Peaks(memory[0], max(memory), memory_mb(profile), disk[0], max(disk), disk_mb(profile))
    forget(page, files)
    return peaks


def disk_mb(profile: Path) -> float:
    """The files of the profile, the HTTP cache left out. (The browser's own estimate lags behind, blocks even more.)"""
    size = 0
    for folder, folders, files in os.walk(profile):
        if "Cache" in folders:
            folders.remove("Cache")
        for name in files:
            with suppress(OSError):  # it has gone since
                size += os.stat(os.path.join(folder, name)).st_size
    return size / MB


def memory_mb(profile: Path) -> float:
    """Private memory of the browser on this profile and of all it started: not the files that it maps."""
    return sum(private_kb(process) for process in browser_processes(profile)) / 1024


def browser_processes(profile: Path) -> Iterator[Path]:
    """The browser on a profile, and its descendants, as folders of /proc."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if f"--user-data-dir={profile}" in (entry / "cmdline").read_text():
                found.add(int(entry.name))
        except OSError:
            continue  # it has ended since
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return (Path("/proc") / str(process) for process in found)


def private_kb(process: Path) -> int:
    """Anonymous and shared memory of a process, without mapped files."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def measure_loads(
    context: BrowserContext, base: str, server: FaultServer, runs: int
) -> tuple[list[float], list[float]]:
    """Milliseconds to load the pocket model from the cache: downloaded by us, and cached by WebLLM's own loader."""
    orders: dict[str, dict[str, Any]] = {}
    for who in ("ours", "webllm"):
        artifact = next(each for each in pocket_model(server, f"/{who}").artifacts if each.engine == "webllm")
        orders[who] = {
            "model": who,
            "engine": "webllm",
            "device": "webgpu",
            "artifact": msgspec.to_builtins(artifact),
        }
    page = open_python(context, base)
    run_python(page, DOWNLOAD.replace("CARD", repr(msgspec.json.encode(pocket_model(server, "/ours")).decode())))
    call(page, "load", orders["webllm"])
    page.close()
    took: dict[str, list[float]] = {"ours": [], "webllm": []}
    for run in range(runs + 1):
        for who in ("ours", "webllm") if run % 2 else ("webllm", "ours"):
            page = open_python(context, base)  # a new worker each time: nothing is left in memory
            result, _ = call(page, "load", orders[who])
            page.close()
            if run > 0:
                took[who].append(result["load_ms"])
    return took["ours"], took["webllm"]


DOWNLOAD = """
import browserllm as bl, msgspec
card = msgspec.json.decode(CARD, type=bl.models.ModelCard)
async with bl.connect() as host:
    await bl.ModelManager(host, bl.models.Catalog([card])).download(card.id, engine="webllm", device="webgpu")
"""


def measure_reading(page: Page, server: FaultServer, runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds to read 128 MiB back from the cache: an entry that we wrote, and one written by ``cache.add``."""
    ours, added = serve_files(server, "/read", 2, 128 * MB)
    call(page, "download", {"files": [ours.order()]})
    page.evaluate("async ([cache, url]) => (await caches.open(cache)).add(url)", [added.cache, added.url])
    took: dict[str, list[float]] = {ours.url: [], added.url: []}
    for run in range(runs + 1):
        for file in (ours, added) if run % 2 else (added, ours):
            size, each_ms = page.evaluate(READ, [file.cache, file.url])
            assert size == file.content.size
            if run > 0:
                took[file.url].append(each_ms)
    forget(page, [ours, added])
    return took[ours.url], took[added.url]


def ratios(ours: list[float], other: list[float]) -> list[float]:
    """Each run's figure to that of its pair."""
    return [mine / theirs for mine, theirs in zip(ours, other, strict=True)]


def line_rows(rate: int, line: dict[str, list[float]]) -> list[Row]:
    """What a line of so many MB/s leaves of itself."""
    return [
        Row(f"a line of {rate} MB/s: bare fetch of {LINE_FILES} x 16 MiB", line["bare"], "MB/s"),
        Row("  fetched into the cache by cache.add", line["add"], "MB/s"),
        Row("  download, MD5 verified", line["hash"], "MB/s"),
        Row("  download, sizes verified, to the bare fetch", ratios(line["size"], line["bare"]), "", 0.8, True),
        Row("  download, MD5 verified, to the bare fetch", ratios(line["hash"], line["bare"]), "", 0.8, True),
    ]


def main() -> int:
    """Measure all of it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="repetitions of each comparison (default 7)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        FaultServer(send_buffer_bytes=MB) as server,
        serve() as base,
        chromium(Path(profile)) as context,
    ):
        page = open_python(context, base)
        rates = measure_speed(page, serve_files(server, "/speed", 4, 64 * MB), options.runs)
        lines: dict[int, dict[str, list[float]]] = {}
        for rate in LINES_MB_PER_S:
            limit = Fault(bytes_per_s=rate / PARALLEL * 1e6)
            files = serve_files(server, f"/line_{rate}", LINE_FILES, 16 * MB, limit)
            lines[rate] = measure_speed(page, files, min(options.runs, 3))
        peaks = measure_peaks(page, server, Path(profile))
        read_ours, read_added = measure_reading(page, server, options.runs)
        page.close()
        ours, webllm = measure_loads(context, base, server, options.runs)

    rows = [
        Row("bare fetch of 4 x 64 MiB into nothing", rates["bare"], "MB/s"),
        Row("  fetched into the cache by cache.add, as WebLLM does", rates["add"], "MB/s"),
        Row("  download, sizes verified", rates["size"], "MB/s"),
        Row("  download, MD5 verified", rates["hash"], "MB/s"),
        Row("  cache.add, to the bare fetch", ratios(rates["add"], rates["bare"]), ""),
        Row("  download, sizes verified, to the bare fetch", ratios(rates["size"], rates["bare"]), ""),
        Row("  download, MD5 verified, to the bare fetch", ratios(rates["hash"], rates["bare"]), ""),
        Row("  download, sizes verified, to cache.add", ratios(rates["size"], rates["add"]), ""),
        Row("  download, MD5 verified, to cache.add", ratios(rates["hash"], rates["add"]), ""),
        *(row for rate, line in lines.items() for row in line_rows(rate, line)),
        Row("1 GiB in 8 files: the browser's memory grows by", [peaks.peak_mb - peaks.start_mb], "MiB", 128),
        Row(f"  of that still there after {SETTLE_MS / 1000:g} s", [peaks.end_mb - peaks.start_mb], "MiB"),
        Row("  disk used at most, to the model's size", [(peaks.peak_disk_mb - peaks.start_disk_mb) / 1024], ""),
        Row("  disk used in the end, to the model's size", [(peaks.end_disk_mb - peaks.start_disk_mb) / 1024], ""),
        Row("loading from the cache, pocket model: downloaded by us", ours, "ms"),
        Row("  cached by WebLLM's own loader", webllm, "ms"),
        Row("  speed of ours to WebLLM's", ratios(webllm, ours), "", 0.95, True),
        Row("reading 128 MiB from the cache: downloaded by us", read_ours, "ms"),
        Row("  cached by cache.add, as WebLLM does", read_added, "ms"),
        Row("  speed of ours to cache.add's", ratios(read_added, read_ours), "", 0.95, True),
    ]
    notes = [f"The browser's memory was {peaks.start_mb:,.0f} MiB at the start and {peaks.peak_mb:,.0f} MiB at most."]
    return report("downloads: on loopback, through Python in the page", rows, notes)


if __name__ == "__main__":
    sys.exit(main())
