"""Python in the page: Pyodide drives the engines of the page it lives in, served by a plain static file server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from in_page import open_python, run_python

PROMPT = "Tell me a story about a fox."

ANSWER = f"""
import json
import browserllm as bl

async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket")
    texts = []
    async for chunk in llm.stream({PROMPT!r}, temperature=0, max_tokens=60):
        if isinstance(chunk, bl.types.TextDelta):
            texts.append(chunk.text)
    done = chunk
json.dumps(dict(
    texts=texts,
    text=done.response.text,
    engine=done.response.engine,
    device=done.response.device,
    adapter=done.response.adapter,
    finish_reason=done.finish_reason,
    prompt_tokens=done.usage.prompt_tokens,
    completion_tokens=done.usage.completion_tokens,
    tokens_per_s=done.timings.tokens_per_s,
    route=[[hop.engine, hop.device, hop.reason] for hop in done.response.route],
))
"""


@pytest.fixture(scope="module", params=["webllm", "transformersjs"])
def engine_page(
    request: pytest.FixtureRequest, start_browser: Callable[..., BrowserContext], site_url: str
) -> Iterator[tuple[str, Page]]:
    """A page with Python ready, once with WebGPU (WebLLM answers) and once without (Transformers.js on the CPU)."""
    context = start_browser(webgpu=request.param == "webllm")
    page = open_python(context, site_url)
    yield request.param, page
    context.close()


def test_streams_an_answer(engine_page: tuple[str, Page]) -> None:
    """The engine that the device allows streams the pocket model's answer, with usage, timings and route."""
    engine, page = engine_page
    answer = run_python(page, ANSWER)
    assert answer["engine"] == engine
    assert len(answer["texts"]) > 10
    assert "".join(answer["texts"]) == answer["text"]
    assert "fox" in answer["text"].lower()
    assert answer["finish_reason"] in {"stop", "length"}
    assert answer["prompt_tokens"] > 5
    assert answer["completion_tokens"] > 20
    assert answer["tokens_per_s"] > 0
    if engine == "webllm":
        assert answer["route"] == []
        assert answer["adapter"]
    else:
        assert [hop[:2] for hop in answer["route"]] == [["webllm", "webgpu"], ["transformersjs", "webgpu"]]
        assert all("WebGPU" in hop[2] for hop in answer["route"])


def test_stop_takes_effect_and_the_next_prompt_works(engine_page: tuple[str, Page]) -> None:
    """stop() after the third piece of text ends the stream as cancelled, and the same backend answers again."""
    _, page = engine_page
    code = f"""
import json
import browserllm as bl

async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket")
    stream = llm.stream({PROMPT!r}, temperature=0, max_tokens=400)
    pieces = after = 0
    async for chunk in stream:
        if isinstance(chunk, bl.types.TextDelta):
            pieces += 1
            if pieces == 3:
                stream.stop()
            elif pieces > 3:
                after += 1
    stopped = stream.response
    again = await llm.complete("Hello!", temperature=0, max_tokens=20)
json.dumps(dict(after=after, reason=stopped.finish_reason, generated=stopped.usage.completion_tokens,
                again=again.text, again_reason=again.finish_reason))
"""
    result = run_python(page, code)
    assert result["reason"] == "cancelled"
    assert result["after"] == 0
    assert result["generated"] < 40
    assert result["again"]
    assert result["again_reason"] in {"stop", "length"}


def test_two_prompts_at_once_queue(engine_page: tuple[str, Page]) -> None:
    """Two answers asked for at once come one after the other, each whole, and the same as when asked alone."""
    _, page = engine_page
    code = """
import asyncio, json
import browserllm as bl

async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket")
    prompts = ["Tell me a story about a fox.", "Hello, who are you?"]
    options = dict(temperature=0, max_tokens=40)
    alone = [(await llm.complete(prompt, **options)).text for prompt in prompts]
    together = await asyncio.gather(*(llm.complete(prompt, **options) for prompt in prompts))
json.dumps(dict(alone=alone, together=[r.text for r in together], waits=[r.timings.queue_ms for r in together]))
"""
    result = run_python(page, code)
    assert result["together"] == result["alone"]
    assert max(result["waits"]) > min(result["waits"])


BAD_INPUT: list[tuple[str, str, str]] = [
    ("llm.stream([])", "InvalidRequest", "messages"),
    ("llm.complete('x' * 10_000_000)", "InvalidRequest", "10000"),
    ("llm.complete('word ' * 5000)", "ContextExceeded", "2048"),
    ("llm.complete('hi', model='no-such-model')", "ModelNotFound", "no-such-model"),
    ("llm.complete('hi', temprature=1)", "InvalidRequest", "temprature"),
    ("host.call('no_such_op', {})", "ProtocolError", "no_such_op"),
    ("host.call('chat', {'model': 'pocket', 'messages': 7})", "InvalidRequest", "messages"),
]


@pytest.mark.parametrize(("call", "error", "named"), BAD_INPUT)
def test_bad_input_is_a_typed_error(engine_page: tuple[str, Page], call: str, error: str, named: str) -> None:
    """Bad input raises a typed error that names the value, and the host answers the next prompt."""
    _, page = engine_page
    code = f"""
import inspect, json
import browserllm as bl

async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket")
    try:
        value = {call}
        if inspect.isawaitable(value):
            await value
        result = ["nothing raised", ""]
    except bl.BrowserLLMError as e:
        result = [type(e).__name__, str(e)]
    reply = await llm.complete("Hello!", temperature=0, max_tokens=8)
json.dumps(result + [reply.text])
"""
    name, message, reply = run_python(page, code)
    assert name == error, message
    assert named in message
    assert reply


def test_broken_messages_are_refused_and_the_worker_lives(engine_page: tuple[str, Page]) -> None:
    """Text that is no JSON and a message of another version are answered with `protocol`, and the worker goes on."""
    _, page = engine_page
    code = """
import json
import browserllm as bl

async with bl.connect() as host:
    from _browserllm_page import engine_port
    async def told(text):
        try:
            engine_port.send(text)
            await host.call("status", {})
            return "nothing raised"
        except bl.errors.ProtocolError as e:
            return str(e)
    broken = await told("{not json")
    other = await told('{"v":99,"op":"status","args":{}}')
    status = await host.call("status", {})
json.dumps([broken, other, sorted(status)])
"""
    broken, other, status = run_python(page, code)
    assert "JSON" in broken
    assert "99" in other
    assert status == ["loaded", "queue"]


def test_the_device_is_described(engine_page: tuple[str, Page]) -> None:
    """The probe reports what the page knows about the device, and why WebGPU is missing, if it is."""
    engine, page = engine_page
    device: dict[str, Any] = run_python(
        page,
        "import json\nimport browserllm as bl\nasync with bl.connect() as host:\n"
        "    device = await host.call('probe', {})\njson.dumps(device)",
    )
    assert device["webgpu"]["available"] is (engine == "webllm")
    if engine == "webllm":
        assert device["webgpu"]["adapter"]["description"] or device["webgpu"]["adapter"]["architecture"]
        assert device["webgpu"]["limits"]["maxBufferSize"] >= 2**28
    else:
        assert device["webgpu"]["reason"] in {"no_api", "no_adapter"}
    assert device["cores"] >= 1
    assert device["storage"]["quota"] > 0
    assert device["secure_context"] is True


def test_run_python_returns_json(engine_page: tuple[str, Page]) -> None:
    """The page's entry point for Python returns the last expression and raises Python's errors with their message."""
    _, page = engine_page
    assert run_python(page, "import json\njson.dumps({'a': [1, 2]})") == {"a": [1, 2]}
    message = page.evaluate("code => window.browserllm.python(code).catch(e => String(e))", "1/0")
    assert "ZeroDivisionError" in message
    assert json.dumps(message)
