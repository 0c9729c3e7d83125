"""What an answer holds that is no text, no thought and no call is left out, and the response says so.

As reported in maximhq/bifrost#7032, anomalyco/opencode#41467 (Gemini) and danny-avila/LibreChat#9514
(OpenRouter): an image that was paid for went away without a word.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.gemini.reader import GeminiReader
from browserllm.backends.cloud.openai.reader import ChatCompletionReader
from browserllm.backends.cloud.reader import Reader
from browserllm.backends.cloud.sse import Event
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from unit.backends.cloud.wire_formats import message_of

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
GEMINI: list[dict[str, Any]] = [
    {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
    {"fileData": {"fileUri": "gs://a"}},
    {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thought": True},
]
OPENAI: list[tuple[dict[str, Any], str]] = [
    ({"images": [IMAGE]}, "images"),
    ({"audio": {"id": "a", "data": "AA==", "transcript": "Hi"}}, "audio"),
    ({"content": [IMAGE]}, "image_url"),
    ({"content": [{"type": "text", "text": "see"}, {"type": "reference", "reference_ids": [1]}]}, "reference"),
]


async def read(kind: type[Reader], *chunks: dict[str, Any]) -> tuple[str, list[str]]:
    """The text of an answer in these chunks, and the warnings."""
    draft = Draft(build_request("Hi", {}), "b", "r")
    reader = kind(draft, ErrorSource(backend="b", model="m", key_name="k"))
    deltas = [delta for chunk in chunks for delta in reader.read(Event(msgspec.json.encode(chunk).decode()))]
    reader.ended = True
    message = await message_of([*deltas, *reader.finish()])
    return message.text, [warning.message for warning in draft.warnings if warning.parameter == "extra_body"]


def piece(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A piece of Gemini's."""
    return {"candidates": [{"content": {"role": "model", "parts": [*parts]}, **more}]}


def chunk(message: dict[str, Any], reason: str | None = None, name: str = "delta") -> dict[str, Any]:
    """A chunk of chat completions, or a whole one."""
    return {"choices": [{"index": 0, name: message, "finish_reason": reason}]}


@pytest.mark.parametrize("part", GEMINI)
async def test_geminis_parts_that_are_left_out_are_reported_once_per_kind(part: dict[str, Any]) -> None:
    """Alone, and among texts; the texts stay."""
    kind = next(iter(part))
    for chunks, text in (
        ((piece(part, finishReason="STOP"),), ""),
        (
            (piece({"text": "Here: "}, part), piece(part, {"text": "it is."}), piece(finishReason="STOP")),
            "Here: it is.",
        ),
    ):
        said, warnings = await read(GeminiReader, *chunks)
        assert (said, len(warnings)) == (text, 1)
        assert repr(kind) in warnings[0]


@pytest.mark.parametrize(("message", "kind"), OPENAI)
async def test_left_out_parts_of_chat_completions_are_reported_once(message: dict[str, Any], kind: str) -> None:
    """Once for each kind, in streams and in whole answers."""
    for chunks in (
        (chunk({"content": "Hi"}), chunk(message), chunk(message), chunk({}, "stop")),
        (chunk({**message}, "stop", "message"),),
    ):
        _, warnings = await read(ChatCompletionReader, *chunks)
        assert len(warnings) == 1
        assert repr(kind) in warnings[0]


async def test_parts_that_are_read_or_empty_are_not_reported() -> None:
    """Texts, thoughts, calls, their signatures, and empty fields."""
    parts = [
        {"text": "a", "thoughtSignature": "AA=="},
        {"text": "b", "thought": True},
        {"functionCall": {"name": "f", "args": {}}},
        {"text": "c", "inlineData": None, "fileData": {}},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    ]
    assert (await read(GeminiReader, piece(*parts, finishReason="STOP")))[1] == []
    for message in (
        {"content": "a", "images": [], "audio": None},
        {"content": [{"type": "text", "text": "a"}, {"text": "b"}, {"type": "thinking", "thinking": "c"}]},
        {"content": [{"type": "other", "text": "a"}]},
    ):
        assert (await read(ChatCompletionReader, chunk(message), chunk({}, "stop")))[1] == []
