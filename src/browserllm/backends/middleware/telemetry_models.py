"""Metrics of local models: how long they take to load and download, and what fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..._internal.arguments import wrong
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.version import __version__
from ...errors import BrowserLLMError
from .telemetry import SCOPE, MeterSource, check_provider, open_telemetry

if TYPE_CHECKING:
    from ...page.host import Progress

LOAD_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320]
DOWNLOAD_SECONDS = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]


class LoadedModel(Protocol):
    """Where a model runs, such as `browserllm.models.LoadedModel`."""

    @property
    def engine(self) -> str: ...  # noqa: D102

    @property
    def device(self) -> str: ...  # noqa: D102

    @property
    def memory_bytes(self) -> int | None: ...  # noqa: D102


class ModelEvent(Protocol):
    """An event of a model, such as `browserllm.models.ModelEvent`."""

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def progress(self) -> Progress | None: ...  # noqa: D102

    @property
    def loaded(self) -> LoadedModel | None: ...  # noqa: D102

    @property
    def error(self) -> BrowserLLMError | None: ...  # noqa: D102


class ModelEvents(Protocol):
    """A source of model events, such as `browserllm.ModelManager`."""

    def subscribe(self, callback: Callable[[Any], None], /) -> Callable[[], None]:
        """Call ``callback`` with every event; return a function that unsubscribes it."""
        ...


def observe_models(
    manager: ModelEvents, *, meter_provider: MeterSource | None = None, clock: AnyClock | None = None
) -> Callable[[], None]:
    """Report the model events of ``manager`` to OpenTelemetry; return a function that stops the reports.

    ``browserllm.model.load.duration`` and ``browserllm.model.download.duration`` in seconds (with ``error.type``
    after a failure), ``browserllm.model.download.size`` in bytes, ``browserllm.model.loaded``: the number of models in
    memory, by engine and device, and ``browserllm.model.memory.usage``: their size in bytes, as far as the catalog
    knows.
    Raises `Unsupported` if the package opentelemetry-api is not installed.
    """
    if not callable(getattr(manager, "subscribe", None)):
        raise wrong("manager", manager, "a model manager", "use ModelManager(host)")
    check_provider("meter_provider", meter_provider, MeterSource)
    return manager.subscribe(_Observer(meter_provider, clock or SystemClock()).see)


class _Observer:
    def __init__(self, meter_provider: MeterSource | None, clock: AnyClock) -> None:
        _, metrics = open_telemetry()
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._clock = clock
        # Start times by event kind and model, and the bytes downloaded so far by model.
        self._begun: dict[tuple[str, str], float] = {}
        self._bytes: dict[str, int] = {}
        self._places: dict[str, tuple[dict[str, str], int | None]] = {}
        self._durations = {
            "loading": meter.create_histogram(
                "browserllm.model.load.duration",
                unit="s",
                description="Time to load a model, from the request until it is ready.",
                explicit_bucket_boundaries_advisory=LOAD_SECONDS,
            ),
            "downloading": meter.create_histogram(
                "browserllm.model.download.duration",
                unit="s",
                description="Time to download a model, from the request until its files are on the device.",
                explicit_bucket_boundaries_advisory=DOWNLOAD_SECONDS,
            ),
        }
        self._size = meter.create_counter(
            "browserllm.model.download.size", unit="By", description="Bytes downloaded for models."
        )
        self._loaded = meter.create_up_down_counter(
            "browserllm.model.loaded", unit="{model}", description="Models in memory."
        )
        self._memory = meter.create_up_down_counter(
            "browserllm.model.memory.usage", unit="By", description="Memory used by loaded models."
        )

    def see(self, event: ModelEvent) -> None:
        model = event.model
        if event.kind in self._durations:
            self._begun[event.kind, model] = self._clock.now_s
        elif event.kind == "progress" and event.progress is not None:
            if event.progress.loaded_bytes is not None and ("downloading", model) in self._begun:
                self._bytes[model] = event.progress.loaded_bytes
        elif event.kind == "downloaded":
            self._end("downloading", model, {})
            self._size.add(self._bytes.pop(model, 0), {"gen_ai.request.model": model})
        elif event.kind == "ready" and event.loaded is not None:
            place = {"browserllm.engine": event.loaded.engine, "browserllm.device": event.loaded.device}
            self._end("loading", model, place)
            self._gone(model)
            self._places[model] = place, event.loaded.memory_bytes
            self._count(model, 1)
        elif event.kind in {"unloaded", "device_lost"}:
            self._gone(model)
        elif event.kind == "error":
            failed = {"error.type": "internal" if event.error is None else event.error.code}
            # A load that needs a download has started both, and both have failed.
            for kind in self._durations:
                self._end(kind, model, failed)
            self._bytes.pop(model, None)

    def _end(self, kind: str, model: str, attributes: dict[str, str]) -> None:
        begun_s = self._begun.pop((kind, model), None)
        if begun_s is not None:
            self._durations[kind].record(self._clock.now_s - begun_s, {"gen_ai.request.model": model, **attributes})

    def _gone(self, model: str) -> None:
        if model in self._places:
            self._count(model, -1)
            del self._places[model]

    def _count(self, model: str, sign: int) -> None:
        place, memory_bytes = self._places[model]
        attributes = {"gen_ai.request.model": model, **place}
        self._loaded.add(sign, attributes)
        if memory_bytes is not None:
            self._memory.add(sign * memory_bytes, attributes)
