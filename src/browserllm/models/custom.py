"""Custom models: from a folder, a URL, or files that the user picks; validated by reading their manifest."""

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
    """The location of a model: its folder's URL, a name for it, and its file names where they can be listed."""

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
    """Return the card of a custom model, with an artifact for each engine and device that can run it.

    ``source`` is a folder of this machine (such as a snapshot in Hugging Face's cache), the http(s) URL of a folder, or
    ``None`` to let the user pick a folder in the page. ``id`` defaults to the folder's name, ``name`` is the display
    name. ``engine`` and ``dtype`` (``q4``, ``q8``, ``fp32``, ...) choose one where the folder suits several.
    ``library`` is the .wasm of a WebLLM model: a file of the folder or a URL. It is required unless the folder can be
    listed and has exactly one.

    Every file is checked. Raises `LoadFailed` or `IntegrityError` naming the file that is missing or wrong,
    `ModelNotFound` when the folder holds no model, `InvalidRequest` for an invalid argument, `Unsupported` where
    folders of this machine cannot be shared, `Cancelled` when the user picks nothing, and `Unavailable`
    (``no_window``) in a headless browser, where no folder can be picked. After a failure nothing is kept.
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
        # The picked files and the manifests are of no further use.
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
    """Return the engines that may recognise the folder, after validating the caller's arguments."""
    able = [known for known in engines.known() if known.markers("")]
    names = [known.name for known in able]
    if engine is not None and engine not in names:
        raise InvalidRequest(f"unknown engine {engine!r}. Choose one of: {', '.join(names)}", parameter="engine")
    dtypes = list(dict.fromkeys(name for known in able for name in known.dtypes))
    if dtype is not None and dtype not in dtypes:
        raise InvalidRequest(f"unknown dtype {dtype!r}. Choose one of: {', '.join(dtypes)}", parameter="dtype")
    return [known for known in able if engine in (None, known.name)]


async def _locate(host: Host, source: str | os.PathLike[str] | None, model: str | None) -> _Source:
    if source is None:
        key = model or f"picked-{os.urandom(4).hex()}"
        answer = await host.call("pick_files", {"key": key, "prompt": "Choose the folder of the model"})
        picked = read(answer, _Picked, "'pick_files'")
        return _Source(picked.folder, key, [entry.url.removeprefix(picked.folder) for entry in picked.entries])
    if isinstance(source, str) and re.match("[A-Za-z][A-Za-z0-9+.-]+://", source):
        if not source.startswith(("http://", "https://")):
            raise InvalidRequest(f"source={source!r} is not valid; use a folder or an http(s) URL", parameter="source")
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
        # A snapshot in Hugging Face's cache is named by its revision; the model's name is in models--OWNER--NAME.
        return _Source(url, _name_of(real.parent.parent.name.rpartition("--")[2]), names)
    return _Source(url, _name_of(real.name), names)


def _name_of(place: str) -> str:
    last = place.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]+", "-", last).strip("-.") or "own"


async def _recognise(host: Host, place: _Source, candidates: list[Engine]) -> list[tuple[Engine, Folder]]:
    """Return the engines that can run the folder's model; raises `ModelNotFound` if no engine can."""
    urls = list(dict.fromkeys(url for engine in candidates for url in engine.markers(place.url)))
    there = await _are_there(host, place, urls)
    present = [url for url, is_there in zip(urls, there, strict=True) if is_there]
    folder = Folder(place.url, place.name, place.names, present)
    found = [(engine, folder) for engine in candidates if engine.recognises(folder)]
    if not found:
        looked = " and ".join(f"{engine.markers(place.url)[0]} (for {engine.name})" for engine in candidates)
        raise ModelNotFound(
            f"no model found in {place.url}: looked for {looked}; give the folder that contains this file",
            data={"url": place.url},
        )
    return found


async def _are_there(host: Host, place: _Source, urls: list[str]) -> list[bool]:
    """Return which files exist; raises `DownloadInterrupted` when the server answers for none of them."""
    if place.names is not None:
        return [url.removeprefix(place.url) in place.names for url in urls]
    answers = await inspect(host, urls)
    if all(answer.status is None for answer in answers):
        raise DownloadInterrupted(
            f"no answer from {place.url}: the server cannot be reached, or does not allow this page to read its files "
            "(CORS); check the address",
            data={"url": place.url, "reason": "network"},
        )
    return [answer.status == 200 for answer in answers]


async def _checked(host: Host, artifact: Artifact) -> Artifact:
    """Check every file, and return the artifact with its download size."""
    # Picked files exist in the caches only: no server has them.
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
    """Return the size that a server reports (``None`` if it reports none), or why the file cannot be read."""
    if answer.status == 200:
        return answer.size_bytes
    if answer.status is None:
        return "the server did not answer"
    hint = " (links that lead out of a shared folder are not followed)" if answer.status == 403 else ""
    return f"the server answered {answer.status}{hint}"


def _compare(file: ModelFile, size: int | str | None, manifest_url: str) -> None:
    """Raise when a file is missing, or when its size differs from its manifest's."""
    name = file.url.rpartition("/")[2]
    if isinstance(size, str):
        raise LoadFailed(f"the model is incomplete: {name!r} is missing: {size} ({file.url})", data={"url": file.url})
    if size is not None and file.size_bytes is not None and size != file.size_bytes:
        raise IntegrityError(
            f"{name} has {size:,} bytes, but {manifest_url.rpartition('/')[2]} lists {file.size_bytes:,}; download the "
            f"file again ({file.url})",
            data={"url": file.url, "size_bytes": size, "promised_bytes": file.size_bytes},
        )
