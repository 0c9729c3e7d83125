"""Session: what is sent and kept, and that however a turn ends the conversation can go on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from itertools import pairwise
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.host import ScriptedHost
from browserllm.testing.script import HANG
from unit.chat.interruptible import Interruptible
from unit.loop_time import LoopTime


def texts(messages: list[bl.Message]) -> list[str]:
    """Who said what, in short."""
    return [f"{message.role[0]}:{message.text}" for message in messages]


def prefix_kept(requests: list[bl.ChatRequest]) -> list[bool]:
    """Of each request but the first: whether it begins with all of the one before it."""
    pairs = pairwise(requests)
    return [
        later.messages[: len(earlier.messages)] == earlier.messages and later.tools == earlier.tools
        for earlier, later in pairs
    ]


async def settle() -> None:
    """Let what is going on come to where it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_conversation_is_sent_whole_and_only_grows() -> None:
    """The system message, then all messages: each prompt begins with the previous one."""
    backend = bl.ScriptedBackend(["One.", "Two.", "Three."])
    chat = bl.Session(backend, system="Be brief.", temperature=0.5)
    replies = [await chat.send(text) for text in ("1?", "2?", "3?")]
    assert [reply.text for reply in replies] == ["One.", "Two.", "Three."]
    assert texts(backend.requests[-1].messages) == ["s:Be brief.", "u:1?", "a:One.", "u:2?", "a:Two.", "u:3?"]
    assert prefix_kept(backend.requests) == [True, True]
    assert {request.temperature for request in backend.requests} == {0.5}
    assert texts(chat.messages)[1:] == texts(chat.history.messages)
    assert len(chat.history.usage) == 3
    assert chat.usage.completion_tokens == 3 == sum(usage.completion_tokens for usage in chat.history.usage)


async def test_a_reply_has_the_backend_usage_and_cost() -> None:
    """And why it ended."""
    reply = await bl.Session(bl.ScriptedBackend("Hello you.")).send("Hi")
    assert (reply.text, reply.finish_reason, reply.cost_usd, reply.calls, reply.pending) == (
        "Hello you.",
        "stop",
        0.0,
        [],
        [],
    )
    assert reply.response.backend == "scripted"
    assert reply.usage == reply.response.usage
    assert reply.message == bl.Message("assistant", "Hello you.")


@pytest.mark.parametrize(("mode", "shown"), [("delta", ["a ", "b"]), ("accumulated", ["a ", "a b"])])
async def test_a_turn_streams_numbered_chunks(mode: Any, shown: list[str]) -> None:
    """Those of the backend, with the reply at the end; text in the requested form."""
    turn = bl.Session(bl.ScriptedBackend("a b")).stream("Hi", text=mode)
    with pytest.raises(bl.InvalidRequest, match="no result yet"):
        _ = turn.reply
    chunks = [chunk async for chunk in turn]
    assert [type(chunk) for chunk in chunks] == [
        bl.types.ChatStart,
        bl.types.TextDelta,
        bl.types.TextDelta,
        bl.types.ChatDone,
        bl.chat.TurnDone,
    ]
    assert [chunk.sequence for chunk in chunks] == list(range(5))
    assert [chunk.text for chunk in chunks[1:3]] == shown
    assert chunks[-1].text == ("" if mode == "delta" else "a b")
    assert isinstance(chunks[-1], bl.chat.TurnDone)
    assert chunks[-1].reply is turn.reply
    assert turn.done


async def test_both_forms_of_text_come_on_request() -> None:
    """The new text in ``text``, all text so far in ``accumulated``."""
    chunks = [chunk async for chunk in bl.Session(bl.ScriptedBackend("a b")).stream("Hi", text="both")]
    assert [(chunk.text, chunk.accumulated) for chunk in chunks[1:]] == [
        ("a ", "a "),
        ("b", "a b"),
        ("", "a b"),
        ("", "a b"),
    ]


async def test_requests_carry_the_session() -> None:
    """As ``metadata["session"]``, with the caller's own metadata; budgets and telemetry read it."""
    backend = bl.ScriptedBackend("ok")
    chat = bl.Session(backend, metadata={"user": "u"}, id="mine", model="m")
    await chat.send("Hi", metadata={"user": "v"}, max_tokens=3)
    request = backend.requests[0]
    assert (request.metadata, request.max_tokens, request.model) == ({"session": "mine", "user": "v"}, 3, "m")
    assert bl.Session(backend).id != bl.Session(backend).id
    await chat.send("Hi", metadata={"session": "another"})
    assert backend.requests[1].metadata["session"] == "another"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"temprature": 1}, "unknown option 'temprature' of a session; did you mean 'temperature'"),
        ({"temperature": 3}, "temperature=3.0 is out of range"),
        ({"sytem": "x"}, "unknown option 'sytem' of a session; did you mean 'system'"),
        ({"zzz": 1}, "known options: context, deadline_s, .* hooks, id, .* tool_choice, tool_timeout_s, tools,"),
        ({"messages": []}, "'messages' of a session; a session keeps its own messages"),
        ({"max_rounds": 0}, "max_rounds=0"),
        ({"tool_timeout_s": 0}, "tool_timeout_s=0"),
        ({"system": 5}, "system=5 is not text"),
        ({"tools": str.upper}, r"tools=<method 'upper'.* is not a list of tools; put it into a list"),
        ({"hooks": print}, "hooks=<built-in function print> is not a list of hooks"),
        ({"model": 5}, "model=5 is not the name of a model"),
        ({"context": "drop"}, "context='drop' is not a context strategy; use DropOldest"),
        ({"history": []}, r"history=\[\] is not a history"),
        ({"tools": [5]}, "5 is not a tool"),
        ({"hooks": [5]}, "5 is not a hook"),
        ({"tool_choice": "required"}, "'required' needs tools"),
        ({"metadata": 5}, "metadata=5 is not valid"),
        ({"history": bl.chat.History(messages=[bl.Message("assistant", "x")])}, "must begin with role 'user'"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: dict[str, Any], why: str) -> None:
    """When they are set, with their value."""
    with pytest.raises(bl.InvalidRequest, match=why):
        bl.Session(bl.ScriptedBackend("ok"), **settings)


async def test_settings_are_checked_without_a_message() -> None:
    """The checked request has no messages, also for a turn that continues."""
    chat = bl.Session(bl.ScriptedBackend(["one", "two"]), system="s", temperature=0.5)
    assert chat._settings({"max_tokens": 3}) == bl.ChatRequest(
        messages=[], temperature=0.5, max_tokens=3, metadata={"session": chat.id}
    )
    await chat.send([bl.TextPart("Hi")])
    assert chat.history.messages[0] == bl.Message("user", "Hi")
    with pytest.raises(bl.InvalidRequest, match="temperature=3"):
        chat.retry(temperature=3)
    assert (await chat.retry(temperature=1)).text == "two"


@pytest.mark.parametrize(
    ("prompt", "options", "why"),
    [
        ("hi", {"top_p": 0}, "top_p=0"),
        (
            "hi",
            {"tools": []},
            r"'tools' of a turn; it applies to all turns: write Session\(..., tools=...\)",
        ),
        ("hi", {"system": "x"}, r"'system' of a turn; it applies to all turns"),
        ("hi", {"sytem": "x"}, "known options: deadline_s, frequency_penalty"),
        (5, {}, "prompt=5 is not a list of parts; send a text"),
        (None, {}, "prompt=None is not a list of parts"),
        (bl.Message("assistant", "x"), {}, "messages of role 'user', not 'assistant'"),
        ([5], {}, "messages"),
        ("\ud800", {}, "cannot be written as JSON"),
        ("hi", {"text": "loud"}, "text='loud'"),
    ],
)
async def test_a_wrong_request_changes_nothing(prompt: Any, options: dict[str, Any], why: str) -> None:
    """The error is raised at once, and nothing is sent or kept."""
    backend = bl.ScriptedBackend("ok")
    chat = bl.Session(backend)
    with pytest.raises(bl.InvalidRequest, match=why):
        chat.stream(prompt, **options)
    assert (chat.history, backend.requests) == (bl.chat.History(), [])


async def test_images_are_sent_with_text() -> None:
    """As parts, or in a whole message."""
    backend = bl.ScriptedBackend("A dog.")
    chat = bl.Session(backend)
    parts: list[bl.types.ContentPart] = [
        bl.ImagePart(data=b"\x00\xff", media_type="image/png"),
        bl.TextPart("What is it?"),
    ]
    await chat.send(parts)
    await chat.send(bl.Message("user", parts, name="Otto"))
    assert [message.content for message in backend.requests[-1].messages] == [parts, "A dog.", parts]
    assert backend.requests[-1].messages[-1].name == "Otto"


# What is kept however a turn ends


async def test_a_failed_question_is_taken_back() -> None:
    """So the same question can be sent again."""
    failure = bl.Unavailable("offline", reason="offline")
    backend = bl.ScriptedBackend(["One.", [failure], ["half of it", failure], "Two."])
    chat = bl.Session(backend)
    await chat.send("1?")
    for _ in range(2):
        turn = chat.stream("2?")
        with pytest.raises(bl.Unavailable):
            await turn
        assert texts(chat.history.messages) == ["u:1?", "a:One."]
        assert len(chat.history.usage) == 1
    assert (turn.reply.finish_reason, turn.reply.text) == ("error", "half of it"), "what came is not lost"
    assert (await chat.send("2?")).text == "Two."
    assert prefix_kept(backend.requests) == [True, True, True]


async def test_the_text_of_a_stopped_answer_stays() -> None:
    """The reply says that it was stopped; the next turn continues from it."""
    backend = bl.ScriptedBackend([["half ", HANG], "On."])
    chat = bl.Session(backend)
    turn = chat.stream("1?")
    kinds: list[str] = []
    async for chunk in turn:
        kinds.append(type(chunk).__name__)
        if chunk.text:
            turn.stop()
            turn.stop()
    assert kinds == ["ChatStart", "TextDelta", "ChatDone", "TurnDone"]
    assert (turn.reply.finish_reason, turn.reply.text) == ("cancelled", "half ")
    await chat.send("2?")
    assert texts(chat.history.messages) == ["u:1?", "a:half ", "u:2?", "a:On."]
    assert prefix_kept(backend.requests) == [True]


async def test_a_stopped_engine_ends_its_answer_itself() -> None:
    """Its usage is the turn's."""
    chat = bl.Session(Interruptible())
    turn = chat.stream("1?")
    task = asyncio.ensure_future(turn.finish())
    await settle()
    turn.stop()
    reply = await task
    assert (reply.finish_reason, reply.text) == ("cancelled", "word ")


@pytest.mark.parametrize("answer", [[HANG], [bl.types.ReasoningDelta(reasoning="hm"), HANG]])
async def test_a_question_stopped_before_any_text_is_taken_back(answer: list[Any]) -> None:
    """Without an answer, the question is removed."""
    chat = bl.Session(bl.ScriptedBackend([answer, "One."]))
    turn = chat.stream("1?")
    task = asyncio.ensure_future(turn.finish())
    await settle()
    turn.stop()
    assert (await task).finish_reason == "cancelled"
    assert chat.history == bl.chat.History()
    assert (await chat.send("1?")).text == "One."


async def test_a_cancelled_task_keeps_the_text_so_far() -> None:
    """The cancellation is raised."""
    chat = bl.Session(bl.ScriptedBackend([["half ", HANG], "On."]))
    task = asyncio.ensure_future(chat.send("1?"))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert texts(chat.history.messages) == ["u:1?", "a:half "]
    assert (await chat.send("2?")).text == "On."


async def test_leaving_the_loop_ends_the_turn() -> None:
    """With ``async with`` at once; without it, before the next turn begins."""
    backend = bl.ScriptedBackend([["a ", HANG], ["b ", HANG], "c"])
    chat = bl.Session(backend)
    async with chat.stream("1?") as turn:
        async for chunk in turn:
            if chunk.text:
                break
    assert (turn.reply.finish_reason, turn.reply.text) == ("cancelled", "a ")
    async for chunk in chat.stream("2?"):
        if chunk.text:
            break
    gc.collect()
    assert (await chat.send("3?")).text == "c"
    assert texts(chat.history.messages) == ["u:1?", "a:a ", "u:2?", "a:b ", "u:3?", "a:c"]
    assert len(backend.stopped) == 2


async def test_leaving_at_the_last_chunk_keeps_the_whole_answer() -> None:
    """It was complete, whether or not the reply was read."""
    chat = bl.Session(bl.ScriptedBackend("All of it."))
    async with chat.stream("1?") as turn:
        async for chunk in turn:
            if isinstance(chunk, bl.types.ChatDone):
                break
    assert texts(chat.history.messages) == ["u:1?", "a:All of it."]
    assert turn.reply.text == "All of it."


async def test_closing_ends_a_turn_that_another_task_reads() -> None:
    """It waits until the turn has ended; a second close, or one of a turn that never began, does nothing."""
    backend = bl.ScriptedBackend([["half ", HANG], "On."])
    chat = bl.Session(backend)
    turn = chat.stream("1?")
    task = asyncio.ensure_future(turn.finish())
    await settle()
    await turn.aclose()
    assert texts(chat.history.messages) == ["u:1?", "a:half "]
    assert (await task).finish_reason == "cancelled"
    await turn.aclose()
    idle = chat.stream("2?")
    await idle.aclose()
    assert idle.reply.finish_reason == "cancelled"
    assert len(backend.requests) == 1


async def test_a_stop_before_the_first_chunk_sends_nothing() -> None:
    """Only the reply comes."""
    backend = bl.ScriptedBackend("never")
    chat = bl.Session(backend)
    turn = chat.stream("1?")
    turn.stop()
    assert [type(chunk) for chunk in [chunk async for chunk in turn]] == [bl.chat.TurnDone]
    assert (turn.reply.finish_reason, backend.requests, chat.history) == ("cancelled", [], bl.chat.History())


async def test_the_deadline_ends_an_answer_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text so far stays."""
    chat = bl.Session(bl.ScriptedBackend([["half ", HANG]]))
    time = LoopTime(monkeypatch)
    answering = asyncio.ensure_future(chat.stream("1?", deadline_s=5).finish())
    await settle()
    time.move(4)
    await settle()
    assert not answering.done()
    time.move(1)
    reply = await answering
    assert (reply.finish_reason, reply.text) == ("cancelled", "half ")
    assert [warning.parameter for warning in reply.warnings] == ["deadline_s"]
    assert texts(chat.history.messages) == ["u:1?", "a:half "]


async def test_the_history_has_the_text_from_before_a_break() -> None:
    """With `async with` on the next line; after a bare break a moment later, and always before the next turn."""
    chat = bl.Session(bl.ScriptedBackend([["half ", HANG]]))
    async with chat.stream("1?") as turn:
        async for chunk in turn:
            if chunk.text:
                break
    assert texts(chat.history.messages) == ["u:1?", "a:half "]
    chat = bl.Session(bl.ScriptedBackend([["half ", HANG], "Whole."]))
    async for chunk in chat.stream("1?"):
        if chunk.text:
            break
    gc.collect()
    assert (await chat.send("2?")).text == "Whole."
    assert texts(chat.history.messages) == ["u:1?", "a:half ", "u:2?", "a:Whole."]


async def test_one_turn_runs_at_a_time() -> None:
    """Until it ends, a second one is refused, even if it was created earlier."""
    chat = bl.Session(bl.ScriptedBackend([["half ", HANG], "On."]))
    early = chat.stream("early")
    turn = chat.stream("1?")
    task = asyncio.ensure_future(turn.finish())
    await settle()
    for attempt in (lambda: chat.stream("2?"), chat.retry, lambda: chat.edit(0, "x"), chat.undo):
        with pytest.raises(bl.InvalidRequest, match="runs one turn at a time; await it, end it with aclose"):
            attempt()
    with pytest.raises(bl.InvalidRequest, match="one turn at a time"):
        await chat.send("2?")
    with pytest.raises(bl.InvalidRequest, match="one turn at a time"):
        await early
    assert chat.fork().history == bl.chat.History(), "the past is what was before the turn"
    turn.stop()
    await task
    assert (await chat.send("2?")).text == "On."


async def test_a_failure_in_a_hook_takes_the_answer_back() -> None:
    """Wherever it is raised; the caller gets it."""

    class Picky(bl.Hooks):
        place = ""

        async def before_request(self, request: bl.ChatRequest) -> None:
            self.fail("before_request")

        async def after_response(self, response: bl.ChatResponse) -> None:
            self.fail("after_response")

        def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
            self.fail(type(chunk).__name__)

        def fail(self, place: str) -> None:
            if place == self.place:
                raise RuntimeError(place)

    picky = Picky()
    chat = bl.Session(bl.ScriptedBackend("One."), hooks=[picky])
    for place in ("before_request", "after_response", "ChatStart", "TextDelta", "ChatDone"):
        picky.place = place
        with pytest.raises(RuntimeError, match=place):
            await chat.send("1?")
        assert chat.history == bl.chat.History(), place
    picky.place = "TurnDone"
    with pytest.raises(RuntimeError, match="TurnDone"):
        await chat.send("1?")
    assert texts(chat.history.messages) == ["u:1?", "a:One."], "by then the turn was over"


async def test_hooks_get_each_event() -> None:
    """The request, which they may change, each response, each chunk, each failure, each skipped backend."""
    told: list[Any] = []

    class Watcher(bl.Hooks):
        async def before_request(self, request: bl.ChatRequest) -> bl.ChatRequest:
            told.append(request.messages[-1].text)
            return bl.ChatRequest(messages=request.messages, seed=5)

        async def after_response(self, response: bl.ChatResponse) -> None:
            told.append(response.text)

        def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
            told.append(type(chunk).__name__)

        async def on_error(self, error: Exception) -> None:
            told.append(str(error))

        async def on_fallback(self, hop: bl.types.Hop) -> None:
            told.append(hop.backend)

    failing = bl.ScriptedBackend([[bl.Unavailable("offline")]], name="first")
    second = bl.ScriptedBackend(["x", ["half", bl.Unavailable("gone")]], name="second")
    chat = bl.Session(bl.Router([failing, second], policy=bl.Explicit("first", "second")), hooks=[Watcher()])
    await chat.send("1?")
    assert told == ["1?", "ChatStart", "TextDelta", "ChatDone", "first", "x", "TurnDone"]
    assert second.requests[0].seed == 5
    told.clear()
    with pytest.raises(bl.Unavailable):
        await chat.send("2?")
    assert told == ["2?", "ChatStart", "TextDelta", "gone"]


async def test_a_hook_learns_of_a_restart_when_it_happens() -> None:
    """It hears of the backend that broke off before the other one's text comes."""
    told: list[str] = []

    class Watcher(bl.Hooks):
        async def on_fallback(self, hop: bl.types.Hop) -> None:
            told.append(f"{hop.backend}: {hop.reason}")

    first = bl.ScriptedBackend([["half ", bl.Unavailable("gone")]], name="first")
    second = bl.ScriptedBackend("whole", name="second")
    router = bl.Router([first, second], policy=bl.Explicit("first", "second"), on_interrupted="restart")
    chat = bl.Session(router, hooks=[Watcher()])
    async for chunk in chat.stream("1?"):
        if isinstance(chunk, bl.types.ChatRestart):
            assert told == ["first: gone"]
    assert told == ["first: gone"], "once"
    assert texts(chat.history.messages) == ["u:1?", "a:whole"]


class Passing(bl.Backend):
    """Tells of what it passed over, and thinks much; it is not to be asked to count."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        draft.route += [
            bl.types.Hop(reason="no adapter", engine="webllm"),
            bl.types.Hop(reason="offline", backend="cloud"),
        ]
        draft.warn("seed", "left out")
        draft.usage = bl.types.Usage(prompt_tokens=20, completion_tokens=1000, reasoning_tokens=990)
        if request.messages[-1].role == "user":
            draft.cost_usd = 0.5
            yield bl.types.ToolCallDelta(id="1", name="nothing")
        else:
            yield "Done."

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        return bl.backends.BackendFacts(leaves_device=False, needs_network=False, context_window=400)

    async def count_tokens(self, prompt: Any, *, model: str | None = None) -> int | None:
        raise AssertionError("nothing is near the limit")


async def test_the_reply_combines_all_rounds() -> None:
    """Each warning once, a cost only if all are known; hooks hear of backends, not of engines."""
    told: list[str | None] = []

    class Watcher(bl.Hooks):
        async def on_fallback(self, hop: bl.types.Hop) -> None:
            told.append(hop.backend)

    reply = await bl.Session(Passing(), hooks=[Watcher()], max_tokens=50).send("?")
    assert (reply.text, [warning.parameter for warning in reply.warnings]) == ("Done.", ["seed"])
    assert told == ["cloud", "cloud"], "of each answer"
    assert (reply.cost_usd, reply.usage.reasoning_tokens, reply.reasoning) == (None, 1980, "")


# Going back


async def test_retry_answers_the_last_question_again() -> None:
    """The new answer replaces the old one; if it fails, the old one is restored."""
    backend = bl.ScriptedBackend(["One.", "Two.", [bl.Unavailable("offline")], "Deux."])
    chat = bl.Session(backend)
    await chat.send("1?")
    await chat.send("2?")
    with pytest.raises(bl.Unavailable):
        await chat.retry()
    assert texts(chat.history.messages) == ["u:1?", "a:One.", "u:2?", "a:Two."]
    reply = await chat.retry(temperature=1)
    assert (reply.text, chat.history.usage[1]) == ("Deux.", reply.usage)
    assert texts(chat.history.messages) == ["u:1?", "a:One.", "u:2?", "a:Deux."]
    assert texts(backend.requests[-1].messages) == ["u:1?", "a:One.", "u:2?"]
    assert backend.requests[-1].temperature == 1
    assert len(chat.history.usage) == 2
    with pytest.raises(bl.InvalidRequest, match="turn -1 is out of range: there are 0 turns"):
        bl.Session(backend).retry()


async def test_edit_replaces_a_question() -> None:
    """Later messages are dropped; if the turn fails, all are restored."""
    backend = bl.ScriptedBackend(["One.", "Two.", [bl.Unavailable("offline")], "Uno."])
    chat = bl.Session(backend)
    await chat.send("1?")
    await chat.send("2?")
    before = chat.history
    with pytest.raises(bl.Unavailable):
        await chat.edit(0, "uno?")
    assert chat.history is before
    async with chat.edit(-2, "uno?") as turn:
        chunks = [chunk.text async for chunk in turn]
    assert "".join(chunks) == "Uno."
    assert texts(chat.history.messages) == ["u:uno?", "a:Uno."]
    assert texts(before.messages) == ["u:1?", "a:One.", "u:2?", "a:Two."], "what was read stays"
    for turn_index in (1, -2):
        with pytest.raises(bl.InvalidRequest, match=f"turn {turn_index} is out of range: there are 1 turns"):
            chat.edit(turn_index, "x")


async def test_undo_takes_the_last_turn_back() -> None:
    """It returns the user's message, so that a UI can put it back into its input field."""
    chat = bl.Session(bl.ScriptedBackend(["One.", "Two."]))
    await chat.send("1?")
    await chat.send("2?")
    assert chat.undo() == bl.Message("user", "2?")
    assert texts(chat.history.messages) == ["u:1?", "a:One."]
    chat.undo()
    with pytest.raises(bl.InvalidRequest, match="there are 0 turns"):
        chat.undo()


async def test_a_fork_is_an_independent_session() -> None:
    """It has the same history, backend and settings; later messages are not shared."""
    backend = bl.ScriptedBackend(["One.", "Two.", "Left.", "Right."])
    chat = bl.Session(backend, system="s", temperature=0.5, model="m")
    await chat.send("1?")
    await chat.send("2?")
    fork, first = chat.fork(), chat.fork(at=1)
    assert len({chat.id, fork.id, first.id}) == 3
    await chat.send("left?")
    await fork.send("right?")
    assert texts(chat.messages)[-2:] == ["u:left?", "a:Left."]
    assert texts(fork.messages) == ["s:s", "u:1?", "a:One.", "u:2?", "a:Two.", "u:right?", "a:Right."]
    assert texts(first.messages) == ["s:s", "u:1?", "a:One."]
    assert (backend.requests[-1].temperature, backend.requests[-1].model) == (0.5, "m")
    assert chat.fork(at=0).history == bl.chat.History()
    for at in (-1, 4):
        with pytest.raises(bl.InvalidRequest, match=f"at={at} is out of range: there are 3 turns"):
            chat.fork(at=at)


async def test_a_turn_created_earlier_is_checked_when_it_runs() -> None:
    """It runs on the current history, and is refused if that is not possible."""
    chat = bl.Session(bl.ScriptedBackend(["One.", "Two.", "Uno."]))
    await chat.send("1?")
    await chat.send("2?")
    late = chat.edit(1, "x")
    chat.undo()
    with pytest.raises(bl.InvalidRequest, match="turn 1 is out of range"):
        await late
    assert texts(chat.history.messages) == ["u:1?", "a:One."]
    late = chat.stream("x")
    chat.backend, chat.tools = bl.ScriptedBackend([[bl.ToolCallPart("1", "look")]]), [bl.Tool("look")]
    await chat.send("look?")
    with pytest.raises(bl.InvalidRequest, match=r"before the results of the calls \['1'\]"):
        await late


# Settings, backends, stores


async def test_settings_can_change_between_turns() -> None:
    """System message, model, tools and backend apply from the next turn on."""
    first, second = bl.ScriptedBackend("a"), bl.ScriptedBackend("b")
    chat = bl.Session(first, system="one")
    await chat.send("1?")
    chat.system, chat.model, chat.backend, chat.tools = "two", "m", second, [bl.Tool("look")]
    assert (await chat.send("2?")).text == "b"
    request = second.requests[0]
    assert (request.messages[0].text, request.model, [tool.name for tool in request.tools]) == ("two", "m", ["look"])
    assert chat.tools == [bl.Tool("look")]
    chat.system = None
    await chat.send("3?")
    assert second.requests[1].messages[0].role == "user"


async def test_tokens_are_counted_as_they_are_sent() -> None:
    """By the backend, with the system message and the tools; an empty conversation has none."""
    backend = bl.ScriptedBackend("One.")
    chat = bl.Session(backend, system="Be brief.")
    assert await chat.count_tokens() == 0
    await chat.send("1?")
    assert await chat.count_tokens() == await backend.count_tokens(chat.messages)


@pytest.mark.parametrize("name", ["memory", "host"])
async def test_a_session_survives_in_a_store(name: str) -> None:
    """It continues from there with a backend as before."""
    store = bl.stores.MemoryStore() if name == "memory" else bl.stores.HostStore(ScriptedHost(), "chats")
    backend = bl.ScriptedBackend(["One.", "Two."])
    chat = bl.Session(backend, system="s", model="m", temperature=0.5, logit_bias={5: 1.0}, metadata={"user": "u"})
    await chat.send([bl.TextPart("1?"), bl.ImagePart(data=b"\x00\xff", media_type="image/png")])
    await chat.save(store, "chat/1")
    again = await bl.Session.load(store, "chat/1", backend=backend, take=True, tools=[bl.Tool("look")], temperature=1)
    assert again.left_out == []
    assert (again.id, again.system, again.model, again.history) == (chat.id, "s", "m", chat.history)
    await again.send("2?")
    request = backend.requests[-1]
    assert request.messages[:3] == chat.messages
    assert (request.temperature, request.logit_bias, len(request.tools)) == (1, {5: 1.0}, 1)
    assert request.metadata == {"session": chat.id, "user": "u"}
    with pytest.raises(bl.InvalidRequest, match="no session under 'chat/2'"):
        await bl.Session.load(store, "chat/2", backend=backend)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"junk", "not a saved session"),
        (b'{"version": 7}', "saved as version 7"),
        (b'{"version": 1, "id": "x"}', "history"),
        (b'{"version": 1, "id": "x", "options": {"hooks": []}, "history": {"messages": []}}', "hooks"),
        (b'{"version": 1, "id": "x", "options": {"top_p": 9}, "history": {"messages": []}}', "top_p"),
        (b'{"version": 1, "id": "x", "history": {"messages": [{"role": "tool"}]}}', "ToolResultPart"),
    ],
)
def test_an_invalid_saved_session_is_refused(text: bytes, why: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(bl.InvalidRequest, match=why):
        bl.Session.from_json(text, bl.ScriptedBackend("ok"))


async def test_two_sessions_on_one_model_take_turns() -> None:
    """The page's queue is first in, first out: each waits for at most one answer of the other."""
    host = ScriptedHost(["ok"])
    backend = bl.LocalBackend(host)
    await backend.complete("load")

    async def talk(name: str) -> None:
        chat = bl.Session(backend)
        for index in range(4):
            await chat.send(f"{name}{index}")

    before = len(host.requests)
    await asyncio.gather(talk("a"), talk("b"))
    asked = [args["messages"][-1]["content"] for op, args in host.requests[before:] if op == "chat"]
    assert asked == [f"{name}{index}" for index in range(4) for name in "ab"]
