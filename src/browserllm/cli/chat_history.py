"""InputHistory: what the user typed in earlier chats, in a file that only this user can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from platformdirs import user_state_path

from .._internal.system.private_files import own_folder

NAME = "chat-history.jsonl"

MAX_INPUTS = 1000
"""How many inputs are kept; older ones are dropped when a chat begins."""

MAX_BYTES = 4_000_000
"""A file that is larger is begun anew, with what its end has."""


class InputHistory:
    """The inputs of earlier chats, oldest first, one JSON text a line.

    A file that cannot be read or written does not keep anyone from chatting: `problem` then says why nothing is kept.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Use ``folder``, by default this program's folder for state."""
        self._folder = folder or user_state_path("browserllm")
        self.problem = ""

    def read(self) -> list[str]:
        """Return the inputs, and drop the oldest from the file if there are too many."""
        try:
            with self._open(os.O_RDWR | os.O_CREAT) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - MAX_BYTES))
                lines = file.read().splitlines()
                inputs = [text for line in lines if (text := _decoded(line))]
                if len(inputs) > MAX_INPUTS or size > MAX_BYTES:
                    inputs = inputs[-MAX_INPUTS:]
                    file.seek(0)
                    file.truncate()
                    file.write(b"".join(map(_line, inputs)))
                return inputs
        except OSError as error:
            self.problem = str(error)
            return []

    def add(self, text: str) -> None:
        """Append an input."""
        if self.problem:
            return
        try:
            with self._open(os.O_WRONLY | os.O_CREAT | os.O_APPEND) as file:
                file.write(_line(text))
        except OSError as error:
            self.problem = str(error)

    def _open(self, flags: int) -> BinaryIO:
        with own_folder(self._folder) as folder:
            fd = folder.open(NAME, flags)
        if os.name == "posix":
            os.fchmod(fd, 0o600)
        return open(fd, "r+b" if flags & os.O_RDWR else "wb", closefd=True)


def _line(text: str) -> bytes:
    return msgspec.json.encode(text.encode(errors="replace").decode()) + b"\n"


def _decoded(line: bytes) -> str:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=str)
    return ""
