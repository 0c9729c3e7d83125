"""Models of one's own: a folder, an address or picked files become a card, when everything is there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import browserllm as bl
from browserllm.models.custom import add_custom
from browserllm.models.downloads.download import start_download
from browserllm.testing.files import ScriptedFile, ScriptedFiles
from browserllm.testing.host import ScriptedHost

URL = "https://my.test/models/tiny/resolve/v1/"
SHARED = "http://files.test/abc/resolve/local/"
CHAT_CONFIG = json.dumps({"tokenizer_files": ["tokenizer.json"], "context_window_size": 2048})
NETWORK_CONFIG = json.dumps({"max_position_embeddings": 4096})


def webllm(*, shard: int = 1000, promised: int = 1000) -> dict[str, str | int]:
    """The files of a WebLLM model."""
    return {
        "mlc-chat-config.json": CHAT_CONFIG,
        "tensor-cache.json": json.dumps({"records": [{"dataPath": "params_shard_0.bin", "nbytes": promised}]}),
        "tokenizer.json": "{}",
        "params_shard_0.bin": shard,
        "tiny.wasm": 300,
    }


def network(*dtypes: str) -> dict[str, str | int]:
    """The files of a Transformers.js model with networks of these precisions."""
    suffixes = {"fp32": "", "q8": "_quantized"}
    return {
        "config.json": NETWORK_CONFIG,
        "tokenizer.json": "{}",
        "tokenizer_config.json": "{}",
        **{f"onnx/model{suffixes.get(dtype, f'_{dtype}')}.onnx": 500 for dtype in dtypes},
    }


def at(folder: str, files: dict[str, str | int]) -> dict[str, str | int | ScriptedFile]:
    return {folder + name: content for name, content in files.items()}


class SharingHost(ScriptedHost):
    """A host that shares a folder of this machine, as one with a launched browser does."""

    def share_folder(self, path: str | os.PathLike[str]) -> str:
        for file in Path(path).rglob("*"):
            if file.is_file():
                name = file.relative_to(path).as_posix()
                self.files.web[SHARED + name] = ScriptedFile(file.read_text())
        return SHARED


def written(folder: Path, files: dict[str, str | int]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else "x" * content)
    return folder


def what(card: bl.models.ModelCard) -> list[tuple[Any, ...]]:
    return [(artifact.engine, artifact.device, artifact.dtype) for artifact in card.artifacts]


async def test_a_webllm_folder_at_an_address() -> None:
    """Its library has to be named, because a server lists nothing; the card has the exact bytes to download."""
    card = await add_custom(ScriptedHost(files=at(URL, webllm())), URL, library="tiny.wasm")
    assert (card.id, card.name, card.context_window) == ("tiny", "tiny", 2048)
    (artifact,) = card.artifacts
    assert (artifact.engine, artifact.device, artifact.url, artifact.id) == ("webllm", "webgpu", URL, "tiny")
    assert artifact.library == URL + "tiny.wasm"
    total = sum(len(file) if isinstance(file, str) else file for file in webllm().values())
    assert (artifact.download_bytes, artifact.download_estimated) == (total, False)


async def test_the_card_can_be_downloaded() -> None:
    """What was looked up is what is fetched."""
    host = ScriptedHost(files=at(URL, webllm()))
    card = await add_custom(host, URL, library="tiny.wasm", id="mine", name="My model")
    assert (card.id, card.name) == ("mine", "My model")
    result = await start_download(host, card.artifacts[0], model=card.id)
    assert result.size_bytes == card.artifacts[0].download_bytes


async def test_a_library_may_be_at_another_address() -> None:
    """Libraries are often shared by many models."""
    web = {**at(URL, webllm()), "https://libs.test/all.wasm": 5}
    card = await add_custom(ScriptedHost(files=web), URL, library="https://libs.test/all.wasm")
    assert card.artifacts[0].library == "https://libs.test/all.wasm"


async def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    """It is shared with the page, named after itself, and its one library found."""
    folder = written(tmp_path / "My model (1)", webllm())
    for source in (folder, str(folder)):
        card = await add_custom(SharingHost(), source)
        assert card.id == "My-model-1"
        assert card.artifacts[0].library == SHARED + "tiny.wasm"


async def test_a_snapshot_in_hugging_faces_cache_is_named_after_its_model(tmp_path: Path) -> None:
    """Its folder is named by a revision, not by the model; its files may be links."""
    folder = tmp_path / "models--org--Tiny-1B" / "snapshots" / ("5f" * 20)
    written(folder, webllm())
    card = await add_custom(SharingHost(), folder)
    assert (card.id, card.artifacts[0].library) == ("Tiny-1B", SHARED + "tiny.wasm")


async def test_a_folder_for_both_engines(tmp_path: Path) -> None:
    """An artifact for each engine and device, as in the catalog; or those of the one that is asked for."""
    folder = written(tmp_path / "both", {**webllm(), **network("q8", "fp32")})
    both = [("webllm", "webgpu", None), ("transformersjs", "webgpu", "fp32"), ("transformersjs", "wasm", "q8")]
    assert what(await add_custom(SharingHost(), folder)) == both
    assert what(await add_custom(SharingHost(), folder, engine="webllm")) == both[:1]
    card = await add_custom(SharingHost(), folder, engine="transformersjs")
    assert (what(card), card.context_window) == (both[1:], 4096)


@pytest.mark.parametrize(
    ("there", "webgpu", "wasm"),
    [
        (["q8"], ["q8"], ["q8"]),
        (["fp32", "q8", "q4", "q4f16"], ["q4f16", "q4"], ["q8"]),
        (["fp16", "fp32"], ["fp16", "fp32"], ["fp32"]),
        (["q4f16"], ["q4f16"], ["q4f16"]),
        (["bnb4"], ["bnb4"], ["bnb4"]),
    ],
)
async def test_of_several_networks_each_device_gets_its_best(
    there: list[str], webgpu: list[str], wasm: list[str]
) -> None:
    """One that needs f16 has one beside it that does not, where there is one; the feature it needs is on the card."""
    card = await add_custom(ScriptedHost(files=at(URL, network(*there))), URL)
    assert [dtype for _, device, dtype in what(card) if device == "webgpu"] == webgpu
    assert [dtype for _, device, dtype in what(card) if device == "wasm"] == wasm
    for artifact in card.artifacts:
        assert artifact.id == f"tiny/{artifact.dtype}"
        needs = artifact.device == "webgpu" and artifact.dtype in ("q4f16", "fp16")
        assert artifact.features == (["shader-f16"] if needs else [])


async def test_the_dtype_can_be_chosen() -> None:
    """Then it has to be there."""
    host = ScriptedHost(files=at(URL, network("q8", "int8")))
    card = await add_custom(host, URL, dtype="int8")
    assert {artifact.dtype for artifact in card.artifacts} == {"int8"}
    with pytest.raises(bl.errors.LoadFailed, match=r"'model_q4\.onnx' is missing"):
        await add_custom(host, URL, dtype="q4")


async def test_a_repository_of_the_hub() -> None:
    """Its page's address is enough."""
    folder = "https://huggingface.co/org/Tiny-ONNX/resolve/main/"
    listing = "https://huggingface.co/api/models/org/Tiny-ONNX/tree/main?recursive=1"
    host = ScriptedHost(files={**at(folder, network("q8")), listing: "[]"})
    card = await add_custom(host, "https://huggingface.co/org/Tiny-ONNX")
    assert (card.id, card.artifacts[0].url) == ("Tiny-ONNX", folder)


@pytest.mark.parametrize("files", [webllm(), network("q8")])
async def test_picked_files_are_there_without_a_server(files: dict[str, str | int]) -> None:
    """They are in the caches; no server has them, and nothing is left to download."""
    host = ScriptedHost(files=ScriptedFiles(picked=files))
    card = await add_custom(host, id="picked")
    assert card.artifacts[0].url == "http://scripted.test/own/picked/resolve/picked/"
    assert [args["key"] for op, args in host.requests if op == "pick_files"] == ["picked"]
    result = await start_download(host, card.artifacts[0], model=card.id)
    assert (result.fetched_bytes, {file.verified for file in result.files}) == (0, {"stored"})
    assert (await add_custom(host)).id.startswith("picked-")


async def test_nothing_picked_is_cancelled() -> None:
    """The person closed the dialog."""
    with pytest.raises(bl.Cancelled):
        await add_custom(ScriptedHost())


async def test_a_wrong_file_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    """With its size and the promised one, wherever the folder is."""
    broken = webllm(shard=12, promised=33_554_432)
    expected = r"params_shard_0\.bin has 12 bytes, but tensor-cache\.json lists 33,554,432"
    url, picked, folder = (
        ScriptedHost(files=at(URL, broken)),
        ScriptedHost(files=ScriptedFiles(picked=broken)),
        SharingHost(),
    )
    with pytest.raises(bl.errors.IntegrityError, match=expected):
        await add_custom(url, URL, library="tiny.wasm")
    with pytest.raises(bl.errors.IntegrityError, match=expected):
        await add_custom(picked)
    with pytest.raises(bl.errors.IntegrityError, match=expected):
        await add_custom(folder, written(tmp_path / "x", broken))
    assert url.files.entries == picked.files.entries == folder.files.entries == {}


async def test_stored_files_stay_after_a_failure() -> None:
    """They may belong to a download of the same model."""
    host = ScriptedHost(files=at(URL, webllm(shard=12)))
    host.files.store("webllm/model", URL + "tokenizer.json", "{}")
    with pytest.raises(bl.errors.IntegrityError):
        await add_custom(host, URL, library="tiny.wasm")
    assert set(host.files.entries) == {("webllm/model", URL + "tokenizer.json")}


@pytest.mark.parametrize("gone", ["params_shard_0.bin", "tokenizer.json", "tensor-cache.json"])
async def test_a_missing_file_is_named(gone: str) -> None:
    """Each of those that the engine would miss."""
    files = webllm()
    del files[gone]
    with pytest.raises((bl.errors.LoadFailed, bl.errors.DownloadInterrupted), match=gone):
        await add_custom(ScriptedHost(files=at(URL, files)), URL, library="tiny.wasm")
    with pytest.raises((bl.errors.LoadFailed, bl.errors.DownloadInterrupted), match=gone):
        await add_custom(ScriptedHost(files=ScriptedFiles(picked=files)))


async def test_a_refused_or_unanswered_file_says_so() -> None:
    """A link out of a shared folder is answered 403."""
    web = at(URL, webllm())
    web[URL + "params_shard_0.bin"] = ScriptedFile(1000, status=403)
    with pytest.raises(
        bl.errors.LoadFailed, match=r"params_shard_0\.bin' is missing: the server answered 403 \(links that lead out"
    ):
        await add_custom(ScriptedHost(files=web), URL, library="tiny.wasm")


async def test_the_error_for_a_folder_without_networks_lists_the_names() -> None:
    """All names that would have worked."""
    with pytest.raises(bl.errors.LoadFailed, match=r"looked for .*onnx/model\.onnx, .*onnx/model_quantized\.onnx"):
        await add_custom(ScriptedHost(files=at(URL, network())), URL)


@pytest.mark.parametrize(
    ("libraries", "message"),
    [
        ([], r"'x' has no \.wasm; pass library="),
        (["b.wasm", "a.wasm"], r"'x' has several: a\.wasm, b\.wasm; pass library="),
    ],
)
async def test_an_ambiguous_library_must_be_passed(tmp_path: Path, libraries: list[str], message: str) -> None:
    """If a folder has none or several."""
    files = {name: content for name, content in webllm().items() if name != "tiny.wasm"}
    folder = written(tmp_path / "x", {**files, **dict.fromkeys(libraries, 10)})
    with pytest.raises(bl.errors.LoadFailed, match=message):
        await add_custom(SharingHost(), folder)
    if libraries:
        card = await add_custom(SharingHost(), folder, library="b.wasm")
        assert card.artifacts[0].library == SHARED + "b.wasm"


async def test_the_library_must_be_passed_for_a_server_without_listing() -> None:
    """The error says why."""
    with pytest.raises(bl.errors.LoadFailed, match=rf"the files of {URL} cannot be listed; pass library="):
        await add_custom(ScriptedHost(files=at(URL, webllm())), URL)


async def test_webllm_wants_a_revision_in_the_address() -> None:
    """It would look elsewhere than where the files are; said here instead of failing there."""
    plain = "https://my.test/tiny/"
    with pytest.raises(
        bl.errors.LoadFailed, match=r"https://my\.test/tiny/resolve/main/.*serve the folder at such a URL"
    ):
        await add_custom(ScriptedHost(files=at(plain, webllm())), plain, library="tiny.wasm")


async def test_the_error_for_a_folder_without_a_model_lists_the_files(tmp_path: Path) -> None:
    """Both files, or that of the requested engine."""
    with pytest.raises(
        bl.errors.ModelNotFound, match=r"mlc-chat-config\.json \(for webllm\) and .*config\.json \(for transf"
    ):
        await add_custom(SharingHost(), written(tmp_path / "x", {"notes.txt": "x"}))
    host = ScriptedHost(files=at(URL, network("q8")))
    with pytest.raises(bl.errors.ModelNotFound, match=r"looked for [^ ]*mlc-chat-config\.json \(for webllm\); give"):
        await add_custom(host, URL, engine="webllm")


async def test_an_address_without_an_answer_is_named() -> None:
    """Offline, misspelt, or not shared with this page."""
    storage = ScriptedFiles()
    storage.online = False
    with pytest.raises(bl.errors.DownloadInterrupted, match=f"no answer from {URL}"):
        await add_custom(ScriptedHost(files=storage), URL)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("ftp://my.test/x", {}, r"source='ftp://my\.test/x'.*http"),
        (URL, {"engine": "llama"}, "unknown engine 'llama'"),
        (URL, {"dtype": "q9"}, "unknown dtype 'q9'"),
    ],
)
async def test_arguments_that_cannot_be_are_refused(source: str, options: dict[str, Any], message: str) -> None:
    """Before anything is asked for."""
    with pytest.raises(bl.InvalidRequest, match=message):
        await add_custom(ScriptedHost(), source, **options)


async def test_a_page_that_goes_away_is_reported_as_that() -> None:
    """Also when the page is closed and cannot clean up."""
    host = ScriptedHost(files=at(URL, webllm()))
    host.files.answer = _closing(host)  # type: ignore[method-assign]
    with pytest.raises(bl.Unavailable):
        await add_custom(host, URL)


def _closing(host: ScriptedHost) -> Any:
    answer = host.files.answer

    async def close(op: str, args: Any, page: Any) -> Any:
        if op == "inspect_files":
            host.break_connection()
        return await answer(op, args, page)

    return close


async def test_a_configuration_without_a_context_window_leaves_it_unknown() -> None:
    """The engine reports it once the model is loaded."""
    files = {**network("q8"), "config.json": '{"max_position_embeddings": "many"}'}
    assert (await add_custom(ScriptedHost(files=at(URL, files)), URL)).context_window is None
