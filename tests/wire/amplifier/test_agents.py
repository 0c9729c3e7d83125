"""Agents of the app: what a page opens, asks, answers and cancels, over a backend that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from amplifier_core import HookResult

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app import agent_session
from browserllm.app.agents import Agents
from browserllm.app.app import App
from browserllm.app.chat_rooms import ChatRooms
from browserllm.app.notices import Notices
from browserllm.app.state import ConversationSettings, Settings
from browserllm.backends import BackendFacts
from browserllm.errors import DeviceLost
from browserllm.stores.memory import MemoryStore
from browserllm.testing.script import HANG
from browserllm.types import ReasoningDelta

ADD = act.PageTool(name="add", description="Adds.", parameters={"type": "object", "properties": {"a": {}, "b": {}}})
CALL = bl.ToolCallPart("c1", "add", '{"a": 1, "b": 2}')


STEPS = 50_000
"""How many steps of the event loop anything here may take."""


class Page:
    """A page with one agent. It runs the tool ``add``, and lets the user answer with ``says``."""

    def __init__(self, answers: Any, *, says: str | None = "Allow", settings: Settings | None = None) -> None:
        self.app = App()
        self.app.state.put(settings or Settings(never_leave_device=False), "settings")
        self.backend = bl.ScriptedBackend(answers, model="paper")
        self.store = MemoryStore()
        rooms = ChatRooms(self.app, self.store, lambda settings: self.backend, Notices(self.app))
        self.agents = Agents(self.app, self._backend_of, rooms.answering)
        self.asked: list[tuple[str | None, Sequence[str]]] = []
        self.events: list[act.AgentEvent] = []
        self.says = says
        self.runs = True
        self.agent = ""
        self._tasks: set[Any] = set()

    def _backend_of(self, settings: ConversationSettings, fallback: Sequence[str]) -> bl.Backend:
        self.asked.append((settings.model, fallback))
        return self.backend

    async def open(self, **options: Any) -> act.AgentInfo:
        info = await self.app.call(act.OpenAgent(page_tools=(ADD,), **options), self.events.append)
        self.agent = info.id
        return info

    async def ask(self, prompt: str = "1 + 2?") -> act.AgentAnswer:
        return await self.app.call(act.AskAgent(agent=self.agent, prompt=prompt), self._on_event)

    def _on_event(self, event: act.AgentEvent) -> None:
        self.events.append(event)
        if event.type == "page-tool" and self.runs:
            arguments = event.arguments or {}
            self._reply(event, value=arguments["a"] + arguments["b"])
        elif event.type == "approval" and self.says is not None:
            self._reply(event, value=self.says)

    def _reply(self, event: act.AgentEvent, value: Any) -> None:
        reply = act.ReplyToAgent(agent=self.agent, id=event.id or "", value=value)
        self._tasks.add(asyncio.get_running_loop().create_task(self.app.call(reply)))

    async def until(self, kind: str) -> act.AgentEvent:
        for _ in range(STEPS):
            for event in self.events:
                if event.type == kind:
                    return event
            await asyncio.sleep(0)
        raise AssertionError(f"no {kind!r} in {STEPS} steps of the event loop, but {self.types()}")

    def types(self) -> list[str]:
        return [event.type for event in self.events]


async def test_a_prompt_is_answered_with_a_tool_of_the_page() -> None:
    page = Page([["Let me see. ", CALL], [ReasoningDelta(reasoning="Hm."), "It is ", "3."]])
    info = await page.open(settings=ConversationSettings(system="Be brief.", tools=("clock",)), id="s")
    assert (info.id, info.tools) == ("s", ("clock", "add"))
    answer = await page.ask()
    assert (answer.text, answer.model, answer.cost_usd) == ("It is 3.", "paper", 0)
    assert page.types() == [
        *("stage", "stage", "text", "tool-call", "page-tool", "tool-result", "thinking", "text", "text")
    ]
    call, result = page.events[3], page.events[5]
    assert (call.id, call.name, call.arguments) == ("c1", "add", {"a": 1, "b": 2})
    assert (result.id, result.output, result.error) == ("c1", 3, None)
    history = await page.app.call(act.AgentHistory(agent="s"))
    assert [message["role"] for message in history] == ["system", "user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ("Allow", None),
        ("allow always", None),
        ("Deny", "the user refused the call"),
        ("Allow it, please", "the user refused the call"),
        ("", "the user refused the call"),
    ],
)
async def test_the_user_decides_about_a_tool(says: str, error: str | None) -> None:
    page = Page([[CALL], "Done."], says=says)
    await page.open(ask=("add",))
    await page.ask()
    approval = await page.until("approval")
    assert (approval.name, approval.arguments, approval.options) == ("add", {"a": 1, "b": 2}, ("Allow", "Deny"))
    assert (await page.until("tool-result")).error == error
    assert ("page-tool" in page.types()) is (error is None)


async def test_a_tool_that_sends_data_elsewhere_asks_by_itself_and_never_runs_in_private() -> None:
    call = bl.ToolCallPart("c1", "web_fetch", '{"url": "https://example.org"}')
    page = Page([[call], "Then not."], says="Deny")
    await page.open(settings=ConversationSettings(tools=("web_fetch",)))
    await page.ask()
    assert "approval" in page.types()
    private = Page([[call], "Then not."], says="Allow", settings=Settings(never_leave_device=True))
    await private.open(settings=ConversationSettings(tools=("web_fetch",)))
    await private.ask()
    assert "approval" not in private.types()
    assert "stays on the device" in str((await private.until("tool-result")).error)


async def test_a_tool_of_the_page_that_fails_is_read_by_the_model() -> None:
    page = Page([[CALL], "Sorry."])
    page.runs = False
    await page.open()
    running = asyncio.create_task(page.ask())
    question = await page.until("page-tool")
    await page.app.call(act.ReplyToAgent(agent=page.agent, id=question.id or "", error="TypeError: no"))
    assert (await running).text == "Sorry."
    read = page.backend.requests[1].messages[-1].content[0]
    assert getattr(read, "content", None) == "TypeError: no"
    with pytest.raises(bl.InvalidRequest, match="no question"):
        await page.app.call(act.ReplyToAgent(agent=page.agent, id=question.id or "", value=1))


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize("phase", ["decode", "tool", "approval"])
async def test_cancelling_stops_the_model_and_takes_questions_back(phase: str, immediate: bool) -> None:
    answers: Any = [["Half ", HANG], "Whole."] if phase == "decode" else [[CALL], "Whole."]
    page = Page(answers, says=None)
    page.runs = False
    await page.open(ask=("add",) if phase == "approval" else ())
    running = asyncio.create_task(page.ask())
    kind = {"decode": "text", "tool": "page-tool", "approval": "approval"}[phase]
    question = await page.until(kind)
    await page.app.call(act.CancelAgent(agent=page.agent, immediate=immediate))
    if phase == "tool" and not immediate:
        await page.app.call(act.ReplyToAgent(agent=page.agent, id=question.id or "", value=3))
    with pytest.raises(bl.Cancelled):
        await running
    assert len(page.backend.stopped) == (phase == "decode")
    told = page.types()
    assert told.count("tool-call") == told.count("tool-result")
    if phase == "approval":
        assert (await page.until("tool-result")).error == "the agent was cancelled before the user decided"
    assert ("question-withdrawn" in page.types()) is (phase == "approval" or (phase == "tool" and immediate))
    page.runs = True
    assert (await page.ask("Again")).text == "Whole."


async def test_cancelling_the_call_stops_the_agent() -> None:
    page = Page([["Half ", HANG], "Whole."])
    await page.open()
    running = asyncio.create_task(page.ask())
    await page.until("text")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(page.backend.stopped) == 1
    assert (await page.ask("Again")).text == "Whole."


async def test_a_failure_keeps_its_code_and_the_next_prompt_works() -> None:
    page = Page([[DeviceLost("the GPU is gone; try again")], "Better."])
    await page.open()
    with pytest.raises(DeviceLost):
        await page.ask()
    assert (await page.ask()).text == "Better."


async def test_an_agent_is_changed_and_cleared_and_closed() -> None:
    page = Page(["One.", "Two."])
    await page.open(id="s", settings=ConversationSettings(system="Old."))
    await page.ask()
    tool = act.PageTool(name="sub")
    assert await page.app.call(act.ChangeAgent(agent="s", system="New.", page_tool=tool, clear=True)) == ("add", "sub")
    await page.ask("Second?")
    assert [message.text for message in page.backend.requests[1].messages] == ["New.", "Second?"]
    assert [tool.name for tool in page.backend.requests[1].tools] == ["add", "sub"]
    await page.app.call(act.CloseAgent(agent="s"))
    await page.app.call(act.CloseAgent(agent="s"))
    with pytest.raises(bl.InvalidRequest, match="no agent 's' is open"):
        await page.ask()


async def test_an_agent_goes_on_with_the_messages_of_an_earlier_one() -> None:
    page = Page(["Two."])
    earlier = ({"role": "user", "content": "First?"}, {"role": "assistant", "content": "One."})
    await page.open(settings=ConversationSettings(system="Be brief.", model="m"), messages=earlier, fallback=("n",))
    await page.ask("Second?")
    assert [message.text for message in page.backend.requests[0].messages] == ["Be brief.", "First?", "One.", "Second?"]
    assert page.asked == [("m", ("n",)), ("m", ("n",))]


async def test_one_prompt_at_a_time_and_a_closed_app_stops_it() -> None:
    page = Page([[HANG]])
    await page.open()
    running = asyncio.create_task(page.ask())
    while not page.backend.requests:
        await asyncio.sleep(0)
    with pytest.raises(bl.InvalidRequest, match="another prompt"):
        await page.ask()
    await page.agents.close()
    with pytest.raises(bl.Cancelled):
        await running


@pytest.mark.parametrize("prompt", ["", " \n"])
async def test_a_prompt_has_words(prompt: str) -> None:
    page = Page("Never.")
    await page.open()
    with pytest.raises(bl.InvalidRequest, match="prompt is empty"):
        await page.ask(prompt)
    assert page.backend.requests == []


async def test_what_cannot_be_opened_is_said() -> None:
    page = Page("x")
    with pytest.raises(bl.InvalidRequest, match="unknown tool"):
        await page.open(settings=ConversationSettings(tools=("nothing",)))
    with pytest.raises(bl.InvalidRequest, match="schema"):
        await page.open(settings=ConversationSettings(schema={"type": "object"}))
    with pytest.raises(bl.InvalidRequest, match="max_iterations=0"):
        await page.open(max_iterations=0)
    with pytest.raises(bl.InvalidRequest, match=r"messages\[1\] is not a message"):
        await page.open(messages=({"role": "user", "content": "Hi"}, {"role": "robot", "content": "Hi"}))


async def test_a_page_that_was_reloaded_opens_its_agent_again() -> None:
    """The one that it left behind ends, even in the middle of a prompt."""
    page = Page([["Half ", HANG], "Whole."])
    await page.open(id="s")
    running = asyncio.create_task(page.ask())
    await page.until("text")
    await page.open(id="s")
    with pytest.raises(bl.Cancelled):
        await running
    assert (await page.ask("Again")).text == "Whole."
    assert [message.text for message in page.backend.requests[1].messages] == ["Again"]


async def test_an_agent_whose_session_was_opened_again_reaches_the_newer_one_by_the_id_alone() -> None:
    """Two parts of a page, or two tabs, open one session: the older handle neither asks nor closes the newer one."""
    page = Page(["One.", "Two.", "Three."])
    first = await page.open(id="s")
    second = await page.open(id="s")
    assert first.handle != second.handle
    for action in (
        act.AskAgent(agent=first.handle, prompt="Hi"),
        act.ChangeAgent(agent=first.handle, clear=True),
        act.AgentHistory(agent=first.handle),
    ):
        with pytest.raises(bl.InvalidRequest, match="its session was opened again") as raised:
            await page.app.call(action)
        assert raised.value.data["parameter"] == "agent"
    await page.app.call(act.CloseAgent(agent=first.handle))
    texts = [(await page.app.call(act.AskAgent(agent=name, prompt="Hi"))).text for name in (second.handle, "s")]
    assert texts == ["One.", "Two."]
    await page.app.call(act.CloseAgent(agent=second.handle))
    with pytest.raises(bl.InvalidRequest, match="no agent 's' is open"):
        await page.app.call(act.AskAgent(agent="s", prompt="Hi"))


async def test_the_system_prompt_of_an_earlier_session_does_not_come_twice() -> None:
    earlier = (
        {"role": "system", "content": "Old."},
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "One."},
    )
    page = Page(["Two."])
    await page.open(settings=ConversationSettings(system="New."), messages=earlier)
    await page.ask("Second?")
    assert [message.text for message in page.backend.requests[0].messages] == ["New.", "First?", "One.", "Second?"]
    kept = Page(["Two."])
    await kept.open(messages=earlier)
    await kept.ask("Second?")
    assert [message.text for message in kept.backend.requests[0].messages] == ["Old.", "First?", "One.", "Second?"]


async def test_the_history_stays_while_a_prompt_is_answered() -> None:
    page = Page([["Half ", HANG]])
    await page.open()
    running = asyncio.create_task(page.ask())
    await page.until("text")
    with pytest.raises(bl.InvalidRequest, match="answers a prompt"):
        await page.app.call(act.ChangeAgent(agent=page.agent, clear=True))
    await page.app.call(act.CancelAgent(agent=page.agent, immediate=True))
    with pytest.raises(bl.Cancelled):
        await running
    await page.app.call(act.ChangeAgent(agent=page.agent, clear=True))
    assert await page.app.call(act.AgentHistory(agent=page.agent)) == []


async def test_an_agent_remembers_what_the_window_of_its_model_holds() -> None:
    """Not what the small built-in model holds; and after a change of the model what the other one does."""
    page = Page(["Yes."] * 8)
    windows = iter([100_000] * 6 + [2048])

    def backend_of(settings: ConversationSettings, fallback: Sequence[str]) -> bl.Backend:
        facts = BackendFacts(leaves_device=False, needs_network=False, context_window=next(windows, 2048))
        page.backend = bl.ScriptedBackend(["Yes."], facts=facts)
        return page.backend

    page.agents._backend_of = backend_of
    await page.open()
    sent: list[int] = []
    for number in range(6):
        await page.ask(f"Question {number} " + "word " * 200)
        sent.append(len(page.backend.requests[-1].messages))
    assert sent == [1, 3, 5, 7, 9, 5]


async def test_the_models_of_an_agent_can_be_changed() -> None:
    page = Page("x")
    await page.open(settings=ConversationSettings(model="large"), fallback=("pocket", "cloud:c"))
    await page.app.call(act.ChangeAgent(agent=page.agent, model="pocket", fallback=("cloud:c",)))
    await page.ask()
    assert page.asked[0] == ("large", ("pocket", "cloud:c"))
    assert set(page.asked[1:]) == {("pocket", ("cloud:c",))}


async def test_a_question_without_an_answer_counts_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the page is told that the time is over, and takes the question back."""
    page = Page([[CALL], "Then not."], says=None)
    await page.open(ask=("add",))
    monkeypatch.setattr(agent_session, "APPROVAL_S", 0.0)
    assert (await page.ask()).text == "Then not."
    assert "question-withdrawn" in page.types()
    assert "no answer within 0 s" in str((await page.until("tool-result")).error)


async def test_a_page_that_cannot_ask_the_user_refuses() -> None:
    page = Page([[CALL], "Then not."], says=None)
    await page.open(ask=("add",))
    running = asyncio.create_task(page.ask())
    question = await page.until("approval")
    await page.app.call(act.ReplyToAgent(agent=page.agent, id=question.id or "", error="the window is closed"))
    assert (await running).text == "Then not."
    assert "the window is closed" in str((await page.until("tool-result")).error)


async def test_what_hooks_say_to_the_user_reaches_the_page() -> None:
    page = Page("Fine.")
    await page.open()

    async def speak(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(
            action="inject_context",
            context_injection="It is late.",
            user_message="Be careful.",
            user_message_level="warning",
        )

    session = page.agents._agents[page.agent].session
    session.coordinator.hooks.register("prompt:submit", speak, name="speak")
    await page.ask()
    message = await page.until("message")
    assert (message.text, message.name) == ("Be careful.", "warning")


async def test_a_tool_that_is_not_there_is_a_result_that_says_so() -> None:
    page = Page([[bl.ToolCallPart("c1", "subtract", "{}")], "I see."])
    await page.open()
    await page.ask()
    result = await page.until("tool-result")
    assert (result.name, "no tool 'subtract'" in str(result.error)) == ("subtract", True)


async def test_another_models_new_beginning_reaches_the_page() -> None:
    broken = bl.ScriptedBackend([["Half ", DeviceLost("the GPU is gone")]], model="large")
    page = Page("Whole.")
    page.backend = bl.Router([broken, page.backend], bl.Explicit(), on_interrupted="restart")  # type: ignore[assignment]
    await page.open()
    assert (await page.ask()).text == "Whole."
    texts = [(event.type, event.text) for event in page.events if event.type in ("text", "restart")]
    assert [kind for kind, _ in texts] == ["text", "restart", "text"]


async def test_two_calls_are_asked_about_by_their_ids() -> None:
    page = Page([[CALL, bl.ToolCallPart("c2", "add", '{"a": 5, "b": 5}')], "3 and 10."])
    await page.open(ask=("*",))
    await page.ask()
    asked = {event.call_id: event.arguments for event in page.events if event.type == "approval"}
    assert asked == {"c1": {"a": 1, "b": 2}, "c2": {"a": 5, "b": 5}}
    results = {event.id: event.output for event in page.events if event.type == "tool-result"}
    assert results == {"c1": 3, "c2": 10}


@pytest.mark.parametrize(
    "parameters", [{"properties": "x"}, {"properties": {"a": {"type": "word"}}}, {"properties": {"a": {"$ref": "#/b"}}}]
)
async def test_a_schema_that_is_wrong_fails_what_gives_it_and_not_each_prompt(parameters: dict[str, Any]) -> None:
    page = Page("Hi.")
    wrong = act.PageTool(name="odd", parameters={"type": "object", **parameters})
    with pytest.raises(bl.InvalidRequest, match="the parameters of tool 'odd'"):
        await page.app.call(act.OpenAgent(page_tools=(wrong,)))
    await page.open()
    with pytest.raises(bl.InvalidRequest, match="the parameters of tool 'odd'"):
        await page.app.call(act.ChangeAgent(agent=page.agent, page_tool=wrong))
    assert (await page.ask()).text == "Hi."


@pytest.mark.parametrize(
    ("arguments", "output", "error"),
    [
        ('{"a": 1, "b": 2, "note": null}', 3, None),
        ('{"a": "one", "b": 2}', None, "the arguments do not fit: expected `number`, got `string` - at `$.a`"),
        ("{}", None, "the arguments do not fit: "),
    ],
)
async def test_a_tool_of_the_page_gets_arguments_that_fit_its_schema(
    arguments: str, output: Any, error: str | None
) -> None:
    """A cloud may write others; null for what may be left out is fine."""
    page = Page([[bl.ToolCallPart("c1", "sum", arguments)], "Done."])
    properties = {"a": {"type": "number"}, "b": {"type": "number"}, "note": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["a", "b"]}
    own = act.PageTool(name="sum", parameters=schema)
    page.agent = (await page.app.call(act.OpenAgent(page_tools=(own,)))).id
    await page.ask()
    result = await page.until("tool-result")
    assert result.output == output
    assert (result.error or "").startswith(error or "") and (result.error is None) is (error is None)
    assert ("page-tool" in page.types()) is (error is None)


async def test_a_tool_of_the_page_with_a_schema_that_cannot_be_checked_runs_all_the_same() -> None:
    page = Page([[CALL], "Done."])
    letters = {"type": "object", "properties": {"a": {"type": ["string", "number"], "pattern": "\\p{Lu}"}, "b": {}}}
    page.agent = (await page.app.call(act.OpenAgent(page_tools=(act.PageTool(name="add", parameters=letters),)))).id
    await page.ask()
    assert (await page.until("tool-result")).output == 3


async def test_a_tool_of_the_page_takes_the_place_of_a_built_in_one() -> None:
    """It runs in the page, and does not ask because the other one would have sent something away."""
    call = bl.ToolCallPart("c1", "web_fetch", '{"a": 1, "b": 2}')
    page = Page([[call], "Done."])
    own = act.PageTool(name="web_fetch")
    info = await page.app.call(
        act.OpenAgent(settings=ConversationSettings(tools=("web_fetch",)), page_tools=(own,)), page.events.append
    )
    page.agent = info.id
    assert info.tools == ("web_fetch",)
    await page.ask()
    assert "approval" not in page.types()
    assert (await page.until("tool-result")).output == 3


async def test_agents_with_an_id_keep_their_to_do_list_and_others_have_their_own() -> None:
    """It is no conversation's."""
    add = bl.ToolCallPart("c1", "todo_list", '{"action": "add", "text": "write"}')
    show = bl.ToolCallPart("c2", "todo_list", '{"action": "list"}')
    todo = ConversationSettings(tools=("todo_list",))
    page = Page([[add], "Done.", [show], "Shown.", [show], "Shown.", [add], "Done.", [show], "Shown."])

    async def result(**options: Any) -> Any:
        page.events.clear()
        await page.open(settings=todo, **options)
        await page.ask()
        return (await page.until("tool-result")).output

    longest = "a" * 48
    assert await result(id=longest) == "1. [ ] write"
    assert await result(id=longest) == "1. [ ] write"
    assert "write" not in await result(id="another")
    kept = await page.store.items("")
    assert await result() == "1. [ ] write"
    assert "write" not in await result()
    assert await page.store.items("") == kept


async def test_arguments_that_are_no_object_are_an_output_that_is_not_valid() -> None:
    page = Page([[bl.ToolCallPart("c1", "add", "[1]")], "Better."])
    await page.open()
    with pytest.raises(bl.InvalidOutput, match="instead of an object"):
        await page.ask()
    assert (await page.ask()).text == "Better."
