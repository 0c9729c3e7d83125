"""Standard error that takes nothing: what a command answers is on standard output, and does not depend on the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FULL = Path("/dev/full")

PROGRAM = """
import sys
from contextlib import asynccontextmanager
from browserllm.cli import main, models
from browserllm.testing.host import ScriptedHost

@asynccontextmanager
async def connect(**options):
    yield ScriptedHost("It is blue.", warnings=[{"parameter": "top_k", "message": "is not honoured"}])

main.connect = models.connect = connect
main.main()
"""
"""The command line, with a scripted page in the browser's place."""


@contextmanager
def refusing(kind: str) -> Iterator[int]:
    """A file descriptor that takes nothing: a full device, or a pipe whose reader has gone."""
    if kind == "full":
        if not FULL.exists():
            pytest.skip("this system has no device that is always full")
        descriptor = os.open(FULL, os.O_WRONLY)
    else:
        reading, descriptor = os.pipe()
        os.close(reading)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def command(*arguments: str, stderr: int) -> subprocess.CompletedProcess[str]:
    """Run the command line with this standard error."""
    program = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(program, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False, timeout=60)


@pytest.mark.parametrize("kind", ["full", "gone"])
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "Why is the sky blue?"], 0, "It is blue.\n"),
        (["run", "--json", "Why is the sky blue?"], 0, '"text": "It is blue."'),
        (["models", "list"], 0, "Which of them fit this device"),
        (["models", "list", "--fits"], 0, "models fit this device"),
        (["models", "info", "pocket"], 0, "This model fits this device"),
        (["models", "pull", "pocket"], 0, "pocket is part of browserllm: there is nothing to download.\n"),
        (["models", "rm", "--all", "--yes"], 0, "freed.\n"),
        (["--help"], 0, "Usage: browserllm"),
        # What fails, fails as it always does, without a word.
        (["run", ""], 2, ""),
        (["models", "info", "nothing of the kind"], 2, ""),
    ],
)
def test_an_answer_does_not_depend_on_standard_error(kind: str, arguments: list[str], code: int, said: str) -> None:
    """The command prints its answer and ends with the exit code that it has otherwise."""
    with refusing(kind) as stderr:
        done = command(*arguments, stderr=stderr)
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout


def test_a_program_without_standard_error_answers_too() -> None:
    """As it is started with ``2>&-``."""
    program = [sys.executable, "-c", "import os, sys; os.close(2); os.execv(sys.executable, sys.argv[1:])"]
    whole = [*program, sys.executable, "-c", PROGRAM, "run", "Why?"]
    done = subprocess.run(whole, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "It is blue.\n")


def test_text_on_standard_error_is_written_at_once() -> None:
    """If it is a file, which is not a terminal."""
    done = command("run", "Why?", stderr=subprocess.PIPE)
    assert "webllm · webgpu/scripted paper" in done.stderr and "top_k: is not honoured" in done.stderr
