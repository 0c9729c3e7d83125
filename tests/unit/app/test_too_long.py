"""What a person sees when a message, or a conversation, is too long for the model that would answer."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.error_info import error_info
from browserllm.app.state import AppState, Cloud, ConversationSettings, ErrorInfo, Model, Settings
from browserllm.app.too_long import explain_length
from browserllm.errors import AllBackendsFailed, ContextExceeded
from unit.app.chats import Chats
from unit.chat.windowed import Windowed

LONG = " ".join(["long"] * 350)
OPENAI = Cloud(id="a", vendor="openai", model="m", label="My OpenAI")
PRIVATE = {"backend": "cloud:a", "code": "unavailable", "reason": "private", "why": "the request is private"}
OFFLINE = {"backend": "cloud:a", "code": "unavailable", "reason": "offline", "why": "the device is offline"}
SIZES = {"prompt_tokens": 9000, "context_window": 4096, "backend": "local", "role": "user"}


def explained(
    data: dict[str, Any],
    *,
    clouds: bool = True,
    larger: bool = False,
    private: bool = False,
    error: Exception | None = None,
    **settings: Any,
) -> ErrorInfo:
    """The error that is shown, with a model of 32,768 tokens in the catalog if ``larger``."""
    model = Model(id="m", name="M", context_window=32_768 if larger else 2048)
    state = AppState(
        settings=Settings(**({"never_leave_device": False} | settings)),
        clouds={"a": OPENAI} if clouds else {},
        models={"m": model},
    )
    failure = error or ContextExceeded("too long", data=data)
    return explain_length(error_info(failure), failure, state, ConversationSettings(private=private))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SIZES, "it comes to 9,000 tokens, and the model on this device can hold 4,096 together with its answer"),
        (
            SIZES | {"estimated": True, "backend": "cloud:a"},
            "it comes to about 9,000 tokens, and “My OpenAI” can hold 4,096 together with its answer",
        ),
        ({"context_window": 4096}, "it is longer than the 4,096 tokens that the model on this device can hold"),
        ({"backend": "cloud:a"}, "it is longer than “My OpenAI” can hold"),
        ({}, "it is longer than the model on this device can hold"),
    ],
    ids=["counted", "estimated", "no count", "no window", "nothing known"],
)
def test_the_sizes_are_said_as_far_as_they_are_known(data: dict[str, Any], message: str) -> None:
    """It is the message that is too long, whatever the conversation was before."""
    shown = explained(data)
    assert (shown.title, shown.message) == ("This message is too long", message)


CASES: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "no cloud": (
        {"data": SIZES, "clouds": False},
        "Shorten the message or split it, or set up a cloud.",
        ("edit_message", "use_cloud"),
    ),
    "no cloud, and a larger model would run": (
        {"data": SIZES, "clouds": False, "larger": True},
        "Shorten the message or split it, choose a model with a larger context window, or set up a cloud.",
        ("edit_message", "larger_model", "use_cloud"),
    ),
    "no cloud, and privacy on": (
        {"data": SIZES, "clouds": False, "never_leave_device": True, "larger": True},
        "Shorten the message or split it, or choose a model with a larger context window.",
        ("edit_message", "larger_model"),
    ),
    "a cloud, and privacy on": (
        {"data": SIZES | {"not_asked": [PRIVATE]}, "never_leave_device": True},
        "Shorten the message or split it. “My OpenAI” may hold it, but your settings keep everything on this device. "
        "You can change that in the privacy settings.",
        ("edit_message", "open_privacy"),
    ),
    "a cloud, and only this device": (
        {"data": SIZES | {"not_asked": [PRIVATE]}, "mode": "local"},
        "Shorten the message or split it. “My OpenAI” may hold it, but your settings ask this device only. You can "
        "change that in the privacy settings.",
        ("edit_message", "open_privacy"),
    ),
    "a cloud, and a private conversation": (
        {"data": SIZES | {"not_asked": [PRIVATE]}, "private": True},
        "Shorten the message or split it. “My OpenAI” may hold it, but this conversation stays on this device.",
        ("edit_message",),
    ),
    "a cloud that could not be asked": (
        {"data": SIZES | {"not_asked": [OFFLINE]}},
        "Shorten the message or split it, or try again later. “My OpenAI” may hold it, but could not be asked: the "
        "device is offline.",
        ("edit_message", "retry"),
    ),
    "a cloud that cannot hold it either": (
        {"data": SIZES | {"backend": "cloud:a"}},
        "Shorten the message or split it.",
        ("edit_message",),
    ),
    "the result of a tool": (
        {"data": SIZES | {"role": "tool"}, "larger": True},
        "Ask for less at a time, or choose a model with a larger context window.",
        ("edit_message", "larger_model"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_ways_out_are_those_that_there_are(case: str) -> None:
    """No cloud is offered where the settings forbid it, and no larger model where none runs."""
    given, remedy, actions = CASES[case]
    shown = explained(**given)
    of_tool = given["data"]["role"] == "tool"
    assert shown.remedy == (remedy if of_tool else f"{remedy} What you write next is sent without it.")
    assert shown.actions == actions
    assert shown.title == ("The result of a tool is too long" if of_tool else "This message is too long")


def test_a_cloud_that_failed_beside_it_may_be_asked_again() -> None:
    """It is said that another model may hold the message."""
    causes = [ContextExceeded("too long"), bl.Unavailable("down")]
    shown = explained({}, error=AllBackendsFailed("no backend could answer: ...", causes=causes))
    assert shown.remedy == "Shorten the message or split it, or try again: a model that may hold it could not answer."
    assert shown.actions == ("retry", "edit_message", "open_settings")
    shown = explained({}, error=AllBackendsFailed("no backend could answer", causes=[bl.Unavailable("down")]))
    assert shown.remedy is None


def both(local: int = 300, cloud: int = 4000) -> tuple[Chats, Windowed, Windowed]:
    """An app with a small model on the device, and a cloud with a large window."""
    here, there = Windowed(local, name="local"), Windowed(cloud, name="cloud:a", leaves_device=True)
    return Chats(backend=bl.Router([here, there])), here, there


async def test_a_long_message_is_answered_by_the_cloud_and_the_answer_says_why() -> None:
    """The meter shows how full the cloud's window is, and after the next answer that of the device's model."""
    chats, local, cloud = both()
    conversation = await chats.create()
    await chats.ask(conversation, "short")
    answer = await chats.ask(conversation, LONG)
    info = answer.answer
    assert info is not None
    assert (answer.status, info.where, info.backend) == ("done", "cloud", "cloud:a")
    assert [(hop.backend, hop.reason) for hop in info.hops] == [("local", "context 300 < 352 tokens")]
    assert info.warnings == ()
    thread = chats.thread(conversation)
    assert (thread.context_tokens, thread.context_window) == (info.context_tokens, 4000)
    answer = await chats.ask(conversation, "and?")
    assert answer.answer is not None
    assert (answer.answer.where, answer.answer.hops) == ("local", ())
    assert "left out" in " ".join(answer.answer.warnings)
    thread = chats.thread(conversation)
    assert thread.context_window == 300
    assert (thread.context_tokens or 0) < 60
    assert (local.refused, cloud.refused) == (0, 0)


async def test_the_meter_does_not_mix_the_tokens_of_one_model_with_the_window_of_another() -> None:
    """Of a cloud whose window is not known, it shows nothing."""
    here = Windowed(300, name="local")
    there = Windowed(4000, name="cloud:a", leaves_device=True, tells=False)
    chats = Chats(backend=bl.Router([here, there]))
    conversation = await chats.create()
    await chats.ask(conversation, "short")
    assert chats.thread(conversation).context_window == 300
    await chats.ask(conversation, LONG)
    thread = chats.thread(conversation)
    assert (thread.context_tokens is not None, thread.context_window) == (True, None)


async def test_a_long_conversation_stays_with_the_device_and_says_once_what_is_left_out() -> None:
    """Each time that more is left out, there is a note; the answers between have none."""
    chats, local, cloud = both()
    conversation = await chats.create()
    notes = 0
    for number in range(20):
        answer = await chats.ask(conversation, f"{number} {'word ' * 20}")
        assert answer.answer is not None
        assert answer.answer.where == "local"
        notes += "left out" in " ".join(answer.answer.warnings)
    assert 2 <= notes <= 6
    assert cloud.asked == 0
    thread = chats.thread(conversation)
    assert 0 < (thread.context_tokens or 0) <= 300
    assert local.refused == 0


async def test_a_private_conversation_says_why_no_cloud_was_asked() -> None:
    """The error is in the message, the conversation goes on, and the cloud gets nothing."""
    chats, local, cloud = both()
    chats.app.state.put({"a": OPENAI}, "clouds")
    conversation = await chats.create(settings=ConversationSettings(private=True))
    answer = await chats.ask(conversation, LONG)
    error = answer.error
    assert error is not None
    assert (answer.status, error.code, error.title) == ("error", "context_exceeded", "This message is too long")
    assert error.message.startswith("it comes to 352 tokens")
    assert error.remedy is not None
    assert "“My OpenAI” may hold it, but this conversation stays on this device." in error.remedy
    assert (cloud.asked, cloud.counted, local.asked) == (0, 0, 0)
    assert answer.answer is None, "no one was asked, so it must not look as if a cloud had been"
    # What is sent next does not carry what was too long, also after a reload; answered again, it does.
    assert (await chats.ask(conversation, "short")).status == "done"
    assert [message.text for message in local.requests[-1].messages] == ["short"]
    chats = Chats(backend=bl.Router([local, cloud]), store=chats.store)
    await chats.start()
    await chats.app.call(act.OpenConversation(id=conversation))
    assert (await chats.ask(conversation, "more")).status == "done"
    assert [message.text for message in local.requests[-1].messages][::2] == ["short", "more"]
    local.window = 1000
    await chats.app.call(act.Regenerate(conversation=conversation, message=answer.id))
    await chats.idle(conversation)
    assert [message.text for message in local.requests[-1].messages] == [LONG]


async def test_the_explanation_of_a_long_draft_names_who_can_hold_it() -> None:
    """What was said before does not matter: it is left out for a small model."""
    chats, _, _ = both()
    conversation = await chats.create()
    await chats.ask(conversation, f"{LONG} {LONG}")
    route = await chats.app.call(act.ExplainRoute(conversation=conversation, text="short"))
    assert [choice.backend for choice in route.ranked] == ["local", "cloud:a"]
    route = await chats.app.call(act.ExplainRoute(conversation=conversation, text=f"{LONG} {LONG}"))
    assert [choice.backend for choice in route.ranked] == ["cloud:a"]
    assert [(one.backend, one.reason) for one in route.excluded] == [("local", "context 300 < about 879 tokens")]
