"""Session and tools: the loop of calls and results, who may refuse, and that it always ends well."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import pytest

import browserllm as bl
from browserllm.chat.calls import MAX_RESULT_CHARS
from unit.loop_time import LoopTime


def call(name: str, arguments: str = "{}", id: str = "1") -> bl.ToolCallPart:
    """A call as a model makes it."""
    return bl.ToolCallPart(id, name, arguments)


@bl.tool
async def weather(city: str) -> str:
    """Say the weather in a city."""
    return f"rain in {city}"


@bl.tool
async def broken() -> str:
    """Fail."""
    raise KeyError("inside")


def hanging() -> tuple[bl.chat.FunctionTool, asyncio.Event, asyncio.Event]:
    """A tool that never ends; set when it has started, set when it was cancelled."""
    started, cancelled = asyncio.Event(), asyncio.Event()

    @bl.tool
    async def hang() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    return hang, started, cancelled


OSLO = call("weather", '{"city": "Oslo"}')
ROME = call("weather", '{"city": "Rome"}', id="2")


def results_of(chat: bl.Session) -> list[tuple[str, bool]]:
    """The results in the history, and whether each is an error."""
    return [
        (part.content, part.is_error)
        for message in chat.history.messages
        for part in message.content
        if isinstance(part, bl.ToolResultPart)
    ]


def roles(history: bl.chat.History) -> str:
    """Who spoke, a letter each."""
    return "".join(message.role[0] for message in history.messages)


def kinds(chunks: list[bl.types.ChatChunk]) -> list[str]:
    """What chunks there were, deltas left out."""
    return [type(chunk).__name__ for chunk in chunks if not type(chunk).__name__.endswith("Delta")]


async def test_calls_are_run_and_answered() -> None:
    """Question, call, result, answer: one stream, and each prompt begins with the previous one."""
    backend = bl.ScriptedBackend([["Let me look. ", OSLO], "It rains.", "Bye."])
    chat = bl.Session(backend, system="s", tools=[weather])
    turn = chat.stream("Weather in Oslo?")
    chunks = [chunk async for chunk in turn]
    assert kinds(chunks) == ["ChatStart", "ChatDone", "ToolStarted", "ToolDone", "ChatStart", "ChatDone", "TurnDone"]
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    (started,) = [chunk for chunk in chunks if isinstance(chunk, bl.chat.ToolStarted)]
    (done,) = [chunk for chunk in chunks if isinstance(chunk, bl.chat.ToolDone)]
    assert (started.call, started.changed) == (OSLO, False)
    assert (done.call, done.result, done.denied) == (OSLO, bl.ToolResultPart("1", "rain in Oslo"), None)
    assert done.elapsed_ms >= 0
    reply = turn.reply
    assert (reply.text, reply.finish_reason, len(reply.responses)) == ("It rains.", "stop", 2)
    assert [(run.call, run.result) for run in reply.calls] == [(OSLO, done.result)]
    assert reply.usage.prompt_tokens == sum(response.usage.prompt_tokens for response in reply.responses)
    assert chat.history.usage == [reply.usage]
    await chat.send("Thanks")
    assert roles(chat.history) == "uataua"
    sent = [request.messages for request in backend.requests]
    assert [sent[1][: len(sent[0])], sent[2][: len(sent[1])]] == sent[:2]
    assert all(request.tools == [weather.tool] for request in backend.requests)


@pytest.mark.parametrize("mode", ["accumulated", "both"])
async def test_the_chunks_about_tools_have_the_text_so_far(mode: Any) -> None:
    """The text of the answer that made the call."""
    chat = bl.Session(bl.ScriptedBackend([["Let me look.", OSLO], "It rains."]), tools=[weather])
    chunks = [chunk async for chunk in chat.stream("?", text=mode)]
    shown = [
        chunk.text if mode == "accumulated" else chunk.accumulated
        for chunk in chunks
        if isinstance(chunk, (bl.chat.ToolStarted, bl.chat.ToolDone, bl.chat.TurnDone))
    ]
    assert shown == ["Let me look.", "Let me look.", "It rains."]


async def test_calls_of_one_answer_run_concurrently() -> None:
    """Here each waits for the other; the results keep the order of the calls."""
    meet = {"a": asyncio.Event(), "b": asyncio.Event()}

    @bl.tool
    async def meeting(me: str, other: str) -> str:
        """Wait for the other call."""
        meet[me].set()
        await meet[other].wait()
        if me == "a":
            await asyncio.sleep(0)
        return me

    answer = [call("meeting", '{"me":"a","other":"b"}', "1"), call("meeting", '{"me":"b","other":"a"}', "2")]
    chat = bl.Session(bl.ScriptedBackend([answer, "Met."]), tools=[meeting])
    chunks = [chunk async for chunk in chat.stream("?")]
    assert [chunk.call.id for chunk in chunks if isinstance(chunk, bl.chat.ToolStarted)] == ["1", "2"]
    assert results_of(chat) == [("a", False), ("b", False)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (call("broken"), "KeyError: 'inside'"),
        (call("wether"), "unknown tool 'wether'; the tools are: 'weather', 'broken'"),
        (call("weather", '{"town": "Oslo"}'), "town"),
        (call("weather", '{"city": "Os'), "not valid JSON"),
    ],
)
async def test_errors_of_tools_go_to_the_model(made: bl.ToolCallPart, said: str) -> None:
    """As a result that describes the error; the turn continues."""
    chat = bl.Session(bl.ScriptedBackend([[made], "Sorry."]), tools=[weather, broken])
    reply = await chat.send("?")
    assert reply.text == "Sorry."
    ((content, is_error),) = results_of(chat)
    assert is_error
    assert said in content


async def test_a_tool_that_hangs_is_abandoned() -> None:
    """After its own time limit, else the session's: it is cancelled, and the model learns it."""
    hang, _, cancelled = hanging()
    chat = bl.Session(bl.ScriptedBackend([[call("hang")], "Too slow."]), tools=[hang], tool_timeout_s=0.01)
    assert (await chat.send("?")).text == "Too slow."
    assert results_of(chat) == [("hang took longer than 0.01 s", True)]
    assert cancelled.is_set()

    own = bl.chat.FunctionTool(hang.function, name="own", timeout_s=0.02)
    chat = bl.Session(bl.ScriptedBackend([[call("own")], "Too slow."]), tools=[own], tool_timeout_s=None)
    await chat.send("?")
    assert results_of(chat) == [("own took longer than 0.02 s", True)]


@pytest.mark.parametrize(("own_s", "session_s"), [(None, 0.01), (0.01, None)])
async def test_a_tool_that_ignores_its_cancellation_is_abandoned(own_s: float | None, session_s: float | None) -> None:
    """It keeps running by itself, and the turn does not wait for it, whichever limit applies."""
    release = asyncio.Event()
    ended = asyncio.Event()

    @bl.tool(timeout_s=own_s)
    async def deaf() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        raise RuntimeError("this is not reported")

    chat = bl.Session(bl.ScriptedBackend([[call("deaf")], "Too slow."]), tools=[deaf], tool_timeout_s=session_s)
    assert (await chat.send("?")).text == "Too slow."
    assert results_of(chat) == [("deaf took longer than 0.01 s", True)]
    assert not ended.is_set()
    release.set()
    await ended.wait()


@pytest.mark.skipif(sys.platform == "emscripten", reason="a page has no threads")
async def test_a_plain_function_in_a_thread_is_not_waited_for() -> None:
    """A thread cannot be cancelled."""
    import threading

    release = threading.Event()

    @bl.tool
    def block() -> None:
        release.wait(30)

    chat = bl.Session(bl.ScriptedBackend([[call("block")], "Too slow."]), tools=[block], tool_timeout_s=0.01)
    try:
        assert (await chat.send("?")).text == "Too slow."
    finally:
        release.set()
    assert results_of(chat) == [("block took longer than 0.01 s", True)]


async def test_a_tool_that_cancels_itself_has_a_result_too() -> None:
    """For example if a task that it waits for is cancelled; the turn is not cancelled."""

    @bl.tool
    async def odd() -> None:
        raise asyncio.CancelledError

    chat = bl.Session(bl.ScriptedBackend([[call("odd")], "Odd."]), tools=[odd])
    assert (await chat.send("?")).text == "Odd."
    assert results_of(chat) == [("odd was cancelled", True)]


async def test_a_long_result_is_cut_and_says_so() -> None:
    """One result must not fill the window."""

    @bl.tool
    async def dump(size: int) -> str:
        return "x" * size

    answer = [call("dump", f'{{"size": {MAX_RESULT_CHARS}}}', "1"), call("dump", '{"size": 100000}', "2")]
    chat = bl.Session(bl.ScriptedBackend([answer, "Much."]), tools=[dump])
    await chat.send("?")
    (whole, _), (cut, _) = results_of(chat)
    assert len(whole) == MAX_RESULT_CHARS
    assert cut == "x" * MAX_RESULT_CHARS + "\n[cut: these are the first 65536 of 100000 characters]"


async def test_a_result_that_json_cannot_hold_is_repaired() -> None:
    """Otherwise the conversation could never be sent or saved again."""

    @bl.tool
    async def half() -> str:
        return "a\ud800"

    chat = bl.Session(bl.ScriptedBackend([[call("half")], "Hm \ud800."]), tools=[half])
    await chat.send("?")
    assert results_of(chat) == [("a\ufffd", False)]
    assert bl.chat.History.from_json(chat.history.to_json()).messages[-1].text == "Hm \ufffd."


# Limits


async def test_the_number_of_tool_rounds_is_limited() -> None:
    """After the limit the model is asked to answer without tools, and the reply says so."""
    backend = bl.ScriptedBackend([[OSLO], [ROME], "Enough.", [OSLO], "Again."])
    chat = bl.Session(backend, tools=[weather], max_rounds=2)
    reply = await chat.send("?")
    assert (reply.text, reply.finish_reason, len(reply.calls)) == ("Enough.", "stop", 2)
    assert [request.tool_choice for request in backend.requests] == [None, None, "none"]
    assert [warning.parameter for warning in reply.warnings] == ["max_rounds"]
    assert "2 rounds" in reply.warnings[0].message
    assert (await chat.send("?")).warnings == [], "the next turn counts anew"


async def test_a_call_without_permission_ends_the_turn() -> None:
    """No further call runs, so the turn always ends."""
    backend = bl.ScriptedBackend([[OSLO]])
    chat = bl.Session(backend, tools=[weather], max_rounds=2)
    reply = await chat.send("?")
    assert (reply.finish_reason, len(backend.requests)) == ("length", 3)
    assert results_of(chat)[-1] == ("not run: tools were called in 2 rounds, which is the limit", True)
    assert roles(chat.history) == "uatatat"
    chat.history.check()


@pytest.mark.parametrize(
    ("choice", "then"), [("required", None), ({"name": "weather"}, None), ("auto", "auto"), ("none", "none")]
)
async def test_a_required_call_is_required_only_once(choice: Any, then: str | None) -> None:
    """Required in every round, the turn would never end."""
    backend = bl.ScriptedBackend([[OSLO], "Rain."])
    await bl.Session(backend, tools=[weather]).send("?", tool_choice=choice)
    assert [request.tool_choice for request in backend.requests] == [choice, then]


async def test_calls_of_an_answer_that_was_cut_off_are_not_run() -> None:
    """A call without arguments may be one whose arguments never arrived."""
    ran: list[str] = []
    backend = bl.ScriptedBackend([[call("erase")]], finish_reason="length")
    chat = bl.Session(backend, tools=[bl.chat.FunctionTool(lambda: ran.append("all"), name="erase")])
    turn = chat.stream("?")
    chunks = [chunk async for chunk in turn]
    assert (turn.reply.finish_reason, ran, len(backend.requests)) == ("length", [], 1)
    assert kinds(chunks) == ["ChatStart", "ChatDone", "ToolDone", "TurnDone"]
    assert "perhaps in the middle of a call" in results_of(chat)[0][0]
    chat.history.check()


# Hooks


async def test_a_hook_allows_refuses_or_changes_a_call() -> None:
    """It decides about each call in turn, before any of them runs; the model reads the outcome."""
    asked: list[str] = []
    ran: list[str] = []

    @bl.tool
    async def look(place: str) -> str:
        ran.append(place)
        return f"at {place}"

    async def judge(made: bl.ToolCallPart) -> Any:
        assert ran == [], "nothing runs before everything is decided"
        asked.append(made.arguments)
        await asyncio.sleep(0)
        return {"1": True, "2": bl.chat.Deny("it is private"), "3": bl.chat.Change({"place": "c!"}), "4": False}[
            made.id
        ]

    answer = [call("look", f'{{"place":"{name}"}}', str(number)) for number, name in enumerate("abcd", 1)]
    chat = bl.Session(bl.ScriptedBackend([answer, "So."]), tools=[look], hooks=[judge])
    turn = chat.stream("?")
    chunks = [chunk async for chunk in turn]
    assert asked == [made.arguments for made in answer]
    assert sorted(ran) == ["a", "c!"]
    assert results_of(chat) == [
        ("at a", False),
        ("denied, and not run: it is private", True),
        ('[run with the arguments {"place":"c!"} instead]\nat c!', False),
        ("denied, and not run: the call of look was not allowed", True),
    ]
    assert chat.history.messages[1].tool_calls == answer, "the model's own words stay"
    assert [(run.changed, run.denied) for run in turn.reply.calls] == [
        (False, None),
        (False, "it is private"),
        (True, None),
        (False, "the call of look was not allowed"),
    ]
    started = [(chunk.call.arguments, chunk.changed) for chunk in chunks if isinstance(chunk, bl.chat.ToolStarted)]
    assert started == [('{"place":"a"}', False), ('{"place":"c!"}', True)]
    assert [chunk.call.id for chunk in chunks if isinstance(chunk, bl.chat.ToolDone)][:2] == ["2", "4"]


async def test_hooks_are_not_asked_about_a_call_of_an_unknown_tool() -> None:
    """Neither is the user."""
    chat = bl.Session(bl.ScriptedBackend([[call("nothing")], "So."]), hooks=[lambda made: 1 / 0])
    await chat.send("?")
    assert results_of(chat) == [("unknown tool 'nothing'; there are no tools", True)]


async def test_an_approval_that_fails_approves_nothing() -> None:
    """The question is taken back, with the call that was not approved."""
    ran: list[int] = []
    errors: list[Exception] = []

    class Judge(bl.Hooks):
        async def on_tool_call(self, call: bl.ToolCallPart) -> None:
            raise RuntimeError("the window was closed")

        async def on_error(self, error: Exception) -> None:
            errors.append(error)

    chat = bl.Session(
        bl.ScriptedBackend([[call("erase")], "So."]),
        tools=[bl.chat.FunctionTool(lambda: ran.append(1), name="erase")],
        hooks=[Judge()],
    )
    with pytest.raises(RuntimeError, match="the window was closed"):
        await chat.send("?")
    assert (ran, chat.history) == ([], bl.chat.History())
    assert [str(error) for error in errors] == ["the window was closed"]


async def test_a_failure_after_tools_have_run_keeps_their_results() -> None:
    """The model must know what was done; the other calls are recorded as not run."""
    hang, started, _ = hanging()

    class Watcher(bl.Hooks):
        def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
            if isinstance(chunk, bl.chat.ToolDone):
                raise RuntimeError("the UI is gone")

    backend = bl.ScriptedBackend([[OSLO, call("hang", id="2")], "It rains."])
    chat = bl.Session(backend, tools=[weather, hang], hooks=[Watcher()])
    with pytest.raises(RuntimeError):
        await chat.send("?")
    assert started.is_set()
    cancelled = "cancelled: the answer was stopped before this call had a result"
    assert results_of(chat) == [("rain in Oslo", False), (cancelled, True)]
    assert roles(chat.history) == "uat"
    assert (await chat.resume()).text == "It rains."
    assert roles(chat.history) == "uata"
    assert len(chat.history.usage) == 1


async def test_a_turn_that_broke_off_can_continue() -> None:
    """The results are there; only the answer is requested again."""
    backend = bl.ScriptedBackend([[OSLO], [bl.Unavailable("offline")], "It rains."])
    chat = bl.Session(backend, tools=[weather])
    with pytest.raises(bl.Unavailable):
        await chat.send("?", tool_choice="required")
    assert roles(chat.history) == "uat"
    assert (await chat.resume(tool_choice="required")).text == "It rains."
    assert backend.requests[-1].tool_choice is None, "the call was made"
    with pytest.raises(bl.InvalidRequest, match="nothing to resume"):
        chat.resume()
    with pytest.raises(bl.InvalidRequest, match="nothing to resume"):
        bl.Session(backend).resume()


# Stopping


async def start_hanging(first: list[Any]) -> tuple[bl.Session, bl.chat.TurnStream, asyncio.Future[Any], asyncio.Event]:
    """A turn in the middle of a tool."""
    hang, started, cancelled = hanging()
    chat = bl.Session(bl.ScriptedBackend([first, "On."]), tools=[weather, hang])
    turn = chat.stream("?")
    task = asyncio.ensure_future(turn.finish())
    await started.wait()
    return chat, turn, task, cancelled


@pytest.mark.parametrize("how", ["stop", "cancel", "aclose"])
async def test_a_stop_cancels_running_tools(how: str) -> None:
    """Tools that have ended keep their results; the others are recorded as cancelled."""
    chat, turn, task, cancelled = await start_hanging([call("hang"), OSLO])
    for _ in range(20):
        await asyncio.sleep(0)
    if how == "stop":
        turn.stop()
        assert (await task).finish_reason == "cancelled"
    elif how == "cancel":
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await turn.aclose()
        assert turn.done
        assert (await task).finish_reason == "cancelled"
    assert cancelled.is_set()
    assert [(content[:9], is_error) for content, is_error in results_of(chat)] == [
        ("cancelled", True),
        ("rain in O", False),
    ]
    chat.history.check()
    assert [run.result is not None for run in turn.reply.calls] == [True, True]
    assert (await chat.send("2?")).text == "On."


async def test_leaving_the_loop_cancels_running_tools() -> None:
    """A break after the start of a tool cancels all that run."""
    hang, _, cancelled = hanging()
    chat = bl.Session(bl.ScriptedBackend([[call("hang"), OSLO], "On."]), tools=[weather, hang])
    async with chat.stream("?") as turn:
        async for chunk in turn:
            if isinstance(chunk, bl.chat.ToolDone):
                break
    assert cancelled.is_set()
    assert [is_error for _, is_error in results_of(chat)] == [True, False]
    assert (await chat.send("2?")).text == "On."


async def test_a_tool_that_ended_before_the_loop_was_left_has_its_result() -> None:
    """Although the loop did not read it."""
    chat = bl.Session(bl.ScriptedBackend([[OSLO, ROME], "On."]), tools=[weather])
    async with chat.stream("?") as turn:
        async for chunk in turn:
            if isinstance(chunk, bl.chat.ToolDone):
                break
    assert results_of(chat) == [("rain in Oslo", False), ("rain in Rome", False)]


async def test_a_failure_while_stopping_is_not_raised() -> None:
    """A hook that fails while it is stopped is not reported as a lost exception either."""
    lost: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: lost.append(context))
    asked = asyncio.Event()

    async def wait(made: bl.ToolCallPart) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("the window is gone")

    chat = bl.Session(bl.ScriptedBackend([[OSLO]]), tools=[weather], hooks=[wait])
    turn = chat.stream("?")
    task = asyncio.ensure_future(turn.finish())
    await asked.wait()
    turn.stop()
    assert (await task).finish_reason == "cancelled"
    await asyncio.sleep(0)
    gc.collect()
    assert lost == []


async def test_leaving_before_a_tool_runs_keeps_it_from_running() -> None:
    """When a tool is announced, it has not started yet."""
    ran: list[int] = []
    chat = bl.Session(
        bl.ScriptedBackend([[call("erase")], "On."]), tools=[bl.chat.FunctionTool(lambda: ran.append(1), name="erase")]
    )
    async with chat.stream("?") as turn:
        async for chunk in turn:
            if isinstance(chunk, bl.chat.ToolStarted):
                break
    assert ran == []
    assert results_of(chat)[0][1]
    chat.history.check()


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_stop_reaches_an_approval_that_waits(how: str) -> None:
    """The call can no longer be approved."""
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(made: bl.ToolCallPart) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    chat = bl.Session(bl.ScriptedBackend([[OSLO], "On."]), tools=[weather], hooks=[wait])
    turn = chat.stream("?")
    task = asyncio.ensure_future(turn.finish())
    await asked.wait()
    if how == "stop":
        turn.stop()
        assert (await task).finish_reason == "cancelled"
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert cancelled.is_set()
    assert [content[:9] for content, _ in results_of(chat)] == ["cancelled"]
    chat.history.check()


async def test_a_stop_in_a_hook_takes_effect_after_it() -> None:
    """Then nothing is sent and no tool runs."""

    class Stopper(bl.Hooks):
        where = ""

        async def before_request(self, request: bl.ChatRequest) -> None:
            self.at("request")

        async def on_tool_call(self, call: bl.ToolCallPart) -> None:
            self.at("call")

        def at(self, where: str) -> None:
            if where == self.where:
                turn.stop()

    stopper = Stopper()
    for stopper.where, asked, left in (("request", 0, ""), ("call", 1, "uat")):
        backend = bl.ScriptedBackend([[OSLO]])
        chat = bl.Session(backend, tools=[weather], hooks=[stopper])
        turn = chat.stream("?")
        chunks = [chunk async for chunk in turn]
        assert (turn.reply.finish_reason, len(backend.requests), roles(chat.history)) == ("cancelled", asked, left)
        assert "ToolStarted" not in kinds(chunks)


async def test_the_deadline_covers_the_whole_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools count, and each answer gets the remaining time."""
    time = LoopTime(monkeypatch)
    hang, started, cancelled = hanging()
    backend = bl.ScriptedBackend([[call("hang")]])
    chat = bl.Session(backend, tools=[hang])
    answering = asyncio.ensure_future(chat.stream("?", deadline_s=5).finish())
    await started.wait()
    time.move(4)
    assert not cancelled.is_set()
    time.move(1)
    reply = await answering
    assert (reply.finish_reason, [warning.message for warning in reply.warnings]) == (
        "cancelled",
        ["the turn was cut off after 5 s"],
    )
    assert cancelled.is_set()

    @bl.tool
    async def wait() -> None:
        time.move(20)

    backend = bl.ScriptedBackend([[call("wait")], "Done."])
    assert (await bl.Session(backend, tools=[wait]).send("?", deadline_s=60)).text == "Done."
    assert [request.deadline_s for request in backend.requests] == [60, 40]


# Tools of the program's own


async def test_the_program_runs_the_calls_of_declared_tools() -> None:
    """The turn ends with them, and `send_results` continues it. Calls with a function have run by then."""
    outside = bl.Tool("outside")
    answer = [call("outside", id="1"), call("weather", '{"city":"Oslo"}', "2"), call("outside", id="3")]
    backend = bl.ScriptedBackend([answer, [bl.Unavailable("offline")], "Done.", "Bye."])
    chat = bl.Session(backend, tools=[weather, outside], hooks=[lambda made: made.name == "weather"])
    reply = await chat.send("?", tool_choice="required")
    assert reply.finish_reason == "tool_calls"
    assert reply.pending == [answer[0], answer[2]] == chat.history.pending
    chat.history.check()
    with pytest.raises(bl.InvalidRequest, match=r"calls \['outside', 'outside'\] wait for their results"):
        chat.stream("2?")
    for wrong in ([], [bl.ToolResultPart("1", "x")], [bl.ToolResultPart(each, "x") for each in "124"]):
        with pytest.raises(bl.InvalidRequest, match=r"the calls that wait for results are \['1', '3'\]"):
            chat.send_results(wrong)

    chat = bl.Session.from_json(chat.to_json(), backend, tools=[weather, outside])
    given = [bl.ToolResultPart("3", "third"), bl.ToolResultPart("1", "first", is_error=True)]
    with pytest.raises(bl.Unavailable):
        await chat.send_results(given)
    assert chat.history.pending, "taken back, so that they can be given again"
    assert (await chat.send_results(given, tool_choice="required")).text == "Done."
    assert backend.requests[-1].tool_choice is None
    assert results_of(chat) == [("rain in Oslo", False), ("first", True), ("third", False)]
    with pytest.raises(bl.InvalidRequest, match=r"the calls that wait for results are \[\]"):
        chat.send_results(given)
    assert len(chat.history.usage) == 1
    assert (await chat.send("2?")).text == "Bye."


async def test_rounds_with_the_programs_results_count_too() -> None:
    """The limit applies to the whole turn."""
    backend = bl.ScriptedBackend([[call("outside")], [call("outside")], "Enough."])
    chat = bl.Session(backend, tools=[bl.Tool("outside")], max_rounds=2)
    await chat.send("?")
    await chat.send_results([bl.ToolResultPart("1", "x")])
    reply = await chat.send_results([bl.ToolResultPart("1", "x")])
    assert (reply.text, reply.finish_reason) == ("Enough.", "stop")
    assert [request.tool_choice for request in backend.requests] == [None, None, "none"]


async def test_undo_and_retry_take_open_calls_back() -> None:
    """They need no results then."""
    chat = bl.Session(bl.ScriptedBackend([[call("outside")], "Just so."]), tools=[bl.Tool("outside")])
    await chat.send("?")
    assert (await chat.retry()).text == "Just so."
    assert roles(chat.history) == "ua"


async def test_a_backend_can_be_switched_with_calls_in_the_history() -> None:
    """Each vendor gets only its own signatures; a local model gets text."""
    from browserllm.backends.cloud.anthropic.backend import message_body
    from browserllm.backends.cloud.gemini.backend import content_body
    from browserllm.backends.draft import Draft
    from browserllm.testing.host import ScriptedHost

    thought = bl.types.ReasoningDelta(reasoning="hm", signature="anthropic/m:EqQB")
    first = bl.ScriptedBackend([[thought, OSLO], "It rains."])
    chat = bl.Session(first, tools=[weather])
    await chat.send("?")
    host = ScriptedHost("And local.")
    chat.backend = bl.LocalBackend(host)
    assert (await chat.send("And now?")).text == "And local."
    (asked,) = [args for op, args in host.requests if op == "chat"][1:]
    assert "EqQB" not in str(asked)
    assert "rain in Oslo" in str(asked["messages"])
    request = bl.ChatRequest(messages=chat.messages, tools=[weather.tool])
    own = str(message_body(request, Draft(request, "b", "r"), "m"))
    other = str(message_body(request, Draft(request, "b", "r"), "n"))
    gemini = str(content_body(request, Draft(request, "b", "r"), "gemini-3"))
    assert ["EqQB" in body for body in (own, other, gemini)] == [True, False, False]
    assert all("rain in Oslo" in body for body in (own, other, gemini))
