"""The files of an artifact: its manifest, read by the page, becomes a list of what to fetch into which cache.

docs/rooms.md says which files an engine reads, and under which name it keeps them. A manifest comes from a server, so
it is checked here: names that leave the folder, sizes that are not sizes, and lists without end are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from ..._internal.nesting import decode_json
from ...errors import BrowserLLMError, Cancelled, LoadFailed, ProtocolError, Unavailable
from ...page.host import Host, read
from ..catalog.card import Artifact
from ..dtypes import DTYPE_SUFFIXES
from ..storage import ask_stored

T = TypeVar("T")

HUB = "https://huggingface.co"
"""Where files have a listing with hashes besides the files themselves."""

MAX_SHARDS = 5000
MAX_FILE_BYTES = 64 * 2**30
MAX_MODEL_BYTES = 512 * 2**30
MAX_DATA_FILES = 100
"""The most ``.onnx_data`` files that Transformers.js takes for one ``.onnx``."""


class FileHash(msgspec.Struct, frozen=True):
    """What the bytes of a file hash to, in lower-case hexadecimal."""

    algorithm: Literal["md5", "sha256"]
    value: str


class ModelFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a model, and the cache that its engine reads it from; the size and hash that somebody promised."""

    url: str
    cache: str
    size_bytes: int | None = None
    hash: FileHash | None = None


class FileList(msgspec.Struct, frozen=True):
    """All files of an artifact; ``manifest_url`` is where the list was read from."""

    files: list[ModelFile]
    manifest_url: str

    @property
    def total_bytes(self) -> int | None:
        """The size of all files, or ``None`` when a server does not tell one of them."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


class _Text(msgspec.Struct):
    text: str
    size_bytes: int


class Inspected(msgspec.Struct, frozen=True):
    """What a server says of a file; ``status`` is ``None`` when nobody answers, ``size_bytes`` when it is not told."""

    url: str
    status: int | None = None
    size_bytes: int | None = None
    ranges: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether the server says that there is no such file; one that fails says nothing."""
        return self.status in (404, 410)


class _Inspection(msgspec.Struct):
    files: list[Inspected]


async def list_files(host: Host, artifact: Artifact, *, refresh: bool = False, hub: str = HUB) -> FileList:
    """Read an artifact's manifest through the page, and return its files with their caches, sizes and hashes.

    What the page keeps of the manifest is used, unless ``refresh`` asks the server for it anew. Addresses are absolute,
    as the page reports them everywhere else. An artifact that is ``bundled`` has no files of its own.

    A size that no manifest and no server tells is that of the stored file, where there is one: what is complete on the
    device can be listed without a network.

    Raises `LoadFailed` when the manifest is none or names what cannot be, or a file is missing; what the page reports
    when the manifest does not come.
    """
    if artifact.bundled:
        return FileList([], artifact.url)
    if artifact.engine == "webllm":
        return await _list_webllm(host, artifact, refresh)
    return await _list_transformersjs(host, artifact, refresh, hub)


async def inspect(host: Host, urls: Iterable[str]) -> list[Inspected]:
    """Ask the servers of files for their sizes, in the order given."""
    asked = list(urls)
    if not asked:
        return []
    result = read(await host.call("inspect_files", {"urls": asked}), _Inspection, "'inspect_files'")
    if len(result.files) != len(asked):
        raise ProtocolError(f"the page inspected {len(result.files)} files instead of {len(asked)}")
    return result.files


# WebLLM


class _ChatConfig(msgspec.Struct):
    tokenizer_files: list[str]


class _Shard(msgspec.Struct):
    data_path: str = msgspec.field(name="dataPath")
    nbytes: int
    md5sum: str | None = None


class _TensorCache(msgspec.Struct):
    records: list[_Shard]


def webllm_folder(url: str) -> str:
    """Return the folder that WebLLM reads a model from: like it, with ``resolve/main/`` where no revision is named."""
    folder = url.rstrip("/") + "/"
    # A path of the site has a host before it by the time WebLLM looks.
    revision = f"//{folder}".partition("/resolve/")[2]
    return folder if "/" in revision[1:] else f"{folder}resolve/main/"


async def _list_webllm(host: Host, artifact: Artifact, refresh: bool) -> FileList:
    folder = webllm_folder(artifact.url)
    if artifact.library is None:
        raise LoadFailed(
            f"the model at {folder} has no library: WebLLM needs the .wasm that was compiled for it; give library=",
            data={"url": folder},
        )
    config_url, shards_url = f"{folder}mlc-chat-config.json", f"{folder}tensor-cache.json"
    files: list[ModelFile] = []
    if artifact.manifest is not None:
        files.append((await _read(host, folder + _name_in(artifact.manifest, config_url), "webllm/config", refresh))[0])
    config_file, config_text = await _read(host, config_url, "webllm/config", refresh)
    tokenizer_url = folder + _tokenizer(_decode(config_text, _ChatConfig, config_url), config_url)
    shards_file, shards_text = await _read(host, shards_url, "webllm/model", refresh)
    shards = read_shards(shards_text, shards_url)
    tokenizer = ModelFile(tokenizer_url, "webllm/model")
    library = ModelFile(artifact.library, "webllm/wasm")
    tokenizer, library = await _look(host, [tokenizer, library], refresh=refresh)
    files += [config_file, shards_file, tokenizer, library]
    files += [msgspec.structs.replace(shard, url=folder + shard.url) for shard in shards]
    return _as_answered(FileList(files, shards_url), folder, tokenizer_url, tokenizer.url)


def _tokenizer(config: _ChatConfig, url: str) -> str:
    name = next((name for name in ("tokenizer.json", "tokenizer.model") if name in config.tokenizer_files), None)
    if name is None:
        _refuse(url, f"its tokenizer_files {config.tokenizer_files!r} name neither tokenizer.json nor tokenizer.model")
    return name


def read_shards(text: str, url: str) -> list[ModelFile]:
    """Read the text of a ``tensor-cache.json``: its shards, with names relative to its folder.

    Raises `LoadFailed`, which names ``url``, when it is no such list.
    """
    records = _decode(text, _TensorCache, url).records
    if not 1 <= len(records) <= MAX_SHARDS:
        _refuse(url, f"it lists {len(records)} shards; there must be 1 to {MAX_SHARDS}")
    shards: dict[str, ModelFile] = {}
    for record in records:
        name = _name_in(record.data_path, url)
        if not 0 < record.nbytes <= MAX_FILE_BYTES:
            _refuse(url, f"it says that {record.data_path!r} has {record.nbytes} bytes")
        if record.md5sum is not None and re.fullmatch("[0-9a-fA-F]{32}", record.md5sum) is None:
            _refuse(url, f"the md5sum {record.md5sum!r} of {record.data_path!r} is none")
        md5 = FileHash("md5", record.md5sum.lower()) if record.md5sum is not None else None
        shard = ModelFile(name, "webllm/model", record.nbytes, md5)
        if shards.setdefault(name, shard) != shard:
            _refuse(url, f"it lists {record.data_path!r} twice, as different files")
    if sum(record.nbytes for record in records) > MAX_MODEL_BYTES:
        _refuse(url, f"it promises more than {MAX_MODEL_BYTES:,} bytes")
    return list(shards.values())


# Transformers.js


class _TransformersJs(msgspec.Struct):
    use_external_data_format: bool | int | dict[str, bool | int] | None = None


class NetworkConfig(msgspec.Struct):
    """What a model's ``config.json`` says of its networks."""

    model_type: str | None = None
    architectures: list[str] | None = None
    transformers_js: _TransformersJs | None = msgspec.field(name="transformers.js_config", default=None)

    @property
    def kind(self) -> Literal["embedding", "vision"] | None:
        """What the model is for, unless it chats in texts; the page finds out alike (``transformersjs/config.ts``)."""
        if self.model_type in {"idefics3", "smolvlm"}:
            return "vision"
        architecture = self.architectures[0] if self.architectures else ""
        return "embedding" if re.search("(?<!LMHead)Model$", architecture) else None


def network_names(kind: Literal["embedding", "vision"] | None) -> tuple[str, ...]:
    """Return the names of a model's ONNX files, the one that every precision has first."""
    return ("decoder_model_merged", "embed_tokens", "vision_encoder") if kind == "vision" else ("model",)


async def read_network_config(host: Host, folder: str) -> NetworkConfig:
    """Read ``config.json`` of a folder in Transformers.js's layout; raises `LoadFailed` when it is none."""
    url = f"{folder.rstrip('/')}/config.json"
    return _decode((await _read(host, url, "transformers-cache", False))[1], NetworkConfig, url)


class _Lfs(msgspec.Struct):
    oid: str


class _Listed(msgspec.Struct):
    path: str
    size: int | None = None
    lfs: _Lfs | None = None


async def _list_transformersjs(host: Host, artifact: Artifact, refresh: bool, hub: str) -> FileList:
    folder = artifact.url.rstrip("/") + "/"
    config_url = f"{folder}config.json"
    config_file, text = await _read(host, config_url, "transformers-cache", refresh)
    config = _decode(text, NetworkConfig, config_url)
    kind = artifact.model_type or config.kind
    processor = ["preprocessor_config.json", "processor_config.json"] if kind == "vision" else []
    needed = ["tokenizer.json", "tokenizer_config.json", *processor, *_onnx_files(artifact, config, config_url)]
    optional = ["generation_config.json"]
    if kind == "embedding":
        optional = ["1_Pooling/config.json", "modules.json"] if artifact.pooling is None else []
    listing, listed = await _read_listing(host, folder, hub)
    names = [*needed, *(name for name in optional if name in listed)]
    files = [msgspec.structs.replace(listed[name], url=folder + name) for name in names if name in listed]
    asked = [ModelFile(folder + name, "transformers-cache") for name in names if name not in listed]
    if listing is not None:
        return FileList([config_file, listing, *files, *await _look(host, asked, refresh=refresh)], config_url)
    generation = [ModelFile(folder + name, "transformers-cache") for name in optional]
    found = await _look(host, asked, generation, refresh=refresh)
    return _as_answered(FileList([config_file, *found], config_url), folder, asked[0].url, found[0].url)


def _onnx_files(artifact: Artifact, config: NetworkConfig, url: str) -> list[str]:
    if artifact.files is not None:
        return [_name_in(name, url) for name in artifact.files]
    dtype = artifact.dtype or ("fp32" if artifact.device == "webgpu" else "q8")
    if dtype not in DTYPE_SUFFIXES:
        raise LoadFailed(
            f"dtype {dtype!r} of the model at {artifact.url} is none; use one of {', '.join(DTYPE_SUFFIXES)}",
            data={"url": artifact.url},
        )
    data = config.transformers_js.use_external_data_format if config.transformers_js is not None else None
    files: list[str] = []
    for stem in network_names(artifact.model_type or config.kind):
        name = f"{stem}{DTYPE_SUFFIXES[dtype]}.onnx"
        count = data.get(name, data.get(stem, 0)) if isinstance(data, dict) else data
        if not 0 <= int(count or 0) <= MAX_DATA_FILES:
            _refuse(url, f"its use_external_data_format {count!r} is not 0 to {MAX_DATA_FILES} files")
        files += [f"onnx/{name}", *(f"onnx/{name}_data{f'_{n}' if n else ''}" for n in range(int(count or 0)))]
    return files


async def _read_listing(host: Host, folder: str, hub: str) -> tuple[ModelFile | None, dict[str, ModelFile]]:
    """Ask the Hub what a folder holds, which has sizes and hashes; without an answer the servers tell the sizes.

    The listing stays in the cache beside the files, and is one of them: so it is deleted with them.
    """
    match = re.fullmatch(re.escape(hub) + "/([^/]+/[^/]+)/resolve/([^/]+)/(.*)", folder)
    if match is None:
        return None, {}
    repository, revision, below = match.groups()
    url = f"{hub}/api/models/{repository}/tree/{revision}?recursive=1"
    # Reading tries again and again, looking once: nobody waits long for what is not needed.
    (answer,) = await inspect(host, [url])
    if answer.status != 200:
        return None, {}
    try:
        # Anew each time: a kept list of another day would accuse the files of today.
        file, text = await _read(host, url, "transformers-cache", refresh=True)
    except (Cancelled, ProtocolError, Unavailable):
        raise
    except BrowserLLMError:
        return None, {}
    try:
        entries = decode_json(text, list[_Listed])
    except (msgspec.DecodeError, RecursionError):
        entries = []
    return file, {
        entry.path.removeprefix(below): ModelFile("", "transformers-cache", entry.size, _sha256(entry.lfs))
        for entry in entries
        if entry.path.startswith(below) and entry.size is not None and 0 <= entry.size <= MAX_FILE_BYTES
    }


def _sha256(lfs: _Lfs | None) -> FileHash | None:
    # A small file is kept by git itself, and has no hash of its bytes alone.
    if lfs is None or re.fullmatch("[0-9a-f]{64}", lfs.oid) is None:
        return None
    return FileHash("sha256", lfs.oid)


# What both need


async def _read(host: Host, url: str, cache: str, refresh: bool) -> tuple[ModelFile, str]:
    args: dict[str, Any] = {"url": url, "cache": cache, "refresh": refresh}
    answer = read(await host.call("read_file", args), _Text, "'read_file'")
    return ModelFile(url, cache, answer.size_bytes), answer.text


def _decode(text: str, kind: type[T], url: str) -> T:
    try:
        return decode_json(text, kind)
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse(url, f"{error}")


def _refuse(url: str, why: str) -> NoReturn:
    raise LoadFailed(
        f"{url} is no manifest that can be used: {why}; check that the address is a model's folder, or report it to "
        "who made the model",
        data={"url": url},
    )


def _name_in(name: str, manifest_url: str) -> str:
    """Return a manifest's name of a file, as an address below its folder; refuses one that could lead elsewhere."""
    from urllib.parse import quote

    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\\:?#%\x00-\x1f]", name) or len(name) > 512:
        _refuse(manifest_url, f"it names the file {name!r}, which is no plain path inside its folder")
    return quote(name, safe="/!$&'()*+,;=@~")


async def _look(
    host: Host, needed: list[ModelFile], optional: Iterable[ModelFile] = (), *, refresh: bool
) -> list[ModelFile]:
    """Return files with their sizes and absolute addresses; an optional one only when it is there.

    What is stored is what counts, as with the manifest, and the servers are asked for the rest; with ``refresh`` they
    are asked for all, and what is stored counts where they have no answer.
    """
    files = [*needed, *optional]
    stored = {entry.key: entry.size_bytes for entry in (await ask_stored(host)).entries}
    asked = [file.url for file in files if refresh or (file.cache, file.url) not in stored]
    answers = dict(zip(asked, await inspect(host, asked), strict=True))
    found: list[ModelFile] = []
    for index, file in enumerate(files):
        answer = answers.get(file.url, Inspected(file.url))
        key = (file.cache, answer.url)
        if answer.is_missing and key not in stored and index < len(needed):
            raise LoadFailed(
                f"the model is not complete: {answer.url.rpartition('/')[2]!r} is missing, its server answers "
                f"{answer.status} for {answer.url}",
                data={"url": answer.url, "status": answer.status},
            )
        if index < len(needed) or key in stored or answer.status == 200:
            size = answer.size_bytes if answer.size_bytes is not None else stored.get(key)
            found.append(ModelFile(answer.url, file.cache, size))
    return found


def _as_answered(files: FileList, folder: str, asked: str, answered: str) -> FileList:
    """Write all addresses in ``folder`` as the page wrote one of them: absolute, and in its spelling."""
    real = answered.removesuffix(asked.removeprefix(folder))

    def write(url: str) -> str:
        return real + url.removeprefix(folder) if url.startswith(folder) else url

    return FileList(
        [msgspec.structs.replace(file, url=write(file.url)) for file in files.files], write(files.manifest_url)
    )
