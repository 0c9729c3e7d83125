"""Transcripts: what a reader of the Markdown sees of each kind of message."""

from __future__ import annotations

from typing import Any

import pytest

from browserllm.app import threads
from browserllm.app.state import (
    AnswerInfo,
    ChatMessage,
    Conversation,
    ConversationSettings,
    ErrorInfo,
    FilePart,
    MessagePart,
    ObjectPart,
    ReasoningPart,
    TextPart,
    ToolPart,
)
from browserllm.app.transcript import transcript


def written(*messages: ChatMessage, **fields: Any) -> str:
    entry = Conversation(**{"id": "c", "title": "Rome", "created_at": 0, "updated_at": 0, **fields})
    return transcript([(entry, threads.build("c", messages))])


def answer(*parts: MessagePart, **fields: Any) -> ChatMessage:
    return ChatMessage(id="a", role="assistant", parts=parts, **fields)


def test_a_conversation_begins_with_its_title_its_time_and_its_instructions() -> None:
    assert written() == "# Rome\n\n_1970-01-01 00:00 UTC_\n"
    settings = ConversationSettings(system="Be brief.")
    assert written(title="", settings=settings).startswith(
        "# Conversation\n\n_1970-01-01 00:00 UTC_\n\n**Instructions:** Be"
    )


def test_several_conversations_are_divided_by_a_line() -> None:
    entries = [Conversation(id=each, title=each, created_at=0, updated_at=0) for each in "ab"]
    text = transcript([(entry, threads.build(entry.id, [])) for entry in entries])
    assert text == "# a\n\n_1970-01-01 00:00 UTC_\n\n---\n\n# b\n\n_1970-01-01 00:00 UTC_\n"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (TextPart(text="*Two*."), "*Two*."),
        (ReasoningPart(text="Hm.\nWell."), "> Thinking: Hm.\n> Well."),
        (FilePart(media_type="image/png", filename="a.png", url="data:image/png;base64,AA=="), "**File a.png**"),
        (FilePart(media_type="image/png", url="data:image/png;base64,AA=="), "**File image/png**"),
        (FilePart(media_type="text/plain", filename="a", text="x ``` y"), "**File a**\n\n````\nx ``` y\n````"),
        (
            ToolPart(tool_name="clock", tool_call_id="1", state="output-available", input={"a": 1}, output="Noon"),
            '> Tool `clock` with `{"a":1}`: Noon',
        ),
        (
            ToolPart(tool_name="clock", tool_call_id="1", state="output-available", input={}, output={"h": 12}),
            '> Tool `clock` with `{}`: {"h":12}',
        ),
        (
            ToolPart(tool_name="clock", tool_call_id="1", state="output-error", input={}, error_text="no clock"),
            "> Tool `clock` with `{}`: no clock",
        ),
        (ToolPart(tool_name="clock", tool_call_id="1", state="input-available", input={}), "> Tool `clock` with `{}`"),
        (ObjectPart(value={"a": [1]}), '```json\n{\n  "a": [\n    1\n  ]\n}\n```'),
    ],
)
def test_each_part_is_written_so_that_it_can_be_read(part: MessagePart, text: str) -> None:
    assert written(answer(part)).endswith(f"## Assistant\n\n{text}\n")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": "done"}, "One.\n"),
        ({"status": "stopped"}, "One.\n\n_The answer was stopped._\n"),
        ({"status": "error"}, "One.\n\n_The answer failed._\n"),
        (
            {"status": "error", "error": ErrorInfo(code="timeout", title="T", message="nothing came in 60 s")},
            "_The answer failed. nothing came in 60 s_\n",
        ),
        ({"answer": AnswerInfo(where="local", backend="local")}, "<sub>local · on this device</sub>\n"),
        (
            {
                "answer": AnswerInfo(
                    where="local", backend="b", model="m", engine="webllm", device="webgpu", tokens_per_s=9.84
                )
            },
            "<sub>m · on this device · webllm on webgpu · 9.8 tokens/s</sub>\n",
        ),
        (
            {"answer": AnswerInfo(where="cloud", backend="b", model="m", engine="e", cost_usd=0.00125)},
            "<sub>m · in the cloud · e · $0.0013</sub>\n",
        ),
    ],
)
def test_an_answer_says_how_it_ended_and_who_gave_it(fields: dict[str, Any], text: str) -> None:
    assert written(answer(TextPart(text="One."), **fields)).endswith(text)


def test_a_question_is_yours() -> None:
    question = ChatMessage(id="q", role="user", parts=(TextPart(text="a"),))
    assert written(question).endswith("## You\n\na\n")
