"""The two worlds behind one face: Python in a page, and CPython with a browser that it launched.

A test that is given a `Driver` orders what the page can do, and looks into the caches past everything that it tests.
"""

from __future__ import annotations

import asyncio
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Page

import browserllm as bl
from browserllm.errors import to_wire
from devtools import DIGESTS, FLAG, DevTools
from in_page import run_python
from served_models import ServedFile

T = TypeVar("T")

LONGEST_CALL_S = 60
"""A bound, so that what never ends fails."""


@dataclass
class Outcome:
    """How a request ended: with a result, or with the error as it travels on the wire."""

    result: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    message: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Driver(ABC):
    """A host, driven from a test without an event loop."""

    @abstractmethod
    def call(self, op: str, args: dict[str, Any]) -> Outcome:
        """Ask the page for ``op`` through Python's host."""

    @abstractmethod
    def digests(self, files: Sequence[ServedFile]) -> list[str | None]:
        """The SHA-256 of what lies in the caches for these files."""

    def wrong_entries(self, files: Sequence[ServedFile]) -> list[str]:
        """The addresses whose entry is not what the server has; a file that is not there is not wrong."""
        kept = zip(self.digests(files), files, strict=True)
        return [file.url for digest, file in kept if digest not in (None, file.content.digest())]

    def missing_entries(self, files: Sequence[ServedFile]) -> list[str]:
        """The addresses that have no entry."""
        return [file.url for digest, file in zip(self.digests(files), files, strict=True) if digest is None]


CALL = """
import json
import browserllm as bl
from browserllm.errors import to_wire
async with bl.connect() as host:
    try:
        outcome = {"result": await host.call(OP, json.loads(ARGS))}
    except bl.BrowserLLMError as error:
        outcome = to_wire(error)
json.dumps(outcome)
"""


class InPage(Driver):
    """Python in the page."""

    def __init__(self, page: Page) -> None:
        """Use a page whose Python is ready."""
        self.page = page

    def call(self, op: str, args: dict[str, Any]) -> Outcome:
        """Ask through the host of Pyodide's own page."""
        return Outcome(**run_python(self.page, CALL.replace("OP", repr(op)).replace("ARGS", repr(json.dumps(args)))))

    def digests(self, files: Sequence[ServedFile]) -> list[str | None]:
        """Read the caches in the page's JavaScript."""
        return self.page.evaluate(DIGESTS, [[file.cache, file.url] for file in files])


class Launched(Driver):
    """CPython and its browser, in a loop of its own thread (Playwright holds the test's)."""

    def __init__(self, profile: Path, *, flags: str = "", **options: Any) -> None:
        """Launch a browser on ``profile``, with ``flags`` on its command line; `close` ends it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BROWSERLLM_BROWSER_FLAGS", f"{FLAG} {flags}")
            self.host: bl.Host = self.run(bl.connect(profile=profile, **options))
        self._devtools = self.run(DevTools.open(profile))

    def run(self, work: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        """Await something in the driver's loop."""

        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(LONGEST_CALL_S)

    def call(self, op: str, args: dict[str, Any]) -> Outcome:
        """Ask through the host."""
        try:
            return Outcome(result=self.run(self.host.call(op, args)))
        except bl.BrowserLLMError as error:
            return Outcome(**to_wire(error))

    def digests(self, files: Sequence[ServedFile]) -> list[str | None]:
        """Read the caches through DevTools."""
        return self.run(self._devtools.evaluate(DIGESTS, [[file.cache, file.url] for file in files]))

    def set_network(self, *, offline: bool = False, connection: str = "none") -> None:
        """Take the page's network away or give it back, of this type (one of the DevTools protocol's names)."""
        # Chromium forgets the type of a network that is neither away nor slow.
        latency = 0 if connection == "none" else 1
        conditions = {"offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
        self.run(self._devtools.send("Network.emulateNetworkConditions", **conditions, connectionType=connection))

    def close(self) -> None:
        """End the browser and the loop."""
        self.run(self._devtools.close())
        self.run(self.host.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
