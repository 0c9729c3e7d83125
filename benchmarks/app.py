"""The app as people meet it, in headless Chromium: the built site, the real Python, client and views.

A cloud on loopback streams a 4,000-token answer at 100 tokens/s through Python in the page; a conversation of 1,000
messages is opened and scrolled; a first visit is counted byte by byte; a new browser is timed to its first paint and
first token; and the heap is measured after 200 messages. Drawing only the unfinished end of an answer is measured
beside drawing all of it, in the same page.

Tasks are given twice: by the clock, and by the processor's own time, which is what the code costs when other programs
keep the machine busy.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

import _app_parts
from _cloud import Cloud, answer_tokens, cloud
from _main_thread import Watched, watched
from _page import chromium, serve
from _report import Row, report
from app_page import AppPage

ANSWER_TOKENS = 4000
TOKENS_PER_S = 100.0
LONG_CONVERSATION = 1000
SCROLLS = 120
MESSAGES = (20, 100, 200)
"""After how many the heap is measured."""

BESIDE = """No other chat page is measured beside it: web-llm-chat is in no registry, and llama.cpp's page is inside
its server's binary (docs/benchmarks.md has its size)."""
ENGINE = ("ort/", "assets/engine-", "assets/lib-")
"""The engines' own bundles; the worker that loads one is ours, and there from the start."""
PYTHON_AND_ENGINE = ("pyodide/", "python/", "ort/", "models/", "assets/engine-", "assets/worker-", "assets/lib-")


def cloud_app(context: BrowserContext, base: str, server: Cloud) -> AppPage:
    """The app after the first screen, with the loopback cloud as the model that answers."""
    app = AppPage(context, base).open().start_chatting()
    made = app.call("clouds.save", vendor="compatible", model="m", label="Loopback", baseUrl=server.url, apiKey="k")
    app.call("settings.update", changes={"neverLeaveDevice": False, "mode": "cloud", "model": f"cloud:{made}"})
    return app


def empty_frames(context: BrowserContext) -> float:
    """Frames a second of a page with nothing in it: what this machine can draw."""
    page = context.new_page()
    page.goto("about:blank")
    with watched(page) as idle:
        page.wait_for_timeout(3000)
    page.close()
    return idle.frames_per_s


def long_answer(base: str) -> tuple[Watched, float, float]:
    """A long answer in the chat view: what the main thread did, the seconds it took, and an empty page's frames."""
    with cloud() as server, chromium() as context:
        frames = empty_frames(context)
        app = cloud_app(context, base, server)
        server.tokens = answer_tokens(60)
        app.ask("Begin.")  # everything that is loaded lazily is there afterwards
        server.tokens, server.per_s = answer_tokens(ANSWER_TOKENS), TOKENS_PER_S
        with watched(app.page) as seen:
            began = time.perf_counter()
            app.send("How does the lens of a lighthouse work?")
            wait_for_answers(app.page, 2)
            took = time.perf_counter() - began
        app.check()
        return seen, took, frames


def wait_for_answers(page: Page, count: int) -> None:
    """Wait without asking the page all the time."""
    page.wait_for_function(_ANSWERED, arg=count, polling=250)


_ANSWERED = """(count) => {
  const all = document.querySelectorAll("article[aria-busy]");
  const done = [...all].filter((one) => one.getAttribute("aria-busy") === "false");
  return all.length === done.length && done.length >= count;
}"""


def long_conversation(base: str) -> tuple[list[float], list[float], Watched, Watched]:
    """A conversation of 1,000 messages: milliseconds to open it, and again; main thread while opening and scrolling."""
    with chromium() as context:
        app = AppPage(context, base).open().start_chatting()
        app.call("conversations.import", text=exported(LONG_CONVERSATION))
        app.page.reload()
        link = app.page.get_by_role("link", name="A long conversation")
        link.wait_for()
        app.page.wait_for_function(_SETTLED, polling=250)
        with watched(app.page) as opening:
            first = app.page.evaluate(_OPEN, "message number 999.")
        again: list[float] = []
        for _ in range(5):
            app.page.evaluate(_LEAVE)
            again.append(app.page.evaluate(_OPEN, "message number 999."))
        box = app.page.get_by_role("region", name="Conversation").bounding_box()
        assert box is not None
        app.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        with watched(app.page) as scrolling:
            for step in range(SCROLLS):
                app.page.mouse.wheel(0, -900 if step < SCROLLS * 2 // 3 else 900)
                app.page.wait_for_timeout(16)
        app.check()
        return [first], again, opening, scrolling


_SETTLED = "() => document.querySelector('a[href*=\"#/chat/\"]') !== null"
# From the click to the frame after the one that draws the last message.
_OPEN = """(text) => new Promise((resolve) => {
  const link = [...document.querySelectorAll("a")].find((one) => one.textContent.includes("A long conversation"));
  const begin = performance.now();
  link.click();
  const look = () => {
    if ([...document.querySelectorAll("article")].some((one) => one.textContent.includes(text))) {
      requestAnimationFrame(() => resolve(performance.now() - begin));
    } else requestAnimationFrame(look);
  };
  look();
})"""
_LEAVE = """() => new Promise((resolve) => {
  location.hash = "#/chat";
  const look = () => document.querySelector("article") ? requestAnimationFrame(look) : resolve();
  look();
})"""


def exported(messages: int) -> str:
    """A file with one conversation of so many messages, as the app would export it."""
    texts = [f"## {section}" for section in "".join(answer_tokens(2400)).split("## ") if section]
    made = [
        {
            "id": f"m{number}",
            "role": "assistant" if number % 2 else "user",
            "parent": f"m{number - 1}" if number else None,
            "parts": [{"type": "text", "text": f"{said[number % 2]}\n\nThis is message number {number}."}],
        }
        for number in range(messages)
        for said in [("And then?", texts[number % len(texts)])]
    ]
    entry = {"id": "long", "title": "A long conversation", "createdAt": 1, "updatedAt": 1, "messages": messages}
    one = {"conversation": entry, "messages": made, "shown": f"m{messages - 1}"}
    return json.dumps({"format": "browserllm.conversations", "version": 1, "conversations": [one]})


def first_visit(base: str) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes of each file of a first visit until the first answer, with gzip and without the model.

    First those that the page asked for, then those that its service worker fetched to keep them for a visit without
    network.
    """
    with chromium() as context:
        asked: set[str] = set()
        kept: set[str] = set()
        context.on(
            "requestfinished", lambda request: (kept if request.service_worker else asked).add(plain(request.url))
        )
        app = AppPage(context, base).open().start_chatting()
        app.ask("Hello!")

        def sizes(urls: set[str]) -> dict[str, float]:
            names = {url: url.removeprefix(base) or "index.html" for url in sorted(urls) if url.startswith(base)}
            return {
                name: len(gzip.compress(context.request.get(url).body(), 9))
                for url, name in names.items()
                if not name.startswith("models/")
            }

        return sizes(asked), sizes(kept - asked)


def plain(url: str) -> str:
    """An address without query and fragment."""
    return url.partition("#")[0].partition("?")[0]


def starts(base: str, runs: int) -> dict[str, list[float]]:
    """Milliseconds of new browsers to the first paint and to the first token of the built-in model, cold and warm."""
    figures = {f"{what}, {visit}": list[float]() for visit in ("cold", "warm") for what in MARKS}
    for _ in range(runs):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for visit in ("cold", "warm"):
                for what, value in start_once(Path(folder), base, first=visit == "cold").items():
                    figures[f"{what}, {visit}"].append(value)
    return figures


def start_once(profile: Path, base: str, *, first: bool) -> dict[str, float]:
    """One new browser: the page is opened and a message sent as soon as there is a box for it."""
    with chromium(profile) as context:
        app = AppPage(context, base)
        app.page.add_init_script(_WATCH_TEXT)
        app.page.goto(base)
        if first:
            app.page.get_by_role("button", name="Start chatting").click()
        app.send("Tell me a story about a fox.")
        app.page.wait_for_function("() => window.marks['first token'] !== undefined", polling=50)
        marks: dict[str, float] = app.page.evaluate("() => window.marks")
        marks[MARKS[0]] = app.page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
        app.page.wait_for_function(_ENGINE_IS_KEPT, polling=250)
        app.answered(1)
        return {what: marks[what] for what in MARKS}


MARKS = ("first paint", "box to write in", "Python ready", "first token")
_WATCH_TEXT = """addEventListener("DOMContentLoaded", () => {
  const marks = (window.marks = {});
  let python = null;
  const observer = new MutationObserver(() => {
    const now = performance.now();
    if (document.querySelector('textarea')) marks["box to write in"] ??= now;
    if (window.browserllm && !python) {
      python = window.browserllm.ready.then(() => { marks["Python ready"] = performance.now(); });
    }
    const text = document.querySelector('article[aria-label="Assistant"] .md')?.textContent ?? "";
    if (text.trim() === "") return;
    marks["first token"] = now;
    observer.disconnect();
  });
  observer.observe(document.documentElement, { childList: true, subtree: true, characterData: true });
});"""
# The service worker keeps the files of a first visit, so that the next one needs no network.
_ENGINE_IS_KEPT = """async () => {
  const name = (await caches.keys()).find((key) => key.startsWith("browserllm-site-"));
  if (name === undefined) return false;
  return (await (await caches.open(name)).keys()).some(({ url }) => url.includes("/assets/engine-"));
}"""


def memory(base: str) -> dict[int, float]:
    """MiB of the page's JavaScript heap after garbage collection, by the number of messages of the conversation."""
    with cloud() as server, chromium() as context:
        app = cloud_app(context, base, server)
        session = context.new_cdp_session(app.page)
        server.tokens = answer_tokens(100)
        heap: dict[int, float] = {}
        for messages in range(2, MESSAGES[-1] + 1, 2):
            app.send("Go on.")
            app.page.wait_for_function(_IS_ANSWERED, arg=messages, polling=50)
            if messages in MESSAGES:
                for _ in range(3):
                    session.send("HeapProfiler.collectGarbage")
                heap[messages] = session.send("Runtime.getHeapUsage")["usedSize"] / 2**20
        app.check()
        return heap


# Of a long conversation only a part is in the page: rows then say which they are.
_IS_ANSWERED = """(count) => {
  const shown = [...document.querySelectorAll("article")];
  const last = shown.at(-1);
  const index = Number(last?.closest("[data-index]")?.dataset.index ?? shown.length - 1);
  return index === count - 1 && last.getAttribute("aria-busy") === "false";
}"""


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="fresh profiles for the times to start (default 3)")
    parser.add_argument("--only", choices=PARTS, help="measure one part alone")
    options = parser.parse_args()
    rows: list[Row] = []
    notes = [f"load average of the machine at the start: {os.getloadavg()[0]:.1f}", BESIDE]
    with serve() as base:
        for name, measure in PARTS.items():
            if options.only in (None, name):
                measure(base, options.runs, rows)
    return report("app: headless Chromium on loopback, software GPU", rows, notes)


def answer_rows(base: str, runs: int, rows: list[Row]) -> None:
    """The 4,000-token answer."""
    seen, took, empty = long_answer(base)
    speed = ANSWER_TOKENS / took
    rows += [
        Row("4,000 tokens: longest main-thread task, processor time", seen.cpu[:1], "ms", budget=50),
        Row("  by the clock", seen.tasks[:1], "ms"),
        Row("  frames a second", [seen.frames_per_s], "1/s", budget=0.95 * min(60.0, empty), at_least=True),
        Row("  frames a second of an empty page", [empty], "1/s"),
        Row("  tokens a second that arrived, of 100", [speed], "1/s", budget=95, at_least=True),
        Row("  main thread busy", [100 * sum(seen.cpu) / (took * 1000)], "%"),
    ]


def markdown_rows(base: str, runs: int, rows: list[Row]) -> None:
    """Drawing Markdown, and the way of a change from Python to the page."""
    rows += _app_parts.measure(base, answer_tokens(ANSWER_TOKENS))


def conversation_rows(base: str, runs: int, rows: list[Row]) -> None:
    """The conversation of 1,000 messages."""
    first, again, opening, scrolling = long_conversation(base)
    rows += [
        Row("1,000 messages: click to drawn, first time after a reload", first, "ms", budget=300),
        Row("  click to drawn, again", again, "ms", budget=300),
        Row("  longest task while it opens, processor time", opening.cpu[:1], "ms", budget=50),
        Row("  longest task while scrolling, processor time", scrolling.cpu[:1], "ms", budget=50),
        Row("  by the clock", scrolling.tasks[:1], "ms"),
        Row("  frames a second while scrolling", [scrolling.frames_per_s], "1/s"),
    ]


def visit_rows(base: str, runs: int, rows: list[Row]) -> None:
    """What a first visit fetches."""
    files, kept = first_visit(base)
    app_bytes = sum(size for name, size in files.items() if not name.startswith(PYTHON_AND_ENGINE))
    without_engine = sum(size for name, size in files.items() if not name.startswith(ENGINE))
    rows += [
        Row("first visit: the app without Python and engine, gzip", [app_bytes / 1e3], "KB", budget=200),
        Row("  until one can write, without the engine, gzip", [without_engine / 1e6], "MB", budget=8),
        Row("  until the first answer, without the model, gzip", [sum(files.values()) / 1e6], "MB"),
        Row("  fetched afterwards, for visits without network", [sum(kept.values()) / 1e6], "MB"),
        *(Row(f"    {name}", [size / 1e6], "MB") for name, size in sorted(files.items(), key=lambda f: -f[1])[:5]),
    ]


def start_rows(base: str, runs: int, rows: list[Row]) -> None:
    """Times of new browsers."""
    budgets = {"first token, warm": 1500.0}
    rows += [
        Row(f"new browser to {name}", values, "ms", budget=budgets.get(name))
        for name, values in starts(base, runs).items()
    ]


def memory_rows(base: str, runs: int, rows: list[Row]) -> None:
    """The heap of a conversation that grows."""
    heap = memory(base)
    rows += [
        *(Row(f"heap after {messages} messages", [value], "MiB") for messages, value in heap.items()),
        Row("  growth from 100 to 200 messages", [heap[200] - heap[100]], "MiB", budget=2),
    ]


PARTS: dict[str, Callable[[str, int, list[Row]], None]] = {
    "answer": answer_rows,
    "markdown": markdown_rows,
    "conversation": conversation_rows,
    "visit": visit_rows,
    "starts": start_rows,
    "memory": memory_rows,
}

if __name__ == "__main__":
    sys.exit(main())
