"""Sizes for people: one convention for files, disks and downloads, and one for memory."""

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
def test_sizes_are_in_decimal_units_with_as_many_digits_as_one_can_use(size: float, text: str) -> None:
    """The unit is the one in which the rounded number stays below 1000; the page's TypeScript writes the same."""
    assert size_text(size) == text


def test_memory_is_in_the_megabytes_that_engines_count() -> None:
    """A build's need is compared with a device's memory, and both are counted in powers of two."""
    assert memory_text(1060.4) == "1,060 MB"
