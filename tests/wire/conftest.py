"""Async tests without a plugin, and what the tests over real sockets share."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

LONGEST_TEST_S = 30


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test to its end, in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def bounded() -> None:
        # A bound, so that a test that waits for what never comes fails instead of hanging.
        async with asyncio.timeout(LONGEST_TEST_S) as bound:
            await pyfuncitem.obj(**arguments)
        # The test may have swallowed the cancellation that the bound sends.
        assert not bound.expired(), f"the test took longer than {LONGEST_TEST_S} s"

    asyncio.run(bounded())
    return True


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site: enough to be served, and to pass for the built one."""
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>chat</h1>")
    (folder / "host.html").write_text("<h1>host</h1>")
    (folder / "assets" / "engine.mjs").write_text("export {}")
    (folder / "assets" / "model.wasm").write_bytes(b"\0asm")
    (folder / "assets" / "weights.bin").write_bytes(bytes(1000))
    return folder
