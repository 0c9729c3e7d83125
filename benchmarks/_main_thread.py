"""What a page's main thread does: the longest of its tasks, from Chromium's own trace, and the frames it draws."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

LONG_MS = 50
"""What the web calls a long task."""

COUNT_FRAMES = """() => {
  const frames = [];
  const next = (at) => { frames.push(at); window.counted = requestAnimationFrame(next); };
  window.frames_ = frames;
  window.counted = requestAnimationFrame(next);
}"""
FRAMES = """() => { cancelAnimationFrame(window.counted); return window.frames_; }"""


@dataclass
class Watched:
    """What a page did meanwhile. Tasks are in milliseconds, longest first: of the clock, and of the processor.

    On a machine that has other work the clock counts that, too; the processor's time is the task's own.
    """

    tasks: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])
    frames: list[float] = field(default_factory=list[float])

    @property
    def long(self) -> int:
        """How many tasks were long by their own work."""
        return sum(task > LONG_MS for task in self.cpu)

    @property
    def frames_per_s(self) -> float:
        """Frames a second, on average."""
        return (len(self.frames) - 1) / (self.frames[-1] - self.frames[0]) * 1000


@contextmanager
def watched(page: Page) -> Iterator[Watched]:
    """Trace the page for the time of the block; the result is complete after it."""
    session = page.context.new_cdp_session(page)
    ends: list[dict[str, Any]] = []
    session.on("Tracing.tracingComplete", lambda event: ends.append(event))  # noqa: PLW0108 (playwright sets attributes)
    categories = ["toplevel", "disabled-by-default-devtools.timeline", "__metadata"]
    config = {"includedCategories": categories, "excludedCategories": ["*"], "recordMode": "recordAsMuchAsPossible"}
    session.send("Tracing.start", {"transferMode": "ReturnAsStream", "traceConfig": config})
    page.evaluate(COUNT_FRAMES)
    result = Watched()
    yield result
    result.frames = page.evaluate(FRAMES)
    session.send("Tracing.end")
    while not ends:
        page.wait_for_timeout(50)
    events = _read(session, ends[0]["stream"])
    session.detach()
    main = _main_threads(events)
    tasks = [event for event in events if event["name"] == "RunTask" and (event["pid"], event["tid"]) in main]
    result.tasks = sorted((event.get("dur", 0) / 1000 for event in tasks), reverse=True)
    result.cpu = sorted((event.get("tdur", 0) / 1000 for event in tasks), reverse=True)


def _read(session: Any, stream: str) -> list[dict[str, Any]]:
    parts: list[bytes] = []
    while True:
        part = session.send("IO.read", {"handle": stream, "size": 1 << 20})
        data = part["data"]
        parts.append(base64.b64decode(data) if part.get("base64Encoded") else data.encode())
        if part["eof"]:
            break
    session.send("IO.close", {"handle": stream})
    found: Any = json.loads(b"".join(parts))
    return found["traceEvents"] if isinstance(found, dict) else found


def _main_threads(events: list[dict[str, Any]]) -> set[tuple[int, int]]:
    """The main threads of renderers; the browser has one page, so the busiest of them is its."""
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    busy = dict.fromkeys(threads, 0.0)
    for event in events:
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) in busy:
            busy[event["pid"], event["tid"]] += event.get("dur", 0)
    return {max(busy, key=lambda thread: busy[thread])} if busy else set()
