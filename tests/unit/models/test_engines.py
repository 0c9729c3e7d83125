"""An engine that this file adds: its models are listed, judged, fetched, kept and run with no other file changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

import pytest

import browserllm as bl
from browserllm.errors import BrowserLLMError
from browserllm.models import engines
from browserllm.models.custom import add_custom
from browserllm.models.engines import Engine, FileList, Folder, FolderOptions, ModelFile
from browserllm.models.engines.files import decode_manifest, look_up, read_text
from browserllm.page.host import Host
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts

FOLDER = "https://models.test/paper/"
WEB = {
    FOLDER + "paper.json": json.dumps(["weights.bin", "words.txt"]),
    FOLDER + "weights.bin": 900,
    FOLDER + "words.txt": 60,
}


class Paper(Engine):
    """An engine that computes on the CPU from a list of files."""

    name = "paper"
    devices = ("wasm",)
    caches = ("paper/files",)
    capabilities = ("chat", "embed")
    dtypes = ("ink",)

    async def list_files(self, host: Host, artifact: bl.models.Artifact, *, refresh: bool = False) -> FileList:
        """Read ``paper.json``, which is a list of names."""
        url = f"{artifact.url}paper.json"
        manifest, text = await read_text(host, url, self.caches[0], refresh)
        names = decode_manifest(text, list[str], url)
        files = [ModelFile(artifact.url + name, self.caches[0]) for name in names]
        return FileList([manifest, *await look_up(host, files, refresh=refresh)], url)

    def cache_of(self, name: str, names: Collection[str]) -> str | None:
        """Return the one cache."""
        return self.caches[0] if "paper.json" in names else None

    def markers(self, folder: str) -> tuple[str, ...]:
        """Return where the list is."""
        return (f"{folder}paper.json",)

    async def read_folder(self, host: Host, folder: Folder, options: FolderOptions) -> list[bl.models.Artifact]:
        """Return the one build."""
        return [
            bl.models.Artifact(engine=self.name, device="wasm", id=options.model, url=folder.url, dtype=options.dtype)
        ]

    async def context_window(self, host: Host, artifact: bl.models.Artifact) -> int | None:
        """Return that of all paper."""
        return 77

    def obstacle(self, artifact: bl.models.Artifact, facts: bl.page.DeviceFacts) -> BrowserLLMError | None:
        """Ask for two cores."""
        return bl.errors.Unsupported("paper needs two cores") if facts.cores == 1 else None

    def warnings(self, artifact: bl.models.Artifact, facts: bl.page.DeviceFacts) -> list[tuple[str, str]]:
        """Warn always."""
        return [("flammable", "keep it from fire")]


@pytest.fixture(autouse=True)
def paper() -> Iterator[Paper]:
    """The engine, registered for one test."""
    engine = Paper()
    engines.register(engine)
    yield engine
    engines.unregister(engine.name)


def card() -> bl.models.ModelCard:
    build = bl.models.Artifact(engine="paper", device="wasm", id="folio/a4", url=FOLDER)
    return bl.models.ModelCard(id="folio", artifacts=[build], purposes=["chat"])


async def test_its_model_is_listed_judged_fetched_loaded_and_asked() -> None:
    """Through the same calls as a model of any other engine; the page that a script plays has the engine by itself."""
    host = ScriptedHost(["Written on paper."], files=ScriptedFiles(WEB))
    llm = bl.LocalBackend(host, "folio", catalog=bl.models.Catalog([card()]))
    (entry,) = [entry for entry in await llm.models.list() if entry.card.id == "folio"]
    assert (entry.fit.fits, entry.downloaded) == (True, False)
    assert [warning.code for warning in entry.fit.warnings] == ["flammable"]
    result = await llm.models.download("folio")
    assert result.size_bytes == len(WEB[FOLDER + "paper.json"]) + 960
    response = await llm.complete("What are you?")
    assert (response.text, response.engine, response.device) == ("Written on paper.", "paper", "wasm")
    (kept,) = (await llm.models.storage()).models
    assert (kept.model, kept.complete, {file.cache for file in kept.files}) == ("folio", True, {"paper/files"})
    await llm.models.delete("folio")
    assert host.files.entries == {}


async def test_its_files_are_sorted_to_its_model_without_a_journal() -> None:
    """By their cache and their folder; the same address in another engine's cache is not its own."""
    files = ScriptedFiles(WEB)
    files.store("paper/files", FOLDER + "weights.bin", 900)
    files.store("transformers-cache", FOLDER + "weights.bin", 900)
    storage = await bl.ModelManager(ScriptedHost(files=files), bl.models.Catalog([card()])).storage()
    assert [(kept.model, kept.size_bytes, kept.complete) for kept in storage.models] == [("folio", 900, False)]
    assert [orphan.cache for orphan in storage.orphans] == ["transformers-cache"]


async def test_the_requirements_of_an_engine_are_reported() -> None:
    """The reason is the engine's own text."""
    host = ScriptedHost(facts=device_facts())
    host.engine.facts = bl.page.DeviceFacts(webgpu=host.engine.facts.webgpu, wasm=host.engine.facts.wasm, cores=1)
    judged = await bl.ModelManager(host, bl.models.Catalog([card()])).fit("folio")
    assert [reason.message for reason in judged.reasons] == ["paper needs two cores"]


async def test_a_page_without_the_engine_is_named_as_the_reason() -> None:
    """The page decides which engines it has, whatever is registered."""
    manager = bl.ModelManager(ScriptedHost(engines=["webllm"]), bl.models.Catalog([card()]))
    with pytest.raises(bl.Unavailable, match="this page does not have the engine 'paper'; it has: 'webllm'"):
        await manager.load("folio")


@pytest.mark.parametrize("picked", [False, True])
async def test_a_folder_is_recognised(picked: bool) -> None:
    """At an address, or picked in the page; one that is not its own names its marker among those looked for."""
    names = {url.removeprefix(FOLDER): content for url, content in WEB.items()}
    host = ScriptedHost(files=ScriptedFiles(None if picked else WEB, picked=names if picked else None))
    found = await add_custom(host, None if picked else FOLDER, id="mine", dtype="ink")
    (build,) = found.artifacts
    assert (build.engine, build.id, build.dtype, found.context_window) == ("paper", "mine", "ink", 77)
    with pytest.raises(bl.errors.ModelNotFound, match=r"paper\.json \(for paper\)"):
        await add_custom(ScriptedHost(files={"https://models.test/other/x.bin": 1}), "https://models.test/other/")


def test_the_engines_stand_in_the_order_of_preference(paper: Paper) -> None:
    """A new one comes last, or before the one that is named; its devices follow its own order."""
    assert engines.names() == ["webllm", "transformersjs", "prompt-api", "paper"]
    engines.unregister("paper")
    engines.register(paper, before="transformersjs")
    assert engines.names() == ["webllm", "paper", "transformersjs", "prompt-api"]
    builds = [
        bl.models.Artifact(engine=engine, device=device, url="u")
        for engine, device in (("x", "wasm"), ("transformersjs", "wasm"), ("paper", "wasm"), ("webllm", "webgpu"))
    ]
    assert [build.engine for build in sorted(builds, key=engines.rank)] == ["webllm", "paper", "transformersjs", "x"]


def test_a_name_belongs_to_one_engine(paper: Paper) -> None:
    """A second one of the name is refused, and so is a name that is not known."""
    with pytest.raises(bl.InvalidRequest, match="engine 'paper' is already registered"):
        engines.register(paper)
    with pytest.raises(
        bl.errors.Unsupported, match=r"unknown engine 'pen'\. Choose one of: webllm, transformersjs, prompt-api, paper"
    ):
        engines.get("pen")
    with pytest.raises(bl.errors.Unsupported, match="unknown engine 'pen'"):
        engines.register(_Pen(), before="pen")
    assert engines.find("pencil") is None


class _Pen(Paper):
    name = "ballpoint"
