"""What every benchmark prints: a table with each budget beside its figure, where it ran, and a verdict as last line."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure. `budget` is a bound on the median: at most, or at least when `at_least`; None is for information."""

    what: str
    values: Sequence[float]
    unit: str
    budget: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        """The figure that the budget bounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        """Whether the median keeps the budget; a row without one always does."""
        if self.budget is None:
            return True
        return self.median >= self.budget if self.at_least else self.median <= self.budget


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def report(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> int:
    """Print the table and the verdict; the exit code is 0 when every budget is met, else 1."""
    console = Console(width=max(Console().width, 110), highlight=False)
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("what", "median", "min", "max", "n", "unit", "budget", ""):
        table.add_column(heading, justify="left" if heading in {"what", "unit", "budget", ""} else "right")
    for row in rows:
        bound = "" if row.budget is None else f"{'>=' if row.at_least else '<='} {number(row.budget)}"
        verdict = "" if row.budget is None else "met" if row.met else "MISSED"
        figures = (number(row.median), number(min(row.values)), number(max(row.values)), str(len(row.values)))
        table.add_row(row.what, *figures, row.unit, bound, verdict)
    console.print(table)
    console.print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    for note in notes:
        console.print(note)
    missed = [f"{row.what} {number(row.median)} {row.unit}" for row in rows if not row.met]
    print(f"budget: missed: {'; '.join(missed)}" if missed else "budget: met", flush=True)
    return 1 if missed else 0
