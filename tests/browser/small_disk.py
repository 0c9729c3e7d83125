"""A small disk of its own for a browser's profile, to be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DISK_MB = 160


@contextmanager
def mounted_disk(folder: Path) -> Iterator[Path]:
    """A disk in memory; only root can mount one, and elsewhere the test is skipped."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a disk can be mounted by root alone")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_free(disk: Path, size_bytes: int) -> None:
    """Fill a disk until so many bytes are free, or free what an earlier call took."""
    junk = disk / "junk"
    junk.unlink(missing_ok=True)
    with junk.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - size_bytes)
