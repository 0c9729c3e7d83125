"""Lists of a model's files, and helpers to build them: reading manifests and asking servers for sizes.

A manifest is untrusted input: names that leave the folder, impossible sizes and overlong lists are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from ..._internal.nesting import decode_json
from ...errors import LoadFailed, ProtocolError
from ...page.host import Host, read
from ..stored import ask_stored

T = TypeVar("T")

HUB = "https://huggingface.co"
"""The Hugging Face Hub, which lists a repository's files with sizes and hashes."""

MAX_FILE_BYTES = 64 * 2**30
MAX_MODEL_BYTES = 512 * 2**30


class FileHash(msgspec.Struct, frozen=True):
    """The hash of a file's bytes, in lower-case hexadecimal."""

    algorithm: Literal["md5", "sha256"]
    value: str


class ModelFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a model, the cache that its engine reads it from, and its listed size and hash."""

    url: str
    cache: str
    size_bytes: int | None = None
    hash: FileHash | None = None


class FileList(msgspec.Struct, frozen=True):
    """All files of an artifact; ``manifest_url`` is the source of the list."""

    files: list[ModelFile]
    manifest_url: str

    @property
    def total_bytes(self) -> int | None:
        """The size of all files, or ``None`` if the size of one is unknown."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


class _Text(msgspec.Struct):
    text: str
    size_bytes: int


class Inspected(msgspec.Struct, frozen=True):
    """A server's answer for a file; ``status`` is ``None`` without an answer, ``size_bytes`` if it is not reported."""

    url: str
    status: int | None = None
    size_bytes: int | None = None
    ranges: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether the server says that the file does not exist; other failures do not count."""
        return self.status in (404, 410)


class _Inspection(msgspec.Struct):
    files: list[Inspected]


async def inspect(host: Host, urls: Iterable[str]) -> list[Inspected]:
    """Ask the servers of files for their sizes, in the order given."""
    asked = list(urls)
    if not asked:
        return []
    result = read(await host.call("inspect_files", {"urls": asked}), _Inspection, "'inspect_files'")
    if len(result.files) != len(asked):
        raise ProtocolError(f"the page inspected {len(result.files)} files instead of {len(asked)}")
    return result.files


async def read_text(host: Host, url: str, cache: str, refresh: bool = False) -> tuple[ModelFile, str]:
    """Read a manifest through the page, which keeps it in ``cache``; ``refresh`` reads it from the server again."""
    args: dict[str, Any] = {"url": url, "cache": cache, "refresh": refresh}
    answer = read(await host.call("read_file", args), _Text, "'read_file'")
    return ModelFile(url, cache, answer.size_bytes), answer.text


async def read_number(host: Host, url: str, cache: str, name: str) -> int | None:
    """Return a positive integer from a JSON configuration, or ``None``.

    It may also be in ``text_config``, where multimodal models have it.
    """
    answer = await host.call("read_file", {"url": url, "cache": cache})
    try:
        config: dict[str, Any] = decode_json(answer["text"], dict[str, Any])
    except (msgspec.DecodeError, RecursionError, KeyError):
        return None
    text = config.get("text_config")
    if isinstance(text, dict):
        config = {**text, **config}
    value = config.get(name)
    return value if isinstance(value, int) and value > 0 else None


def decode_manifest(text: str, kind: type[T], url: str) -> T:
    """Decode a manifest's JSON; raises `LoadFailed`, which names ``url``, when it does not fit."""
    try:
        return decode_json(text, kind)
    except (msgspec.DecodeError, RecursionError) as error:
        refuse_manifest(url, f"{error}")


def refuse_manifest(url: str, why: str) -> NoReturn:
    """Raise `LoadFailed` for a manifest that cannot be used."""
    raise LoadFailed(
        f"{url} is not a valid manifest: {why}; check that the address is a model's folder, or report the error to the "
        "model's publisher",
        data={"url": url},
    )


def name_in(name: str, manifest_url: str) -> str:
    """Return a file name from a manifest as a relative URL; rejects names that could lead out of the folder."""
    from urllib.parse import quote

    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\\:?#%\x00-\x1f]", name) or len(name) > 512:
        refuse_manifest(manifest_url, f"it names the file {name!r}, which is not a plain path inside its folder")
    return quote(name, safe="/!$&'()*+,;=@~")


async def look_up(
    host: Host, needed: list[ModelFile], optional: Iterable[ModelFile] = (), *, refresh: bool
) -> list[ModelFile]:
    """Return files with their sizes and absolute URLs, and optional files only if they exist.

    Stored files are not looked up again; ``refresh`` asks the servers for all files, and falls back to stored ones.
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
                f"the model is incomplete: {answer.url.rpartition('/')[2]!r} is missing: the server answered "
                f"{answer.status} for {answer.url}",
                data={"url": answer.url, "status": answer.status},
            )
        if index < len(needed) or key in stored or answer.status == 200:
            size = answer.size_bytes if answer.size_bytes is not None else stored.get(key)
            found.append(ModelFile(answer.url, file.cache, size))
    return found


def as_answered(files: FileList, folder: str, asked: str, answered: str) -> FileList:
    """Rewrite all URLs in ``folder`` the way the page answered one of them: absolute and normalised."""
    real = answered.removesuffix(asked.removeprefix(folder))

    def write(url: str) -> str:
        return real + url.removeprefix(folder) if url.startswith(folder) else url

    return FileList(
        [msgspec.structs.replace(file, url=write(file.url)) for file in files.files], write(files.manifest_url)
    )
