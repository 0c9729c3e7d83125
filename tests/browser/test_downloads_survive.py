"""Downloads that meet more than a bad server: a killed browser, a stop, no server at all."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import browserllm as bl
from devtools import DIGESTS, FLAG, DevTools
from fault_server import Content, Fault, FaultServer
from served_models import ServedFile, noise_card, noise_model, pocket_model

MB = 1_000_000
KILLS = 10
LOST_PER_KILL = 4 * 1024 * 1024


async def wrong_or_missing(profile: Path, files: list[ServedFile]) -> list[str]:
    """The addresses whose cache entry is not what the server has, read in the browser that runs on this profile."""
    devtools = await DevTools.open(profile)
    kept = await devtools.evaluate(DIGESTS, [[file.cache, file.url] for file in files])
    await devtools.close()
    return [file.url for digest, file in zip(kept, files, strict=True) if digest != file.content.digest()]


async def kill(host: bl.Host) -> None:
    """SIGKILL for the launched browser and everything it started; returns when the host has noticed."""
    process = host._process  # what no program should want, so there is no public way
    os.killpg(process.pid, signal.SIGKILL)
    await process.exited
    await host.close()


async def kept_bytes(host: bl.Host) -> int:
    """How much of its files the page keeps, whole ones and others."""
    stored = await host.call("stored")
    whole, parts = stored["entries"], stored["partials"]
    return sum(each["size_bytes"] for each in whole) + sum(each["loaded_bytes"] for each in parts)


class Told:
    """What a page tells of its download."""

    def __init__(self) -> None:
        self.loaded_bytes = 0
        self._changed = asyncio.Event()

    def note(self, progress: bl.page.Progress) -> None:
        """Take what it tells; see `Host.call`."""
        self.loaded_bytes = progress.loaded_bytes or 0
        self._changed.set()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at whenever something is told."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()


async def test_a_killed_browser_loses_four_megabytes_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten kills at random points of a download cost at most 4 MiB of what had come, and the end is whole.

    Every second one comes while bytes do. Before the others the line rests until all that was sent has come: what is on
    its way to a busy page can be megabytes, and nothing tells how much.
    """
    monkeypatch.setenv("BROWSERLLM_BROWSER_FLAGS", FLAG)
    seed = secrets.randbelow(1_000_000)
    with FaultServer() as server:
        sizes = [24 * MB, 14 * MB, 10 * MB]
        files = noise_model(server, "/kill", sizes)
        for number, size in enumerate(sizes):
            path = f"/kill/resolve/main/params_shard_{number}.bin"
            server.add(path, Content.generated(size, seed=number), Fault(bytes_per_s=6 * MB))
        total = sum(file.content.size for file in files)
        orders = {"files": [file.order() for file in files], "parallel": 2, "backoff_ms": 10}
        points = sorted(random.Random(seed).choices(range(total), k=KILLS))  # noqa: S311
        lost: list[int] = []
        come: int | None = None
        for number, point in enumerate(points):
            host = await bl.connect(profile=tmp_path / "profile", webgpu="off")
            kept = await kept_bytes(host)
            if come is not None:
                lost.append(come - kept)
            begun = len(server.requests)
            server.limit_bytes = server.sent_bytes() + point - kept if number % 2 else None
            told = Told()
            download = asyncio.create_task(host.call("download", orders, told.note))
            # The point is one of the model's bytes: what is kept counts, and what is sent on top. What an older
            # connection still sends, to the killed browser, counts for the limit, but it never comes.
            sent = lambda: kept + sum(each.sent_bytes for each in server.requests[begun:])  # noqa: B023, E731
            reached = lambda: download.done() or sent() >= point or server.holds()  # noqa: B023, E731
            await asyncio.to_thread(server.wait_until, reached)
            if number % 2:
                await told.wait_until(lambda: told.loaded_bytes == sent())  # noqa: B023
            come = told.loaded_bytes if number % 2 else None
            await kill(host)
            await asyncio.gather(download, return_exceptions=True)
        server.limit_bytes = None
        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            lost.append((come or 0) - await kept_bytes(host))
            result = await host.call("download", orders)
            assert await wrong_or_missing(tmp_path / "profile", files) == []
            stored = await host.call("stored")
        figures = f"seed {seed}: kills at {points}, lost {lost}, {server.sent_bytes() - total} bytes sent again"
        assert len(lost) == KILLS // 2 and max(lost) <= LOST_PER_KILL, figures
        assert {file["verified"] for file in result["files"]} <= {"hash", "stored"}
        assert stored["partials"] == []


async def test_a_downloaded_model_answers_without_its_server(tmp_path: Path) -> None:
    """Downloaded from another origin, then no server and a new browser: both engines load the model and answer."""
    prompt = "Tell me a story about a fox."
    with FaultServer() as server:
        card = pocket_model(server, "/offline-pocket")
        catalog = bl.models.Catalog([card])
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            manager = bl.ModelManager(host, catalog)
            for engine, device in (("webllm", "webgpu"), ("transformersjs", "wasm")):
                await manager.download(card.id, engine=engine, device=device)
        server.stop()
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            replies = []
            for engine, device in (("webllm", "webgpu"), ("transformersjs", "wasm")):
                llm = bl.LocalBackend(host, model=card.id, engine=engine, device=device, catalog=catalog)
                replies.append(await llm.complete(prompt, temperature=0, max_tokens=40))
    assert [(reply.engine, reply.device) for reply in replies] == [("webllm", "webgpu"), ("transformersjs", "wasm")]
    assert all("fox" in reply.text.lower() for reply in replies)


async def all_has_come(server: FaultServer, download: bl.models.Download) -> None:
    """Wait until the server holds and the page has all that was sent."""
    async for progress in download:
        if server.holds() and progress.loaded_bytes == server.sent_bytes():
            break


async def test_a_download_can_be_paused_resumed_and_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pausing and cancelling keep the received bytes; resuming, and a later download, fetch only the rest."""
    monkeypatch.setenv("BROWSERLLM_BROWSER_FLAGS", FLAG)
    with FaultServer() as server:
        files = noise_model(server, "/pause", [6 * MB], [Fault(bytes_per_s=6 * MB)])
        shard = "/pause/resolve/main/params_shard_0.bin"
        sent = lambda: server.sent_bytes("/pause")  # noqa: E731
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            manager = bl.ModelManager(host, bl.models.Catalog([noise_card(server, "/pause")]))
            server.limit_bytes = 2 * MB
            download = await manager.start_download("pause", engine="webllm")
            await all_has_come(server, download)
            download.pause()
            assert download.state == "paused"
            await asyncio.to_thread(server.wait_until, lambda: server.requests_for(shard)[0].over)
            server.limit_bytes = 4 * MB
            download.resume()
            await all_has_come(server, download)
            await download.cancel()
            await asyncio.to_thread(server.wait_until, lambda: server.requests_for(shard)[1].over)
            server.limit_bytes = None
            assert download.state == "cancelled"
            with pytest.raises((bl.Cancelled, asyncio.CancelledError)):
                await download
            result = await manager.download("pause", engine="webllm")
            assert await wrong_or_missing(tmp_path / "profile", files) == []
        assert len(server.requests_for(shard)) == 3
        assert next(file for file in result.files if file.size_bytes == 6 * MB).resumed_from >= 4 * MB
        assert sent() == sum(file.content.size for file in files)
