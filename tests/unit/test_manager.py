"""Models: known by name, loaded on the best engine that really runs them, and every step passed over has its reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.device import AdapterInfo
from browserllm.models.loading import describe_adapter
from browserllm.scripted import HANG, ScriptedHost, Wait, device_facts

MINE = bl.ModelCard(id="mine", artifacts=[bl.Artifact(engine="webllm", device="webgpu", url="u", bundled=True)])

WEBLLM, ON_GPU, ON_CPU = ("webllm", "webgpu"), ("transformersjs", "webgpu"), ("transformersjs", "wasm")


def loads(host: ScriptedHost) -> list[tuple[str, str]]:
    """The loads the page was asked for."""
    return [(args["engine"], args["device"]) for op, args in host.requests if op == "load"]


def steps(route: list[bl.Hop]) -> list[tuple[str | None, str | None]]:
    return [(hop.engine, hop.device) for hop in route]


async def test_webllm_comes_first() -> None:
    """On a device with WebGPU the first engine takes it, proves itself, and nothing is passed over."""
    host = ScriptedHost()
    progress: list[bl.Progress] = []
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
    """The engine tells the adapter's name, the probe that it is software: both are on the loaded model."""
    adapter = AdapterInfo(vendor="google", architecture="swiftshader", fallback=True)
    manager = bl.ModelManager(ScriptedHost(facts=device_facts(adapter=adapter)))
    assert (await manager.load()).adapter == "google swiftshader (software)"
    assert (await manager.load(device="wasm")).adapter is None


async def test_a_failed_load_steps_down() -> None:
    """The next candidate is loaded, and the failure stands on the route."""
    host = ScriptedHost(fail_load={"webllm": bl.OutOfMemory("too little memory")})
    loaded = await bl.ModelManager(host).load()
    assert (loaded.engine, loaded.device) == ON_GPU
    assert [(hop.engine, hop.code, hop.reason) for hop in loaded.route] == [
        ("webllm", "out_of_memory", "too little memory")
    ]


async def test_a_failed_validation_frees_the_model_and_steps_down() -> None:
    """A model that loads and cannot answer is unloaded before the next one is loaded."""
    host = ScriptedHost(fail_validation={WEBLLM: bl.DeviceLost("a shader failed")})
    loaded = await bl.ModelManager(host).load()
    assert (loaded.engine, loaded.device) == ON_GPU
    ops = [op for op, _ in host.requests if op not in ("status", "probe")]
    assert ops == ["load", "chat", "unload", "load", "chat"]
    assert list(host.loaded) == ["pocket"]


async def test_a_validation_without_a_token_is_a_failure() -> None:
    """A model that says nothing at all does not count as loaded."""
    host = ScriptedHost()
    host.page.validation = []
    with pytest.raises(bl.LoadFailed) as caught:
        await bl.ModelManager(host).load()
    assert "gave no token" in str(caught.value)
    assert host.loaded == {}


async def test_when_everything_fails_every_try_is_named() -> None:
    """One error with all the steps; the host still loads another time."""
    failures: dict[Any, bl.BrowserLLMError] = {
        "webllm": bl.OutOfMemory("a"),
        ON_GPU: bl.DeviceLost("b"),
        ON_CPU: bl.InternalError("c"),
    }
    host = ScriptedHost(fail_load=failures)
    manager = bl.ModelManager(host)
    with pytest.raises(bl.LoadFailed) as caught:
        await manager.load()
    assert [step["code"] for step in caught.value.data["steps"]] == ["out_of_memory", "device_lost", "internal"]
    assert "transformersjs on wasm: c" in str(caught.value)
    failures.clear()
    assert (await manager.load()).engine == "webllm"


async def test_a_forced_engine_fails_as_itself() -> None:
    """With one candidate there is nothing to step down to: its own error is raised."""
    host = ScriptedHost(fail_load={"webllm": bl.OutOfMemory("too little")})
    with pytest.raises(bl.OutOfMemory, match="too little"):
        await bl.ModelManager(host).load(engine="webllm")


async def test_forced_webgpu_without_webgpu_is_unavailable() -> None:
    """The reason is the page's."""
    host = ScriptedHost(facts=device_facts(webgpu=False, reason="no_adapter"))
    with pytest.raises(bl.Unavailable) as caught:
        await bl.ModelManager(host).load(device="webgpu")
    assert caught.value.reason == "no_adapter"


async def test_an_engine_can_be_forced() -> None:
    """Engine and device narrow the candidates; a combination that is not there is refused with those that are."""
    manager = bl.ModelManager(ScriptedHost())
    loaded = await manager.load(engine="transformersjs", device="wasm")
    assert (loaded.engine, loaded.device, loaded.route) == ("transformersjs", "wasm", [])
    with pytest.raises(bl.Unsupported, match=r"engine 'webllm' and device 'wasm'; it has: webllm on webgpu"):
        await manager.load(engine="webllm", device="wasm")


async def test_forcing_another_engine_replaces_what_is_loaded() -> None:
    """The model is freed first, then loaded as asked."""
    host = ScriptedHost()
    manager = bl.ModelManager(host)
    await manager.load()
    assert (await manager.load(device="wasm")).device == "wasm"
    assert ("unload", {"model": "pocket"}) in host.requests


@pytest.mark.parametrize(
    ("artifact", "facts", "engines", "said"),
    [
        (
            bl.Artifact(engine="webllm", device="webgpu", url="u", features=["shader-f16"]),
            device_facts(),
            ["webllm"],
            "f16",
        ),
        (bl.Artifact(engine="prompt-api", device="webgpu", url="u"), device_facts(), ["webllm"], "'prompt-api'"),
        (bl.Artifact(engine="prompt-api", device="webgpu", url="u"), device_facts(), [], "only none"),
        (bl.Artifact(engine="webllm", device="wasm", url="u"), device_facts(wasm=False), ["webllm"], "SIMD"),
    ],
)
async def test_what_the_device_lacks_is_named(
    artifact: bl.Artifact, facts: bl.DeviceFacts, engines: list[str], said: str
) -> None:
    """A missing feature, engine or instruction set is a reason, found before anything is loaded."""
    host = ScriptedHost(facts=facts, engines=engines)
    catalog = bl.Catalog([bl.ModelCard(id="mine", artifacts=[artifact])])
    with pytest.raises(bl.Unavailable) as caught:
        await bl.ModelManager(host, catalog).load("mine")
    assert caught.value.reason == "missing_feature"
    assert said in str(caught.value)
    assert loads(host) == []


async def test_two_loads_of_one_model_share_one() -> None:
    """Whoever asks, through whichever manager of the host, hears the progress of the one load."""
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
    catalog = bl.Catalog([MINE])
    manager = bl.ModelManager(host, catalog)
    await asyncio.gather(manager.load("pocket"), manager.load("mine"))
    ops = [(op, args.get("model")) for op, args in host.requests if op in ("load", "chat")]
    assert ops == [("load", "pocket"), ("chat", "pocket"), ("load", "mine"), ("chat", "mine")]
    assert await manager.current() == "mine"


async def test_a_load_stops_when_nobody_waits_for_it() -> None:
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
    host.page.load_steps.clear()
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


async def test_what_is_loaded_is_what_the_page_says() -> None:
    """A model that the page has already is taken as it is; status asks the page."""
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
