"""The files of an artifact: what an engine will read, from a manifest that may say anything."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.models.engines import FileHash, ModelFile, list_files
from browserllm.models.engines.transformersjs import DTYPE_SUFFIXES, TransformersJs
from browserllm.models.engines.webllm import folder_of, read_shards
from browserllm.testing.files import BASE, ScriptedFile, ScriptedFiles
from browserllm.testing.host import ScriptedHost

FOLDER = "https://models.test/tiny/resolve/main/"
LIBRARY = "https://libs.test/tiny.wasm"
MD5 = "0123456789abcdef0123456789abcdef"
CONFIG = {"tokenizer_files": ["tokenizer.json", "tokenizer_config.json"]}
SHARDS = [{"dataPath": "params_shard_0.bin", "nbytes": 1000, "md5sum": MD5}, {"dataPath": "b.bin", "nbytes": 24}]

HUB = "https://hub.test"
HUB_FOLDER = f"{HUB}/org/tiny/resolve/main/"
LISTING = f"{HUB}/api/models/org/tiny/tree/main?recursive=1"


def webllm_web(
    config: object = CONFIG, records: object = SHARDS, folder: str = FOLDER
) -> dict[str, str | int | ScriptedFile]:
    return {
        folder + "mlc-chat-config.json": json.dumps(config),
        folder + "tensor-cache.json": json.dumps({"records": records}),
        folder + "tokenizer.json": 500,
        folder + "tokenizer.model": 400,
        LIBRARY: 3000,
    }


def webllm(url: str = "https://models.test/tiny", **fields: Any) -> bl.models.Artifact:
    return bl.models.Artifact(**{"engine": "webllm", "device": "webgpu", "url": url, "library": LIBRARY, **fields})


def transformersjs(url: str = FOLDER, **fields: Any) -> bl.models.Artifact:
    return bl.models.Artifact(**{"engine": "transformersjs", "device": "wasm", "url": url, "dtype": "q8", **fields})


def network_web(config: object = (), folder: str = FOLDER, **sizes: int) -> dict[str, str | int | ScriptedFile]:
    return {
        folder + "config.json": json.dumps(dict(config)) if config == () else json.dumps(config),
        folder + "tokenizer.json": 500,
        folder + "tokenizer_config.json": 50,
        **{f"{folder}onnx/{name}": size for name, size in sizes.items()},
    }


async def test_webllm_reads_these_files_from_these_caches() -> None:
    """Manifests, tokenizer, library and shards; sizes and hashes from tensor-cache.json, the others from the server."""
    host = ScriptedHost(files=webllm_web())
    files = await list_files(host, webllm())
    config, shards = json.dumps(CONFIG), json.dumps({"records": SHARDS})
    assert files.files == [
        ModelFile(FOLDER + "mlc-chat-config.json", "webllm/config", len(config)),
        ModelFile(FOLDER + "tensor-cache.json", "webllm/model", len(shards)),
        ModelFile(FOLDER + "tokenizer.json", "webllm/model", 500),
        ModelFile(LIBRARY, "webllm/wasm", 3000),
        ModelFile(FOLDER + "params_shard_0.bin", "webllm/model", 1000, FileHash("md5", MD5)),
        ModelFile(FOLDER + "b.bin", "webllm/model", 24),
    ]
    assert files.total_bytes == len(config) + len(shards) + 500 + 3000 + 1024
    assert files.manifest_url == FOLDER + "tensor-cache.json"


async def test_webllm_takes_the_other_tokenizer_and_the_own_list_of_a_model() -> None:
    """tokenizer.model where the configuration has no other; a ``manifest`` goes to the configurations' cache."""
    web = {**webllm_web({"tokenizer_files": ["tokenizer.model"]}), FOLDER + "package.json": "{}"}
    files = await list_files(ScriptedHost(files=web), webllm(manifest="package.json"))
    assert files.files[0] == ModelFile(FOLDER + "package.json", "webllm/config", 2)
    assert [file.url for file in files.files if "tokenizer" in file.url] == [FOLDER + "tokenizer.model"]


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://huggingface.co/mlc-ai/Tiny", "https://huggingface.co/mlc-ai/Tiny/resolve/main/"),
        ("https://huggingface.co/mlc-ai/Tiny/", "https://huggingface.co/mlc-ai/Tiny/resolve/main/"),
        ("https://huggingface.co/mlc-ai/Tiny/resolve/v1", "https://huggingface.co/mlc-ai/Tiny/resolve/v1/"),
        ("models/pocket/resolve/1", "models/pocket/resolve/1/"),
        ("resolve/1/", "resolve/1/"),
        ("https://resolve.test/x/", "https://resolve.test/x/resolve/main/"),
    ],
)
def test_webllm_reads_from_a_revision(url: str, folder: str) -> None:
    """As `cleanModelUrl` of web-llm writes the folder."""
    assert folder_of(url) == folder


async def test_addresses_are_those_of_the_page() -> None:
    """What is relative to the site comes out absolute, as the page lists it when it is stored."""
    web = webllm_web(folder="own/x/resolve/1/")
    files = await list_files(ScriptedHost(files=web), webllm("own/x/resolve/1", library=LIBRARY))
    assert {file.url.removesuffix(file.url.rpartition("/")[2]) for file in files.files} == {
        BASE + "own/x/resolve/1/",
        "https://libs.test/",
    }
    assert files.manifest_url == BASE + "own/x/resolve/1/tensor-cache.json"
    web = network_web(folder="own/y/", **{"model_quantized.onnx": 7})
    files = await list_files(ScriptedHost(files=web), transformersjs("own/y"))
    assert all(file.url.startswith(BASE + "own/y/") for file in files.files)


async def test_a_bundled_artifact_lists_no_files() -> None:
    """The site's files come with the site."""
    host = ScriptedHost()
    assert (await list_files(host, webllm(bundled=True))).files == []
    assert host.requests == []


async def test_webllm_needs_a_library() -> None:
    """And the error says how to give it."""
    with pytest.raises(bl.errors.LoadFailed, match=r"has no library.*pass library="):
        await list_files(ScriptedHost(files=webllm_web()), webllm(library=None))


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"dataPath": "a.bin"}],
        [{"dataPath": "a.bin", "nbytes": "1000"}],
        [{"dataPath": "a.bin", "nbytes": 0}],
        [{"dataPath": "a.bin", "nbytes": -1}],
        [{"dataPath": "a.bin", "nbytes": 1.5}],
        [{"dataPath": "a.bin", "nbytes": 2**40}],
        [{"dataPath": f"{n}.bin", "nbytes": 2**36} for n in range(9)],
        [{"dataPath": 7, "nbytes": 1}],
        [{"dataPath": "", "nbytes": 1}],
        [{"dataPath": "/etc/passwd", "nbytes": 1}],
        [{"dataPath": "../a.bin", "nbytes": 1}],
        [{"dataPath": "x/../../a.bin", "nbytes": 1}],
        [{"dataPath": "./a.bin", "nbytes": 1}],
        [{"dataPath": "x\\a.bin", "nbytes": 1}],
        [{"dataPath": "https://evil.test/a.bin", "nbytes": 1}],
        [{"dataPath": "a.bin?x", "nbytes": 1}],
        [{"dataPath": "a.bin#x", "nbytes": 1}],
        [{"dataPath": "%2e%2e/a.bin", "nbytes": 1}],
        [{"dataPath": "a\nb.bin", "nbytes": 1}],
        [{"dataPath": "a" * 513, "nbytes": 1}],
        [{"dataPath": "a.bin", "nbytes": 1, "md5sum": "xyz"}],
        [{"dataPath": "a.bin", "nbytes": 1, "md5sum": 5}],
        [{"dataPath": "a.bin", "nbytes": 1}, {"dataPath": "a.bin", "nbytes": 2}],
        [{"dataPath": f"{n}.bin", "nbytes": 1} for n in range(5001)],
        {"dataPath": "a.bin"},
        None,
    ],
)
def test_a_list_of_shards_that_cannot_be_is_refused(records: object) -> None:
    """With the address of the list, before a byte is fetched."""
    with pytest.raises(
        bl.errors.LoadFailed, match=r"https://x\.test/tensor-cache\.json is not a valid manifest"
    ) as caught:
        read_shards(json.dumps({"records": records}), "https://x.test/tensor-cache.json")
    assert caught.value.data["url"] == "https://x.test/tensor-cache.json"


@pytest.mark.parametrize("text", ["", "<html>not found</html>", "[]", "null", "{}", '{"records":'])
def test_an_invalid_manifest_is_refused(text: str) -> None:
    """Many servers answer with an HTML page for a missing file."""
    with pytest.raises(bl.errors.LoadFailed, match=r"u is not a valid manifest"):
        read_shards(text, "u")


def test_names_are_written_as_addresses() -> None:
    """A space or an umlaut is quoted as browsers do; the same shard twice counts once."""
    shards = [{"dataPath": "sub dir/schön.bin", "nbytes": 1}] * 2
    assert [file.url for file in read_shards(json.dumps({"records": shards}), "u")] == ["sub%20dir/sch%C3%B6n.bin"]


@pytest.mark.parametrize("config", ["no object", {}, {"tokenizer_files": "tokenizer.json"}, {"tokenizer_files": ["x"]}])
async def test_a_chat_configuration_without_a_tokenizer_is_refused(config: object) -> None:
    """The error names the file that is wrong."""
    with pytest.raises(bl.errors.LoadFailed, match=r"mlc-chat-config\.json is not a valid manifest"):
        await list_files(ScriptedHost(files=webllm_web(config)), webllm())


@pytest.mark.parametrize("gone", ["tokenizer.json", LIBRARY])
async def test_a_missing_file_is_named(gone: str) -> None:
    """With its address and what the server said."""
    web = webllm_web()
    url = gone if gone == LIBRARY else FOLDER + gone
    del web[url]
    with pytest.raises(bl.errors.LoadFailed, match=rf"is missing: the server answered 404 for {url}") as caught:
        await list_files(ScriptedHost(files=web), webllm())
    assert caught.value.data == {"url": url, "status": 404}


async def test_a_missing_manifest_raises_the_pages_error() -> None:
    """There is nothing to add to it."""
    web = webllm_web()
    del web[FOLDER + "tensor-cache.json"]
    with pytest.raises(bl.errors.DownloadInterrupted, match=r"tensor-cache\.json"):
        await list_files(ScriptedHost(files=web), webllm())


async def test_a_server_that_fails_or_reports_no_size_leaves_it_unknown() -> None:
    """The total is unknown until the download finds out."""
    web = webllm_web()
    web[FOLDER + "tokenizer.json"] = ScriptedFile(500, status=503)
    web[LIBRARY] = ScriptedFile(3000, reports_size=False)
    files = await list_files(ScriptedHost(files=web), webllm())
    assert [file.size_bytes for file in files.files[2:4]] == [None, None]
    assert files.total_bytes is None


async def test_a_stored_model_is_listed_without_a_network() -> None:
    """Manifests come from the cache, sizes from the stored files."""
    for web, artifact in (
        (webllm_web(), webllm()),
        (network_web(**{"model_quantized.onnx": 7}) | {FOLDER + "generation_config.json": 9}, transformersjs()),
    ):
        storage = ScriptedFiles(web)
        host = ScriptedHost(files=storage)
        online = await list_files(host, artifact)
        for file in online.files:
            if (file.cache, file.url) not in storage.entries:
                storage.store(file.cache, file.url, file.size_bytes or 0)
        storage.online = False
        offline = await list_files(host, artifact)
        assert [(file.url, file.size_bytes) for file in offline.files] == [
            (file.url, file.size_bytes) for file in online.files
        ]
        storage.web.clear()
        storage.online = True
        assert (await list_files(host, artifact)).total_bytes == online.total_bytes


async def test_refresh_asks_the_server_again() -> None:
    """Else a manifest is that of the cache."""
    storage = ScriptedFiles(webllm_web())
    host = ScriptedHost(files=storage)
    await list_files(host, webllm())
    changed = json.dumps({"records": [{"dataPath": "new.bin", "nbytes": 5}]})
    storage.web[FOLDER + "tensor-cache.json"] = ScriptedFile(changed)
    assert (await list_files(host, webllm())).files[-1].url == FOLDER + "b.bin"
    assert (await list_files(host, webllm(), refresh=True)).files[-1].url == FOLDER + "new.bin"


async def test_stored_files_are_not_looked_up_at_the_server() -> None:
    """A server may answer for a picked folder with a page of its own."""
    storage = ScriptedFiles(webllm_web())
    host = ScriptedHost(files=storage)
    for cache, url in (("webllm/model", FOLDER + "tokenizer.json"), ("webllm/wasm", LIBRARY)):
        storage.store(cache, url, 77)
    assert [file.size_bytes for file in (await list_files(host, webllm())).files[2:4]] == [77, 77]
    assert "inspect_files" not in [op for op, _ in host.requests]
    assert [file.size_bytes for file in (await list_files(host, webllm(), refresh=True)).files[2:4]] == [500, 3000]


# Transformers.js


async def test_transformersjs_reads_these_files() -> None:
    """Configuration, tokenizer and network; generation_config.json where there is one."""
    web = network_web(**{"model_quantized.onnx": 7}) | {FOLDER + "generation_config.json": 9}
    files = await list_files(ScriptedHost(files=web), transformersjs())
    assert [(file.url.removeprefix(FOLDER), file.size_bytes) for file in files.files] == [
        ("config.json", 2),
        ("tokenizer.json", 500),
        ("tokenizer_config.json", 50),
        ("onnx/model_quantized.onnx", 7),
        ("generation_config.json", 9),
    ]
    assert {file.cache for file in files.files} == {"transformers-cache"}
    del web[FOLDER + "generation_config.json"]
    assert len((await list_files(ScriptedHost(files=web), transformersjs())).files) == 4


@pytest.mark.parametrize(("dtype", "suffix"), [*DTYPE_SUFFIXES.items()])
async def test_the_dtype_names_the_network(dtype: str, suffix: str) -> None:
    """As the library's own table has it."""
    host = ScriptedHost(files=network_web(**{f"model{suffix}.onnx": 7}))
    files = await list_files(host, transformersjs(dtype=dtype))
    assert files.files[-1].url == f"{FOLDER}onnx/model{suffix}.onnx"


async def test_without_a_dtype_the_device_decides() -> None:
    """q8 on the CPU, fp32 on the GPU, as in the library."""
    host = ScriptedHost(files=network_web(**{"model_quantized.onnx": 7, "model.onnx": 9}))
    assert (await list_files(host, transformersjs(dtype=None))).files[-1].size_bytes == 7
    assert (await list_files(host, transformersjs(dtype=None, device="webgpu"))).files[-1].size_bytes == 9
    with pytest.raises(bl.errors.LoadFailed, match=r"dtype 'q9'.* Choose one of: fp32, q8"):
        await list_files(host, transformersjs(dtype="q9"))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, 0),
        (False, 0),
        (True, 1),
        (0, 0),
        (3, 3),
        ({"model_quantized.onnx": 2, "model": 5}, 2),
        ({"model": True}, 1),
        ({"model_q4.onnx": 2}, 0),
    ],
)
async def test_external_data_of_a_network_is_listed(value: object, count: int) -> None:
    """``use_external_data_format`` is a count, or one for each file by its name."""
    names = ["model_quantized.onnx_data", "model_quantized.onnx_data_1", "model_quantized.onnx_data_2"]
    config = {"transformers.js_config": {"use_external_data_format": value}}
    host = ScriptedHost(files=network_web(config, **{"model_quantized.onnx": 7}, **dict.fromkeys(names, 1)))
    files = await list_files(host, transformersjs())
    assert [file.url.rpartition("/")[2] for file in files.files[4:]] == names[:count]


@pytest.mark.parametrize("value", [101, -1, "many", [1], {"model": 500}])
async def test_a_count_of_data_files_that_cannot_be_is_refused(value: object) -> None:
    """The library takes at most 100."""
    config = {"transformers.js_config": {"use_external_data_format": value}}
    with pytest.raises(bl.errors.LoadFailed, match=r"config\.json is not a valid manifest"):
        await list_files(ScriptedHost(files=network_web(config)), transformersjs())


async def test_the_card_may_name_the_files() -> None:
    """If they do not follow from the dtype; names are validated like a manifest's."""
    host = ScriptedHost(files=network_web(**{"decoder_q4.onnx": 7}))
    files = await list_files(host, transformersjs(files=["onnx/decoder_q4.onnx"]))
    assert [file.url.rpartition("/")[2] for file in files.files[3:]] == ["decoder_q4.onnx"]
    with pytest.raises(bl.errors.LoadFailed, match="not a plain path"):
        await list_files(host, transformersjs(files=["../x.onnx"]))


async def test_the_hub_reports_sizes_and_hashes() -> None:
    """One listing instead of a question for each file; what git itself keeps has no hash."""
    sha256 = "ab" * 32
    listing = [
        {"type": "file", "path": "config.json", "size": 2, "oid": "x"},
        {"type": "file", "path": "tokenizer.json", "size": 500, "lfs": {"oid": sha256, "size": 500}},
        {"type": "file", "path": "tokenizer_config.json", "size": 50},
        {"type": "directory", "path": "onnx", "size": 0},
        {"type": "file", "path": "onnx/model_quantized.onnx", "size": 7, "lfs": {"oid": sha256, "size": 7}},
        {"type": "file", "path": "generation_config.json", "size": 9},
    ]
    host = ScriptedHost(files=network_web(folder=HUB_FOLDER) | {LISTING: json.dumps(listing)})
    files = await TransformersJs(HUB).list_files(host, transformersjs(HUB_FOLDER))
    found = {file.url.removeprefix(HUB_FOLDER): file for file in files.files}
    assert found["tokenizer.json"].hash == found["onnx/model_quantized.onnx"].hash == FileHash("sha256", sha256)
    assert (found["tokenizer_config.json"].hash, found["generation_config.json"].size_bytes) == (None, 9)
    # The listing is kept beside the files, and is deleted with them because it is one of them.
    assert found[LISTING].cache == "transformers-cache"
    assert [args["urls"] for op, args in host.requests if op == "inspect_files"] == [[LISTING]]


async def test_a_file_that_the_hub_does_not_list_is_asked_for() -> None:
    """Long listings come in pages; what is missing is named all the same."""
    web = network_web(folder=HUB_FOLDER, **{"model_quantized.onnx": 7}) | {LISTING: "[]"}
    files = await TransformersJs(HUB).list_files(ScriptedHost(files=web), transformersjs(HUB_FOLDER))
    assert files.files[-1] == ModelFile(HUB_FOLDER + "onnx/model_quantized.onnx", "transformers-cache", 7)
    del web[HUB_FOLDER + "onnx/model_quantized.onnx"]
    with pytest.raises(bl.errors.LoadFailed, match=r"'model_quantized\.onnx' is missing"):
        await TransformersJs(HUB).list_files(ScriptedHost(files=web), transformersjs(HUB_FOLDER))


@pytest.mark.parametrize(
    "answer",
    [ScriptedFile("", status=429), ScriptedFile("", status=404), 10**6, "<html>", '[{"path": 5}]', '{"error": "x"}'],
)
async def test_without_the_hubs_listing_the_servers_report_sizes(answer: str | int | ScriptedFile) -> None:
    """The hashes are then unknown; nothing fails."""
    web = network_web(folder=HUB_FOLDER, **{"model_quantized.onnx": 7}) | {LISTING: answer}
    files = await TransformersJs(HUB).list_files(ScriptedHost(files=web), transformersjs(HUB_FOLDER))
    assert files.files[-1] == ModelFile(HUB_FOLDER + "onnx/model_quantized.onnx", "transformers-cache", 7)


async def test_sizes_and_hashes_of_the_hub_that_cannot_be_are_left_out() -> None:
    """They are asked for, as if the Hub had said nothing."""
    listing = [
        {"path": "tokenizer.json", "size": -5},
        {"path": "onnx/model_quantized.onnx", "size": 7, "lfs": {"oid": "short"}},
    ]
    web = network_web(folder=HUB_FOLDER, **{"model_quantized.onnx": 7}) | {LISTING: json.dumps(listing)}
    files = await TransformersJs(HUB).list_files(ScriptedHost(files=web), transformersjs(HUB_FOLDER))
    found = {file.url.removeprefix(HUB_FOLDER): file for file in files.files}
    assert (found["tokenizer.json"].size_bytes, found["onnx/model_quantized.onnx"].hash) == (500, None)


async def test_a_page_that_goes_away_is_not_a_missing_listing() -> None:
    """The error is that of the page."""
    host = ScriptedHost(files=network_web(folder=HUB_FOLDER))
    host.break_connection()
    with pytest.raises(bl.Unavailable):
        await TransformersJs(HUB).list_files(host, transformersjs(HUB_FOLDER))


async def test_a_page_that_answers_for_other_files_is_refused() -> None:
    """As many answers as questions, or the protocol is broken."""
    host = ScriptedHost(files=webllm_web())
    host.files.answer = _no_answers(host.files.answer)  # type: ignore[method-assign]
    with pytest.raises(bl.errors.ProtocolError, match="inspected 0 files instead of 2"):
        await list_files(host, webllm())


def _no_answers(answer: Any) -> Any:
    async def short(op: str, args: Any, page: Any) -> Any:
        return {"files": []} if op == "inspect_files" else await answer(op, args, page)

    return short


def test_a_file_goes_to_the_page_without_unknown_fields() -> None:
    """The page takes an absent size, not one that is null."""
    assert msgspec.to_builtins(ModelFile("u", "c")) == {"url": "u", "cache": "c"}
