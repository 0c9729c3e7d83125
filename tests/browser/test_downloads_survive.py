"""Downloads that meet more than a bad server: a killed browser, a stop, no server at all."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
from pathlib import Path

import pytest

import browserllm as bl
from devtools import DIGESTS, FLAG, DevTools
from fault_server import Content, Fault, FaultServer
from served_models import ServedFile, noise_card, noise_model, pocket_model

MB = 1_000_000
KILLS = 10
LOST_PER_KILL = 4 * 1024 * 1024 + 1024 * 1024
"""The last 4 MiB, and one chunk."""


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


async def test_a_killed_browser_loses_four_megabytes_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten kills at random points of a download: each costs at most the last 4 MiB and a chunk, and the end is whole."""
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
        lost = []
        fetched = 0
        for point in points:
            host = await bl.connect(profile=tmp_path / "profile", webgpu="off")
            stored = await host.call("stored")
            kept = sum(each["size_bytes"] for each in stored["entries"])
            kept += sum(each["loaded_bytes"] for each in stored["partials"])
            lost.append(fetched - kept)
            before = server.sent_bytes()
            download = asyncio.create_task(host.call("download", orders))
            # The point is one of the model's bytes: what is kept counts, and what is sent on top of it.
            reached = lambda: download.done() or kept + server.sent_bytes() - before >= point  # noqa: B023, E731
            await asyncio.to_thread(server.wait_until, reached)
            await kill(host)
            await asyncio.gather(download, return_exceptions=True)
            fetched = kept + server.sent_bytes() - before
        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            result = await host.call("download", orders)
            assert await wrong_or_missing(tmp_path / "profile", files) == []
            stored = await host.call("stored")
        again = server.sent_bytes() - total
        figures = f"seed {seed}: kills at {points}, lost before each {lost}, {again} bytes sent again"
        assert max(lost) <= LOST_PER_KILL, figures
        assert again <= KILLS * LOST_PER_KILL, figures
        assert {file["verified"] for file in result["files"]} <= {"hash", "stored"}
        assert stored["partials"] == []


async def test_a_downloaded_model_answers_without_its_server(tmp_path: Path) -> None:
    """Downloaded from another origin, then no server and a new browser: both engines load the model and answer."""
    prompt = "Tell me a story about a fox."
    with FaultServer() as server:
        card = pocket_model(server, "/offline-pocket")
        catalog = bl.Catalog([card])
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


async def test_a_download_pauses_goes_on_and_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pausing and cancelling keep what has come; going on, and the same download later, fetch the rest alone."""
    monkeypatch.setenv("BROWSERLLM_BROWSER_FLAGS", FLAG)
    with FaultServer() as server:
        files = noise_model(server, "/pause", [6 * MB], [Fault(bytes_per_s=6 * MB)])
        shard = "/pause/resolve/main/params_shard_0.bin"
        sent = lambda: server.sent_bytes("/pause")  # noqa: E731
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            manager = bl.ModelManager(host, bl.Catalog([noise_card(server, "/pause")]))
            download = await manager.start_download("pause", engine="webllm")
            await asyncio.to_thread(server.wait_until, lambda: sent() >= 2 * MB)
            download.pause()
            assert download.state == "paused"
            await asyncio.to_thread(server.wait_until, lambda: server.requests_for(shard)[0].over)
            before = sent()
            download.resume()
            assert before < 5 * MB
            await asyncio.to_thread(server.wait_until, lambda: sent() >= 4 * MB)
            await download.cancel()
            assert download.state == "cancelled"
            with pytest.raises((bl.Cancelled, asyncio.CancelledError)):
                await download
            result = await manager.download("pause", engine="webllm")
            assert await wrong_or_missing(tmp_path / "profile", files) == []
        assert len(server.requests_for(shard)) == 3
        assert next(file for file in result.files if file.size_bytes == 6 * MB).resumed_from >= 2 * MB
        assert sent() - sum(file.content.size for file in files) <= 2 * MB
