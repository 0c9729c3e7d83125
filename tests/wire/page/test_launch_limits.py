"""connect() ends in time whatever hangs during a launch, and leaves nothing behind whenever it is cancelled."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import browserllm as bl
from browserllm.page.chrome import launch as chrome
from browserllm.page.chrome import process, profile
from browserllm.page.chrome.profile import LOCK_NAME, open_profile, temporary_root
from browserllm.page.serving import share, static

FAKE = Path(__file__).parents[1] / "fake_browser.py"


class Launches:
    """The browsers that were started."""

    def __init__(self) -> None:
        self.pids: list[int] = []

    def alive(self) -> list[int]:
        """Return those that still run."""
        return [pid for pid in self.pids if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    """A list of every browser that is started."""
    launches = Launches()
    spawn = os.posix_spawn

    def spy(*args: Any, **options: Any) -> int:
        launches.pids.append(spawn(*args, **options))
        return launches.pids[-1]

    monkeypatch.setattr(os, "posix_spawn", spy)
    return launches


@pytest.fixture
def fake(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fake browser, a site and the test's own folders; waiting for a graceful exit would take too long."""
    file = tmp_path / "chromium"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    file.chmod(0o755)
    monkeypatch.setattr(chrome, "site_folder", lambda: site)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(process, "GRACE_WAIT_S", 1000)
    monkeypatch.setattr(process, "TERM_WAIT_S", 1000)
    return file


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """An event that hanging functions wait for until the test ends."""
    event = threading.Event()
    yield event
    event.set()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until a condition is true."""
    while not condition():
        await asyncio.sleep(0.01)


async def free(folder: Path) -> None:
    """Wait until a profile is free, however long that takes."""
    while True:
        try:
            held, _ = await asyncio.to_thread(open_profile, folder)
        except bl.Unavailable as error:
            if error.reason != "profile_in_use":
                raise
        else:
            held.release()
            return


# Everything a launch does on the disk or with the system, in a thread or not.
IN_THREADS = [
    (chrome, "site_folder"),
    (chrome, "find_browser"),
    (chrome, "open_profile"),
    (chrome, "open_key"),
    (profile, "own_folder"),
    (profile, "_lock"),
    (process, "_start"),
    (os, "posix_spawn"),
]


@pytest.mark.parametrize(("module", "name"), IN_THREADS, ids=[name for _, name in IN_THREADS])
@pytest.mark.parametrize("how", ["limit", "cancel"])
async def test_a_disk_that_hangs_is_not_waited_for(
    fake: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    launches: Launches,
    go_on: threading.Event,
    module: Any,
    name: str,
    how: str,
) -> None:
    """Timeouts and cancels work, a late result is released, and other launches work meanwhile."""
    begun = threading.Event()
    real = getattr(module, name)
    hangs = [True]

    def hang(*args: Any, **options: Any) -> Any:
        if hangs.pop() if hangs else False:
            begun.set()
            go_on.wait()
        return real(*args, **options)

    monkeypatch.setattr(module, name, hang)
    if how == "limit":
        with pytest.raises(bl.Timeout, match=r"within 0\.3 s"):
            await bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=0.3)
    else:
        task = asyncio.ensure_future(chrome.ChromeHost.launch(browser=fake, profile=tmp_path / "p"))
        await until(begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert begun.is_set()
    async with bl.connect(browser=fake, profile=tmp_path / "other") as host:
        assert (await host.call("status"))["queue"] == 0
        os.kill(launches.pids[-1], 9)  # a graceful exit would take too long here
    go_on.set()
    await free(tmp_path / "p")
    await until(lambda: not launches.alive())


async def test_orphans_that_cannot_be_deleted_do_not_delay_a_launch(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go_on: threading.Event
) -> None:
    """Deleting them continues in the background."""
    monkeypatch.setattr(profile, "ORPHANS_WAIT_S", 0.05)
    monkeypatch.setattr(profile, "remove_orphans", go_on.wait)
    monkeypatch.setattr(process, "GRACE_WAIT_S", 5)
    async with bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=20) as host:
        assert (await host.call("status"))["queue"] == 0


async def test_a_pipe_in_place_of_the_lock_does_not_hang(fake: Path, tmp_path: Path) -> None:
    """Neither in the profile, nor among the temporary ones, nor in their old folder."""
    (tmp_path / "p").mkdir()
    os.mkfifo(tmp_path / "p" / LOCK_NAME)
    with pytest.raises(bl.Unavailable, match=r"browserllm\.lock"):
        await bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=20)


@pytest.mark.parametrize("mode", ["no-page", "mute", "stopped", "stopped-later", "stubborn"])
@pytest.mark.parametrize("how", ["limit", "cancel"])
async def test_a_browser_that_hangs_is_killed_soon(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launches: Launches, mode: str, how: str
) -> None:
    """Also one that a signal suspended; the profile is free, and none of its processes runs."""
    monkeypatch.setenv("FAKE_BROWSER", mode)
    if mode == "stubborn":
        monkeypatch.setattr(chrome.ChromeHost, "start", lambda _: asyncio.Event().wait())
    if how == "limit":
        with pytest.raises(bl.Timeout, match=r"within 0\.5 s"):
            await bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=0.5)
    else:
        task = asyncio.ensure_future(chrome.ChromeHost.launch(browser=fake, profile=tmp_path / "p"))
        await until(lambda: bool(launches.pids))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert launches.alive() == []
    await free(tmp_path / "p")


@pytest.mark.parametrize("kind", [static.SiteServer, share.FolderServer])
async def test_closing_that_hangs_continues_in_the_background(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launches: Launches, kind: type[Any]
) -> None:
    """The error is raised in time, and the browser ends at the latest with the event loop."""
    monkeypatch.setenv("FAKE_BROWSER", "no-page")
    close = kind.close
    servers: list[Any] = []

    async def hang(server: Any) -> None:
        servers.append(server)
        await asyncio.Event().wait()

    monkeypatch.setattr(kind, "close", hang)
    monkeypatch.setattr(chrome, "UNDO_WAIT_S", 0.2)
    monkeypatch.setattr(chrome, "CLOSE_WAIT_S", 0.5)
    with pytest.raises(bl.Timeout):
        await bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=0.5)
    for ending in list(chrome._ending):
        ending.cancel()  # as asyncio does when the loop ends
    await until(lambda: not launches.alive())
    await free(tmp_path / "p")
    assert len(servers) == 1
    await close(servers[0])


async def test_a_second_cancel_does_not_stop_the_cleanup(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launches: Launches
) -> None:
    """However often the caller is cancelled during the cleanup, everything is closed."""
    monkeypatch.setenv("FAKE_BROWSER", "stopped")
    task = asyncio.ensure_future(chrome.ChromeHost.launch(browser=fake, profile=tmp_path / "p"))
    await until(lambda: bool(launches.pids))
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    await until(lambda: not launches.alive())
    await free(tmp_path / "p")


LINES = 25
"""At every so many lines of a launch a connect() is cancelled."""


async def test_a_cancel_at_any_line_of_a_launch_leaves_nothing(
    fake: Path, monkeypatch: pytest.MonkeyPatch, launches: Launches
) -> None:
    """No browser, no lock and no temporary profile."""
    monkeypatch.setattr(profile, "LOCK_WAIT_S", 0)
    monkeypatch.setattr(process, "GRACE_WAIT_S", 5)
    modules = {module.__file__ for module in (chrome, process, profile)}
    default, _ = open_profile()
    open_profile()[0].release()
    at = random.randrange(1, LINES)  # noqa: S311
    print(f"begins at line {at}")  # noqa: T201
    while True:
        lines = 0
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(chrome.ChromeHost.launch(browser=fake))

        def on_line(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal lines
            if event == "line":
                lines += 1
                if lines == at:  # noqa: B023 (it ends with this turn)
                    loop.call_soon_threadsafe(task.cancel)  # noqa: B023
            return on_line

        def on_call(frame: FrameType, event: str, argument: object) -> Any:
            return on_line if frame.f_code.co_filename in modules else None

        before, of_threads = sys.gettrace(), threading.gettrace()  # coverage sets its own
        threading.settrace(on_call)
        sys.settrace(on_call)
        try:
            await asyncio.wait([task])
        finally:
            sys.settrace(before)
            threading.settrace(of_threads)  # pyright: ignore[reportArgumentType]
        if not task.cancelled():
            await task.result().close()
            break
        at += LINES
        await until(lambda: not launches.alive())
        await until(lambda: list(temporary_root().iterdir()) == [])
    assert at > 100
    default.release()
