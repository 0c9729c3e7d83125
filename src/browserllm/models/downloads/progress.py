"""Meter: turns the page's byte counts into a download's progress: speed, time left, and a bar that never goes back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from ...page.host import FileProgress, Progress

UPDATE_EVERY_S = 0.25
"""The shortest time between two updates; the last one is always sent."""

SMOOTHING_S = 5.0
"""After this time, about two thirds of a change in speed are visible."""

PHASES = ("queued", "downloading", "verifying", "loading", "compiling", "warming_up", "ready", "error")
"""In this order. A download goes back from ``verifying`` only when a bad file is fetched again."""


class Meter:
    """Reads the page's progress reports of one download. ``clock`` returns seconds, from any start.

    It keeps a table of all files, so that each update is complete even if the page leaves files out. Bytes that were
    stored before count in the fraction, but not in the speed.
    """

    def __init__(self, clock: Callable[[], float], files: Iterable[FileProgress] = ()) -> None:
        """Start with ``files``: their sizes, and how much of each is stored."""
        self._clock = clock
        self._files = {file.url: file for file in files}
        self._fraction = 0.0
        self._speed = _Speed(clock())
        self._emitted_s = -math.inf
        self.progress = self._measure("downloading", "")

    def of(self, files: Iterable[FileProgress]) -> Meter:
        """Return a meter for these files with the same clock."""
        return Meter(self._clock, files)

    def update(self, raw: Progress) -> Progress | None:
        """Process a report of the page; returns an update, or ``None`` if the last one is too recent."""
        received = 0
        for file in raw.files:
            known = self._files.get(file.url)
            if known is not None and file.total_bytes is None:
                file = msgspec.structs.replace(file, total_bytes=known.total_bytes)  # noqa: PLW2901
            received += max(0, file.loaded_bytes - (known.loaded_bytes if known is not None else 0))
            self._files[file.url] = file
        now = self._clock()
        self._speed.add(now, received)
        self.progress = self._measure(raw.phase, raw.text)
        return self.emit() if now - self._emitted_s >= UPDATE_EVERY_S else None

    def emit(self) -> Progress:
        """Return the current progress as an update."""
        self._emitted_s = self._clock()
        return self.progress

    def pause(self) -> Progress:
        """Stop measuring speed until `resume`."""
        self._speed = _Speed(self._clock())
        self.progress = msgspec.structs.replace(self.progress, bytes_per_s=None, seconds_left=None)
        return self.progress

    def resume(self) -> None:
        """Measure speed from now on."""
        self._speed = _Speed(self._clock())

    def finish(self, phase: str, text: str = "") -> Progress:
        """Return the last update: ``ready`` with all files complete, or ``error`` with the current state."""
        if phase == "ready":
            self._files = {
                url: msgspec.structs.replace(
                    file,
                    state="done",
                    loaded_bytes=file.total_bytes if file.total_bytes is not None else file.loaded_bytes,
                    retry_in_ms=None,
                )
                for url, file in self._files.items()
            }
        self.progress = self._measure(phase, text)
        return self.progress

    def _measure(self, phase: str, text: str) -> Progress:
        files = list(self._files.values())
        loaded = sum(file.loaded_bytes for file in files)
        total = 0
        for file in files:
            if file.total_bytes is None:
                total = None
                break
            total += file.total_bytes
        if phase == "ready":
            self._fraction = 1.0
        elif total:
            # Never back: while a file is downloaded again, the bar stands still.
            self._fraction = max(self._fraction, min(1.0, loaded / total))
        if phase in ("downloading", "verifying"):
            under_way = any(file.state in ("waiting", "downloading", "retrying") for file in files)
            phase = "downloading" if under_way else "verifying" if files else phase
        speed = self._speed.bytes_per_s if phase == "downloading" else None
        left = None
        if phase == "ready":
            left = 0.0
        elif total is not None and speed:
            left = max(0, total - loaded) / speed
        return Progress(
            phase=phase,
            fraction=self._fraction if total is not None or phase == "ready" else None,
            text=text,
            loaded_bytes=loaded,
            total_bytes=total,
            bytes_per_s=speed,
            seconds_left=left,
            files=files,
        )


class _Speed:
    """Bytes per second as a moving average, weighted by age, whatever the interval between reports."""

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s
        self._waiting = 0
        self._mean = 0.0
        self._weight = 0.0

    def add(self, now_s: float, received: int) -> None:
        self._waiting += received
        passed = now_s - self._last_s
        if passed <= 0:
            return  # two reports in one tick of a coarse clock: count them with the next
        keep = math.exp(-passed / SMOOTHING_S)
        self._mean = keep * self._mean + (1 - keep) * self._waiting / passed
        self._weight = keep * self._weight + (1 - keep)
        self._last_s = now_s
        self._waiting = 0

    @property
    def bytes_per_s(self) -> float | None:
        """The speed; ``None`` before the first measurement."""
        # The mean starts at zero; dividing by the weight corrects that in the first seconds.
        return self._mean / self._weight if self._weight > 0 else None
