"""What every contender measures, the same way: routed and direct calls in turn, then many at once.

A contender is a file that makes `Calls` for a number of backends and gives them to `main`. It runs in an interpreter of
its own, and prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

Call = Callable[[str], Awaitable[str]]
"""Sends a prompt and returns the answer's text, which is the prompt again."""

BACKENDS = (1, 10, 100)
WARM_UP = 20
ROUNDS = int(os.environ.get("ROUNDS", "300"))
STREAMS = int(os.environ.get("STREAMS", "1000"))


class Calls(NamedTuple):
    """A call to one backend, and the same call through a router; both with the contender's own means."""

    direct: Call
    routed: Call


class Contender(NamedTuple):
    """How to make calls to so many backends, of which the first may fail: in the process, or over HTTP."""

    fake: Callable[[int, bool], Calls]
    loopback: Callable[[str, int, bool], Calls]


def rss_bytes() -> int:
    """Memory of this process now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def added_us(calls: Calls) -> dict[str, float]:
    """Time both calls in turn; microseconds that the routed one takes longer, at the median and the 99th percentile."""
    direct: list[float] = []
    routed: list[float] = []
    for round_ in range(WARM_UP + ROUNDS):
        # Which comes first alternates: what the first one leaves behind must not always fall on the same.
        order = ((calls.direct, direct), (calls.routed, routed))
        for call, times in order if round_ % 2 else order[::-1]:
            prompt = f"prompt {round_}"
            start = time.perf_counter()
            answer = await call(prompt)
            took = (time.perf_counter() - start) * 1e6
            if answer.strip() != prompt:
                raise AssertionError(f"asked {prompt!r}, got {answer!r}")
            if round_ >= WARM_UP:
                times.append(took)
    direct.sort()
    routed.sort()

    def at(times: list[float], part: float) -> float:
        return times[min(len(times) - 1, int(len(times) * part))]

    return {
        "direct_p50": at(direct, 0.5),
        "p50": at(routed, 0.5) - at(direct, 0.5),
        "p99": at(routed, 0.99) - at(direct, 0.99),
    }


async def many(call: Call) -> dict[str, float]:
    """Run `STREAMS` calls at once; seconds, and how many answers were lost or another's."""
    before = rss_bytes()
    start = time.perf_counter()
    answers = await asyncio.gather(*(call(f"prompt {index}") for index in range(STREAMS)), return_exceptions=True)
    took = time.perf_counter() - start
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    if errors:
        print(f"{len(errors)} failed, the first: {errors[0]!r}", file=sys.stderr)
    wrong = sum(
        isinstance(answer, BaseException) or answer.strip() != f"prompt {index}" for index, answer in enumerate(answers)
    )
    return {"seconds": took, "wrong": wrong, "memory_bytes": rss_bytes() - before}


async def run(contender: Contender, base: str) -> dict[str, Any]:
    """Everything that is measured of one contender."""
    found: dict[str, Any] = {"fake": {}, "loopback": {}}
    for count in BACKENDS:
        gc.collect()
        found["fake"][f"healthy {count}"] = await added_us(contender.fake(count, False))
        found["loopback"][f"healthy {count}"] = await added_us(contender.loopback(base, count, False))
    gc.collect()
    found["fake"]["failed hop"] = await added_us(contender.fake(2, True))
    found["loopback"]["failed hop"] = await added_us(contender.loopback(base, 2, True))
    gc.collect()
    calls = contender.loopback(base, 1, False)
    await calls.routed("warm up")
    found["at once, routed"] = await many(calls.routed)
    return found


def main(contender: Contender) -> None:
    """Run as ``python CONTENDER.py BASE_URL``."""
    print(json.dumps(asyncio.run(run(contender, sys.argv[1]))))
