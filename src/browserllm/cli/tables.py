"""Models in a terminal: as a list, in detail, and before they are deleted."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table

from .._internal.formatting import memory_text, size_text
from ..models import Artifact, ModelCard, ModelEntry, Storage, StoredModel
from ..models.fit import Fit
from ..models.storage import only_of
from .console import stderr_console


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # a file or a pipe: do not wrap or cut lines
    return console


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column == columns[0] or column in right,
            overflow="fold",
        )
    return table


def _print_table(console: Console, table: Table) -> None:
    """Print a table, or in a narrow terminal each row as its name and a line with the rest."""
    wide = console.options.update(max_width=10_000)
    if not console.is_terminal:
        with console.capture() as printed:
            console.print(table)
        click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))
        return
    if Measurement.get(console, wide, table).minimum <= console.width:
        console.print(table)
        return
    names, *others = ([str(cell) for cell in column.cells] for column in table.columns)
    headers = [str(column.header).lower() for column in table.columns[1:]]
    for name, *cells in zip(names, *others, strict=True):
        facts = [f"{header} {cell}" for header, cell in zip(headers, cells, strict=True) if cell]
        console.print(f"[bold]{name}[/]", highlight=False)
        console.print(Padding(" · ".join(facts), (0, 0, 0, 2)), highlight=False)


def _counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 model", "3 models"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def print_catalog(cards: Sequence[ModelCard]) -> None:
    """Print the known models, with sizes that do not depend on the device."""
    table = _table("Model", "Parameters", "Download", "Good for", right=["Parameters", "Download"])
    for card in cards:
        table.add_row(card.id, _count(card.parameters), _smallest(card), _good_for(card))
    console = _console()
    _print_table(console, table)
    console.print(
        f"{_counted(len(cards), 'model')}. ~ is an estimate, for the smallest build.\n"
        "Which of them fit this device: browserllm models list --fits",
        style="dim",
        highlight=False,
    )


def print_entries(
    entries: Sequence[ModelEntry], storage: Storage, *, judged: bool, downloaded: bool, purpose: str | None
) -> None:
    """Print models with their state on this device: where they run if ``judged``, else their stored files.

    ``downloaded`` and ``purpose`` are the filters that selected them.
    """
    console = _console()
    if judged:
        _print_judged(console, entries)
        slow = sum(map(_is_slow, entries))
        console.print(
            f"{_counted(len(entries), 'downloaded model' if downloaded else 'model')}"
            f"{f' for {purpose}' if purpose else ''} {'fits' if len(entries) == 1 else 'fit'} this device"
            f"{f', {slow} of them slow' if slow else ''}. "
            "Why another does not fit, or is slow: browserllm models info NAME",
            style="dim",
            highlight=False,
        )
        return
    known = {entry.card.id for entry in entries}
    table = _table("Model", "Size", "State", "Last used", right=["Size"])
    for entry in entries:
        if _is_built_in(entry.card):
            # The engines' copies of it can be deleted; it is complete without them.
            table.add_row(entry.card.id, size_text(entry.size_bytes) if entry.size_bytes else "", "built in", "")
            continue
        for build in storage.models:
            if build.model == entry.card.id:
                table.add_row(*_stored_row(build))
    for build in storage.models:
        if build.model not in known and purpose is None:  # unknown to the catalog, or incomplete
            table.add_row(*_stored_row(build))
    _print_table(console, table)
    console.print(_space(storage), style="dim", highlight=False)


def _print_judged(console: Console, entries: Sequence[ModelEntry]) -> None:
    """Print where models run, those first that are here, then fast ones; a column that would be empty is left out."""
    rows = [
        (
            entry.card.id,
            _download(entry.fit.artifact),
            _place(entry.fit.artifact),
            "slow" if _is_slow(entry) else "",
            _size_here(entry),
        )
        for entry in sorted(entries, key=_by_use)
    ]
    headers = ["Model", "Download", "Runs on", "Speed", "Downloaded"]
    shown = [index for index in range(len(headers)) if index < 3 or any(row[index] for row in rows)]
    table = _table(*(headers[index] for index in shown), right=["Download", "Downloaded"])
    for row in rows:
        table.add_row(*(row[index] for index in shown))
    _print_table(console, table)


def _by_use(entry: ModelEntry) -> tuple[bool, bool, float, str]:
    """Order models: what is on the device, then what answers at a useful speed, the smallest download first."""
    artifact = entry.fit.artifact
    here = entry.downloaded or _is_built_in(entry.card)
    return not here, _is_slow(entry), (artifact.download_bytes if artifact is not None else None) or 0, entry.card.id


def _is_slow(entry: ModelEntry) -> bool:
    return any(warning.code == "slow" for warning in entry.fit.warnings)


def _is_built_in(card: ModelCard) -> bool:
    return any(artifact.bundled for artifact in card.artifacts)


def _stored_row(build: StoredModel) -> tuple[str, str, str, str]:
    if build.complete:
        state = "complete"
    elif build.evicted:
        state = f"[yellow]the browser deleted {len(build.missing)} of its files[/]"
    else:
        state = "[yellow]incomplete; pull resumes it[/]"
    return escape(build.artifact_id or build.model), size_text(build.size_bytes), state, _ago(build.last_used_ms)


def _space(storage: Storage) -> str:
    lines = [f"Models take {size_text(storage.models_bytes)}"]
    if storage.available_bytes is not None:
        lines[0] += f"; the browser has {size_text(storage.available_bytes)} left"
    lines[0] += "." if storage.persisted is not False else ", and may delete models when the disk is full."
    if storage.orphans or storage.abandoned:
        size = sum(file.size_bytes or 0 for file in storage.orphans)
        size += sum(part.loaded_bytes for part in storage.abandoned)
        count = len(storage.orphans) + len(storage.abandoned)
        files = f"{_counted(count, 'file')} ({size_text(size)}) {'belongs' if count == 1 else 'belong'}"
        lines.append(f"{files} to no model: browserllm models rm --orphans")
    return "\n".join(lines)


def print_card(card: ModelCard, builds: Sequence[tuple[Artifact, Fit]], stored: Sequence[StoredModel]) -> None:
    """Print a model's details: its builds, whether and why each fits, and its stored files."""
    console = _console()
    facts = [
        f"{_count(card.parameters)} parameters" if card.parameters else "",
        card.license or "licence unknown",
        f"context of {card.context_window:,} tokens" if card.context_window else "",
    ]
    console.print(f"[bold]{escape(card.id)}[/]  {escape(' · '.join(filter(None, facts)))}", highlight=False)
    if _good_for(card):
        console.print(f"Good for {_good_for(card)}", highlight=False)
    if "low-end" in card.purposes:
        console.print("Small enough for devices without a GPU", highlight=False)
    if card.cloud_equivalent:
        console.print(f"Cloud fallback: {escape(card.cloud_equivalent)}", highlight=False)
    fits = next((artifact for artifact, judged in builds if judged.fits), None)
    verdict = f"[green]fits this device[/]: {_place(fits)}" if fits else "[red]does not fit this device[/]"
    console.print(f"This model {verdict}\n", highlight=False)
    for artifact, judged in builds:
        sign = "[green]yes[/]" if judged.fits else "[red]no [/]"
        memory = f", memory {memory_text(artifact.vram_mb)}" if artifact.vram_mb else ""
        console.print(
            f"{sign} [bold]{escape(artifact.id or artifact.dtype or card.id)}[/]  {_place(artifact)}, "
            f"download {_download(artifact)}{memory}",
            highlight=False,
        )
        for reason in (*judged.reasons, *judged.warnings):
            console.print(Padding(escape(reason.message), (0, 0, 0, 4), expand=False), style="yellow", highlight=False)
        if not artifact.bundled:
            console.print(f"    {escape(artifact.url)}", style="dim", highlight=False, soft_wrap=True)
    if _is_built_in(card):
        console.print("\nBuilt in: there is nothing to download.", highlight=False)
        return
    for build in stored:
        name, size, state, used = _stored_row(build)
        console.print(
            f"\nOn this device: {name}, {size}, {state}" + (f", used {used}" if used else ""), highlight=False
        )
    if not stored:
        console.print(
            f"\nNot on this device. To download it:\n  browserllm models pull {escape(card.id)}",
            highlight=False,
            soft_wrap=True,
        )


def print_plan(chosen: Sequence[StoredModel], storage: Storage, *, orphans: bool) -> int:
    """Print what would be deleted, and return the number of models and loose files."""
    console = stderr_console()
    for build in chosen:
        name, size, state, used = _stored_row(build)
        console.print(f"{name}: {size}, {state}" + (f", used {used}" if used else ""), highlight=False)
    files, partials = only_of(chosen, storage.models)
    count = len(chosen)
    if orphans:
        files, partials = [*files, *storage.orphans], [*partials, *storage.abandoned]
        loose = len(storage.orphans) + len(storage.abandoned)
        count += loose
        if loose:
            belong = "belongs" if loose == 1 else "belong"
            console.print(f"{_counted(loose, 'file')} that {belong} to no model", highlight=False)
    freed = sum(file.size_bytes or 0 for file in files) + sum(part.loaded_bytes for part in partials)
    if count:
        console.print(f"Deleting frees {size_text(freed)}.", highlight=False)
    return count


def _count(parameters: int | None) -> str:
    if parameters is None:
        return ""
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f} B"
    return f"{parameters / 1e6:.0f} M" if parameters >= 1e7 else f"{parameters / 1e6:.1f} M"


def _download(artifact: Artifact | None) -> str:
    if artifact is None or artifact.bundled:
        return "none"
    if artifact.download_bytes is None:
        return "unknown"
    return ("~" if artifact.download_estimated else "") + size_text(artifact.download_bytes)


def _smallest(card: ModelCard) -> str:
    if _is_built_in(card):
        return "none"
    sized = [artifact for artifact in card.artifacts if artifact.download_bytes is not None]
    return _download(min(sized, key=lambda artifact: artifact.download_bytes or 0)) if sized else "unknown"


def _good_for(card: ModelCard) -> str:
    # "low-end" says on which devices, not for what.
    purposes = [purpose for purpose in card.purposes if purpose != "low-end"]
    return ", ".join([*purposes, *(["tools"] if card.tools else [])])


def _place(artifact: Artifact | None) -> str:
    return "" if artifact is None else f"{artifact.engine} on {artifact.device}"


def _size_here(entry: ModelEntry) -> str:
    if _is_built_in(entry.card):
        return "built in"
    if not entry.size_bytes:
        return "yes" if entry.downloaded else ""
    return size_text(entry.size_bytes) + ("" if entry.downloaded else " so far")


def _ago(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    seconds = max(0.0, time.time() - milliseconds / 1000)
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
