"""A full context window: turns are dropped in blocks, summarised, or the caller is told."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.request import Prompt
from browserllm.chat.context import tokens_of
from browserllm.testing.host import ScriptedHost
from unit.chat.windowed import Windowed, words

FILLING = " ".join(["word"] * 20)


def grew(requests: list[bl.ChatRequest]) -> list[bool]:
    """Of each request but the first: whether it begins with all of the one before it."""
    sent = [request.messages for request in requests]
    return [later[: len(sent[index])] == sent[index] for index, later in enumerate(sent[1:])]


async def talk(chat: bl.Session, turns: int, filling: str = FILLING) -> None:
    """Hold so many turns."""
    for number in range(turns):
        await chat.send(f"{number} {filling}")


@pytest.mark.parametrize("counts", [True, False], ids=["counted", "guessed"])
async def test_the_oldest_turns_are_dropped_in_blocks(counts: bool) -> None:
    """Room for several turns is made at once, so most prompts extend the previous one."""
    backend = Windowed(400, counts=counts)
    chat = bl.Session(backend, system="Be brief.", context=bl.chat.DropOldest(0.5, reserve=20))
    await talk(chat, 40)
    assert backend.refused == 0
    kept = grew(backend.requests)
    trims = [index for index, same in enumerate(kept, 1) if not same]
    assert 3 <= len(trims) <= 10
    assert all(later - earlier > 3 for earlier, later in pairwise(trims)), "not in every turn"
    for index in trims:
        # The last turn is part of what is kept, and the guess may be off.
        assert words(backend.requests[index].messages) <= 0.75 * 380
    for request in backend.requests:
        assert [message.role for message in request.messages[:2]] == ["system", "user"], "turns go whole"
    assert len(chat.history.messages) == 80, "nothing is forgotten"
    chat.history.check()


async def test_the_backend_counts_tokens_only_near_the_limit() -> None:
    """Elsewhere the usage of the answers, and an estimate of the new text, are enough."""
    backend = Windowed(4000)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=100))
    await talk(chat, 20)
    assert backend.counted == 0
    smaller = chat.backend = Windowed(words(chat.messages) + 140)
    await talk(chat, 1)
    assert smaller.counted == 1
    assert chat.history.start == 0, "it fits, as counting showed"
    assert all(grew([*backend.requests, *smaller.requests]))


async def test_a_smaller_window_can_be_requested() -> None:
    """The backend's own window counts if it is smaller still."""
    backend = Windowed(4000)
    chat = bl.Session(backend, context=bl.chat.DropOldest(window=200, reserve=20))
    await talk(chat, 12)
    assert chat.history.start > 0
    assert max(words(request.messages) for request in backend.requests) <= 180
    chat = bl.Session(Windowed(200), context=bl.chat.DropOldest(window=4000, reserve=20))
    await talk(chat, 12)
    assert chat.history.start > 0


async def test_room_for_the_answer_is_max_tokens() -> None:
    """Without it, the reserve: a thousand tokens, or a quarter of the window."""
    for options, room in (({"max_tokens": 300}, 100), ({}, 300)):
        backend = Windowed(400)
        chat = bl.Session(backend, **options)
        await talk(chat, 12, "a few words")
        await talk(chat, 12)
        sizes = [words(request.messages) for request in backend.requests]
        assert room - 35 < max(sizes) <= room


@pytest.mark.parametrize("data", [True, False], ids=["told", "untold"])
@pytest.mark.parametrize("counts", [True, False], ids=["counted", "guessed"])
async def test_an_unknown_window_causes_one_refusal(data: bool, counts: bool) -> None:
    """The caller does not see it: room is made, and the backend is asked again. The window that it reported is kept."""
    backend = Windowed(300, counts=counts, tells=False, data=data)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=20))
    await talk(chat, 30)
    assert len(backend.requests) == 30
    kept = grew(backend.requests)
    assert kept.count(False) >= 3
    assert backend.refused == (1 if data else kept.count(False))


async def test_a_refusal_inside_a_routers_failure_is_found() -> None:
    """The router's failure contains the backend's."""
    backend = Windowed(300, tells=False)
    chat = bl.Session(bl.Router([backend]), context=bl.chat.DropOldest(reserve=20))
    await talk(chat, 20)
    assert (len(backend.requests), backend.refused) == (20, 1)


async def test_an_answer_that_broke_off_is_not_asked_for_again() -> None:
    """The caller gets the failure."""
    exceeded = bl.ContextExceeded("in the middle")
    backend = bl.ScriptedBackend(["One.", ["Well, ", exceeded], "never"])
    chat = bl.Session(backend)
    await chat.send("1?")
    with pytest.raises(bl.ContextExceeded, match="in the middle"):
        await chat.send("2?")
    assert len(backend.requests) == 2


async def test_a_turn_too_large_by_itself_names_its_largest_message() -> None:
    """With its numbers, before anything is sent; the turn is not kept."""
    backend = Windowed(200)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=20))
    await talk(chat, 2)
    before = chat.history
    with pytest.raises(bl.ContextExceeded) as caught:
        await chat.send("long " * 250)
    said = str(caught.value)
    assert "the last turn alone has a prompt of 252 tokens of a context window of 200" in said
    assert "messages[4] (role 'user'), has about" in said
    numbers = {"prompt_tokens": 252, "context_window": 200, "estimated": False}
    assert caught.value.data == numbers | {"message": 4, "role": "user"}
    assert len(backend.requests) == 2
    assert chat.history.messages == before.messages
    assert (await chat.send("short")).finish_reason == "stop"


async def test_a_turn_that_leaves_little_room_is_still_sent() -> None:
    """The reserve is not enforced."""
    backend = Windowed(200)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=100))
    await talk(chat, 2)
    assert (await chat.send("long " * 150)).finish_reason == "stop"
    assert chat.history.start == 4


async def test_a_window_found_out_too_late_is_explained() -> None:
    """If a backend reports its window only when it refuses a single turn."""
    backend = Windowed(200, tells=False)
    with pytest.raises(
        bl.ContextExceeded, match=r"a context window of 200: its largest message, messages\[0\]"
    ) as caught:
        await bl.Session(backend).send("long " * 250)
    assert isinstance(caught.value.__cause__, bl.ContextExceeded)
    assert backend.refused == 1
    backend = Windowed(200, tells=False, counts=False, data=False)
    with pytest.raises(
        bl.ContextExceeded, match="the last turn alone has a prompt of about 317 tokens: its largest"
    ) as caught:
        await bl.Session(backend).send("long " * 250)
    assert str(caught.value.__cause__) == "too long"
    assert backend.refused == 1


def tool_of(size: int) -> bl.chat.FunctionTool:
    """A tool that answers with so many words."""

    async def look(deep: bool = False) -> str:
        return "found " * size

    return bl.chat.FunctionTool(look)


async def test_room_is_made_between_rounds_too() -> None:
    """A result that fills the window drops older turns, and the calls of this one stay."""
    backend = Windowed(300)
    chat = bl.Session(backend, tools=[tool_of(150)], context=bl.chat.DropOldest(reserve=20))
    await talk(chat, 5)
    assert chat.history.start == 0
    backend.calls = [bl.ToolCallPart("1", "look")]
    await chat.send("look?")
    last = backend.requests[-1].messages
    assert [message.role for message in last][-3:] == ["user", "assistant", "tool"]
    assert chat.history.start > 0
    assert backend.refused == 0


async def test_a_result_too_large_for_the_window_is_named() -> None:
    """The calls and results stay, so that the caller can continue with another model."""
    backend = Windowed(300)
    chat = bl.Session(backend, tools=[tool_of(400)], context=bl.chat.DropOldest(reserve=20))
    backend.calls = [bl.ToolCallPart("1", "look")]
    with pytest.raises(bl.ContextExceeded, match=r"messages\[2\] \(role 'tool'\)"):
        await chat.send("look?")
    assert [message.role for message in chat.history.messages] == ["user", "assistant", "tool"]
    chat.backend = Windowed(3000)
    assert (await chat.resume()).finish_reason == "stop"


async def test_dropped_turns_stay_dropped_after_a_failure() -> None:
    """So that a summary is not made twice."""
    backend = Windowed(300)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=20))
    await talk(chat, 8)
    assert chat.history.start == 0
    backend.failure = bl.Unavailable("offline")
    with pytest.raises(bl.Unavailable):
        await talk(chat, 1)
    assert chat.history.start > 0
    assert len(chat.history.messages) == 16
    chat.history.check()


async def test_a_request_can_be_too_large_as_json() -> None:
    """Images reach that limit before they fill a window; then, too, the oldest turns are dropped."""
    backend = bl.ScriptedBackend("A dog.")
    chat = bl.Session(backend)
    image = bl.ImagePart(data=bytes(900_000), media_type="image/png")
    for _ in range(6):
        assert (await chat.send([image])).text == "A dog."
    assert len(backend.requests[-1].messages) < 11
    with pytest.raises(bl.InvalidRequest, match="shrink their images"):
        await chat.send([image] * 5)


async def test_unknown_token_counts_are_estimated() -> None:
    """A backend that cannot count tokens or report facts may still answer."""

    class Silent(Windowed):
        async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
            raise bl.errors.Unsupported("no images here")

        async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
            raise bl.Unavailable("closed")

    backend = Silent(300)
    chat = bl.Session(backend, context=bl.chat.DropOldest(window=300, reserve=20))
    await talk(chat, 20)
    assert (len(backend.requests), backend.refused) == (20, 0)
    assert chat.history.start > 0


async def test_thinking_does_not_count_as_a_part_of_the_prompt() -> None:
    """It is not sent again."""
    thought = bl.types.ReasoningDelta(reasoning=FILLING * 10)
    backend = bl.ScriptedBackend(
        [[thought, "Yes."]],
        facts=bl.backends.BackendFacts(leaves_device=False, needs_network=False, context_window=4000),
    )
    chat = bl.Session(backend, context=bl.chat.FailWhenFull())
    await talk(chat, 5, "a")
    assert len(backend.requests) == 5
    parts: list[bl.types.ContentPart] = [bl.ReasoningPart(FILLING * 100), bl.TextPart("Yes.")]
    assert tokens_of(bl.Message("assistant", parts)) == tokens_of(bl.Message("assistant", parts[1:])) < 10


async def test_turns_dropped_in_vain_are_restored() -> None:
    """If a shorter prompt is refused, too, its length was not the reason; it is sent once more, and then no more."""
    backend = Windowed(4000, tells=False, data=False)
    chat = bl.Session(backend)
    await talk(chat, 5)
    backend.window = 1
    with pytest.raises(bl.ContextExceeded, match="too long"):
        await talk(chat, 1)
    assert (backend.refused, chat.history.start) == (2, 0)


async def test_the_token_count_of_an_edited_prompt_is_forgotten() -> None:
    """An edited message has another length."""
    backend = Windowed(200)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=20))
    await chat.send("short")
    turn = chat.edit(0, "long " * 160)
    async for chunk in turn:
        if chunk.text:
            turn.stop()
    await chat.send("and now to " + FILLING)
    assert (backend.refused, chat.history.start) == (0, 2)


# Summaries


def system_of(request: bl.ChatRequest) -> str:
    """The system message of a request."""
    return request.messages[0].text if request.messages[0].role == "system" else ""


async def test_dropped_turns_are_summarised() -> None:
    """By the same model; the summary is sent with the system message, and the next summary includes it."""
    backend = Windowed(400)
    chat = bl.Session(
        backend,
        system="Be brief.",
        tools=[tool_of(1)],
        context=bl.chat.Summarize(max_tokens=8, reserve=20),
        private=True,
        tool_choice="auto",
        stop=["said said said said said said said said said said"],
    )
    replies = [await chat.send(f"{number} {FILLING}") for number in range(20)]
    asked = [request for request in backend.requests if system_of(request).startswith("You summarise")]
    assert len(asked) >= 2
    assert all(request.private and not request.tools and not request.stop for request in asked)
    assert all((request.max_tokens, request.tool_choice) == (8, None) for request in asked)
    assert f"user: 0 {FILLING}" in asked[0].messages[1].text
    assert "assistant: said" in asked[0].messages[1].text
    assert "Summary of what was before: said" in asked[1].messages[1].text
    assert "user: 0 " not in asked[1].messages[1].text
    last = [request for request in backend.requests if request not in asked][-1]
    assert system_of(last) == f"Be brief.\n\nSummary of the conversation until now:\n{' '.join(['said'] * 8)}"
    assert chat.messages[0] == last.messages[0]
    sums = [reply for reply in replies if len(reply.responses) == 1 and reply.cost_usd == 0.5]
    assert len(sums) == len(asked), "what a summary takes is the turn's"
    assert chat.usage.prompt_tokens == sum(words(request.messages) for request in backend.requests)
    assert backend.refused == 0
    again = bl.Session.from_json(chat.to_json(), backend, take=True)
    assert again.messages == chat.messages


async def test_another_model_can_summarise() -> None:
    """With its own backend and model; a summary above its limit is cut."""
    other = bl.ScriptedBackend("long " * 400)
    backend = Windowed(400)
    chat = bl.Session(
        backend, model="m", context=bl.chat.Summarize(backend=other, model="small", max_tokens=10, reserve=20)
    )
    await talk(chat, 14)
    assert other.requests[0].model == "small"
    assert len(chat.history.summary) == 80
    chat = bl.Session(Windowed(200), context=bl.chat.Summarize(backend=other, max_tokens=1000, reserve=20))
    await talk(chat, 8)
    assert other.requests[-1].max_tokens == 45, "of a small window it is a quarter"
    assert system_of(backend.requests[-1]).startswith("Summary of the conversation until now:\nlong")


async def test_a_summary_with_half_a_character_can_be_saved() -> None:
    """A model can cut a character in half; the half is replaced, as in answers."""
    other = bl.ScriptedBackend("all \ud800 said")
    chat = bl.Session(Windowed(400), context=bl.chat.Summarize(backend=other, max_tokens=10, reserve=20))
    await talk(chat, 14)
    assert chat.history.summary == "all \ufffd said"
    again = bl.Session.from_json(chat.to_json(), Windowed(400), take=True)
    assert again.history.summary == chat.history.summary


@pytest.mark.parametrize("answer", [[bl.Unavailable("offline")], ["  "]], ids=["failed", "empty"])
async def test_without_a_summary_turns_are_dropped_with_a_warning(answer: list[Any]) -> None:
    """The conversation continues."""
    backend = Windowed(400)
    chat = bl.Session(backend, context=bl.chat.Summarize(backend=bl.ScriptedBackend([answer]), reserve=20))
    replies = [await chat.send(f"{number} {FILLING}") for number in range(14)]
    warned = [warning for reply in replies for warning in reply.warnings]
    assert warned
    assert {warning.parameter for warning in warned} == {"context"}
    assert "dropped without a summary" in warned[0].message
    assert chat.history.start > 0
    assert chat.history.summary == ""


async def test_long_texts_are_cut_for_a_summary() -> None:
    """The request for a summary must fit the window, too; calls, results and images are written as text."""
    backend = Windowed(2000)
    chat = bl.Session(backend, tools=[tool_of(700)], context=bl.chat.Summarize(max_tokens=20, reserve=20))
    backend.calls = [bl.ToolCallPart("1", "look", '{"deep": true}')]
    await chat.send([bl.TextPart("see"), bl.ImagePart(url="https://example.org/x.png")])
    for _ in range(3):
        await chat.send("x" * 2000 + " word" * 500)
    (asked, *_) = [request for request in backend.requests if system_of(request).startswith("You summarise")]
    text = asked.messages[1].text
    assert text.startswith('user: see\nuser: (image)\nassistant calls look({"deep": true})\nresult: found')
    assert " ...\n" in text
    assert backend.refused == 0


async def test_the_request_for_a_summary_fits_the_window() -> None:
    """If nearly all of the conversation is dropped, its text is cut until it fits."""
    backend = Windowed(400)
    chat = bl.Session(backend, context=bl.chat.Summarize(max_tokens=8, reserve=20))
    await chat.send("w " * 350)
    reply = await chat.send("w " * 100)
    assert (reply.warnings, backend.refused) == ([], 0)
    asked = backend.requests[1].messages
    assert system_of(backend.requests[1]).startswith("You summarise")
    assert words(asked) <= 392
    assert " ...\n" in asked[1].text


async def test_a_stop_ends_a_summary() -> None:
    """Then nothing is dropped."""
    from browserllm.testing.script import HANG

    other = bl.ScriptedBackend([[HANG]])
    chat = bl.Session(Windowed(300), context=bl.chat.Summarize(backend=other, reserve=20))
    turn = None
    for number in range(20):
        turn = chat.stream(f"{number} {FILLING}")
        task = asyncio.ensure_future(turn.finish())
        for _ in range(40):
            await asyncio.sleep(0)
        if other.requests:
            break
        await task
    assert turn is not None
    turn.stop()
    assert (await task).finish_reason == "cancelled"
    assert len(other.stopped) == 1
    assert chat.history.start == 0
    chat.history.check()


# Failing


async def test_a_full_window_can_be_an_error() -> None:
    """Before anything is sent, with numbers; the history is unchanged."""
    backend = Windowed(300)
    chat = bl.Session(backend, context=bl.chat.FailWhenFull(reserve=20))
    with pytest.raises(bl.ContextExceeded, match="and a window of 300 leaves room for 280") as caught:
        await talk(chat, 20)
    assert caught.value.data["context_window"] == 300
    assert 280 < caught.value.data["prompt_tokens"] < 320
    assert (backend.refused, len(chat.history.messages)) == (0, 2 * len(backend.requests))

    backend = Windowed(300, tells=False)
    chat = bl.Session(backend, context=bl.chat.FailWhenFull())
    with pytest.raises(bl.ContextExceeded, match="too long"):
        await talk(chat, 20)
    assert backend.refused == 1


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: bl.chat.DropOldest(0), "keep=0 is out of range: it must be above 0 and at most 1"),
        (lambda: bl.chat.DropOldest(1.5), "keep=1.5"),
        (lambda: bl.chat.DropOldest(window=0), "window=0 is out of range: it must be at least 1"),
        (lambda: bl.chat.FailWhenFull(reserve=0), "reserve=0"),
        (lambda: bl.chat.Summarize(max_tokens=0), "max_tokens=0"),
        (lambda: bl.chat.Summarize(2), "keep=2"),
    ],
)
def test_values_out_of_range_are_refused(make: Any, why: str) -> None:
    """The error shows the value."""
    with pytest.raises(bl.InvalidRequest, match=why):
        make()


async def test_the_window_of_a_local_model_is_known() -> None:
    """Its tokenizer counts, and turns are dropped before the engine would refuse."""
    host = ScriptedHost(FILLING)
    chat = bl.Session(bl.LocalBackend(host), context=bl.chat.DropOldest(window=300, reserve=20))
    await talk(chat, 12)
    assert chat.history.start > 0
    assert any(op == "count_tokens" for op, _ in host.requests)
