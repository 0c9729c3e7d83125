"""How often a turn asks for the context window, and how often a router plans for a turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta

LONG = "word " * 400
"""More than fits every model's window for sure."""


class Asked(bl.ScriptedBackend):
    """A scripted backend with a context window; ``asked`` is how often it was asked for its facts."""

    def __init__(self, name: str = "asked", window: int | None = 4000, answers: Any = "Fine.") -> None:
        super().__init__(answers, name=name)
        self.window = window
        self.asked = 0

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        self.asked += 1
        return bl.backends.BackendFacts(leaves_device=False, needs_network=False, context_window=self.window)


class Counting(bl.LocalFirst):
    """A policy that counts how often it ranks: once in each plan."""

    plans = 0

    def rank(
        self, request: bl.ChatRequest, candidates: Sequence[bl.backends.router.Candidate]
    ) -> Sequence[bl.backends.router.Choice]:
        self.plans += 1
        return super().rank(request, candidates)


class CountingInTurn(bl.backends.router.RoundRobin):
    """The same, for a policy that asks each backend in turn."""

    plans = 0

    def rank(
        self, request: bl.ChatRequest, candidates: Sequence[bl.backends.router.Candidate]
    ) -> Sequence[bl.backends.router.Choice]:
        self.plans += 1
        return super().rank(request, candidates)


@pytest.mark.parametrize("window", [4000, None], ids=["known", "unknown"])
async def test_a_turn_with_a_router_plans_once(window: int | None) -> None:
    """So do short prompts and long ones; the window of a long one is asked for, and the answer uses that plan."""
    policy = Counting()
    chat = bl.Session(bl.Router([Asked("a", window), Asked("b", window)], policy=policy))
    for turn, prompt in enumerate(["Hi", "Hi", LONG, LONG, "Hi"], 1):
        await chat.send(prompt, deadline_s=60)
        assert policy.plans == turn


async def test_a_long_first_prompt_plans_once_and_asks_each_backend_once() -> None:
    """The answer also finds the plan through a middleware and another router."""
    policy, backend = Counting(), Asked()
    inner = bl.Router([backend], policy=policy, name="inner")
    chat = bl.Session(bl.Router([bl.Retry(inner)]))
    await chat.send(LONG)
    assert (policy.plans, backend.asked) == (1, 1)


async def test_a_turn_plans_once_for_each_answer_of_the_model() -> None:
    """After a round of tools the request is another one; also where another backend answers it, one plan is enough."""

    @bl.tool
    def look() -> str:
        """Look."""
        return LONG

    calls = [[bl.ToolCallPart("1", "look", "{}")]]
    one, other = Asked("one", 8000, [*calls, *calls, "Fine."]), Asked("other", 8000, [*calls, "Fine."])
    policy = CountingInTurn()
    chat = bl.Session(bl.Router([one, other], policy=policy), tools=[look])
    reply = await chat.send(LONG)
    assert [response.backend for response in reply.responses] == ["one", "other", "one", "other"]
    assert policy.plans == len(reply.responses)


async def test_a_hook_that_changes_the_request_plans_again() -> None:
    """The window was asked for another request, whose backends may differ."""

    class Shorten(bl.Hooks):
        async def before_request(self, request: bl.ChatRequest) -> bl.ChatRequest:
            return replace(request, temperature=0.5)

    policy = Counting()
    chat = bl.Session(bl.Router([Asked()], policy=policy), hooks=[Shorten()])
    await chat.send(LONG)
    assert policy.plans == 2
    await chat.send("And?")
    assert policy.plans == 3


async def test_a_long_first_prompt_asks_for_the_window() -> None:
    """Once; the answer is then enough."""
    backend = Asked()
    chat = bl.Session(backend)
    await chat.send(LONG)
    await chat.send("And?")
    assert backend.asked == 1


async def test_a_conversation_that_no_longer_fits_asks_again() -> None:
    """The window may have grown; with the backend's current answer, nothing need be dropped."""
    backend = Asked(window=2000)
    chat = bl.Session(backend, context=bl.chat.DropOldest(reserve=100))
    for _ in range(3):
        await chat.send(LONG)
    assert (backend.asked, chat.history.start) == (1, 0)
    backend.window = 8000
    await chat.send(LONG)
    assert (backend.asked, chat.history.start) == (2, 0)


async def test_another_backend_is_asked_for_its_window() -> None:
    """The window of one backend is forgotten when another one has answered."""
    one, other = Asked("one", 8000), Asked("other", 1200)
    chat = bl.Session(
        bl.Router([one, other], policy=bl.backends.router.RoundRobin()), context=bl.chat.DropOldest(reserve=100)
    )
    await chat.send(LONG)
    assert one.asked == 1
    assert one.requests
    assert other.requests == []
    await chat.send("And?")
    assert len(other.requests) == 1
    before = one.asked
    await chat.send("And?")
    assert one.asked == before + 1, "for the window; the answer uses the same plan"


async def test_a_refusal_on_the_way_asks_again() -> None:
    """A backend that comes first and has too small a window answers again, once room is made for it."""

    class Small(Asked):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            if len("".join(message.text for message in request.messages)) > 1000:
                raise bl.ContextExceeded("too long")
            async for delta in super().generate(request, draft):
                yield delta

    small, large = Small("small", None), Asked("large", None)
    chat = bl.Session(bl.Router([small, large]), context=bl.chat.DropOldest(reserve=100))
    assert (await chat.send(LONG)).response.backend == "large"
    small.window = 400
    assert (await chat.send("And?")).response.backend == "small"
    assert [message.text for message in small.requests[-1].messages] == ["And?"]


async def test_a_known_window_does_not_apply_to_another_model() -> None:
    """Nor to another backend, nor after the conversation has become private."""
    backend = Asked()
    chat = bl.Session(backend, model="one")
    await chat.send(LONG)
    chat.model = "two"
    await chat.send("And?")
    assert backend.asked == 2
    await chat.send("And?")
    assert backend.asked == 2
    other = chat.backend = Asked("other")
    await chat.send("And?")
    assert (backend.asked, other.asked) == (2, 1)
    await chat.send("And?", private=True)
    assert other.asked == 3, "for the window, and to judge the request"
