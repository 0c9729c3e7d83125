"""A budget that several real processes share, in one SQLite file: together they spend no more than is allowed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import browserllm as bl
from browserllm._internal.clock import SystemClock
from browserllm.stores.sqlite import SQLiteStore
from browserllm.testing.script import HANG

PROGRAM = """
import asyncio, sys
from collections.abc import AsyncGenerator
from random import Random

import browserllm as bl
from browserllm.stores.sqlite import SQLiteStore

class Priced(bl.ScriptedBackend):
    async def estimate_cost(self, prompt, **options):
        return 0.3

    async def generate(self, request, draft):
        await asyncio.sleep(0)
        async for delta in super().generate(request, draft):
            yield delta
        if sys.argv[2] == "die":
            print("reserved", flush=True)
            await asyncio.sleep(3600)
        draft.cost_usd = 0.3

async def main():
    store = SQLiteStore(sys.argv[1])
    budget = bl.Budget(Priced(["fine"] * 100, name="cloud"), per_day=bl.Allowance(usd=4.0), store=store)
    sys.stdin.readline()
    done = await asyncio.gather(*(budget.complete("hi") for _ in range(int(sys.argv[3]))), return_exceptions=True)
    wrong = [each for each in done if not isinstance(each, (bl.ChatResponse, bl.BudgetExceeded))]
    assert not wrong, wrong
    print(sum(isinstance(each, bl.ChatResponse) for each in done))
    await store.close()

asyncio.run(main())
"""


def start(path: Path, *, ending: str = "end", requests: int = 20) -> subprocess.Popen[str]:
    """A program that waits for a line, and then asks so many times at once."""
    arguments = [sys.executable, "-c", PROGRAM, str(path), ending, str(requests)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Later(SystemClock):
    """The clocks of the machine so many seconds later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return time.time() + self.seconds

    @property
    def now_s(self) -> float:
        return time.monotonic() + self.seconds


async def spent(path: Path, later_s: float = 0) -> bl.backends.middleware.Spent:
    """What the file says, so many seconds later on the same day."""
    store, clock = bl.stores.SQLiteStore(path), Later(later_s)
    inner = bl.ScriptedBackend("x")
    budget = bl.Budget(inner, per_day=bl.Allowance(usd=1), store=store, now=clock.now, clock=clock)
    try:
        return await budget.spent_today()
    finally:
        await store.close()


@pytest.mark.parametrize("round_", range(3))
async def test_concurrent_processes_share_one_allowance(tmp_path: Path, round_: int) -> None:
    """Five processes send a hundred requests with room for thirteen: thirteen are answered."""
    path = tmp_path / "store.db"
    programs = [start(path) for _ in range(5)]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    outputs = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0] * 5
    assert sum(map(int, outputs)) == 13, f"round {round_}"
    total = await spent(path)
    assert (total.usd, total.reserved_usd) == (pytest.approx(3.9), 0)


async def test_the_reservations_of_a_killed_process_count_for_an_hour(tmp_path: Path) -> None:
    """Others can spend the rest meanwhile, and all of it afterwards."""
    path = tmp_path / "store.db"
    program = start(path, ending="die", requests=10)
    assert program.stdin is not None and program.stdout is not None
    program.stdin.write("\n")
    program.stdin.flush()
    for _ in range(10):
        assert program.stdout.readline() == "reserved\n"
    program.kill()
    program.communicate()
    assert await spent(path) == bl.backends.middleware.Spent(reserved_usd=pytest.approx(3.0), reserved_tokens=10 * 501)
    other = start(path)
    assert int(other.communicate("\n")[0]) == 3
    assert (await spent(path, 3500)).reserved_usd == pytest.approx(3.0)
    assert (await spent(path, 3700)) == bl.backends.middleware.Spent(
        usd=pytest.approx(0.9), tokens=(await spent(path)).tokens
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
async def test_a_fork_does_not_reserve_for_the_parents_running_answers(tmp_path: Path) -> None:
    """The child counts only its own answers."""
    store = SQLiteStore(tmp_path / "budget.db")
    backend = bl.ScriptedBackend([["a", HANG], "b", "c"])
    budget = bl.Budget(backend, per_day=bl.Allowance(tokens=10_000), store=store)
    stream = budget.stream("hi", max_tokens=50)
    await anext(stream)
    await anext(stream)
    assert (await budget.spent_today()).reserved_tokens > 0
    child = os.fork()
    if child == 0:
        try:
            asyncio._set_running_loop(None)  # the one that runs is the parent's
            loop = asyncio.new_event_loop()
            loop.run_until_complete(budget.complete("from the child", max_tokens=50))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    await stream.aclose()
    assert (await budget.spent_today()).reserved_tokens == 0
    await store.close()
