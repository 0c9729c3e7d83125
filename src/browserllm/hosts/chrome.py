"""ChromeHost: a Chromium, Chrome, Edge or Brave that this process launches, and the page in it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from websockets.asyncio.server import ServerConnection

from ..channel import ChannelHost
from ..errors import BrowserLLMError, InvalidRequest, QuotaExceeded, Timeout
from .browser import find_browser
from .process import BrowserProcess
from .profile import Profile, open_profile
from .share import FolderServer, open_key
from .static import HOST_PAGE, SiteServer, site_folder
from .websocket import WebSocketChannel

logger = logging.getLogger("browserllm")

ORIGIN_HOST = "browserllm.localhost"
"""The name of the page's host. The model cache belongs to the origin, so it must not change with the port."""

FOLDERS_HOST = f"files.{ORIGIN_HOST}"
"""The name of the host with the shared folders: another origin, because engines keep only what is not the site's."""

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
    # A window behind another one computes as fast as one in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # No prompt of the system's keychain for a profile that keeps no passwords.
    "--password-store=basic",
    "--use-mock-keychain",
)

WEBGPU_FLAGS = {
    # Chromium then takes the GPU (on Linux through Vulkan), or on a machine without one its own software adapter,
    # SwiftShader.
    "auto": ("--enable-unsafe-webgpu", *(["--enable-features=Vulkan"] if sys.platform == "linux" else [])),
    "software": ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"),
    # Asks for the software adapter, which Chromium gives to nobody without the flag above. (Its feature flags for
    # WebGPU change nothing.)
    "off": ("--disable-gpu", "--use-webgpu-adapter=swiftshader"),
}


class ChromeHost(ChannelHost):
    """A host whose page lives in a browser of its own. `close` ends the browser; so does the end of this process."""

    def __init__(
        self,
        channel: WebSocketChannel,
        process: BrowserProcess,
        server: SiteServer,
        folders: FolderServer,
        profile: Profile,
    ) -> None:
        """Made by `launch`."""
        super().__init__(channel)
        self._process = process
        self._server = server
        self._folders = folders
        self._profile = profile
        self._closing: asyncio.Task[None] | None = None
        process.exited.add_done_callback(lambda exited: channel.drop(f"the browser ended (code {exited.result()})"))

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
        """Launch a browser, open the page in it and connect; see `browserllm.connect`."""
        if webgpu not in WEBGPU_FLAGS:
            raise InvalidRequest(f"webgpu={webgpu!r} is not valid; use 'auto', 'software' or 'off'", parameter="webgpu")
        folder = site_folder()
        program = find_browser(browser)
        opening = asyncio.ensure_future(asyncio.to_thread(open_profile, profile))
        try:
            held, notice = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread goes on: what it takes must not stay taken.
            opening.add_done_callback(lambda done: done.exception() or done.result()[0].release())
            raise
        launching = _Launching(held, folder)
        try:
            async with asyncio.timeout(timeout_s):
                host = await launching.run(program, visible=visible, webgpu=webgpu)
        except TimeoutError as error:
            tail = launching.stderr_tail
            await launching.undo()
            raise Timeout(
                f"the page in {str(program)!r} did not answer within timeout_s={timeout_s:g}; "
                f"the browser's last words: {tail or 'none'}",
                data={"timeout_s": timeout_s, "stderr": tail},
            ) from error
        except BaseException:
            await launching.undo()
            raise
        if notice is not None:
            host.notices.append(notice)
            logger.warning("%s", notice)
        return host

    def share_folder(self, path: str | os.PathLike[str]) -> str:
        """Serve a folder to the page; see `Host.share_folder`."""
        return self._folders.share(path)

    def disk_free_bytes(self) -> int | None:
        """Ask the system, for the profile's disk."""
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
        message = f"{error.message}; {free} bytes are free on the disk of the profile {str(self._profile.folder)!r}"
        return QuotaExceeded(message, data={**error.data, "available_bytes": available})

    async def close(self) -> None:
        """End the connection, the browser and the servers, and let go of the profile."""
        # One task does it, whoever asks and however often; cancelling a caller must not leave a browser behind.
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await super().close()
        await _release(self._process, self._server, self._folders, self._profile)


class _Launching:
    """What has been started on the way to a host, so that a failure can undo it."""

    def __init__(self, profile: Profile, folder: Path) -> None:
        self._profile = profile
        self._page: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()
        self._secret = secrets.token_urlsafe(24)
        self._server = SiteServer(folder, hosts=[ORIGIN_HOST], secret=self._secret, on_page=self._on_page)
        self._folders = FolderServer(host=FOLDERS_HOST, origin=f"http://{ORIGIN_HOST}", key=open_key(profile.folder))
        self._process: BrowserProcess | None = None
        self._channel: WebSocketChannel | None = None

    @property
    def stderr_tail(self) -> str:
        return self._process.stderr_tail if self._process is not None else ""

    async def run(self, program: Path, *, visible: bool, webgpu: str) -> ChromeHost:
        ports = {
            ORIGIN_HOST: (await self._server.start()).port,
            FOLDERS_HOST: (await self._folders.start()).port,
        }
        command = [str(program), *_flags(self._profile.folder, ports, visible=visible, webgpu=webgpu)]
        process = self._process = BrowserProcess(command, self._profile.lock_fd, self._on_crash)
        # All through the pipe: the command line is for everybody on the machine to read, and addresses are kept in the
        # profile's history.
        await process.open_page(f"http://{ORIGIN_HOST}/{HOST_PAGE}", _launch_script(self._secret, seen=visible))
        await asyncio.wait([self._page, process.exited], return_when=asyncio.FIRST_COMPLETED)
        if not self._page.done():
            raise process.ended_early()
        process.forget_script()
        self._channel = WebSocketChannel(self._page.result())
        host = ChromeHost(self._channel, process, self._server, self._folders, self._profile)
        await host.start()
        return host

    async def undo(self) -> None:
        await _release(self._process, self._server, self._folders, self._profile)

    def _on_page(self, connection: ServerConnection) -> None:
        if not self._page.done():
            self._page.set_result(connection)

    def _on_crash(self) -> None:
        if self._channel is not None:
            self._channel.drop("the page crashed, perhaps for want of memory")


def _launch_script(secret: str, *, seen: bool) -> str:
    """Return the script that tells the host page what it cannot find out by itself (web/src/host/launch.ts)."""
    launch = msgspec.json.encode({"secret": secret, "seen": seen}).decode()
    return f"""
if (self === top && location.origin === "http://{ORIGIN_HOST}" && location.pathname === "/{HOST_PAGE}")
  Object.defineProperty(globalThis, "browserllmLaunch", {{ value: {launch}, configurable: true }});
"""


async def _release(process: BrowserProcess | None, server: SiteServer, folders: FolderServer, profile: Profile) -> None:
    if process is not None:
        await process.close()
    await server.close()
    await folders.close()
    await asyncio.to_thread(profile.release)


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
        # Chromium refuses to sandbox itself when it runs as root, as it does in containers.
        flags.append("--no-sandbox")
    return _join_features(flags)


def _join_features(flags: list[str]) -> list[str]:
    """Chromium takes the last of several feature flags alone: make them one of each kind."""
    joined: list[str] = []
    for kind in ("--enable-features=", "--disable-features="):
        features = [flag.removeprefix(kind) for flag in flags if flag.startswith(kind)]
        if features:
            joined.append(kind + ",".join(features))
    return [flag for flag in flags if not flag.startswith(("--enable-features=", "--disable-features="))] + joined
