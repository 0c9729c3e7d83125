"""The download as Python has it, in a launched browser: true progress, a pause, a cancel that cleans up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import browserllm as bl
from browserllm.models.downloads.download import start_download
from fault_server import Content, Fault, FaultServer
from served_models import ServedFile, noise_model

MB = 1_000_000


def serve(
    server: FaultServer, folder: str, sizes: list[int], bytes_per_s: int
) -> tuple[list[ServedFile], bl.models.Artifact]:
    """A model of noise whose weights come slowly, and its artifact."""
    files = noise_model(server, folder, sizes)
    for number, size in enumerate(sizes):
        path = f"{folder}/resolve/main/params_shard_{number}.bin"
        server.add(path, Content.generated(size, seed=number), Fault(bytes_per_s=bytes_per_s))
    url = f"{server.origin}{folder}/resolve/main/"
    return files, bl.models.Artifact(engine="webllm", device="webgpu", id="noise", url=url, library=f"{url}model.wasm")


async def test_progress_is_true_through_a_pause(tmp_path: Path) -> None:
    """Never more than the server sent, all of it once it came; never back, calmly told; a pause costs nothing."""
    told: list[tuple[float, float]] = []
    clock = asyncio.get_running_loop().time
    with FaultServer() as server:
        files, artifact = serve(server, "/handle", [7 * MB, 5 * MB, 3 * MB], 2 * MB)
        total = sum(file.content.size for file in files)

        def note(progress: bl.page.Progress) -> None:
            assert progress.fraction is not None, "every size is in the manifest"
            told.append((progress.fraction, server.sent_bytes("/handle") / total))

        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            server.limit_bytes = 6 * MB
            began_s = clock()
            download = start_download(host, artifact, model="noise", on_progress=note, parallel=2)
            async for progress in download:
                if server.holds() and progress.loaded_bytes == server.sent_bytes():
                    break
            speed = download.progress.bytes_per_s
            assert speed is not None and 0 < speed < 6 * MB
            download.pause()
            assert download.state == "paused"
            await asyncio.to_thread(server.wait_until, lambda: all(each.over for each in server.requests))
            server.limit_bytes = None
            download.resume()
            result = await download
            took_s = clock() - began_s
            stored = await host.call("stored")
        assert server.sent_bytes("/handle") == total
    assert len(told) >= 10
    assert all(fraction <= true for fraction, true in told)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    # A pause and the end are told at once; all other updates keep their distance of 250 ms.
    assert len(told) <= took_s / 0.25 + 5
    assert result.size_bytes == total == stored["journal"]["noise"]["size_bytes"]
    # The pause ended one order, another one brought the rest; the two manifests were read before.
    assert total - 2000 <= result.fetched_bytes <= total
    assert {file.verified for file in result.files if "shard" in file.url} == {"hash"}
    assert {(entry["cache"], entry["url"]) for entry in stored["entries"]} == {(f.cache, f.url) for f in files}
    assert stored["partials"] == []


async def test_cancel_and_delete_leaves_nothing(tmp_path: Path) -> None:
    """Neither parts of files nor the manifest, once the page has stopped to write."""
    with FaultServer() as server:
        _, artifact = serve(server, "/cancel", [8 * MB], 8 * MB)
        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            download = start_download(host, artifact, model="noise")
            await asyncio.to_thread(server.wait_until, lambda: server.sent_bytes("/cancel") >= 5 * MB)
            await download.cancel(delete=True)
            stored = await host.call("stored")
            assert (stored["entries"], stored["partials"], stored["journal"]) == ([], [], {})
