"""A conversation with a router is fitted to the window of each backend that is asked, not to that of the first."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.errors import AllBackendsFailed, ContextExceeded
from unit.chat.test_window import Counting
from unit.chat.windowed import Windowed, words

FILLING = " ".join(["word"] * 20)
LONG = " ".join(["long"] * 350)
"""One message that is too long for the small window here."""


def on_device(window: int = 300, **more: Any) -> Windowed:
    """The model on the device: its window is small."""
    return Windowed(window, name="local", **more)


def in_cloud(window: int = 4000, **more: Any) -> Windowed:
    """A cloud with a large window."""
    return Windowed(window, name="cloud", leaves_device=True, **more)


def chat_with(*backends: bl.Backend, policy: Any = None, **options: Any) -> bl.Session:
    """A conversation with a router of these."""
    context = options.pop("context", bl.chat.DropOldest(reserve=20))
    return bl.Session(bl.Router(backends, policy), context=context, **options)


async def talk(chat: bl.Session, turns: int) -> list[bl.chat.Reply]:
    """Hold so many turns."""
    return [await chat.send(f"{number} {FILLING}") for number in range(turns)]


def sent(backend: Windowed) -> list[str]:
    """The first words of what the user said, in the last request that a backend got."""
    return [message.text.split(maxsplit=1)[0] for message in backend.requests[-1].messages if message.role == "user"]


@pytest.mark.parametrize("counts", [True, False], ids=["counted", "guessed"])
async def test_a_message_too_long_for_the_device_goes_to_the_cloud(counts: bool) -> None:
    """The route says by how much, and the device is not asked, so that nothing counts as a failure of it."""
    # Where no backend counts, only an estimate of twice the window is sure.
    local, cloud = on_device(300 if counts else 200, counts=counts), in_cloud(counts=counts)
    chat = chat_with(local, cloud)
    reply = await chat.send(LONG)
    assert (reply.response.backend, reply.left_out) == ("cloud", 0)
    said = "context 300 < 352 tokens" if counts else "context 200 < about 442 tokens"
    assert [(hop.backend, hop.code, hop.reason) for hop in reply.response.route] == [
        ("local", "context_exceeded", said)
    ]
    assert (local.requests, local.refused) == ([], 0)
    # The next short message is for the device again: it leaves out what it cannot hold.
    reply = await chat.send("short")
    assert (reply.response.backend, reply.left_out, sent(local)) == ("local", 2, ["short"])


async def test_the_cloud_gets_all_that_the_device_had_to_leave_out() -> None:
    """Each backend has its own start, and the device's stays where it was: its prompts go on."""
    local, cloud = on_device(), in_cloud()
    chat = chat_with(local, cloud)
    replies = await talk(chat, 12)
    assert {reply.response.backend for reply in replies} == {"local"}
    assert 0 < replies[-1].left_out < 22
    kept = sent(local)
    reply = await chat.send(LONG)
    assert (reply.response.backend, reply.left_out) == ("cloud", 0)
    assert sent(cloud) == [*map(str, range(12)), "long"]
    chat.undo()
    reply = await chat.send("12 short")
    assert reply.response.backend == "local"
    assert sent(local)[: len(kept)] == kept
    assert chat.history.start == 0


async def test_most_prompts_for_a_small_window_extend_the_one_before() -> None:
    """Room is made for several turns at once, though the router is given the whole conversation each time."""
    local = on_device(400)
    chat = chat_with(local, in_cloud())
    await talk(chat, 40)
    prompts = [request.messages for request in local.requests]
    trims = [at for at in range(1, 40) if prompts[at][: len(prompts[at - 1])] != prompts[at - 1]]
    assert 3 <= len(trims) <= 12
    assert local.refused == 0
    assert max(map(words, prompts)) <= 380


async def test_the_device_counts_only_near_its_limit() -> None:
    """Elsewhere the usage of its last answer is enough."""
    local = on_device(3000)
    chat = chat_with(local, in_cloud(9000))
    await talk(chat, 40)
    assert local.counted == 0


async def test_a_fallback_to_a_smaller_window_leaves_out_more() -> None:
    """The cloud fails once, and is not asked a second time for the sake of a shorter prompt."""
    local, cloud = on_device(), in_cloud()
    chat = chat_with(local, cloud, policy=bl.CloudFirst())
    await talk(chat, 12)
    assert words(cloud.requests[-1].messages) > 300
    cloud.failure = bl.Unavailable("the server answers 503", reason="server_error")
    before = cloud.asked
    reply = await chat.send("12 " + FILLING)
    assert cloud.asked == before + 1
    assert (reply.response.backend, reply.text.split()[0]) == ("local", "said")
    assert [(hop.backend, hop.code) for hop in reply.response.route] == [("cloud", "unavailable")]
    assert sent(local)[-1] == "12"
    assert reply.left_out > 0
    cloud.failure = None
    reply = await chat.send("13 " + FILLING)
    assert (reply.response.backend, reply.left_out) == ("cloud", 0)
    assert sent(cloud) == [str(number) for number in range(14)]


async def test_without_a_large_enough_window_the_error_names_the_largest() -> None:
    """And the largest message, and the backends that were not asked; the question is taken back."""
    chat = chat_with(on_device(100), Windowed(250, name="larger"), in_cloud())
    await chat.send("short", private=True)
    with pytest.raises(ContextExceeded) as caught:
        await chat.send(LONG)
    data = caught.value.data
    assert (data["context_window"], data["prompt_tokens"], data["message"]) == (250, 352, 2)
    assert data["backend"] == "larger"
    assert [(each["backend"], each["reason"]) for each in data["not_asked"]] == [("cloud", "private")]
    assert "more than 250 tokens" in str(caught.value)
    causes = caught.value.__cause__
    assert isinstance(causes, AllBackendsFailed)
    assert [type(cause).__name__ for cause in causes.causes] == ["Unavailable", "ContextExceeded", "ContextExceeded"]
    assert len(chat.history.messages) == 2


async def test_a_private_conversation_never_leaves_for_a_larger_window() -> None:
    """Nor is the cloud asked to count."""
    cloud = in_cloud()
    for policy in (bl.LocalFirst(), bl.CloudFirst(), bl.LocalOnly()):
        chat = chat_with(on_device(), cloud, policy=policy, private=True)
        await talk(chat, 12)
        with pytest.raises(ContextExceeded):
            await chat.send(LONG)
    assert (cloud.requests, cloud.counted, cloud.refused) == ([], 0, 0)


async def test_local_only_never_asks_a_larger_window_elsewhere() -> None:
    """The error says who was not asked."""
    cloud = in_cloud()
    with pytest.raises(ContextExceeded) as caught:
        await chat_with(on_device(), cloud, policy=bl.LocalOnly()).send(LONG)
    assert [(one["backend"], one["reason"]) for one in caught.value.data["not_asked"]] == [("cloud", "policy")]
    assert (cloud.requests, cloud.counted) == ([], 0)


async def test_a_failure_beside_a_window_that_is_too_small_has_both_causes() -> None:
    """The cloud may answer later, so this is not about the length alone; no backend is asked twice."""
    cloud = in_cloud()
    cloud.failure = bl.Unavailable("down", reason="server_error")
    chat = chat_with(on_device(), cloud)
    with pytest.raises(AllBackendsFailed) as caught:
        await chat.send(LONG)
    assert [type(cause) for cause in caught.value.causes] == [ContextExceeded, bl.Unavailable]
    assert cloud.asked == 1


@pytest.mark.parametrize("data", [True, False], ids=["told", "untold"])
async def test_a_refusal_shortens_the_prompt_for_that_backend_alone(data: bool) -> None:
    """It is asked again before the next one is; a window that it told is remembered."""
    local, cloud = on_device(tells=False, data=data), in_cloud()
    chat = chat_with(local, cloud)
    replies = await talk(chat, 20)
    assert {reply.response.backend for reply in replies} == {"local"}
    assert local.refused == (1 if data else 3)
    assert cloud.refused == 0
    reply = await chat.send(LONG)
    assert (reply.response.backend, reply.left_out) == ("cloud", 0)
    assert reply.response.warnings == []


async def test_a_full_window_is_an_error_if_the_strategy_says_so() -> None:
    """Nothing is left out; a backend with more room answers."""
    local, cloud = on_device(), in_cloud(400)
    chat = chat_with(local, cloud, context=bl.chat.FailWhenFull(reserve=20))
    with pytest.raises(ContextExceeded) as caught:
        await talk(chat, 20)
    assert len(local.requests) > len(cloud.requests) > 0
    assert local.requests[-1].messages == cloud.requests[0].messages[: len(local.requests[-1].messages)]
    assert caught.value.data["context_window"] == 400


async def test_each_backend_has_its_own_summary() -> None:
    """Of what it is not sent; the other one reads the messages themselves."""
    local, cloud = on_device(400), in_cloud()
    chat = chat_with(local, cloud, system="Be brief.", context=bl.chat.Summarize(max_tokens=8, reserve=20))
    replies = await talk(chat, 20)
    assert sum(reply.cost_usd or 0 for reply in replies) > 20 * 0.25, "a summary is paid for"
    assert "Be brief.\n\nSummary of the conversation until now:\nsaid" in local.requests[-1].messages[0].text
    assert (await chat.send(f"{LONG} {LONG}")).response.backend == "cloud"
    assert cloud.requests[-1].messages[0].text == "Be brief."
    assert sent(cloud)[0] == "0"


async def test_what_a_middleware_changed_stays_changed() -> None:
    """The router shortens the request that it got, not the conversation behind it."""

    class Redacting(bl.backends.Middleware):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            hidden = [replace(each, content=each.text.replace("word", "xxxx")) for each in request.messages]
            async for delta in self.backend.generate(replace(request, messages=hidden), draft):
                yield delta

    local, cloud = on_device(), in_cloud()
    chat = bl.Session(Redacting(bl.Router([local, cloud])), context=bl.chat.DropOldest(reserve=20))
    await talk(chat, 12)
    await chat.send(LONG + " word")
    assert "word" not in str(local.requests) + str(cloud.requests)
    assert len(local.requests[-1].messages) < 23
    assert len(cloud.requests[-1].messages) == 25


@pytest.mark.parametrize("change", ["edit", "undo"])
async def test_a_changed_conversation_is_fitted_anew(change: str) -> None:
    """What was left out, and how large the prompt was, is known only of the messages that were there."""
    local = on_device()
    chat = chat_with(local, in_cloud())
    await talk(chat, 12)
    assert len(local.requests[-1].messages) < 23
    if change == "edit":
        await chat.edit(1, "1 short")
    else:
        for _ in range(11):
            chat.undo()
        await chat.send("1 short")
    assert sent(local) == ["0", "1"]
    for number in range(2, 12):
        await chat.send(f"{number} {FILLING}")
    assert local.refused == 0


async def test_a_router_in_a_router_fits_each_of_its_backends() -> None:
    """The outer one leaves it to the inner one; side by side, each backend gets what it can hold."""
    local, cloud = on_device(), in_cloud()
    inner = bl.Router([local, cloud], name="inner")
    chat = bl.Session(bl.Router([inner]), context=bl.chat.DropOldest(reserve=20))
    assert (await chat.send(LONG)).response.backend == "cloud"
    reply = await chat.send("short")
    assert (reply.response.backend, sent(local)) == ("local", ["short"])
    racing = bl.Router([local, cloud], fallback="parallel")
    chat = bl.Session(racing, context=bl.chat.DropOldest(reserve=20))
    reply = await chat.send(LONG)
    assert reply.response.backend == "cloud"
    assert [hop.reason for hop in reply.response.route] == ["context 300 < 352 tokens"]
    racing = bl.Router([on_device(), Windowed(250, name="smaller")], fallback="parallel")
    chat = bl.Session(racing, context=bl.chat.DropOldest(reserve=20))
    assert (await talk(chat, 12))[-1].left_out > 0
    assert chat.history.start == 0, "the router left it out, for each backend"


async def test_what_was_known_of_other_messages_is_forgotten() -> None:
    """A backend that did not answer in between finds other messages in the places of those that it knows."""
    local, cloud = on_device(), in_cloud()
    chat = chat_with(local, cloud)
    router = chat.backend
    assert isinstance(router, bl.Router)

    async def begin_again(filling: str) -> bl.chat.Reply:
        while chat.history.messages:
            chat.undo()
        router.policy = bl.CloudFirst()
        for number in range(8):
            await chat.send(f"{number} {filling}")
        router.policy = bl.LocalFirst()
        return await chat.send("short")

    for _ in range(8):
        await chat.send("short")
    # Its last prompt was small; the messages in that place are not.
    reply = await begin_again(FILLING * 3)
    assert (reply.response.backend, local.refused) == ("local", 0)
    assert reply.left_out > 0
    # What it had left out is not what would be left out now.
    reply = await begin_again("short")
    assert (reply.response.backend, reply.left_out) == ("local", 0)


async def test_the_size_of_a_shortened_prompt_is_not_that_of_the_conversation() -> None:
    """Another backend, without a router, is sent what it can hold."""
    chat = chat_with(on_device(), in_cloud())
    await talk(chat, 12)
    plain = chat.backend = Windowed(400)
    await chat.send("short")
    assert (plain.asked, plain.refused) == (1, 0)


async def test_a_refusal_goes_to_the_next_backend_if_the_strategy_does_not_retry() -> None:
    """As without a router, where it is raised."""

    class Once(bl.chat.DropOldest):
        retries = False

    local, cloud = on_device(tells=False), in_cloud()
    chat = chat_with(local, cloud, context=Once(reserve=20))
    replies = await talk(chat, 12)
    assert [reply.response.backend for reply in replies].count("cloud") == 1, "its window is known from then on"
    assert local.refused == 1


async def test_the_warnings_of_a_refused_prompt_are_not_kept() -> None:
    """The shorter one that follows has its own."""

    class Warns(Windowed):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            draft.warn("top_k", f"{len(request.messages)} messages without top_k")
            async for delta in super().generate(request, draft):
                yield delta

    local = Warns(300, name="local", tells=False)
    chat = chat_with(local)
    while not local.refused:
        reply = await chat.send(FILLING)
    assert [warning.message for warning in reply.response.warnings] == [
        f"{len(local.requests[-1].messages)} messages without top_k"
    ]


async def test_a_turn_still_plans_once() -> None:
    """However long the conversation is, and whichever backend answers."""
    policy = Counting()
    local, cloud = on_device(), in_cloud()
    chat = chat_with(local, cloud, policy=policy)
    for turn in range(1, 25):
        await chat.send(LONG if turn % 8 == 0 else f"{turn} {FILLING}")
        assert policy.plans == turn
    assert local.refused == cloud.refused == 0


async def test_results_of_tools_are_fitted_too() -> None:
    """A result that fills the window of the device has the cloud give the answer, with the call."""

    async def look() -> str:
        return "found " * 400

    local, cloud = on_device(), in_cloud()
    chat = chat_with(local, cloud, tools=[look])
    local.calls = [bl.ToolCallPart("1", "look")]
    reply = await chat.send("look?")
    assert [response.backend for response in reply.responses] == ["local", "cloud"]
    assert [message.role for message in cloud.requests[-1].messages] == ["user", "assistant", "tool"]
