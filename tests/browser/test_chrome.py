"""CPython and a browser it launched: the way from `connect()` to the engine and back, and every way it can end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

import browserllm as bl

PROMPT = "Tell me a story about a fox."
LONG = {"temperature": 0.9, "seed": 7, "max_tokens": 1500, "logit_bias": {}}


def processes_with(text: str) -> list[int]:
    """The ids of live processes whose command line holds the text (a profile's folder names its browser)."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if text.encode() in command and state != "Z":
            found.append(int(entry.name))
    return found


def signal_each(pids: Iterable[int], number: signal.Signals) -> None:
    """Send the signal to those that have not ended since they were listed."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_until_gone(text: str, within_s: float = 120.0) -> list[int]:
    """Wait until no process has the text in its command line; the ids of those that stayed."""
    end = time.monotonic() + within_s
    while (left := processes_with(text)) and time.monotonic() < end:
        select_pause()
    return left


def select_pause() -> None:
    """Let the kernel do its work between two looks at /proc, which has no event to wait for."""
    import select

    select.select([], [], [], 0.05)


@asynccontextmanager
async def backend(profile: Path, **options: object) -> AsyncIterator[tuple[bl.Host, bl.LocalBackend]]:
    """A headless browser with this profile and the pocket model behind it."""
    async with bl.connect(profile=profile, **options) as host:
        yield host, bl.LocalBackend(host, model="pocket")


async def gives_logprobs(llm: bl.LocalBackend) -> None:
    """There is an entry for each token, with as many others as were asked for: none by default."""
    reply = await llm.complete(PROMPT, temperature=0, max_tokens=4, logprobs=True)
    assert len(reply.logprobs) == reply.usage.completion_tokens == 4
    assert all(entry["logprob"] <= 0 and entry["top_logprobs"] == [] for entry in reply.logprobs)
    reply = await llm.complete(PROMPT, temperature=0, max_tokens=4, logprobs=True, top_logprobs=2)
    assert [len(entry["top_logprobs"]) for entry in reply.logprobs] == [2, 2, 2, 2]


def test_webllm_streams_to_cpython(tmp_path: Path) -> None:
    """A launched browser streams the pocket model from WebLLM on the software adapter, and ends with the host."""

    async def main() -> bl.ChatResponse:
        async with backend(tmp_path / "profile", webgpu="software") as (_, llm):
            pieces = [chunk.text async for chunk in llm.stream(PROMPT, temperature=0, max_tokens=60) if chunk.text]
            reply = await llm.complete(PROMPT, temperature=0, max_tokens=60)
            assert "".join(pieces) == reply.text
            assert len(pieces) > 10
            assert await llm.count_tokens(PROMPT) == reply.usage.prompt_tokens
            await gives_logprobs(llm)
            return reply

    reply = asyncio.run(main())
    assert (reply.engine, reply.device) == ("webllm", "webgpu")
    assert reply.adapter
    assert "fox" in reply.text.lower()
    assert reply.timings.tokens_per_s
    assert wait_until_gone(str(tmp_path)) == []


def test_without_webgpu_the_cpu_answers_and_says_why(tmp_path: Path) -> None:
    """With WebGPU off, Transformers.js on the CPU answers the same prompt; both steps passed over carry the reason."""

    async def main() -> bl.ChatResponse:
        async with backend(tmp_path / "profile", webgpu="off") as (_, llm):
            reply = await llm.complete(PROMPT, temperature=0, max_tokens=60)
            assert await llm.count_tokens(PROMPT) == reply.usage.prompt_tokens
            await gives_logprobs(llm)
            return reply

    reply = asyncio.run(main())
    assert (reply.engine, reply.device) == ("transformersjs", "wasm")
    assert "fox" in reply.text.lower()
    assert [(hop.engine, hop.device) for hop in reply.route] == [("webllm", "webgpu"), ("transformersjs", "webgpu")]
    assert all("WebGPU" in hop.reason for hop in reply.route)


def test_transformersjs_answers_on_webgpu_when_asked(tmp_path: Path) -> None:
    """A caller can force the second engine, and it runs on WebGPU too."""

    async def main() -> bl.ChatResponse:
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            llm = bl.LocalBackend(host, model="pocket", engine="transformersjs", device="webgpu")
            return await llm.complete(PROMPT, temperature=0, max_tokens=24)

    reply = asyncio.run(main())
    assert (reply.engine, reply.device) == ("transformersjs", "webgpu")
    assert "fox" in reply.text.lower()


@pytest.mark.parametrize("webgpu", ["software", "off"])
def test_every_way_to_stop_reaches_the_engine(tmp_path: Path, webgpu: str) -> None:
    """stop(), leaving the loop, a cancelled task and a deadline each end the work, and the next prompt is answered."""

    async def main() -> None:
        async with backend(tmp_path / "profile", webgpu=webgpu) as (host, llm):

            async def idle() -> None:
                reply = await llm.complete("Hello!", temperature=0, max_tokens=8)
                assert reply.text
                assert (await host.call("status", {}))["queue"] == 0

            stream = llm.stream(PROMPT, **LONG)
            async for chunk in stream:
                if chunk.sequence == 3:
                    stream.stop()
            assert stream.response.finish_reason == "cancelled"
            assert stream.response.usage.completion_tokens < 100
            await idle()

            async for chunk in llm.stream(PROMPT, **LONG):
                if chunk.sequence == 3:
                    break
            await idle()

            stream = llm.stream(PROMPT, **LONG)
            started = asyncio.Event()

            async def read() -> None:
                async for chunk in stream:
                    if chunk.sequence == 3:
                        started.set()

            task = asyncio.create_task(read())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert stream.response.finish_reason == "cancelled"
            await idle()

            reply = await llm.complete(PROMPT, **LONG, deadline_s=0.5)
            assert reply.finish_reason == "cancelled"
            assert any(warning.parameter == "deadline_s" for warning in reply.warnings)
            await idle()

    asyncio.run(main())


def test_killing_the_browser_fails_the_stream_at_once(tmp_path: Path) -> None:
    """A browser killed in the middle of an answer raises Unavailable(closed), and a new connection works."""

    async def main() -> None:
        profile = tmp_path / "profile"
        async with backend(profile, webgpu="software") as (_, llm):
            with pytest.raises(bl.Unavailable) as caught:
                async for chunk in llm.stream(PROMPT, **LONG):
                    if chunk.sequence == 3:
                        signal_each(processes_with(str(profile)), signal.SIGKILL)
            assert caught.value.reason == "closed"
            with pytest.raises(bl.Unavailable):
                await llm.complete("Hello!")
        async with backend(profile, webgpu="software") as (_, llm):
            assert (await llm.complete("Hello!", temperature=0, max_tokens=8)).text

    asyncio.run(main())


def kill_children(profile: Path, kind: str) -> None:
    """Kill a browser's processes of one kind (`renderer`, `gpu-process`), found by their parents."""
    parents: dict[int, int] = {}
    commands: dict[int, bytes] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_bytes()
            except OSError:
                continue
    family = set(processes_with(f"--user-data-dir={profile}"))
    while grown := {pid for pid, parent in parents.items() if parent in family and pid not in family}:
        family |= grown
    chosen = [pid for pid in family if f"--type={kind}".encode() in commands.get(pid, b"")]
    assert chosen, f"the browser has no process of the kind {kind!r}"
    signal_each(chosen, signal.SIGKILL)


def test_a_crashed_page_fails_the_stream_at_once(tmp_path: Path) -> None:
    """A page whose process dies in the middle of an answer raises Unavailable(closed), though the browser lives on."""

    async def main() -> None:
        profile = tmp_path / "profile"
        async with backend(profile, webgpu="software") as (_, llm):
            with pytest.raises(bl.Unavailable) as caught:
                async for chunk in llm.stream(PROMPT, **LONG):
                    if chunk.sequence == 3:
                        kill_children(profile, "renderer")
            assert caught.value.reason == "closed"

    asyncio.run(main())


@pytest.mark.parametrize("engine", ["webllm", "transformersjs"])
def test_a_lost_gpu_is_named_and_the_next_prompt_loads_again(tmp_path: Path, engine: str) -> None:
    """A GPU process killed in the middle of an answer raises DeviceLost; the next prompt loads the model again."""

    async def main() -> None:
        profile = tmp_path / "profile"
        async with bl.connect(profile=profile, webgpu="software") as host:
            llm = bl.LocalBackend(host, model="pocket", engine=engine, device="webgpu")
            with pytest.raises(bl.errors.DeviceLost):
                async for chunk in llm.stream(PROMPT, **LONG):
                    if chunk.sequence == 3:
                        kill_children(profile, "gpu-process")
            reply = await llm.complete("Hello!", temperature=0, max_tokens=8)
            assert (reply.engine, reply.device) == (engine, "webgpu")
            assert reply.text

    asyncio.run(main())


CHILD = """
import asyncio, sys
import browserllm as bl

async def main():
    async with bl.connect(profile=sys.argv[1], webgpu="software") as host:
        llm = bl.LocalBackend(host, model="pocket")
        async for chunk in llm.stream("Tell me a story about a fox.", max_tokens=1500, temperature=0.9):
            print("chunk", flush=True)

asyncio.run(main())
"""


def start_child(profile: Path) -> subprocess.Popen[str]:
    """A Python of its own that streams from a browser of its own; returns once it has its first chunk."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(profile)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "chunk\n"
    return child


def test_killing_python_ends_the_browser(tmp_path: Path) -> None:
    """A Python killed without a chance to clean up takes its browser with it."""
    child = start_child(tmp_path / "profile")
    assert processes_with(f"--user-data-dir={tmp_path}")
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()
    assert wait_until_gone(f"--user-data-dir={tmp_path}") == []


def test_a_profile_in_use_is_refused_by_name(tmp_path: Path) -> None:
    """A second process that asks for a profile in use gets an error that names it; after the first ends it works."""
    profile = tmp_path / "profile"
    child = start_child(profile)

    async def connect() -> str:
        async with bl.connect(profile=profile, webgpu="software") as host:
            return (await host.call("status", {}))["loaded"].__class__.__name__

    try:
        with pytest.raises(bl.Unavailable) as caught:
            asyncio.run(connect())
        assert caught.value.reason == "profile_in_use"
        assert str(profile) in str(caught.value)
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    assert wait_until_gone(f"--user-data-dir={profile}") == []
    assert asyncio.run(connect()) == "list"


def test_the_default_profile_in_use_gives_a_profile_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts at once on the default profile both work; the second one says that its profile is temporary."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    async def main() -> list[str]:
        async with bl.connect(webgpu="off"), bl.connect(webgpu="off") as second:
            assert (await second.call("status", {}))["loaded"] == []
            return list(second.notices)

    notices = asyncio.run(main())
    assert any("temporary" in notice for notice in notices)


def test_two_prompts_at_once_queue(tmp_path: Path) -> None:
    """Two answers asked for together come one after the other, each the same as when asked alone."""

    async def main() -> None:
        async with backend(tmp_path / "profile", webgpu="software") as (_, llm):
            prompts = [PROMPT, "Hello, who are you?"]
            ask: Callable[[str], Awaitable[bl.ChatResponse]] = lambda text: llm.complete(  # noqa: E731
                text, temperature=0, max_tokens=40
            )
            alone = [(await ask(prompt)).text for prompt in prompts]
            together = await asyncio.gather(*(ask(prompt) for prompt in prompts))
            assert [reply.text for reply in together] == alone
            waits = [reply.timings.queue_ms or 0.0 for reply in together]
            assert max(waits) > min(waits)

    asyncio.run(main())


def test_bad_input_leaves_the_host_working(tmp_path: Path) -> None:
    """Empty messages, prompts too large, an unknown model or option: typed errors that name the value."""

    async def main() -> list[tuple[str, str]]:
        async with backend(tmp_path / "profile", webgpu="software") as (host, llm):
            seen: list[tuple[str, str]] = []
            bad: list[Callable[[], Awaitable[object]]] = [
                lambda: llm.complete([]),
                lambda: llm.complete("x" * 10_000_000),
                lambda: llm.complete("word " * 5000),
                lambda: llm.complete("hi", model="no-such-model"),
                lambda: llm.complete("hi", temprature=1),
                lambda: host.call("no_such_op", {}),
            ]
            for call in bad:
                try:
                    await call()
                except bl.BrowserLLMError as error:
                    seen.append((error.code, str(error)))
                assert (await llm.complete("Hello!", temperature=0, max_tokens=8)).text
            return seen

    seen = asyncio.run(main())
    expected = [
        ("invalid_request", "messages"),
        ("invalid_request", "10000"),
        ("context_exceeded", "2048"),
        ("model_not_found", "no-such-model"),
        ("invalid_request", "temprature"),
        ("protocol", "no_such_op"),
    ]
    assert [code for code, _ in seen] == [code for code, _ in expected]
    for (_, message), (_, named) in zip(seen, expected, strict=True):
        assert named in message


def test_the_command_line_answers(tmp_path: Path) -> None:
    """`browserllm run --json` prints one object with the answer, the engine and the adapter, and exits with 0."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "browserllm", "run", PROMPT, "--json", "--temperature", "0", "--max-tokens", "40"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "fox" in answer["text"].lower()
    assert answer["engine"] == "webllm"
    assert answer["adapter"]


def test_doctor_finds_this_machine_able(tmp_path: Path) -> None:
    """`browserllm doctor --json` checks browser, WebGPU, storage and a real answer, and exits with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "browserllm", "doctor", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)


FORKING_CHILD = """
import asyncio, multiprocessing, sys, threading, time
import browserllm as bl

async def main():
    async with bl.connect(profile=sys.argv[1], webgpu="off") as host:
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=[600])
        child.start()
        print(child.pid, flush=True)
        if sys.argv[2] == "kill":
            threading.Event().wait()
    print("closed", flush=True)
    threading.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_forked_process_does_not_keep_the_browser(tmp_path: Path, end: str) -> None:
    """A child of a process pool lives on; the browser ends with its own Python, and its profile is free."""
    profile = tmp_path / "profile"
    program = subprocess.Popen(
        [sys.executable, "-c", FORKING_CHILD, str(profile), end], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    child = int(program.stdout.readline())
    try:
        if end == "kill":
            program.kill()
            program.wait()
        else:
            assert program.stdout.readline() == "closed\n"
        assert wait_until_gone(f"--user-data-dir={profile}") == []
        os.kill(child, 0)

        async def connect() -> str:
            async with bl.connect(profile=profile, webgpu="off") as host:
                return (await host.call("status", {}))["loaded"].__class__.__name__

        assert asyncio.run(connect()) == "list"
    finally:
        os.kill(child, signal.SIGKILL)
        program.kill()
        program.wait()
        program.stdout.close()


def test_a_stopped_browser_does_not_hold_up_its_launch(tmp_path: Path) -> None:
    """Every process of the browser is stopped as soon as there is one: connect() says so in time, and nothing stays."""
    profile = tmp_path / "profile"

    async def main() -> None:
        connecting = asyncio.ensure_future(_connect(profile))
        while not connecting.done():
            signal_each(processes_with(f"--user-data-dir={profile}"), signal.SIGSTOP)
            await asyncio.sleep(0)
        with pytest.raises(bl.Timeout, match="within 3 s"):
            connecting.result()

    asyncio.run(main())
    assert wait_until_gone(f"--user-data-dir={profile}") == []


async def _connect(profile: Path) -> bl.Host:
    return await bl.connect(profile=profile, webgpu="off", timeout_s=3)
