"""The model manager over a real browser: fetch, load, switch, unload, delete, and every load that comes to nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

import browserllm as bl
from fault_server import Fault, FaultServer
from in_page import open_python, run_python
from served_models import pocket_model

PROMPT = "Tell me a story about a fox."


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A file server that other origins may read, and that can be bad on order."""
    with FaultServer() as running:
        yield running


def test_models_come_and_go_on_both_engines(server: FaultServer, tmp_path: Path) -> None:
    """A model is fetched, answers, gives way to the next, stays on the device, and is gone when it is deleted."""
    cards = [pocket_model(server, "/alpha"), pocket_model(server, "/beta")]
    catalog = bl.models.Catalog(cards)
    events: list[tuple[str, str]] = []

    async def main() -> None:
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            models = bl.ModelManager(host, catalog)
            models.subscribe(lambda event: events.append((event.kind, event.model)))
            phases: list[str] = []
            loaded = await models.load("alpha", on_progress=lambda progress: phases.append(progress.phase))
            assert (loaded.engine, loaded.route) == ("webllm", [])
            assert phases[0] == "downloading" and phases[-2:] == ["warming_up", "ready"]
            assert "loading" in phases or "compiling" in phases
            assert "fox" in (await bl.LocalBackend(host, catalog=catalog).complete(PROMPT, temperature=0)).text.lower()

            other = await models.load("beta", engine="transformersjs", device="wasm")
            assert other.engine == "transformersjs"
            assert [model.model for model in await models.status()] == ["beta"]
            assert ("unloaded", "alpha") in events

            await models.load("alpha", keep_others=True)
            assert sorted(model.model for model in await models.status()) == ["alpha", "beta"]

            storage = await models.storage()
            assert {(model.model, model.complete) for model in storage.models} == {("alpha", True), ("beta", True)}
            assert storage.orphans == []
            assert storage.used_bytes and storage.models_bytes <= storage.used_bytes

            freed = await models.delete("alpha")
            assert freed > 1_000_000
            assert [model.model for model in await models.status()] == ["beta"]
            stored = await host.call("stored")
            assert not any("/alpha/" in entry["url"] for entry in stored["entries"])
            assert await models.clear() > 1_000_000
            stored = await host.call("stored")
            assert (stored["entries"], stored["partials"], stored["journal"]) == ([], [], {})
            assert await models.status() == []

    asyncio.run(main())
    assert ("deleted", "alpha") in events and ("deleted", "beta") in events


def test_loads_that_come_to_nothing_leave_nothing(server: FaultServer, tmp_path: Path) -> None:
    """After an invalid library, and loads cancelled while downloading and while loading, the next load works."""
    good = pocket_model(server, "/good")
    slow = pocket_model(server, "/slow", Fault(bytes_per_s=200_000))
    bad = pocket_model(server, "/bad")
    server.add("/bad/resolve/main/pocket.wasm", b"\0asm\x01\0\0\0 but no more of it")
    catalog = bl.models.Catalog([good, slow, bad])

    async def main() -> None:
        async with bl.connect(profile=tmp_path / "profile", webgpu="software") as host:
            models = bl.ModelManager(host, catalog)
            with pytest.raises(bl.BrowserLLMError):
                await models.load("bad", engine="webllm")
            assert await models.status() == []

            for name, phase in (("slow", "downloading"), ("good", "loading")):
                reached = asyncio.Event()

                def note(progress: bl.page.Progress, phase: str = phase, reached: asyncio.Event = reached) -> None:
                    if progress.phase == phase and progress.loaded_bytes != 0:
                        reached.set()

                loading = asyncio.create_task(models.load(name, engine="webllm", on_progress=note))
                await reached.wait()
                loading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await loading
                assert await models.status() == []

            assert (await models.load("good")).engine == "webllm"
            llm = bl.LocalBackend(host, catalog=catalog)
            assert "fox" in (await llm.complete(PROMPT, temperature=0, max_tokens=40)).text.lower()
            assert [model.model for model in await models.status()] == ["good"]
            assert {model.model for model in (await models.storage()).models} >= {"good", "slow"}

    asyncio.run(main())


def test_what_is_here_loads_without_a_network(server: FaultServer, tmp_path: Path) -> None:
    """In a new browser, after the server has gone; what is not here says so, and what it would take."""
    here, away = pocket_model(server, "/here"), pocket_model(server, "/away")
    catalog = bl.models.Catalog([here, away])

    async def main() -> None:
        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            await bl.ModelManager(host, catalog).download("here")
        server.stop()
        async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
            models = bl.ModelManager(host, catalog)
            (entry,) = [entry for entry in await models.list(downloaded=True) if entry.card.id == "here"]
            assert entry.size_bytes > 1_000_000 and entry.fit.fits
            assert (await models.load("here")).engine == "transformersjs"
            with pytest.raises((bl.errors.DownloadInterrupted, bl.errors.ModelNotDownloaded)):
                await models.load("away")
            with pytest.raises(bl.errors.ModelNotDownloaded, match="'away' is not on this device"):
                await models.load("away", download=False)
            assert [model.model for model in await models.status()] == ["here"]

    asyncio.run(main())


IN_THE_PAGE = """
import json
import browserllm as bl

card = bl.models.ModelCard(id="mine", artifacts=[bl.models.Artifact(**artifact) for artifact in json.loads(ARTIFACTS)])
events = []
async with bl.connect() as host:
    models = bl.ModelManager(host, bl.models.Catalog([card]))
    models.subscribe(lambda event: events.append(event.kind))
    facts = await host.probe()
    loaded = await models.load("mine", engine="transformersjs", device="wasm")
    before = await models.storage()
    await models.load("pocket", device="wasm")
    status = [model.model for model in await models.status()]
    freed = await models.delete("mine")
    after = await models.storage()
    await models.unload()
json.dumps({
    "engine": loaded.engine,
    "stored": [(model.model, model.complete) for model in before.models],
    "status": status,
    "freed": freed,
    "left": [model.model for model in after.models],
    "events": list(dict.fromkeys(events)),
    "cores": facts.cores,
})
"""


def test_the_same_from_python_in_the_page(
    server: FaultServer, start_browser: Callable[..., BrowserContext], site_url: str
) -> None:
    """Fetch, load, switch, delete and unload, with their events and the device's facts."""
    artifact = next(each for each in pocket_model(server, "/mine").artifacts if each.device == "wasm")
    order = {"engine": artifact.engine, "device": artifact.device, "url": artifact.url, "dtype": artifact.dtype}
    page = open_python(start_browser(webgpu=False), site_url)
    outcome = run_python(page, IN_THE_PAGE.replace("ARTIFACTS", repr(json.dumps([order]))))
    assert outcome["engine"] == "transformersjs"
    assert outcome["stored"] == [["mine", True]]
    assert outcome["status"] == ["pocket"]
    assert outcome["freed"] > 1_000_000
    assert outcome["left"] == []
    assert outcome["cores"] > 0
    kinds = ["loading", "downloading", "progress", "downloaded", "ready", "unloaded", "deleted"]
    assert sorted(outcome["events"]) == sorted(kinds)
