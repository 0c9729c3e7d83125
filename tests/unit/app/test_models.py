"""The models in the state: the catalog judged for this device, what is loaded, stored, measured, and freed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.models import Models
from browserllm.app.state import AnswerInfo, TextPart
from browserllm.models.catalog.catalog import built_in
from browserllm.stores.memory import MemoryStore
from browserllm.testing import host
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG, Wait
from unit.app.rooms import Opened, opened, room_of
from unit.app.test_downloads import folder, web, with_models

GPU = device_facts(features=["shader-f16"])


async def pass_time(app: Opened, seconds: float) -> None:
    for _ in range(50):
        await asyncio.sleep(0)
    app.host.clock.advance(seconds)
    for _ in range(50):
        await asyncio.sleep(0)


async def test_every_model_of_the_catalog_is_judged() -> None:
    """With its builds, sizes, licence and fit; a build that cannot run says why."""
    app = await opened(ScriptedHost(facts=GPU))
    assert set(app.state.models) == set(built_in())
    for model in app.state.models.values():
        assert model.builds
        assert model.fit != "no" or model.reasons
        assert all(build.fits or build.reason for build in model.builds)
    qwen = app.state.models["Qwen3-0.6B"]
    assert (qwen.license, qwen.family, qwen.thinking, qwen.downloaded) == ("Apache-2.0", "Qwen3", True, False)
    assert qwen.download_bytes is not None
    assert qwen.quantization == "q4f16_1"
    await app.app.close()


async def test_models_have_the_names_that_people_give_them() -> None:
    """Without what all of them are, with sizes and families written alike, and no two of them the same."""
    app = await opened(ScriptedHost(facts=GPU))
    names = {model.id: model.name for model in app.state.models.values()}
    assert names["Qwen3-0.6B"] == "Qwen3 0.6B"
    assert names["gemma-2-2b-it"] == "Gemma 2 2B"
    assert names["gemma3-1b-it"] == "Gemma 3 1B"
    assert names["OLMo-2-1124-7B-Instruct"] == "OLMo 2 7B"
    assert names["Phi-3.5-vision-instruct"] == "Phi 3.5 vision"
    assert len(set(names.values())) == len(names)
    await app.app.close()


async def test_the_tiers_are_those_of_this_device() -> None:
    """Three models that run comfortably, from quick to strong."""
    app = await opened(ScriptedHost(facts=GPU))
    tiers = {model.tier: model for model in app.state.models.values() if model.tier is not None}
    assert set(tiers) == {"quick", "smart", "genius"}
    assert all(model.fit == "good" for model in tiers.values())
    sizes = [tiers[tier].parameters or 0 for tier in ("quick", "smart", "genius")]
    assert sizes == sorted(sizes)
    await app.app.close()


async def test_the_built_in_model_is_not_recommended_where_no_other_can_be_had() -> None:
    """Offline, before the first download, nothing has a tier."""
    app = await opened(ScriptedHost(facts=replace(GPU, online=False)))
    assert [model.id for model in app.state.models.values() if model.tier is not None] == []
    await app.app.close()


async def test_a_model_that_would_be_slow_is_tight_and_says_why() -> None:
    """Without WebGPU a model of a billion parameters runs on the CPU, slowly; what needs WebGPU does not run."""
    app = await opened(ScriptedHost(facts=device_facts(webgpu=False)))
    tight = [model for model in app.state.models.values() if model.fit == "tight"]
    assert tight
    assert all("slow" in model.reasons[0] or "memory" in model.reasons[0] for model in tight)
    impossible = [model for model in app.state.models.values() if model.fit == "no" and model.id != "browser"]
    assert impossible
    assert all("WebGPU" in " ".join(model.reasons) or "WebAssembly" in " ".join(model.reasons) for model in impossible)
    await app.app.close()


async def test_other_tasks_run_while_the_catalog_is_judged() -> None:
    """No step of it is long: a page can answer in between."""
    app = await opened(ScriptedHost(facts=GPU), settled=False)
    refresh = asyncio.ensure_future(app.call(act.RefreshModels()))
    steps = 0
    while not refresh.done():
        await asyncio.sleep(0)
        steps += 1
    assert steps > len(built_in()) / 5
    await app.app.close()


async def test_a_refresh_keeps_what_has_not_changed() -> None:
    """Equal models stay the same objects, so that pages are sent nothing."""
    app = await opened(ScriptedHost(facts=GPU))
    before = dict(app.state.models)
    await app.call(act.RefreshModels())
    assert all(app.state.models[name] is model for name, model in before.items())
    await app.app.close()


async def test_load_and_unload_show() -> None:
    """Where it runs, while it loads and after that; an unknown model is refused."""
    app = await opened(ScriptedHost(facts=GPU))
    await app.call(act.UnloadModel())
    assert app.state.loaded == ()
    await app.call(act.LoadModel(model="pocket", engine="transformersjs", device="wasm"))
    (loaded,) = app.state.loaded
    assert (loaded.model, loaded.engine, loaded.device, loaded.expires_at) == ("pocket", "transformersjs", "wasm", None)
    with pytest.raises(bl.errors.ModelNotFound):
        await app.call(act.LoadModel(model="nothing"))
    assert app.state.loading is None
    await app.app.close()


async def test_reading_the_files_of_the_built_in_model_is_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come with the app, though engines report them like those of any model."""
    report = host._Request.report  # pyright: ignore[reportPrivateUsage]

    def as_download(request: host._Request, progress: Mapping[str, Any]) -> None:  # pyright: ignore[reportPrivateUsage]
        report(request, {**progress, "phase": "downloading", "loaded_bytes": 3, "total_bytes": 3})

    monkeypatch.setattr(host._Request, "report", as_download)  # pyright: ignore[reportPrivateUsage]
    app = await opened(ScriptedHost(facts=GPU))
    shown: list[str] = []
    app.app.state.subscribe(lambda state: state.downloads, shown.extend)
    await app.call(act.UnloadModel())
    await app.call(act.LoadModel(model="pocket"))
    assert [loaded.model for loaded in app.state.loaded] == ["pocket"]
    assert (shown, app.state.downloads) == ([], {})
    await app.app.close()


async def test_an_added_model_is_there_at_the_next_visit() -> None:
    """From an address; it is marked as custom. A damaged record is passed over with a notice."""
    files, store = ScriptedFiles(web(tiny=[])), MemoryStore()
    app = await with_models(files, "tiny", store=store)
    assert app.state.models["tiny"].custom
    await app.app.close()
    await store.put("model/broken", b"{")
    again = await with_models(files, store=store)
    assert again.state.models["tiny"].custom
    assert ["broken" in notice.text for notice in again.state.notices] == [True]
    await again.app.close()


async def test_a_picked_folder_becomes_a_model() -> None:
    """Without an address the user picks a folder."""
    files = ScriptedFiles(
        picked={"config.json": "{}", "tokenizer.json": "{}", "tokenizer_config.json": "{}", "onnx/model_q4.onnx": 30}
    )
    app = await opened(ScriptedHost(files=files, facts=device_facts(webgpu=False)))
    assert await app.call(act.AddModel(id="mine")) == "mine"
    assert app.state.models["mine"].downloaded
    assert await app.call(act.DeleteModel(model="mine")) > 30
    assert "mine" not in app.state.models
    assert not [key for key, _ in await app.store.items("model/")]
    await app.app.close()


async def test_a_model_with_an_address_stays_until_it_is_deleted_without_files() -> None:
    """Deleting its files keeps it in the list, since it can be downloaded again; deleting it again removes it."""
    app = await with_models(ScriptedFiles(web(tiny=[])), "tiny")
    await app.call(act.DownloadModel(model="tiny"))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    await app.call(act.DeleteModel(model="tiny"))
    assert not app.state.models["tiny"].downloaded
    while await app.call(act.DeleteModel(model="tiny")) > 0:
        assert "tiny" in app.state.models
    assert "tiny" not in app.state.models
    await app.app.close()


async def test_a_source_without_a_model_adds_nothing() -> None:
    """The error says what was looked for."""
    app = await opened(ScriptedHost(files=ScriptedFiles(web(tiny=[]))))
    with pytest.raises(bl.BrowserLLMError):
        await app.call(act.AddModel(source=folder("nowhere")))
    assert not any(model.custom for model in app.state.models.values())
    await app.app.close()


async def test_a_folder_without_a_library_says_what_to_choose() -> None:
    """Not Python's argument for it, which a person in the page cannot pass."""
    files = ScriptedFiles(picked={"mlc-chat-config.json": "{}", "tensor-cache.json": "{}", "tokenizer.json": "{}"})
    app = await opened(ScriptedHost(files=files, facts=GPU))
    with pytest.raises(bl.errors.LoadFailed, match=r"has no \.wasm; choose a folder that has it") as caught:
        await app.call(act.AddModel(id="mine"))
    assert "library=" not in str(caught.value)
    await app.app.close()


async def test_a_deleted_model_frees_its_space() -> None:
    """One model, or all of them; the bytes are returned."""
    app = await with_models(ScriptedFiles(web(one=[], two=[])), "one", "two")
    for name in ("one", "two"):
        await app.call(act.DownloadModel(model=name))
        await app.until(lambda name=name: app.state.models[name].downloaded)
    assert await app.call(act.DeleteModel(model="one")) == 1027
    assert (app.state.models["one"].downloaded, app.state.models["two"].downloaded) == (False, True)
    assert await app.call(act.DeleteModel(model="*")) >= 1027
    assert not app.state.models["two"].downloaded
    assert app.state.storage.models == ()
    await app.app.close()


async def test_storage_is_kept_when_asked() -> None:
    """The browser's answer is returned, and shown."""
    app = await opened()
    assert await app.call(act.PersistStorage()) is True
    assert app.state.storage.persisted is True
    refusing = await opened(ScriptedHost(files=ScriptedFiles(grants_persistence=False)))
    assert await refusing.call(act.PersistStorage()) is False
    await app.app.close()
    await refusing.app.close()


async def test_a_model_is_freed_after_the_time_of_the_settings() -> None:
    """The state says when; afterwards the next answer loads it again."""
    app = await opened(ScriptedHost("Hello."))
    await app.settings(keepAliveS=60)
    await app.call(act.LoadModel(model="pocket"))
    assert app.state.loaded[0].expires_at == 1_060_000
    await pass_time(app, 60)
    assert app.state.loaded == ()
    assert app.state.notices == ()
    await app.settings(keepAliveS=None)
    assert (await app.ask("Hi")).status == "done"
    assert app.state.loaded[0].expires_at is None
    await app.app.close()


async def test_a_model_does_not_expire_while_it_answers() -> None:
    """While it answers the state has no time; after the answer it has a new one."""
    app = await opened(ScriptedHost([["one ", Wait(300), "two"]]))
    await app.settings(keepAliveS=60)
    asking = asyncio.ensure_future(app.ask("Hi"))
    await app.until(lambda: any(op == "chat" for op, args in app.host.requests if args.get("max_tokens") != 2))
    await app.until(lambda: app.state.loaded and app.state.loaded[0].expires_at is None)
    await pass_time(app, 300)
    answer = await asking
    assert answer.parts == (TextPart(text="one two"),)
    await app.until(lambda: app.state.loaded[0].expires_at == 1_360_000)
    await app.app.close()


async def test_a_load_that_runs_out_of_memory_frees_idle_models_if_asked() -> None:
    """With the option the others go; without it they stay."""
    for option, left in ((True, []), (False, ["pocket"])):
        host = ScriptedHost(
            files=ScriptedFiles(web(tiny=[])),
            facts=device_facts(webgpu=False),
        )
        app = await with_models(host.files, "tiny", host=host)
        await app.settings(freeUnderPressure=option)
        host.engine.fail_load = {"transformersjs": bl.errors.OutOfMemory("the memory is full")}
        with pytest.raises(bl.errors.OutOfMemory):
            await app.call(act.LoadModel(model="tiny", keep_others=True))
        await pass_time(app, 0)
        assert list(host.loaded) == left
        assert [notice.id for notice in app.state.notices] == (["freed"] if option else [])
        await app.app.close()


async def test_a_load_that_runs_out_of_memory_is_tried_once_more_without_idle_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It succeeds then; where it runs says what happened, and a notice names what was freed."""
    host = ScriptedHost(files=ScriptedFiles(web(tiny=[])), facts=device_facts(webgpu=False))
    app = await with_models(host.files, "tiny", host=host)
    load = host.engine.answer

    async def short_beside_another(op: str, args: dict[str, Any], request: Any) -> Any:
        if op == "load" and args["model"] == "tiny" and "pocket" in host.loaded:
            raise bl.errors.OutOfMemory("the memory is full")
        return await load(op, args, request)

    monkeypatch.setattr(host.engine, "answer", short_beside_another)
    await app.call(act.LoadModel(model="tiny", keep_others=True))
    assert [(one.model, one.hops[-1].code) for one in app.state.loaded] == [("tiny", "out_of_memory")]
    assert "pocket was freed" in app.state.loaded[0].hops[-1].reason
    await app.until(lambda: app.state.notices)
    assert [(notice.code, notice.data["names"]) for notice in app.state.notices] == [("freed", ["Pocket"])]
    await app.app.close()


async def test_a_hidden_page_frees_a_model_after_the_time_of_the_settings() -> None:
    """The state says when; a page that is seen again keeps it."""
    app = await opened()
    await app.settings(freeHiddenS=30)
    await app.until(lambda: app.state.loaded)
    app.host.emit("environment", online=True, visibility="hidden")
    await app.until(lambda: app.state.loaded[0].expires_at == 1_030_000)
    app.host.emit("environment", online=True, visibility="visible")
    await app.until(lambda: app.state.loaded[0].expires_at is None)
    await pass_time(app, 30)
    assert app.state.loaded
    app.host.emit("environment", online=True, visibility="hidden")
    await pass_time(app, 30)
    assert app.state.loaded == ()
    assert (await app.ask("Hi")).status == "done"
    await app.app.close()


async def test_answers_are_counted_and_plotted() -> None:
    """Totals and means over all answers; a point of the plot for those of this device."""
    app = await opened(ScriptedHost("One two three."))
    await app.ask("Hi")
    assert (app.state.totals.answers, app.state.totals.tokens) == (1, 3)
    assert app.state.totals.last_activity_at == 1_000_000
    assert [sample.model for sample in app.state.samples] == ["pocket"]
    await app.app.close()


async def test_the_totals_are_means_and_the_plot_is_of_this_device() -> None:
    """An answer of a cloud counts, and is no point of the plot; one without a speed does not change the mean."""
    app = await opened()
    models = room_of(app.app, Models)
    for where, speed in (("cloud", 10.0), ("local", 20.0), ("cloud", None)):
        models.note_answer(
            AnswerInfo(where=where, backend="x", model="big", tokens_per_s=speed, completion_tokens=5, duration_ms=7)
        )
    totals = app.state.totals
    assert (totals.answers, totals.tokens, totals.tokens_per_s, totals.answer_ms) == (3, 15, 15, 7)
    assert [sample.tokens_per_s for sample in app.state.samples] == [20]
    await app.app.close()


async def test_a_model_that_the_settings_name_answers_once_it_is_there() -> None:
    """Until then the built-in one answers, while the download goes on."""
    files = ScriptedFiles(web(tiny=[400, HANG]))
    app = await with_models(files, "tiny")
    await app.settings(model="tiny")
    await app.call(act.DownloadModel(model="tiny"))
    early = await app.ask("Hi")
    assert (early.answer and early.answer.model) == "pocket"
    await app.call(act.PauseDownload(model="tiny"))
    await app.call(act.ResumeDownload(model="tiny"))
    await app.until(lambda: app.state.models["tiny"].downloaded)
    late = await app.ask("Hi")
    assert (late.answer and late.answer.model) == "tiny"
    await app.app.close()


async def test_of_several_loads_the_one_that_goes_on_is_shown_with_its_progress() -> None:
    """Beside all of them: one that waits for its turn hides nothing, and comes next."""
    files = ScriptedFiles(web(tiny=[], small=[]))
    page = ScriptedHost(files=files, facts=device_facts(webgpu=False))
    app = await with_models(files, "tiny", "small", host=page)
    await app.until(lambda: not app.state.loads)
    for model in ("tiny", "small"):
        await app.call(act.DownloadModel(model=model))
    await app.until(lambda: not app.state.downloads)
    page.engine.load_steps = [HANG]
    first = asyncio.ensure_future(app.call(act.LoadModel(model="tiny")))
    await app.until(lambda: app.state.loading is not None and app.state.loading.phase == "loading")
    second = asyncio.ensure_future(app.call(act.LoadModel(model="small")))
    await app.until(lambda: "small" in app.state.loads)
    assert [(load.model, load.phase) for load in app.state.loads.values()] == [("tiny", "loading"), ("small", "queued")]
    assert app.state.loading is app.state.loads["tiny"]
    assert (app.state.loading.fraction, app.state.loading.text) == (0.0, "loading tiny")
    # One that waits can be given up.
    waiting = asyncio.ensure_future(app.call(act.LoadModel(model="pocket", engine="transformersjs")))
    await app.until(lambda: "pocket" in app.state.loads)
    waiting.cancel()
    await app.until(lambda: "pocket" not in app.state.loads)
    assert app.state.loading is app.state.loads["tiny"]
    # Of two that wait for one load, one gives up.
    third = asyncio.ensure_future(app.call(act.LoadModel(model="tiny")))
    for _ in range(20):
        await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    assert app.state.loading is app.state.loads["tiny"]
    first.cancel()
    page.engine.load_steps = []
    await asyncio.gather(first, second, return_exceptions=True)
    assert (app.state.loading, app.state.loads) == (None, {})
    assert [loaded.model for loaded in app.state.loaded] == ["small"]
    await app.app.close()


async def test_callers_during_a_look_share_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they want to see may have changed after the present look has read it; one more is enough for all."""
    app = await opened(ScriptedHost(facts=GPU))
    manager = room_of(app.app, Models).manager
    storage, looks, gate = manager.storage, list[int](), asyncio.Event()

    async def slow() -> Any:
        looks.append(len(looks))
        found = await storage()
        await gate.wait()
        return found

    monkeypatch.setattr(manager, "storage", slow)
    callers = [asyncio.ensure_future(app.call(act.RefreshModels()))]
    await app.until(lambda: looks)
    callers += [asyncio.ensure_future(app.call(act.RefreshModels())) for _ in range(3)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert (len(looks), any(caller.done() for caller in callers)) == (1, False)
    app.host.files.persisted = True
    gate.set()
    await asyncio.gather(*callers)
    assert len(looks) == 2
    assert app.state.storage.persisted is True
    await app.call(act.RefreshModels())
    assert len(looks) == 3
    await app.app.close()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "__proto__"}, "id='__proto__' is not valid"),
        ({"id": "cloud:a"}, "does not begin with 'cloud:'"),
        ({"id": " "}, "is not valid"),
        ({"id": "a\nb"}, "is not valid"),
        ({"id": "x" * 3_000_000}, "the id of the model has 3000000 characters"),
        ({"source": "https://" + "x" * 3_000_000}, "the address has 3000008 characters"),
        ({"source": folder("constructor")}, "id='constructor' is not valid"),
    ],
)
async def test_a_custom_model_has_an_id_that_pages_can_use(fields: dict[str, str], message: str) -> None:
    files = ScriptedFiles(web(tiny=[], constructor=[]))
    app = await opened(ScriptedHost(files=files, facts=device_facts(webgpu=False)))
    with pytest.raises(bl.errors.InvalidRequest, match=message):
        await app.call(act.AddModel(**{"source": folder("tiny"), **fields}))
    assert await app.store.items("model/") == []
    await app.call(act.RefreshModels())
    assert set(app.state.models) == set(built_in())
    await app.app.close()
