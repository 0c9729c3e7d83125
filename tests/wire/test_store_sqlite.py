"""The store in a file: what it keeps outlives it, is shared, and fails in our own words."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.store_sqlite import SQLiteStore
from unit.store_scenario import what_every_store_does


async def test_a_store_in_a_file_does_what_every_store_does(tmp_path: Path) -> None:
    """The same scenario as every other store."""
    store = SQLiteStore(tmp_path / "folder" / "store.db")
    await what_every_store_does(store)
    await store.close()


async def test_what_is_kept_is_there_for_the_next_program(tmp_path: Path) -> None:
    """Closing keeps everything; a closed store says so, also when it was never used."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1")
    await store.close()
    await store.close()
    with pytest.raises(bl.Unavailable, match="is closed"):
        await store.get("a")
    again = SQLiteStore(tmp_path / "store.db")
    assert await again.get("a") == b"1"
    await again.close()


async def test_two_stores_share_a_file_while_both_write(tmp_path: Path) -> None:
    """Many tasks on two connections: every write arrives, none fails because the other one writes."""
    one, two = SQLiteStore(tmp_path / "store.db"), SQLiteStore(tmp_path / "store.db")
    await asyncio.gather(
        *(store.put(f"{name}/{number}", b"x") for number in range(50) for name, store in (("1", one), ("2", two)))
    )
    assert len(await one.items()) == 100
    await one.close()
    await two.close()


async def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    """Answers are kept in it."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1")
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600, file
    await store.close()


async def test_a_damaged_file_and_one_that_cannot_be_made_fail_in_our_words(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(bl.IntegrityError, match=r"store.db.*delete the file"):
        await SQLiteStore(tmp_path / "store.db").get("a")
    with pytest.raises(bl.Unavailable, match=r"store.db.*choose a file"):
        await SQLiteStore(tmp_path / "store.db" / "store.db").get("a")


async def test_a_full_disk_is_a_quota(tmp_path: Path) -> None:
    """SQLite's own word for it becomes ours, and what was there before stays."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1")
    await store._run("PRAGMA max_page_count = 4")
    with pytest.raises(bl.QuotaExceeded, match="free some space"):
        await store.put("b", b"x" * 1_000_000)
    assert await store.get("a") == b"1"
    await store.close()
