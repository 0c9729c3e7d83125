"""A browser process, driven over Chromium's debugging pipe: it exits when the pipe closes, so never outlives Python."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec

from ..._internal.formatting import system_text
from ..._internal.system import forks
from ..._internal.threads import Threads
from ...errors import ProtocolError, Unavailable

STDERR_TAIL_BYTES = 4096

MAX_ANSWER_BYTES = 1024 * 1024
"""Longer messages of the browser are ignored; those that matter have a few hundred bytes."""

CRASHED = "Target.targetCrashed"

GRACE_WAIT_S = 5.0
"""How long a browser has to exit after ``Browser.close``, before it is terminated."""

TERM_WAIT_S = 2.0
"""How long it has then, before it is killed."""

KILL_WAIT_S = 5.0
"""How long closing then waits for its end; a process that is blocked on the disk ends later."""

LAUNCHES = Threads("launching browsers", places=32, max_given_up=64)
"""For the disk access of launches. All hosts share it, because the disk may hang."""


class BrowserProcess:
    """A running browser. ``exited`` is done once it has exited; ``on_crash`` is called when its page crashes.

    The pipe speaks the Chrome DevTools Protocol: JSON texts, each followed by a NUL byte
    (https://chromedevtools.github.io/devtools-protocol/). We only use a few of its messages: open a page after running
    a script in it, and close the browser.
    """

    def __init__(self, started: _Started, on_crash: Callable[[], None]) -> None:
        """Watch a ``started`` browser; needs a running event loop. `start` starts one."""
        self._loop = asyncio.get_running_loop()
        self._started = started
        self._program = started.program
        self._on_crash = on_crash
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._stderr = bytearray()
        self._session = ""
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._ended = threading.Event()
        self.pid: int = started.process.pid
        # Threads, because asyncio cannot read such a pipe on Windows. Each ends with the browser.
        self._stderr_reader = threading.Thread(target=self._read_stderr, args=[started.stderr], daemon=True)
        try:
            self._stderr_reader.start()
            for target in (self._read_answers, self._wait):
                threading.Thread(target=target, daemon=True).start()
        except RuntimeError as error:
            started.abandon()
            raise Unavailable(
                f"no thread can be started for the browser {self._program!r}: {error}; end some threads",
                reason="blocked",
            ) from error

    @classmethod
    async def start(cls, command: Sequence[str], lock_fd: int, on_crash: Callable[[], None]) -> BrowserProcess:
        """Start ``command``, which inherits the lock. If the caller has given up by then, it is killed at once."""
        # Copied here, because the lock may be closed before a start that hangs continues.
        lock = list(forks.keep(lambda: (os.dup(lock_fd),)))
        try:
            started = await LAUNCHES.run_or_dispose(lambda: _Started(command, lock.pop()), _Started.abandon)
        finally:
            with suppress(IndexError):
                forks.close(lock.pop())  # the start never took it
        return cls(started, on_crash)

    @property
    def stderr_tail(self) -> str:
        """The end of the browser's standard error."""
        return bytes(self._stderr).decode(errors="replace").strip()

    async def open_page(self, url: str, script: str) -> None:
        """Open ``url``, and run ``script`` in the page before its own scripts.

        The script is in no address and on no disk. It runs in every page of that tab until `forget_script`. Raises
        `Unavailable` if the browser refuses or exits.
        """
        await self._ask(1, "Target.setDiscoverTargets", {"discover": True})  # reports crashes
        target = await self._ask(2, "Target.createTarget", {"url": "about:blank", "newWindow": True})
        attached = await self._ask(
            4, "Target.attachToTarget", {"targetId": str(target.get("targetId", "")), "flatten": True}
        )
        self._session = str(attached.get("sessionId", ""))
        await self._ask(5, "Page.enable", {}, self._session)
        await self._ask(6, "Page.addScriptToEvaluateOnNewDocument", {"source": script}, self._session)
        opened = await self._ask(7, "Page.navigate", {"url": url}, self._session)
        if opened.get("errorText"):
            raise Unavailable(f"the browser cannot open its page {url!r}: {opened['errorText']}", reason="blocked")

    def forget_script(self) -> None:
        """Detach from the page; the script no longer runs in new pages."""
        self._send(8, "Target.detachFromTarget", {"sessionId": self._session})

    def ended_early(self) -> Unavailable:
        """Return the error for a browser that exited during the launch."""
        code = self.exited.result()
        # Code 0: another browser (not started by this library) uses the profile, and takes over.
        return Unavailable(
            f"the browser {self._program!r} exited with code {code} before its page was ready; "
            f"its last output: {self.stderr_tail or 'none'}",
            reason="closed" if code else "profile_in_use",
            data={"exit_code": code, "stderr": self.stderr_tail},
        )

    async def close(self, grace_s: float | None = None, term_s: float | None = None) -> None:
        """Ask the browser to exit, then terminate it, then kill it; returns when it has exited or nothing helps.

        It has ``grace_s`` seconds to exit, and ``term_s`` more to terminate (`GRACE_WAIT_S` and `TERM_WAIT_S` by
        default). With ``term_s=0`` it is killed after ``grace_s``, and its child processes are killed in any case.
        """
        grace_s = GRACE_WAIT_S if grace_s is None else grace_s
        term_s = TERM_WAIT_S if term_s is None else term_s
        steps = [(grace_s, self._started.process.terminate), (term_s, self.kill), (KILL_WAIT_S, None)]
        if term_s <= 0:
            steps[:2] = [(grace_s, self.kill)]
            self._started.kill_group_at_exit()
        try:
            if not self.exited.done():
                self._send(3, "Browser.close", {})
                for wait_s, end in steps:
                    done, _ = await asyncio.wait([self.exited], timeout=wait_s)
                    if done or end is None:
                        break
                    end()
        except asyncio.CancelledError:
            self.kill()  # the loop is ending: there will be no other chance
            raise
        finally:
            self._started.close_commands()

    def kill(self) -> None:
        """Kill the browser and its child processes, even suspended ones, without waiting."""
        if not self._ended.is_set():
            self._started.kill()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the browser has exited, or the timeout passed; returns whether it has exited."""
        return self._ended.wait(timeout_s)

    async def _ask(self, number: int, method: str, params: dict[str, Any], session: str = "") -> dict[str, Any]:
        reply: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._replies[number] = reply
        self._send(number, method, params, session)
        await asyncio.wait([reply, self.exited], return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            raise self.ended_early()
        error, result = reply.result().get("error"), reply.result().get("result")
        if error:
            raise Unavailable(f"the browser refused {method!r}: {_shortly(error)}", reason="blocked")
        if isinstance(result, dict):
            return cast("dict[str, Any]", result)
        raise ProtocolError(
            f"the browser {self._program!r} answered {method!r} with {_shortly(reply.result())}, which is not valid in "
            "the Chrome DevTools Protocol; choose Chromium, Chrome, Edge or Brave with the browser option",
            data={"parameter": "browser"},
        )

    def _send(self, number: int, method: str, params: dict[str, Any], session: str = "") -> None:
        request: dict[str, Any] = {"id": number, "method": method, "params": params}
        message = msgspec.json.encode({**request, "sessionId": session} if session else request) + b"\0"
        try:
            os.write(self._started.commands, message)
        except OSError:
            # The pipe is broken because the browser has exited; all callers also wait for `exited`.
            return

    def _read_answers(self) -> None:
        pending = b""
        while data := _read(self._started.answers):
            *messages, pending = (pending + data).split(b"\0")
            # Decoded in this thread, so that irrelevant messages cost the loop nothing.
            for answer in filter(None, map(read_answer, messages)):
                self._call_soon(self._on_answer, answer)
            if len(pending) > MAX_ANSWER_BYTES:
                pending = _NOISE  # makes the rest of the message invalid, so it is ignored
        forks.close(self._started.answers)

    def _read_stderr(self, stderr: int) -> None:
        while data := _read(stderr):
            self._stderr += data
            del self._stderr[:-STDERR_TAIL_BYTES]
        forks.close(stderr)

    def _wait(self) -> None:
        code = self._started.process.wait()
        self._ended.set()
        self._stderr_reader.join(1)  # for its last output; a surviving child may keep the pipe open
        self._call_soon(self._on_exit, code)

    def _call_soon(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return  # the event loop has ended before the browser

    def _on_exit(self, code: int) -> None:
        if not self.exited.done():
            self.exited.set_result(code)

    def _on_answer(self, answer: dict[str, Any]) -> None:
        if "id" not in answer:
            self._on_crash()
            return
        reply = self._replies.pop(answer["id"], None)
        if reply is not None and not reply.done():
            reply.set_result(answer)


_NOISE = b"\xff"  # not valid JSON


def read_answer(message: bytes) -> dict[str, Any] | None:
    """Return a message of the browser if it answers a request (and has an ``id``) or reports a crash.

    All others are ignored: other events of Chromium, or output of a program that is not Chromium.
    """
    try:
        answer: Any = msgspec.json.decode(message)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    read = cast("dict[str, Any]", answer)
    if type(read.get("id")) is int:
        return read
    return {"method": CRASHED} if "id" not in read and read.get("method") == CRASHED else None


def _shortly(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


class _Started:
    """A started browser, and our ends of its pipes."""

    def __init__(self, command: Sequence[str], lock: int) -> None:
        """Start ``command``, and close ``lock``. Blocks while the program is read from the disk."""
        self.program = command[0]
        opened = [lock]

        def pipe() -> tuple[int, int]:
            ends = forks.pipe()
            opened.extend(ends)
            return ends

        try:
            commands_in, self.commands = pipe()
            self.answers, answers_out = pipe()
            self.stderr, stderr_out = pipe()
            self.process = _start(command, commands_in, answers_out, stderr_out, lock)
        except BaseException as error:
            for fd in opened:
                forks.close(fd)
            if isinstance(error, OSError):
                raise Unavailable(
                    f"the browser {self.program!r} cannot be started: {system_text(error)}; choose another "
                    "one with the browser option",
                    reason="no_browser",
                    data={"parameter": "browser"},
                ) from error
            raise
        for fd in (lock, commands_in, answers_out, stderr_out):
            forks.close(fd)

    def kill(self) -> None:
        """Kill the browser and its process group."""
        self.process.kill()

    def kill_group_at_exit(self) -> None:
        """Kill the browser's process group when the browser exits."""
        if sys.platform != "win32":
            self.process.whole_group = True

    def close_commands(self) -> None:
        """Close the pipe that keeps the browser alive."""
        fd, self.commands = self.commands, -1
        if fd >= 0:
            forks.close(fd)

    def abandon(self) -> None:
        """Kill the browser, wait for its end, and close all pipes: no other object owns it."""
        self.kill()
        self.process.wait()
        self.close_commands()
        for fd in (self.answers, self.stderr):
            forks.close(fd)


class _Spawned:
    """Like `subprocess.Popen`, for a process started by `os.posix_spawn`, which leads its own process group."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._parent = os.getpid()
        self._lock = threading.Lock()
        self._reaped = False
        self.whole_group = False

    def terminate(self) -> None:
        self._signal(os.kill, signal.SIGTERM)

    def kill(self) -> None:
        self.whole_group = True
        self._signal(os.killpg, signal.SIGKILL)

    def wait(self) -> int:
        try:
            if hasattr(os, "waitid"):
                # The pid cannot be reused until it is reaped, which happens with the lock held.
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                if self.whole_group:
                    self._signal(os.killpg, signal.SIGKILL)
                with self._lock:
                    _, status = os.waitpid(self.pid, 0)
                    self._reaped = True
            else:
                _, status = os.waitpid(self.pid, 0)
                self._reaped = True
        except ChildProcessError:
            # The program waits for all children elsewhere, or ignores SIGCHLD: the exit code is lost.
            self._reaped = True
            return 255
        return os.waitstatus_to_exitcode(status)

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        if self._parent != os.getpid():
            return  # a fork: the browser belongs to the parent
        with self._lock:
            if not self._reaped:
                with suppress(ProcessLookupError, PermissionError):
                    send(self.pid, number)


if sys.platform == "win32":

    def _start(
        command: Sequence[str], commands: int, answers: int, stderr: int, lock_fd: int
    ) -> subprocess.Popen[bytes]:
        import msvcrt

        handles = [msvcrt.get_osfhandle(fd) for fd in (commands, answers, stderr)]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO()
        startup.lpAttributeList = {"handle_list": handles}
        pipes = f"--remote-debugging-io-pipes={handles[0]},{handles[1]}"
        return subprocess.Popen(
            [command[0], pipes, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            startupinfo=startup,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )

else:

    def _start(command: Sequence[str], commands: int, answers: int, stderr: int, lock_fd: int) -> _Spawned:
        import fcntl

        # Chromium reads commands from descriptor 3 and answers on 4; 5 holds the profile's lock. The copies have higher
        # numbers, so that no dup2 overwrites a descriptor that is still needed.
        sources: list[int] = []
        null = os.open(os.devnull, os.O_RDWR)
        try:
            for fd in (commands, answers, lock_fd, stderr):
                sources += forks.keep(lambda fd=fd: (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10),))
            moves = [(os.POSIX_SPAWN_DUP2, source, fd) for source, fd in zip(sources, (3, 4, 5, 2), strict=True)]
            moves += [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
            # In its own process group, so that Ctrl-C only reaches Python, which closes the browser properly.
            pid = os.posix_spawn(Path(command[0]), list(command), os.environ, file_actions=moves, setpgroup=0)
        finally:
            for fd in sources:
                forks.close(fd)
            os.close(null)
        return _Spawned(pid)
