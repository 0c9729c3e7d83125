"""Telemetry against OpenTelemetry's own SDK and its own list of names."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import msgspec
import opentelemetry.semconv.attributes.error_attributes as error_names
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.trace import SpanKind, StatusCode

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.middleware.telemetry import SECONDS, TOKENS
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import Clock, Wait
from unit.chat.interruptible import Interruptible, stopped


class Sdk:
    """A real SDK that keeps its reports in memory."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader])

    def around(self, backend: bl.Backend, **options: Any) -> bl.Telemetry:
        return bl.Telemetry(
            backend, tracer_provider=self.tracer_provider, meter_provider=self.meter_provider, **options
        )

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans.get_finished_spans()
        return span

    def metrics(self) -> dict[str, Any]:
        """Return every metric by name."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> list[tuple[float, dict[str, Any]]]:
        """Return the sum and the attributes of each point of a metric."""
        return [
            (point.sum if hasattr(point, "sum") else point.value, dict(point.attributes))
            for point in self.metrics()[name].data.data_points
        ]


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    sdk = Sdk()
    yield sdk
    sdk.tracer_provider.shutdown()
    sdk.meter_provider.shutdown()


class Cloud(ScriptedBackend):
    """A script that also reports what a cloud does."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        try:
            async for delta in super().generate(request, draft):
                yield delta
        finally:
            draft.usage = bl.types.Usage(
                prompt_tokens=12, completion_tokens=3, cached_tokens=8, cache_write_tokens=2, reasoning_tokens=1
            )
            draft.cost_usd = 0.25
            draft.provider_request_id = "req-1"
            draft.timings = bl.types.Timings(tokens_per_s=40.0)


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_answer_is_a_span_with_everything_but_its_content(sdk: Sdk) -> None:
    """Name, kind, request, response, usage and times, but no prompt and no answer."""
    clock = Clock()
    inner = Cloud([[Wait(2), "the secret ", Wait(1), "answer"]], name="gemini", model="m-1-0815", clock=clock)
    telemetry = sdk.around(inner, clock=clock)
    task = asyncio.create_task(
        telemetry.complete(
            "a secret question",
            temperature=0.5,
            top_p=0.9,
            max_tokens=9,
            seed=7,
            stop=["X"],
            metadata={"session": "s-1"},
            response_format={"type": "json_object"},
        )
    )
    for seconds in (2, 1):
        await settle()
        clock.advance(seconds)
    await task
    span = sdk.span
    assert (span.name, span.kind, span.status.status_code) == ("chat m-1-0815", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.conversation.id": "s-1",
        "gen_ai.output.type": "json",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("X",),
        "gen_ai.response.id": "req-1",
        "gen_ai.response.model": "m-1-0815",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 2.0,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "browserllm.backend": "gemini",
        "browserllm.cost_usd": 0.25,
        "browserllm.tokens_per_s": 40.0,
    }
    assert "secret" not in span.to_json()


async def test_metrics_have_the_names_units_and_buckets_of_the_conventions(sdk: Sdk) -> None:
    """Durations in seconds, tokens by type, and ours beside them."""
    clock = Clock()
    telemetry = sdk.around(Cloud([[Wait(2), "a"]], name="openai", clock=clock), clock=clock)
    task = asyncio.create_task(telemetry.complete("hi", model="m"))
    await settle()
    clock.advance(2)
    await task
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
    }
    assert sdk.points(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION) == [(2.0, common)]
    assert sdk.points(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK) == [(2.0, common)]
    assert sorted(sdk.points(gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE), key=str) == [
        (12, {**common, "gen_ai.token.type": "input"}),
        (3, {**common, "gen_ai.token.type": "output"}),
    ]
    assert sdk.points("browserllm.client.output.speed") == [(40.0, common)]
    assert sdk.points("browserllm.client.cost") == [(0.25, common)]
    metrics = sdk.metrics()
    duration, tokens = metrics["gen_ai.client.operation.duration"], metrics["gen_ai.client.token.usage"]
    assert (duration.unit, tokens.unit) == ("s", "{token}")
    assert list(duration.data.data_points[0].explicit_bounds) == SECONDS
    assert list(tokens.data.data_points[0].explicit_bounds) == TOKENS


async def test_every_name_is_one_of_the_conventions_or_ours(sdk: Sdk) -> None:
    """The list is the one that OpenTelemetry publishes for Python; deprecated names are not used."""
    known = {
        value
        for name, value in vars(gen_ai_attributes).items()
        if name.startswith("GEN_AI_") and isinstance(value, str)
    }
    deprecated = {"gen_ai.system", "gen_ai.prompt", "gen_ai.completion", "gen_ai.usage.prompt_tokens"}
    everything = {"top_k": 3, "frequency_penalty": 0.1, "presence_penalty": 0.1, "n": 2, "tools": [bl.Tool("look")]}
    system = [bl.Message("system", "be kind"), bl.Message("user", "hi")]
    await sdk.around(Cloud("a"), content=True).complete(system, temperature=1, model="m", **everything)
    with pytest.raises(bl.errors.Stalled):
        await sdk.around(Cloud([[bl.errors.Stalled("silent")]]), content=True).complete("hi")
    used = {name for span in sdk.spans.get_finished_spans() for name in span.attributes or {}}
    ours = {name for name in used if name.startswith("browserllm.")}
    assert len(used - ours) > 20
    assert used - ours - known == {error_names.ERROR_TYPE}
    assert not used & deprecated
    metrics = {value for name, value in vars(gen_ai_metrics).items() if name.startswith("GEN_AI_")}
    assert {name for name in sdk.metrics() if not name.startswith("browserllm.")} <= metrics


@pytest.mark.parametrize("content", [False, True])
async def test_a_failure_sets_the_status_and_the_error_type(sdk: Sdk, content: bool) -> None:
    """The error's code; its message, in which providers quote the request, only with ``content``."""
    inner = ScriptedBackend([["half ", bl.RateLimited("do not say 'my secret'")]], name="openai")
    with pytest.raises(bl.RateLimited):
        await sdk.around(inner, content=content).complete("hi")
    span = sdk.span
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "rate_limited"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert ("secret" in span.to_json()) is content
    assert sdk.points("gen_ai.client.operation.duration")[0][1]["error.type"] == "rate_limited"


async def test_a_failure_while_stopping_is_not_an_error(sdk: Sdk) -> None:
    """The answer has stopped, as requested."""
    await stopped(sdk.around(Interruptible(bl.Unavailable("gone"))))
    assert sdk.span.status.status_code is StatusCode.UNSET
    assert "error.type" not in (sdk.span.attributes or {})


async def test_content_is_reported_in_the_shape_of_the_conventions(sdk: Sdk) -> None:
    """Roles with parts, tool calls with their arguments, and the answer with its finish reason; no bytes of images."""
    answer = [bl.types.ReasoningDelta(reasoning="hm"), "I ", "look", bl.ToolCallPart("2", "look", '{"at": 2}')]
    await sdk.around(Cloud([answer]), content=True).complete(
        [
            bl.Message("system", "be kind"),
            bl.Message("user", [bl.TextPart("see"), bl.ImagePart(data=b"12345", media_type="image/png")], "ada"),
            bl.Message("assistant", [bl.ToolCallPart("1", "look", "{broken")]),
            bl.Message("tool", [bl.ToolResultPart("1", "a cat")]),
        ]
    )
    attributes = dict(sdk.span.attributes or {})
    assert json.loads(str(attributes["gen_ai.system_instructions"])) == [{"type": "text", "content": "be kind"}]
    assert json.loads(str(attributes["gen_ai.input.messages"])) == [
        {
            "role": "user",
            "name": "ada",
            "parts": [
                {"type": "text", "content": "see"},
                {"type": "image", "mime_type": "image/png", "size_bytes": 5},
            ],
        },
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "look", "arguments": "{broken"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "a cat"}]},
    ]
    assert json.loads(str(attributes["gen_ai.output.messages"])) == [
        {
            "role": "assistant",
            "finish_reason": "tool_calls",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "I look"},
                {"type": "tool_call", "id": "2", "name": "look", "arguments": {"at": 2}},
            ],
        }
    ]


class Tracing(ScriptedBackend):
    """Reports its own span at each step, at its end, and from a task that it starts."""

    def __init__(self, sdk: Sdk, *, name: str = "inner") -> None:
        super().__init__(name=name)
        self.tracer = sdk.tracer_provider.get_tracer("test")

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        async def send() -> None:
            with self.tracer.start_as_current_span("POST"):
                await asyncio.sleep(0)

        try:
            await asyncio.create_task(send())
            for number in range(3):
                with self.tracer.start_as_current_span(f"step {number}"):
                    await asyncio.sleep(0)
                yield f"{number} "
            await asyncio.get_running_loop().create_future()
        finally:
            with self.tracer.start_as_current_span("end"):
                pass


@pytest.mark.parametrize("way", ["stop", "close", "cancel", "other task"])
async def test_the_span_is_current_for_the_backend_and_never_for_the_caller(sdk: Sdk, way: str) -> None:
    """At every step and at the end, however it ends, and from any task; the caller keeps its own span."""
    caller = sdk.tracer_provider.get_tracer("test").start_span("caller")
    stream = sdk.around(Tracing(sdk)).stream("hi")

    async def read_on() -> None:
        async for _ in stream:
            assert trace.get_current_span() is caller

    with trace.use_span(caller):
        async for chunk in stream:
            assert trace.get_current_span() is caller
            if chunk.sequence == 2:
                break
        if way == "stop":
            stream.stop()
            await stream.finish()
        elif way == "close":
            await stream.aclose()
        else:
            reading = asyncio.create_task(read_on())
            await settle()
            if way == "cancel":
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
            else:
                await stream.aclose()
                await reading
        assert trace.get_current_span() is caller
    caller.end()
    spans = {span.name: span for span in sdk.spans.get_finished_spans()}
    chat = spans["chat"]
    assert chat.parent is not None
    assert chat.parent.span_id == caller.get_span_context().span_id
    children = {name for name, span in spans.items() if span.parent and span.parent.span_id == chat.context.span_id}
    assert {"POST", "step 0", "step 1", "end"} <= children
    assert chat.attributes is not None
    assert chat.attributes["gen_ai.response.finish_reasons"] == ("cancelled",)
    assert chat.status.status_code is StatusCode.UNSET


async def test_many_answers_at_once_keep_their_spans_apart(sdk: Sdk) -> None:
    """Two streams are read alternately in one task: each step is a child of its own answer."""
    streams = [sdk.around(Tracing(sdk, name=name)).stream("hi", model=name) for name in ("one", "two")]
    for _ in range(4):
        for stream in streams:
            await anext(stream)
    for stream in streams:
        await stream.aclose()
    spans = sdk.spans.get_finished_spans()
    for name in ("chat one", "chat two"):
        (chat,) = [span for span in spans if span.name == name]
        children = [span.name for span in spans if span.parent and span.parent.span_id == chat.context.span_id]
        assert children == ["POST", "step 0", "step 1", "step 2", "end"]


async def test_the_route_of_a_router_is_on_its_span(sdk: Sdk) -> None:
    """The backend that answered, and those that did not, with the reason; inner backends report their own spans."""
    local = ScriptedBackend([[bl.errors.DeviceLost("gone")]], name="local")
    cloud = sdk.around(ScriptedBackend("fine", name="anthropic", model="m"))
    await sdk.around(bl.Router([local, cloud])).complete("hi")
    inner, outer = sdk.spans.get_finished_spans()
    assert outer.attributes is not None
    assert inner.parent is not None
    assert outer.attributes["gen_ai.provider.name"] == "anthropic"
    assert outer.attributes["browserllm.route"] == ("local: device_lost",)
    assert inner.parent.span_id == outer.context.span_id


async def test_a_restarted_answer_reports_only_the_new_answer(sdk: Sdk) -> None:
    """Chunks before a restart do not count."""
    one = ScriptedBackend([["false start", bl.errors.Stalled("silent")]], name="one")
    router = bl.Router([one, ScriptedBackend("the answer", name="two")], on_interrupted="restart")
    await sdk.around(router, content=True).complete("hi")
    assert "false start" not in sdk.span.to_json()


async def test_without_an_sdk_nothing_is_reported_and_nothing_fails() -> None:
    """The API alone does nothing."""
    assert (await bl.Telemetry(ScriptedBackend("fine")).complete("hi")).text == "fine"


def test_without_the_api_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is an extra."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(bl.errors.Unsupported, match=r"pip install 'browserllm\[telemetry\]'"):
        bl.Telemetry(ScriptedBackend())


def test_importing_it_does_not_import_opentelemetry() -> None:
    """Only creating a `Telemetry` does."""
    import subprocess

    code = "import sys, browserllm; browserllm.Telemetry; print('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"


async def test_the_models_of_a_manager_are_metrics(sdk: Sdk) -> None:
    """With the events of a real manager: a load, a replacement, an unload, a failure."""
    clock = Clock()
    load_failed = {"webllm": bl.errors.LoadFailed("no"), "transformersjs": bl.errors.LoadFailed("no")}
    for fail_load in ({}, load_failed):
        host = bl.ScriptedHost(fail_load=fail_load)
        manager = bl.ModelManager(host)
        end = bl.backends.middleware.observe_models(manager, meter_provider=sdk.meter_provider, clock=clock)
        if fail_load:
            with pytest.raises(bl.errors.LoadFailed):
                await manager.load("pocket")
        else:
            loaded = await manager.load("pocket")
            place = {
                "gen_ai.request.model": loaded.model,
                "browserllm.engine": loaded.engine,
                "browserllm.device": loaded.device,
            }
            assert sdk.points("browserllm.model.loaded") == [(1, place)]
            await manager.unload("pocket")
            assert sdk.points("browserllm.model.loaded") == [(0, place)]
        end()
        await host.close()
    durations = sorted(sdk.points("browserllm.model.load.duration"), key=str)
    assert durations == [
        (0.0, place),
        (0.0, {"gen_ai.request.model": "pocket", "error.type": "load_failed"}),
    ]


async def test_downloads_are_metrics_too(sdk: Sdk) -> None:
    """Seconds and bytes; a failed download counts no bytes."""
    clock, events = Clock(), Events()
    end = bl.backends.middleware.observe_models(events, meter_provider=sdk.meter_provider, clock=clock)
    for last in (
        bl.models.ModelEvent(kind="downloaded", model="m"),
        bl.models.ModelEvent(kind="error", model="m", error=bl.errors.QuotaExceeded("full")),
    ):
        events.tell(bl.models.ModelEvent(kind="downloading", model="m"))
        clock.advance(4)
        events.tell(
            bl.models.ModelEvent(
                kind="progress", model="m", progress=bl.page.Progress("downloading", loaded_bytes=5000)
            )
        )
        clock.advance(1)
        events.tell(last)
    events.tell(bl.models.ModelEvent(kind="downloading", model="n"))
    events.tell(bl.models.ModelEvent(kind="downloaded", model="n"))
    events.tell(bl.models.ModelEvent(kind="downloading", model="m"))
    events.tell(bl.models.ModelEvent(kind="downloaded", model="m"))
    end()
    events.tell(bl.models.ModelEvent(kind="downloading", model="m"))
    assert sdk.points("browserllm.model.download.duration") == [
        (5.0, {"gen_ai.request.model": "m"}),
        (5.0, {"gen_ai.request.model": "m", "error.type": "quota_exceeded"}),
        (0.0, {"gen_ai.request.model": "n"}),
    ]
    assert sdk.points("browserllm.model.download.size") == [
        (5000, {"gen_ai.request.model": "m"}),
        (0, {"gen_ai.request.model": "n"}),
    ]


async def test_the_memory_of_models_is_what_the_catalog_says(sdk: Sdk) -> None:
    """A load adds it, an unload removes it; without a figure in the catalog nothing is reported."""
    card = bl.models.Catalog().get("pocket")
    known = msgspec.structs.replace(card.artifacts[0], vram_mb=100.0)
    manager = bl.ModelManager(
        bl.ScriptedHost(), bl.models.Catalog([bl.models.ModelCard(id="known", artifacts=[known])])
    )
    bl.backends.middleware.observe_models(manager, meter_provider=sdk.meter_provider, clock=Clock())
    assert (await manager.load("pocket")).memory_bytes is None
    assert "browserllm.model.memory.usage" not in sdk.metrics()
    loaded = await manager.load("known")
    assert loaded.memory_bytes == 100 * 2**20
    (point,) = sdk.points("browserllm.model.memory.usage")
    assert (point[0], point[1]["gen_ai.request.model"]) == (100 * 2**20, "known")
    await manager.unload("known")
    assert [value for value, _ in sdk.points("browserllm.model.memory.usage")] == [0]


async def test_a_model_that_loads_again_elsewhere_is_one_model(sdk: Sdk) -> None:
    """A lost device frees it, and another engine loads it."""
    events = Events()
    bl.backends.middleware.observe_models(events, meter_provider=sdk.meter_provider, clock=Clock())
    for device in ("webgpu", "wasm"):
        loaded = bl.models.LoadedModel(model="m", engine="transformersjs", device=device)
        events.tell(bl.models.ModelEvent(kind="ready", model="m", loaded=loaded))
    counts = {attributes["browserllm.device"]: count for count, attributes in sdk.points("browserllm.model.loaded")}
    assert counts == {"webgpu": 0, "wasm": 1}
    events.tell(bl.models.ModelEvent(kind="device_lost", model="m"))
    counts = {attributes["browserllm.device"]: count for count, attributes in sdk.points("browserllm.model.loaded")}
    assert counts == {"webgpu": 0, "wasm": 0}


class Events:
    """Emits the test's events."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def subscribe(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def tell(self, event: bl.models.ModelEvent) -> None:
        for callback in self.callbacks:
            callback(event)


@pytest.mark.parametrize("field", ["model", "provider_request_id", "finish_reason", "engine", "device", "code"])
async def test_only_known_words_are_reported_about_a_private_request(field: str) -> None:
    """In spans and in metrics: text from a server can be anything, even the prompt."""
    secret = "my-diary"

    class Echoes(bl.Backend):
        leaves_device = False

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            if field == "code":
                error = bl.RateLimited(secret, data={"reason": secret})
                error.code = secret  # type: ignore[misc]
                raise error
            setattr(draft, field, secret)
            yield secret

    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    for inner in (Echoes(), bl.Router([Echoes()])):
        llm = bl.Telemetry(inner, content=True, tracer_provider=tracers, meter_provider=meters)
        for model in (None, "asked"):
            with contextlib.suppress(bl.BrowserLLMError):
                await llm.complete(secret, private=True, model=model)
    spans = "".join(span.to_json() for span in exporter.get_finished_spans())
    metrics = reader.get_metrics_data()
    assert metrics is not None and secret not in metrics.to_json()
    assert "chat asked" in spans and secret not in spans
