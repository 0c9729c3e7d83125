"""SQLiteStore: a `KeyValueStore` in a file, for programs outside a page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._internal import lazy_asyncio as asyncio
from .._internal.threads import Threads
from ..errors import BrowserLLMError, IntegrityError, InvalidRequest, QuotaExceeded, Unavailable, Unsupported
from .base import check_key, check_prefix, check_swap, check_value

if TYPE_CHECKING:
    import sqlite3

BUSY_S = 10.0
"""How long a statement waits for another process's write."""

Result = TypeVar("Result")

_CREATE = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
# A key with the prefix is never less than it, so SQLite can start the scan there.
_PREFIX = "key >= :prefix AND substr(key, 1, length(:prefix)) = :prefix"


class SQLiteStore:
    """Keeps values in one file, which any number of tasks, event loops and processes may share.

    Each call is one statement in the store's own thread, so that it does not block the event loop; SQLite orders them.
    The file is created on first use, readable only by its owner, since it may contain answers.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Use the file ``path``; its folder is created if needed. Raises `Unsupported` in a page."""
        if sys.platform == "emscripten":
            raise Unsupported("SQLiteStore needs threads, which Python in a page does not have; use HostStore")
        self.path = _checked_path(path)
        self._connection: sqlite3.Connection | None = None
        self._opening: asyncio.Lock | None = None
        self._closed = False
        self._process = os.getpid()
        self._parents: sqlite3.Connection | None = None
        # One thread: a connection runs one statement at a time, and its row count is that of the last one. If the disk
        # hangs, no other thread is blocked.
        self._threads = Threads("a SQLite store", places=1)

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or ``None``."""
        rows = await self._run("SELECT value FROM entries WHERE key = :key", key=check_key(key))
        return self._bytes(key, rows[0][0]) if rows else None

    async def put(self, key: str, value: bytes) -> None:
        """Set ``key`` to ``value``. Raises `QuotaExceeded` when the disk is full."""
        statement = "INSERT OR REPLACE INTO entries VALUES (:key, :value)"
        await self._run(statement, key=check_key(key), value=check_value(key, value))

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Replace ``expected`` with ``value`` and return ``True``; if the current value differs, return ``False``."""
        check_swap(key, expected, value)
        # One statement each, so that the swap is atomic.
        if expected is None and value is None:
            return await self.get(key) is None
        if expected is None:
            statement = "INSERT OR IGNORE INTO entries VALUES (:key, :value)"
        elif value is None:
            statement = "DELETE FROM entries WHERE key = :key AND value = :expected"
        else:
            statement = "UPDATE entries SET value = :value WHERE key = :key AND value = :expected"
        connection = await self._open()
        values = {"key": key, "expected": expected, "value": value}
        return await self._in_thread(lambda: self._execute(connection, statement, values)[1] == 1)

    async def delete(self, key: str) -> None:
        """Delete ``key``, if it exists."""
        await self._run("DELETE FROM entries WHERE key = :key", key=check_key(key))

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        statement = f"SELECT key, value FROM entries WHERE {_PREFIX} ORDER BY key"  # noqa: S608
        rows = await self._run(statement, prefix=check_prefix(prefix))
        return [(str(key), self._bytes(key, value)) for key, value in rows]

    async def clear(self, prefix: str = "") -> None:
        """Delete every key that begins with ``prefix``."""
        await self._run(f"DELETE FROM entries WHERE {_PREFIX}", prefix=check_prefix(prefix))  # noqa: S608

    async def close(self) -> None:
        """Close the file; its values stay."""
        self._closed = True
        self._leave_to_parent()
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._in_thread(connection.close)

    def _bytes(self, key: object, value: object) -> bytes:
        if isinstance(value, bytes):
            return value
        raise IntegrityError(
            f"the value of {key!a} in the store {str(self.path)!r} is of type {type(value).__name__}, which "
            "another program wrote; delete the key"
        )

    async def _run(self, statement: str, **values: Any) -> list[Any]:
        connection = await self._open()
        return (await self._in_thread(lambda: self._execute(connection, statement, values)))[0]

    def _execute(self, connection: sqlite3.Connection, statement: str, values: dict[str, Any]) -> tuple[list[Any], int]:
        """Return the rows, and the number of changed rows."""
        cursor = connection.execute(statement, values)
        return cursor.fetchall(), cursor.rowcount

    async def _open(self) -> sqlite3.Connection:
        self._leave_to_parent()
        if self._connection is not None:
            return self._connection
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._closed:
                raise Unavailable(f"the store {str(self.path)!r} is closed; create a new one", reason="closed")
            if self._connection is None:
                self._connection = await self._in_thread(self._connect)
            return self._connection

    def _leave_to_parent(self) -> None:
        """After a fork, open a new connection: SQLite forbids using or closing the parent's one."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._parents, self._connection, self._opening = self._connection, None, None

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        # In autocommit mode, each statement is its own transaction.
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            # Readers do not block the writer; if the machine crashes, only the last writes may be lost.
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_CREATE)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        import sqlite3

        try:
            return await self._threads.run(work)
        except (sqlite3.Error, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> BrowserLLMError:
        import sqlite3

        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL:
            return QuotaExceeded(f"no disk space left for the store {str(self.path)!r}: {error}; free some space")
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return IntegrityError(f"the store {str(self.path)!r} is damaged: {error}; delete the file to start again")
        if code is not None and code & 0xFF == sqlite3.SQLITE_BUSY:
            return Unavailable(
                f"the store {str(self.path)!r} was locked by another program for {BUSY_S:g} s: {error}; try again",
                reason="blocked",
            )
        return Unavailable(
            f"the store {str(self.path)!r} cannot be used: {error}; choose a file that this program may write",
            reason="closed" if self._closed else "blocked",
        )


def _checked_path(path: Any) -> Path:
    try:
        named = os.fsencode(path)
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"path={path!a} is not a file path: {error}", parameter="path") from None
    if not named or b"\0" in named:
        why = "contains a NUL character" if named else "is empty"
        raise InvalidRequest(f"path={path!a} {why}; use the path of a file", parameter="path")
    return Path(os.fsdecode(named))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a new file to write-ahead mode. If two connections do so at once, SQLite rejects one at once: retry."""
    import sqlite3
    import time

    give_up_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)  # blocks only the store's own thread
        else:
            return
