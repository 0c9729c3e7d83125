"""Agents in pages, called at the wrong time or with the wrong things: each call says so, and the next one works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from agent_pages import calls_of, make_folder, open_bare, played, says, use_cloud
from vendor_server import SILENCE, VendorServer, answer, events, stream


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


def test_calls_at_the_wrong_time_say_so(page: Page, cloud: VendorServer) -> None:
    model = played(page, cloud, stream(events(), SILENCE))
    told = page.evaluate(
        """async (model) => {
          const agent = new AmplifierWeb({ model });
          const early = await failureOf(agent.execute("Hi"));
          await agent.init();
          const running = failureOf(agent.execute("Hi"));
          const twice = await failureOf(agent.execute("Hi"));
          const cleared = await failureOf(agent.clearHistory());
          await agent.dispose();
          await agent.dispose();
          const late = await failureOf(agent.execute("Hi"));
          const again = await failureOf(agent.init());
          return [early, twice, cleared, await running, late, again, agent.isReady, agent.sessionId];
        }""",
        model,
    )
    *failures, ready, session = told
    assert [failure["code"] for failure in failures] == [
        "not_ready",
        "busy",
        "busy",
        "cancelled",
        "disposed",
        "disposed",
    ]
    assert all(failure["suggestion"] for failure in failures)
    assert (ready, session) == (False, None)


def test_an_agent_that_is_disposed_while_it_starts_stays_away(page: Page, cloud: VendorServer) -> None:
    model = played(page, cloud, says("Here."))
    told = page.evaluate(
        """async (model) => {
          const first = new AmplifierWeb({ model, sessionId: "one" });
          const failure = failureOf(first.init());
          await first.dispose();
          const second = new AmplifierWeb({ model, sessionId: "one" });
          await second.init();
          const text = await second.execute("Hi");
          await second.dispose();
          return [(await failure).code, text];
        }""",
        model,
    )
    assert told == ["disposed", "Here."]


def test_a_session_that_is_opened_again_belongs_to_the_newer_agent(page: Page, cloud: VendorServer) -> None:
    """The older one is told, can take it back, and does not end the newer one's session with its own."""
    model = played(page, cloud, says("One."), says("Two."), says("Three."))
    told = page.evaluate(
        """async (model) => {
          const [first, second] = [1, 2].map(() => new AmplifierWeb({ model, sessionId: "shared" }));
          await first.init();
          const one = await first.execute("One");
          await second.init();
          const { code, recoverable } = await failureOf(first.execute("Two"));
          const states = [first.isReady, first.sessionId, second.sessionId];
          await first.dispose();
          const two = await second.execute("Two");
          await second.dispose();
          return [one, code, recoverable, states, two];
        }""",
        model,
    )
    assert told == ["One.", "not_ready", True, [False, None, "shared"], "Two."]


def test_two_agents_have_their_own_tools_and_messages(page: Page, cloud: VendorServer) -> None:
    """Also when both work at the same time, and one ends."""
    cloud.add("one", calls_of(("first", {})), says("One."))
    cloud.add("two", calls_of(("second", {})), says("Two."))
    models = [use_cloud(page, cloud, name) for name in ("one", "two")]
    told = page.evaluate(
        """async (models) => {
          const ran = [];
          const tool = (name) => ({ name, description: name, execute: () => { ran.push(name); return name; } });
          const tools = ["first", "second"].map(tool);
          const agents = models.map((model, index) => new AmplifierWeb({ model, tools: [tools[index]] }));
          await Promise.all(agents.map((agent) => agent.init()));
          const texts = await Promise.all(agents.map((agent, index) => agent.execute(`Prompt ${index}`)));
          await agents[0].dispose();
          const history = await agents[1].getHistory();
          await agents[1].dispose();
          return [texts, ran.sort(), history.map(({ role }) => role), agents[0].sessionId === agents[1].sessionId];
        }""",
        models,
    )
    assert told[:3] == [["One.", "Two."], ["first", "second"], ["user", "assistant", "tool", "assistant"]]


def test_a_model_that_nobody_knows_is_named_and_the_next_one_answers(page: Page) -> None:
    told = page.evaluate(
        """async () => {
          const alone = await failureOf(new AmplifierWeb({ model: "nonsense-7b" }).init());
          const agent = new AmplifierWeb({ model: "nonsense-7b", fallback: ["pocket"], maxTokens: 20 });
          await agent.init();
          const text = await agent.execute("Hi");
          const { model } = agent.lastAnswer;
          await agent.dispose();
          return [alone, agent.model, model, text.trim() !== ""];
        }"""
    )
    failure, loaded, model, answered = told
    assert (failure["code"], failure["recoverable"]) == ("model_not_found", False)
    assert "nonsense-7b" in failure["message"] and failure["suggestion"] and failure["caused"]
    assert (loaded, model, answered) == ("pocket", "pocket", True)


def test_the_device_answers_where_a_cloud_refuses(page: Page, cloud: VendorServer) -> None:
    refused = answer({"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, status=401)
    model = played(page, cloud, refused)
    told = page.evaluate(
        """async (model) => {
          const agent = new AmplifierWeb({ model, fallback: ["pocket"], maxTokens: 20 });
          await agent.init();
          const text = await agent.execute("Hi");
          const { model: answered, costUsd } = agent.lastAnswer;
          await agent.dispose();
          return [text.trim() !== "", answered, costUsd];
        }""",
        model,
    )
    assert told == [True, "pocket", 0]
    assert len(cloud.asked("cloud")) == 1


def test_what_is_private_never_reaches_a_cloud(page: Page, cloud: VendorServer) -> None:
    model = played(page, cloud, says("From the cloud."))
    told = page.evaluate(
        """async (model) => {
          const agent = new AmplifierWeb({ model, fallback: ["pocket"], private: true, maxTokens: 20 });
          await agent.init();
          await agent.execute("My diary");
          const answered = agent.lastAnswer.model;
          await agent.dispose();
          return answered;
        }""",
        model,
    )
    assert told == "pocket"
    assert cloud.asked("cloud") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('{ builtinTools: ["hammer"] }', "unknown tool 'hammer'"),
        ("{ maxIterations: 0 }", "max_iterations=0"),
        ("{ temperature: 99 }", "temperature"),
        ('{ temperature: "warm" }', "temperature"),
        ('{ history: [{ role: "robot" }] }', "messages[0]"),
        ('{ model: "cloud:gone" }', "does not exist"),
    ],
)
def test_an_option_that_is_wrong_is_named(page: Page, options: str, said: str) -> None:
    failure = page.evaluate(f"failureOf(() => new AmplifierWeb({options}).init())")
    assert (failure["name"], failure["code"], failure["recoverable"]) == ("AmplifierError", "invalid_request", False)
    assert said in failure["message"]


@pytest.mark.parametrize("prompt", ['""', "undefined", "5", "null"])
def test_a_prompt_that_is_none_leaves_the_agent_ready(page: Page, prompt: str) -> None:
    failure, text = page.evaluate(
        f"""async () => {{
          const agent = new AmplifierWeb({{ model: "pocket", maxTokens: 10 }});
          await agent.init();
          const failure = await failureOf(agent.execute({prompt}));
          const text = await agent.execute("Hi");
          await agent.dispose();
          return [failure, text];
        }}"""
    )
    assert failure["code"] == "invalid_request"
    assert text.strip() != ""


def test_any_text_goes_through(page: Page, cloud: VendorServer) -> None:
    """Scripts of the world, emoji, control characters, and half a character."""
    prompt = "Ünï שלום 你好 👩‍👩‍👧‍👦 \\u0000 \\u202e \\ud83d end"
    model = played(page, cloud, says("你好 👩‍👩‍👧‍👦 שלום"))
    told = page.evaluate(
        f"""async (model) => {{
          const agent = new AmplifierWeb({{ model, systemPrompt: "Sei nett 👋" }});
          await agent.init();
          const text = await agent.execute("{prompt}");
          const history = await agent.getHistory();
          const pocket = new AmplifierWeb({{ model: "pocket", maxTokens: 10 }});
          await pocket.init();
          const local = await failureOf(pocket.execute("{prompt}"));
          await Promise.all([agent.dispose(), pocket.dispose()]);
          return [text, history.length, local];
        }}""",
        model,
    )
    assert told == ["你好 👩‍👩‍👧‍👦 שלום", 3, None]


def test_a_long_history_is_cut_to_what_the_model_holds(page: Page) -> None:
    """And what does not fit by itself is said, and does not spoil the next prompt."""
    told = page.evaluate(
        """async () => {
          const words = "word ".repeat(200);
          const turn = (_, index) => ({ role: index % 2 ? "assistant" : "user", content: `${index} ${words}` });
          const history = Array.from({ length: 400 }, turn);
          const options = { model: "pocket", maxTokens: 20, systemPrompt: "Be brief.", private: true };
          const agent = new AmplifierWeb({ ...options, history });
          await agent.init();
          const text = await agent.execute("What is your name?");
          const kept = (await agent.getHistory()).length;
          const long = await failureOf(agent.execute("word ".repeat(50_000)));
          const after = await agent.execute("Hi");
          await agent.dispose();
          return [text.trim() !== "", kept, long, after.trim() !== ""];
        }"""
    )
    answered, kept, long, after = told
    assert (answered, kept, after) == (True, 403, True)
    assert (long["code"], long["recoverable"]) == ("context_exceeded", True)


def test_the_system_prompt_and_the_history_can_be_changed(page: Page, cloud: VendorServer) -> None:
    model = played(page, cloud, says("One."), says("Two."))
    page.evaluate(
        """async (model) => {
          const agent = new AmplifierWeb({ model, systemPrompt: "Old." });
          await agent.init();
          await agent.execute("First?");
          await agent.setSystemPrompt("New.");
          await agent.clearHistory();
          await agent.execute("Second?");
          await agent.dispose();
        }""",
        model,
    )
    sent: list[Any] = cloud.asked("cloud")[1].json["messages"]
    assert [(message["role"], message["content"]) for message in sent] == [("system", "New."), ("user", "Second?")]
