"""The store in a file: what it keeps outlives it, is shared, and fails in our own words."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.stores.sqlite import SQLiteStore
from unit.stores.store_scenario import what_every_store_does


async def test_a_store_in_a_file_works_like_every_store(tmp_path: Path) -> None:
    """The same scenario as every other store."""
    store = SQLiteStore(tmp_path / "folder" / "store.db")
    await what_every_store_does(store)
    await store.close()


async def test_the_next_program_finds_stored_values(tmp_path: Path) -> None:
    """Closing keeps everything; a closed store is an error, also if it was never used."""
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


async def test_damaged_and_impossible_files_are_typed_errors(tmp_path: Path) -> None:
    """They name the file and what to do."""
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(bl.errors.IntegrityError, match=r"store.db.*delete the file"):
        await SQLiteStore(tmp_path / "store.db").get("a")
    with pytest.raises(bl.Unavailable, match=r"store.db.*choose a file"):
        await SQLiteStore(tmp_path / "store.db" / "store.db").get("a")


async def test_a_full_disk_is_a_quota(tmp_path: Path) -> None:
    """SQLite's own word for it becomes ours, and what was there before stays."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1")
    await store._run("PRAGMA max_page_count = 4")
    with pytest.raises(bl.errors.QuotaExceeded, match="free some space"):
        await store.put("b", b"x" * 1_000_000)
    assert await store.get("a") == b"1"
    await store.close()


@pytest.mark.parametrize("path", ["", "a\0b.db", "\ud800.db", 7, None])
def test_a_path_that_names_no_file_is_refused(path: object) -> None:
    """By name, before anything is opened."""
    with pytest.raises(bl.InvalidRequest) as caught:
        SQLiteStore(path)  # type: ignore[arg-type]
    assert caught.value.data["parameter"] == "path"


async def test_a_foreign_value_is_refused(tmp_path: Path) -> None:
    """A text or a number in place of bytes is named."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1")
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute("INSERT INTO entries VALUES ('b', 'text'), ('c', 7)")
    other.close()
    for key in ("b", "c"):
        with pytest.raises(bl.errors.IntegrityError, match=f"'{key}'.*which another program wrote"):
            await store.get(key)
        assert not await store.swap(key, None, b"1")
    with pytest.raises(bl.errors.IntegrityError, match="'b'"):
        await store.items()
    assert await store.get("a") == b"1"
    await store.close()


_COUNT = """
import asyncio, sys
from browserllm.stores.sqlite import SQLiteStore

async def count(store):
    for _ in range(25):
        while True:
            before = await store.get("n")
            if await store.swap("n", before, str(int(before or b"0") + 1).encode()):
                break

async def main():
    store = SQLiteStore(sys.argv[1])
    await asyncio.gather(*(count(store) for _ in range(2)))
    await store.close()

asyncio.run(main())
"""


async def test_processes_that_swap_lose_no_step(tmp_path: Path) -> None:
    """Four processes count to two hundred together, each in fifty steps."""
    path = tmp_path / "store.db"
    programs = [subprocess.Popen([sys.executable, "-c", _COUNT, str(path)]) for _ in range(4)]
    assert [program.wait() for program in programs] == [0] * 4
    store = SQLiteStore(path)
    assert await store.get("n") == b"200"
    await store.close()


async def test_a_file_locked_by_another_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is not about permissions."""
    monkeypatch.setattr("browserllm.stores.sqlite.BUSY_S", 0.01)
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1")
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(bl.Unavailable, match="locked by another program"):
        await store.put("a", b"2")
    other.close()
    await store.put("a", b"3")
    await store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
@pytest.mark.parametrize("closes", [False, True])
async def test_a_fork_opens_the_file_for_itself(tmp_path: Path, closes: bool) -> None:
    """What parent and child write is all there, whether the child closes its store or just ends."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("parent", b"1")
    connection = store._connection
    child = os.fork()
    if child == 0:
        try:
            loop = asyncio.new_event_loop()  # the one that runs is the parent's
            asyncio._set_running_loop(None)
            loop.run_until_complete(store.put("child", b"2"))
            fresh = store._connection is not connection
            if closes:
                loop.run_until_complete(store.close())
            os._exit(0 if fresh else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    await store.put("parent", b"3")
    assert [await store.get(key) for key in ("parent", "child")] == [b"3", b"2"]
    await store.close()
