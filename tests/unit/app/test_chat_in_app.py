"""Conversations in the whole app: with the router, the models and the privacy switch as users have them."""

from __future__ import annotations

import asyncio

from browserllm.app import actions as act
from browserllm.app.opening import open_app
from browserllm.app.state import TextPart
from browserllm.testing import HANG, ScriptedHost, Wait
from unit.app.chats import SlowStore
from unit.app.rooms import opened, text_of


def said(text: str) -> tuple[TextPart, ...]:
    return (TextPart(text=text),)


async def test_a_message_sent_while_the_model_loads_is_queued_and_answered() -> None:
    host = ScriptedHost("Hello there.", load_steps=[Wait(1)])
    app = await opened(host, settled=False)
    conversation = await app.call(act.CreateConversation())
    await app.until(lambda: app.state.loading and host.clock._sleepers)
    await app.call(act.SendMessage(conversation=conversation, parts=said("Hi")))
    await app.until(lambda: app.shown(conversation)[0].status == "queued" and len(app.shown(conversation)) == 2)
    assert app.state.threads[conversation].status == "submitted"
    host.clock.advance(1)
    await app.until(lambda: app.shown(conversation)[-1].status == "done")
    assert text_of(app.shown(conversation)[-1]) == "Hello there."
    assert app.shown(conversation)[0].status == "done"
    await app.app.close()


async def test_stop_while_the_model_loads_makes_the_message_a_draft_and_the_load_goes_on() -> None:
    host = ScriptedHost("Hello there.", load_steps=[Wait(1)])
    app = await opened(host, settled=False)
    conversation = await app.call(act.CreateConversation())
    await app.until(lambda: app.state.loading and host.clock._sleepers)
    await app.call(act.SendMessage(conversation=conversation, parts=said("Hi")))
    await app.until(lambda: [each.status for each in app.shown(conversation)] == ["queued", "submitted"])
    drafts = await app.call(act.StopAnswer(conversation=conversation))
    assert [draft.parts for draft in drafts] == [said("Hi")]
    assert app.shown(conversation) == []
    host.clock.advance(1)
    await app.until(lambda: app.state.loaded)
    await app.app.close()


async def test_the_route_is_explained_and_an_answer_says_where_it_came_from() -> None:
    app = await opened(ScriptedHost("Hello there."))
    conversation = await app.call(act.CreateConversation())
    route = await app.call(act.ExplainRoute(conversation=conversation, text="Hi"))
    assert [(choice.backend, choice.where) for choice in route.ranked] == [("local", "local")]
    await app.call(act.SendMessage(conversation=conversation, parts=said("Hi")))
    await app.until(lambda: app.shown(conversation)[-1].status == "done")
    answer = app.shown(conversation)[-1].answer
    assert answer is not None
    assert (answer.where, answer.backend) == ("local", "local")
    assert app.state.threads[conversation].context_window
    await app.app.close()


async def test_an_app_that_closes_in_mid_turn_has_written_the_answer_when_it_is_closed() -> None:
    host = ScriptedHost([["One ", "two", HANG]])
    store = SlowStore()
    app = await opened(host, store)
    conversation = await app.call(act.CreateConversation())
    await app.call(act.SendMessage(conversation=conversation, parts=said("Hi")))
    await app.until(lambda: text_of(app.shown(conversation)[-1]) == "One two")
    await app.app.close()
    assert host.cancelled == ["chat"]
    again = await open_app(ScriptedHost(), store=store)
    await again.call(act.OpenConversation(id=conversation))
    thread = again.state.value.threads[conversation]
    assert [text_of(thread.messages[each]) for each in thread.path] == ["Hi", "One two"]
    assert thread.messages[thread.path[-1]].status == "stopped"
    await again.close()
    await asyncio.sleep(0)
