"""DownloadBars: a download in the terminal: one bar for the total and one for each active file, or JSON lines."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from .._internal.formatting import size_text
from ..models.downloads.download import DownloadResult
from ..page.host import FileProgress, Progress
from .console import print_json, stderr_console

NAME_WIDTH = 22
"""Columns for a name; with a bar of 12 and the numbers a line has 80."""

LONGEST_S = 24 * 3600
"""A longer remaining time is not a useful estimate and is not shown."""


class DownloadBars:
    """Shows the progress of one download, as a context manager."""

    def __init__(self, model: str, *, as_json: bool, console: Console | None = None) -> None:
        """Show ``model`` on ``console`` (by default standard error); ``as_json`` prints a line for each update."""
        self._model = model
        self._as_json = as_json
        console = console or Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[numbers]}", justify="left"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._total: TaskID | None = None
        self._files: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if not self._as_json:
            self._total = self._bars.add_task(_fit_in(self._model), total=None, numbers="reading its manifest")
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._as_json:
            self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Show an update."""
        if self._as_json:
            print_json({"progress": msgspec.to_builtins(progress)}, line=True)
        elif self._total is not None:
            self._bars.update(
                self._total,
                total=progress.total_bytes,
                completed=progress.loaded_bytes or 0,
                numbers=describe_progress(progress),
            )
            for file in progress.files:
                self._show_file(file)

    def text(self) -> str:
        """Return the current display as text without colours."""
        with self._bars.console.capture() as captured:
            self._bars.console.print(self._bars.get_renderable())
        return captured.get()

    def say_stopped(self, kept_bytes: int | None) -> None:
        """Print how many bytes are kept after Ctrl-C; ``None`` if the browser did not report it."""
        if self._as_json:
            return
        console = stderr_console()
        if kept_bytes is None:
            console.print("Stopped; the browser did not report how much is kept.", highlight=False)
        elif kept_bytes == 0:
            console.print("Stopped; nothing was downloaded yet.", highlight=False)
        else:
            console.print(f"Stopped; {size_text(kept_bytes)} downloaded so far are kept.", highlight=False)
        console.print(f"To resume: browserllm models pull {escape(self._model)}", highlight=False)

    def say_done(self, result: DownloadResult) -> None:
        """Print the result."""
        if self._as_json:
            print_json({"result": msgspec.to_builtins(result)}, line=True)
            return
        if not result.files:
            click.echo(f"{result.model} is part of browserllm: there is nothing to download.")
            return
        fetched = "nothing was missing" if not result.fetched_bytes else f"{size_text(result.fetched_bytes)} downloaded"
        click.echo(f"{result.model} is on this device: {size_text(result.size_bytes)}, {fetched}.")
        stderr_console().print(
            f'[dim]Try it: browserllm run --model {escape(self._model)} "Hello!"[/]', highlight=False
        )

    def _show_file(self, file: FileProgress) -> None:
        task = self._files.get(file.url)
        if file.state in ("done", "waiting"):
            if task is not None:
                self._bars.remove_task(self._files.pop(file.url))
            return
        if task is None:
            name = _fit_in("  " + file.url.rpartition("/")[2])
            task = self._files[file.url] = self._bars.add_task(f"[dim]{escape(name)}[/]", total=None, numbers="")
        self._bars.update(
            task, total=file.total_bytes, completed=file.loaded_bytes, numbers=f"[dim]{_describe_file(file)}[/]"
        )


def describe_progress(progress: Progress) -> str:
    """Return the progress of a download or load on one line: bytes, percent, speed and time left, or the phase.

    Empty if there is nothing to add to "loading".
    """
    if progress.loaded_bytes is None or progress.phase not in ("downloading", "verifying"):
        if progress.phase == "ready":
            return ""
        # The caller's own word is "loading".
        phase = "" if progress.phase == "loading" else progress.phase.replace("_", " ")
        percent = "" if progress.fraction is None else f"{progress.fraction:.0%}"
        return f"{phase} {percent}".strip()
    parts = [_of(progress.loaded_bytes, progress.total_bytes)]
    if progress.fraction is not None:
        parts.append(f"{progress.fraction:.0%}")
    if progress.phase == "verifying":
        parts.append("verifying")
    if progress.bytes_per_s:
        parts.append(f"{size_text(progress.bytes_per_s)}/s")
    if progress.seconds_left and progress.seconds_left < LONGEST_S:
        parts.append(f"{_time(progress.seconds_left)} left")
    return "  ".join(parts)


def is_fetching(progress: Progress) -> bool:
    """Return whether files are downloaded, rather than a model loaded that is on the device."""
    return progress.phase in ("downloading", "verifying")


def _describe_file(file: FileProgress) -> str:
    numbers = _of(file.loaded_bytes, file.total_bytes)
    if file.state == "retrying":
        wait = f" in {_time(file.retry_in_ms / 1000)}" if file.retry_in_ms else ""
        return f"{numbers}  attempt {file.attempt}{wait}"
    return numbers if file.state == "downloading" else f"{numbers}  {file.state}"


def _of(loaded: int, total: int | None) -> str:
    return size_text(loaded) if total is None else f"{size_text(loaded)} of {size_text(total)}"


def _time(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _fit_in(name: str) -> str:
    return (name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 1]}…").ljust(NAME_WIDTH)
