"""Loading a model: try its artifacts in order, validate each with a short answer, and leave none half loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..errors import (
    BrowserLLMError,
    Cancelled,
    DownloadInterrupted,
    IntegrityError,
    LoadFailed,
    ModelNotDownloaded,
    ProtocolError,
    QuotaExceeded,
    Unavailable,
)
from ..page.device import AdapterInfo
from ..page.host import HonouredOptions, Host, Progress, read
from ..types import Hop, Usage
from .catalog.card import Artifact, ModelCard
from .fit import memory_need
from .machine import MIB

OnProgress = Callable[[Progress], None]

SOFTWARE = "(software)"


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the page's memory: its engine, device and adapter, and in ``route`` the builds that failed before it.

    ``artifact_id`` is the engine's own id of the build, if known. ``input`` lists what the loaded model accepts:
    ``text``, ``image``; ``options`` are those of a chat that it honours, ``None`` if the page does not report them.
    ``memory_bytes`` is the catalog's figure for the build, or at least the size of its weights;
    browsers do not report the memory in use.
    """

    model: str
    engine: str
    device: str
    input: tuple[str, ...] = ("text",)
    options: HonouredOptions | None = None
    artifact_id: str | None = None
    adapter: str | None = None
    context_window: int | None = None
    memory_bytes: int | None = None
    load_ms: float | None = None
    route: list[Hop] = []


class LoadRequest(NamedTuple):
    """The arguments of a load; ``None`` allows any. ``artifact_id`` is an engine's own id of a build."""

    engine: str | None = None
    device: str | None = None
    artifact_id: str | None = None
    keep_others: bool = False
    download: bool = True

    def is_met_by(self, loaded: LoadedModel) -> bool:
        """Whether a loaded model satisfies this request."""
        return (
            self.engine in (None, loaded.engine)
            and self.device in (None, loaded.device)
            and self.artifact_id in (None, loaded.artifact_id)
        )


class _ChatResult(msgspec.Struct):
    usage: Usage


class _EmbedResult(msgspec.Struct):
    vectors: list[list[float]]


class SharedLoad:
    """A load in progress, shared by its callers: it is cancelled when the last one stops waiting."""

    task: asyncio.Task[LoadedModel]

    def __init__(self) -> None:
        """Prepare the load; `start` begins it."""
        self._waiting = 0
        self._listeners: list[OnProgress] = []

    def start(self, work: Coroutine[Any, Any, LoadedModel], at_end: Callable[[], None]) -> None:
        """Begin, and call ``at_end`` when the load has ended or no caller waits for it."""
        self._at_end = at_end
        self.task = asyncio.get_running_loop().create_task(work)
        self.task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[LoadedModel]) -> None:
        self._at_end()
        if not task.cancelled():
            task.exception()  # waiting callers get it; without any, asyncio must not log it as never retrieved

    def report(self, progress: Progress) -> None:
        """Report progress to every waiting caller."""
        for listener in list(self._listeners):
            listener(progress)

    async def wait(self, on_progress: OnProgress | None) -> LoadedModel:
        """Wait for the model; cancelling the last waiting caller cancels the load."""
        self._waiting += 1
        if on_progress is not None:
            self._listeners.append(on_progress)
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if on_progress is not None:
                self._listeners.remove(on_progress)
            if self._waiting == 0 and not self.task.done():
                self._at_end()
                self.task.cancel()


def describe_adapter(adapter: AdapterInfo) -> str:
    """Return an adapter's display name: what WebGPU reports, and whether it runs in software."""
    words = [adapter.description] if adapter.description else [adapter.vendor, adapter.architecture, adapter.device]
    name = " ".join(word for word in words if word) or "unnamed adapter"
    return f"{name} {SOFTWARE}" if adapter.fallback else name


async def load_first(
    card: ModelCard,
    candidates: Sequence[tuple[Artifact, BrowserLLMError | None]],
    load: Callable[[Artifact, list[Hop], bool], Awaitable[LoadedModel]],
) -> LoadedModel:
    """Load the first of a model's candidates that works; the result's ``route`` lists the ones that failed before it.

    ``load`` gets the artifact, the route so far, and whether it may download. After a failed download only builds
    already on the device are tried, so that a failure never starts a second, unexpected download.

    Raises the error of the only attempt, the error of the failed download, or `LoadFailed` listing every attempt. When
    no candidate could be tried, the error has the type of the best one's obstacle and lists them all.
    """
    route: list[Hop] = []
    obstacles: list[BrowserLLMError] = []
    tried: list[BrowserLLMError] = []
    failed_download: BrowserLLMError | None = None
    for artifact, obstacle in candidates:
        try:
            if obstacle is not None:
                raise obstacle
            return await load(artifact, list(route), failed_download is None)
        except BrowserLLMError as error:
            if _ends_the_search(error):
                raise
            if isinstance(error, (DownloadInterrupted, IntegrityError, ModelNotDownloaded, QuotaExceeded)):
                failed_download = failed_download or error
            else:
                (obstacles if error is obstacle else tried).append(error)
            route.append(
                Hop(model=card.id, engine=artifact.engine, device=artifact.device, reason=str(error), code=error.code)
            )
    if failed_download is not None and not tried:
        raise failed_download
    if not tried:
        raise _join_obstacles(card, obstacles, route)
    if len(tried) == 1 and failed_download is None:
        raise tried[0]
    raise LoadFailed(
        f"no engine could load model {card.id!r}: {_steps_text(route)}", data={"steps": msgspec.to_builtins(route)}
    ) from tried[-1]


def _join_obstacles(card: ModelCard, obstacles: Sequence[BrowserLLMError], route: list[Hop]) -> BrowserLLMError:
    """Return one error with every candidate's obstacle, of the best one's type: that is the one to fix first."""
    first = obstacles[0]
    if len(obstacles) == 1:
        first.data.setdefault("steps", msgspec.to_builtins(route))
        return first
    joined = type(first)(
        f"this device cannot run model {card.id!r}: {_steps_text(route)}",
        data={**first.data, "steps": msgspec.to_builtins(route)},
    )
    joined.__cause__ = first
    return joined


def _steps_text(route: list[Hop]) -> str:
    # Several builds for one device may fail for the same reason: give it once.
    return "; ".join(dict.fromkeys(f"{hop.engine} on {hop.device}: {hop.reason}" for hop in route))


async def load_one(
    host: Host, card: ModelCard, artifact: Artifact, route: list[Hop], report: OnProgress
) -> LoadedModel:
    """Load one artifact and validate it with a short answer; a failed or cancelled load frees its memory."""
    args = {
        "model": card.id,
        "engine": artifact.engine,
        "device": artifact.device,
        "artifact": artifact.to_wire(),
    }
    result = read(await host.call("load", args, report), LoadedModel, "'load'")
    try:
        report(Progress("warming_up", text="checking that the model answers"))
        await _validate(host, card)
    except BaseException:
        with suppress(BrowserLLMError):  # a closed page has freed its memory; raise the first failure
            await host.call("unload", {"model": card.id})
        raise
    report(Progress("ready", 1.0, "ready to answer"))
    memory_bytes = round(memory_need(artifact).mb * MIB) or None
    return await name_adapter(
        host, msgspec.structs.replace(result, artifact_id=artifact.id, memory_bytes=memory_bytes, route=route)
    )


async def name_adapter(host: Host, loaded: LoadedModel) -> LoadedModel:
    """Mark a loaded model's adapter as software where it is: the probe reports this, the engines do not."""
    if loaded.adapter is None:
        return loaded
    probed = (await host.probe()).webgpu.adapter
    if probed is None or not probed.fallback:
        return loaded
    return msgspec.structs.replace(loaded, adapter=f"{loaded.adapter} {SOFTWARE}")


async def _validate(host: Host, card: ModelCard) -> None:
    """Generate two tokens, one from the prompt and one from decoding: a model that compiles may still fail to run."""
    if card.type == "embedding":
        result = read(await host.call("embed", {"model": card.id, "input": ["Hi"]}), _EmbedResult, "'embed'")
        if not result.vectors or not result.vectors[0]:
            raise LoadFailed(
                f"model {card.id!r} was loaded, but its test embedding is empty; try another engine or device"
            )
        return
    args: dict[str, Any] = {
        "model": card.id,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 2,
        "temperature": 0,
    }
    answer = read(await host.call("chat", args), _ChatResult, "'chat'")
    if answer.usage.completion_tokens < 1:
        raise LoadFailed(
            f"model {card.id!r} was loaded, but generated no token in its test; try another engine or device"
        )


def _ends_the_search(error: BrowserLLMError) -> bool:
    """Whether trying another candidate is pointless: the load was cancelled, or the page is closed."""
    return isinstance(error, (Cancelled, ProtocolError)) or (
        isinstance(error, Unavailable) and error.reason == "closed"
    )
