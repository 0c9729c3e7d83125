"""Human-readable sizes and failures of the system.

Sizes are in decimal units everywhere, as browsers, disks and Hugging Face count them.

`web/src/sizes.ts` does the same in the page. Values for programs (limits, quotas in ``data``) stay in bytes.
"""

from __future__ import annotations

_UNITS = ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"))


def size_text(size_bytes: float) -> str:
    """Return a size: "5 bytes", "12 kB", "3.4 MB", "352 MB", "1.4 GB"."""
    if size_bytes < 999.5:
        return "1 byte" if round(size_bytes) == 1 else f"{size_bytes:.0f} bytes"
    # The unit in which the rounded number stays below 1000.
    factor, unit = next((each for each in _UNITS if size_bytes < 999.5 * each[0]), _UNITS[-1])
    number = size_bytes / factor
    return f"{number:.1f} {unit}" if unit != "kB" and number < 99.95 else f"{number:,.0f} {unit}"


def system_text(error: Exception) -> str:
    """Return what the system says about a failure: an `OSError` without its number, and its file if it has one."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.strerror}: {error.filename!r}" if error.filename is not None else error.strerror


def memory_text(mebibytes: float) -> str:
    """Return an amount of memory, in the MB of 2**20 bytes that engines and devices count: "1,060 MB"."""
    return f"{mebibytes:,.0f} MB"
