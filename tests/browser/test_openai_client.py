"""The clients of OpenAI's shape with the pocket model: from CPython with a launched browser, and inside the page."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

import browserllm as bl
from in_page import open_python, run_python

# What runs on both sides: these go into the page as their source.


@dataclass
class Setting:
    """A room's temperature."""

    room: str
    degrees: int


SET_TEMPERATURE = {
    "type": "function",
    "function": {
        "name": "set_temperature",
        "description": "Set the temperature of a room",
        "parameters": {
            "type": "object",
            "properties": {"room": {"type": "string"}, "degrees": {"type": "number"}},
            "required": ["room", "degrees"],
        },
        "strict": True,
    },
}
ASKED = {"role": "user", "content": "Set the bedroom to 19 degrees."}


async def ask_async(client: Any) -> dict[str, Any]:
    """Stream, leave a stream, call a tool and go on, parse, list."""
    create = client.chat.completions.create
    story = [{"role": "user", "content": "Tell me a story about a fox."}]
    texts, usage, extras = [], None, None
    chunks = await create(
        model="pocket",
        messages=story,
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=20,
        temperature=0,
    )
    async for chunk in chunks:
        usage = chunk.usage or usage
        extras = chunk.browserllm or extras
        texts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    async with await create(model="pocket", messages=story, stream=True) as left:
        async for chunk in left:
            if chunk.choices[0].delta.content:
                break
    messages = [ASKED]
    completion = await create(
        model="pocket", messages=messages, tools=[SET_TEMPERATURE], tool_choice="required", temperature=0, max_tokens=80
    )
    message = completion.choices[0].message
    messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"status": "ok"}'}]
    after = await create(messages=messages, tools=[SET_TEMPERATURE], temperature=0, max_tokens=12)
    parsed = await client.chat.completions.parse(
        model="pocket", messages=[ASKED], response_format=Setting, temperature=0, max_tokens=80
    )
    return {
        "texts": texts,
        "tokens": usage.completion_tokens,
        "engine": extras.engine,
        "calls": [[call.function.name, call.function.arguments] for call in message.tool_calls],
        "finish_reason": completion.choices[0].finish_reason,
        "after": after.choices[0].message.content,
        "parsed": [type(parsed.choices[0].message.parsed).__name__, parsed.browserllm.mode],
        "models": [model.id async for model in client.models.list() if model.browserllm.loaded],
    }


def ask_sync(client: Any) -> dict[str, Any]:
    """The same, without async."""
    create = client.chat.completions.create
    story = [{"role": "user", "content": "Tell me a story about a fox."}]
    texts, usage, extras = [], None, None
    for chunk in create(
        model="pocket",
        messages=story,
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=20,
        temperature=0,
    ):
        usage = chunk.usage or usage
        extras = chunk.browserllm or extras
        texts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    for chunk in create(model="pocket", messages=story, stream=True):
        if chunk.choices[0].delta.content:
            break
    messages = [ASKED]
    completion = create(
        model="pocket", messages=messages, tools=[SET_TEMPERATURE], tool_choice="required", temperature=0, max_tokens=80
    )
    message = completion.choices[0].message
    messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"status": "ok"}'}]
    after = create(messages=messages, tools=[SET_TEMPERATURE], temperature=0, max_tokens=12)
    parsed = client.chat.completions.parse(
        model="pocket", messages=[ASKED], response_format=Setting, temperature=0, max_tokens=80
    )
    return {
        "texts": texts,
        "tokens": usage.completion_tokens,
        "engine": extras.engine,
        "calls": [[call.function.name, call.function.arguments] for call in message.tool_calls],
        "finish_reason": completion.choices[0].finish_reason,
        "after": after.choices[0].message.content,
        "parsed": [type(parsed.choices[0].message.parsed).__name__, parsed.browserllm.mode],
        "models": [model.id for model in client.models.list() if model.browserllm.loaded],
    }


def check(answers: dict[str, Any]) -> None:
    """What the pocket model must have said."""
    assert answers["engine"] == "webllm"
    assert answers["models"] == ["pocket"]
    assert answers["tokens"] == 20
    assert len(answers["texts"]) > 5
    ((name, arguments),) = answers["calls"]
    decoded = json.loads(arguments)
    assert (name, decoded["room"], decoded["degrees"]) == ("set_temperature", "bedroom", 19)
    assert answers["finish_reason"] == "tool_calls"
    assert answers["after"]
    assert answers["parsed"] == ["Setting", "constrained"]


@asynccontextmanager
async def launched(profile: Path) -> AsyncGenerator[bl.Backend]:
    """The pocket model in a browser of our own."""
    async with bl.connect(profile=profile, webgpu="software") as host:
        yield bl.LocalBackend(host, "pocket")


async def test_the_async_client_in_a_process(tmp_path: Path) -> None:
    """In the caller's loop, over a backend that is the caller's."""
    async with launched(tmp_path) as backend, bl.AsyncClient(backend) as client:
        check(await ask_async(client))


SETUP = f"""
import json
from dataclasses import dataclass
from typing import Any
import browserllm as bl
from browserllm.errors import to_wire
SET_TEMPERATURE = {SET_TEMPERATURE!r}
ASKED = {ASKED!r}

{inspect.getsource(Setting)}
{inspect.getsource(ask_async)}
{inspect.getsource(ask_sync)}
"""


PROGRAM = f"""
{SETUP}
import sys
from contextlib import asynccontextmanager

@asynccontextmanager
async def launched():
    async with bl.connect(profile=sys.argv[1], webgpu="software") as host:
        print(host._process.pid)
        yield bl.LocalBackend(host, "pocket")

client = bl.Client(launched)
print(json.dumps(ask_sync(client)))
stream = client.chat.completions.create(messages=[ASKED], stream=True)
print(next(stream).choices[0].delta.role)
"""


def test_the_sync_client_in_a_program_that_just_ends(tmp_path: Path) -> None:
    """In the middle of an answer, with nothing closed: no browser is left, and no word on its standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pid, said, role = done.stdout.splitlines()
    check(json.loads(said))
    assert role == "assistant"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.fixture(scope="module")
def page(start_browser: Callable[..., BrowserContext], site_url: str) -> Iterator[Page]:
    """A page with Python ready."""
    context = start_browser()
    yield open_python(context, site_url)
    context.close()


def test_the_async_client_in_a_page(page: Page) -> None:
    """It connects to the page it runs in."""
    check(
        run_python(page, f"{SETUP}\nasync with bl.AsyncClient() as client:\n    said = await ask_async(client)\nsaid")
    )


def test_the_sync_client_in_a_page(page: Page) -> None:
    """Chromium lets Python wait, in code that the page runs, in tasks, and after JavaScript's events."""
    check(run_python(page, f"{SETUP}\nwith bl.Client() as client:\n    said = ask_sync(client)\nsaid"))


IN_A_TASK = """
import asyncio
import browserllm as bl
from pyodide.ffi import can_run_sync

async def work():
    await asyncio.sleep(0)
    with bl.Client(bl.ScriptedBackend("Hi")) as client:
        return client.chat.completions.create(messages=[{"role": "user", "content": "Hi"}]).choices[0].message.content

said = [can_run_sync(), await asyncio.create_task(work())]
said
"""

WHERE_NOBODY_WAITS = """
import browserllm as bl
from js import Function
from pyodide.ffi import create_once_callable

said = []
client = bl.Client(bl.ScriptedBackend("Hi"))

def called():
    try:
        client.models.list()
    except bl.errors.Unsupported as error:
        said.append(str(error))

Function.new("callback", "callback()")(create_once_callable(called))
client.close()
said
"""


def test_where_a_page_can_wait_and_where_not(page: Page) -> None:
    """In tasks it can; in a function that JavaScript calls and does not wait for, it says what to do instead."""
    assert run_python(page, IN_A_TASK) == [True, "Hi"]
    (said,) = run_python(page, WHERE_NOBODY_WAITS)
    assert said.startswith("Python cannot wait here")
    assert "use AsyncClient" in said
