"""What an answer can be: tools and approvals, objects, attachments, restarts, local models."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.state import (
    ConversationSettings,
    FilePart,
    ObjectPart,
    Settings,
    TextPart,
    ToolPart,
)
from browserllm.backends.local import LocalBackend
from browserllm.backends.router.router import Router
from browserllm.errors import ContextExceeded, DeviceLost
from browserllm.stores.memory import MemoryStore
from browserllm.testing import HANG, ScriptedHost
from browserllm.types import Capabilities, ChatRequest, ImagePart, ToolCallPart
from unit.app.chats import Chats

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()


def calls(name: str, arguments: str, id: str = "c1") -> list[Any]:
    return ["Let me see. ", ToolCallPart(id, name, arguments)]


async def test_a_tool_runs_and_its_call_is_shown() -> None:
    chats = Chats([calls("calculator", '{"expression": "6*7"}'), "It is 42.", "Yes."])
    conversation = await chats.create(settings=ConversationSettings(tools=("calculator", "clock")))
    answer = await chats.ask(conversation, "6*7?")
    assert answer.parts == (
        TextPart(text="Let me see. "),
        ToolPart(
            tool_name="calculator",
            tool_call_id="c1",
            state="output-available",
            input={"expression": "6*7"},
            output="42",
        ),
        TextPart(text="It is 42."),
    )
    assert [tool.name for tool in chats.backend.requests[0].tools] == ["calculator", "clock"]
    # After a reload the calls and their results are still in the history.
    again = await chats.again("Right.").start()
    await again.ask(conversation, "Sure?")
    roles = [message.role for message in again.backend.requests[0].messages]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert again.backend.requests[0].messages[1].tool_calls[0].arguments == '{"expression":"6*7"}'


async def waiting(chats: Chats) -> str:
    """Wait for a call that needs an approval, and return the approval's id."""
    await chats.until(lambda: chats.app.state.value.approvals)
    return next(iter(chats.app.state.value.approvals))


async def test_a_tool_that_leaves_the_device_waits_for_an_approval() -> None:
    chats = Chats([calls("web_fetch", '{"url": "http://10.0.0.1/"}'), "Well.", "Done."])
    conversation = await chats.create(settings=ConversationSettings(tools=("web_fetch",)))
    await chats.send(conversation, "Look")
    approval = await waiting(chats)
    shown = chats.app.state.value.approvals[approval]
    assert (shown.conversation, shown.tool_name) == (conversation, "web_fetch")
    assert shown.arguments == {"url": "http://10.0.0.1/"}
    await chats.until(lambda: approval in str(chats.shown(conversation)[-1].parts))
    part = chats.shown(conversation)[-1].parts[1]
    assert isinstance(part, ToolPart)
    assert (part.state, part.approval_id) == ("approval-requested", approval)
    await chats.app.call(act.DecideApproval(id=approval, approve=True))
    await chats.idle(conversation)
    part = chats.shown(conversation)[-1].parts[1]
    assert isinstance(part, ToolPart)
    # It ran; the address is not public, so the tool refused it.
    assert (part.state, part.approval_id) == ("output-error", None)
    assert chats.app.state.value.approvals == {}
    with pytest.raises(bl.InvalidRequest, match="no tool call waits"):
        await chats.app.call(act.DecideApproval(id=approval, approve=True))


async def test_a_denied_call_does_not_run_and_the_model_reads_why() -> None:
    chats = Chats([calls("web_fetch", '{"url": "https://example.com/"}'), "Well."])
    conversation = await chats.create(settings=ConversationSettings(tools=("web_fetch",)))
    await chats.send(conversation, "Look")
    await chats.app.call(act.DecideApproval(id=await waiting(chats), approve=False, reason="not that site"))
    await chats.idle(conversation)
    part = chats.shown(conversation)[-1].parts[1]
    assert isinstance(part, ToolPart)
    assert (part.state, part.error_text) == ("output-denied", "not that site")
    assert "not that site" in str(chats.backend.requests[-1].messages[-1].parts)


async def test_arguments_can_be_replaced() -> None:
    chats = Chats([calls("web_fetch", '{"url": "https://example.com/"}'), "Well."])
    conversation = await chats.create(settings=ConversationSettings(tools=("web_fetch",)))
    await chats.send(conversation, "Look")
    changed = {"url": "http://127.0.0.1/"}
    await chats.app.call(act.DecideApproval(id=await waiting(chats), approve=True, arguments=changed))
    await chats.idle(conversation)
    part = chats.shown(conversation)[-1].parts[1]
    assert isinstance(part, ToolPart)
    assert part.input == changed


async def test_a_private_conversation_refuses_tools_that_leave_the_device() -> None:
    chats = Chats([calls("web_fetch", '{"url": "https://example.com/"}'), "Well."])
    conversation = await chats.create(settings=ConversationSettings(tools=("web_fetch",), private=True))
    answer = await chats.ask(conversation, "Look")
    part = answer.parts[1]
    assert isinstance(part, ToolPart)
    assert part.state == "output-denied"
    assert "private" in (part.error_text or "")


async def test_stop_takes_a_waiting_call_back() -> None:
    chats = Chats([calls("web_fetch", '{"url": "https://example.com/"}'), "Well.", "Next."])
    conversation = await chats.create(settings=ConversationSettings(tools=("web_fetch",)))
    await chats.send(conversation, "Look")
    await waiting(chats)
    await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.app.state.value.approvals == {}
    answer = chats.shown(conversation)[-1]
    assert answer.status == "stopped"
    part = answer.parts[1]
    assert isinstance(part, ToolPart)
    assert part.state == "output-error"
    assert (await chats.ask(conversation, "Go on")).status == "done"


async def test_each_conversation_has_its_own_to_do_list() -> None:
    add = calls("todo_list", '{"action": "add", "text": "milk"}')
    chats = Chats([add, "Added.", calls("todo_list", "{}"), "Empty."])
    settings = ConversationSettings(tools=("todo_list",))
    one, two = await chats.create(settings=settings), await chats.create(settings=settings)
    await chats.ask(one, "Add milk")
    answer = await chats.ask(two, "List")
    part = answer.parts[1]
    assert isinstance(part, ToolPart)
    assert part.output == "the list is empty"
    assert await chats.store.items(f"todo.{one}/") != []
    await chats.app.call(act.DeleteConversation(id=one))
    assert await chats.store.items(f"todo.{one}/") == []


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def objects(chats: Chats, conversation: str) -> list[ObjectPart]:
    return [part for part in chats.shown(conversation)[-1].parts if isinstance(part, ObjectPart)]


async def test_an_answer_of_a_schema_is_an_object_that_grows() -> None:
    clock = bl.testing.Clock()
    script = [['{"name": "An', bl.testing.Wait(1), 'na", ', '"age": 3}']]
    chats = Chats(backend=bl.ScriptedBackend(script, clock=clock))
    conversation = await chats.create(settings=ConversationSettings(schema=SCHEMA))
    await chats.send(conversation, "Who?")
    await chats.until(lambda: objects(chats, conversation))
    assert chats.shown(conversation)[-1].parts == (ObjectPart(value={"name": "An"}, state="streaming"),)
    clock.advance(1)
    await chats.idle(conversation)
    answer = chats.shown(conversation)[-1]
    assert answer.parts == (ObjectPart(value={"name": "Anna", "age": 3}),)
    assert (answer.status, answer.answer is not None) == ("done", True)
    assert chats.entry(conversation).preview == '{"name":"Anna","age":3}'
    # The next request carries the object as the answer.
    chats.backend._script._answers = ['{"name": "Bo", "age": 4}']
    await chats.ask(conversation, "And?")
    assert chats.backend.requests[-1].messages[-2].text == '{"name":"Anna","age":3}'


async def test_an_object_that_does_not_fit_is_an_error_with_what_was_there() -> None:
    chats = Chats('{"name": "Anna"}')
    conversation = await chats.create(settings=ConversationSettings(schema=SCHEMA))
    answer = await chats.ask(conversation, "Who?")
    assert answer.status == "error"
    assert answer.error is not None and answer.error.code == "invalid_output"
    assert answer.parts == (ObjectPart(value={"name": "Anna"}),)


async def test_a_stopped_object_keeps_its_part() -> None:
    chats = Chats([['{"name": "An', HANG]])
    conversation = await chats.create(settings=ConversationSettings(schema=SCHEMA))
    await chats.send(conversation, "Who?")
    await chats.until(lambda: objects(chats, conversation))
    await chats.app.call(act.StopAnswer(conversation=conversation))
    assert chats.shown(conversation)[-1].status == "stopped"
    assert chats.shown(conversation)[-1].parts == (ObjectPart(value={"name": "An"}),)
    assert len(chats.backend.stopped) == 1


async def test_a_long_conversation_leaves_out_its_beginning_for_an_object() -> None:
    whole = '{"name": "Anna", "age": 3}'
    chats = Chats([whole, whole, [ContextExceeded("too long")], whole])
    conversation = await chats.create(settings=ConversationSettings(schema=SCHEMA))
    for text in ("a", "b"):
        await chats.ask(conversation, text)
    answer = await chats.ask(conversation, "c")
    assert answer.status == "done"
    assert answer.answer is not None
    assert "left out" in " ".join(answer.answer.warnings)
    said = [message.text for message in chats.backend.requests[-1].messages if message.role == "user"]
    assert said == ["c"]


async def test_attachments_become_images_and_texts_with_their_names() -> None:
    sees = Capabilities(images=True, parameters=frozenset(ChatRequest.__struct_fields__))
    chats = Chats(backend=bl.ScriptedBackend("Nice.", capabilities=sees))
    conversation = await chats.create()
    url = f"data:image/png;base64,{PNG}"
    notes = FilePart(media_type="text/plain", filename="notes.md", text="```\ncode\n```")
    await chats.ask(conversation, "What is this?", notes, FilePart(media_type="image/png", filename="a.png", url=url))
    parts = chats.backend.requests[0].messages[0].parts
    assert parts[-1] == ImagePart(url=url)
    assert parts[1].text == "File notes.md:\n````\n```\ncode\n```\n````"
    pasted = FilePart(media_type="text/plain", text="x " * 3000)
    await chats.ask(conversation, "Shorten this", pasted)
    assert "x x x" in chats.backend.requests[-1].messages[-1].text


@pytest.mark.parametrize(
    "part",
    [
        FilePart(media_type="application/pdf", filename="a.pdf"),
        FilePart(media_type="image/png", url="https://tracker.example/a.png"),
        FilePart(media_type="image/png", url="data:image/png;base64,%%%"),
        FilePart(media_type="image/svg+xml", url="data:image/svg+xml,<svg/>"),
        FilePart(media_type="text/plain", text="a", url="data:,a"),
        FilePart(media_type="text/plain", text="a" * 5_000_000),
        FilePart(media_type="text/plain", text="\ud800"),
    ],
)
async def test_files_that_cannot_be_sent_are_refused(part: FilePart) -> None:
    chats = Chats()
    conversation = await chats.create()
    with pytest.raises(bl.InvalidRequest):
        await chats.send(conversation, "a", part)
    assert chats.shown(conversation) == []


async def test_an_answer_that_breaks_off_starts_again_elsewhere_without_its_beginning() -> None:
    local = bl.ScriptedBackend([["Half an ", "answ", DeviceLost("the GPU went away")]], name="local")
    cloud = bl.ScriptedBackend("Whole answer.", name="cloud", leaves_device=True)
    chats = Chats(backend=Router([local, cloud], on_interrupted="restart"))
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    assert answer.parts == (TextPart(text="Whole answer."),)
    info = answer.answer
    assert info is not None
    assert (info.where, info.backend) == ("cloud", "cloud")
    assert [(hop.backend, hop.code) for hop in info.hops] == [("local", "device_lost")]


async def test_a_route_is_explained_and_shown() -> None:
    local = bl.ScriptedBackend(name="local")
    cloud = bl.ScriptedBackend(name="cloud", leaves_device=True)
    chats = Chats(backend=Router([cloud, local]))
    conversation = await chats.create()
    route = await chats.app.call(act.ExplainRoute(conversation=conversation, text="Hi"))
    assert [(choice.backend, choice.where) for choice in route.ranked] == [("local", "local"), ("cloud", "cloud")]
    assert chats.thread(conversation).route == route
    await chats.app.call(act.UpdateConversation(id=conversation, settings=ConversationSettings(private=True)))
    route = await chats.app.call(act.ExplainRoute(conversation=conversation))
    assert [choice.backend for choice in route.ranked] == ["local"]
    assert [(choice.backend, choice.where) for choice in route.excluded] == [("cloud", "cloud")]
    assert route.excluded[0].reason
    assert local.requests == cloud.requests == []


async def test_a_route_with_one_backend_says_so() -> None:
    chats = Chats()
    conversation = await chats.create()
    route = await chats.app.call(act.ExplainRoute(conversation=conversation, text="Hi"))
    assert [(choice.backend, choice.where) for choice in route.ranked] == [("scripted", "local")]


# A model in the page


def on_page(answers: Any, **options: Any) -> tuple[Chats, ScriptedHost]:
    host = ScriptedHost(answers, **options)
    return Chats(backend=LocalBackend(host), settings=Settings()), host


async def test_a_local_model_is_loaded_and_answers() -> None:
    chats, host = on_page([["Hello", " there", "."], ["Two", "."]])
    conversation = await chats.create()
    answer = await chats.ask(conversation, "Hi")
    assert chats.texts(conversation)[-1] == ("assistant", "Hello there.", "done")
    info = answer.answer
    assert info is not None
    assert (info.where, info.engine, info.device, info.cost_usd) == ("local", "webllm", "webgpu", 0.0)
    assert info.adapter == "scripted paper"
    assert info.completion_tokens == 3
    assert info.context_window == 2048
    assert chats.thread(conversation).context_window == 2048
    await chats.ask(conversation, "Again")
    sent = [args["messages"] for op, args in host.requests if op == "chat"][-1]
    assert [message["content"] for message in sent] == ["Hi", "Hello there.", "Again"]
    await host.close()


async def test_stop_reaches_the_engine() -> None:
    chats, host = on_page([["Hello", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "Hi")
    await chats.streaming(conversation, "Hello")
    await chats.app.call(act.StopAnswer(conversation=conversation))
    assert host.cancelled == ["chat"]
    assert chats.texts(conversation)[-1] == ("assistant", "Hello", "stopped")
    await host.close()


async def test_a_stop_in_the_middle_of_a_load_ends_it() -> None:
    chats, host = on_page("Hello.", load_steps=[HANG])
    conversation = await chats.create()
    await chats.send(conversation, "Hi")
    await chats.until(lambda: any(op == "load" for op, _ in host.requests))
    await chats.app.call(act.StopAnswer(conversation=conversation))
    assert chats.texts(conversation) == [("user", "Hi", "done"), ("assistant", "", "stopped")]
    await host.close()


async def test_a_page_that_closes_is_an_error_in_the_message() -> None:
    chats, host = on_page([["Hello", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "Hi")
    await chats.streaming(conversation, "Hello")
    host.break_connection()
    await chats.idle(conversation)
    answer = chats.shown(conversation)[-1]
    assert answer.status == "error"
    assert answer.error is not None and answer.error.code == "unavailable"
    assert answer.parts == (TextPart(text="Hello"),)


async def test_a_context_that_is_full_leaves_out_the_oldest_turns_and_the_session_remembers_it() -> None:
    """A new session for each turn would drop a little each time, which costs the engine its cache."""
    chats, host = on_page([["word " * 300]])
    conversation = await chats.create(settings=ConversationSettings(max_tokens=400))
    for number in range(12):
        await chats.ask(conversation, f"Question {number} " + "word " * 100)
    sent = [args["messages"] for op, args in host.requests if op == "chat"][1:]
    firsts = [messages[0]["content"].split(" word")[0] for messages in sent]
    assert firsts[0] == "Question 0"
    assert firsts[-1] != "Question 0"
    assert len(set(firsts)) < len(firsts) - 3
    warned = [message for message in chats.shown(conversation) if message.answer and message.answer.warnings]
    assert len(warned) == len(set(firsts)) - 1  # the answers for which turns were left out say so
    assert len(chats.shown(conversation)) == 24
    await host.close()


async def test_storage_is_shared_by_conversations() -> None:
    keep = calls("storage", '{"action": "remember", "key": "name", "value": "Ada"}')
    recall = calls("storage", '{"action": "recall", "key": "name"}')
    chats = Chats([keep, "Kept.", recall, "Ada."], store=MemoryStore())
    settings = ConversationSettings(tools=("storage",))
    await chats.ask(await chats.create(settings=settings), "I am Ada")
    answer = await chats.ask(await chats.create(settings=settings), "Who am I?")
    part = answer.parts[1]
    assert isinstance(part, ToolPart)
    assert part.output == "Ada"


@pytest.mark.parametrize("schema", [None, {"type": "object"}])
async def test_a_failure_after_the_answer_leaves_it_as_it_is(schema: Any) -> None:
    """What counts answers, or the meter, may fail: the answer is done, the failure is reported, the queue goes on."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    class Broken(bl.ScriptedBackend):
        async def facts(self, request: ChatRequest) -> Any:
            raise ZeroDivisionError

    def fails(info: Any) -> None:
        raise KeyError("no such counter")

    chats = Chats(backend=Broken("{}"))
    chats.rooms.answering.on_answer = fails
    conversation = await chats.create(settings=ConversationSettings(schema=schema))
    await chats.send(conversation, "One")
    await chats.ask(conversation, "Two")
    assert [status for _, _, status in chats.texts(conversation)] == ["done"] * 4
    assert chats.thread(conversation).status == "ready"
    assert [type(error) for error in reported] == [KeyError, ZeroDivisionError] * 2
    action = act.Generate(messages=(act.PlainMessage(role="user", parts=(TextPart(text="Go"),)),))
    assert (await chats.app.call(action)).text == "{}"
