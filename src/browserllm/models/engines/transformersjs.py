"""Transformers.js: folders in Hugging Face's layout with ONNX networks, on WebGPU or on the CPU (WebAssembly)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from ..._internal.nesting import decode_json
from ...errors import BrowserLLMError, Cancelled, LoadFailed, ProtocolError, Unavailable
from ...page.host import Host
from ..catalog.card import Artifact, Device
from ..stored import ask_stored
from .engine import Capability, Engine, Folder, FolderOptions
from .files import (
    HUB,
    MAX_FILE_BYTES,
    FileHash,
    FileList,
    ModelFile,
    as_answered,
    decode_manifest,
    inspect,
    look_up,
    name_in,
    read_number,
    read_text,
    refuse_manifest,
)

CACHE = "transformers-cache"
MARKER = "config.json"

DTYPE_SUFFIXES: Mapping[str, str] = {
    "fp32": "",
    "q8": "_quantized",
    **{name: f"_{name}" for name in ("fp16", "int8", "uint8", "q4", "q2", "q1", "q4f16", "q2f16", "q1f16", "bnb4")},
}
"""The suffix of an ONNX file's name for each precision (Transformers.js 4.3.1's ``DEFAULT_DTYPE_SUFFIX_MAPPING``)."""

DEFAULT_DTYPES: Mapping[Device, str] = {"webgpu": "fp32", "wasm": "q8"}
"""The library's default precision for each device."""

PREFERRED_DTYPES: Mapping[Device, tuple[str, ...]] = {
    "webgpu": ("q4f16", "q4", "fp16", "fp32", "q8"),
    "wasm": ("q8", "int8", "uint8", "q4", "fp32"),
}
"""The precisions to choose for each device, the best first."""

MAX_DATA_FILES = 100
"""The most ``.onnx_data`` files that Transformers.js reads for one ``.onnx``."""


class _TransformersJsConfig(msgspec.Struct):
    use_external_data_format: bool | int | dict[str, bool | int] | None = None


class NetworkConfig(msgspec.Struct):
    """The parts of a model's ``config.json`` that describe its networks."""

    model_type: str | None = None
    architectures: list[str] | None = None
    transformers_js: _TransformersJsConfig | None = msgspec.field(name="transformers.js_config", default=None)

    @property
    def kind(self) -> Literal["embedding", "vision"] | None:
        """The kind of model, ``None`` for a text chat; the page decides alike (``transformersjs/config.ts``)."""
        if self.model_type in {"idefics3", "smolvlm"}:
            return "vision"
        architecture = self.architectures[0] if self.architectures else ""
        return "embedding" if re.search("(?<!LMHead)Model$", architecture) else None


class _Lfs(msgspec.Struct):
    oid: str


class _Listed(msgspec.Struct):
    path: str
    size: int | None = None
    lfs: _Lfs | None = None


class TransformersJs(Engine):
    """The engine ``transformersjs``. A build names its precision in `Artifact.dtype`."""

    name = "transformersjs"
    label = "Transformers.js"
    devices: tuple[Device, ...] = ("webgpu", "wasm")
    capabilities: tuple[Capability, ...] = (
        "chat",
        "embed",
        "images",
        "interleaved_images",
        "logprobs",
        "structured_output",
    )
    caches = (CACHE,)
    dtypes = tuple(DTYPE_SUFFIXES)

    def __init__(self, hub: str = HUB) -> None:
        """Use ``hub``, a server whose listings have sizes and hashes."""
        self._hub = hub

    async def list_files(self, host: Host, artifact: Artifact, *, refresh: bool = False) -> FileList:
        """Read ``config.json``; the other sizes come from the Hub's listing, or else from each server."""
        folder = artifact.url.rstrip("/") + "/"
        config_url = folder + MARKER
        config_file, text = await read_text(host, config_url, CACHE, refresh)
        config = decode_manifest(text, NetworkConfig, config_url)
        kind = artifact.model_type or config.kind
        processor = ["preprocessor_config.json", "processor_config.json"] if kind == "vision" else []
        needed = ["tokenizer.json", "tokenizer_config.json", *processor, *_onnx_files(artifact, config, config_url)]
        optional = ["generation_config.json"]
        if kind == "embedding":
            optional = ["1_Pooling/config.json", "modules.json"] if artifact.pooling is None else []
        listing, listed = await _read_listing(host, folder, self._hub)
        names = [*needed, *(name for name in optional if name in listed)]
        files = [msgspec.structs.replace(listed[name], url=folder + name) for name in names if name in listed]
        asked = [ModelFile(folder + name, CACHE) for name in names if name not in listed]
        if listing is not None:
            return FileList([config_file, listing, *files, *await look_up(host, asked, refresh=refresh)], config_url)
        generation = [ModelFile(folder + name, CACHE) for name in optional]
        found = await look_up(host, asked, generation, refresh=refresh)
        return as_answered(FileList([config_file, *found], config_url), folder, asked[0].url, found[0].url)

    def is_own_file(self, artifact: Artifact, url: str) -> bool | None:
        """Tell networks apart by their precision; all builds share the other files in the folder."""
        if ".onnx" not in url:
            return None
        if artifact.files is not None:
            return any(name.endswith(".onnx") and url.endswith(f"/{name}") for name in artifact.files)
        dtype = artifact.dtype or DEFAULT_DTYPES.get(artifact.device, "fp32")
        suffix = DTYPE_SUFFIXES.get(dtype, f"_{re.escape(dtype)}")
        return re.search(rf"/onnx/model{suffix}\.onnx(_data(_\d+)?)?$", url) is not None

    def cache_of(self, name: str, names: Collection[str]) -> str | None:
        """Return the engine's only cache."""
        return CACHE if MARKER in names else None

    def markers(self, folder: str) -> tuple[str, ...]:
        """Return the URL of the configuration."""
        return (folder + MARKER,)

    async def read_folder(self, host: Host, folder: Folder, options: FolderOptions) -> list[Artifact]:
        """Return a build for each device, and for a GPU also one that needs no f16, if there is one."""
        kind = (await read_network_config(host, folder.url)).kind
        return [
            Artifact(
                engine=self.name,
                device=device,
                id=f"{options.model}/{dtype}",
                url=folder.url,
                dtype=dtype,
                features=["shader-f16"] if device == "webgpu" and _needs_f16(dtype) else [],
                model_type=kind,
            )
            for device, dtype in await _networks(host, folder, options.dtype, network_names(kind)[0])
        ]

    async def context_window(self, host: Host, artifact: Artifact) -> int | None:
        """Return ``max_position_embeddings`` of ``config.json``."""
        return await read_number(host, artifact.url + MARKER, CACHE, "max_position_embeddings")


def network_names(kind: Literal["embedding", "vision"] | None) -> tuple[str, ...]:
    """Return the names of a model's ONNX files; the first exists in every precision."""
    return ("decoder_model_merged", "embed_tokens", "vision_encoder") if kind == "vision" else ("model",)


async def read_network_config(host: Host, folder: str) -> NetworkConfig:
    """Read ``config.json`` of a folder in Transformers.js's layout; raises `LoadFailed` when it is not valid."""
    url = f"{folder.rstrip('/')}/{MARKER}"
    return decode_manifest((await read_text(host, url, CACHE))[1], NetworkConfig, url)


def _onnx_files(artifact: Artifact, config: NetworkConfig, url: str) -> list[str]:
    if artifact.files is not None:
        return [name_in(name, url) for name in artifact.files]
    dtype = artifact.dtype or DEFAULT_DTYPES.get(artifact.device, "fp32")
    if dtype not in DTYPE_SUFFIXES:
        raise LoadFailed(
            f"unknown dtype {dtype!r} for the model at {artifact.url}. Choose one of: {', '.join(DTYPE_SUFFIXES)}",
            data={"url": artifact.url},
        )
    data = config.transformers_js.use_external_data_format if config.transformers_js is not None else None
    files: list[str] = []
    for stem in network_names(artifact.model_type or config.kind):
        name = f"{stem}{DTYPE_SUFFIXES[dtype]}.onnx"
        count = data.get(name, data.get(stem, 0)) if isinstance(data, dict) else data
        if not 0 <= int(count or 0) <= MAX_DATA_FILES:
            refuse_manifest(url, f"its use_external_data_format {count!r} is not 0 to {MAX_DATA_FILES} files")
        files += [f"onnx/{name}", *(f"onnx/{name}_data{f'_{n}' if n else ''}" for n in range(int(count or 0)))]
    return files


async def _read_listing(host: Host, folder: str, hub: str) -> tuple[ModelFile | None, dict[str, ModelFile]]:
    """Read the Hub's listing of a folder, with sizes and hashes; empty if the Hub does not answer.

    The listing is kept in the cache with the model's files, and is deleted with them.
    """
    match = re.fullmatch(re.escape(hub) + "/([^/]+/[^/]+)/resolve/([^/]+)/(.*)", folder)
    if match is None:
        return None, {}
    repository, revision, below = match.groups()
    url = f"{hub}/api/models/{repository}/tree/{revision}?recursive=1"
    # Reading retries, inspecting does not: the listing is optional and must not keep the user waiting.
    (answer,) = await inspect(host, [url])
    if answer.status != 200:
        return None, {}
    try:
        # Read again each time: an old listing could have wrong sizes and hashes for the present files.
        file, text = await read_text(host, url, CACHE, refresh=True)
    except (Cancelled, ProtocolError, Unavailable):
        raise
    except BrowserLLMError:
        return None, {}
    try:
        entries = decode_json(text, list[_Listed])
    except (msgspec.DecodeError, RecursionError):
        entries = []
    return file, {
        entry.path.removeprefix(below): ModelFile("", CACHE, entry.size, _sha256(entry.lfs))
        for entry in entries
        if entry.path.startswith(below) and entry.size is not None and 0 <= entry.size <= MAX_FILE_BYTES
    }


def _sha256(lfs: _Lfs | None) -> FileHash | None:
    # A small file is in git itself, without a SHA-256 of its bytes.
    if lfs is None or re.fullmatch("[0-9a-f]{64}", lfs.oid) is None:
        return None
    return FileHash("sha256", lfs.oid)


async def _networks(host: Host, folder: Folder, dtype: str | None, network: str) -> list[tuple[Device, str]]:
    """Return the networks for each device, and for a GPU also one that needs no f16, if there is one."""
    there = [dtype] if dtype is not None else await _present_dtypes(host, folder, network)
    networks: list[tuple[Device, str]] = []
    for device, preferred in PREFERRED_DTYPES.items():
        order = [name for name in dict.fromkeys((*preferred, *there)) if name in there]
        networks.append((device, order[0]))
        plain = [name for name in order if not _needs_f16(name)]
        if device == "webgpu" and plain and plain[0] != order[0]:
            networks.append((device, plain[0]))
    return networks


def _needs_f16(dtype: str) -> bool:
    return dtype.endswith("f16") or dtype == "fp16"


async def _present_dtypes(host: Host, folder: Folder, network: str) -> list[str]:
    urls = {name: f"{folder.url}onnx/{network}{suffix}.onnx" for name, suffix in DTYPE_SUFFIXES.items()}
    answers = await inspect(host, urls.values())
    stored = {entry.url for entry in (await ask_stored(host)).entries}
    there = [
        name for (name, url), answer in zip(urls.items(), answers, strict=True) if answer.status == 200 or url in stored
    ]
    if not there:
        raise LoadFailed(
            f"the model is incomplete: it has no network; looked for {', '.join(urls.values())}",
            data={"url": urls["fp32"]},
        )
    return there
