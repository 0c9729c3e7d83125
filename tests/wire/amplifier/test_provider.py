"""The provider in a coordinator of amplifier-core: its answers, events, errors and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from amplifier_core import ChatRequest as AmplifierRequest
from amplifier_core import HookResult, MockCoordinator
from amplifier_core.llm_errors import AbortError, InvalidToolCallError, LLMTimeoutError

import browserllm as bl
from browserllm.amplifier import BrowserLLMProvider, mount
from browserllm.backends import BackendFacts
from browserllm.testing.script import HANG
from browserllm.types import ReasoningDelta, Usage

STREAM = ("llm:stream_block_start", "llm:stream_block_delta", "llm:stream_block_end", "llm:stream_aborted")
EVENTS = ("llm:request", "llm:response", "provider:tool_sequence_repaired", *STREAM)


class Session:
    """A coordinator with a mounted provider, and the events that it emits."""

    def __init__(self) -> None:
        self.coordinator = MockCoordinator()
        self.events: list[tuple[str, dict[str, Any]]] = []
        for event in EVENTS:
            self.coordinator.hooks.register(event, self._record)

    async def _record(self, event: str, data: dict[str, Any]) -> HookResult:
        self.events.append((event, data))
        return HookResult()

    async def provider(self, backend: bl.backends.Backend, **config: Any) -> BrowserLLMProvider:
        """Mount the provider over a backend."""
        self.cleanup = await mount(self.coordinator, {"backend": backend, **config})
        return self.coordinator.get("providers")["browserllm"]

    def names(self) -> list[str]:
        """The events' names, in order."""
        return [name for name, _ in self.events]

    def data(self, name: str) -> list[dict[str, Any]]:
        """What the events of one name say."""
        return [data for each, data in self.events if each == name]


def asking(text: str = "Why?", **fields: Any) -> AmplifierRequest:
    """Return a request with one message."""
    return AmplifierRequest.model_validate({"messages": [{"role": "user", "content": text}], **fields})


async def test_an_answer_with_its_usage_its_cost_and_who_gave_it() -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend("It is blue.", model="paper"))
    answer = await provider.complete(asking())
    assert [block.text for block in answer.content] == ["It is blue."]
    assert answer.tool_calls is None and provider.parse_tool_calls(answer) == []
    assert answer.usage.output_tokens == 3 and answer.usage.cost_usd == Decimal(0)
    assert answer.finish_reason == "stop"
    assert (answer.metadata["backend"], answer.metadata["model"]) == ("scripted", "paper")
    assert answer.text == "It is blue."


async def test_the_events_of_a_streamed_answer() -> None:
    """A block for each kind; the deltas of a block count from 0 and are never empty; one id for the call."""
    session = Session()
    call = bl.ToolCallPart("c1", "add", '{"a": 1}')
    backend = bl.ScriptedBackend(
        [[ReasoningDelta(reasoning="Hm. "), ReasoningDelta(reasoning="So."), "It ", "is", call]]
    )
    provider = await session.provider(backend)
    answer = await provider.complete(asking(tools=[{"name": "add", "parameters": {"type": "object"}}]))
    shown = [
        (
            name.removeprefix("llm:stream_"),
            data["block_index"],
            data["block_type"],
            data.get("text") or data.get("name"),
        )
        for name, data in session.events
        if name in STREAM
    ]
    assert shown == [
        ("block_start", 0, "thinking", None),
        ("block_delta", 0, "thinking", "Hm. "),
        ("block_delta", 0, "thinking", "So."),
        ("block_end", 0, "thinking", None),
        ("block_start", 1, "text", None),
        ("block_delta", 1, "text", "It "),
        ("block_delta", 1, "text", "is"),
        ("block_end", 1, "text", None),
        ("block_start", 2, "tool_use", "add"),
        ("block_end", 2, "tool_use", None),
    ]
    assert [data["sequence"] for data in session.data("llm:stream_block_delta")] == [0, 1, 0, 1]
    assert len({data["request_id"] for name, data in session.events if name in STREAM}) == 1
    assert (session.names()[0], session.names()[-1]) == ("llm:request", "llm:response")
    said = session.data("llm:response")[0]
    assert (said["provider"], said["model"], said["status"]) == ("browserllm", "scripted", "ok")
    assert said["usage"]["output_tokens"] > 0 and said["duration_ms"] >= 0
    assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [("c1", "add", {"a": 1})]
    assert [block.type for block in answer.content] == ["thinking", "text", "tool_call"]


@pytest.mark.parametrize(("config", "metadata"), [({"use_streaming": False}, None), ({}, {"stream": False})])
async def test_streaming_can_be_turned_off(config: dict[str, Any], metadata: dict[str, Any] | None) -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend(), **config)
    await provider.complete(asking(metadata=metadata))
    assert session.names() == ["llm:request", "llm:response"]


async def test_raw_events_have_the_whole_request_and_response() -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend("Yes."), raw="true")
    await provider.complete(asking("Is it?"))
    assert session.data("llm:request")[0]["raw"]["messages"] == [{"role": "user", "content": "Is it?"}]
    assert session.data("llm:response")[0]["raw"]["message"]["content"] == "Yes."


async def test_a_failure_is_the_kernels_and_ends_the_stream() -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend([["Half ", bl.Timeout("too slow; ask for less")]]))
    with pytest.raises(LLMTimeoutError, match="too slow; ask for less") as raised:
        await provider.complete(asking())
    assert isinstance(raised.value.__cause__, bl.Timeout)
    assert session.names()[-2:] == ["llm:stream_aborted", "llm:response"]
    assert session.data("llm:stream_aborted")[0]["error"]["msg"] == "too slow; ask for less"
    assert session.data("llm:response")[0]["status"] == "error"


async def test_a_failure_before_the_first_word_aborts_no_stream() -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend([[bl.Timeout("too slow")]]))
    with pytest.raises(LLMTimeoutError):
        await provider.complete(asking())
    assert session.names() == ["llm:request", "llm:response"]


@pytest.mark.parametrize("arguments", ["{", "[1]"])
async def test_arguments_that_are_no_object_are_an_error(arguments: str) -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend([[bl.ToolCallPart("c1", "add", arguments)]]))
    with pytest.raises(InvalidToolCallError, match="called 'add' with arguments that are") as raised:
        await provider.complete(asking(tools=[{"name": "add", "parameters": {"type": "object"}}]))
    assert (raised.value.tool_name, raised.value.raw_arguments) == ("add", arguments)


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize("script", [["Half ", HANG], [HANG]], ids=["in-the-answer", "before-it"])
async def test_cancelling_the_session_stops_the_answer(script: list[Any], immediate: bool) -> None:
    """The coordinator's token calls nothing when it is set, so the provider looks at it."""
    session = Session()
    backend = bl.ScriptedBackend([script])
    provider = await session.provider(backend)
    running = asyncio.create_task(provider.complete(asking()))
    while not backend.requests or (len(script) > 1 and "llm:stream_block_delta" not in session.names()):
        await asyncio.sleep(0)
    await session.coordinator.request_cancel(immediate)
    with pytest.raises(AbortError, match="the session was cancelled"):
        await running
    assert len(backend.stopped) == 1
    with pytest.raises(AbortError):
        await provider.complete(asking())
    assert len(backend.requests) == 1
    session.coordinator.cancellation.reset()
    backend2 = bl.ScriptedBackend("Again.")
    assert (await (await session.provider(backend2)).complete(asking())).text == "Again."


async def test_callbacks_of_the_token_stop_the_answer_too() -> None:
    session = Session()
    backend = bl.ScriptedBackend([["Half ", HANG]])
    provider = await session.provider(backend)
    running = asyncio.create_task(provider.complete(asking()))
    while not backend.requests:
        await asyncio.sleep(0)
    await session.coordinator.cancellation.trigger_callbacks()
    with pytest.raises(AbortError):
        await running


async def test_a_cancelled_task_stops_the_answer() -> None:
    session = Session()
    backend = bl.ScriptedBackend([["Half ", HANG]])
    provider = await session.provider(backend)
    running = asyncio.create_task(provider.complete(asking()))
    while "llm:stream_block_delta" not in session.names():
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(backend.stopped) == 1
    assert session.names()[-2:] == ["llm:stream_aborted", "llm:response"]


async def test_another_backends_restart_gets_an_id_of_its_own() -> None:
    session = Session()
    first = bl.ScriptedBackend([["Half ", bl.Unavailable("gone", reason="server_error")]], name="first")
    router = bl.Router([first, bl.ScriptedBackend("Whole.", name="second")], bl.Explicit(), on_interrupted="restart")
    provider = await session.provider(router)
    answer = await provider.complete(asking())
    assert answer.text == "Whole."
    assert session.names().count("llm:stream_aborted") == 1
    ids = [data["request_id"] for data in session.data("llm:stream_block_start")]
    assert len(ids) == 2 and ids[0] != ids[1]
    assert any("gone" in hop for hop in answer.metadata["route"])


async def test_a_repaired_conversation_is_told() -> None:
    session = Session()
    provider = await session.provider(bl.ScriptedBackend())
    call = {"type": "tool_call", "id": "c1", "name": "add", "input": {}}
    request = AmplifierRequest.model_validate(
        {"messages": [{"role": "assistant", "content": [call]}, {"role": "user", "content": "Go on"}]}
    )
    await provider.complete(request)
    assert session.data("provider:tool_sequence_repaired")[0]["repairs"] == [{"tool_call_id": "c1", "tool_name": "add"}]


async def test_unknown_costs_are_unknown() -> None:
    class Cloud(bl.ScriptedBackend):
        async def generate(self, request: Any, draft: Any) -> Any:
            async for delta in super().generate(request, draft):
                yield delta
            draft.cost_usd = None
            draft.usage = Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=3)

    answer = await BrowserLLMProvider({"backend": Cloud("Hi")}).complete(asking())
    assert answer.usage.cost_usd is None
    assert (answer.usage.input_tokens, answer.usage.cache_read_tokens) == (5, 3)


async def test_models_of_the_catalog_are_listed_without_a_browser() -> None:
    provider = BrowserLLMProvider()
    models = {model.id: model for model in await provider.list_models()}
    assert len(models) > 50
    pocket = models["pocket"]
    assert pocket.context_window > pocket.max_output_tokens > 0
    assert pocket.pricing.input_per_million == pocket.pricing.output_per_million == 0
    assert {"tools", "streaming", "local"} <= set(pocket.capabilities)
    assert any("thinking" in model.capabilities for model in models.values())
    assert any("vision" in model.capabilities for model in models.values())


async def test_models_of_a_given_backend() -> None:
    class Cloud(bl.ScriptedBackend):
        async def list_models(self) -> list[bl.types.ModelInfo]:
            return [bl.types.ModelInfo(id="big", context_window=100_000), bl.types.ModelInfo(id="unknown")]

    models = await BrowserLLMProvider({"backend": Cloud(leaves_device=True)}).list_models()
    assert [(model.id, model.context_window, model.pricing) for model in models] == [
        ("big", 100_000, None),
        ("unknown", 4096, None),
    ]


def test_the_info_says_what_amplifier_plans_with() -> None:
    info = BrowserLLMProvider({"model": "llama-3.2-1b"}).get_info()
    assert info.id == "browserllm"
    assert info.defaults["context_window"] > info.defaults["max_output_tokens"] > 0
    assert BrowserLLMProvider({"max_tokens": 100}).get_info().defaults["max_output_tokens"] == 100
    assert {field.id for field in info.config_fields} == {"model", "fallback", "private"}


async def test_the_info_names_the_window_of_a_given_backend_once_it_is_known() -> None:
    """And no other one: Amplifier would leave out what the model could read."""
    large = bl.ScriptedBackend(
        "Hi.", facts=BackendFacts(leaves_device=False, needs_network=False, context_window=100_000)
    )
    provider = BrowserLLMProvider({"backend": large})
    assert "context_window" not in provider.get_info().defaults
    await provider.learn_window()
    assert provider.get_info().defaults["context_window"] == 100_000

    @asynccontextmanager
    async def opened() -> AsyncGenerator[bl.Backend]:
        yield large

    later = BrowserLLMProvider({"backend": opened})
    await later.learn_window()
    assert "context_window" not in later.get_info().defaults, "nothing is opened before the first request"
    await later.complete(asking())
    assert later.get_info().defaults["max_output_tokens"] == 25_000
    await later.close()


async def test_closing_stops_what_runs_and_leaves_a_given_backend_open() -> None:
    session = Session()
    backend = bl.ScriptedBackend([[HANG]])
    provider = await session.provider(backend)
    running = asyncio.create_task(provider.complete(asking()))
    while not backend.requests:
        await asyncio.sleep(0)
    await session.cleanup()
    with pytest.raises(AbortError):
        await running
    assert not backend.closed


def test_no_provider_has_a_stream_method() -> None:
    """Amplifier's loop would take it for an older interface without tools."""
    assert not hasattr(BrowserLLMProvider(), "stream")
