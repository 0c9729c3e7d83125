"""Models of one's own: from a folder, a URL, or files that the person picks; checked by reading their manifest."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from .._internal.nesting import decode_json
from ..errors import BrowserLLMError, DownloadInterrupted, IntegrityError, InvalidRequest, LoadFailed, ModelNotFound
from ..page.host import Host, read
from .catalog.card import Artifact, Device, ModelCard
from .catalog.curated import thinking_for
from .downloads.files import (
    HUB,
    Inspected,
    ModelFile,
    inspect,
    list_files,
    network_names,
    read_network_config,
    webllm_folder,
)
from .dtypes import DTYPE_SUFFIXES
from .storage import StoredFile, ask_stored, delete_files

Engine = Literal["webllm", "transformersjs"]

PREFERRED_DTYPES: dict[Device, tuple[str, ...]] = {
    "webgpu": ("q4f16", "q4", "fp16", "fp32", "q8"),
    "wasm": ("q8", "int8", "uint8", "q4", "fp32"),
}
"""Which of several networks in a folder a device runs, the best first."""

MANIFESTS: dict[Engine, str] = {"webllm": "mlc-chat-config.json", "transformersjs": "config.json"}
"""By which file a folder shows that it is for an engine."""


class _Picked(msgspec.Struct):
    folder: str
    entries: list[StoredFile]


class _Source(msgspec.Struct):
    """Where a model is: its folder's address, a name for it, and the names of its files where they can be listed."""

    url: str
    name: str
    names: list[str] | None = None


async def add_own(
    host: Host,
    source: str | os.PathLike[str] | None = None,
    *,
    id: str | None = None,  # noqa: A002 (the card's word)
    name: str | None = None,
    engine: Engine | None = None,
    library: str | None = None,
    dtype: str | None = None,
) -> ModelCard:
    """Return the card of a model that is in no catalog, with an artifact for each engine and device its folder is for.

    ``source`` is a folder of this machine (a snapshot in Hugging Face's cache is one too), the http(s) address of one,
    or ``None`` to let the person pick it in the page. ``id`` is what to call the model (else by its folder), ``name``
    its name for people, ``engine`` the one to use of two, ``library`` the .wasm of a WebLLM model (a file of the
    folder, or an address; needed unless the folder can be listed and has just one), ``dtype`` the precision to take of
    several (``q4``, ``q8``, ``fp32``, ...).

    Every file is looked up. Raises `LoadFailed` or `IntegrityError` naming the file that is missing or wrong,
    `ModelNotFound` when the folder holds no model, `InvalidRequest` for an argument that cannot be, `Unsupported` where
    folders of this machine cannot be shared, `Cancelled` when the person picks nothing, `Unavailable` (``no_window``)
    when nobody could: in a headless browser the question is not asked. A failure keeps nothing.
    """
    if engine is not None and engine not in MANIFESTS:
        raise InvalidRequest(f"engine={engine!r} is not valid; use 'webllm' or 'transformersjs'", parameter="engine")
    if dtype is not None and dtype not in DTYPE_SUFFIXES:
        raise InvalidRequest(f"dtype={dtype!r} is not valid; use one of {', '.join(DTYPE_SUFFIXES)}", parameter="dtype")
    before = {entry.key for entry in (await ask_stored(host)).entries}
    place = await _locate(host, source, id)
    model = id or place.name
    try:
        artifacts = await _artifacts(host, model, place, engine, library, dtype)
        window = await _context_window(host, artifacts[0])
    except BaseException:
        # What was picked, and the manifests that were read, are of no use to anybody.
        with suppress(BrowserLLMError):
            entries = (await ask_stored(host)).entries
            new = [entry for entry in entries if entry.key not in before and entry.url.startswith(place.url)]
            await delete_files(host, new, [], [])
        raise
    kinds = {artifact.model_type for artifact in artifacts}
    return ModelCard(
        id=model,
        name=name or model,
        artifacts=artifacts,
        context_window=window,
        type="embedding" if "embedding" in kinds else "chat",
        vision="vision" in kinds,
        thinking=thinking_for(place.name),
    )


async def _locate(host: Host, source: str | os.PathLike[str] | None, model: str | None) -> _Source:
    if source is None:
        key = model or f"picked-{os.urandom(4).hex()}"
        answer = await host.call("pick_files", {"key": key, "prompt": "Choose the folder of the model"})
        picked = read(answer, _Picked, "'pick_files'")
        return _Source(picked.folder, key, [entry.url.removeprefix(picked.folder) for entry in picked.entries])
    if isinstance(source, str) and re.match("[A-Za-z][A-Za-z0-9+.-]+://", source):
        if not source.startswith(("http://", "https://")):
            raise InvalidRequest(f"source={source!r} is not valid; use a folder, or http(s)://", parameter="source")
        url = source.rstrip("/") + "/"
        if url.startswith(f"{HUB}/") and "/resolve/" not in url:
            url += "resolve/main/"
        return _Source(url, _name_of(re.sub("/resolve/[^/]+/$", "/", url)))
    return _share(host, source)


def _share(host: Host, source: str | os.PathLike[str]) -> _Source:
    folder = Path(source).expanduser()
    url = host.share_folder(folder)
    names = [file.name for file in folder.iterdir() if file.is_file()]
    real = folder.resolve()
    if real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--"):
        # A snapshot in Hugging Face's cache is named by its revision; models--OWNER--NAME says whose it is.
        return _Source(url, _name_of(real.parent.parent.name.rpartition("--")[2]), names)
    return _Source(url, _name_of(real.name), names)


def _name_of(place: str) -> str:
    last = place.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]+", "-", last).strip("-.") or "own"


async def _artifacts(
    host: Host, model: str, place: _Source, engine: Engine | None, library: str | None, dtype: str | None
) -> list[Artifact]:
    """Return an artifact for each engine and device that the folder is for, each with all its files looked up."""
    found = await _engines(host, place, engine)
    artifacts: list[Artifact] = []
    if "webllm" in found:
        wasm = _library(place, library)
        artifacts.append(Artifact(engine="webllm", device="webgpu", id=model, url=place.url, library=wasm))
    if "transformersjs" in found:
        kind = (await read_network_config(host, place.url)).kind
        for device, name in await _networks(host, place, dtype, network_names(kind)[0]):
            needs = ["shader-f16"] if device == "webgpu" and _needs_f16(name) else []
            artifacts.append(
                Artifact(
                    engine="transformersjs",
                    device=device,
                    id=f"{model}/{name}",
                    url=place.url,
                    dtype=name,
                    features=needs,
                    model_type=kind,
                )
            )
    return [await _checked(host, artifact) for artifact in artifacts]


async def _engines(host: Host, place: _Source, wanted: Engine | None) -> list[Engine]:
    there: list[Engine] = []
    urls = {
        "webllm": webllm_folder(place.url) + MANIFESTS["webllm"],
        "transformersjs": place.url + MANIFESTS["transformersjs"],
        "elsewhere": place.url + MANIFESTS["webllm"],
    }
    present = dict(zip(urls, await _are_there(host, place, list(urls.values())), strict=True))
    if present["webllm"]:
        there.append("webllm")
    elif present["elsewhere"] and wanted != "transformersjs":
        raise LoadFailed(
            f"WebLLM looks for this model in {webllm_folder(place.url)}: it reads models only from addresses with "
            "/resolve/REVISION/ in them; serve the folder under such an address",
            data={"url": urls["webllm"]},
        )
    if present["transformersjs"]:
        there.append("transformersjs")
    if not there or wanted not in (None, *there):
        engines: tuple[Engine, ...] = ("webllm", "transformersjs") if wanted is None else (wanted,)
        looked = " and ".join(f"{urls[engine]} (for {engine})" for engine in engines)
        raise ModelNotFound(
            f"there is no model in {place.url}: looked for {looked}; give the folder with that file",
            data={"url": place.url},
        )
    return there if wanted is None else [wanted]


async def _are_there(host: Host, place: _Source, urls: list[str]) -> list[bool]:
    """Return which files there are; raises `DownloadInterrupted` when nobody answers for any."""
    if place.names is not None:
        return [url.removeprefix(place.url) in place.names for url in urls]
    answers = await inspect(host, urls)
    if all(answer.status is None for answer in answers):
        raise DownloadInterrupted(
            f"no answer from {place.url}: it is not there, or does not share its files with this page (CORS); check "
            "the address",
            data={"url": place.url, "reason": "network"},
        )
    return [answer.status == 200 for answer in answers]


def _library(place: _Source, library: str | None) -> str:
    if library is not None:
        return library if "://" in library else place.url + library
    wasm = [name for name in place.names or () if name.endswith(".wasm")]
    if len(wasm) == 1:
        return place.url + wasm[0]
    if place.names is None:
        why = f"the files of {place.url} cannot be listed"
    else:
        why = f"{place.name!r} has {'no .wasm' if not wasm else 'several: ' + ', '.join(sorted(wasm))}"
    raise LoadFailed(
        f"WebLLM needs the library that was compiled for this model, and {why}; give library= (a file of the folder, "
        "or an address)",
        data={"url": place.url},
    )


async def _networks(host: Host, place: _Source, dtype: str | None, network: str) -> list[tuple[Device, str]]:
    """Return which network each device runs: on a GPU also one that needs no f16, if there is one."""
    there = [dtype] if dtype is not None else await _dtypes(host, place, network)
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


async def _dtypes(host: Host, place: _Source, network: str) -> list[str]:
    urls = {name: f"{place.url}onnx/{network}{suffix}.onnx" for name, suffix in DTYPE_SUFFIXES.items()}
    answers = await inspect(host, urls.values())
    stored = {entry.url for entry in (await ask_stored(host)).entries}
    there = [
        name for (name, url), answer in zip(urls.items(), answers, strict=True) if answer.status == 200 or url in stored
    ]
    if not there:
        raise LoadFailed(
            f"the model is not complete: its networks are missing, there is none of {', '.join(urls.values())}",
            data={"url": urls["fp32"]},
        )
    return there


async def _checked(host: Host, artifact: Artifact) -> Artifact:
    """Look up every file, and return the artifact with the bytes to download."""
    # What was picked is in the caches alone: asking a server anew would find nothing.
    picked = artifact.url.endswith("/resolve/picked/")
    listed = await list_files(host, artifact, refresh=not picked)
    files = [file for file in listed.files if not file.url.startswith(f"{HUB}/api/")]
    if picked:
        stored = {entry.key: entry.size_bytes for entry in (await ask_stored(host)).entries}
        sizes = [stored.get((file.cache, file.url), "it was not picked") for file in files]
    else:
        sizes = [_size(answer) for answer in await inspect(host, [file.url for file in files])]
    for file, size in zip(files, sizes, strict=True):
        _compare(file, size, listed.manifest_url)
    return msgspec.structs.replace(artifact, download_bytes=listed.total_bytes, download_estimated=False)


def _size(answer: Inspected) -> int | str | None:
    """Return the size that a server tells, ``None`` when it does not tell, or why there is no such file."""
    if answer.status == 200:
        return answer.size_bytes
    if answer.status is None:
        return "nobody answers for it"
    hint = ", and follows no link that leads out of a shared folder" if answer.status == 403 else ""
    return f"its server answers {answer.status}{hint}"


def _compare(file: ModelFile, size: int | str | None, manifest_url: str) -> None:
    """Raise when a file is missing or has another size than its manifest promises."""
    name = file.url.rpartition("/")[2]
    if isinstance(size, str):
        raise LoadFailed(f"the model is not complete: {name!r} is missing, {size} ({file.url})", data={"url": file.url})
    if size is not None and file.size_bytes is not None and size != file.size_bytes:
        raise IntegrityError(
            f"{name} is {size:,} bytes, {manifest_url.rpartition('/')[2]} promises {file.size_bytes:,}; get the file "
            f"again ({file.url})",
            data={"url": file.url, "size_bytes": size, "promised_bytes": file.size_bytes},
        )


async def _context_window(host: Host, artifact: Artifact) -> int | None:
    """Return the context window that a model's configuration tells, in tokens."""
    webllm = artifact.engine == "webllm"
    folder = webllm_folder(artifact.url) if webllm else artifact.url
    cache = "webllm/config" if webllm else "transformers-cache"
    answer = await host.call(
        "read_file", {"url": folder + MANIFESTS["webllm" if webllm else "transformersjs"], "cache": cache}
    )
    try:
        config: dict[str, Any] = decode_json(answer["text"], dict[str, Any])
    except (msgspec.DecodeError, RecursionError, KeyError):
        return None
    text = config.get("text_config")  # of a model that takes more than text
    if isinstance(text, dict):
        config = {**text, **config}
    value = config.get("context_window_size" if webllm else "max_position_embeddings")
    return value if isinstance(value, int) and value > 0 else None
