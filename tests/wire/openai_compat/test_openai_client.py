"""The clients beside the official SDK's, and the sync one in a process: threads, Ctrl-C, and the end of the program."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pydantic
import pytest

import browserllm as bl
from browserllm._internal import waiting
from browserllm.openai_compat.client import AsyncStream
from browserllm.page.protocol import ChannelHost
from browserllm.testing.script import HANG
from openai_exchanges import EXCHANGES, WHOLE, text_chunks
from vendor_server import VendorServer, answer, events, stream

ASK = [{"role": "user", "content": "Hi"}]
MODEL = "gpt-6-luna"
KEY = "sk-test"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int


PARSED = {
    **WHOLE,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": '{"name":"Ada","age":36}', "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
}

# Programs as people have them; each says what it saw.


async def streams(client: Any, say: Callable[..., None]) -> None:
    """Print an answer as it comes, then why it ended and what it took."""
    chunks = await client.chat.completions.create(
        model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}, temperature=0
    )
    async for chunk in chunks:
        say(chunk.object, chunk.model)
        if not chunk.choices:
            say(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, chunk.usage.total_tokens)
            continue
        choice = chunk.choices[0]
        if choice.delta.content:
            say(choice.delta.content)
        if choice.finish_reason is not None:
            say(choice.finish_reason)


async def loops(client: Any, say: Callable[..., None]) -> None:
    """Call tools from a stream until the model has an answer."""
    messages: list[Any] = list(ASK)
    while True:
        content, calls = "", {}
        chunks = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], stream=True)
        async with chunks:
            async for chunk in chunks:
                for choice in chunk.choices:
                    content += choice.delta.content or ""
                    for piece in choice.delta.tool_calls or []:
                        call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
                        call["id"] += piece.id or ""
                        call["name"] += piece.function.name or ""
                        call["arguments"] += piece.function.arguments or ""
        if not calls:
            say(content)
            return
        tool_calls = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for call in calls.values()
        ]
        messages.append({"role": "assistant", "content": content or None, "tool_calls": tool_calls})
        for call in calls.values():
            say(call)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": "4 degrees"})


async def calls(client: Any, say: Callable[..., None]) -> None:
    """Call a tool and give the message itself back with the result."""
    messages: list[Any] = list(ASK)
    completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], max_tokens=50)
    message = completion.choices[0].message
    say(message.role, message.content, message.refusal, message.function_call, completion.choices[0].finish_reason)
    messages.append(message)
    for call in message.tool_calls or []:
        say(call.id, call.type, call.function.name, call.function.arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "4 degrees"})
    completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    say(completion.choices[0].message.content, completion.usage.total_tokens)


async def parses(client: Any, say: Callable[..., None]) -> None:
    """Get an object."""
    completion = await client.chat.completions.parse(model=MODEL, messages=ASK, response_format=Person)
    message = completion.choices[0].message
    say(repr(message.parsed), message.content, message.tool_calls, completion.usage.total_tokens)


async def decodes(client: Any, say: Callable[..., None]) -> None:
    """Get the arguments of a call, decoded."""
    completion = await client.chat.completions.parse(model=MODEL, messages=ASK, tools=[WEATHER])
    for call in completion.choices[0].message.tool_calls:
        say(call.function.name, call.function.parsed_arguments)


async def lists(client: Any, say: Callable[..., None]) -> None:
    """List the models, in both ways."""
    async for model in client.models.list():
        say(model.id, model.object)
    say([model.id for model in (await client.models.list()).data])


DONE = answer(
    {**PARSED, "choices": [{**PARSED["choices"][0], "message": {"role": "assistant", "content": "4 degrees."}}]}
)
PROGRAMS: dict[Callable[..., Awaitable[None]], Any] = {
    streams: EXCHANGES["hello"],
    loops: [EXCHANGES["tools"], stream(events(*text_chunks("4 degrees", ".")), events("[DONE]"))],
    calls: [EXCHANGES["whole"], DONE],
    parses: answer(PARSED),
    decodes: EXCHANGES["whole"],
    lists: EXCHANGES["models"],
}


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_prints_the_same_with_both_clients(program: Callable[..., Awaitable[None]]) -> None:
    """The same function runs with the SDK's client and with ours, against the same server."""
    said: dict[str, list[tuple[Any, ...]]] = {"theirs": [], "ours": []}
    exchange = PROGRAMS[program]
    with VendorServer({"theirs": exchange, "ours": exchange}) as server:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/theirs", max_retries=0) as client:
            await program(client, lambda *words: said["theirs"].append(words))
        backend = bl.OpenAI(MODEL, api_key=KEY, base_url=f"{server.url}/ours")
        async with backend, bl.AsyncClient(backend) as client:
            await program(client, lambda *words: said["ours"].append(words))
        asked = {name: [each.json for each in server.asked(name) if each.body] for name in said}
    assert said["ours"] == said["theirs"] != []
    for ours, theirs in zip(asked["ours"], asked["theirs"], strict=True):
        # A type is asked for in words, too.
        said_to = [message for message in ours["messages"] if message["role"] != "system"]
        assert ours["model"] == theirs["model"]
        assert [message["role"] for message in said_to] == [message["role"] for message in theirs["messages"]]
        for mine, other in zip(said_to, theirs["messages"], strict=True):
            assert mine.get("tool_calls") == other.get("tool_calls")
            assert mine.get("tool_call_id") == other.get("tool_call_id")


def test_a_sync_program_prints_the_same_with_both_clients() -> None:
    """Streams with ``for`` and ``with``, whole answers, objects and models."""

    def program(client: Any) -> list[Any]:
        said: list[Any] = []
        for chunk in client.with_options(timeout=20).chat.completions.create(model=MODEL, messages=ASK, stream=True):
            said += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        with client.chat.completions.create(model=MODEL, messages=ASK, stream=True) as chunks:
            said.append(next(chunks).choices[0].delta.role)
        completion = client.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER])
        said.append(completion.choices[0].message.tool_calls[0].function.arguments)
        completion = client.chat.completions.parse(model=MODEL, messages=ASK, response_format=Person)
        said.append(repr(completion.choices[0].message.parsed))
        return said

    exchange = [EXCHANGES["hello"], EXCHANGES["hello"], EXCHANGES["whole"], answer(PARSED)]
    with VendorServer({"theirs": exchange, "ours": exchange}) as server:
        with openai.OpenAI(api_key=KEY, base_url=f"{server.url}/theirs", max_retries=0) as client:
            theirs = program(client)

        def open_backend() -> bl.OpenAI:
            return bl.OpenAI(MODEL, api_key=KEY, base_url=f"{server.url}/ours")

        with bl.Client(open_backend) as client:
            ours = program(client)
    assert ours == theirs
    assert "assistant" in ours


def test_arguments_of_pydantic_tools_become_instances() -> None:
    """As with the SDK's `parse`."""
    call = bl.ToolCallPart("c1", "Person", '{"name": "Ada", "age": 36}')
    with bl.Client(bl.ScriptedBackend([[call]])) as client:
        tools = [openai.pydantic_function_tool(Person)]
        message = client.chat.completions.parse(messages=ASK, tools=tools).choices[0].message
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.parsed_arguments == Person(name="Ada", age=36)
    assert message.to_dict()["tool_calls"][0]["function"]["parsed_arguments"] == {"name": "Ada", "age": 36}


async def test_a_plain_break_ends_the_answer() -> None:
    """Also if the stream is still referenced."""
    backend = bl.ScriptedBackend([["Hi", HANG]])
    kept: AsyncStream = await bl.AsyncClient(backend).chat.completions.create(messages=ASK, stream=True)
    async for _ in kept:
        break
    gc.collect()
    while not backend.stopped:
        await asyncio.sleep(0)
    assert [chunk async for chunk in kept] == []


def test_many_threads_share_one_client() -> None:
    """Their requests run concurrently."""
    threads = 4

    class Meets(bl.ScriptedBackend):
        meeting: asyncio.Barrier | None = None

        async def generate(self, request: bl.ChatRequest, draft: Any) -> AsyncGenerator[Any, None]:
            self.meeting = self.meeting or asyncio.Barrier(threads)
            await self.meeting.wait()
            yield request.messages[0].text

    said: list[Any] = []
    with bl.Client(Meets()) as client:

        def ask(index: int) -> None:
            completion = client.chat.completions.create(messages=[{"role": "user", "content": str(index)}])
            said.append(completion.choices[0].message.content)

        asking = [threading.Thread(target=ask, args=[index]) for index in range(threads)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    assert sorted(said) == ["0", "1", "2", "3"]


class Interrupts(bl.ScriptedBackend):
    """Presses Ctrl-C in the middle of an answer."""

    async def generate(self, request: bl.ChatRequest, draft: Any) -> AsyncGenerator[Any, None]:
        """Answer with a word, and no more."""
        try:
            yield "Once"
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.get_running_loop().create_future()
        finally:
            self.stopped.append(request)


def test_ctrl_c_cancels_the_request() -> None:
    """During a whole answer or a chunk: it is raised, the engine stops, and the client can be used again."""
    backend = Interrupts()
    with bl.Client(backend) as client:
        with pytest.raises(KeyboardInterrupt):
            client.chat.completions.create(messages=ASK)
        assert len(backend.stopped) == 1
        with pytest.raises(KeyboardInterrupt):
            for _ in client.chat.completions.create(messages=ASK, stream=True):
                pass
        assert len(backend.stopped) == 2
        assert list(client.models.list()) == []


async def test_a_sync_client_works_in_a_running_loop() -> None:
    """As in a notebook's cell; it blocks that loop while it waits."""
    with bl.Client(bl.ScriptedBackend("Hi")) as client:
        assert client.chat.completions.create(messages=ASK).choices[0].message.content == "Hi"


class Greeting:
    """A channel that greets, and takes what it is sent."""

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Say hello."""
        on_text('{"v":1,"type":"hello","data":{"protocol":1}}')

    def send(self, text: str) -> None:
        """Never answer."""

    async def close(self) -> None:
        """Do nothing."""


async def test_a_connection_of_another_loop_is_refused() -> None:
    """Its answers would arrive there, and waiting for them here would never end."""
    host = await ChannelHost(Greeting()).start()
    with (
        bl.Client(bl.LocalBackend(host, "pocket")) as client,
        pytest.raises(bl.InvalidRequest, match=r"another event loop: .* Client\(open_backend\)"),
    ):
        client.chat.completions.create(messages=ASK)
    await host.close()


def test_a_client_does_not_wait_for_itself() -> None:
    """A backend or a tool that runs in its loop gets an error that names the other client."""

    class Asks(bl.ScriptedBackend):
        client: bl.Client

        async def generate(self, request: bl.ChatRequest, draft: Any) -> AsyncGenerator[Any, None]:
            self.client.chat.completions.create(messages=ASK)
            yield ""

    backend = Asks()
    backend.client = bl.Client(backend)
    with backend.client as client, pytest.raises(bl.InvalidRequest, match="would wait forever; use AsyncClient"):
        client.chat.completions.create(messages=ASK)


def test_closing_ends_the_calls_of_other_threads() -> None:
    """They fail because the client was closed; then it closes what it opened, and its thread ends."""
    began = threading.Event()
    ended: list[str] = []

    class Begins(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> AsyncGenerator[Any, None]:
            try:
                began.set()
                yield ""
                await asyncio.get_running_loop().create_future()
            finally:
                ended.append("request")

    @asynccontextmanager
    async def open_backend() -> AsyncGenerator[bl.Backend]:
        yield Begins()
        ended.append("backend")

    client = bl.Client(open_backend)
    heard: list[Exception] = []

    def ask() -> None:
        try:
            client.chat.completions.create(messages=ASK)
        except bl.Unavailable as error:
            heard.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    began.wait()
    client.close()
    thread.join()
    assert [str(error) for error in heard] == ["the client is closed; create a new one"]
    assert ended == ["request", "backend"]
    assert waiting._running == set()


def test_a_failure_to_close_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The thread still ends."""

    @asynccontextmanager
    async def open_backend() -> AsyncGenerator[bl.Backend]:
        yield bl.ScriptedBackend("Hi")
        raise RuntimeError("cannot close")

    with bl.Client(open_backend) as client:
        client.models.list()
    assert "closing failed" in caplog.text
    assert waiting._running == set()


def test_a_client_that_is_not_closed_ends_its_thread() -> None:
    """Also with an unread stream; nothing of it stays."""
    client = bl.Client(bl.ScriptedBackend([["Hi", HANG]]))
    stream = client.chat.completions.create(messages=ASK, stream=True)
    (thread,) = waiting._running
    del client
    assert next(stream).choices[0].delta.role == "assistant"  # a stream keeps what runs it
    del stream
    gc.collect()
    thread._thread.join(20)
    assert not thread._thread.is_alive()


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program with a client whose backend is opened, and says when it is closed."""

    def run(code: str) -> subprocess.CompletedProcess[str]:
        whole = f"{PREAMBLE}{code}\n"
        return subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", whole],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


PREAMBLE = """
import asyncio, logging, os, sys
from contextlib import asynccontextmanager
import browserllm as bl
from browserllm._internal import waiting
from browserllm.testing.script import HANG

# On a busy machine a step can be slow, and asyncio's debug mode says so; everything else that it says counts.
logging.getLogger("asyncio").addFilter(lambda record: not record.getMessage().startswith("Executing "))

@asynccontextmanager
async def open_backend():
    await asyncio.to_thread(int)
    yield bl.ScriptedBackend([["Hi", HANG]])
    # What closing a browser needs: other threads, and new ones.
    await asyncio.to_thread(print, "closed", flush=True)

client = bl.Client(open_backend)
stream = client.chat.completions.create(messages=[{"role": "user", "content": "Hi"}], stream=True)
print(next(stream).choices[0].delta.role)
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("chunks = iter(stream); next(chunks)", 0),
        ("sys.exit(3)", 3),
        ("raise KeyError('mine')", 1),
        ("client.close()", 0),
    ],
)
def test_a_program_that_ends_closes_what_its_client_opened(
    program: Callable[..., subprocess.CompletedProcess[str]], end: str, code: int
) -> None:
    """However it ends, with a running request and nothing closed: once, and without output."""
    done = program(end)
    assert (done.returncode, done.stdout) == (code, "assistant\nclosed\n"), done.stderr
    assert done.stderr == "" or "KeyError: 'mine'" in done.stderr


def test_a_program_does_not_wait_for_a_backend_that_never_closes(
    program: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Not longer than its limit."""
    done = program(
        """
waiting.CLOSE_WAIT_S = 0.1

@asynccontextmanager
async def never_closed():
    yield bl.ScriptedBackend("Hi")
    print("hanging", flush=True)
    await asyncio.get_running_loop().create_future()

stream.close()
client.close()
other = bl.Client(never_closed)
other.models.list()
"""
    )
    assert (done.returncode, done.stdout) == (0, "assistant\nclosed\nhanging\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_must_create_its_own_client(
    program: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The thread stays in the parent, so waiting in the child would never end."""
    done = program(
        """
import warnings
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    try:
        client.models.list()
    except bl.InvalidRequest as error:
        print(str(error), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert "this one was forked from; create a new one" in done.stdout, done.stderr
    assert done.stdout.endswith("closed\n")
