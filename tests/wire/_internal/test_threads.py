"""Hanging work does not block other threads, and a program exits while it hangs."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpRequest, Timeouts
from browserllm._internal.http.sockets import SocketClient, resolve
from browserllm._internal.system.listening import stop_listening
from browserllm._internal.threads import Threads
from browserllm.chat import tools
from browserllm.chat.tools import FunctionTool
from browserllm.stores.sqlite import SQLiteStore


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """An event that hanging functions wait for until the test ends."""
    event = threading.Event()
    yield event
    event.set()


class Held:
    """A function that waits for its event, and counts started and ended calls."""

    def __init__(self, go_on: threading.Event) -> None:
        self.go_on = go_on
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def __call__(self) -> str:
        self.begun.release()
        self.go_on.wait()
        self.ended.release()
        return "late"


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until a condition is true."""
    while not condition():
        await asyncio.sleep(0)


async def begin(threads: Threads, held: Held, count: int) -> list[asyncio.Task[str]]:
    """Start calls, and wait until all of them run."""
    tasks = [asyncio.create_task(threads.run(held)) for _ in range(count)]
    for _ in range(count):
        await until(lambda: held.begun.acquire(blocking=False))
    return tasks


async def give_up(tasks: list[asyncio.Task[str]]) -> None:
    """Cancel calls, as a time limit does."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_limited_number_run_at_a_time_and_the_others_wait_their_turn(go_on: threading.Event) -> None:
    """All places are taken until one call ends; then the next in line starts."""
    threads = Threads("tests", places=2)
    held = Held(go_on)
    tasks = await begin(threads, held, 2)
    order: list[int] = []
    waiting = [asyncio.create_task(threads.run(order.append, number)) for number in range(5)]
    await asyncio.sleep(0)
    assert order == []
    waiting[1].cancel()
    await asyncio.wait([waiting[1]])
    go_on.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert sorted(order) == [0, 2, 3, 4], "one that was cancelled before its turn never runs"
    assert await asyncio.gather(*tasks) == ["late", "late"]


async def test_abandoned_calls_free_their_places_up_to_a_limit(go_on: threading.Event) -> None:
    """Beyond it, the next call is refused with a reason, and accepted again once one of them has ended."""
    threads = Threads("tests", places=2, max_given_up=4)
    held = Held(go_on)
    for _ in range(2):
        await give_up(await begin(threads, held, 2))
    with pytest.raises(bl.errors.QueueFull, match="4 abandoned calls of tests are still running"):
        await threads.run(str)
    go_on.set()
    for _ in range(4):
        await until(lambda: held.ended.acquire(blocking=False))
    await until(lambda: threads._given_up == 0)
    assert await threads.run(str) == ""


async def test_without_that_limit_a_call_keeps_its_place(go_on: threading.Event) -> None:
    """Stores need this, because their connection does one thing at a time."""
    threads = Threads("tests", places=1)
    await give_up(await begin(threads, Held(go_on), 1))
    following = asyncio.create_task(threads.run(str))
    await asyncio.sleep(0)
    assert not following.done()
    go_on.set()
    assert await following == ""


async def test_random_cancels_lose_no_place_and_no_result() -> None:
    """After any order of calls and cancels, each result was returned or disposed of, and all places are free."""
    seed = random.randrange(2**32)  # noqa: S311
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    threads = Threads("tests", places=3, max_given_up=1000)
    made: set[int] = set()
    disposed: set[int] = set()
    lock = threading.Lock()

    def make(number: int) -> int:
        with lock:
            made.add(number)
        return number

    def dispose(number: int) -> None:
        with lock:
            disposed.add(number)

    tasks: list[asyncio.Task[int]] = []
    for number in range(500):
        tasks.append(asyncio.create_task(threads.run_or_dispose(lambda number=number: make(number), dispose)))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        chance.choice(tasks).cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    got = {result for result in results if isinstance(result, int)}
    await until(lambda: threads._running == 0 and threads._given_up == 0 and not threads._waiting)
    await until(lambda: made == got | disposed)
    assert not got & disposed


async def test_the_context_travels_as_with_asyncio() -> None:
    """A thread sees the caller's context variables, and its own changes stay in the thread."""
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("caller's")

    def read() -> str:
        seen = variable.get()
        variable.set("thread's")
        return seen

    assert await Threads("tests", places=1).run(read) == await asyncio.to_thread(read) == "caller's"
    assert variable.get() == "caller's"


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), StopIteration(1)]
)
async def test_an_exception_of_a_tool_ends_neither_the_program_nor_the_task(error: BaseException) -> None:
    """Whatever it is, the model gets an error result, and the conversation continues."""

    def leave() -> None:
        raise error

    result = await FunctionTool(leave).run(bl.ToolCallPart("1", "leave", "{}"))
    assert result.is_error
    assert type(error).__name__ in result.content


async def test_too_many_hanging_tools_give_an_error_result(
    go_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that times out frees its place; after too many timeouts, the next call's result says so."""
    monkeypatch.setattr(tools, "THREADS", Threads("tools", places=2, max_given_up=3))
    held = Held(go_on)
    hang = FunctionTool(held.__call__, name="hang", timeout_s=0.01)
    call = bl.ToolCallPart("1", "hang", "{}")
    results = [(await hang.run(call)).content for _ in range(4)]
    assert results[:3] == ["hang took longer than 0.01 s"] * 3
    assert "3 abandoned calls of tools are still running" in results[3]


async def test_hanging_tools_lookups_and_stores_block_nothing_else(
    tmp_path: Path, go_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all of asyncio's threads, forty tools and forty name lookups hang, everything else works."""
    loop = asyncio.get_running_loop()
    held = Held(go_on)
    stuck: list[Awaitable[Any]] = [loop.run_in_executor(None, held) for _ in range((os.cpu_count() or 1) + 4)]
    hang = FunctionTool(held.__call__, name="hang", timeout_s=60)
    tasks = [asyncio.ensure_future(hang.run(bl.ToolCallPart("1", "hang", "{}"))) for _ in range(30)]
    look_up = socket.getaddrinfo

    def slow(host: str, *args: Any, **options: Any) -> Any:
        return held() if host == "slow.test" else look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names = [asyncio.ensure_future(resolve("slow.test", 80)) for _ in range(40)]
    await asyncio.sleep(0)
    for name in names:
        name.cancel()

    assert (await FunctionTool(lambda: "fine", name="fine").run(bl.ToolCallPart("1", "fine", "{}"))).content == "fine"
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("key", b"value")
    assert await store.get("key") == b"value"
    await store.close()
    assert "127.0.0.1" in await resolve("localhost", 80)

    for task in tasks:
        task.cancel()
    go_on.set()
    await asyncio.gather(*stuck, *tasks, *names, return_exceptions=True)


PROGRAMS = {
    "tools": """
@bl.tool(timeout_s=0.01)
def hang() -> None:
    threading.Event().wait()
for _ in range(7):
    assert (await hang.run(bl.ToolCallPart("1", "hang", "{}"))).is_error
""",
    "a cancelled tool": """
begun = threading.Event()
@bl.tool
def hang() -> None:
    begun.set()
    threading.Event().wait()
task = asyncio.ensure_future(hang.run(bl.ToolCallPart("1", "hang", "{}")))
while not begun.is_set():
    await asyncio.sleep(0)
task.cancel()
""",
    "a tool that the end of the program finds running": """
begun = threading.Event()
@bl.tool
def hang() -> None:
    begun.set()
    threading.Event().wait()
kept = asyncio.ensure_future(hang.run(bl.ToolCallPart("1", "hang", "{}")))
while not begun.is_set():
    await asyncio.sleep(0)
""",
    "names": """
import socket
from browserllm._internal.http.sockets import SocketClient
from browserllm._internal.http.client import HttpRequest, Timeouts
socket.getaddrinfo = lambda *a, **k: threading.Event().wait()
client = SocketClient()
try:
    await client.send(HttpRequest(method="GET", url="http://slow.test/", timeouts=Timeouts(connect_s=0.05)))
except bl.Timeout:
    pass
else:
    raise SystemExit("no timeout")
""",
    "a store": """
from browserllm.stores.sqlite import SQLiteStore
store = SQLiteStore("unused")
store._connect = lambda: threading.Event().wait()
try:
    async with asyncio.timeout(0.05):
        await store.get("key")
except TimeoutError:
    pass
""",
    "a profile": """
from browserllm.page.chrome import launch as chrome
chrome.site_folder = lambda: threading.Event().wait()
try:
    await bl.connect(browser="true", timeout_s=0.05)
except bl.Timeout:
    pass
""",
}


HEAD = "import asyncio, threading\nimport browserllm as bl\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_exits_while_something_hangs(name: str, tmp_path: Path) -> None:
    """Neither the event loop nor the program waits for it at the end."""
    body = "".join(f"    {line}\n" for line in PROGRAMS[name].splitlines())
    code = f"{HEAD}async def main():\n{body}\nasyncio.run(main())\nprint('end')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=25, check=False
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


async def test_a_client_looks_names_up_in_our_threads(go_on: threading.Event) -> None:
    """Requests work while asyncio's threads hang: by name, and to the one of several addresses that answers."""
    answered = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answered)
        await writer.drain()
        writer.close()

    held = Held(go_on)
    loop = asyncio.get_running_loop()
    stuck = [loop.run_in_executor(None, held) for _ in range((os.cpu_count() or 1) + 4)]
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = SocketClient()
    try:
        for host in ("localhost", "127.0.0.1"):
            request = HttpRequest(method="GET", url=f"http://{host}:{port}/", timeouts=Timeouts(connect_s=5))
            response = await client.send(request)
            assert b"".join([chunk async for chunk in response.chunks()]) == b"hi"
            await response.aclose()
    finally:
        go_on.set()
        await client.close()
        await stop_listening(server)
        await asyncio.gather(*stuck)
