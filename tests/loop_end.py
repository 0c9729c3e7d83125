"""The end of an event loop: what still runs there ends, and every connection is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

TURNS = 10
"""After so many turns of the loop, a connection that was just accepted has its task."""


async def end_the_rest() -> list[str]:
    """Cancel the other tasks of this loop, then close its connections; returns those that nothing else had closed.

    A connection that is open when its loop ends is found by the garbage collector, in another test, which then fails.
    """
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    while True:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        rest = asyncio.all_tasks() - {this}
        if not rest:
            break
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
    # A loop in a page has none.
    transports: Iterable[asyncio.Transport] = getattr(loop, "_transports", {}).values()
    left = [each for each in transports if each.get_extra_info("socket").fileno() != -1]
    named = [str(each) for each in left]
    for each in left:
        each.abort()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    return named
