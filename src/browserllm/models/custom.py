"""Custom models: from a folder, a URL, or files that the user picks; checked by reading their manifest."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import msgspec

from ..errors import BrowserLLMError, DownloadInterrupted, IntegrityError, InvalidRequest, LoadFailed, ModelNotFound
from ..page.host import Host, read
from . import engines
from .catalog.card import Artifact, ModelCard
from .catalog.curated import thinking_for
from .engines import Engine, Folder, FolderOptions, ModelFile, list_files
from .engines.files import HUB, Inspected, inspect
from .storage import delete_files
from .stored import StoredFile, ask_stored


class _Picked(msgspec.Struct):
    folder: str
    entries: list[StoredFile]


class _Source(msgspec.Struct):
    """Where a model is: its folder's address, a name for it, and the names of its files where they can be listed."""

    url: str
    name: str
    names: list[str] | None = None


async def add_custom(
    host: Host,
    source: str | os.PathLike[str] | None = None,
    *,
    id: str | None = None,  # noqa: A002 (the card's word)
    name: str | None = None,
    engine: str | None = None,
    library: str | None = None,
    dtype: str | None = None,
) -> ModelCard:
    """Return the card of a model that is in no catalog, with an artifact for each engine and device its folder is for.

    ``source`` is a folder of this machine (a snapshot in Hugging Face's cache is one too), the http(s) address of one,
    or ``None`` to let the user pick it in the page. ``id`` is what to call the model (else by its folder), ``name``
    its name for people, ``engine`` the one to use of several, ``library`` the .wasm of a WebLLM model (a file of the
    folder, or an address; needed unless the folder can be listed and has just one), ``dtype`` the precision to take of
    several (``q4``, ``q8``, ``fp32``, ...).

    Every file is looked up. Raises `LoadFailed` or `IntegrityError` naming the file that is missing or wrong,
    `ModelNotFound` when the folder holds no model, `InvalidRequest` for an argument that is not valid, `Unsupported`
    where folders of this machine cannot be shared, `Cancelled` when the user picks nothing, `Unavailable`
    (``no_window``) in a headless browser, which shows no question. A failure keeps nothing.
    """
    candidates = _candidates(engine, dtype)
    before = {entry.key for entry in (await ask_stored(host)).entries}
    place = await _locate(host, source, id)
    model = id or place.name
    try:
        options = FolderOptions(model, library, dtype)
        artifacts: list[Artifact] = []
        for found, folder in await _recognise(host, place, candidates):
            artifacts += [await _checked(host, build) for build in await found.read_folder(host, folder, options)]
        window = await engines.get(artifacts[0].engine).context_window(host, artifacts[0])
    except BaseException:
        # The picked files, and the manifests that were read, are of no further use.
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


def _candidates(engine: str | None, dtype: str | None) -> list[Engine]:
    """Return the engines that may recognise the folder, after a check of what the caller asked for."""
    able = [known for known in engines.known() if known.markers("")]
    names = [known.name for known in able]
    if engine is not None and engine not in names:
        raise InvalidRequest(f"engine={engine!r} is not valid; use one of {', '.join(names)}", parameter="engine")
    dtypes = list(dict.fromkeys(name for known in able for name in known.dtypes))
    if dtype is not None and dtype not in dtypes:
        raise InvalidRequest(f"dtype={dtype!r} is not valid; use one of {', '.join(dtypes)}", parameter="dtype")
    return [known for known in able if engine in (None, known.name)]


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


async def _recognise(host: Host, place: _Source, candidates: list[Engine]) -> list[tuple[Engine, Folder]]:
    """Return the engines that a folder is for; raises `ModelNotFound` when there are none."""
    urls = list(dict.fromkeys(url for engine in candidates for url in engine.markers(place.url)))
    there = await _are_there(host, place, urls)
    present = [url for url, is_there in zip(urls, there, strict=True) if is_there]
    folder = Folder(place.url, place.name, place.names, present)
    found = [(engine, folder) for engine in candidates if engine.recognises(folder)]
    if not found:
        looked = " and ".join(f"{engine.markers(place.url)[0]} (for {engine.name})" for engine in candidates)
        raise ModelNotFound(
            f"there is no model in {place.url}: looked for {looked}; give the folder with that file",
            data={"url": place.url},
        )
    return found


async def _are_there(host: Host, place: _Source, urls: list[str]) -> list[bool]:
    """Return which files there are; raises `DownloadInterrupted` when no server answers for any."""
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
        return "no server answers for it"
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
