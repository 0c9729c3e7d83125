"""Agents in pages that are stopped: in the middle of a tool and of an answer, down to the GPU; and without an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from agent_pages import calls_of, make_folder, open_bare, played, says
from vendor_server import VendorServer


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> str:
    return serve(make_folder(tmp_path_factory.mktemp("www")))


@pytest.fixture(scope="module")
def page(start_browser: Callable[..., BrowserContext], url: str) -> Page:
    return open_bare(start_browser(), url)


@pytest.fixture
def cloud() -> Iterator[VendorServer]:
    with VendorServer(cors=True) as server:
        yield server


# Cancelling


def test_a_tool_that_never_returns_is_left(page: Page, cloud: VendorServer) -> None:
    """Its signal says so, its late result goes nowhere, and the next prompt reads that it was interrupted."""
    model = played(page, cloud, calls_of(("wait", {})), says("Then not."))
    told = page.evaluate(
        """async (model) => {
          const running = later(), result = later();
          const execute = (_, { signal }) => { running.resolve(signal); return result.promise; };
          const wait = { name: "wait", description: "Wait.", execute };
          const agent = new AmplifierWeb({ model, tools: [wait] });
          await agent.init();
          const failure = failureOf(agent.execute("Wait"));
          const signal = await running.promise;
          await agent.cancel();
          result.resolve("too late");
          const { code } = await failure;
          const text = await agent.execute("Go on");
          const history = await agent.getHistory();
          await agent.dispose();
          return [code, signal.aborted, text, JSON.stringify(history).includes("too late")];
        }""",
        model,
    )
    assert told == ["cancelled", True, "Then not.", False]


def test_a_graceful_cancellation_lets_the_tool_end(page: Page, cloud: VendorServer) -> None:
    model = played(page, cloud, calls_of(("wait", {})), says("Never."))
    told = page.evaluate(
        """async (model) => {
          const running = later(), result = later();
          const execute = (_, { signal }) => { running.resolve(signal); return result.promise; };
          const wait = { name: "wait", description: "Wait.", execute };
          const agent = new AmplifierWeb({ model, tools: [wait] });
          await agent.init();
          const failure = failureOf(agent.execute("Wait"));
          const signal = await running.promise;
          const cancelled = agent.cancel({ graceful: true });
          const before = signal.aborted;
          result.resolve("in time");
          await cancelled;
          const history = await agent.getHistory();
          await agent.dispose();
          return [(await failure).code, before, history.at(-1).content];
        }""",
        model,
    )
    assert told == ["cancelled", False, "in time"]
    assert len(cloud.asked("cloud")) == 1


COUNT_WORK = """() => {
  const submit = GPUQueue.prototype.submit;
  globalThis.submitted = 0;
  GPUQueue.prototype.submit = function (...buffers) { globalThis.submitted += 1; return submit.apply(this, buffers); };
}"""


def test_cancelling_reaches_the_gpu(page: Page) -> None:
    """Nothing is submitted to it any more once `cancel` is done, though the engine works: the next prompt shows it."""
    page.evaluate(
        """async () => {
          window.story = new AmplifierWeb({ model: "pocket", maxTokens: 600, temperature: 0.8, seed: 1 });
          await story.init();
        }"""
    )
    engines = [worker for worker in page.workers if worker.evaluate("() => 'GPUQueue' in globalThis")]
    for worker in engines:
        worker.evaluate(COUNT_WORK)

    def submitted() -> int:
        return sum(worker.evaluate("() => globalThis.submitted") for worker in engines)

    pieces, failure, executing = page.evaluate(
        """async () => {
          let pieces = 0;
          const failure = await failureOf(async () => {
            for await (const _ of story.executeStreaming("Tell me a long story about a fox.")) {
              pieces += 1;
              if (pieces === 3) void story.cancel();
            }
          });
          await story.cancel();
          return [pieces, failure.code, story.isExecuting];
        }"""
    )
    assert (failure, executing) == ("cancelled", False)
    assert 3 <= pieces < 200
    stopped = submitted()
    assert stopped > 0
    page.evaluate("async () => { for (let time = 0; time < 20; time += 1) await act('device.refresh', {}); }")
    assert submitted() == stopped
    assert page.evaluate("story.execute('Hi')").strip() != ""
    assert submitted() > stopped
    page.evaluate("story.dispose()")


def test_leaving_the_loop_and_a_signal_cancel(page: Page) -> None:
    told = page.evaluate(
        """async () => {
          const agent = new AmplifierWeb({ model: "pocket", maxTokens: 400, temperature: 0.8, seed: 1 });
          await agent.init();
          for await (const _ of agent.executeStreaming("Tell me a long story about a fox.")) break;
          const left = agent.isExecuting;
          const abort = new AbortController();
          const options = { signal: abort.signal, onText: () => { abort.abort(); } };
          const failure = await failureOf(agent.execute("Tell me a long story about a fox.", options));
          const before = await failureOf(agent.execute("Hi", { signal: AbortSignal.abort() }));
          const after = await agent.execute("Hi");
          await agent.dispose();
          return [left, failure.code, before.code, after.trim() !== ""];
        }"""
    )
    assert told == [False, "cancelled", "cancelled", True]


# Without an agent


def test_the_script_of_the_documentation_runs_as_it_stands(page: Page, url: str) -> None:
    alone = page.context.new_page()
    said: list[str] = []
    errors: list[str] = []
    alone.on("console", lambda message: said.append(message.text) if message.type == "log" else None)
    alone.on("pageerror", lambda error: errors.append(str(error)))
    alone.goto(f"{url}alone.html")
    alone.wait_for_function("window.done")
    assert errors == []
    pieces = [text.removeprefix("delta ") for text in said if text.startswith("delta ")]
    assert pieces and said[-1].strip() != ""
    alone.close()


def test_a_worker_manager_answers(page: Page) -> None:
    told = page.evaluate(
        """async () => {
          const manager = new WorkerManager();
          const loading = [];
          const onProgress = (name) => loading.push(name);
          const model = await manager.init({ model: "nonsense-7b", fallback: ["pocket"], onProgress });
          const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }];
          const whole = await manager.complete({ messages, max_tokens: 8, temperature: 0 });
          const chunks = [];
          const request = { messages, max_tokens: 8, temperature: 0 };
          const streamed = await manager.completeStreaming(request, (chunk) => chunks.push(chunk));
          const abort = new AbortController();
          const story = { messages: [{ role: "user", content: "Tell me a story." }], signal: abort.signal };
          const failure = await failureOf(manager.completeStreaming(story, () => { abort.abort(); }));
          return { model, whole, streamed, chunks, code: failure.code };
        }"""
    )
    assert (told["model"], told["whole"]["model"], told["code"]) == ("pocket", "pocket", "cancelled")
    assert told["whole"]["object"] == "chat.completion"
    assert 0 < told["whole"]["usage"]["completion_tokens"] <= 8
    text = told["streamed"]["choices"][0]["message"]["content"]
    assert (
        text == told["whole"]["choices"][0]["message"]["content"] == "".join(each["content"] for each in told["chunks"])
    )
    assert len(told["chunks"]) > 1


BRIDGE = """
import json
from js import js_llm_complete, js_llm_complete_streaming

messages = [{"role": "user", "content": "Hi"}]
whole = json.loads(await js_llm_complete(json.dumps({"messages": messages, "max_tokens": 8, "temperature": 0})))
tools = [{"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}]
asked = json.dumps({"messages": messages, "max_tokens": 60, "temperature": 0, "tool_choice": "required"})
called = json.loads(await js_llm_complete(asked, json.dumps(tools)))
chunks = []
request = json.dumps({"messages": messages, "max_tokens": 8, "temperature": 0})
streamed = json.loads(await js_llm_complete_streaming(request, lambda text: chunks.append(json.loads(text))))
json.dumps([whole, called, streamed, chunks])
"""


def test_python_finds_the_bridge_functions(page: Page) -> None:
    """Whole, with tools, and piece by piece; in OpenAI's form."""
    whole, called, streamed, chunks = page.evaluate(
        """async (code) => {
          const agent = new AmplifierWeb({ model: "pocket" });
          await agent.init();
          await agent.dispose();
          return JSON.parse(await window.browserllm.python(code));
        }""",
        BRIDGE,
    )
    assert whole["object"] == "chat.completion"
    assert called["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "clock"
    text = streamed["choices"][0]["message"]["content"]
    assert text == whole["choices"][0]["message"]["content"] == "".join(chunk["content"] for chunk in chunks)
    assert {chunk["type"] for chunk in chunks} == {"delta"} and len(chunks) > 1


# Without a network


def test_a_first_visit_without_its_packages_says_so_and_the_next_try_works(
    start_browser: Callable[..., BrowserContext], url: str
) -> None:
    context = start_browser(webgpu=False)
    lost = ["first"]
    context.route("**/python/extras/**", lambda route: route.abort() if lost else route.continue_())
    page = open_bare(context, url)
    failure = page.evaluate(
        """async () => {
          window.agent = new AmplifierWeb({ model: "pocket", maxTokens: 10 });
          return failureOf(agent.init());
        }"""
    )
    assert (failure["code"], failure["recoverable"]) == ("unavailable", True)
    assert "python/extras/amplifier/" in failure["message"]
    assert "connection" in failure["suggestion"]
    lost.clear()
    assert page.evaluate("async () => { await agent.init(); return agent.execute('Hi'); }").strip() != ""
    context.close()


def test_a_site_that_was_built_without_the_packages_says_so(
    start_browser: Callable[..., BrowserContext], url: str
) -> None:
    context = start_browser(webgpu=False)

    def without(route: Any) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json={**reply.json(), "extras": {}})

    context.route("**/python/manifest.json", without)
    page = open_bare(context, url)
    failure = page.evaluate("failureOf(() => new AmplifierWeb({ model: 'pocket' }).init())")
    assert (failure["code"], failure["recoverable"]) == ("invalid_request", False)
    assert "unknown extra 'amplifier'" in failure["message"] and "build the site again" in failure["message"]
    context.close()
