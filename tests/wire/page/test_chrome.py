"""Launching a browser, with a fake one that behaves well, badly, or not at all."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm.models.fit import NO_WEBGPU
from browserllm.page.chrome import launch as chrome
from browserllm.page.chrome import process, profile
from browserllm.page.chrome.launch import ChromeHost
from browserllm.page.serving.static import SOCKET_PATH

FAKE = Path(__file__).parents[1] / "fake_browser.py"


@pytest.fixture
def fake(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fake browser as an executable, a site to serve, and folders of the test's own."""
    file = tmp_path / "chromium"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    file.chmod(0o755)
    monkeypatch.setattr(chrome, "site_folder", lambda: site)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return file


def alive(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def arguments(host: bl.Host) -> list[str]:
    """Return the browser's command line."""
    return (await host.call("status"))["arguments"]


async def test_a_host_lives_and_ends_with_its_browser(fake: Path, tmp_path: Path) -> None:
    """connect() launches the browser and talks to its page; leaving it closes the browser and frees the profile."""
    async with bl.connect(browser=fake, profile=tmp_path / "p") as host:
        assert isinstance(host, ChromeHost)
        assert host.hello.page_version == "fake"
        assert (await host.call("status"))["loaded"] == []
        pid = host._process.pid
        assert alive(pid)
    assert not alive(pid)
    await host.close()
    profile.open_profile(tmp_path / "p")[0].release()
    with pytest.raises(bl.Unavailable):
        await host.call("status")


async def test_the_command_line_has_the_options(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headless unless visible, the profile, the origin's mapping, extra flags, and never the secret."""
    monkeypatch.setenv("BROWSERLLM_BROWSER_FLAGS", "--enable-features=Mine --one '--two=a b' --enable-features=Other")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    async with bl.connect(browser=fake, profile=tmp_path / "p", webgpu="software") as host:
        flags = await arguments(host)
        assert isinstance(host, ChromeHost)
        secret = host._server._sockets[SOCKET_PATH].token
    assert "--headless=new" in flags
    assert "--remote-debugging-pipe" in flags
    assert f"--user-data-dir={tmp_path / 'p'}" in flags
    assert "--use-webgpu-adapter=swiftshader" in flags
    assert "--two=a b" in flags
    assert "--enable-features=Mine,Other" in flags
    assert any(flag.startswith("--host-resolver-rules=MAP browserllm.localhost:80 127.0.0.1:") for flag in flags)
    assert ("--no-sandbox" in flags) == (sys.platform == "linux")
    assert secret not in str(flags)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    async with bl.connect(browser=fake, profile=tmp_path / "p", visible=True, webgpu="off") as host:
        flags = await arguments(host)
    assert not {"--headless=new", "--enable-unsafe-webgpu", "--no-sandbox"} & set(flags)


async def test_an_unknown_webgpu_option_is_rejected(fake: Path) -> None:
    """Before anything is launched."""
    with pytest.raises(bl.InvalidRequest, match=r"webgpu='fast'"):
        await ChromeHost.launch(browser=fake, webgpu="fast")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("mode", ["", "split"])
async def test_a_browser_that_dies_fails_everything_at_once(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Pending calls raise Unavailable(closed), even if the socket outlives it; a new connection works."""
    monkeypatch.setenv("FAKE_BROWSER", mode)
    async with bl.connect(browser=fake, profile=tmp_path / "p") as host:
        with pytest.raises(bl.Unavailable) as caught:
            await host.call("die")
        assert caught.value.reason == "closed"
    async with bl.connect(browser=fake, profile=tmp_path / "p") as host:
        assert (await host.call("status"))["queue"] == 0


async def test_a_page_that_crashes_fails_everything_at_once(fake: Path, tmp_path: Path) -> None:
    """The browser reports the crash, so no call waits for the page."""
    async with bl.connect(browser=fake, profile=tmp_path / "p") as host:
        with pytest.raises(bl.Unavailable, match="page crashed"):
            await host.call("crash")


async def test_a_browser_that_exits_early_shows_its_last_output(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the exit code and the standard error."""
    monkeypatch.setenv("FAKE_BROWSER", "exit")
    with pytest.raises(bl.Unavailable, match=r"(?s)exited with code 7.*cannot open display") as caught:
        await bl.connect(browser=fake, profile=tmp_path / "p")
    assert caught.value.data["exit_code"] == 7
    profile.open_profile(tmp_path / "p")[0].release()


@pytest.mark.parametrize("mode", ["no-page", "mute"])
async def test_a_page_that_does_not_answer_is_a_timeout(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The error has the limit and the browser's last output, and the browser is closed."""
    monkeypatch.setenv("FAKE_BROWSER", mode)
    started: list[int] = []
    spawn = os.posix_spawn
    monkeypatch.setattr(os, "posix_spawn", lambda *a, **k: started.append(spawn(*a, **k)) or started[-1])
    with pytest.raises(bl.Timeout, match=r"within 0\.7 s.*a warning of the browser"):
        await bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=0.7)
    assert len(started) == 1
    assert not alive(started[0])


async def test_a_browser_that_refuses_the_page_says_so(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The debugging pipe's error is raised."""
    monkeypatch.setenv("FAKE_BROWSER", "refuse")
    with pytest.raises(bl.Unavailable, match="no pages today"):
        await bl.connect(browser=fake, profile=tmp_path / "p")


async def test_a_page_of_another_release_is_refused(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both versions are named, and the browser is closed."""
    monkeypatch.setenv("FAKE_BROWSER", "old")
    with pytest.raises(bl.errors.ProtocolError, match=r"version 0 .*version 1"):
        await bl.connect(browser=fake, profile=tmp_path / "p")
    profile.open_profile(tmp_path / "p")[0].release()


@pytest.mark.parametrize("mode", ["slow", "stubborn"])
async def test_a_browser_that_does_not_exit_is_ended(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """One that ignores the request is terminated, one that ignores that too is killed."""
    monkeypatch.setenv("FAKE_BROWSER", mode)
    monkeypatch.setattr(process, "GRACE_WAIT_S", 0.05)
    monkeypatch.setattr(process, "TERM_WAIT_S", 0.2)
    async with bl.connect(browser=fake, profile=tmp_path / "p") as host:
        assert isinstance(host, ChromeHost)
        pid = host._process.pid
    assert not alive(pid)


async def test_a_program_that_cannot_be_started_is_named(fake: Path, tmp_path: Path) -> None:
    """For example, an executable file that is not a program."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(bl.Unavailable, match="broken"):
        await bl.connect(browser=broken, profile=tmp_path / "p", timeout_s=5)


async def test_the_second_host_on_the_default_profile_gets_a_notice(
    fake: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It uses a temporary profile, also logs a warning, and deletes its folder afterwards."""
    async with bl.connect(browser=fake) as first:
        assert first.notices == []
        with caplog.at_level(logging.WARNING, "browserllm"):
            async with bl.connect(browser=fake) as second:
                assert "temporary" in second.notices[0]
                assert isinstance(second, ChromeHost)
                folder = second._profile.folder
                assert folder.exists()
    assert second.notices == [record.message for record in caplog.records]
    assert not folder.exists()


@pytest.mark.parametrize(("webgpu", "reason"), [("off", "turned_off"), ("auto", "no_adapter")])
async def test_webgpu_that_is_turned_off_is_not_reported_as_missing(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webgpu: Any, reason: str
) -> None:
    """The page finds no adapter in either case; only the program that turned it off knows why."""

    async def call(self: ChromeHost, op: str, *_: object) -> dict[str, Any]:
        return {"webgpu": {"available": False, "reason": "no_adapter"}}

    async with bl.connect(browser=fake, profile=tmp_path / "p", webgpu=webgpu) as host:
        with monkeypatch.context() as patched:
            patched.setattr(ChromeHost, "call", call)
            facts = await host.probe()
    assert facts.webgpu.reason == reason
    said = NO_WEBGPU[reason]
    assert ("turned off" in said) == (webgpu == "off")


async def test_cancelling_the_launch_leaves_nothing(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled connect() closes the browser it started and frees the profile."""
    monkeypatch.setenv("FAKE_BROWSER", "no-page")
    started: asyncio.Queue[int] = asyncio.Queue()
    spawn = os.posix_spawn

    def spy(*args: object, **options: object) -> int:
        pid = spawn(*args, **options)  # type: ignore[arg-type]
        started.put_nowait(pid)
        return pid

    monkeypatch.setattr(os, "posix_spawn", spy)

    async def connect() -> None:
        async with bl.connect(browser=fake, profile=tmp_path / "p"):
            pass

    task = asyncio.create_task(connect())
    pid = await started.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)
    profile.open_profile(tmp_path / "p")[0].release()


async def test_cancelling_the_wait_for_a_profile_leaves_it_free(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that is locked after the caller has given up is released."""
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    taken: list[profile.Profile] = []

    def slow(wanted: Path) -> tuple[profile.Profile, str | None]:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        taken.append(profile.open_profile(wanted)[0])
        return taken[0], None

    monkeypatch.setattr(chrome, "open_profile", slow)
    task = asyncio.ensure_future(ChromeHost.launch(browser=fake, profile=tmp_path / "p"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    while not (taken and taken[0]._lock.closed):
        await asyncio.sleep(0)
    profile.open_profile(tmp_path / "p")[0].release()


async def test_killing_python_ends_the_browser(fake: Path, tmp_path: Path, site: Path) -> None:
    """The pipe closes with the process, however that ends."""
    code = f"""
import asyncio
from pathlib import Path
import browserllm as bl
from browserllm.page.chrome import launch as chrome
chrome.site_folder = lambda: Path({str(site)!r})
async def main():
    async with bl.connect(browser={str(fake)!r}, profile={str(tmp_path / "p")!r}) as host:
        print(host._process.pid, flush=True)
        await host.call("wait")
asyncio.run(main())
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    assert alive(pid)
    child.kill()
    child.wait()
    child.stdout.close()
    end = time.monotonic() + 10
    while alive(pid) and time.monotonic() < end:
        await asyncio.to_thread(process_ended, pid)
    assert not alive(pid)


def process_ended(pid: int) -> None:
    """Wait for the end of a process that is not our child, without spinning."""
    import select

    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([fd], [], [], 5)
    os.close(fd)


NOISES = ["", "not json", "[1,2]", "null", "5", '"x"', "true", "{", '{"id":[]}', '{"id":{}}', '{"id":null}', "\xff\xfe"]
NOISES += [
    '{"id":true}',
    '{"id":1.5}',
    '{"id":"1"}',
    '{"id":-1,"result":5}',
    '{"id":9999999999999999999999}',
    "[" * 5000,
]
NOISES += ['{"method":["Target.targetCrashed"]}', '{"method":{}}', '{"id":[],"method":"Target.targetCrashed"}']


async def test_noise_on_the_debugging_pipe_is_ignored(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Invalid JSON, other JSON and unknown answers: the launch continues, and nothing is logged."""
    monkeypatch.setenv("FAKE_BROWSER_NOISE", "!".join(NOISES) + "!")
    async with bl.connect(browser=fake, profile=tmp_path / "p") as host:
        assert (await host.call("status"))["queue"] == 0
    assert not caplog.records


@pytest.mark.parametrize("result", [5, [], "x", None, True, 1.5, ["x" * 5000]])
async def test_an_answer_of_another_shape_is_a_protocol_error(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, result: object
) -> None:
    """The error has the shortened answer and what to do; an empty answer is an error, too."""
    for mode in ({"result": result}, {"error": result}, {}):
        monkeypatch.setenv("FAKE_BROWSER", json.dumps(mode))
        with pytest.raises(
            (bl.errors.ProtocolError, bl.Unavailable), match=r"answered .*browser option|refused"
        ) as caught:
            await bl.connect(browser=fake, profile=tmp_path / "p", timeout_s=20)
        assert len(str(caught.value)) < 600
    assert not caplog.records


async def test_a_message_without_end_does_not_fill_the_memory(fake: Path) -> None:
    """A message longer than any of Chromium's is dropped as it arrives, and the next one is read."""
    endless = 16 * process.MAX_ANSWER_BYTES
    code = f"import os; [os.write(4, b'x' * 65536) for _ in range({endless // 65536})]; os.write(4, b'\\0')"
    fake.write_text(f'#!/bin/sh\n"{sys.executable}" -c "{code}"\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    longest = 0
    read = process._read

    def watch(fd: int) -> bytes:
        nonlocal longest
        frame = sys._getframe(1)
        longest = max(longest, len(frame.f_locals.get("pending", b"")))
        return read(fd)

    process._read = watch
    try:
        async with bl.connect(browser=fake, profile=fake.with_name("p")) as host:
            assert (await host.call("status"))["queue"] == 0
    finally:
        process._read = read
    assert 65536 < longest <= process.MAX_ANSWER_BYTES
