"""Telemetry: a span and metrics for every answer, by OpenTelemetry's conventions for generative AI.

Names follow the semantic conventions 1.40 (status: development), as listed in the package
opentelemetry-semantic-conventions 0.66; names that it lacks begin with ``browserllm.``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..._internal.arguments import check_kind
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.version import __version__
from ...errors import Unsupported
from ...types import ChatRequest
from ..base import Backend, Middleware
from ..draft import Draft
from ..router.routed import is_empty
from ..stream import Delta
from .reporting import error_code, known, model_of, route_texts
from .telemetry_content import AnswerContent, input_content

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

SCOPE = "browserllm"

# The conventions' names of providers that differ from our backends' names.
PROVIDERS = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai", "local": "browserllm"}

# The buckets that the conventions specify.
SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
TOKENS = [4.0**exponent for exponent in range(14)]

# Fields of a request, and their span attributes.
_REQUEST = {
    "model": "gen_ai.request.model",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
}


# OpenTelemetry's own types cannot be imported where it is not installed, but programs read the types of a signature.
@runtime_checkable
class TracerSource(Protocol):
    """A source of tracers, such as OpenTelemetry's ``TracerProvider``."""

    def get_tracer(self, name: str, /) -> Any:
        """Return the tracer with this name."""
        ...


@runtime_checkable
class MeterSource(Protocol):
    """A source of meters, such as OpenTelemetry's ``MeterProvider``."""

    def get_meter(self, name: str, /) -> Any:
        """Return the meter with this name."""
        ...


def check_provider(name: str, given: object, kind: type[Any]) -> None:
    """Raise `InvalidRequest` for a provider that is neither of this ``kind`` nor ``None``."""
    write = "use one of the OpenTelemetry SDK, or None for the global one"
    check_kind(name, given, (kind, type(None)), "a provider", write=write)


class Telemetry(Middleware):
    """Reports every answer as a span ``chat MODEL`` and in metrics, through the OpenTelemetry API.

    The span is current while the wrapped backend runs, so that the backend's own spans become its children; it is not
    current in the caller's code between two chunks. Prompts and answers are reported only with ``content=True``, and so
    are the messages of errors, since providers quote requests in them. ``request.metadata["session"]`` is reported as
    ``gen_ai.conversation.id``. For a private request none of that is reported, nor its stop sequences, nor text that a
    server chose, whatever ``content`` is: the receiver of the reports may be anywhere.

    Metrics: ``gen_ai.client.operation.duration`` and ``gen_ai.client.operation.time_to_first_chunk`` (in seconds),
    ``gen_ai.client.token.usage``, and our own ``browserllm.client.output.speed`` (tokens a second, if the backend
    measures it) and ``browserllm.client.cost`` (US dollars, if known). `observe_models` adds more.
    """

    identity = Middleware.identity

    def __init__(
        self,
        backend: Backend,
        *,
        content: bool = False,
        provider: str | None = None,
        tracer_provider: TracerSource | None = None,
        meter_provider: MeterSource | None = None,
        clock: AnyClock | None = None,
    ) -> None:
        """Report to these OpenTelemetry providers, by default the global ones.

        ``provider`` is reported as ``gen_ai.provider.name``; by default it is the conventions' name of the backend that
        answers. Raises `Unsupported` if the package opentelemetry-api is not installed.
        """
        super().__init__(backend)
        trace, metrics = open_telemetry()
        self.content = content
        self.provider = provider
        check_provider("tracer_provider", tracer_provider, TracerSource)
        check_provider("meter_provider", meter_provider, MeterSource)
        self._clock = clock or SystemClock()
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to receive the first chunk.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._speed = meter.create_histogram(
            "browserllm.client.output.speed", unit="{token}/s", description="Output tokens per second while decoding."
        )
        self._cost = meter.create_counter("browserllm.client.cost", unit="USD", description="Cost of answers.")

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on within a span."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        span = self._tracer.start_span(
            _span_name(request.model), kind=SpanKind.CLIENT, attributes=self._about_request(request)
        )
        answer = _Answer(
            self._clock, AnswerContent() if self._reports_content(request) and span.is_recording() else None
        )
        source = self.backend.generate(request, draft)
        within = set_span_in_context(span)
        try:
            try:
                while (delta := await _current(within, anext(source, None))) is not None:
                    answer.add(delta)
                    yield delta
                answer.finish = "cancelled" if draft.stopped else draft.finish_reason
            finally:
                await _current(within, source.aclose())
        except Exception as error:
            # A failure while stopping counts as stopped.
            if not draft.stopped:
                answer.failure = error
            raise
        finally:
            self._report(span, request, draft, answer)

    def _reports_content(self, request: ChatRequest) -> bool:
        """Whether prompts and answers are reported."""
        return self.content and not request.private

    def _about_request(self, request: ChatRequest) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._provider_of(self.name),
            "gen_ai.request.stream": True,
            "gen_ai.output.type": _output_type(request),
        }
        for field, name in _REQUEST.items():
            value = getattr(request, field)
            if value is not None:
                attributes[name] = value
        if request.stop and not request.private:
            attributes["gen_ai.request.stop_sequences"] = request.stop
        if request.n != 1:
            attributes["gen_ai.request.choice.count"] = request.n
        if "session" in request.metadata and not request.private:
            attributes["gen_ai.conversation.id"] = str(request.metadata["session"])
        if self._reports_content(request):
            attributes |= input_content(request)
        return attributes

    def _report(self, span: Span, request: ChatRequest, draft: Draft, answer: _Answer) -> None:
        private = request.private
        model = model_of(draft, request.model, private=private) or request.model
        total_s = self._clock.now_s - answer.started_s
        # Attributes of the metrics: with few different values each.
        common: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._provider_of(draft.backend),
        }
        if request.model is not None:
            common["gen_ai.request.model"] = request.model
        if model is not None:
            common["gen_ai.response.model"] = model
        failed = {} if answer.failure is None else {"error.type": error_code(answer.failure, private=private)}
        usage = draft.usage
        self._duration.record(total_s, {**common, **failed})
        if answer.first_s is not None:
            self._first_chunk.record(answer.first_s, common)
        if usage.total_tokens:
            self._tokens.record(usage.prompt_tokens, {**common, "gen_ai.token.type": "input"})
            self._tokens.record(usage.completion_tokens, {**common, "gen_ai.token.type": "output"})
        if draft.timings.tokens_per_s:
            self._speed.record(draft.timings.tokens_per_s, common)
        if draft.cost_usd:
            self._cost.add(draft.cost_usd, common)
        if span.is_recording():
            span.update_name(_span_name(model))
            span.set_attributes({**common, **failed, **self._about_answer(draft, answer, private=private)})
            if answer.failure is not None:
                self._report_failure(span, answer.failure, self._reports_content(request), private=private)
        span.end()

    def _about_answer(self, draft: Draft, answer: _Answer, *, private: bool) -> dict[str, Any]:
        usage = draft.usage
        finish = "error" if answer.failure is not None else answer.finish
        finish = known("finish", finish) if private else finish
        attributes: dict[str, Any] = {
            "gen_ai.response.id": (not private and draft.provider_request_id) or draft.request_id,
            "gen_ai.response.finish_reasons": [finish],
            "browserllm.backend": draft.backend,
        }
        if usage.total_tokens:
            attributes |= {
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
                "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
                "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
                "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
            }
        if answer.first_s is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = answer.first_s
        ours = {
            "browserllm.engine": known("engine", draft.engine) if private else draft.engine,
            "browserllm.device": known("device", draft.device) if private else draft.device,
            "browserllm.cost_usd": draft.cost_usd,
            "browserllm.queue_ms": draft.timings.queue_ms,
            "browserllm.tokens_per_s": draft.timings.tokens_per_s,
        }
        attributes |= {name: value for name, value in ours.items() if value is not None}
        if draft.route:
            attributes["browserllm.route"] = route_texts(draft.route, private=private)
        if answer.content is not None:
            attributes |= answer.content.attributes(finish)
        return attributes

    def _report_failure(self, span: Span, failure: Exception, content: bool, *, private: bool) -> None:
        from opentelemetry.trace import Status, StatusCode

        if content:
            span.record_exception(failure)
        span.set_status(Status(StatusCode.ERROR, str(failure) if content else error_code(failure, private=private)))

    def _provider_of(self, backend: str) -> str:
        # A router calls the second backend named "openai" "openai-2".
        name = re.sub(r"-\d+$", "", backend)
        return self.provider or PROVIDERS.get(name, name)


class _Answer:
    """What is recorded while an answer passes through."""

    def __init__(self, clock: AnyClock, content: AnswerContent | None) -> None:
        self._clock = clock
        self.started_s = clock.now_s
        self.first_s: float | None = None
        self.finish = "cancelled"
        self.failure: Exception | None = None
        self.content = content

    def add(self, delta: Delta) -> None:
        if self.first_s is None and not is_empty(delta):
            self.first_s = self._clock.now_s - self.started_s
        if self.content is not None:
            self.content.add(delta)


async def _current(context: Context, step: Any) -> Any:
    """Await one step of the wrapped backend while ``context`` is current.

    The context is attached for each step: a generator runs in the context of the code that asks for the next item, and
    an attached context would stay there when it yields.
    """
    from opentelemetry.context import attach, detach

    token = attach(context)
    try:
        return await step
    finally:
        detach(token)


def open_telemetry() -> tuple[Any, Any]:
    """Return OpenTelemetry's modules ``trace`` and ``metrics``. Raises `Unsupported` if they are not installed."""
    try:
        from opentelemetry import metrics, trace
    except ImportError as error:
        raise Unsupported(
            "Telemetry needs the package opentelemetry-api: pip install 'browserllm[telemetry]', and an SDK or "
            "agent that receives the reports"
        ) from error
    return trace, metrics


def _span_name(model: str | None) -> str:
    return "chat" if model is None else f"chat {model}"


def _output_type(request: ChatRequest) -> str:
    kind = "text" if request.response_format is None else request.response_format.get("type")
    return "text" if kind == "text" else "json"
