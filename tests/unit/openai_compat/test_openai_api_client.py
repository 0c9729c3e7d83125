"""The clients of OpenAI's shape over scripted backends, async and sync; in a page, too, where sync is `run_sync`."""

from __future__ import annotations

import asyncio
import base64
import gc
import struct
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import browserllm as bl
from browserllm.openai_compat.source import OpenBackend
from browserllm.testing.script import HANG, Wait

ASK = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": True,
    },
}
CALL = bl.ToolCallPart("c1", "weather", '{"city":"Oslo"}')


@dataclass
class Person:
    name: str
    age: int


ADA = '{"name": "Ada", "age": 36}'


async def test_create_returns_a_whole_answer() -> None:
    """With the parameters of the call, and warnings about those that had no effect."""
    backend = bl.ScriptedBackend("Hello there.", model="m")
    client = bl.AsyncClient(backend)
    completion = await client.chat.completions.create(messages=ASK, model="n", temperature=0, user="me", seed=None)
    assert completion.choices[0].message.content == "Hello there."
    assert completion.model == "n"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 5
    assert completion.browserllm is not None
    assert [warning.parameter for warning in completion.browserllm.warnings] == ["user"]
    assert backend.requests[0].temperature == 0
    assert backend.requests[0].deadline_s is None


async def test_create_streams_an_answer() -> None:
    """Chunk by chunk, and nothing after the end."""
    client = bl.AsyncClient(bl.ScriptedBackend("Hello there."))
    stream = await client.chat.completions.create(
        messages=ASK, stream=True, stream_options={"include_usage": True}, extra_body={"top_k": 3}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Hello there."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert [chunk async for chunk in stream] == []


async def test_a_failure_to_begin_is_raised_by_the_call() -> None:
    """Before there is a stream, as when a server answers with an error; a later failure is raised while reading."""
    client = bl.AsyncClient(
        bl.ScriptedBackend([[bl.errors.ModelNotFound("no model 'x'")], ["Hi", bl.errors.DeviceLost("gone")]])
    )
    with pytest.raises(bl.errors.ModelNotFound):
        await client.chat.completions.create(messages=ASK, stream=True)
    stream = await client.chat.completions.create(messages=ASK, stream=True)
    assert (await anext(stream)).choices[0].delta.content == ""
    assert (await anext(stream)).choices[0].delta.content == "Hi"
    with pytest.raises(bl.errors.DeviceLost):
        await anext(stream)
    with pytest.raises(bl.InvalidRequest, match="'max_token'; did you mean 'max_tokens'"):
        await client.chat.completions.create(messages=ASK, max_token=3)  # type: ignore[call-overload]
    with pytest.raises(bl.InvalidRequest, match="messages is missing"):
        await client.chat.completions.create()  # type: ignore[call-overload]


async def test_leaving_a_stream_ends_the_answer() -> None:
    """By `close`, at the end of ``async with``, and by leaving the loop."""
    backend = bl.ScriptedBackend([["Hi", HANG]])
    client = bl.AsyncClient(backend)
    stream = await client.chat.completions.create(messages=ASK, stream=True)
    await anext(stream)
    await stream.close()
    assert len(backend.stopped) == 1
    assert [chunk async for chunk in stream] == []
    async with await client.chat.completions.create(messages=ASK, stream=True) as stream:
        await anext(stream)
    assert len(backend.stopped) == 2
    stream = await client.chat.completions.create(messages=ASK, stream=True)
    chunks = aiter(stream)
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined] (what `break` does to it)
    assert len(backend.stopped) == 3


async def test_a_tool_loop_works_as_with_openai() -> None:
    """The call, an object of the answer, is sent back with its result."""
    backend = bl.ScriptedBackend([[CALL], "4 degrees."])
    client = bl.AsyncClient(backend)
    messages: list[Any] = list(ASK)
    message = (await client.chat.completions.create(messages=messages, tools=[WEATHER])).choices[0].message
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Oslo"}')
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "4"}]
    completion = await client.chat.completions.create(messages=messages, tools=iter([WEATHER]))
    assert completion.choices[0].message.content == "4 degrees."
    assert backend.requests[1].messages[1:] == [
        bl.Message("assistant", [CALL]),
        bl.Message("tool", [bl.ToolResultPart("c1", "4")]),
    ]


async def test_parse_returns_an_object_of_the_type() -> None:
    """With the mode that was used; an invalid answer is requested again."""
    client = bl.AsyncClient(bl.ScriptedBackend(['{"name": "Ada"}', ADA, "no", "no"]))
    completion = await client.chat.completions.parse(messages=ASK, response_format=Person)
    assert completion.choices[0].message.parsed == Person("Ada", 36)
    assert completion.choices[0].message.content == ADA
    assert completion.browserllm is not None
    assert (completion.browserllm.mode, completion.browserllm.repairs) == ("json_schema", 1)
    assert completion.to_dict()["choices"][0]["message"]["parsed"] == {"name": "Ada", "age": 36}
    with pytest.raises(bl.InvalidOutput):
        await client.chat.completions.parse(messages=ASK, response_format=Person, repairs=0)


async def test_parse_hides_the_tool_that_it_used() -> None:
    """If only a tool call can give the object, the answer is still a message."""
    asked: list[bl.ChatRequest] = []

    class CallsOnly(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> AsyncGenerator[Any, None]:
            asked.append(request)
            yield bl.types.ToolCallDelta(id="c", name=request.tools[0].name, arguments=ADA)
            draft.finish_reason = "tool_calls"

    backend = CallsOnly(capabilities=bl.types.Capabilities(tools=True, structured_output=("tool",)))
    completion = await bl.AsyncClient(backend).chat.completions.parse(messages=ASK, response_format=Person)
    choice = completion.choices[0]
    assert (choice.message.parsed, choice.message.tool_calls, choice.finish_reason) == (Person("Ada", 36), None, "stop")
    assert choice.message.content == ADA
    assert len(asked[0].tools) == 1


async def test_parse_with_tools_returns_a_call_or_an_object() -> None:
    """The arguments of a strict tool are decoded; an answer must be of the type."""
    backend = bl.ScriptedBackend([[CALL], ADA, "no", [bl.ToolCallPart("c", "weather", "{")]])
    parse = bl.AsyncClient(backend).chat.completions.parse
    message = (await parse(messages=ASK, response_format=Person, tools=iter([WEATHER]))).choices[0].message
    assert message.tool_calls is not None
    assert (message.parsed, message.tool_calls[0].function.parsed_arguments) == (None, {"city": "Oslo"})
    assert [tool.name for tool in backend.requests[0].tools] == ["weather"]
    assert backend.requests[0].response_format is not None
    assert backend.requests[0].response_format["json_schema"]["schema"]["required"] == ["name", "age"]
    completion = await parse(messages=ASK, response_format=Person, tools=[WEATHER])
    assert completion.choices[0].message.parsed == Person("Ada", 36)
    with pytest.raises(bl.InvalidOutput, match="not of the type 'Person'") as caught:
        await parse(messages=ASK, response_format=Person, tools=[WEATHER])
    assert caught.value.data["text"] == "no"
    with pytest.raises(bl.InvalidOutput, match="call of 'weather'"):
        await parse(messages=ASK, tools=[WEATHER])


async def test_parse_without_a_type_works_as_create() -> None:
    """A dict is a response format; calls of tools that are not strict stay as they are."""
    backend = bl.ScriptedBackend([ADA, [CALL], [CALL]])
    parse = bl.AsyncClient(backend).chat.completions.parse
    completion = await parse(messages=ASK, response_format={"type": "json_object"})
    assert completion.choices[0].message.parsed is None
    assert backend.requests[0].response_format == {"type": "json_object"}
    loose = {"type": "function", "function": {"name": "weather"}}
    for tools in ([loose], [{"type": "function", "function": {"name": "other", "strict": True}}]):
        message = (await parse(messages=ASK, tools=tools)).choices[0].message
        assert message.tool_calls is not None
        assert message.tool_calls[0].function.parsed_arguments is None
    with pytest.raises(bl.InvalidRequest, match="tools"):
        await parse(messages=ASK, tools=5)  # type: ignore[arg-type]


async def test_an_answer_that_is_cut_off_or_filtered_is_not_parsed() -> None:
    """With tools: a cut answer is an error that says so, a filtered one leaves nothing to parse."""
    short = bl.AsyncClient(bl.ScriptedBackend('{"name"', finish_reason="length"))
    with pytest.raises(bl.InvalidOutput, match="cut off, raise max_tokens"):
        await short.chat.completions.parse(messages=ASK, response_format=Person, tools=[WEATHER])
    filtered = bl.AsyncClient(bl.ScriptedBackend("I cannot", finish_reason="content_filter"))
    completion = await filtered.chat.completions.parse(messages=ASK, response_format=Person, tools=[WEATHER])
    assert (completion.choices[0].finish_reason, completion.choices[0].message.parsed) == ("content_filter", None)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_timeout_is_an_error(stream: bool) -> None:
    """Of the client, of `with_options` or of the call: a cut answer does not count as whole."""
    backend = bl.ScriptedBackend([["Once", HANG]])
    client = bl.AsyncClient(backend, timeout=9)

    async def ask(client: bl.AsyncClient, **options: Any) -> None:
        answer = await client.chat.completions.create(messages=ASK, stream=stream, **options)
        async for _ in answer:
            pass

    with pytest.raises(bl.Timeout, match=r"0\.01 s") as caught:
        await ask(client.with_options(timeout=0.01))
    assert caught.value.data == {"deadline_s": 0.01, "text": "Once"}
    with pytest.raises(bl.Timeout):
        await ask(client, timeout=0.01)
    with pytest.raises(bl.Timeout):
        await ask(client, extra_body={"deadline_s": 0.01})
    task = asyncio.ensure_future(ask(client))
    while len(backend.requests) < 4:
        await asyncio.sleep(0)
    task.cancel()
    assert [request.deadline_s for request in backend.requests] == [0.01, 0.01, 0.01, 9.0]
    for wrong in (0, -1, True, "soon", float("nan")):
        with pytest.raises(bl.InvalidRequest, match="timeout="):
            client.with_options(timeout=wrong)  # type: ignore[arg-type]


async def test_a_backend_is_opened_once_and_closed() -> None:
    """A function opens it at the first call, once for concurrent calls; a backend that was passed in stays open."""
    opened: list[bl.ScriptedBackend] = []

    @asynccontextmanager
    async def open_backend() -> AsyncGenerator[bl.Backend]:
        await asyncio.sleep(0)
        opened.append(bl.ScriptedBackend("Hi"))
        yield opened[-1]
        await opened[-1].close()

    async with bl.AsyncClient(open_backend) as client:
        assert opened == []
        create = client.with_options(timeout=5).chat.completions.create
        await asyncio.gather(create(messages=ASK), create(messages=ASK), client.models.list())
        assert len(opened) == 1
        assert len(opened[0].requests) == 2
    assert opened[0].closed
    with pytest.raises(bl.Unavailable) as caught:
        await create(messages=ASK)
    assert caught.value.reason == "closed"
    given = bl.ScriptedBackend([["Hi", HANG]])
    async with bl.AsyncClient(given) as client:
        stream = await client.chat.completions.create(messages=ASK, stream=True)
    assert len(given.stopped) == 1
    assert [chunk async for chunk in stream] == []
    assert not given.closed
    with pytest.raises(bl.Unavailable):
        await client.models.list()


async def test_without_a_backend_the_client_connects_to_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models there answer; the client closes the connection."""
    hosts: list[bl.ScriptedHost] = []

    @asynccontextmanager
    async def connect() -> AsyncGenerator[bl.Host]:
        hosts.append(bl.ScriptedHost("Hello from the page."))
        async with hosts[-1]:
            yield hosts[-1]

    monkeypatch.setattr("browserllm.page.connect.connect", connect)
    client = bl.AsyncClient()
    completion = await client.chat.completions.create(model="pocket", messages=ASK)
    assert completion.choices[0].message.content == "Hello from the page."
    assert completion.browserllm is not None
    assert completion.browserllm.backend == "local"
    with pytest.raises(bl.errors.ModelNotFound, match="'gpt-4o'"):
        await client.chat.completions.create(model="gpt-4o", messages=ASK)
    await client.close()
    await client.close()
    assert hosts[0].closed


async def test_a_value_that_is_not_a_backend_is_refused() -> None:
    """The error says what to use instead."""
    with pytest.raises(bl.InvalidRequest, match=r"use LocalBackend\(host\)"):
        bl.AsyncClient(bl.ScriptedHost())  # type: ignore[arg-type]
    with pytest.raises(bl.InvalidRequest, match="backend='gpt-4o' is not valid"):
        bl.AsyncClient("gpt-4o")  # type: ignore[arg-type]


class Offers(bl.ScriptedBackend):
    async def list_models(self) -> list[bl.types.ModelInfo]:
        return [bl.types.ModelInfo(id="qwen3-0.6b", name="Qwen3 0.6B"), bl.types.ModelInfo(id="pocket")]

    async def embed(self, texts: list[str], *, model: str | None = None) -> bl.types.Embeddings:
        return bl.types.Embeddings(model=model or "m", vectors=[[float(len(text)), 0.5] for text in texts])


async def test_models_can_be_awaited_iterated_and_retrieved() -> None:
    """By id or by name."""
    models = bl.AsyncClient(Offers()).models
    assert [model.id for model in (await models.list()).data] == ["qwen3-0.6b", "pocket"]
    assert [model.id async for model in models.list()] == ["qwen3-0.6b", "pocket"]
    assert [model.id async for model in await models.list()] == ["qwen3-0.6b", "pocket"]
    assert (await models.retrieve("Qwen3 0.6B")).id == (await models.retrieve("qwen3-0.6b")).id == "qwen3-0.6b"
    with pytest.raises(bl.errors.ModelNotFound, match="model 'pocked'; did you mean 'pocket'"):
        await models.retrieve("pocked")
    with pytest.raises(bl.errors.ModelNotFound, match=r"models.list\(\) returns"):
        await models.retrieve("gpt-4o")
    number: Any = 5
    with pytest.raises(bl.InvalidRequest, match="model=5 is not the name of a model"):
        await models.retrieve(number)
    with pytest.raises(bl.InvalidRequest, match="extra_body=5 is not a dict"):
        await bl.AsyncClient(Offers()).chat.completions.create(messages=ASK, extra_body=number)


async def test_embeddings_are_numbers_or_packed() -> None:
    """A backend without embeddings is an error that says so."""
    embeddings = bl.AsyncClient(Offers()).embeddings
    answer = await embeddings.create(model="e", input=["a", "abc"])
    assert answer.model == "e"
    assert [each.embedding for each in answer.data] == [[1.0, 0.5], [3.0, 0.5]]
    packed = (await embeddings.create(input="ab", encoding_format="base64")).data[0].embedding
    assert isinstance(packed, str)
    assert struct.unpack("<2f", base64.b64decode(packed)) == (2.0, 0.5)
    with pytest.raises(bl.errors.Unsupported, match="'scripted' does not support embeddings"):
        await bl.AsyncClient(bl.ScriptedBackend()).embeddings.create(input="a")


def test_the_sync_client_does_all_that_the_async_one_does() -> None:
    """Whole answers, streams, objects, models and vectors."""
    backend = Offers(["Hello there.", "Hello there.", ADA])
    with bl.Client(backend) as client:
        assert client.chat.completions.create(messages=ASK).choices[0].message.content == "Hello there."
        stream = client.chat.completions.create(messages=ASK, stream=True)
        chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello there."
        assert list(stream) == []
        stream.close()
        parsed = client.chat.completions.parse(messages=ASK, response_format=Person).choices[0].message.parsed
        assert parsed == Person("Ada", 36)
        assert [model.id for model in client.models.list()] == ["qwen3-0.6b", "pocket"]
        assert client.models.retrieve("pocket").object == "model"
        assert client.embeddings.create(input="abc").data[0].embedding == [3.0, 0.5]
        with pytest.raises(bl.InvalidRequest, match="unknown parameter 'max_token'"):
            client.chat.completions.create(messages=ASK, max_token=3)  # type: ignore[call-overload]
        assert client.with_options(timeout=5).chat.completions.create(messages=ASK)
        assert backend.requests[-1].deadline_s == 5
    client.close()
    with pytest.raises(bl.Unavailable, match="the client is closed"):
        client.models.list()


def test_leaving_a_sync_stream_ends_the_answer() -> None:
    """By ``break``, `close`, ``with``, and when it is no longer referenced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # what earlier tests of this process left behind is not this one's
    backend = bl.ScriptedBackend([["Hi", HANG]])
    with bl.Client(backend) as client:
        create = client.chat.completions.create
        kept = create(messages=ASK, stream=True)
        for chunk in kept:
            if chunk.choices[0].delta.content:
                break
        del chunk
        gc.collect()  # in a page nothing says when a generator that was left is taken away
        assert len(backend.stopped) == 1
        assert next(kept, None) is None
        stream = create(messages=ASK, stream=True)
        assert next(stream).choices[0].delta.role == "assistant"
        stream.close()
        assert len(backend.stopped) == 2
        with create(messages=ASK, stream=True) as stream:
            next(stream)
        assert len(backend.stopped) == 3
        stream = create(messages=ASK, stream=True)
        next(stream)
        del stream
        gc.collect()
        client.models.list()  # the end was ordered before this
        while len(backend.stopped) < 4:
            client.models.list()
        stream = create(messages=ASK, stream=True)
    stream.close()  # the client has ended it
    assert len(backend.stopped) == 5


def test_a_sync_client_opens_and_closes_in_its_own_loop() -> None:
    """A function opens a backend that belongs to a loop."""
    seen: list[Any] = []

    @asynccontextmanager
    async def open_backend() -> AsyncGenerator[bl.Backend]:
        seen.append(asyncio.get_running_loop())
        yield bl.ScriptedBackend([["Hi", Wait(0)]])
        seen.append(asyncio.get_running_loop())

    opening: OpenBackend = open_backend
    with bl.Client(opening) as client:
        for _ in range(2):
            assert client.chat.completions.create(messages=ASK).choices[0].message.content == "Hi"
    assert len(seen) == 2
    assert seen[0] is seen[1]
