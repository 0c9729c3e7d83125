"""WebLLM: folders in MLC's layout, with a library compiled for the model, on WebGPU."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from ...errors import BrowserLLMError, LoadFailed
from ...page.device import DeviceFacts
from ...page.host import HonouredOptions, Host
from ..catalog.card import Artifact, Device
from ..machine import MIB, is_mobile
from .engine import PAGE_OPTIONS, Capability, Engine, Folder, FolderOptions, small_buffer, small_limit
from .files import (
    MAX_FILE_BYTES,
    MAX_MODEL_BYTES,
    FileHash,
    FileList,
    ModelFile,
    as_answered,
    decode_manifest,
    look_up,
    name_in,
    read_number,
    read_text,
    refuse_manifest,
)

CONFIG, WEIGHTS, LIBRARY = "webllm/config", "webllm/model", "webllm/wasm"
"""Its caches: configurations, weights and tokenizer, compiled libraries."""

OPTIONS: HonouredOptions = {**{name: True for name in PAGE_OPTIONS if name != "top_k"}, "top_logprobs": 5}

MARKER = "mlc-chat-config.json"
MAX_SHARDS = 5000

# What web-llm 0.2.86 requires of an adapter for any model (detectGPUDevice in its TVM runtime).
LIMITS = {
    "maxBufferSize": 256 * MIB,
    "maxStorageBufferBindingSize": 128 * MIB,
    "maxComputeWorkgroupStorageSize": 32 * 1024,
    "maxStorageBuffersPerShaderStage": 10,
}


class _ChatConfig(msgspec.Struct):
    tokenizer_files: list[str]


class _Shard(msgspec.Struct):
    data_path: str = msgspec.field(name="dataPath")
    nbytes: int
    md5sum: str | None = None


class _TensorCache(msgspec.Struct):
    records: list[_Shard]


class WebLlm(Engine):
    """The engine ``webllm``. A build needs `Artifact.library`, the ``.wasm`` compiled for it."""

    name = "webllm"
    label = "WebLLM"
    devices: tuple[Device, ...] = ("webgpu",)
    capabilities: tuple[Capability, ...] = ("chat", "embed", "images", "logprobs", "structured_output")
    options = OPTIONS
    caches = (WEIGHTS, CONFIG, LIBRARY)
    reads_thinking_switch = False

    async def list_files(self, host: Host, artifact: Artifact, *, refresh: bool = False) -> FileList:
        """Read ``mlc-chat-config.json`` and ``tensor-cache.json``; look up the tokenizer and the library."""
        folder = folder_of(artifact.url)
        if artifact.library is None:
            raise LoadFailed(
                f"the model at {folder} has no library: WebLLM needs the .wasm compiled for it; pass library=",
                data={"url": folder},
            )
        config_url, shards_url = folder + MARKER, f"{folder}tensor-cache.json"
        files: list[ModelFile] = []
        if artifact.manifest is not None:
            files.append((await read_text(host, folder + name_in(artifact.manifest, config_url), CONFIG, refresh))[0])
        config_file, config_text = await read_text(host, config_url, CONFIG, refresh)
        tokenizer_url = folder + _tokenizer(decode_manifest(config_text, _ChatConfig, config_url), config_url)
        shards_file, shards_text = await read_text(host, shards_url, WEIGHTS, refresh)
        shards = read_shards(shards_text, shards_url)
        tokenizer = ModelFile(tokenizer_url, WEIGHTS)
        library = ModelFile(artifact.library, LIBRARY)
        tokenizer, library = await look_up(host, [tokenizer, library], refresh=refresh)
        files += [config_file, shards_file, tokenizer, library]
        files += [msgspec.structs.replace(shard, url=folder + shard.url) for shard in shards]
        return as_answered(FileList(files, shards_url), folder, tokenizer_url, tokenizer.url)

    def cache_of(self, name: str, names: Collection[str]) -> str | None:
        """Return the cache for a file, by its name."""
        if MARKER not in names:
            return None
        if name.endswith(".wasm"):
            return LIBRARY
        return CONFIG if name == MARKER else WEIGHTS

    def markers(self, folder: str) -> tuple[str, ...]:
        """Return where WebLLM expects the configuration, and where a folder without a revision has it."""
        return folder_of(folder) + MARKER, folder + MARKER

    def recognises(self, folder: Folder) -> bool:
        """Return whether WebLLM finds the configuration; raises `LoadFailed` if it is outside ``/resolve/``."""
        expected, plain = self.markers(folder.url)
        if expected not in folder.present and plain in folder.present:
            raise LoadFailed(
                f"WebLLM would look for this model in {folder_of(folder.url)}, because it reads models only from URLs "
                "that contain /resolve/REVISION/; serve the folder at such a URL",
                data={"url": expected},
            )
        return expected in folder.present

    async def read_folder(self, host: Host, folder: Folder, options: FolderOptions) -> list[Artifact]:
        """Return the folder's only build."""
        library = _library(folder, options.library)
        return [Artifact(engine=self.name, device="webgpu", id=options.model, url=folder.url, library=library)]

    async def context_window(self, host: Host, artifact: Artifact) -> int | None:
        """Return ``context_window_size`` of ``mlc-chat-config.json``."""
        return await read_number(host, folder_of(artifact.url) + MARKER, CONFIG, "context_window_size")

    def obstacle(self, artifact: Artifact, facts: DeviceFacts) -> BrowserLLMError | None:
        """Return an error if the adapter is below one of the runtime's limits, or the largest buffer does not fit."""
        limits = facts.webgpu.limits
        for name, least in LIMITS.items():
            if limits.get(name, least) < least:
                return small_limit(name, limits[name], f"WebLLM needs at least {least:,}")
        granted = limits.get("maxStorageBufferBindingSize")
        if granted is not None and granted < 1024 * MIB:
            granted = 128 * MIB  # the runtime requests 1 GiB or, if that is too much, only the minimum
        return small_buffer(artifact, facts, granted)

    def warnings(self, artifact: Artifact, facts: DeviceFacts) -> list[tuple[str, str]]:
        """Warn if web-llm's list does not mark a build as suitable for phones, and this is a phone."""
        if artifact.low_resource is not False or not is_mobile(facts):
            return []
        message = "WebLLM does not list this build as one for phones: the page may run out of memory and be closed"
        return [("not_for_phones", message)]


def folder_of(url: str) -> str:
    """Return the folder that WebLLM reads a model from: it adds ``resolve/main/`` to a URL without a revision."""
    folder = url.rstrip("/") + "/"
    # A relative URL gets a host before WebLLM sees it.
    revision = f"//{folder}".partition("/resolve/")[2]
    return folder if "/" in revision[1:] else f"{folder}resolve/main/"


def read_shards(text: str, url: str) -> list[ModelFile]:
    """Return the shards that a ``tensor-cache.json`` lists, with names relative to its folder.

    Raises `LoadFailed`, which names ``url``, for an invalid list.
    """
    records = decode_manifest(text, _TensorCache, url).records
    if not 1 <= len(records) <= MAX_SHARDS:
        refuse_manifest(url, f"it lists {len(records)} shards; 1 to {MAX_SHARDS} are allowed")
    shards: dict[str, ModelFile] = {}
    for record in records:
        name = name_in(record.data_path, url)
        if not 0 < record.nbytes <= MAX_FILE_BYTES:
            refuse_manifest(url, f"its size for {record.data_path!r}, {record.nbytes} bytes, is not valid")
        if record.md5sum is not None and re.fullmatch("[0-9a-fA-F]{32}", record.md5sum) is None:
            refuse_manifest(url, f"the md5sum {record.md5sum!r} of {record.data_path!r} is not valid")
        md5 = FileHash("md5", record.md5sum.lower()) if record.md5sum is not None else None
        shard = ModelFile(name, WEIGHTS, record.nbytes, md5)
        if shards.setdefault(name, shard) != shard:
            refuse_manifest(url, f"it lists {record.data_path!r} twice, as different files")
    if sum(record.nbytes for record in records) > MAX_MODEL_BYTES:
        refuse_manifest(url, f"it lists more than {MAX_MODEL_BYTES:,} bytes in all")
    return list(shards.values())


def _tokenizer(config: _ChatConfig, url: str) -> str:
    name = next((name for name in ("tokenizer.json", "tokenizer.model") if name in config.tokenizer_files), None)
    if name is None:
        refuse_manifest(
            url, f"its tokenizer_files {config.tokenizer_files!r} name neither tokenizer.json nor tokenizer.model"
        )
    return name


def _library(folder: Folder, library: str | None) -> str:
    if library is not None:
        return library if "://" in library else folder.url + library
    wasm = [name for name in folder.names or () if name.endswith(".wasm")]
    if len(wasm) == 1:
        return folder.url + wasm[0]
    if folder.names is None:
        why = f"the files of {folder.url} cannot be listed"
    else:
        why = f"{folder.name!r} has {'no .wasm' if not wasm else 'several: ' + ', '.join(sorted(wasm))}"
    raise LoadFailed(
        f"WebLLM needs the library compiled for this model, and {why}; pass library= (a file of the folder or a URL)",
        data={"url": folder.url, "missing": "library", "why": why},
    )
