"""SQLiteStore: a `KeyValueStore` in a file, for programs outside of a page."""

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
"""How long a statement waits for another process that writes."""

Result = TypeVar("Result")

_CREATE = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
# A key that begins with the prefix is not before it, which lets SQLite start at the right place.
_PREFIX = "key >= :prefix AND substr(key, 1, length(:prefix)) = :prefix"


class SQLiteStore:
    """Keeps values in one file, which any number of tasks, loops and processes may share.

    Each call is one statement in a thread of its own, so that the event loop does not wait for the disk; SQLite puts
    them in order. The file is made when it is first needed, readable by its owner alone, for answers are kept in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Keep everything in the file ``path``; its folder is made too. Raises `Unsupported` in a page."""
        if sys.platform == "emscripten":
            raise Unsupported("SQLiteStore needs threads, and a page's Python has none: use the store of the page")
        self.path = _checked_path(path)
        self._connection: sqlite3.Connection | None = None
        self._opening: asyncio.Lock | None = None
        self._closed = False
        self._process = os.getpid()
        self._parents: sqlite3.Connection | None = None
        # One, for the connection does one thing at a time, and tells only of the last how many rows it changed; a file
        # on a disk that hangs takes no other thread.
        self._threads = Threads("a SQLite store", places=1)

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        rows = await self._run("SELECT value FROM entries WHERE key = :key", key=check_key(key))
        return self._bytes(key, rows[0][0]) if rows else None

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``. Raises `QuotaExceeded` when the disk is full."""
        statement = "INSERT OR REPLACE INTO entries VALUES (:key, :value)"
        await self._run(statement, key=check_key(key), value=check_value(key, value))

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Put ``value`` in place of ``expected``, and say so; do nothing where something else is kept by now."""
        check_swap(key, expected, value)
        # Each is one statement, so nobody else's comes in between.
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
        """Forget ``key``, if it is there."""
        await self._run("DELETE FROM entries WHERE key = :key", key=check_key(key))

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        statement = f"SELECT key, value FROM entries WHERE {_PREFIX} ORDER BY key"  # noqa: S608
        rows = await self._run(statement, prefix=check_prefix(prefix))
        return [(str(key), self._bytes(key, value)) for key, value in rows]

    async def clear(self, prefix: str = "") -> None:
        """Forget every key that begins with ``prefix``."""
        await self._run(f"DELETE FROM entries WHERE {_PREFIX}", prefix=check_prefix(prefix))  # noqa: S608

    async def close(self) -> None:
        """Close the file; what is in it stays."""
        self._closed = True
        self._leave_to_parent()
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._in_thread(connection.close)

    def _bytes(self, key: object, value: object) -> bytes:
        if isinstance(value, bytes):
            return value
        raise IntegrityError(
            f"the value of {key!a} in the store {str(self.path)!r} is of type {type(value).__name__}: something else "
            "wrote it; delete it to go on"
        )

    async def _run(self, statement: str, **values: Any) -> list[Any]:
        connection = await self._open()
        return (await self._in_thread(lambda: self._execute(connection, statement, values)))[0]

    def _execute(self, connection: sqlite3.Connection, statement: str, values: dict[str, Any]) -> tuple[list[Any], int]:
        """Return the rows, and how many were changed."""
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
                raise Unavailable(f"the store {str(self.path)!r} is closed; make a new one", reason="closed")
            if self._connection is None:
                self._connection = await self._in_thread(self._connect)
            return self._connection

    def _leave_to_parent(self) -> None:
        """In a fork, begin anew: SQLite forbids to use the parent's connection there, or to close it."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._parents, self._connection, self._opening = self._connection, None, None

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        # Without a transaction around it, each statement is one.
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            # Readers and one writer at the same time; a crash of the machine may lose the last writes, never more.
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
            return QuotaExceeded(f"the disk has no room for the store {str(self.path)!r}: {error}; free some space")
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return IntegrityError(f"the store {str(self.path)!r} is damaged: {error}; delete the file to start anew")
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
        raise InvalidRequest(f"path={path!a} names no file: {error}", parameter="path") from None
    if not named or b"\0" in named:
        why = "holds a NUL character" if named else "is empty"
        raise InvalidRequest(f"path={path!a} {why}; name a file", parameter="path")
    return Path(os.fsdecode(named))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a new file to write-ahead mode. When two do it at once SQLite refuses one, whatever its time limit."""
    import sqlite3
    import time

    give_up_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)  # in the store's own thread, as SQLite waits for other locks
        else:
            return
