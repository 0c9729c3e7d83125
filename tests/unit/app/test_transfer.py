"""Export and import: everything survives, and a broken file adds nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app import exported_file
from browserllm.app.state import ConversationSettings, FilePart, TextPart, ToolPart
from browserllm.errors import QuotaExceeded
from browserllm.stores.memory import MemoryStore
from browserllm.types import ReasoningDelta, ToolCallPart
from unit.app.chats import Chats


async def exported(**options: Any) -> tuple[Chats, str, str]:
    """An app with a conversation that has branches, and its file."""
    chats = Chats(
        [
            [ReasoningDelta(reasoning="Hm."), ToolCallPart("c", "calculator", '{"expression": "1+1"}')],
            "Two.",
            "It is two.",
            "Bye.",
        ]
    )
    settings = ConversationSettings(system="Be brief.", temperature=0.5, tools=("calculator",))
    conversation = await chats.create(settings=settings)
    notes = FilePart(media_type="text/plain", filename="notes.txt", text="a ``` b")
    first = await chats.ask(conversation, "1+1?", notes)
    await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.idle(conversation)
    await chats.ask(conversation, "Bye")
    await chats.app.call(act.SelectBranch(conversation=conversation, message=first.id))
    text = await chats.app.call(act.ExportConversations(**options))
    return chats, conversation, text


def plain(chats: Chats, conversation: str) -> Any:
    """A conversation's tree without ids."""
    thread = chats.thread(conversation)

    def branch(parent: str) -> list[Any]:
        return [
            (message.role, message.parts, message.status, message.answer, message.created_at, branch(message.id))
            for message in map(thread.messages.__getitem__, thread.children.get(parent, ()))
        ]

    return branch("")


async def test_a_file_brings_back_everything_with_its_branches() -> None:
    chats, conversation, text = await exported()
    other = Chats()
    result = await other.app.call(act.ImportConversations(text=text))
    assert result == act.Imported(added=(conversation,))
    added = conversation
    await other.app.call(act.OpenConversation(id=added))
    assert plain(other, added) == plain(chats, conversation)
    assert other.texts(added) == chats.texts(conversation)
    assert other.entry(added) == chats.entry(conversation)
    assert other.thread(added).messages.keys() == chats.thread(conversation).messages.keys()
    # And it is kept.
    again = await other.again().start()
    await again.app.call(act.OpenConversation(id=added))
    assert plain(again, added) == plain(chats, conversation)


async def test_one_conversation_can_be_exported() -> None:
    chats, conversation, _ = await exported()
    other = await chats.create(title="Other")
    text = await chats.app.call(act.ExportConversations(id=other))
    assert [each["conversation"]["title"] for each in json.loads(text)["conversations"]] == ["Other"]
    everything = json.loads(await chats.app.call(act.ExportConversations()))
    assert len(everything["conversations"]) == 2
    with pytest.raises(bl.InvalidRequest, match="no conversation"):
        await chats.app.call(act.ExportConversations(id="gone"))
    assert conversation


async def test_a_transcript_is_for_reading() -> None:
    _, _, text = await exported(format="markdown")
    assert text.startswith("# 1+1?\n")
    for part in (
        "## You",
        "## Assistant",
        "**File notes.txt**",
        "````\na ``` b\n````",
        "> Thinking: Hm.",
        "`calculator`",
        "scripted",
    ):
        assert part in text, part
    assert "Bye" not in text  # it is on another branch


class Full(MemoryStore):
    """A store that is full after some records."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    async def put(self, key: str, value: bytes) -> None:
        self.left -= 1
        if self.left < 0:
            raise QuotaExceeded("the storage is full")
        await super().put(key, value)


@pytest.mark.parametrize("left", [0, 3, 6])
async def test_a_full_storage_adds_nothing(left: int) -> None:
    chats, _, _ = await exported()
    await chats.create(title="Other")
    text = await chats.app.call(act.ExportConversations())
    other = Chats(store=Full(left))
    with pytest.raises(QuotaExceeded):
        await other.app.call(act.ImportConversations(text=text))
    assert other.app.state.value.conversations == {}
    assert await other.store.items() == []


def _conversation(file: Any) -> Any:
    return file["conversations"][0]


def _messages(file: Any) -> Any:
    return file["conversations"][0]["messages"]


def _answer(file: Any) -> Any:
    return next(message["answer"] for message in _messages(file) if message["answer"])


BROKEN: dict[str, Any] = {
    "format": (lambda file: file.update(format="other"), "it has no conversations of this app"),
    "version": (lambda file: file.update(version=9), "a newer version of the app wrote it"),
    "no conversations": (lambda file: file.pop("conversations"), "conversations"),
    "wrong type": (lambda file: _messages(file)[0].update(createdAt="soon"), "“createdAt” is a text, where a number"),
    "unknown role": (lambda file: _messages(file)[0].update(role="system"), "“role” is “system”, which"),
    "unknown part": (
        lambda file: _messages(file)[0]["parts"].append({"type": "html", "text": "<b>"}),
        "part 3: “type” is “html”",
    ),
    "twice": (lambda file: _messages(file).append(_messages(file)[0]), "another message has its id"),
    "orphan": (lambda file: _messages(file)[1].update(parent="gone"), "“gone”, which is not in the file"),
    "circle": (lambda file: _messages(file)[0].update(parent=_messages(file)[1]["id"]), "follows itself"),
    "shown": (lambda file: _conversation(file).update(shown="gone"), "“gone”, which it does not have"),
    "temperature": (lambda file: _conversation(file)["conversation"]["settings"].update(temperature=99), "temperature"),
    "tool": (lambda file: _conversation(file)["conversation"]["settings"].update(tools=["rm"]), "unknown tool 'rm'"),
    "title": (lambda file: _conversation(file)["conversation"].update(title="a" * 999), "999 characters"),
    "time": (lambda file: _messages(file)[0].update(createdAt=1e300), "1e+300 is not a time"),
    "time of a conversation": (
        lambda file: _conversation(file)["conversation"].update(updatedAt=-1e300),
        "-1e+300 is not a time",
    ),
    "model of an answer": (
        lambda file: _answer(file).update(model="x" * 2000),
        "the name of what has answered has 2000 characters",
    ),
    "adapter of an answer": (lambda file: _answer(file).update(adapter="x" * 2000), "has answered has 2000"),
    "id of a call": (
        lambda file: _messages(file)[1]["parts"].append(
            {"type": "dynamic-tool", "toolName": "a", "toolCallId": "x" * 2000, "state": "output-available"}
        ),
        "the id of a tool call has 2000 characters",
    ),
    "long word": (lambda file: _messages(file)[0].update(role="x" * 3_000), f"“role” is “{'x' * 40}…”, which"),
    "address": (
        lambda file: _messages(file)[0]["parts"].append(
            {"type": "file", "mediaType": "image/png", "url": "https://tracker.example/"}
        ),
        "tracker.example",
    ),
    "surrogate": (
        lambda file: _messages(file)[0]["parts"].append({"type": "text", "text": "\ud800"}),
        "is not valid JSON, near",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_file_adds_nothing_and_the_error_names_the_problem(what: str) -> None:
    _, _, text = await exported()
    file = json.loads(text)
    damage, problem = BROKEN[what]
    damage(file)
    # After a conversation that is fine.
    whole = json.loads(text)["conversations"][0]
    if "conversations" in file and what not in ("format", "version"):
        file["conversations"].append(whole)
    other = Chats()
    with pytest.raises(bl.InvalidRequest, match="cannot be imported") as caught:
        await other.app.call(act.ImportConversations(text=json.dumps(file)))
    assert problem in str(caught.value)
    assert other.app.state.value.conversations == {}
    assert await other.store.items() == []


async def test_a_byte_order_mark_is_not_part_of_the_file() -> None:
    _, _, text = await exported()
    other = Chats()
    assert await other.app.call(act.ImportConversations(text=f"\ufeff{text}"))


@pytest.mark.parametrize(
    "text", ["", "\ufeff", "\ufeff\ufeff{}", "{", "[]", "null", "[" * 100_000, '{"format": 5}', "\ud800", "PK\x03\x04"]
)
async def test_what_is_no_file_of_ours_is_refused(text: str) -> None:
    other = Chats()
    with pytest.raises(bl.InvalidRequest, match="cannot be imported"):
        await other.app.call(act.ImportConversations(text=text))


@pytest.mark.parametrize(
    ("limit", "size", "message"),
    [
        ("MAX_FILE_BYTES", len, "characters, over the limit"),
        ("MAX_MESSAGES", lambda text: len(_messages(json.loads(text))), "conversation 1 (“1+1?”): it has 5 messages"),
        ("MAX_MESSAGE_BYTES", lambda text: max(_sizes(text)), "bytes, over the limit"),
    ],
)
async def test_a_file_is_taken_up_to_its_limits_and_refused_beyond(
    limit: str, size: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, text = await exported()
    monkeypatch.setattr(exported_file, limit, size(text) - 1)
    other = Chats()
    with pytest.raises(bl.InvalidRequest) as caught:
        await other.app.call(act.ImportConversations(text=text))
    assert message in str(caught.value)
    monkeypatch.setattr(exported_file, limit, size(text))
    assert (await other.app.call(act.ImportConversations(text=text))).added


def _sizes(text: str) -> list[int]:
    """The bytes of the messages of a file, as records."""
    return [len(msgspec.json.encode(message)) for message in _messages(json.loads(text))]


@pytest.mark.parametrize("seed", range(30))
async def test_a_file_with_a_damaged_place_is_refused_or_gives_a_whole_conversation(seed: int) -> None:
    """Random damage: either an error of ours, or a conversation that can be opened and goes on."""
    _, _, text = await exported()
    chance = random.Random(seed)  # noqa: S311
    at = chance.randrange(len(text))
    damaged = text[:at] + chance.choice(["", "x", "}", '"', "0", "\\"]) + text[at + chance.randrange(3) :]
    other = Chats()
    try:
        added = (await other.app.call(act.ImportConversations(text=damaged))).added
    except bl.InvalidRequest:
        assert other.app.state.value.conversations == {}
        assert await other.store.items() == []
        return
    for conversation in added:
        assert (await other.ask(conversation, "Go on")).status == "done"


async def test_what_was_in_progress_is_exported_as_stopped() -> None:
    chats = Chats([["Half", bl.testing.HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "Half")
    file = json.loads(await chats.app.call(act.ExportConversations(id=conversation)))
    assert file["conversations"][0]["messages"][1]["status"] == "stopped"
    assert TextPart(text="Half", state="streaming") in chats.shown(conversation)[1].parts
    await chats.rooms.close()


async def test_a_finished_message_of_a_file_has_nothing_in_progress() -> None:
    _, _, text = await exported()
    file = json.loads(text)
    answer = next(message for message in _messages(file) if message["role"] == "assistant")
    call = {"toolName": "web_fetch", "toolCallId": "x", "input": {}, "approvalId": "a1"}
    answer |= {
        "status": "done",
        "parts": [
            {"type": "dynamic-tool", "state": "approval-requested", **call},
            {"type": "text", "text": "Hm", "state": "streaming"},
        ],
    }
    other = Chats()
    [conversation] = (await other.app.call(act.ImportConversations(text=json.dumps(file)))).added
    await other.app.call(act.OpenConversation(id=conversation))
    [settled] = [each for each in other.thread(conversation).messages.values() if TextPart(text="Hm") in each.parts]
    tool = settled.parts[0]
    assert settled.status == "done"
    assert isinstance(tool, ToolPart)
    assert (tool.state, tool.approval_id) == ("output-error", None)


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "hasOwnProperty"])
async def test_an_id_is_no_name_that_every_object_of_a_page_has(name: str) -> None:
    _, _, text = await exported()
    file = json.loads(text)
    _conversation(file)["conversation"]["id"] = name
    other = Chats()
    [conversation] = (await other.app.call(act.ImportConversations(text=json.dumps(file)))).added
    assert conversation != name
    with pytest.raises(bl.InvalidRequest, match="not valid"):
        await other.create(id=name)
