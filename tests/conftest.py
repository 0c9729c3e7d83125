"""Async tests without a plugin: the same files run on CPython and, inside a page, on Pyodide."""

from __future__ import annotations

import asyncio
import inspect
import sys
from importlib import import_module

import pytest

from loop_end import end_the_rest

LONGEST_TEST_S = 300
"""Many times what a test takes, since other work may keep the machine busy."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test to its end, in a loop of its own or, in a page, in the page's loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def bounded() -> None:
        # A bound, so that a test that waits for what never comes fails instead of hanging.
        async with asyncio.timeout(LONGEST_TEST_S) as bound:
            await pyfuncitem.obj(**arguments)
        # The test may have swallowed the cancellation that the bound sends.
        assert not bound.expired(), f"the test took longer than {LONGEST_TEST_S} s"
        if sys.platform != "emscripten":  # the page's loop goes on, and has other tasks
            left = await end_the_rest()
            assert not left, f"the test left connections open: {left}"

    if sys.platform == "emscripten":
        import_module("pyodide.ffi").run_sync(bounded())
    else:
        asyncio.run(bounded())
    return True
