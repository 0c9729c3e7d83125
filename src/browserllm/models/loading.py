"""A model onto an engine: its artifacts one after the other, each proven by a short answer, none left half loaded."""

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
from ..page.host import Host, Progress, read
from ..types import Hop, Usage
from .catalog.card import Artifact, ModelCard
from .fit import memory_need
from .machine import MIB

OnProgress = Callable[[Progress], None]

SOFTWARE = "(software)"


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the page's memory: on which engine, device and adapter, and which steps were passed over.

    ``artifact_id`` is the engine's own id of the build, where it is known. ``input`` is what the model itself, now
    that it is loaded, takes: ``text``, ``image``. ``memory_bytes`` is what the catalog says that the build takes, or at
    least its weights; no browser tells what it really takes.
    """

    model: str
    engine: str
    device: str
    input: tuple[str, ...] = ("text",)
    artifact_id: str | None = None
    adapter: str | None = None
    context_window: int | None = None
    memory_bytes: int | None = None
    load_ms: float | None = None
    route: list[Hop] = []


class Wish(NamedTuple):
    """What a load was asked for; ``None`` leaves the choice open. ``artifact_id`` is an engine's own id."""

    engine: str | None = None
    device: str | None = None
    artifact_id: str | None = None
    keep_others: bool = False
    download: bool = True

    def is_met(self, loaded: LoadedModel) -> bool:
        """Whether what is loaded is what was asked for."""
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
    """A load under way, and everybody who waits for it: it is cancelled when the last one leaves."""

    task: asyncio.Task[LoadedModel]

    def __init__(self) -> None:
        """Wait to be started."""
        self._waiting = 0
        self._listeners: list[OnProgress] = []

    def start(self, work: Coroutine[Any, Any, LoadedModel], at_end: Callable[[], None]) -> None:
        """Begin, and call ``at_end`` when it is over or nobody wants it any more."""
        self._at_end = at_end
        self.task = asyncio.get_running_loop().create_task(work)
        self.task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[LoadedModel]) -> None:
        self._at_end()
        if not task.cancelled():
            task.exception()  # callers that still wait get it; after the last one has left it is not reported as lost

    def report(self, progress: Progress) -> None:
        """Tell everybody who waits."""
        for listener in list(self._listeners):
            listener(progress)

    async def wait(self, on_progress: OnProgress | None) -> LoadedModel:
        """Wait for the model with the others."""
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
    """Return an adapter's name for people: what WebGPU tells of it, and whether it is software."""
    words = [adapter.description] if adapter.description else [adapter.vendor, adapter.architecture, adapter.device]
    name = " ".join(word for word in words if word) or "unnamed adapter"
    return f"{name} {SOFTWARE}" if adapter.fallback else name


async def load_first(
    card: ModelCard,
    candidates: Sequence[tuple[Artifact, BrowserLLMError | None]],
    load: Callable[[Artifact, list[Hop], bool], Awaitable[LoadedModel]],
) -> LoadedModel:
    """Return the first of a model's candidates that loads; the steps passed over are on its route.

    ``load`` gets the artifact, the steps before it, and whether it may download: after one download that failed only
    what is on the device already is tried, never a second download that nobody asked for.

    Raises the one error when one was tried, the failed download's, or `LoadFailed` with every try. When none could be
    tried, it is an error of the best one's type, with what stands against each.
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
            if _is_the_end(error):
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
    """Return one error for what stands against every candidate, of the best one's type: that is the one to clear."""
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
    # Several builds for one device may fail for one reason: it is said once.
    return "; ".join(dict.fromkeys(f"{hop.engine} on {hop.device}: {hop.reason}" for hop in route))


async def load_one(
    host: Host, card: ModelCard, artifact: Artifact, route: list[Hop], report: OnProgress
) -> LoadedModel:
    """Load one artifact and let it prove itself; what fails, or is cancelled, leaves nothing in memory."""
    args = {
        "model": card.id,
        "engine": artifact.engine,
        "device": artifact.device,
        "artifact": artifact.to_wire(),
    }
    result = read(await host.call("load", args, report), LoadedModel, "'load'")
    try:
        report(Progress("warming_up", text="making sure that the model answers"))
        await _validate(host, card)
    except BaseException:
        with suppress(
            BrowserLLMError
        ):  # a page that is gone has freed its memory; the first failure is the one to tell
            await host.call("unload", {"model": card.id})
        raise
    report(Progress("ready", 1.0, "ready to answer"))
    memory_bytes = round(memory_need(artifact).mb * MIB) or None
    return await name_adapter(
        host, msgspec.structs.replace(result, artifact_id=artifact.id, memory_bytes=memory_bytes, route=route)
    )


async def name_adapter(host: Host, loaded: LoadedModel) -> LoadedModel:
    """Return what is loaded with its adapter called software where it is: only the probe tells, no engine."""
    if loaded.adapter is None:
        return loaded
    probed = (await host.probe()).webgpu.adapter
    if probed is None or not probed.fallback:
        return loaded
    return msgspec.structs.replace(loaded, adapter=f"{loaded.adapter} {SOFTWARE}")


async def _validate(host: Host, card: ModelCard) -> None:
    """Let the model answer two tokens, one from the prompt and one from decoding: what compiles may fail to run."""
    if card.type == "embedding":
        result = read(await host.call("embed", {"model": card.id, "input": ["Hi"]}), _EmbedResult, "'embed'")
        if not result.vectors or not result.vectors[0]:
            raise LoadFailed(f"model {card.id!r} was loaded but it made no vector of a text")
        return
    args: dict[str, Any] = {
        "model": card.id,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 2,
        "temperature": 0,
    }
    answer = read(await host.call("chat", args), _ChatResult, "'chat'")
    if answer.usage.completion_tokens < 1:
        raise LoadFailed(f"model {card.id!r} was loaded but its validation generation gave no token")


def _is_the_end(error: BrowserLLMError) -> bool:
    """Whether there is no use in another candidate: somebody stopped it, or the page itself is not there."""
    return isinstance(error, (Cancelled, ProtocolError)) or (
        isinstance(error, Unavailable) and error.reason == "closed"
    )
