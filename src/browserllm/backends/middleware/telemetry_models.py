"""Metrics of the models on the device: how long they take to load and to download, and what fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..._internal.clock import AnyClock, SystemClock
from ..._internal.version import __version__
from ...errors import BrowserLLMError
from .telemetry import SCOPE, open_telemetry

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from ...page.host import Progress

LOAD_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320]
DOWNLOAD_SECONDS = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]


class LoadedModel(Protocol):
    """Where a model runs: `browserllm.models.LoadedModel` is one."""

    @property
    def engine(self) -> str: ...  # noqa: D102

    @property
    def device(self) -> str: ...  # noqa: D102

    @property
    def memory_bytes(self) -> int | None: ...  # noqa: D102


class ModelEvent(Protocol):
    """What happens to a model: `browserllm.models.ModelEvent` is one."""

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
    """Whoever tells of models, as `browserllm.ModelManager` does. Routing knows no models: this is what it needs."""

    def subscribe(self, callback: Callable[[Any], None], /) -> Callable[[], None]:
        """Call ``callback`` with every event; return what ends that."""
        ...


def observe_models(
    manager: ModelEvents, *, meter_provider: MeterProvider | None = None, clock: AnyClock | None = None
) -> Callable[[], None]:
    """Report what ``manager`` tells of its models to OpenTelemetry; returns what ends that.

    ``browserllm.model.load.duration`` and ``browserllm.model.download.duration`` in seconds (with ``error.type`` when
    it came to nothing), ``browserllm.model.download.size`` in bytes, ``browserllm.model.loaded``: how many models are
    in memory, by engine and device, and ``browserllm.model.memory.usage``: the bytes that they take, as far as the
    catalog knows. Raises `Unsupported` when the package opentelemetry-api is not there.
    """
    return manager.subscribe(_Observer(meter_provider, clock or SystemClock()).see)


class _Observer:
    def __init__(self, meter_provider: MeterProvider | None, clock: AnyClock) -> None:
        _, metrics = open_telemetry()
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._clock = clock
        # What has begun, by what it is and of which model: when, and how many bytes so far.
        self._begun: dict[tuple[str, str], float] = {}
        self._bytes: dict[str, int] = {}
        self._places: dict[str, tuple[dict[str, str], int | None]] = {}
        self._durations = {
            "loading": meter.create_histogram(
                "browserllm.model.load.duration",
                unit="s",
                description="From the order to load a model until it answers.",
                explicit_bucket_boundaries_advisory=LOAD_SECONDS,
            ),
            "downloading": meter.create_histogram(
                "browserllm.model.download.duration",
                unit="s",
                description="From the order to download a model until its files are on the device.",
                explicit_bucket_boundaries_advisory=DOWNLOAD_SECONDS,
            ),
        }
        self._size = meter.create_counter(
            "browserllm.model.download.size", unit="By", description="Bytes of the models that were downloaded."
        )
        self._loaded = meter.create_up_down_counter(
            "browserllm.model.loaded", unit="{model}", description="Models in memory."
        )
        self._memory = meter.create_up_down_counter(
            "browserllm.model.memory.usage", unit="By", description="Memory that the models in it take."
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
            # A load that needs a download has begun both: it is the download that failed, and the load with it.
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
