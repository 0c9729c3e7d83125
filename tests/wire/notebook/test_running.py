"""What runs behind a widget: the app of the kernel's Python over the engine of a view, and hosts for the kernel."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import browserllm
from browserllm.app.app import App
from browserllm.app.state import Notice
from browserllm.errors import InvalidRequest, Unavailable
from browserllm.notebook import running as running_module
from browserllm.notebook import site as site_module
from browserllm.notebook.host import NotebookHost
from browserllm.notebook.running import Running
from browserllm.page.host import Host
from notebook_front_end import FrontEnd


@pytest.fixture(autouse=True)
def small_app(monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    """Open an app without rooms, and serve the small site."""

    async def open_app(host: Host, **options: Any) -> App:
        app = App(python=options["python"])
        app.state.put((Notice(id="n", at=0, text=threading.current_thread().name),), "notices")
        return app

    monkeypatch.setattr(running_module, "open_app", open_app)
    monkeypatch.setattr(site_module, "site_folder", lambda: site)


@asynccontextmanager
async def running(
    tmp_path: Path, *, chat: bool = True, site: str | None = None
) -> AsyncIterator[tuple[FrontEnd, Running]]:
    front = FrontEnd()
    run = Running(front.post, site=site, chat=chat, conversations=tmp_path / "c.sqlite")
    front.receive = run.receive
    try:
        yield front, run
    finally:
        await asyncio.to_thread(run.close, "the test is over")


async def state_of(front: FrontEnd, view: str, count: int = 1) -> dict[str, Any]:
    app = await front.channel(view, "app")
    front.text(view, app, '{"type": "hello"}')
    return json.loads((await front.until(count, type="text", channel=app))["data"])["state"]


async def test_views_show_the_kernels_app_over_the_first_ones_engine(tmp_path: Path) -> None:
    """The app runs in a thread of its own, which a cell that computes does not stop."""
    async with running(tmp_path) as (front, _):
        await front.show("a")
        await front.start_engine("a")
        state = await state_of(front, "a")
        assert state["python"] == "notebook"
        assert state["notices"][0]["text"] != threading.current_thread().name
        await front.show("b")
        assert (await state_of(front, "b"))["python"] == "notebook"
        assert not [
            each for each in front.got if each["type"] == "open" and each["view"] == "b" and each["kind"] == "engine"
        ]


async def test_another_views_engine_takes_over_when_the_first_one_goes(tmp_path: Path) -> None:
    """Its output was cleared; the view that stays gets the state of the app over its own engine."""
    async with running(tmp_path) as (front, _):
        await front.show("a")
        await front.start_engine("a")
        await state_of(front, "a")
        await front.show("b")
        await state_of(front, "b")
        front.say("bye", "a")
        await front.start_engine("b")
        app = await front.channel("b", "app")
        second = json.loads((await front.until(2, type="text", channel=app))["data"])
        assert second["type"] == "state"


async def test_the_kernels_code_uses_the_engine_of_the_view(tmp_path: Path) -> None:
    """`connect` opens a host in the cell's event loop; what the page answers arrives there."""
    async with running(tmp_path, chat=False) as (front, run):
        await front.show("a")
        connecting = asyncio.ensure_future(_connect(run))
        channel = await front.start_engine("a")
        host = await connecting
        assert isinstance(host, NotebookHost) and host.hello.engines[0].name == "webllm"
        asking = asyncio.ensure_future(host.call("status"))
        request = json.loads((await front.until(type="text", channel=channel))["data"])
        front.text("a", channel, json.dumps({"v": 1, "id": request["id"], "type": "result", "data": {"queue": 3}}))
        assert await asking == {"queue": 3}
        hanging = asyncio.ensure_future(host.call("status"))
        await front.until(2, type="text", channel=channel)
        front.say("bye", "a")
        with pytest.raises(Unavailable) as caught:
            await hanging
        assert caught.value.reason == "closed" and "output was cleared" in str(caught.value)
        await host.close()


async def test_closing_a_host_leaves_the_view_and_other_hosts(tmp_path: Path) -> None:
    """The frame disconnects that channel alone."""
    async with running(tmp_path, chat=False) as (front, run):
        await front.show("a")
        hosts: list[Host] = []
        for count in (1, 2):
            connecting = asyncio.ensure_future(_connect(run))
            await front.start_engine("a", count)
            hosts.append(await connecting)
        await hosts[0].close()
        closed = await front.until(type="close")
        assert closed["channel"] == await front.channel("a", "engine", 1)
        assert not hosts[1].closed
        await hosts[1].close()


async def test_the_port_is_the_same_again_and_another_one_if_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser keeps models by origin, and the port is a part of that."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    monkeypatch.setattr(site_module, "FIRST_PORT", free)
    urls: list[str] = []
    for _ in range(2):
        async with running(tmp_path) as (front, _):
            front.say("hello", "a")
            urls.append((await front.until(type="welcome"))["url"])
    assert all(url.startswith(f"http://127.0.0.1:{free}/notebook.html?key=") for url in urls)
    assert urls[0] != urls[1], "the key is another one"
    async with running(tmp_path), running(tmp_path) as (front, _):
        front.say("hello", "a")
        assert f":{free}/" not in (await front.until(type="welcome"))["url"]


async def test_the_port_is_taken_for_localhosts_other_address_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook at localhost frames localhost; another user's server must not be there. Nothing listens at ::1."""
    try:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    taken = other.getsockname()[1]
    monkeypatch.setattr(site_module, "FIRST_PORT", taken)
    with other:
        async with running(tmp_path) as (front, _):
            front.say("hello", "a")
            assert f":{taken}/" not in (await front.until(type="welcome"))["url"]
    async with running(tmp_path) as (front, _):
        front.say("hello", "a")
        assert f"127.0.0.1:{taken}/" in (await front.until(type="welcome"))["url"]
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("::1", taken), family=socket.AF_INET6)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("::1", taken), timeout=5)


async def test_a_site_elsewhere_is_named_to_the_view(tmp_path: Path) -> None:
    """A remote kernel's reader cannot reach the kernel's loopback."""
    async with running(tmp_path, site="https://example.org/llm") as (front, _):
        front.say("hello", "a")
        assert (await front.until(type="welcome"))["url"] == "https://example.org/llm/notebook.html"


@pytest.mark.parametrize("site", ["example.org", "ftp://x", "https://", "https://x/?a=1", "https://[", ""])
def test_a_site_that_is_no_address_is_refused(site: str, tmp_path: Path) -> None:
    """Before anything starts."""
    with pytest.raises(InvalidRequest) as caught:
        Running(lambda content, buffers: None, site=site, chat=False)
    assert caught.value.data["parameter"] == "site"


@pytest.mark.parametrize("page", ["app", 7, object()])
def test_connect_refuses_what_is_no_widget(page: object) -> None:
    """And says what to write."""
    with pytest.raises(InvalidRequest) as caught:
        browserllm.connect(page)
    assert caught.value.data["parameter"] == "page" and "ChatApp" in str(caught.value)


async def test_a_busy_kernel_is_told_to_the_views(tmp_path: Path) -> None:
    """Those that are there, and those that come while the cell runs."""
    async with running(tmp_path) as (front, run):
        run.note_busy(True)
        await front.until(type="busy", busy=True)
        front.say("hello", "a")
        assert (await front.until(type="welcome"))["busy"] is True


class _Widget:
    def __init__(self, run: Running) -> None:
        self.run = run

    async def open_host(self, timeout_s: float = 60.0) -> Host:
        return await self.run.open_host(timeout_s)


async def _connect(run: Running) -> Host:
    return await browserllm.connect(_Widget(run))
