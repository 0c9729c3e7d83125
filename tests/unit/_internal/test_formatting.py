"""Human-readable sizes: one convention for files, disks and downloads, and one for memory."""

from __future__ import annotations

import pytest

from browserllm._internal.formatting import memory_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (12_345, "12 kB"),
        (999_500, "1.0 MB"),
        (3_400_000, "3.4 MB"),
        (99_949_999, "99.9 MB"),
        (99_960_000, "100 MB"),
        (352_000_000, "352 MB"),
        (999_900_000, "1.0 GB"),
        (1_260_000_000, "1.3 GB"),
        (12_000_000_000, "12.0 GB"),
        (3_000_000_000_000, "3.0 TB"),
    ],
)
def test_sizes_are_in_decimal_units_with_useful_digits(size: float, text: str) -> None:
    """The rounded number stays below 1000 in its unit; the page's TypeScript formats sizes the same way."""
    assert size_text(size) == text


def test_memory_is_in_mebibytes_as_engines_count_it() -> None:
    """A build's memory is compared with the device's, and both are counted in powers of two."""
    assert memory_text(1060.4) == "1,060 MB"
