"""Connecting to a name uses the first address that answers, and leaves no attempt running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product

import pytest

from browserllm._internal.http import connecting


class Connection:
    """Something that can be closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("kinds", list(product(["fails", "hangs", "answers"], repeat=3)))
async def test_the_first_address_that_answers_is_used(kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that fails or stays silent only delays the next one."""
    monkeypatch.setattr(connecting, "STAGGER_S", 0.01)
    begun: list[int] = []
    ended: list[int] = []
    made = [Connection() for _ in kinds]

    def attempt(number: int) -> Callable[[], Awaitable[Connection]]:
        async def connect() -> Connection:
            begun.append(number)
            try:
                if kinds[number] == "fails":
                    raise ConnectionRefusedError(str(number))
                if kinds[number] == "hangs":
                    await asyncio.Event().wait()
                return made[number]
            finally:
                ended.append(number)

        return connect

    work = asyncio.ensure_future(connecting.first_of([attempt(number) for number in range(3)]))
    if "answers" in kinds:
        first = kinds.index("answers")
        assert await work is made[first]
        assert begun == list(range(first + 1))
        assert not made[first].closed
    elif "hangs" in kinds:
        while begun != [0, 1, 2]:
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait([work])
    else:
        with pytest.raises(ConnectionRefusedError, match="2"):
            await work
    while sorted(ended) != sorted(begun):
        await asyncio.sleep(0)


async def test_of_simultaneous_connections_only_one_stays_open() -> None:
    """Two attempts that answer at the same moment leave one connection."""
    made = [Connection(), Connection()]
    go_on = asyncio.Event()

    async def connect(number: int) -> Connection:
        if number == 1:
            go_on.set()
        await go_on.wait()
        return made[number]

    got = await connecting.first_of([lambda: connect(0), lambda: connect(1)])
    while sum(one.closed for one in made) < 1:
        await asyncio.sleep(0)
    assert not got.closed
