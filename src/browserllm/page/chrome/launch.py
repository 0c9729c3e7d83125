"""ChromeHost: launches Chromium, Chrome, Edge or Brave and connects to the page in it."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from websockets.asyncio.server import ServerConnection

from ..._internal.formatting import size_text
from ..._internal.system import forks
from ..._internal.threads import Threads
from ...errors import BrowserLLMError, InvalidRequest, QueueFull, QuotaExceeded, Timeout, Unavailable
from ..device import DeviceFacts
from ..protocol import ChannelHost
from ..serving.share import FolderServer, open_key
from ..serving.static import HOST_PAGE, SOCKET_PATH, SiteServer, Socket, site_folder
from ..serving.websocket import WebSocketChannel
from .find import find_browser
from .process import LAUNCHES, BrowserProcess
from .profile import Profile, open_profile

logger = logging.getLogger("browserllm")

T = TypeVar("T")

ORIGIN_HOST = "browserllm.localhost"
"""The page's host name. The model cache belongs to the origin, so it must not change with the port."""

FOLDERS_HOST = f"files.{ORIGIN_HOST}"
"""The host name of shared folders: another origin, because engines do not cache files of the site itself."""

QUIET_FLAGS = (
    "--no-first-run",
    "--no-startup-window",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-default-apps",
    "--disable-extensions",
    "--mute-audio",
    # Keep a window behind another one as fast as one in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # No keychain prompt: the profile has no passwords.
    "--password-store=basic",
    "--use-mock-keychain",
)

WEBGPU_FLAGS = {
    # Chromium uses the GPU (on Linux through Vulkan), or without one its own software adapter, SwiftShader.
    "auto": ("--enable-unsafe-webgpu", *(["--enable-features=Vulkan"] if sys.platform == "linux" else [])),
    "software": ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"),
    # Requests the software adapter, which Chromium refuses without --enable-unsafe-webgpu. (Its feature flags for
    # WebGPU have no effect.)
    "off": ("--disable-gpu", "--use-webgpu-adapter=swiftshader"),
}


UNDO_GRACE_S = 0.5
"""How long the browser of a failed launch has to exit, before it is killed."""

UNDO_WAIT_S = 2.0
"""How long a failed launch waits for its cleanup."""

CLOSE_WAIT_S = 5.0
"""How long closing waits for the connection, the servers, and the deletion of the profile."""

# Unlimited, because every host must release its profile, and does so once.
RELEASES = Threads("releasing profiles", places=sys.maxsize)

_ending: set[asyncio.Future[Any]] = set()


class ChromeHost(ChannelHost):
    """A host whose page is in a browser of its own. The browser ends with `close`, or when this process exits."""

    def __init__(self, channel: WebSocketChannel, parts: _Parts, process: BrowserProcess, webgpu: str) -> None:
        """Take ownership of the ``parts`` that `launch` started."""
        super().__init__(channel)
        self._parts = parts
        self._process = process
        self._server = parts.server
        self._folders = parts.folders
        self._profile = parts.profile
        self._webgpu = webgpu
        self._owner = os.getpid()
        self._closing: asyncio.Task[None] | None = None
        process.exited.add_done_callback(lambda exited: channel.drop(f"the browser exited (code {exited.result()})"))
        forks.notify(self)

    @classmethod
    async def launch(
        cls,
        *,
        browser: str | Path | None = None,
        profile: str | Path | None = None,
        visible: bool = False,
        webgpu: Literal["auto", "software", "off"] = "auto",
        timeout_s: float = 60.0,
    ) -> ChromeHost:
        """Launch a browser, open the page in it and connect. The arguments are those of `browserllm.connect`."""
        if webgpu not in WEBGPU_FLAGS:
            raise InvalidRequest(f"webgpu={webgpu!r} is not valid; use 'auto', 'software' or 'off'", parameter="webgpu")
        if math.isnan(timeout_s):
            raise InvalidRequest(f"timeout_s={timeout_s!r} is not a number of seconds", parameter="timeout_s")
        launching: _Launching | None = None
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                # In a thread, because a disk may hang. If the caller has given up by then, the profile is released.
                found = await LAUNCHES.run_or_dispose(lambda: _Found(browser, profile), _Found.release)
                launching = _Launching(found)
                host = await launching.run(visible=visible, webgpu=webgpu)
        except BaseException as error:
            if launching is not None:
                await launching.undo()
            if isinstance(error, TimeoutError) and limit.expired():
                raise _timed_out(launching, profile, timeout_s) from error
            raise
        if found.notice is not None:
            host.notices.append(found.notice)
            logger.warning("%s", found.notice)
        return host

    async def probe(self, *, refresh: bool = False) -> DeviceFacts:
        """Return the facts of the page's device; the page itself does not know that WebGPU is turned off."""
        facts = await super().probe(refresh=refresh)
        if self._webgpu != "off" or facts.webgpu.reason != "no_adapter":
            return facts
        return msgspec.structs.replace(facts, webgpu=msgspec.structs.replace(facts.webgpu, reason="turned_off"))

    def share_folder(self, path: str | os.PathLike[str]) -> str:
        """Serve a folder to the page, and return its URL."""
        if self._owner != os.getpid():
            raise Unavailable(
                f"this host cannot share {str(path)!r}: {self._owner_text()}; connect again to continue",
                reason="closed",
            )
        return self._folders.share(path)

    def disk_free_bytes(self) -> int | None:
        """Return the free bytes on the profile's disk."""
        try:
            return shutil.disk_usage(self._profile.folder).free
        except OSError:
            return None

    def _error_from_page(self, body: Mapping[str, Any]) -> BrowserLLMError:
        error = super()._error_from_page(body)
        free = self.disk_free_bytes() if isinstance(error, QuotaExceeded) else None
        if free is None:
            return error
        allowed = error.data.get("available_bytes")
        available = min(free, allowed) if isinstance(allowed, int) else free
        where = f"the disk of the profile {str(self._profile.folder)!r}"
        message = f"{error.message}; {where} has {size_text(free)} free"
        return QuotaExceeded(message, data={**error.data, "available_bytes": available})

    async def close(self) -> None:
        """Close the connection, the browser and the servers, and release the profile.

        Does nothing in a fork of the process that connected, because the browser belongs to that process.
        """
        if self._owner != os.getpid():
            return
        # One task for all callers: cancelling a caller must not leave a browser behind.
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            await _within_limit(super().close())
        finally:
            await self._parts.close()

    def forked(self) -> None:
        """Mark this host as closed in a child: the browser, its pipe and the socket belong to the parent."""
        self._on_closed(self._owner_text())

    def _owner_text(self) -> str:
        return f"it belongs to process {self._owner}, which process {os.getpid()} was forked from"


class _Found:
    """What a launch needs from the disk: the site, the browser and a profile."""

    def __init__(self, browser: str | Path | None, profile: str | Path | None) -> None:
        """Find them; blocks as long as the disk does."""
        self.site = site_folder()
        self.program = find_browser(browser)
        self.profile, self.notice = open_profile(profile)
        try:
            self.key = open_key(self.profile.folder)
        except BaseException:
            self.profile.release()
            raise

    def release(self) -> None:
        """Release the profile."""
        self.profile.release()


class _Parts:
    """What was started for a host, and must be closed with it."""

    def __init__(self, server: SiteServer, folders: FolderServer, profile: Profile) -> None:
        self.server = server
        self.folders = folders
        self.profile = profile
        self.starting: list[asyncio.Future[Any]] = []
        self.process: BrowserProcess | None = None
        self.channel: WebSocketChannel | None = None

    async def close(self, grace_s: float | None = None, term_s: float | None = None) -> None:
        """Close the browser (see `BrowserProcess.close`), the connection and the servers, and release the profile.

        The profile is released in any case, but only after the browser has exited.
        """
        try:
            if self.starting:
                await asyncio.wait(self.starting)
            if self.process is not None:
                await self.process.close(grace_s, term_s)
        finally:
            if self.process is not None:
                self.process.kill()  # does nothing if it has exited
            # After the browser: a suspended browser would not answer, and closing would wait for it.
            parts = [part for part in (self.channel, self.server, self.folders) if part is not None]
            await _within_limit(*(part.close() for part in parts), self._release())

    async def _release(self) -> None:
        try:
            await RELEASES.run(self._release_profile)
        except QueueFull:  # no thread can be started: the program is exiting
            self._release_profile(CLOSE_WAIT_S)

    def _release_profile(self, wait_s: float | None = None) -> None:
        if self.process is None or self.process.wait(wait_s):
            self.profile.release()


class _Launching:
    """A launch in progress, which can be undone at any moment."""

    def __init__(self, found: _Found) -> None:
        self.program = found.program
        self._page: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()
        self._secret = secrets.token_urlsafe(24)
        self._parts = _Parts(
            SiteServer(
                found.site,
                hosts=[ORIGIN_HOST],
                sockets={SOCKET_PATH: Socket(self._secret, self._on_page, once=True)},
                launched=True,
            ),
            FolderServer(host=FOLDERS_HOST, origin=f"http://{ORIGIN_HOST}", key=found.key),
            found.profile,
        )

    @property
    def stderr_tail(self) -> str:
        process = self._parts.process
        return process.stderr_tail if process is not None else ""

    async def run(self, *, visible: bool, webgpu: str) -> ChromeHost:
        parts = self._parts
        ports = {
            ORIGIN_HOST: (await self._uninterrupted(parts.server.start())).port,
            FOLDERS_HOST: (await self._uninterrupted(parts.folders.start())).port,
        }
        command = [str(self.program), *_flags(parts.profile.folder, ports, visible=visible, webgpu=webgpu)]
        process = await self._uninterrupted(self._start(command))
        # The secret goes through the pipe: every user of the machine can read the command line, and the profile's
        # history keeps addresses.
        await process.open_page(f"http://{ORIGIN_HOST}/{HOST_PAGE}", _launch_script(self._secret, seen=visible))
        await asyncio.wait([self._page, process.exited], return_when=asyncio.FIRST_COMPLETED)
        if not self._page.done():
            raise process.ended_early()
        process.forget_script()
        parts.channel = WebSocketChannel(self._page.result())
        host = ChromeHost(parts.channel, parts, process, webgpu)
        await host.start()
        return host

    async def _start(self, command: list[str]) -> BrowserProcess:
        parts = self._parts
        parts.process = await BrowserProcess.start(command, parts.profile.lock_fd, self._on_crash)
        return parts.process

    async def _uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        """Await a step that finishes even if the caller is cancelled: only then can what it starts be closed."""
        task = asyncio.ensure_future(work)
        self._parts.starting.append(task)
        task.add_done_callback(_ended)
        return await asyncio.shield(task)

    async def undo(self) -> None:
        """Close what was started, quickly: a browser that does not exit soon is killed.

        Waits at most `UNDO_WAIT_S`; the rest continues in the background.
        """
        ending = asyncio.ensure_future(self._parts.close(UNDO_GRACE_S, 0))
        _ending.add(ending)  # the loop itself does not keep it
        ending.add_done_callback(_ended)
        await asyncio.wait([ending], timeout=UNDO_WAIT_S)

    def _on_page(self, connection: ServerConnection) -> None:
        if not self._page.done():
            self._page.set_result(connection)

    def _on_crash(self) -> None:
        if self._parts.channel is not None:
            self._parts.channel.drop("the page crashed, perhaps because it ran out of memory")


async def _within_limit(*works: Coroutine[Any, Any, None]) -> None:
    """Await steps of closing for at most `CLOSE_WAIT_S`; the rest continues in the background."""
    tasks = [asyncio.ensure_future(work) for work in works]
    for task in tasks:
        _ending.add(task)
        task.add_done_callback(_ended)
    done, _ = await asyncio.wait(tasks, timeout=CLOSE_WAIT_S)
    for task in done:
        task.result()


def _ended(task: asyncio.Future[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        task.exception()  # marks it as retrieved; the caller that waited gets it


def _timed_out(launching: _Launching | None, profile: str | Path | None, timeout_s: float) -> Timeout:
    if launching is None:
        which = "the default profile" if profile is None else f"the profile {str(profile)!r}"
        return Timeout(
            f"the browser and {which} could not be opened within {timeout_s:g} s; check that the disk responds, "
            "choose another folder with the profile option, or increase the timeout",
            data={"timeout_s": timeout_s, "stderr": "", "parameter": "profile"},
        )
    tail = launching.stderr_tail
    return Timeout(
        f"the page in {str(launching.program)!r} did not answer within {timeout_s:g} s; "
        f"the browser's last output: {tail or 'none'}",
        data={"timeout_s": timeout_s, "stderr": tail},
    )


def _launch_script(secret: str, *, seen: bool) -> str:
    """Return the script that passes the launch's facts to the host page (web/src/host/launch.ts)."""
    launch = msgspec.json.encode({"secret": secret, "seen": seen}).decode()
    return f"""
if (self === top && location.origin === "http://{ORIGIN_HOST}" && location.pathname === "/{HOST_PAGE}")
  Object.defineProperty(globalThis, "browserllmLaunch", {{ value: {launch}, configurable: true }});
"""


def _flags(profile: Path, ports: Mapping[str, int], *, visible: bool, webgpu: str) -> list[str]:
    flags = [
        *QUIET_FLAGS,
        f"--user-data-dir={profile}",
        "--remote-debugging-pipe",
        "--host-resolver-rules=" + ", ".join(f"MAP {name}:80 127.0.0.1:{port}" for name, port in ports.items()),
        *WEBGPU_FLAGS[webgpu],
        *shlex.split(os.environ.get("BROWSERLLM_BROWSER_FLAGS", "")),
    ]
    if not visible:
        flags.append("--headless=new")
    if sys.platform == "linux" and os.geteuid() == 0:
        # Chromium cannot sandbox itself as root, which is usual in containers.
        flags.append("--no-sandbox")
    return _join_features(flags)


def _join_features(flags: list[str]) -> list[str]:
    """Join feature flags into one of each kind, because Chromium only uses the last one."""
    joined: list[str] = []
    for kind in ("--enable-features=", "--disable-features="):
        features = [flag.removeprefix(kind) for flag in flags if flag.startswith(kind)]
        if features:
            joined.append(kind + ",".join(features))
    return [flag for flag in flags if not flag.startswith(("--enable-features=", "--disable-features="))] + joined
