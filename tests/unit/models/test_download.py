"""Downloads: one handle to await, watch, pause and cancel; shared by all who want the same files."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.models.downloads.download import Download, join_downloads, start_download
from browserllm.models.engines import FileList
from browserllm.models.storage import Stored
from browserllm.page.host import FileProgress, Progress
from browserllm.testing.files import ScriptedFile, ScriptedFiles
from browserllm.testing.host import ScriptedHost
from browserllm.testing.script import CLOSE, HANG, Clock, Wait

FOLDER = "https://models.test/tiny/"
CACHE = "transformers-cache"
WEIGHTS = FOLDER + "onnx/model_quantized.onnx"
ARTIFACT = bl.models.Artifact(engine="transformersjs", device="wasm", url=FOLDER, dtype="q8", id="tiny-q8")
SIZE = 1000
SMALL = 6  # the three texts of two characters


def web(*steps: Any, size: int = SIZE) -> dict[str, str | int | ScriptedFile]:
    """A small model on the web; ``steps`` are what happens while its weights are fetched."""
    texts = {FOLDER + name: "{}" for name in ("config.json", "tokenizer.json", "tokenizer_config.json")}
    return {**texts, WEIGHTS: ScriptedFile(size, steps=steps)}


def start(host: ScriptedHost, **options: Any) -> Download:
    return start_download(host, ARTIFACT, model="tiny", clock=lambda: host.clock.now_s, epoch=lambda: 1e9, **options)


async def settle() -> None:
    """Let everything run that can without the clock."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_download_fills_the_caches_and_the_journal() -> None:
    """Every file is in the cache that its engine reads, and the record says whose they are and since when."""
    host = ScriptedHost(files=web())
    result = await start(host)
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model_quantized.onnx")
    assert {(CACHE, FOLDER + name) for name in names} == set(host.files.entries)
    assert (result.model, result.size_bytes, result.fetched_bytes) == ("tiny", SIZE + SMALL, SIZE + 4)
    assert {file.url: file.verified for file in result.files}[WEIGHTS] == "size"
    record = host.files.journal["tiny-q8"]
    assert record["model"] == "tiny" and record["engine"] == "transformersjs" and record["device"] == "wasm"
    assert record["size_bytes"] == SIZE + SMALL and record["downloaded_ms"] == 1e12
    assert {file["url"] for file in record["files"]} == {FOLDER + name for name in names}
    assert host.files.partials == {}


async def test_a_second_download_fetches_nothing() -> None:
    """What is there with the right size is not fetched again."""
    host = ScriptedHost(files=web())
    await start(host)
    host.files.journal["tiny-q8"]["last_used_ms"] = 5.0
    fetched = host.files.fetched_bytes
    again = await start(host)
    assert host.files.fetched_bytes == fetched
    assert (again.fetched_bytes, {file.verified for file in again.files}) == (0, {"stored"})
    assert host.files.journal["tiny-q8"]["last_used_ms"] == 5.0


async def test_a_download_can_be_awaited_any_number_of_times() -> None:
    """The result is the same each time; so is the failure."""
    download = start(ScriptedHost(files=web()))
    first, second = await asyncio.gather(_result(download), _result(download))
    assert first is second is await download
    assert download.state == "done"
    broken = start(ScriptedHost(files=web(400, bl.errors.Stalled("nothing came"))))
    for _ in range(2):
        with pytest.raises(bl.errors.Stalled, match="nothing came"):
            await broken
    assert broken.state == "failed"


async def _result(download: Download) -> Any:
    return await download


async def test_a_bundled_artifact_needs_no_download() -> None:
    """The site's own files come with the site: no file is asked for, nothing is written."""
    host = ScriptedHost()
    bundled = msgspec.structs.replace(ARTIFACT, bundled=True)
    result = await start_download(host, bundled, model="tiny")
    assert (result.files, host.requests) == ([], [])


async def test_progress_is_complete_and_ends_with_ready() -> None:
    """States and bytes of every file, phases in order, fraction up to 1, and the last update always comes."""
    host = ScriptedHost(files=web(Wait(1), 250, Wait(1), 250, Wait(1), 500))
    seen: list[Progress] = []
    download = start(host, on_progress=seen.append)
    for _ in range(3):
        await settle()
        host.clock.advance(1)
    await download
    assert [round(p.fraction or 0, 2) for p in seen] == sorted(round(p.fraction or 0, 2) for p in seen)
    assert (seen[-1].phase, seen[-1].fraction, seen[-1].loaded_bytes) == ("ready", 1.0, SIZE + SMALL)
    middle = next(p for p in seen if p.loaded_bytes == 500 + SMALL)
    assert middle.total_bytes == SIZE + SMALL and middle.fraction == pytest.approx(506 / 1006)
    assert middle.bytes_per_s == pytest.approx(252, rel=0.02) and middle.seconds_left == pytest.approx(2, rel=0.02)
    weights = next(file for file in middle.files if file.url == WEIGHTS)
    assert weights == FileProgress(WEIGHTS, "downloading", 500, SIZE)
    assert download.progress is seen[-1]


async def test_iterating_yields_the_latest_update_and_ends() -> None:
    """A slow reader misses some updates, never the last; a second iteration begins with the latest."""
    host = ScriptedHost(files=web(500, Wait(1), 500))
    download = start(host)
    phases = []
    async for progress in download:
        phases.append(progress.phase)
        await settle()
        host.clock.advance(1)
    assert phases[0] == "queued" and phases[-1] == "ready" and "downloading" in phases
    assert [p.phase async for p in download] == ["ready"]


async def test_the_last_update_before_a_silence_is_reported() -> None:
    """Also one right after another update, if no more come."""
    host = ScriptedHost(files=web(100, 100, 150, HANG))
    download = start_download(host, ARTIFACT, model="tiny")
    async for progress in download:
        if progress.loaded_bytes == 350 + SMALL:
            break
    assert download.progress.loaded_bytes == 350 + SMALL
    await download.cancel()


async def test_iterating_raises_the_error_of_the_download() -> None:
    """After an update of phase ``error``, the exception itself."""
    download = start(ScriptedHost(files=web(400, bl.errors.IntegrityError("the bytes are wrong"))))
    phases = []
    with pytest.raises(bl.errors.IntegrityError, match="the bytes are wrong"):
        async for progress in download:
            phases.append(progress.phase)  # noqa: PERF401
    assert phases[-1] == "error"
    assert download.progress.text == "the bytes are wrong"


async def test_pause_keeps_the_received_bytes_and_resume_continues() -> None:
    """While it is paused nothing is fetched; then only the rest is."""
    host = ScriptedHost(files=web(400, HANG))
    download = start(host)
    await settle()
    assert download.state == "downloading"
    download.pause()
    await settle()
    assert (download.state, host.cancelled) == ("paused", ["download"])
    assert host.files.partials[WEIGHTS]["loaded_bytes"] == 400
    assert download.progress.bytes_per_s is None
    download.pause()
    download.resume()
    download.resume()
    result = await download
    assert host.files.fetched_bytes == result.fetched_bytes == SIZE + 4
    assert {file.url: file.resumed_from for file in result.files}[WEIGHTS] == 400
    download.pause()
    download.resume()
    assert download.state == "done"


async def test_fetched_bytes_count_all_requests_of_the_download() -> None:
    """Two pauses, on top of 300 bytes that an earlier download had left: this one fetched the rest."""
    storage = ScriptedFiles(web(300, bl.errors.DownloadInterrupted("broke off"), 200, HANG, 100, HANG))
    with pytest.raises(bl.errors.DownloadInterrupted):
        await start(ScriptedHost(files=storage))
    before = storage.fetched_bytes
    download = start(ScriptedHost(files=storage))
    for kept in (500, 600):
        await settle()
        download.pause()
        await settle()
        assert storage.partials[WEIGHTS]["loaded_bytes"] == kept
        download.resume()
    assert (await download).fetched_bytes == storage.fetched_bytes - before == SIZE - 300


async def test_pause_and_resume_at_once_order_the_page_in_turn() -> None:
    """The second order waits for the end of the first, so that two never write the same file."""
    host = ScriptedHost(files=web(400, HANG))
    download = start(host)
    await settle()
    download.pause()
    download.resume()
    await download
    assert [op for op, _ in host.requests].count("download") == 2
    assert host.files.entries[CACHE, WEIGHTS] == SIZE


async def test_a_pause_before_the_first_byte_holds() -> None:
    """Also while the manifest is read."""
    host = ScriptedHost(files=web())
    download = start(host)
    download.pause()
    await settle()
    assert download.state == "paused"
    assert "download" not in [op for op, _ in host.requests]
    download.resume()
    await download


async def test_cancel_keeps_the_received_bytes() -> None:
    """The page stops; a later download resumes from the last byte."""
    host = ScriptedHost(files=web(400, HANG))
    download = start(host)
    await settle()
    await download.cancel()
    await download.cancel()
    assert (download.state, host.cancelled) == ("cancelled", ["download"])
    with pytest.raises(bl.Cancelled, match="'tiny' was cancelled"):
        await download
    with pytest.raises(bl.Cancelled):
        async for _ in download:
            pass
    result = await start(host)
    assert {file.url: file.resumed_from for file in result.files}[WEIGHTS] == 400
    assert host.files.journal["tiny-q8"]["size_bytes"] == SIZE + SMALL


async def test_cancel_can_delete_only_the_received_files() -> None:
    """Older files stay, since another model may need them."""
    host = ScriptedHost(files=web(400, HANG))
    host.files.store(CACHE, FOLDER + "tokenizer.json", "{}")
    download = start(host)
    await settle()
    await download.cancel(delete=True)
    assert set(host.files.entries) == {(CACHE, FOLDER + "tokenizer.json")}
    assert host.files.partials == {} and host.files.journal == {}


async def test_cancel_before_the_manifest_came() -> None:
    """Nothing has been ordered, so nothing is to be stopped."""
    host = ScriptedHost(files=web())
    download = start(host)
    await download.cancel(delete=True)
    assert download.state == "cancelled"
    assert "download" not in [op for op, _ in host.requests]


async def test_callers_share_one_download() -> None:
    """Who comes later sees the progress too, and one order goes to the page."""
    host = ScriptedHost(files=web(400, Wait(1), 600))
    seen: list[Progress] = []
    first = start(host)
    await settle()
    second = start(host, on_progress=seen.append)
    host.clock.advance(1)
    assert (await first) is (await second)
    assert [op for op, _ in host.requests].count("download") == 1
    assert seen[-1].phase == "ready"


async def test_a_download_can_be_cancelled_for_all_its_callers() -> None:
    """Each of them gets `Cancelled`, and nothing more is fetched; what was received stays."""
    host = ScriptedHost(files=web(400, HANG))
    updates: list[Progress] = []
    waiting = asyncio.ensure_future(asyncio.wait_for(start(host, on_progress=updates.append), None))
    await settle()
    (joined,) = join_downloads(host, "tiny")
    assert join_downloads(host, "another") == []
    seen = len(updates)
    await joined.cancel(for_all=True)
    with pytest.raises(bl.errors.Cancelled, match="the download of 'tiny' was cancelled"):
        await waiting
    assert host.files.partials[WEIGHTS]["loaded_bytes"] == 400
    assert [update.phase for update in updates[seen:]] == ["error"]
    assert join_downloads(host, "tiny") == []


async def test_a_paused_download_can_be_cancelled_for_all() -> None:
    """Also at the moment at which the page has not confirmed the pause."""
    for steps in (0, 50):
        host = ScriptedHost(files=web(400, HANG))
        first, second = start(host), start(host)
        await settle()
        first.pause()
        for _ in range(steps):
            await asyncio.sleep(0)
        await second.cancel(for_all=True, delete=True)
        assert isinstance(await first.outcome(), bl.errors.Cancelled)
        assert (first.state, host.files.partials) == ("cancelled", {})


async def test_another_precision_is_another_download() -> None:
    """Also for a card whose builds have no ids of their own."""
    host = ScriptedHost(files=web() | {FOLDER + "onnx/model_q4.onnx": 30})
    nameless = msgspec.structs.replace(ARTIFACT, id=None)
    q8 = start_download(host, nameless, model="tiny")
    q4 = start_download(host, msgspec.structs.replace(nameless, dtype="q4"), model="tiny")
    assert ((await q8).files[-1].size_bytes, (await q4).files[-1].size_bytes) == (SIZE, 30)


async def test_a_cancelled_waiter_leaves_the_others_alone() -> None:
    """One task that waits is cancelled, the other gets its files."""
    host = ScriptedHost(files=web(400, Wait(1), 600))
    one, other = start(host), start(host)
    waiting, staying = asyncio.ensure_future(_result(one)), asyncio.ensure_future(_result(other))
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    await settle()
    assert (one.state, other.state, host.cancelled) == ("cancelled", "downloading", [])
    host.clock.advance(1)
    assert (await staying).size_bytes == SIZE + SMALL


async def test_the_last_waiter_to_leave_stops_the_download() -> None:
    """A cancelled task reaches the page; what came stays."""
    host = ScriptedHost(files=web(400, HANG))
    download = start(host)
    waiting = [asyncio.ensure_future(_result(download)) for _ in range(2)]
    await settle()
    waiting[0].cancel()
    await settle()
    assert host.cancelled == []
    waiting[1].cancel()
    await settle()
    assert (host.cancelled, download.state) == (["download"], "cancelled")
    assert host.files.partials[WEIGHTS]["loaded_bytes"] == 400


async def test_after_a_cancelled_wait_cancel_returns_when_the_page_has_stopped() -> None:
    """Ctrl-C cancels the wait; the reported size is what the page keeps."""
    host = ScriptedHost(files=web(400, HANG))
    download = start(host)
    waiting = asyncio.ensure_future(_result(download))
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    await download.cancel()
    assert download.state == "cancelled"
    assert host.cancelled == ["download"]
    there = {FOLDER + name for name in ("config.json", "tokenizer.json", "tokenizer_config.json")}
    whole = sum(2 for url in there if (CACHE, url) in host.files.entries)
    assert await download.kept_bytes() == 400 + whole


async def test_received_files_can_be_deleted_after_a_cancelled_wait() -> None:
    """`cancel(delete=True)` works whatever ended the wait."""
    host = ScriptedHost(files=web(400, HANG))
    download = start(host)
    waiting = asyncio.ensure_future(_result(download))
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    await download.cancel(delete=True)
    assert WEIGHTS not in host.files.partials
    assert await download.kept_bytes() == 0


async def test_a_handle_that_is_not_awaited_keeps_the_download_going() -> None:
    """A download goes on even if no task awaits it yet."""
    host = ScriptedHost(files=web(400, Wait(1), 600))
    background, other = start(host), start(host)
    waiting = asyncio.ensure_future(_result(other))
    await settle()
    waiting.cancel()
    await settle()
    host.clock.advance(1)
    assert (await background).size_bytes == SIZE + SMALL


async def test_a_download_continues_in_another_page() -> None:
    """The browser is killed at byte 400, which is `Unavailable`; the next page fetches the rest."""
    storage = ScriptedFiles(web(400, CLOSE))
    download = start(ScriptedHost(files=storage))
    with pytest.raises(bl.Unavailable, match="killed"):
        await download
    assert download.state == "failed"
    result = await start(ScriptedHost(files=storage))
    assert {file.url: file.resumed_from for file in result.files}[WEIGHTS] == 400
    assert storage.fetched_bytes == SIZE + 4


async def test_room_is_made_before_the_first_byte() -> None:
    """The function that makes room gets the files and the storage, and may refuse."""
    host = ScriptedHost(files=web())
    asked: list[tuple[int | None, int | None]] = []

    async def refuse(files: FileList, stored: Stored) -> None:
        asked.append((files.total_bytes, stored.quota_bytes))
        raise bl.errors.QuotaExceeded("needs 1,006 bytes, 7 are left")

    with pytest.raises(bl.errors.QuotaExceeded, match="7 are left"):
        await start(host, make_room=refuse)
    assert asked == [(SIZE + SMALL, 10**12)]
    assert "download" not in [op for op, _ in host.requests]


async def test_a_browser_without_space_is_named() -> None:
    """What the page reports arrives with its type; the caches have no half file."""
    host = ScriptedHost(files=ScriptedFiles(web(), quota_bytes=500))
    with pytest.raises(bl.errors.QuotaExceeded, match=r"model_quantized\.onnx"):
        await start(host)
    assert (CACHE, WEIGHTS) not in host.files.entries


async def test_a_missing_file_is_named_before_anything_is_fetched() -> None:
    """The address and the status are in the error."""
    files = web()
    del files[WEIGHTS]
    host = ScriptedHost(files=files)
    with pytest.raises(bl.errors.LoadFailed, match=r"model_quantized\.onnx' is missing.* 404 .*" + WEIGHTS):
        await start(host)


async def test_a_stop_by_the_page_ends_the_download() -> None:
    """The page may end a download that no caller cancelled."""
    download = start(ScriptedHost(files=web(400, bl.Cancelled("another program cancelled it"))))
    with pytest.raises(bl.Cancelled, match="another program cancelled it"):
        await download
    assert download.state == "cancelled"


async def test_a_failing_callback_ends_nothing() -> None:
    """It is reported to the loop, and the download goes on for everybody."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fail(progress: Progress) -> None:
        raise ValueError("a bug of mine")

    await start(ScriptedHost(files=web()), on_progress=fail)
    assert str(reported[0]["exception"]) == "a bug of mine"


@pytest.mark.parametrize("parallel", [0, 17])
async def test_parallel_has_bounds(parallel: int) -> None:
    """At once, before any request to the page."""
    with pytest.raises(bl.InvalidRequest, match=f"parallel={parallel}"):
        start(ScriptedHost(), parallel=parallel)


async def test_the_speed_does_not_count_stored_bytes() -> None:
    """400 of 1000 bytes are from before: the bar begins there, the speed does not."""
    clock = Clock()
    storage = ScriptedFiles(web(400, bl.errors.DownloadInterrupted("broke off"), Wait(1), 100, HANG))
    with pytest.raises(bl.errors.DownloadInterrupted):
        await start(ScriptedHost(files=storage, clock=clock))
    seen: list[Progress] = []
    host = ScriptedHost(files=storage, clock=clock)
    download = start(host, on_progress=seen.append)
    await settle()
    clock.advance(1)
    await settle()
    assert seen[-1].loaded_bytes == 500 + SMALL
    assert seen[-1].bytes_per_s == pytest.approx(100, rel=0.05)
    await download.cancel()
