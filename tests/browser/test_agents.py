"""Agents in pages: `amplifier.js` used from documentation alone, its tools and approvals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, expect

from agent_pages import ADD, calls_of, make_folder, open_bare, played, says
from certificates import make_certificates
from test_builtin_tools import Site
from vendor_server import VendorServer


@pytest.fixture(scope="module")
def web_flags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What makes Chromium take a server on loopback for https://example.test."""
    tls = make_certificates(tmp_path_factory.mktemp("tls"), "example.test")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.socket = tls.server.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [
        f"--host-resolver-rules=MAP example.test 127.0.0.1:{server.server_port}",
        f"--ignore-certificate-errors-spki-list={tls.spki}",
    ]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> str:
    return serve(make_folder(tmp_path_factory.mktemp("www")))


@pytest.fixture(scope="module")
def context(start_browser: Callable[..., BrowserContext], web_flags: list[str]) -> BrowserContext:
    return start_browser(*web_flags)


@pytest.fixture(scope="module")
def page(context: BrowserContext, url: str) -> Page:
    return open_bare(context, url)


@pytest.fixture
def cloud() -> Iterator[VendorServer]:
    with VendorServer(cors=True) as server:
        yield server


# From the documentation


def test_the_page_of_the_documentation_asks_and_answers(context: BrowserContext, url: str) -> None:
    """As it stands, on a plain static server, with the model that comes with the site."""
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", accept)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{url}first.html")
    expect(page.locator("#status")).to_have_text("Tools: todo_list, storage, clock")
    assert page.inner_text("#answer").strip() != ""
    assert asked == ["Run clock({})?"]
    assert errors == []
    page.close()


def test_each_stage_of_the_start_is_told(start_browser: Callable[..., BrowserContext], url: str) -> None:
    """In a first visit; packages and session come while the model loads."""
    for webgpu in (True, False):
        page = open_bare(start_browser(webgpu=webgpu), url)
        supported, stages, fractions = page.evaluate(
            """async () => {
              const told = [];
              const agent = new AmplifierWeb({ onProgress: (progress) => told.push(progress) });
              await agent.init();
              const fractions = told.map(({ fraction }) => fraction).filter((fraction) => fraction !== null);
              return [await AmplifierWeb.isWebGPUSupported(), [...new Set(told.map(({ stage }) => stage))], fractions];
            }"""
        )
        assert supported is webgpu
        assert stages[0] == "pyodide" and stages[-1] == "ready"
        assert sorted(stages) == ["model", "packages", "pyodide", "ready", "session"]
        assert all(0 <= fraction <= 1 for fraction in fractions) and fractions[-1] == 1
        page.context.close()


# Tools


def test_tools_of_every_kind_run(page: Page, cloud: VendorServer) -> None:
    """Built-in ones, among them the browser's storage and the web, one from JavaScript, and one that comes later."""
    model = played(
        page,
        cloud,
        calls_of(
            ("todo_list", {"action": "add", "text": "write"}),
            ("storage", {"action": "remember", "key": "name", "value": {"first": "Ada"}}),
            ("web_fetch", {"url": "https://example.test/"}),
            ("calculator", {"expression": "2 * 21"}),
            ("add", {"a": 1, "b": 2}),
            ("later", {}),
        ),
        says("All ", "done."),
    )
    told = page.evaluate(
        f"""async (model) => {{
          const results = {{}}, asked = [];
          const agent = new AmplifierWeb({{
            model, builtinTools: ["todo", "storage", "web_fetch", "calculator"], tools: [{ADD}],
            onApproval: ({{ tool }}) => {{ asked.push(tool); return true; }},
            onEvent: ({{ type, name, output, error }}) => {{
              if (type === "tool-result") results[name] = error ?? output;
            }},
          }});
          await agent.init();
          await agent.registerTool("later", "Wait.", {{ type: "object" }}, async () => ({{ deep: [1, "ü", null] }}));
          const pieces = [];
          for await (const text of agent.executeStreaming("Do it all")) pieces.push(text);
          await agent.dispose();
          return {{ results, asked, pieces, tools: agent.getToolNames(), answer: agent.lastAnswer }};
        }}""",
        model,
    )
    assert told["results"]["todo_list"] == "1. [ ] write"
    assert told["results"]["storage"] == "remembered 'name'"
    assert "A page." in told["results"]["web_fetch"]
    assert (told["results"]["calculator"], told["results"]["add"]) == ("42", 3)
    assert told["results"]["later"] == {"deep": [1, "ü", None]}
    assert told["asked"] == ["web_fetch"]
    assert told["pieces"] == ["All ", "done."]
    assert told["tools"] == ["todo_list", "storage", "web_fetch", "calculator", "add", "later"]
    assert (told["answer"]["costUsd"], told["answer"]["inputTokens"]) == (None, 38)
    read = {part["role"] for part in cloud.asked("cloud")[1].json["messages"]}
    assert read == {"user", "assistant", "tool"}


def test_the_next_visit_has_what_tools_kept_and_goes_on(context: BrowserContext, url: str, cloud: VendorServer) -> None:
    """After a reload: the storage of all sessions, and the to-do list and the messages of this one."""
    page = open_bare(context, url)
    remember = {"action": "remember", "key": "k", "value": 7}
    open_agent = """async ([model, history]) => {
      const builtinTools = ["todo", "storage"];
      window.agent = new AmplifierWeb({ model, builtinTools, systemPrompt: "Be brief.", sessionId: "mine-1", history });
      await agent.init();
    }"""
    model = played(
        page,
        cloud,
        calls_of(("todo_list", {"action": "add", "text": "sing"}), ("storage", remember)),
        says("Kept."),
    )
    page.evaluate(open_agent, [model, []])
    history = page.evaluate("async () => { await agent.execute('Keep it'); return agent.getHistory(); }")
    page.reload()
    model = played(
        page,
        cloud,
        calls_of(("todo_list", {"action": "list"}), ("storage", {"action": "recall", "key": "k"})),
        says("Found."),
    )
    page.evaluate(open_agent, [model, history])
    after = page.evaluate("async () => { await agent.execute('Find it'); return agent.getHistory(); }")
    assert [message["role"] for message in after] == [
        *("system", "user", "assistant", "tool", "tool", "assistant", "user", "assistant", "tool", "tool", "assistant")
    ]
    assert [message["content"] for message in after if message["role"] == "tool"][2:] == ["1. [ ] sing", "7"]
    page.close()


@pytest.mark.parametrize(
    ("execute", "read"),
    [
        ("() => { throw new RangeError('no such day'); }", "RangeError: no such day"),
        ("() => Promise.reject('a text')", "a text"),
        ("() => 10n", "TypeError"),
        ("() => { const own = {}; own.own = own; return own; }", "TypeError"),
        ("() => () => 1", "returned a function, which is not JSON"),
        ("() => undefined", ""),
        ("() => JSON.parse('['.repeat(300) + ']'.repeat(300))", "nested more than 200 levels deep"),
        ("() => 'half \\ud83d of it'", "half"),
    ],
)
def test_the_model_reads_what_a_tool_does_wrong(page: Page, cloud: VendorServer, execute: str, read: str) -> None:
    model = played(page, cloud, calls_of(("odd", {})), says("I see."))
    said = page.evaluate(
        f"""async (model) => {{
          const odd = {{ name: "odd", description: "Odd.", execute: {execute} }};
          const agent = new AmplifierWeb({{ model, tools: [odd] }});
          await agent.init();
          const text = await agent.execute("Go");
          const [, , result] = await agent.getHistory();
          await agent.dispose();
          return [text, result.content];
        }}""",
        model,
    )
    assert said[0] == "I see."
    assert read in str(said[1])


# Approvals


def test_the_user_decides_about_each_call_by_itself(page: Page, cloud: VendorServer) -> None:
    """Two calls of one answer are asked about at the same time."""
    model = played(page, cloud, calls_of(("add", {"a": 1, "b": 2}), ("add", {"a": 5, "b": 5})), says("Half of it."))
    told = page.evaluate(
        f"""async (model) => {{
          const results = {{}}, asked = [];
          const agent = new AmplifierWeb({{
            model, tools: [{ADD}], ask: ["*"],
            onApproval: async ({{ callId, arguments: args }}) => {{
              asked.push(callId);
              while (asked.length < 2) await new Promise((go) => setTimeout(go));
              return args.a === 1;
            }},
            onEvent: ({{ type, id, output, error }}) => {{
              if (type === "tool-result") results[id] = error ?? output;
            }},
          }});
          await agent.init();
          await agent.execute("Add");
          await agent.dispose();
          return [asked.map((id) => results[id]), Object.keys(results).length];
        }}""",
        model,
    )
    assert told == [[3, "the user refused the call"], 2]


def test_a_question_that_is_never_answered_ends_with_the_agent(page: Page, cloud: VendorServer) -> None:
    """Cancelled or disposed: the user is not asked any more, the tool never runs, and the next agent works."""
    for end in ("agent.cancel()", "agent.cancel({ graceful: true })", "agent.dispose()"):
        model = played(page, cloud, calls_of(("add", {"a": 1, "b": 2})), says("Never."))
        told = page.evaluate(
            f"""async (model) => {{
              const asked = later();
              let ran = false;
              const agent = new AmplifierWeb({{
                model, ask: ["*"], tools: [{{ ...{ADD}, execute: () => {{ ran = true; }} }}],
                onApproval: ({{ signal }}) => {{ asked.resolve(signal); return new Promise(() => undefined); }},
              }});
              await agent.init();
              const failure = failureOf(agent.execute("Add"));
              const signal = await asked.promise;
              await {end};
              const {{ code, recoverable }} = await failure;
              return [code, recoverable, signal.aborted, ran, agent.isExecuting];
            }}""",
            model,
        )
        assert told == ["cancelled", True, True, False, False], end
