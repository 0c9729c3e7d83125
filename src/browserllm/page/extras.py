"""Extras: Python packages that come with the site and that a page fetches only when it needs them."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module, invalidate_caches
from typing import Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..errors import IntegrityError, InvalidRequest, Unavailable

Fetch = Callable[[str], Awaitable[bytes]]


class _File(msgspec.Struct):
    file: str
    sha256: str


class _Manifest(msgspec.Struct):
    """The part of the site's python/manifest.json (web/build_site.py) that is needed here."""

    extras: dict[str, list[_File]] = {}


_loading: dict[str, asyncio.Task[None]] = {}


async def load_extra(name: str) -> None:
    """Make an extra's packages importable: ``"amplifier"`` for `browserllm.amplifier`.

    In a page the files are fetched, checked and unpacked, once. In a process this does nothing: pip installs there.
    Raises `InvalidRequest` for an unknown extra, `Unavailable` if a file cannot be fetched, and `IntegrityError` if one
    is not what the site's build wrote.
    """
    if sys.platform != "emscripten":
        return
    if name not in _loading:
        base: str = import_module("_browserllm_page").base
        folder: str = import_module("sysconfig").get_path("purelib")
        _loading[name] = asyncio.create_task(unpack_extra(name, f"{base}python/", folder, _fetch))
    task = _loading[name]
    try:
        # One caller that gives up does not stop the others.
        await asyncio.shield(task)
    except Exception:
        if _loading.get(name) is task:
            del _loading[name]  # the next call tries again
        raise


async def unpack_extra(name: str, address: str, folder: str, fetch: Fetch) -> None:
    """Fetch an extra from the site's folder of Python files at ``address``, and unpack it into ``folder``."""
    from zipfile import ZipFile

    listed = msgspec.json.decode(await fetch(f"{address}manifest.json"), type=_Manifest).extras
    if name not in listed:
        known = ", ".join(sorted(listed)) or "none"
        raise InvalidRequest(
            f"unknown extra {name!r}; this site has: {known}; if it should have it, build the site again",
            parameter="name",
        )

    async def checked(listed: _File) -> bytes:
        # The hash in the address makes a new file a new address, so that no cache serves the old one.
        content = await fetch(f"{address}{listed.file}?{listed.sha256[:16]}")
        if hashlib.sha256(content).hexdigest() != listed.sha256:
            raise IntegrityError(
                f"{listed.file} is not the file of this site's build; reload the page, or build the site again"
            )
        return content

    for content in await asyncio.gather(*map(checked, listed[name])):
        ZipFile(io.BytesIO(content)).extractall(folder)
    invalidate_caches()


async def _fetch(url: str) -> bytes:
    js: Any = import_module("js")
    try:
        response = await js.fetch(url)
    except Exception as error:
        raise Unavailable(
            f"{url} could not be fetched ({error}); look at the connection", reason="unreachable"
        ) from error
    if not response.ok:
        raise Unavailable(f"{url} could not be fetched: the server answered {response.status}", reason="unreachable")
    return (await response.arrayBuffer()).to_bytes()
