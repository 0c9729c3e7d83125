"""Storage: what the caches hold is sorted by model, and what to delete is the least used, never what others need."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.models.downloads.download import start_download
from browserllm.models.storage import (
    ABANDONED_MS,
    Partial,
    Record,
    Stored,
    StoredFile,
    StoredModel,
    journal_key,
    only_of,
    plan_eviction,
    storage_of,
)
from browserllm.testing.files import ScriptedFile, ScriptedFiles
from browserllm.testing.host import ScriptedHost
from browserllm.testing.script import HANG

NOW_MS = 10 * ABANDONED_MS
HUB = "https://hub.test"
LIBRARY = f"{HUB}/libs/qwen.wasm"


def webllm_card(name: str, **options: Any) -> bl.models.ModelCard:
    """A model for WebLLM, in a folder of its own, with the library that all of these share."""
    folder = f"{HUB}/{name}/"
    artifact = bl.models.Artifact(
        engine="webllm", device="webgpu", url=folder, id=f"{name}-MLC", library=LIBRARY, **options
    )
    return bl.models.ModelCard(id=name, artifacts=[artifact])


def file(url: str, size_bytes: int = 100, cache: str = "webllm/model") -> StoredFile:
    return StoredFile(cache, url, size_bytes)


LIBRARY_FILE = file(LIBRARY, 30, "webllm/wasm")


def weights(name: str, size_bytes: int = 100) -> StoredFile:
    return file(f"{HUB}/{name}/resolve/main/shard_0.bin", size_bytes)


def record(name: str, files: list[StoredFile], **options: Any) -> dict[str, Any]:
    return {
        "model": name,
        "engine": "webllm",
        "device": "webgpu",
        "artifact_id": f"{name}-MLC",
        "files": [{"cache": each.cache, "url": each.url, "size_bytes": each.size_bytes} for each in files],
        **options,
    }


def storage(stored: Stored, *cards: bl.models.ModelCard) -> bl.models.Storage:
    return storage_of(stored, cards, NOW_MS)


def test_the_journals_key_is_the_engines_own_id() -> None:
    """Or, for a build without one, what distinguishes it from the model's others."""
    assert journal_key("qwen", webllm_card("qwen").artifacts[0]) == "qwen-MLC"
    plain = bl.models.Artifact(engine="transformersjs", device="wasm", url="u")
    assert journal_key("own", plain) == "own/transformersjs/wasm"
    assert journal_key("own", msgspec.structs.replace(plain, dtype="q4")) == "own/transformersjs/wasm/q4"


def precisions(*dtypes: str) -> bl.models.ModelCard:
    """A model of one's own with builds that have no ids, all in one folder and for one device."""
    place = {"engine": "transformersjs", "device": "wasm", "url": f"{HUB}/own/"}
    return bl.models.ModelCard(
        id="own", artifacts=[msgspec.convert({**place, "dtype": each}, bl.models.Artifact) for each in dtypes]
    )


def network(suffix: str, size_bytes: int) -> dict[str, str | int | ScriptedFile]:
    texts = {f"{HUB}/own/{name}": "{}" for name in ("config.json", "tokenizer.json", "tokenizer_config.json")}
    return {**texts, f"{HUB}/own/onnx/model{suffix}.onnx": ScriptedFile(size_bytes)}


async def test_two_precisions_without_ids_are_two_stored_models() -> None:
    """Each is complete, has its own size, and stays when the other one is deleted."""
    card = precisions("q8", "q4")
    files = ScriptedFiles(network("_quantized", 70) | network("_q4", 40))
    host = ScriptedHost(files=files)
    manager = bl.ModelManager(host, bl.models.Catalog([card]))
    for artifact in card.artifacts:
        await start_download(host, artifact, model="own")
    kept = {model.key: model for model in (await manager.storage()).models}
    assert {key: (model.complete, model.size_bytes) for key, model in kept.items()} == {
        "own/transformersjs/wasm/q8": (True, 76),
        "own/transformersjs/wasm/q4": (True, 46),
    }
    assert await manager.delete("own/transformersjs/wasm/q8") == 70
    (left,) = (await manager.storage()).models
    assert (left.key, left.complete) == ("own/transformersjs/wasm/q4", True)


def test_a_part_of_one_precision_is_not_the_others() -> None:
    """A network that has begun to come belongs to its own build; what all builds read, to the first."""
    config = file(f"{HUB}/own/config.json", 2, "transformers-cache")
    part = Partial(f"{HUB}/own/onnx/model_q4.onnx_data", "transformers-cache", 9, 40, NOW_MS)
    other = Partial(f"{HUB}/own/onnx/model_fp16.onnx", "transformers-cache", 3, 40, NOW_MS)
    q8, q4 = storage(Stored(entries=[config], partials=[part, other]), precisions("q8", "q4")).models
    assert (q8.files, q8.partials) == ([config], [other])
    assert (q4.key, q4.files, q4.partials) == ("own/transformersjs/wasm/q4", [], [part])


def test_the_space_is_what_the_browser_reports() -> None:
    """Used, quota and the rest, which is never below zero; unknown stays unknown."""
    full = storage(Stored(usage_bytes=700, quota_bytes=1000, persisted=True))
    assert (full.used_bytes, full.quota_bytes, full.available_bytes, full.persisted) == (700, 1000, 300, True)
    assert storage(Stored(usage_bytes=1200, quota_bytes=1000)).available_bytes == 0
    assert storage(Stored()).available_bytes is None


def test_a_finished_download_is_complete_while_all_its_files_are_there() -> None:
    """Its bytes, dates and files come from the caches and the journal together."""
    files = [weights("qwen"), LIBRARY_FILE]
    journal = {"qwen-MLC": record("qwen", files, downloaded_ms=1.0, last_used_ms=2.0)}
    (model,) = storage(Stored(entries=files, journal=journal)).models
    assert (model.key, model.model, model.engine, model.artifact_id) == ("qwen-MLC", "qwen", "webllm", "qwen-MLC")
    assert (model.complete, model.evicted, model.size_bytes) == (True, False, 130)
    assert (model.downloaded_ms, model.last_used_ms) == (1.0, 2.0)
    assert model.to_record() == Record(**{**journal["qwen-MLC"], "files": files, "size_bytes": 130})


@pytest.mark.parametrize("entries", [[LIBRARY_FILE], [weights("qwen", 99), LIBRARY_FILE]])
def test_a_file_that_is_gone_or_of_another_size_was_evicted(entries: list[StoredFile]) -> None:
    """The journal knows that the download was whole; what is missing now, the browser has taken."""
    journal = {"qwen-MLC": record("qwen", [weights("qwen"), LIBRARY_FILE])}
    (model,) = storage(Stored(entries=entries, journal=journal)).models
    assert (model.complete, model.evicted) == (False, True)
    assert [each.url for each in model.missing] == [weights("qwen").url]


def test_a_download_that_has_not_ended_is_found_by_its_folder() -> None:
    """Whole files, parts of files and the library beside them belong to the card; nothing says that it was whole."""
    part = Partial(f"{HUB}/qwen/resolve/main/shard_1.bin", "webllm/model", 40, 100, NOW_MS)
    found = storage(Stored(entries=[weights("qwen"), LIBRARY_FILE], partials=[part]), webllm_card("qwen"))
    (model,) = found.models
    assert (model.key, model.complete, model.evicted, model.size_bytes) == ("qwen-MLC", False, False, 170)
    assert (found.orphans, found.abandoned) == ([], [])


def test_a_file_that_belongs_to_no_model_is_an_orphan() -> None:
    """A library alone, another folder's file, an old version of a site's own model, a record that cannot be read."""
    pocket = bl.models.ModelCard(
        id="own",
        artifacts=[bl.models.Artifact(engine="transformersjs", device="wasm", url="models/own/v2/", bundled=True)],
    )
    entries = [
        LIBRARY_FILE,
        file(f"{HUB}/qwen-larger/resolve/main/shard_0.bin"),
        file("http://site.test/app/models/own/v1/config.json", cache="transformers-cache"),
        file("http://site.test/app/models/own/v2/config.json", cache="transformers-cache"),
        file("http://site.test/app/models/own/v2/config.json", cache="webllm/config"),
    ]
    found = storage(Stored(entries=entries, journal={"x": {"model": 5}}), webllm_card("qwen"), pocket)
    assert [model.model for model in found.models] == ["own"]
    assert found.models[0].files == [entries[3]]
    # What is kept of a site's own model is no download that broke off.
    assert (found.models[0].complete, found.models[0].evicted) == (True, False)
    assert found.orphans == [*entries[:3], entries[4]]


def test_a_partial_file_unchanged_for_a_week_is_abandoned() -> None:
    """Whether its model is known or not."""
    parts = [
        Partial(f"{HUB}/qwen/shard_0.bin", "webllm/model", 40, 100, NOW_MS - ABANDONED_MS - 1),
        Partial(f"{HUB}/qwen/shard_1.bin", "webllm/model", 40, 100, NOW_MS - ABANDONED_MS + 1),
        Partial("https://else.test/x", "webllm/model", 40, 100, 0),
    ]
    found = storage(Stored(partials=parts), webllm_card("qwen"))
    assert found.abandoned == [parts[0], parts[2]]
    assert found.models[0].partials == parts[:2]


def test_a_file_that_two_models_share_counts_once() -> None:
    """In the sum of all; each of the two has it among its own."""
    files = {name: [weights(name), LIBRARY_FILE] for name in ("a", "b")}
    journal = {f"{name}-MLC": record(name, kept) for name, kept in files.items()}
    found = storage(Stored(entries=[weights("a"), weights("b"), LIBRARY_FILE], journal=journal))
    assert [model.size_bytes for model in found.models] == [130, 130]
    assert found.models_bytes == 230


def test_a_library_is_also_the_one_of_a_download_that_has_not_ended() -> None:
    """Even if another model uses it, too: deleting that model must not delete the library."""
    entries = [weights("a"), weights("b"), LIBRARY_FILE]
    journal = {"a-MLC": record("a", [weights("a"), LIBRARY_FILE])}
    whole, begun = storage(Stored(entries=entries, journal=journal), webllm_card("b")).models
    assert (whole.model, begun.model, begun.size_bytes) == ("a", "b", 130)
    assert only_of([whole], [whole, begun]) == ([weights("a")], [])


def kept(name: str, size_bytes: int, last_used_ms: float | None, *more: StoredFile) -> StoredModel:
    files = [weights(name, size_bytes), *more]
    return StoredModel(key=name, model=name, engine="webllm", files=files, last_used_ms=last_used_ms, complete=True)


@pytest.mark.parametrize(
    ("needed", "keep", "chosen", "freed"),
    [
        (0, set(), [], 0),
        (1, set(), ["never"], 10),
        (11, set(), ["never", "old"], 110),
        (11, {"old"}, ["never", "new"], 1010),
        (5000, {"new"}, ["never", "old"], 110),
    ],
)
def test_the_models_unused_for_longest_go_first(needed: int, keep: set[str], chosen: list[str], freed: int) -> None:
    """As many as are needed, never one that is to be kept; a plan that does not suffice says so."""
    models = [kept("new", 1000, 3.0), kept("old", 100, 2.0), kept("never", 10, None)]
    plan = plan_eviction(models, needed, keep)
    assert [model.model for model in plan.models] == chosen
    assert (plan.freed_bytes, plan.enough) == (freed, freed >= needed)


def test_a_shared_file_is_freed_with_the_last_that_needs_it() -> None:
    """Until then it does not count as freed."""
    models = [kept("a", 10, 1.0, LIBRARY_FILE), kept("b", 10, 2.0, LIBRARY_FILE)]
    assert plan_eviction(models, 10, set()).freed_bytes == 10
    assert plan_eviction(models, 11, set()).freed_bytes == 50
    assert plan_eviction(models, 11, {"b"}).freed_bytes == 10


# Through the manager, over a page


def tiny(name: str, size: int = 1000, *steps: Any) -> tuple[bl.models.ModelCard, dict[str, str | int | ScriptedFile]]:
    """A model for the CPU, and its files on the web."""
    folder = f"{HUB}/{name}/"
    web: dict[str, str | int | ScriptedFile] = {
        folder + text: "{}" for text in ("config.json", "tokenizer.json", "tokenizer_config.json")
    }
    web[f"{folder}onnx/model_quantized.onnx"] = ScriptedFile(size, steps=steps)
    artifact = bl.models.Artifact(engine="transformersjs", device="wasm", url=folder, dtype="q8", id=f"{name}-q8")
    return bl.models.ModelCard(id=name, artifacts=[artifact], purposes=["code"]), web


class Device:
    """A scripted device with models on the web: `manager` has a clock that the test moves."""

    def __init__(self, *names: str, quota_bytes: int = 10**9, **options: Any) -> None:
        made = [tiny(name) for name in names]
        self.files = ScriptedFiles({url: each for _, web in made for url, each in web.items()}, quota_bytes=quota_bytes)
        self.host = ScriptedHost(files=self.files)
        self.now_s = 1000.0
        self.catalog = bl.models.Catalog([card for card, _ in made])
        self.manager = bl.ModelManager(self.host, self.catalog, clock=lambda: self.now_s, **options)
        self.events: list[tuple[str, str]] = []
        self.manager.subscribe(lambda event: self.events.append((event.kind, event.model)))

    async def stored(self) -> list[str]:
        return [model.model for model in (await self.manager.storage()).models]

    def ops(self, op: str) -> list[dict[str, Any]]:
        return [args for name, args in self.host.requests if name == op]


SIZE = 1006  # the weights and three texts of two characters


async def test_a_download_asks_for_persistence_once() -> None:
    """The first one does; the program may also ask, and gets the browser's answer."""
    device = Device("a", "b")
    await device.manager.download("a")
    await device.manager.download("b")
    assert len(device.ops("persist")) == 1
    assert (await device.manager.storage()).persisted is True
    assert await device.manager.persist() is True


async def test_a_model_is_deleted_with_all_that_is_its_own() -> None:
    """Files, parts and record are gone, the others stay, the bytes are returned, and the memory is freed first."""
    device = Device("a", "b")
    for name in ("a", "b"):
        await device.manager.download(name)
    await device.manager.load("a")
    freed = await device.manager.delete("a")
    assert freed == SIZE
    assert device.host.loaded == {}
    assert await device.stored() == ["b"]
    assert list(device.files.journal) == ["b-q8"]
    assert all("/b/" in url for _, url in device.files.entries)
    assert device.events[-2:] == [("unloaded", "a"), ("deleted", "a")]
    assert await device.manager.delete("a") == 0
    with pytest.raises(bl.errors.ModelNotFound):
        await device.manager.delete("unknown")


async def test_a_model_of_another_program_can_be_deleted_by_its_name() -> None:
    """The journal knows it, though this program's catalog does not; a build goes by its id."""
    device = Device("a", "b")
    await device.manager.download("a")
    await device.manager.download("b")
    stranger = bl.ModelManager(device.host)
    assert await stranger.delete("a") == SIZE
    assert await stranger.delete("b-q8") == SIZE
    assert device.files.entries == {}


async def test_clear_leaves_nothing() -> None:
    """No model, no part of a file, no orphan, no record."""
    device = Device("a", "b")
    await device.manager.download("a")
    await device.manager.load("a")
    device.files.store("webllm/model", "https://else.test/x", 5)
    part = "https://else.test/p"
    device.files.partials[part] = {"url": part, "cache": "webllm/model", "loaded_bytes": 3, "updated_ms": 0.0}
    assert await device.manager.clear() == SIZE + 5 + 3
    assert (device.files.entries, device.files.partials, device.files.journal) == ({}, {}, {})
    assert device.host.loaded == {}


async def test_orphans_are_found_and_removed() -> None:
    """And nothing else is."""
    device = Device("a")
    await device.manager.download("a")
    device.files.store("webllm/model", "https://else.test/x", 5)
    assert [file.url for file in (await device.manager.storage()).orphans] == ["https://else.test/x"]
    assert await device.manager.remove_orphans() == 5
    assert len(device.files.entries) == 4
    assert (await device.manager.storage()).orphans == []


async def test_models_are_evicted_down_to_a_budget() -> None:
    """The one unused for longest first; the loaded one stays, even if that is over the budget."""
    device = Device("a", "b", "c")
    for name in ("a", "b", "c"):
        device.now_s += 100
        await device.manager.load(name)
    gone = await device.manager.evict(2 * SIZE)
    assert [model.model for model in gone] == ["a"]
    assert [model.model for model in await device.manager.evict(0)] == ["b"]
    assert await device.stored() == ["c"]
    assert ("deleted", "c") not in device.events


async def test_a_download_over_the_budget_names_what_could_be_deleted() -> None:
    """It fetches nothing; with "evict" the models are deleted, and it continues."""
    device = Device("a", "b", storage_budget_bytes=SIZE + 500)
    await device.manager.download("a")
    with pytest.raises(bl.errors.QuotaExceeded, match=r"not enough space for model 'b'.*budget.*delete a") as caught:
        await device.manager.download("b")
    plan = caught.value.data["plan"]
    assert (plan["enough"], [model["model"] for model in plan["models"]]) == (True, ["a"])
    assert await device.stored() == ["a", "b"]  # of b, what the manifest said
    evicting = bl.ModelManager(device.host, device.catalog, storage_budget_bytes=SIZE + 500, on_full="evict")
    await evicting.download("b")
    assert await device.stored() == ["b"]
    assert ("deleted", "a") in device.events


async def test_a_program_can_be_asked_what_to_delete() -> None:
    """It gets the plan; its answer decides."""
    plans: list[bl.models.EvictionPlan] = []
    answers = [False, True]

    async def ask(plan: bl.models.EvictionPlan) -> bool:
        plans.append(plan)
        return answers[len(plans) - 1]

    device = Device("a", "b", storage_budget_bytes=SIZE + 500, on_full=ask)
    await device.manager.download("a")
    with pytest.raises(bl.errors.QuotaExceeded):
        await device.manager.download("b")
    await device.manager.download("b")
    assert [[model.model for model in plan.models] for plan in plans] == [["a"], ["a"]]
    assert await device.stored() == ["b"]


async def test_the_quota_is_looked_at_before_the_first_byte() -> None:
    """A file is there twice for a moment: the largest counts double; what is in use is not taken for it."""
    device = Device("a", "b", quota_bytes=2 * SIZE + 900, on_full="evict")
    await device.manager.load("a")
    fetched = device.files.fetched_bytes
    with pytest.raises(bl.errors.QuotaExceeded, match="no other model can be deleted") as caught:
        await device.manager.download("b")
    assert caught.value.data["plan"]["enough"] is False
    assert device.files.fetched_bytes == fetched
    device.files.quota_bytes += 1000
    await device.manager.download("b")


async def test_the_free_disk_space_counts_if_it_is_below_the_quota() -> None:
    """Browsers promise gigabytes that the disk may not have; a host that can ask the system knows better."""
    device = Device("a")
    for free in (0, 1, SIZE, 2 * SIZE, 10**9, 10**15):
        device.host.disk_free_bytes = lambda free=free: free
        storage = await device.manager.storage()
        assert storage.available_bytes == min(free, 10**9 - (storage.used_bytes or 0))
    device.host.disk_free_bytes = lambda: SIZE
    with pytest.raises(bl.errors.QuotaExceeded, match=r"the browser has .* left") as caught:
        await device.manager.download("a")
    assert caught.value.data["needed_bytes"] > 0
    device.host.disk_free_bytes = lambda: None
    await device.manager.download("a")


async def test_a_model_that_is_being_fetched_is_not_deleted() -> None:
    """The error says to cancel that first."""
    card, web = tiny("slow", 1000, 10, HANG)
    device = Device("a")
    device.files.web.update(ScriptedFiles(web).web)
    device.catalog.add(card)
    download = await device.manager.start_download("slow")
    while not device.files.partials:
        await asyncio.sleep(0)
    with pytest.raises(bl.InvalidRequest, match="'slow' is being downloaded or loaded"):
        await device.manager.delete("slow")
    with pytest.raises(bl.InvalidRequest, match="'slow' is being downloaded"):
        await bl.ModelManager(device.host).remove_orphans()
    with pytest.raises(bl.InvalidRequest, match="'slow' is being downloaded"):
        await device.manager.clear()
    await download.cancel()
    assert await device.manager.delete("slow") == 10 + 3 * 2


async def test_an_eviction_by_the_browser_is_noticed_and_mended() -> None:
    """It is an event once, the list says so, and the next load fetches what is missing."""
    device = Device("a")
    await device.manager.load("a")
    await device.manager.unload()
    weights_key = next(key for key in device.files.entries if key[1].endswith(".onnx"))
    del device.files.entries[weights_key]
    (entry,) = [entry for entry in await device.manager.list(downloaded=False) if entry.card.id == "a"]
    assert (entry.evicted, entry.downloaded) == (True, False)
    await device.manager.storage()
    assert device.events.count(("evicted", "a")) == 1
    before = device.files.fetched_bytes
    await device.manager.load("a")
    assert device.files.fetched_bytes == before + 1000
    assert weights_key in device.files.entries


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
async def test_a_clock_that_jumps_by_a_day_breaks_nothing(jump_s: float) -> None:
    """A use after the jump is noted whatever the journal says, the least used goes first, no part is abandoned."""
    device = Device("a", "b", "c")
    device.now_s = 10 * 86_400.0
    for name in "abc":
        await device.manager.download(name)
        await device.manager.load(name)
        await asyncio.sleep(0)
        device.now_s += 3600
    part = {"url": f"{HUB}/d/shard_0.bin", "cache": "webllm/model", "loaded_bytes": 5}
    device.files.partials[part["url"]] = {**part, "updated_ms": device.now_s * 1000}
    assert (await device.manager.readiness("c")).loaded
    assert (await device.manager.readiness("a")).downloaded
    device.now_s += jump_s
    assert (await device.manager.readiness("a")).downloaded
    await device.manager.load("b")
    await asyncio.sleep(0)
    storage = await device.manager.storage()
    assert {model.model: model.last_used_ms for model in storage.models}["b"] == device.now_s * 1000
    assert storage.abandoned == []
    assert [gone.model for gone in await device.manager.evict(SIZE)] == ["a", "c"]
    assert await device.stored() == ["b"]


async def test_a_partial_file_does_not_hide_a_complete_build() -> None:
    """A complete build stays downloaded, whatever other download began in its folder."""
    device = Device("a")
    await device.manager.download("a")
    url = f"{HUB}/a/onnx/model_quantized.onnx_data"
    device.files.partials[url] = {"url": url, "cache": "transformers-cache", "loaded_bytes": 5}
    found = (await device.manager.storage()).find("a", device.catalog.get("a").artifacts[0])
    assert found is not None and found.complete


async def test_the_last_use_is_noted_at_loads_and_once_a_minute() -> None:
    """A chat in between costs no word with the page."""
    device = Device("a")
    await device.manager.download("a")
    assert (await device.manager.storage()).models[0].last_used_ms is None
    uses: list[float] = []
    for pause_s in (0, 59, 1, 30):
        device.now_s += pause_s
        await device.manager.load("a")
        await asyncio.sleep(0)  # the journal is written in the background
        uses.append((await device.manager.storage()).models[0].last_used_ms or 0)
    assert uses == [1_000_000, 1_000_000, 1_060_000, 1_060_000]
    await device.manager.download("a")
    assert (await device.manager.storage()).models[0].last_used_ms == 1_060_000
    fresh = Device("b")
    await fresh.manager.load("b")
    await asyncio.sleep(0)
    assert (await fresh.manager.storage()).models[0].last_used_ms == 1_000_000
    (entry,) = await device.manager.list(downloaded=True, purpose="code")
    assert (entry.last_used_ms, entry.size_bytes, entry.loaded is not None) == (1_060_000, SIZE, True)
