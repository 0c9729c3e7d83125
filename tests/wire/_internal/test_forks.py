"""Forks of a process with a browser keep neither the browser nor its profile, whenever they start."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm.page.chrome import profile
from browserllm.page.chrome.profile import open_profile

FAKE = Path(__file__).parents[1] / "fake_browser.py"

HEAD = """
import asyncio, json, multiprocessing, os, signal, sys, threading, warnings
from pathlib import Path
import browserllm as bl
from browserllm._internal.system import private_files
from browserllm.page.chrome import launch as chrome, process, profile
warnings.simplefilter("ignore")
settings = json.loads(sys.argv[1])
chrome.site_folder = lambda: Path(settings["site"])
children = set()

def stay():
    os.read(settings["stop"], 1)
    os._exit(0)

def fork():
    pid = os.fork()
    if pid:
        children.add(pid)
    elif settings["then"] == "exec":
        os.dup2(settings["stop"], 0)
        os.execv("/bin/cat", ["cat"])
    else:
        stay()

async def main():
    async with bl.connect(browser=settings["browser"], profile=settings["profile"]) as host:
        assert (await host.call("status"))["queue"] == 0
        in_between()
        assert (await host.call("status"))["queue"] == 0
        print(json.dumps([host._process.pid, len(children)]), flush=True)
        if settings["end"] == "kill":
            threading.Event().wait()
"""

AT_EVERY_LINE = """
seen = set()
modules = {module.__file__ for module in (chrome, process, profile, private_files)}

def on_line(frame, event, argument):
    place = frame.f_code.co_filename, frame.f_lineno
    if event == "line" and place not in seen:
        seen.add(place)
        fork()
    return on_line

def on_call(frame, event, argument):
    return on_line if frame.f_code.co_filename in modules else None

def in_between():
    pass

threading.settrace(on_call)
sys.settrace(on_call)
asyncio.run(main())
sys.settrace(None)
print(json.dumps(["closed", len(children)]), flush=True)
"""

MULTIPROCESSING = """
def in_between():
    context = multiprocessing.get_context(settings["then"])
    for _ in range(3):
        child = context.Process(target=wait, args=[settings["stop"]])
        child.start()
        children.add(child.pid)

def wait(stop):
    # A spawned child has no such descriptor; it outlives its parent.
    try:
        os.read(stop, 1)
    except OSError:
        pass

if __name__ == "__main__":
    asyncio.run(main())
    print(json.dumps(["closed", len(children)]), flush=True)
"""


class Program:
    """A Python process with a browser, whose children live until the test ends."""

    def __init__(self, folder: Path, site: Path, code: str, **settings: str) -> None:
        """Start the program."""
        self.folder = folder / "profile"
        browser = folder / "chromium"
        browser.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
        browser.chmod(0o755)
        stop, self.stop = os.pipe()
        given = {"site": str(site), "browser": str(browser), "profile": str(self.folder), "stop": stop, **settings}
        script = folder / "program.py"
        script.write_text(HEAD + code)
        self._stderr = folder / "stderr"
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, script, json.dumps(given)],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                pass_fds=[stop],
            )
        os.close(stop)

    def read(self) -> Any:
        """Return its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self._stderr.read_text()
        return json.loads(line)

    def end(self) -> None:
        """End it and its children."""
        os.close(self.stop)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def programs() -> Iterator[ExitStack]:
    """Start programs that end with the test."""
    with ExitStack() as stack:
        yield stack


def has_gone(pid: int) -> bool:
    """Wait until a process that is not our child has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 15)[0])
    finally:
        os.close(fd)


def check(program: Program, end: str) -> int:
    """Check that the browser and the lock end with the program while its children live; return their number."""
    pid, count = program.read()
    if end == "kill":
        program.process.kill()
        program.process.wait()
    else:
        said, count = program.read()
        assert said == "closed"
    assert has_gone(pid)
    open_profile(program.folder)[0].release()
    return count


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for orphans in the test's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("then", ["stay", "exec"])
@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_fork_at_any_line_of_a_launch_and_a_close_keeps_nothing(
    tmp_path: Path, site: Path, programs: ExitStack, end: str, then: str
) -> None:
    """One child starts at each line of a launch and of a close, and stays or runs another program."""
    program = Program(tmp_path, site, AT_EVERY_LINE, end=end, then=then)
    programs.callback(program.end)
    assert check(program, end) > 150


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("end", ["close", "kill"])
def test_processes_of_multiprocessing_keep_nothing(
    tmp_path: Path, site: Path, programs: ExitStack, end: str, method: str
) -> None:
    """With every start method."""
    program = Program(tmp_path, site, MULTIPROCESSING, end=end, then=method)
    programs.callback(program.end)
    assert check(program, end) == 3


IN_A_CHILD = """
def ended(work):
    # The loop belongs to the parent: nothing here may wait for it.
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")

def refused(work):
    try:
        ended(work) if asyncio.iscoroutine(work) else work()
    except bl.Unavailable as error:
        assert error.reason == "closed", error
        assert f"belongs to process {os.getppid()}, which process {os.getpid()} was forked from" in str(error), error
    else:
        raise AssertionError("it was not refused")

async def main():
    async with bl.connect(browser=settings["browser"], profile=settings["profile"]) as host:
        pending = asyncio.ensure_future(host.call("wait"))
        await asyncio.sleep(0)
        temporary = profile._make_temporary()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                assert host.closed
                refused(host.call("status"))
                refused(lambda: host.stream("chat", {}))
                refused(lambda: host.share_folder("."))
                refused(lambda: asyncio.run(ask(host)))
                ended(host.close())
                host._process.kill()
                host._profile.release()
                temporary.release()
                assert temporary.folder.exists()
                asyncio.run(again())
                code = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        assert not pending.done()
        assert (await host.call("status"))["queue"] == 0
        assert temporary.folder.exists()
        try:
            profile.open_profile(settings["profile"])
        except bl.Unavailable:
            pass
        else:
            raise AssertionError("the child has released the parent's profile")
        temporary.release()
        pending.cancel()
        await asyncio.wait([pending])
    print(json.dumps("done"), flush=True)

async def ask(host):
    await bl.LocalBackend(host, "pocket").complete("hello")

async def again():
    async with bl.connect(browser=settings["browser"], profile=settings["profile"] + "-of-the-child") as host:
        assert (await host.call("status"))["queue"] == 0

asyncio.run(main())
"""


def test_a_host_in_a_child_names_its_owner(tmp_path: Path, site: Path, programs: ExitStack) -> None:
    """All its calls fail, closing it affects nothing of the parent, and the child can launch its own browser."""
    program = Program(tmp_path, site, IN_A_CHILD, end="close", then="stay")
    programs.callback(program.end)
    assert program.read() == "done"


CLIENTS = """
from browserllm._internal.waiting import LoopThread

async def nothing():
    pass

waiter = LoopThread(nothing)

def child():
    try:
        waiter.run(nothing())
    except bl.InvalidRequest:
        pass
    waiter.close()

worker = multiprocessing.get_context("fork").Process(target=child)
worker.start()
worker.join(20)
assert worker.exitcode == 0, worker.exitcode
waiter.run(nothing())
waiter.close()
print(json.dumps("done"), flush=True)
"""


def test_a_child_of_a_program_with_a_waiting_client_ends(tmp_path: Path, site: Path, programs: ExitStack) -> None:
    """It neither waits for its parent's thread nor ends it."""
    program = Program(tmp_path, site, CLIENTS, end="close", then="stay")
    programs.callback(program.end)
    assert program.read() == "done"


def test_a_stray_copy_of_the_lock_does_not_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A released profile is unlocked, not only closed."""
    monkeypatch.setattr(profile, "LOCK_WAIT_S", 0)
    held, _ = open_profile(tmp_path / "p")
    copy = os.dup(held.lock_fd)
    with pytest.raises(bl.Unavailable):
        open_profile(tmp_path / "p")
    held.release()
    open_profile(tmp_path / "p")[0].release()
    os.close(copy)


ENDS = """
process.GRACE_WAIT_S = 1000  # so that a missed exit of the browser fails the test

def in_a_thread():
    pid = os.fork()
    return pid or os._exit(0)

async def main():
    connecting = bl.connect(browser=settings["browser"], profile=settings["profile"])
    async with connecting as host:
        pending = asyncio.ensure_future(host.call("wait"))
        await asyncio.sleep(0)
        for turn in range(3):
            if settings["how"] == "thread":
                pid = await asyncio.to_thread(in_a_thread)
            else:
                pid = os.fork()
            if pid == 0:
                if settings["how"] == "exit":
                    sys.exit(0)
                if settings["how"] == "error":
                    raise RuntimeError("the child fails")
                if settings["how"] == "close":
                    await host.close()
                if settings["how"] == "work":
                    await asyncio.sleep(0.01)
                    assert await asyncio.to_thread(lambda: 5) == 5
                    await asyncio.create_subprocess_exec("true")
                return "child"
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                await asyncio.sleep(0.01)
            assert (await host.call("status"))["queue"] == 0
            assert not pending.done()
            async with asyncio.timeout(30):
                assert await asyncio.to_thread(lambda: turn) == turn
        pending.cancel()
        await asyncio.wait([pending])
        closing = asyncio.create_task(host.close())
        done, _ = await asyncio.wait([closing], timeout=30)
        assert done, "the end of the browser was not heard"
    return "parent"

if asyncio.run(main()) == "parent":
    print(json.dumps("done"), flush=True)
"""


@pytest.mark.parametrize("how", ["exit", "error", "return", "close", "work", "thread"])
def test_a_child_that_ends_in_a_running_loop_does_not_affect_its_parent(
    tmp_path: Path, site: Path, programs: ExitStack, how: str
) -> None:
    """However it ends or uses its copy of the loop, the parent's connection, loop and threads still work."""
    program = Program(tmp_path, site, ENDS, end="close", then="stay", how=how)
    programs.callback(program.end)
    assert program.read() == "done"


PORTS = """
from browserllm.page.serving.static import SiteServer

async def gone(port):
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return
    raise AssertionError("the port is still open")

async def main():
    async with bl.connect(browser=settings["browser"], profile=settings["profile"]) as host:
        ports = [host._server.port, host._folders.port]
        visitors = [await asyncio.open_connection("127.0.0.1", port) for port in ports]
        while not all(server._connections._connections for server in (host._server, host._folders)):
            await asyncio.sleep(0)
        for _ in range(3):
            fork()
    async with asyncio.timeout(30):
        for reader, writer in visitors:
            try:
                assert await reader.read() == b""
            except ConnectionError:
                pass
            writer.close()
        for port in ports:
            await gone(port)
            again = await SiteServer(Path(settings["site"]), port=port).start()
            fork()
            await again.close()
            await gone(port)
    for child in children:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the children live"
    print(json.dumps("done"), flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("then", ["stay", "exec"])
def test_a_child_keeps_no_port_and_no_connection(tmp_path: Path, site: Path, programs: ExitStack, then: str) -> None:
    """While children live, what the parent closes is closed, and its ports can be reused."""
    program = Program(tmp_path, site, PORTS, end="close", then=then)
    programs.callback(program.end)
    assert program.read() == "done"
