"""Models: known by name, loaded on the best engine that really runs them, and every step passed over has its reason."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import browserllm as bl
from browserllm.models.loading import describe_adapter
from browserllm.page.device import AdapterInfo
from browserllm.testing.files import ScriptedFile
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG, Wait

MINE = bl.models.ModelCard(
    id="mine", artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u", bundled=True)]
)

WEBLLM, ON_GPU, ON_CPU = ("webllm", "webgpu"), ("transformersjs", "webgpu"), ("transformersjs", "wasm")


def loads(host: ScriptedHost) -> list[tuple[str, str]]:
    """The loads the page was asked for."""
    return [(args["engine"], args["device"]) for op, args in host.requests if op == "load"]


def steps(route: list[bl.types.Hop]) -> list[tuple[str | None, str | None]]:
    return [(hop.engine, hop.device) for hop in route]


async def test_webllm_comes_first() -> None:
    """On a device with WebGPU the first engine takes it, proves itself, and nothing is passed over."""
    host = ScriptedHost()
    progress: list[bl.page.Progress] = []
    loaded = await bl.ModelManager(host).load("pocket", on_progress=progress.append)
    assert (loaded.engine, loaded.device, loaded.context_window, loaded.route) == ("webllm", "webgpu", 2048, [])
    assert loaded.adapter == "scripted paper"
    assert [step.phase for step in progress] == ["loading"] * 3 + ["warming_up", "ready"]
    assert [op for op, _ in host.requests] == ["status", "probe", "status", "load", "chat"]
    assert host.requests[-1][1]["max_tokens"] == 2


@pytest.mark.parametrize("reason", ["insecure_context", "no_api", "no_adapter", "device_failed", "brand_new"])
async def test_without_webgpu_the_cpu_takes_over(reason: str) -> None:
    """Both WebGPU steps are passed over, each with why WebGPU is not there."""
    host = ScriptedHost(facts=device_facts(webgpu=False, reason=reason))
    loaded = await bl.ModelManager(host).load()
    assert (loaded.engine, loaded.device, loaded.adapter) == ("transformersjs", "wasm", None)
    assert steps(loaded.route) == [WEBLLM, ON_GPU]
    assert all("WebGPU" in hop.reason and hop.code == "unavailable" for hop in loaded.route)
    assert loads(host) == [ON_CPU]


async def test_a_software_adapter_is_called_one() -> None:
    """The engine reports the adapter's name, the probe that it is software: the loaded model has both."""
    adapter = AdapterInfo(vendor="google", architecture="swiftshader", fallback=True)
    manager = bl.ModelManager(ScriptedHost(facts=device_facts(adapter=adapter)))
    assert (await manager.load()).adapter == "google swiftshader (software)"
    assert (await manager.load(device="wasm")).adapter is None


async def test_a_failed_load_steps_down() -> None:
    """The next candidate is loaded, and the failure stands on the route."""
    host = ScriptedHost(fail_load={"webllm": bl.errors.OutOfMemory("too little memory")})
    loaded = await bl.ModelManager(host).load()
    assert (loaded.engine, loaded.device) == ON_GPU
    assert [(hop.engine, hop.code, hop.reason) for hop in loaded.route] == [
        ("webllm", "out_of_memory", "too little memory")
    ]


async def test_a_failed_validation_frees_the_model_and_steps_down() -> None:
    """A model that loads and cannot answer is unloaded before the next one is loaded."""
    host = ScriptedHost(fail_validation={WEBLLM: bl.errors.DeviceLost("a shader failed")})
    loaded = await bl.ModelManager(host).load()
    assert (loaded.engine, loaded.device) == ON_GPU
    ops = [op for op, _ in host.requests if op not in ("status", "probe")]
    assert ops == ["load", "chat", "unload", "load", "chat"]
    assert list(host.loaded) == ["pocket"]


async def test_a_validation_without_a_token_is_a_failure() -> None:
    """A model that says nothing at all does not count as loaded."""
    host = ScriptedHost()
    host.engine.validation = []
    with pytest.raises(bl.errors.LoadFailed) as caught:
        await bl.ModelManager(host).load()
    assert "generated no token" in str(caught.value)
    assert host.loaded == {}


async def test_when_everything_fails_every_try_is_named() -> None:
    """One error with all the steps; the host still loads another time."""
    failures: dict[Any, bl.BrowserLLMError] = {
        "webllm": bl.errors.OutOfMemory("a"),
        ON_GPU: bl.errors.DeviceLost("b"),
        ON_CPU: bl.errors.InternalError("c"),
    }
    host = ScriptedHost(fail_load=failures)
    manager = bl.ModelManager(host)
    with pytest.raises(bl.errors.LoadFailed) as caught:
        await manager.load()
    assert [step["code"] for step in caught.value.data["steps"]] == ["out_of_memory", "device_lost", "internal"]
    assert "transformersjs on wasm: c" in str(caught.value)
    failures.clear()
    assert (await manager.load()).engine == "webllm"


async def test_a_forced_engine_fails_as_itself() -> None:
    """With one candidate there is nothing to step down to: its own error is raised."""
    host = ScriptedHost(fail_load={"webllm": bl.errors.OutOfMemory("too little")})
    with pytest.raises(bl.errors.OutOfMemory, match="too little"):
        await bl.ModelManager(host).load(engine="webllm")


async def test_forced_webgpu_without_webgpu_is_unavailable() -> None:
    """The reason is the page's."""
    host = ScriptedHost(facts=device_facts(webgpu=False, reason="no_adapter"))
    with pytest.raises(bl.Unavailable) as caught:
        await bl.ModelManager(host).load(device="webgpu")
    assert caught.value.reason == "no_adapter"


async def test_when_nothing_can_be_tried_every_obstacle_is_named() -> None:
    """One error with all the steps, of the type and with the facts of the best build's; nothing was asked to load."""
    host = ScriptedHost(facts=device_facts(webgpu=False, reason="no_adapter"), engines=["webllm"])
    places: list[tuple[str, Any]] = [("webllm", "webgpu"), ("transformersjs", "wasm")]
    artifacts = [bl.models.Artifact(engine=engine, device=device, url="https://x.test/m/") for engine, device in places]
    catalog = bl.models.Catalog([bl.models.ModelCard(id="nowhere", artifacts=artifacts)])
    with pytest.raises(bl.Unavailable) as caught:
        await bl.ModelManager(host, catalog).load("nowhere")
    error = caught.value
    assert error.reason == "no_adapter"
    assert [(step["engine"], step["device"]) for step in error.data["steps"]] == places
    assert str(error).startswith("this device cannot run model 'nowhere': webllm on webgpu: ")
    for step in error.data["steps"]:
        assert f"{step['engine']} on {step['device']}: {step['reason']}" in str(error)
    assert loads(host) == []


async def test_an_engine_can_be_forced() -> None:
    """Engine and device narrow the candidates; a combination that is not there is refused with those that are."""
    manager = bl.ModelManager(ScriptedHost())
    loaded = await manager.load(engine="transformersjs", device="wasm")
    assert (loaded.engine, loaded.device, loaded.route) == ("transformersjs", "wasm", [])
    with pytest.raises(
        bl.errors.Unsupported, match=r"engine 'webllm' and device 'wasm'\. Choose one of: webllm on webgpu"
    ):
        await manager.load(engine="webllm", device="wasm")


async def test_forcing_another_engine_replaces_the_loaded_model() -> None:
    """The model is freed first, then loaded as requested."""
    host = ScriptedHost()
    manager = bl.ModelManager(host)
    await manager.load()
    assert (await manager.load(device="wasm")).device == "wasm"
    assert ("unload", {"model": "pocket"}) in host.requests


@pytest.mark.parametrize(
    ("artifact", "facts", "engines", "said"),
    [
        (
            bl.models.Artifact(engine="webllm", device="webgpu", url="u", features=["shader-f16"]),
            device_facts(),
            ["webllm"],
            "f16",
        ),
        (
            bl.models.Artifact(engine="transformersjs", device="wasm", url="u"),
            device_facts(),
            ["webllm"],
            "it has: 'webllm'",
        ),
        (bl.models.Artifact(engine="transformersjs", device="wasm", url="u"), device_facts(), [], "it has: none"),
        (
            bl.models.Artifact(engine="mine", device="webgpu", url="u"),
            device_facts(),
            ["mine"],
            "unknown engine 'mine'",
        ),
        (bl.models.Artifact(engine="webllm", device="wasm", url="u"), device_facts(wasm=False), ["webllm"], "SIMD"),
    ],
)
async def test_missing_requirements_of_the_device_are_named(
    artifact: bl.models.Artifact, facts: bl.page.DeviceFacts, engines: list[str], said: str
) -> None:
    """A missing feature, engine or instruction set is a reason, found before anything is loaded."""
    host = ScriptedHost(facts=facts, engines=engines)
    catalog = bl.models.Catalog([bl.models.ModelCard(id="mine", artifacts=[artifact])])
    with pytest.raises(bl.Unavailable) as caught:
        await bl.ModelManager(host, catalog).load("mine")
    assert caught.value.reason == "missing_feature"
    assert said in str(caught.value)
    assert loads(host) == []


async def test_two_loads_of_one_model_share_one() -> None:
    """Each caller, through any manager of the host, gets the progress of the one load."""
    host = ScriptedHost(load_steps=[Wait(1)])
    heard: list[list[str]] = [[], []]
    managers = [bl.ModelManager(host), bl.ModelManager(host)]
    tasks = [
        asyncio.create_task(manager.load(on_progress=lambda p, n=n: heard[n].append(p.phase)))
        for n, manager in enumerate(managers)
    ]
    while not host.clock._sleepers:
        await asyncio.sleep(0)
    host.clock.advance(1)
    one, two = await asyncio.gather(*tasks)
    assert one is two
    assert loads(host) == [WEBLLM]
    assert heard[0][-1] == heard[1][-1] == "ready"
    assert await managers[1].load() is one


async def test_different_models_wait_their_turn() -> None:
    """Two loads at once are two loads, one after the other."""
    host = ScriptedHost()
    catalog = bl.models.Catalog([MINE])
    manager = bl.ModelManager(host, catalog)
    await asyncio.gather(manager.load("pocket"), manager.load("mine"))
    ops = [(op, args.get("model")) for op, args in host.requests if op in ("load", "chat")]
    assert ops == [("load", "pocket"), ("chat", "pocket"), ("load", "mine"), ("chat", "mine")]
    assert await manager.current() == "mine"


async def test_a_second_load_of_a_model_uses_the_first_one() -> None:
    """Two different requests at once load the model once, if it satisfies both."""
    host = ScriptedHost()
    manager = bl.ModelManager(host)
    one, two = await asyncio.gather(manager.load(), manager.load(engine="webllm"))
    assert loads(host) == [WEBLLM]
    assert (one.engine, two.engine) == ("webllm", "webllm")


async def test_a_load_stops_when_its_last_caller_is_cancelled() -> None:
    """One of two waiters may leave; when the last one does, the page stops, and a new load works."""
    host = ScriptedHost(load_steps=[HANG])
    manager = bl.ModelManager(host)
    one, two = asyncio.create_task(manager.load()), asyncio.create_task(manager.load())
    while not loads(host):
        await asyncio.sleep(0)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert host.cancelled == []
    two.cancel()
    with pytest.raises(asyncio.CancelledError):
        await two
    while not host.cancelled:
        await asyncio.sleep(0)
    assert host.cancelled == ["load"]
    host.engine.load_steps.clear()
    assert (await manager.load()).engine == "webllm"


async def test_a_closed_connection_is_not_stepped_down_from() -> None:
    """There is no next candidate on a page that has gone."""
    host = ScriptedHost(load_steps=[HANG])
    loading = asyncio.create_task(bl.ModelManager(host).load())
    while not loads(host):
        await asyncio.sleep(0)
    host.break_connection("the tab was closed")
    with pytest.raises(bl.Unavailable, match="the tab was closed"):
        await loading


async def test_a_load_that_is_cancelled_as_its_page_closes_leaves_no_failure_behind() -> None:
    """Ctrl-C while a model proves itself cancels the load and closes the host: the loop has no exception to report."""
    gc.collect()  # in a page all tests share a loop: what earlier ones left behind is not this one's
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    host = ScriptedHost()
    host.engine.validation = [HANG]
    loading = asyncio.create_task(bl.ModelManager(host).load())
    while host.requests[-1:] == [] or host.requests[-1][0] != "chat":
        await asyncio.sleep(0)
    loading.cancel()
    closing = asyncio.create_task(host.close())
    with pytest.raises(asyncio.CancelledError):
        await loading
    await closing
    del loading, closing
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert reported == []


async def test_a_failed_validation_is_reported_even_if_unloading_fails() -> None:
    """The caller gets the first error, not that of the failed clean-up."""
    host = ScriptedHost()
    host.engine.validation = [HANG]
    loading = asyncio.create_task(bl.ModelManager(host).load(engine="webllm"))
    while host.requests[-1:] == [] or host.requests[-1][0] != "chat":
        await asyncio.sleep(0)
    host.break_connection("the tab was closed")
    with pytest.raises(bl.Unavailable, match="the tab was closed") as caught:
        await loading
    assert caught.value.__context__ is None


async def test_the_page_decides_what_is_loaded() -> None:
    """A model that the page already has is used; status asks the page."""
    host = ScriptedHost()
    await bl.ModelManager(host).load()
    other = ScriptedHost()
    other.loaded.update(host.loaded)
    manager = bl.ModelManager(other)
    assert await manager.current() == "pocket"
    assert (await manager.load()).engine == "webllm"
    assert loads(other) == []
    assert [model.model for model in await manager.status()] == ["pocket"]


async def test_unload_frees_one_or_all() -> None:
    """The ids that were loaded come back; the next load loads again."""
    host = ScriptedHost()
    manager = bl.ModelManager(host)
    assert await manager.current() == "pocket"
    await manager.load()
    assert await manager.unload("pocket") == ["pocket"]
    await manager.load()
    assert await manager.unload() == ["pocket"]
    assert await manager.status() == []
    assert len(loads(host)) == 2


@pytest.mark.parametrize(("event", "data"), [("device_lost", {}), ("unloaded", {"model": "pocket"})])
async def test_a_model_that_the_page_lost_is_loaded_again(event: str, data: dict[str, Any]) -> None:
    """Events of the page end what is known of it."""
    host = ScriptedHost()
    manager = bl.ModelManager(host)
    await manager.load()
    host.loaded.clear()
    host.emit(event, **data)
    host.emit("something_else")
    await manager.load()
    assert len(loads(host)) == 2


@pytest.mark.parametrize(
    ("adapter", "name"),
    [
        (AdapterInfo(vendor="google", architecture="swiftshader", fallback=True), "google swiftshader (software)"),
        (AdapterInfo(vendor="nvidia", architecture="hopper", description="NVIDIA H200"), "NVIDIA H200"),
        (AdapterInfo(), "unnamed adapter"),
    ],
)
def test_adapters_have_a_name_for_people(adapter: AdapterInfo, name: str) -> None:
    """A software adapter is called one."""
    assert describe_adapter(adapter) == name


# Models that have to be fetched

HUB = "https://hub.test"
SHARDS = '{"records": [{"dataPath": "shard_0.bin", "nbytes": 500}]}'


def web(*steps: Any) -> dict[str, str | int | ScriptedFile]:
    """The files of two models, for both engines; ``steps`` are what happens while WebLLM's weights are fetched."""
    files: dict[str, str | int | ScriptedFile] = {f"{HUB}/lib.wasm": 50}
    for name in ("alpha", "beta"):
        webllm, folder = f"{HUB}/{name}-MLC/resolve/main/", f"{HUB}/{name}/"
        files[f"{webllm}mlc-chat-config.json"] = '{"tokenizer_files": ["tokenizer.json"]}'
        files[f"{webllm}tokenizer.json"] = "{}"
        files[f"{webllm}tensor-cache.json"] = SHARDS
        files[f"{webllm}shard_0.bin"] = ScriptedFile(500, steps=steps if name == "alpha" else ())
        for text in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            files[folder + text] = "{}"
        files[f"{folder}onnx/model_quantized.onnx"] = 300
    return files


def card(name: str) -> bl.models.ModelCard:
    """A model with a build for the GPU in f16 and f32, and one for the CPU."""
    webllm = {"engine": "webllm", "device": "webgpu", "url": f"{HUB}/{name}-MLC/", "library": f"{HUB}/lib.wasm"}
    return bl.models.ModelCard(
        id=name,
        artifacts=[
            bl.models.Artifact(**webllm, id=f"{name}-q4f16_1-MLC", features=["shader-f16"], quantization="q4f16_1"),
            bl.models.Artifact(**webllm, id=f"{name}-q4f32_1-MLC", quantization="q4f32_1", download_bytes=400_000_000),
            bl.models.Artifact(
                engine="transformersjs", device="wasm", url=f"{HUB}/{name}/", dtype="q8", id=f"{name}-ONNX-q8"
            ),
        ],
    )


def with_models(*steps: Any, **options: Any) -> tuple[ScriptedHost, bl.ModelManager]:
    """A device with WebGPU but no f16, and both models on the web."""
    host = ScriptedHost(files=web(*steps), **options)
    return host, bl.ModelManager(host, bl.models.Catalog([card("alpha"), card("beta")]))


@contextmanager
def reports() -> Iterator[list[dict[str, Any]]]:
    """The errors reported to the event loop meanwhile."""
    reported: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context))
    try:
        yield reported
    finally:
        loop.set_exception_handler(before)


async def until(reached: Callable[[], object]) -> None:
    while not reached():
        await asyncio.sleep(0)


async def test_a_load_downloads_missing_files() -> None:
    """Those of the build that this device can run; the phases come in order, and nothing is downloaded twice."""
    host, manager = with_models()
    phases: list[str] = []
    loaded = await manager.load("alpha", on_progress=lambda progress: phases.append(progress.phase))
    assert (loaded.engine, loaded.artifact_id) == ("webllm", "alpha-q4f32_1-MLC")
    assert [hop.reason for hop in loaded.route if "shader-f16" in hop.reason]
    assert list(dict.fromkeys(phases)) == ["downloading", "loading", "warming_up", "ready"]
    assert list(host.files.journal) == ["alpha-q4f32_1-MLC"]
    fetched = host.files.fetched_bytes
    await manager.unload()
    await manager.load("alpha")
    assert host.files.fetched_bytes == fetched


async def test_an_engines_own_id_is_that_build_and_no_other() -> None:
    """It is what is downloaded and loaded, also when the model is in memory as another build."""
    host, manager = with_models()
    await manager.load("alpha")
    loaded = await manager.load("alpha-ONNX-q8")
    assert (loaded.model, loaded.engine, loaded.artifact_id) == ("alpha", "transformersjs", "alpha-ONNX-q8")
    assert await manager.load("alpha") is loaded
    assert await manager.load("alpha-ONNX-q8") is loaded
    assert loads(host) == [WEBLLM, ON_CPU]
    with pytest.raises(bl.Unavailable, match="shader-f16"):
        await manager.load("alpha-q4f16_1-MLC")


async def test_of_two_builds_for_a_device_the_one_that_is_here_is_taken() -> None:
    """A model that was pulled by an exact id is not downloaded a second time in another precision."""
    _, manager = with_models(facts=device_facts(features=["shader-f16"]))
    await manager.download("alpha-q4f32_1-MLC")
    assert (await manager.load("alpha")).artifact_id == "alpha-q4f32_1-MLC"
    assert (await manager.load("beta")).artifact_id == "beta-q4f16_1-MLC"


async def test_a_load_frees_the_others_first_unless_asked() -> None:
    """Never two models on the GPU by accident; each unload is an event."""
    host, manager = with_models()
    kinds: list[tuple[str, str]] = []
    manager.subscribe(lambda event: kinds.append((event.kind, event.model)))
    await manager.load("alpha")
    await manager.load("beta")
    assert list(host.loaded) == ["beta"]
    assert ("unloaded", "alpha") in kinds
    assert kinds.index(("unloaded", "alpha")) > kinds.index(("downloaded", "beta"))
    await manager.load("alpha", keep_others=True)
    assert list(host.loaded) == ["beta", "alpha"]
    assert [model.model for model in await manager.status()] == ["beta", "alpha"]


async def test_a_model_answers_while_the_next_one_is_fetched() -> None:
    """The GPU is freed when the files are there, not before."""
    host, manager = with_models(HANG)
    await manager.load("beta")
    loading = asyncio.create_task(manager.load("alpha"))
    await until(lambda: "download" in [op for op, _ in host.requests[-3:]])
    assert list(host.loaded) == ["beta"]
    assert (await manager.load("pocket", keep_others=True)).model == "pocket"
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await until(lambda: host.cancelled)
    assert host.cancelled == ["download"]


async def test_without_download_the_error_says_how_much_is_missing() -> None:
    """Nothing is fetched; what is here of another engine is taken."""
    host, manager = with_models()
    with pytest.raises(bl.errors.ModelNotDownloaded, match=r"'alpha' is not on this device \(about 400 MB") as caught:
        await manager.load("alpha", download=False)
    assert caught.value.data["download_bytes"] == 400_000_000
    assert host.files.fetched_bytes == 0
    with pytest.raises(bl.errors.ModelNotDownloaded):
        await bl.LocalBackend(host, "alpha", catalog=manager.catalog, download=False).complete("hi")
    await manager.download("alpha", device="wasm")
    loaded = await manager.load("alpha", download=False)
    assert (loaded.device, loaded.route[-1].code) == ("wasm", "model_not_downloaded")


async def test_the_offline_error_names_the_missing_model() -> None:
    """Stored models still load."""
    host, manager = with_models()
    await manager.download("beta")
    host.files.online = False
    with pytest.raises(bl.errors.ModelNotDownloaded, match=r"not on this device \(about 400 MB.*offline") as caught:
        await manager.load("alpha")
    assert caught.value.data["reason"] == "offline"
    assert isinstance(caught.value.__cause__, bl.errors.DownloadInterrupted)
    assert (await manager.load("beta")).engine == "webllm"


async def test_after_a_failed_download_no_second_one_begins() -> None:
    """The error is the download's; the next load goes on from the byte where it stopped."""
    host, manager = with_models(200, bl.errors.DownloadInterrupted("it broke off", data={"reason": "network"}))
    with pytest.raises(bl.errors.DownloadInterrupted, match="it broke off"):
        await manager.load("alpha")
    assert [op for op, _ in host.requests].count("download") == 1
    assert [part["loaded_bytes"] for part in host.files.partials.values()] == [200]
    before = host.files.fetched_bytes
    await manager.load("alpha")
    assert host.files.fetched_bytes - before <= 300 + 50


async def test_downloads_can_be_watched_and_shared() -> None:
    """A load joins the download in progress; each update is one event, however many callers get it."""
    host, manager = with_models(100, Wait(1))
    events: list[bl.models.ModelEvent] = []
    manager.subscribe(events.append)
    download = await manager.start_download("alpha")
    heard: list[bl.page.Progress] = []
    loading = asyncio.create_task(manager.load("alpha", on_progress=heard.append))
    await until(lambda: host.clock._sleepers)
    host.clock.advance(1)
    await download
    await loading
    assert [op for op, _ in host.requests].count("download") == 1
    updates = [event.progress for event in events if event.kind == "progress"]
    assert len({id(progress) for progress in updates}) == len(updates)
    kinds = [event.kind for event in events if event.kind != "progress"]
    assert kinds == ["downloading", "loading", "downloaded", "ready"]
    assert events[-1].loaded is not None and heard


async def test_the_events_of_a_load() -> None:
    """Loading, progress, ready with the model, unloaded, device lost; error with the reason, also when stopped."""
    host = ScriptedHost(load_steps=[HANG])
    manager = bl.ModelManager(host)
    events: list[bl.models.ModelEvent] = []
    unsubscribe = manager.subscribe(events.append)
    loading = asyncio.create_task(manager.load())
    await until(lambda: loads(host))
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await until(lambda: events[-1].kind == "error")
    assert isinstance(events[-1].error, bl.Cancelled) and "cancelled" in events[-1].message
    host.engine.load_steps.clear()
    events.clear()
    loaded = await manager.load()
    kinds = [event.kind for event in events]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("loading", "ready", {"progress"})
    assert events[-1].loaded is loaded
    host.emit("device_lost", model="pocket", reason="the driver was reset")
    await until(lambda: events[-1].kind == "device_lost")
    assert (events[-1].model, events[-1].message) == ("pocket", "the driver was reset")
    await manager.unload()
    assert (events[-1].kind, events[-1].model) == ("unloaded", "pocket")
    unsubscribe()
    unsubscribe()
    before = len(events)
    await manager.load()
    assert len(events) == before


async def test_a_failed_load_and_download_are_events() -> None:
    """Each with its typed error."""
    _, manager = with_models(bl.errors.Stalled("nothing came"), fail_load={ON_CPU: bl.errors.OutOfMemory("too little")})
    events: list[bl.models.ModelEvent] = []
    manager.subscribe(events.append)
    with pytest.raises(bl.errors.Stalled):
        await manager.download("alpha")
    await until(lambda: events[-1].kind == "error")
    assert isinstance(events[-1].error, bl.errors.Stalled)
    with pytest.raises(bl.errors.OutOfMemory):
        await manager.load("beta", device="wasm")
    assert isinstance(events[-1].error, bl.errors.OutOfMemory)


async def test_a_subscribers_bug_ends_nothing() -> None:
    """It is reported to the loop; the others hear everything."""
    manager = bl.ModelManager(ScriptedHost())
    heard: list[str] = []
    manager.subscribe(lambda event: 1 / 0)
    manager.subscribe(lambda event: heard.append(event.kind))
    with reports() as reported:
        assert (await manager.load()).engine == "webllm"
    assert heard[-1] == "ready"
    assert {type(context["exception"]) for context in reported} == {ZeroDivisionError}


async def test_the_list_has_each_models_state_on_this_device() -> None:
    """Whether it fits, is stored and loaded, and its size; it can be filtered by each."""
    _, manager = with_models(facts=device_facts(webgpu=False))
    await manager.download("alpha")
    await manager.load("pocket")
    entries = {entry.card.id: entry for entry in await manager.list()}
    assert set(entries) == {model.id for model in manager.catalog}
    alpha, pocket = entries["alpha"], entries["pocket"]
    assert alpha.fit.artifact is not None and alpha.fit.artifact.engine == "transformersjs"
    assert (alpha.downloaded, alpha.size_bytes, alpha.loaded) == (True, 306, None)
    assert pocket.downloaded and pocket.loaded is not None
    assert not entries["beta"].downloaded
    assert {entry.card.id for entry in await manager.list(downloaded=True)} == {"alpha", "pocket"}
    unfit = await manager.list(fits=False)
    assert unfit and not any(entry.fit.fits for entry in unfit)
    assert len(unfit) + len(await manager.list(fits=True)) == len(entries)
    assert all("code" in entry.card.purposes for entry in await manager.list(purpose="code"))
    assert (await manager.fit("alpha")).fits
    assert not (await manager.fit("alpha-q4f32_1-MLC")).fits


async def test_an_embedding_model_is_proven_by_a_vector() -> None:
    """It answers no chat; one that makes nothing of a text does not count as loaded."""
    embedder = bl.models.ModelCard(
        id="vectors",
        type="embedding",
        artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u", bundled=True)],
    )
    host = ScriptedHost()
    manager = bl.ModelManager(host, bl.models.Catalog([embedder]))
    asked = host.call
    vectors: list[list[list[float]]] = [[[0.5, 0.25]], []]

    async def call(op: str, args: Any = None, on_progress: Any = None) -> dict[str, Any]:
        return {"vectors": vectors.pop(0)} if op == "embed" else await asked(op, args, on_progress)

    host.call = call  # type: ignore[method-assign]
    assert (await manager.load("vectors")).engine == "webllm"
    await manager.unload()
    with pytest.raises(bl.errors.LoadFailed, match="its test embedding is empty"):
        await manager.load("vectors")
    assert host.loaded == {}


async def test_a_download_needs_a_build_that_the_device_can_run() -> None:
    """The reason is the best build's; the pocket model needs no download."""
    host, manager = with_models(facts=device_facts(webgpu=False))
    with pytest.raises(bl.Unavailable, match="no adapter"):
        await manager.download("alpha", device="webgpu")
    result = await manager.download("pocket")
    assert (result.files, host.files.fetched_bytes) == ([], 0)


async def test_a_custom_model_is_added_and_loads() -> None:
    """By its address; it is in the catalog then, and its name is taken."""
    _, manager = with_models()
    mine = await manager.add(f"{HUB}/alpha/", id="mine", engine="transformersjs")
    assert manager.catalog.get("mine") is mine
    assert (await manager.load("mine")).engine == "transformersjs"
    with pytest.raises(bl.InvalidRequest, match="'mine'"):
        await manager.add(f"{HUB}/beta/", id="mine", engine="transformersjs")


async def test_recommendations_are_of_the_catalog_and_this_device() -> None:
    """The manager asks with the device's facts; the tiers are models of the catalog."""
    _, manager = with_models(facts=device_facts(features=["shader-f16"]))
    recommended = await manager.recommend("code", 2)
    assert 1 <= len(recommended) <= 2
    tiers = await manager.tiers()
    assert tiers.quick.card.id in manager.catalog
    assert all(choice.card.id in manager.catalog for choice in recommended)


async def test_a_journal_that_fails_is_reported_not_raised() -> None:
    """The last use is noted beside the work: a chat must not fail for it."""
    host, manager = with_models()
    asked = host.call

    async def call(op: str, args: Any = None, on_progress: Any = None) -> dict[str, Any]:
        if op == "journal" and loads(host):
            raise bl.errors.InternalError("the journal is broken")
        return await asked(op, args, on_progress)

    host.call = call  # type: ignore[method-assign]
    with reports() as reported:
        assert (await manager.load("alpha")).engine == "webllm"
        await until(lambda: reported)
    assert isinstance(reported[0]["exception"], bl.errors.InternalError)


async def test_a_download_that_replaces_a_cancelled_one_has_its_own_events() -> None:
    """A download that starts while a cancelled one of the same build is ending is busy, and says when it is done."""
    host, manager = with_models(400, HANG)
    kinds: list[str] = []
    first = await manager.start_download("alpha")
    weights = host.files.web[f"{HUB}/alpha-MLC/resolve/main/shard_0.bin"]
    while weights.steps:
        await asyncio.sleep(0)
    cancelling = asyncio.ensure_future(first.cancel())
    while first.state != "cancelled":
        await asyncio.sleep(0)
    manager.subscribe(lambda event: kinds.append(event.kind))
    await (await manager.start_download("alpha"))
    await cancelling
    for _ in range(20):
        await asyncio.sleep(0)
    assert [kind for kind in kinds if kind != "progress"] == ["downloading", "error", "downloaded"]
