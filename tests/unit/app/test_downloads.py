"""Downloads in the app: several at once, paused, resumed, cancelled, failed, and found again at the next visit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.models import Models
from browserllm.app.state import Download
from browserllm.models.activity import Activity
from browserllm.page.device import ConnectionFacts
from browserllm.page.host import Progress
from browserllm.stores.memory import MemoryStore
from browserllm.testing.files import ScriptedFile, ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG
from unit.app.rooms import Opened, opened, room_of

SIZE = 1000
TEXTS = ("config.json", "tokenizer.json", "tokenizer_config.json")


def folder(name: str) -> str:
    return f"https://models.test/{name}/"


def web(**models: list[Any]) -> dict[str, str | int | ScriptedFile]:
    """Models on the web; the steps are what happens while their weights are fetched."""
    files: dict[str, str | int | ScriptedFile] = {}
    for name, steps in models.items():
        for text in TEXTS:
            files[folder(name) + text] = '{"model_type": "llama"}' if text == "config.json" else "{}"
        files[folder(name) + "onnx/model_quantized.onnx"] = ScriptedFile(SIZE, steps=steps)
    return files


async def with_models(
    files: ScriptedFiles, *names: str, store: MemoryStore | None = None, host: ScriptedHost | None = None
) -> Opened:
    """An open app with these custom models."""
    app = await opened(host or ScriptedHost(files=files, facts=device_facts(webgpu=False)), store)
    for name in names:
        await app.call(act.AddModel(source=folder(name), id=name))
    return app


def download(app: Opened, model: str) -> Download:
    return app.state.downloads[model]


async def received(app: Opened, model: str, least: int) -> None:
    """Wait until so much of the weights has arrived. (The state follows four times a second.)"""
    url = folder(model) + "onnx/model_quantized.onnx"
    await app.until(lambda: app.host.files.partials.get(url, {}).get("loaded_bytes", 0) >= least)
    await app.until(lambda: not app.host.files.web[url].steps and model in app.state.downloads)


async def test_a_download_is_shown_until_the_model_is_there() -> None:
    """Then it is gone, and the model is downloaded, with its size."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    assert not app.state.models["tiny"].downloaded
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    assert download(app, "tiny").state == "running"
    assert (app.state.loading, app.state.loads) == (None, {})  # it is no load
    await app.call(act.PauseDownload(model="tiny"))
    shown = download(app, "tiny")
    assert (shown.state, shown.received_bytes, shown.total_bytes) == ("paused", 427, SIZE + 27)
    assert (shown.bytes_per_s, shown.left_s) == (None, None)
    await app.call(act.ResumeDownload(model="tiny"))
    await app.until(lambda: "tiny" not in app.state.downloads)
    await app.until(lambda: app.state.models["tiny"].downloaded)
    assert app.state.models["tiny"].stored_bytes == SIZE + 27
    assert app.state.storage.models_bytes >= SIZE
    await app.app.close()


async def test_several_downloads_run_at_once() -> None:
    """Each has its own progress; pausing one does not pause the other."""
    app = await with_models(ScriptedFiles(web(one=[300, HANG], two=[600, HANG])), "one", "two")
    await asyncio.gather(app.call(act.DownloadModel(model="one")), app.call(act.DownloadModel(model="two")))
    await received(app, "one", 300)
    await received(app, "two", 600)
    await app.call(act.PauseDownload(model="one"))
    assert (download(app, "one").state, download(app, "two").state) == ("paused", "running")
    await app.app.close()


async def test_two_clicks_start_one_download() -> None:
    """The second call joins the first."""
    files = ScriptedFiles(web(tiny=[]))
    app = await with_models(files, "tiny")
    before = files.fetched_bytes
    await asyncio.gather(*(app.call(act.DownloadModel(model="tiny")) for _ in range(3)))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    assert files.fetched_bytes - before <= SIZE + 27
    assert app.state.downloads == {}
    await app.app.close()


async def test_a_failed_download_stays_with_its_error_and_can_go_on() -> None:
    """What has arrived is not fetched again."""
    broken = bl.errors.DownloadInterrupted("the connection broke off")
    files = ScriptedFiles(web(tiny=[400, broken]))
    app = await with_models(files, "tiny")
    await app.call(act.DownloadModel(model="tiny"))
    await app.until(lambda: "tiny" in app.state.downloads and download(app, "tiny").state == "failed")
    error = download(app, "tiny").error
    assert error is not None
    assert (error.code, "broke off" in error.message) == ("download_interrupted", True)
    before = files.fetched_bytes
    await app.call(act.ResumeDownload(model="tiny"))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    assert files.fetched_bytes - before == SIZE - 400
    await app.app.close()


class FullStore(MemoryStore):
    """A store on a disk that is full for a while."""

    full = False

    async def put(self, key: str, value: bytes) -> None:
        if self.full:
            raise bl.errors.QuotaExceeded("the disk is full")
        await super().put(key, value)


async def test_a_download_that_cannot_be_recorded_does_not_run_on_unseen() -> None:
    """The next attempt begins a new one: it does not join one that nothing shows."""
    files, store = ScriptedFiles(web(tiny=[400, HANG])), FullStore()
    app = await with_models(files, "tiny", store=store)
    store.full = True
    with pytest.raises(bl.errors.QuotaExceeded):
        await app.call(act.DownloadModel(model="tiny"))
    assert app.state.downloads == {}
    store.full = False
    files.web[folder("tiny") + "onnx/model_quantized.onnx"] = ScriptedFile(SIZE)
    await app.call(act.DownloadModel(model="tiny"))
    assert "tiny" in app.state.downloads
    await app.until(lambda: app.state.models["tiny"].downloaded)
    await app.app.close()


async def test_a_download_over_the_budget_fails_with_what_can_go() -> None:
    """The error's data has the plan, its actions the way out, and a notice tells of it."""
    app = await with_models(ScriptedFiles(web(old=[], new=[])), "old", "new")
    await app.call(act.DownloadModel(model="old"))
    await app.until(lambda: app.state.models["old"].downloaded)
    await app.settings(storageBudgetBytes=1500)
    await app.call(act.DownloadModel(model="new"))
    await app.until(lambda: download(app, "new").state == "failed")
    error = download(app, "new").error
    assert error is not None
    assert (error.code, "free_space" in error.actions) == ("quota_exceeded", True)
    assert [model["model"] for model in error.data["plan"]["models"]] == ["old"]
    assert [notice.id for notice in app.state.notices] == ["quota-new"]
    await app.call(act.DeleteModel(model="old"))
    await app.call(act.ResumeDownload(model="new"))
    await app.until(lambda: app.state.models["new"].downloaded)
    await app.app.close()


async def test_an_interrupted_download_is_paused_at_the_next_visit() -> None:
    """The page was closed in the middle: the next visit shows it, and it goes on from there."""
    files, store = ScriptedFiles(web(tiny=[400, HANG])), MemoryStore()
    app = await with_models(files, "tiny", store=store)
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    await app.host.close()
    await app.app.close()
    again = await with_models(files, store=store)
    await again.until(lambda: "tiny" in again.state.downloads)
    shown = download(again, "tiny")
    assert (shown.state, shown.received_bytes, shown.total_bytes) == ("paused", 427, SIZE + 27)
    before = files.fetched_bytes
    await again.call(act.ResumeDownload(model="tiny"))
    await again.until(lambda: again.state.models["tiny"].downloaded)
    assert files.fetched_bytes - before == SIZE - 400
    assert again.state.downloads == {}
    await again.app.close()
    third = await with_models(files, store=store)
    assert third.state.downloads == {}
    await third.app.close()


@pytest.mark.parametrize("delete", [True, False])
async def test_a_cancelled_download_does_not_come_back(delete: bool) -> None:
    """With ``delete`` its parts are gone; without it they stay, and count as reclaimable."""
    files, store = ScriptedFiles(web(tiny=[400, HANG])), MemoryStore()
    app = await with_models(files, "tiny", store=store)
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    await app.call(act.CancelDownload(model="tiny", delete=delete))
    assert app.state.downloads == {}
    assert bool(files.partials) is not delete
    await app.app.close()
    again = await with_models(files, store=store)
    await again.call(act.RefreshModels())
    assert again.state.downloads == {}
    assert (again.state.storage.reclaimable_bytes > 0) is not delete
    if not delete:
        assert await again.call(act.CleanStorage()) >= 400
        assert files.partials == {}
    await again.app.close()


async def test_a_load_downloads_first_and_can_be_paused() -> None:
    """A load of a model that is not there shows its download, too."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    load = asyncio.ensure_future(app.call(act.LoadModel(model="tiny")))
    await received(app, "tiny", 400)
    assert app.state.loading is not None
    assert app.state.loading.model == "tiny"
    await app.call(act.PauseDownload(model="tiny"))
    assert download(app, "tiny").state == "paused"
    await app.call(act.ResumeDownload(model="tiny"))
    await load
    await app.until(lambda: "tiny" not in app.state.downloads)
    assert [loaded.model for loaded in app.state.loaded] == ["tiny"]
    assert app.state.loading is None
    await app.app.close()


@pytest.mark.parametrize("delete", [True, False])
async def test_cancelling_the_download_of_a_load_ends_both(delete: bool) -> None:
    """No more bytes arrive, the load fails with what happened, and the download does not come back."""
    files, store = ScriptedFiles(web(tiny=[400, HANG])), MemoryStore()
    app = await with_models(files, "tiny", store=store)
    load = asyncio.ensure_future(app.call(act.LoadModel(model="tiny")))
    await received(app, "tiny", 400)
    await app.call(act.CancelDownload(model="tiny", delete=delete))
    with pytest.raises(bl.errors.Cancelled, match="the download of 'tiny' was cancelled"):
        await load
    assert app.state.downloads == {}
    await app.until(lambda: app.state.loading is None)
    assert bool(files.partials) is not delete
    fetched = files.fetched_bytes
    await app.call(act.RefreshModels())
    assert (app.state.downloads, files.fetched_bytes) == ({}, fetched)
    await app.call(act.DownloadModel(model="tiny"))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    assert files.fetched_bytes - fetched >= SIZE if delete else files.fetched_bytes - fetched == SIZE - 400
    await app.app.close()


async def test_cancelling_a_download_that_a_load_shares_ends_both() -> None:
    """The user sees one download, so there is one to cancel."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    load = asyncio.ensure_future(app.call(act.LoadModel(model="tiny")))
    await received(app, "tiny", 400)
    await app.call(act.DownloadModel(model="tiny"))
    await app.call(act.CancelDownload(model="tiny"))
    with pytest.raises(bl.errors.Cancelled):
        await load
    assert app.state.downloads == {}
    await app.app.close()


async def test_an_answer_whose_download_is_cancelled_says_so() -> None:
    """The error is in its message, with a way to try again."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    asking = asyncio.ensure_future(app.ask("Hello", model="tiny"))
    await received(app, "tiny", 400)
    await app.call(act.CancelDownload(model="tiny"))
    answer = await asking
    assert (answer.status, answer.error is not None) == ("error", True)
    assert answer.error is not None
    assert (answer.error.title, answer.error.actions) == ("This was cancelled", ("retry",))
    assert "the download of 'tiny' was cancelled" in answer.error.message
    await app.app.close()


async def test_the_download_of_another_build_is_joined_and_not_begun_again() -> None:
    """A load may want another build than the best one; a pause is for what is being downloaded."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    load = asyncio.ensure_future(app.call(act.LoadModel(model="tiny", engine="transformersjs", device="wasm")))
    await received(app, "tiny", 400)
    begun = len(app.host.shared(Activity).fetching)
    await app.call(act.PauseDownload(model="tiny"))
    assert (download(app, "tiny").state, len(app.host.shared(Activity).fetching)) == ("paused", begun)
    await app.call(act.CancelDownload(model="tiny"))
    with pytest.raises(bl.errors.Cancelled):
        await load
    await app.app.close()


async def test_what_only_the_browser_downloads_cannot_be_stopped() -> None:
    """The error says why, and the download stays in sight."""
    app = await opened()
    await app.until(lambda: "browser" in app.state.models)
    fetching = Progress(phase="downloading", fraction=0.5, loaded_bytes=400, total_bytes=800)
    app.host.shared(Activity).publish("progress", "browser", progress=fetching)
    for action in (act.CancelDownload(model="browser"), act.PauseDownload(model="browser")):
        with pytest.raises(bl.errors.Unsupported, match="the browser fetches it for all sites"):
            await app.call(action)
    assert download(app, "browser").state == "running"
    await app.app.close()


async def test_reading_the_built_in_model_is_not_a_download() -> None:
    """Its files came with the app."""
    app = await opened()
    progress = Progress(phase="downloading", fraction=0.5, loaded_bytes=400, total_bytes=800)
    app.host.shared(Activity).publish("progress", "pocket", progress=progress)
    assert "pocket" not in app.state.downloads
    await app.app.close()


async def test_what_an_engine_fetches_by_itself_ends_with_the_load() -> None:
    """The browser's own model has no download of its own, so nothing else tells its end."""
    app = await opened()
    await app.until(lambda: "browser" in app.state.models)
    activity = app.host.shared(Activity)
    fetching = Progress(phase="downloading", fraction=0.5, loaded_bytes=400, total_bytes=800)
    activity.publish("progress", "browser", progress=fetching)
    assert download(app, "browser").received_bytes == 400
    activity.publish("ready", "browser")
    await app.until(lambda: "browser" not in app.state.downloads)
    await app.app.close()


async def test_a_cancelled_load_leaves_a_paused_download() -> None:
    """What has arrived stays, and the download can go on."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    load = asyncio.ensure_future(app.call(act.LoadModel(model="tiny")))
    await received(app, "tiny", 400)
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)
    await app.until(lambda: app.state.loading is None and download(app, "tiny").state == "paused")
    await app.call(act.ResumeDownload(model="tiny"))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    await app.app.close()


async def test_what_is_not_being_downloaded_cannot_be_paused_or_cancelled() -> None:
    """The error names the model."""
    app = await opened()
    for action in (act.PauseDownload(model="Qwen3-0.6B"), act.CancelDownload(model="Qwen3-0.6B")):
        with pytest.raises(bl.errors.InvalidRequest, match="Qwen3"):
            await app.call(action)
    with pytest.raises(bl.errors.ModelNotFound):
        await app.call(act.DownloadModel(model="no such model"))
    assert app.state.downloads == {}
    await app.app.close()


async def test_pausing_what_is_paused_changes_nothing() -> None:
    """Also what an earlier visit has begun, which no handle follows."""
    files, store = ScriptedFiles(web(tiny=[400, HANG])), MemoryStore()
    app = await with_models(files, "tiny", store=store)
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    await app.host.close()
    await app.app.close()
    again = await with_models(files, store=store)
    await again.until(lambda: "tiny" in again.state.downloads)
    shown = download(again, "tiny")
    await again.call(act.PauseDownload(model="tiny"))
    assert download(again, "tiny") is shown
    assert await again.call(act.EstimateDownload(model="tiny")) is None
    again.app.state.change("downloads", "tiny", total_bytes=None)
    again.app.state.change("models", "tiny", download_bytes=None)
    assert await again.call(act.EstimateDownload(model="tiny")) is None
    await again.app.close()


async def test_a_cancelled_download_of_an_earlier_visit_is_deleted_with_its_parts_alone() -> None:
    """Other models, and what is complete, stay."""
    files, store = ScriptedFiles(web(tiny=[400, HANG], other=[])), MemoryStore()
    app = await with_models(files, "other", "tiny", store=store)
    await app.call(act.DownloadModel(model="other"))
    await app.until(lambda: app.state.models["other"].downloaded)
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    await app.host.close()
    await app.app.close()
    again = await with_models(files, store=store)
    await again.until(lambda: "tiny" in again.state.downloads)
    await again.call(act.CancelDownload(model="tiny", delete=True))
    assert (again.state.downloads, files.partials) == ({}, {})
    assert await store.items("download/") == []
    await again.call(act.RefreshModels())
    assert again.state.models["other"].downloaded
    assert again.state.models["tiny"].stored_bytes == 0
    await again.app.close()


async def test_a_damaged_record_of_a_download_is_forgotten() -> None:
    """What is stored says enough: its parts are there, and it goes on from them."""
    files, store = ScriptedFiles(web(tiny=[400, HANG])), MemoryStore()
    app = await with_models(files, "tiny", store=store)
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    await app.host.close()
    await app.app.close()
    await store.put("download/tiny", b"{")
    again = await with_models(files, store=store)
    await again.until(lambda: "tiny" in again.state.downloads)
    assert (download(again, "tiny").state, download(again, "tiny").received_bytes) == ("paused", 427)
    assert await store.get("download/tiny") is None
    await again.call(act.ResumeDownload(model="tiny"))
    await again.until(lambda: again.state.models["tiny"].downloaded)
    await again.app.close()


async def test_a_measured_speed_estimates_the_next_download() -> None:
    app = await with_models(ScriptedFiles(web(tiny=[400, HANG], other=[])), "tiny", "other")
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    arriving = Progress("downloading", loaded_bytes=427, total_bytes=SIZE + 27, bytes_per_s=50.0)
    room_of(app.app, Models).downloads.on_progress("tiny", arriving)
    assert await app.call(act.EstimateDownload(model="other")) == pytest.approx((SIZE + 27) / 50)
    assert await app.call(act.EstimateDownload(model="tiny")) == pytest.approx((SIZE - 400) / 50)
    # One of this visit that has ended since counts, too, and a pause reports no speed.
    await app.call(act.CancelDownload(model="tiny"))
    assert await app.call(act.EstimateDownload(model="other")) == pytest.approx((SIZE + 27) / 50)
    await app.app.close()


async def test_the_files_that_a_download_lacks_are_listed() -> None:
    """With what the manifest promises, and how much of each has arrived; those that are complete are not among them."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    with pytest.raises(bl.errors.InvalidRequest, match="tiny"):
        await app.call(act.ListMissingFiles(model="tiny"))
    await app.call(act.DownloadModel(model="tiny"))
    await received(app, "tiny", 400)
    await app.call(act.PauseDownload(model="tiny"))
    (missing,) = await app.call(act.ListMissingFiles(model="tiny"))
    assert missing.url == folder("tiny") + "onnx/model_quantized.onnx"
    assert (missing.cache, missing.size_bytes, missing.received_bytes) == ("transformers-cache", SIZE, 400)
    # A service worker, for example, puts the file where the engine reads it; the resumed download finds it there.
    app.host.files.store(missing.cache, missing.url, SIZE)
    assert await app.call(act.ListMissingFiles(model="tiny")) == []
    await app.call(act.ResumeDownload(model="tiny"))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    await app.app.close()


async def test_the_time_of_a_download_is_estimated_only_from_facts() -> None:
    """Without any it is unknown; a slow connection's name gives a speed; what the browser measures is better."""
    files = ScriptedFiles(web(tiny=[500, HANG], other=[]))
    app = await with_models(files, "tiny", "other")
    assert await app.call(act.EstimateDownload(model="tiny")) is None
    assert await app.call(act.EstimateDownload(model="pocket")) == 0
    app.app.state.put(Download(model="x", state="paused"), "downloads", "x")
    await app.app.close()
    facts = device_facts(webgpu=False)
    slow = bl.page.DeviceFacts(webgpu=facts.webgpu, wasm=facts.wasm, connection=ConnectionFacts(effective_type="2g"))
    app = await with_models(files, "other", host=ScriptedHost(files=files, facts=slow))
    assert await app.call(act.EstimateDownload(model="other")) == pytest.approx((SIZE + 27) / 8750)
    await app.app.close()
    fast = ConnectionFacts(effective_type="4g", downlink_mbps=2.5)
    measured = bl.page.DeviceFacts(webgpu=facts.webgpu, wasm=facts.wasm, connection=fast)
    app = await with_models(files, "other", host=ScriptedHost(files=files, facts=measured))
    assert await app.call(act.EstimateDownload(model="other")) == pytest.approx((SIZE + 27) / 312_500)
    await app.app.close()
