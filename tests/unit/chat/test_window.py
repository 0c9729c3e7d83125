"""How often a turn asks for the context window: a router plans to answer that, and plans again to answer the prompt."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta

LONG = "word " * 400
"""More than fits every model's window for sure."""


class Asked(bl.ScriptedBackend):
    """A scripted backend with a context window; ``asked`` is how often it was asked for its facts."""

    def __init__(self, name: str = "asked", window: int | None = 4000, **options: Any) -> None:
        super().__init__("Fine.", name=name, **options)
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
    ) -> list[bl.backends.router.Choice]:
        self.plans += 1
        return super().rank(request, candidates)


@pytest.mark.parametrize("window", [4000, None], ids=["known", "unknown"])
async def test_a_turn_with_a_router_plans_once(window: int | None) -> None:
    """The first turn does if its prompt is short, and so do all later ones, however long they get."""
    policy = Counting()
    chat = bl.Session(bl.Router([Asked("a", window), Asked("b", window)], policy=policy))
    for turn in range(1, 4):
        await chat.send("Hi")
        assert policy.plans == turn
    await chat.send(LONG)
    assert policy.plans == 5, "a prompt of any length may be too long: the window is asked for"
    for turn in range(6, 9):
        await chat.send("Hi")
        assert policy.plans == turn


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
    asked = one.asked
    assert one.requests
    assert other.requests == []
    await chat.send("And?")
    assert len(other.requests) == 1
    before = one.asked
    await chat.send("And?")
    assert asked == 2
    assert one.asked == before + 2, "for the window, and to answer"


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
    assert chat.history.start == 2


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
