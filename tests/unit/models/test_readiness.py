"""A router's facts about a local model are true, and the page is asked only when they may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.backends.request import build_request
from browserllm.models.readiness import LASTS_S
from browserllm.testing.files import ScriptedFile
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG

HUB = "https://hub.test"
SIZE = 1_000_000


def web(*steps: Any) -> dict[str, str | int | ScriptedFile]:
    """The files of a model for both engines; ``steps`` are what happens while WebLLM's weights are fetched."""
    gpu, cpu = f"{HUB}/alpha-MLC/resolve/main/", f"{HUB}/alpha/"
    return {
        f"{HUB}/lib.wasm": 50,
        f"{gpu}mlc-chat-config.json": '{"tokenizer_files": ["tokenizer.json"]}',
        f"{gpu}tokenizer.json": "{}",
        f"{gpu}tensor-cache.json": '{"records": [{"dataPath": "shard_0.bin", "nbytes": 500}]}',
        f"{gpu}shard_0.bin": ScriptedFile(500, steps=steps),
        **{cpu + name: "{}" for name in ("config.json", "tokenizer.json", "tokenizer_config.json")},
        f"{cpu}onnx/model_quantized.onnx": 300,
    }


ALPHA = bl.models.ModelCard(
    id="alpha",
    artifacts=[
        bl.models.Artifact(
            engine="webllm",
            device="webgpu",
            id="alpha-MLC",
            url=f"{HUB}/alpha-MLC/",
            library=f"{HUB}/lib.wasm",
            download_bytes=SIZE,
        ),
        bl.models.Artifact(
            engine="transformersjs", device="wasm", id="alpha-ONNX-q8", url=f"{HUB}/alpha/", dtype="q8",
            download_bytes=SIZE // 2,
        ),
    ],
)  # fmt: skip


def backend(host: ScriptedHost, model: str | None = "alpha", **options: Any) -> bl.LocalBackend:
    return bl.LocalBackend(host, model, catalog=bl.models.Catalog([ALPHA]), **options)


async def facts(llm: bl.LocalBackend, **options: Any) -> bl.backends.BackendFacts:
    return await llm.facts(build_request("hi", options))


def ops(host: ScriptedHost) -> list[str]:
    return [op for op, _ in host.requests]


async def until(reached: Callable[[], object]) -> None:
    while not reached():
        await asyncio.sleep(0)


async def test_a_model_that_is_loaded_is_known_without_asking_the_page() -> None:
    """It fits, is here, costs nothing; a thousand questions are no message."""
    host = ScriptedHost()
    llm = bl.LocalBackend(host, "pocket")
    assert (llm.leaves_device, llm.needs_network) == (False, False)
    await llm.complete("hi")
    first = await facts(llm)
    assert first == bl.backends.BackendFacts(
        leaves_device=False,
        needs_network=False,
        model="pocket",
        fits=True,
        downloaded=True,
        fetch_bytes=0,
        loaded=True,
        queue_length=0,
        cost_usd=0.0,
        context_window=2048,
    )
    asked = len(host.requests)
    for _ in range(1000):
        assert await facts(llm) == first
    assert len(host.requests) == asked


async def test_the_built_in_model_is_here_before_anything_is_fetched() -> None:
    """Not loaded, nothing to download; a request that names it learns that it is known."""
    found = await facts(bl.LocalBackend(ScriptedHost()), model="pocket")
    assert (found.knows_model, found.available, found.downloaded, found.fetch_bytes) == (True, True, True, 0)
    assert found.loaded is False


async def test_missing_files_are_reported_in_bytes() -> None:
    """For no files, some and all of them, down to zero."""
    host = ScriptedHost(files=web(200, HANG))
    llm = backend(host)
    before = await facts(llm)
    assert (before.available, before.fits, before.downloaded, before.fetch_bytes) == (True, True, False, SIZE)
    download = await llm.models.start_download("alpha")
    shard = host.files.web[f"{HUB}/alpha-MLC/resolve/main/shard_0.bin"]
    await until(lambda: not shard.steps)
    await download.cancel()
    with pytest.raises(bl.Cancelled):
        await download
    await until(lambda: not llm.models._activity.fetching)
    part = (await facts(llm)).fetch_bytes
    assert part is not None
    assert SIZE - 1000 < part < SIZE
    await llm.models.download("alpha")
    after = await facts(llm)
    assert (after.downloaded, after.fetch_bytes, after.loaded) == (True, 0, False)


async def test_the_page_is_asked_again_after_an_event() -> None:
    """A load, an unload, a deletion and a lost device count at once; in between the page is not asked."""
    host = ScriptedHost(files=web())
    llm = backend(host)
    assert (await facts(llm)).downloaded is False
    await llm.prepare(build_request("hi", {}))
    assert (await facts(llm)).loaded is True
    await llm.models.unload("alpha")
    unloaded = await facts(llm)
    assert (unloaded.loaded, unloaded.downloaded) == (False, True)
    asked = len(host.requests)
    assert await facts(llm) == unloaded
    assert len(host.requests) == asked
    await llm.models.delete("alpha")
    assert (await facts(llm)).downloaded is False
    await llm.prepare(build_request("hi", {}))
    assert (await facts(llm)).loaded is True
    host.engine.loaded.clear()
    host.emit("device_lost", model="alpha")
    assert (await facts(llm)).loaded is False


async def test_storage_is_read_again_after_a_while() -> None:
    """Another tab may have downloaded a model since."""
    host = ScriptedHost(files=web())
    now = [0.0]
    manager = bl.ModelManager(host, bl.models.Catalog([ALPHA]), clock=lambda: now[0])
    assert (await manager.readiness("alpha")).downloaded is False
    await bl.ModelManager(ScriptedHost(files=host.files), bl.models.Catalog([ALPHA])).download("alpha")
    asked = len(host.requests)
    now[0] = LASTS_S - 1
    assert (await manager.readiness("alpha")).downloaded is False
    assert len(host.requests) == asked
    now[0] = LASTS_S
    assert (await manager.readiness("alpha")).downloaded is True


async def test_many_who_ask_at_once_ask_once() -> None:
    """A thousand requests before the first load are one look at the storage."""
    host = ScriptedHost(files=web())
    llm = backend(host)
    found = await asyncio.gather(*(facts(llm) for _ in range(1000)))
    assert {each.fetch_bytes for each in found} == {SIZE}
    assert ops(host).count("stored") == 1


async def test_a_change_during_a_question_is_not_missed() -> None:
    """An answer from before an event is not kept beyond it."""
    host = ScriptedHost(files=web())
    llm = backend(host)
    asking = asyncio.create_task(facts(llm))
    await until(lambda: "stored" in ops(host))
    llm.models._activity.publish("downloaded", "alpha")
    await asking
    asked = len(host.requests)
    await facts(llm)
    assert len(host.requests) > asked


async def test_offline_only_stored_models_can_answer() -> None:
    """A model that must be downloaded is unavailable, with a reason, until the network is back, without a request."""
    host = ScriptedHost(files=web(), facts=msgspec.structs.replace(device_facts(), online=True))
    llm = backend(host)
    assert (await facts(llm)).available is True
    host.emit("environment", online=False)
    assert llm.environment().online is False
    offline = await facts(llm)
    assert (offline.available, offline.fits, offline.downloaded) == (False, True, False)
    assert offline.reason == "model 'alpha' is not downloaded, and this device is offline"
    assert (await facts(llm, model="pocket")).available is True
    host.emit("environment", online=True)
    assert (await facts(llm)).available is True


async def test_offline_the_next_best_build_answers_if_it_is_stored() -> None:
    """As in a load: the better build cannot be downloaded, so the other one is used."""
    host = ScriptedHost(files=web(), facts=msgspec.structs.replace(device_facts(), online=True))
    llm = backend(host)
    await llm.models.download("alpha", device="wasm")
    assert (await facts(llm)).fetch_bytes == SIZE
    host.emit("environment", online=False)
    host.files.online = False
    found = await facts(llm)
    assert (found.available, found.downloaded, found.fetch_bytes) == (True, True, 0)
    assert (await llm.complete("hi")).device == "wasm"


async def test_without_download_only_stored_models_can_answer() -> None:
    """`download=False` applies to the facts and to `prepare`."""
    host = ScriptedHost(files=web())
    llm = backend(host, download=False)
    found = await facts(llm)
    assert (found.available, found.downloaded) == (False, False)
    assert "download=False" in found.reason
    with pytest.raises(bl.errors.ModelNotDownloaded):
        await llm.prepare(build_request("hi", {}))
    await llm.models.download("alpha")
    assert (await facts(llm)).available is True
    await llm.prepare(build_request("hi", {}))
    assert list(host.loaded) == ["alpha"]


async def test_a_full_disk_and_a_weak_device_say_so() -> None:
    """What cannot be stored still fits; what cannot run does not."""
    host = ScriptedHost(files=web())
    host.files.quota_bytes = 1000
    full = await facts(backend(host))
    assert (full.available, full.fits) == (False, True)
    assert full.reason == "model 'alpha' needs about 1.0 MB of storage; the browser has 1 kB left for this site"
    weak = await facts(backend(ScriptedHost(facts=device_facts(webgpu=False, wasm=False))))
    assert (weak.available, weak.fits, weak.downloaded) == (False, False, False)
    assert weak.reason.startswith("this device cannot run model 'alpha': WebGPU found no adapter")
    assert "no SIMD" in weak.reason


async def test_an_unknown_model_is_unavailable_with_a_reason() -> None:
    """A router learns that this backend has no such model; the name of one's own that is wrong is no such thing."""
    llm = bl.LocalBackend(ScriptedHost())
    found = await facts(llm, model="gpt-5-mini")
    assert (found.available, found.knows_model, found.model) == (False, False, "gpt-5-mini")
    assert "'gpt-5-mini'" in found.reason
    wrong = await facts(bl.LocalBackend(ScriptedHost(), "no-such-model"))
    assert (wrong.available, wrong.knows_model) == (False, None)
    unbuilt = await facts(backend(ScriptedHost(), engine="webllm", device="wasm"))
    assert not unbuilt.available
    assert "engine 'webllm' and device 'wasm'" in unbuilt.reason


async def test_a_page_that_is_gone_cannot_answer() -> None:
    """Also when the model was loaded a moment ago."""
    host = ScriptedHost()
    llm = bl.LocalBackend(host, "pocket")
    await llm.complete("hi")
    host.break_connection()
    found = await facts(llm)
    assert found.available is False
    assert "closed" in found.reason


async def test_the_queue_counts_the_chats_of_all_backends_of_the_page() -> None:
    """Those that run or wait; not those that have ended, in whatever way."""
    host = ScriptedHost([[HANG]])
    one, other = bl.LocalBackend(host, "pocket"), bl.LocalBackend(host, "pocket")
    await one.prepare(build_request("hi", {}))
    streams = [one.stream("a"), other.stream("b")]
    for stream in streams:
        await anext(aiter(stream))
    assert (await facts(one)).queue_length == 2
    streams[0].stop()
    await streams[0].finish()
    assert (await facts(one)).queue_length == 1
    await streams[1].aclose()
    assert (await facts(other)).queue_length == 0


async def test_getting_ready_loads_and_answers_nothing() -> None:
    """The model of the request, or else of the backend, or else the built-in one."""
    host = ScriptedHost(files=web())
    await backend(host, None).prepare(build_request("hi", {"model": "alpha"}))
    assert list(host.loaded) == ["alpha"]
    await bl.LocalBackend(ScriptedHost(), None).prepare(build_request("hi", {}))
    assert ops(host).count("chat") == 1  # the load's own proof
