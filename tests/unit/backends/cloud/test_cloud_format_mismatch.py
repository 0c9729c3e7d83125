"""A server that speaks another vendor's API: the error names the kind of backend to use, for no second try helps."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.reader import read_answer
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from unit.backends.cloud.native_formats import FORMATS, claude_items, gemini_items, lines, ollama_items, sse

BACKENDS: dict[str, bl.backends.cloud.CloudBackend] = {
    "OpenAI": bl.OpenAI("m", api_key="k"),
    "Anthropic": FORMATS["anthropic"].llm,
    "Gemini": FORMATS["gemini"].llm,
    "Ollama": FORMATS["ollama"].llm,
}
COMPLETION = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
}
CHUNKS: list[dict[str, Any]] = [
    {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
    {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
ANSWERS = {
    "OpenAI": sse(*CHUNKS) + b"data: [DONE]\n\n",
    "OpenAI, whole": json.dumps(COMPLETION).encode(),
    "Anthropic": sse(*claude_items("Hi")),
    "Anthropic, whole": json.dumps(FORMATS["anthropic"].whole).encode(),
    "Gemini": sse(*gemini_items("Hi")),
    "Gemini, whole": json.dumps(FORMATS["gemini"].whole).encode(),
    "Ollama": lines(*ollama_items("Hi")),
}


class Body:
    """A response that is there already."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def chunks(self) -> Any:
        yield self.body


async def failure_of(llm: bl.backends.cloud.CloudBackend, body: bytes) -> bl.BrowserLLMError:
    draft = Draft(build_request("Hi", {}), llm.name, "chat-1")
    reader = llm.reader(draft, ErrorSource(backend=llm.name, model=llm.model, key_name="api_key"))
    response: Any = Body(body)
    with pytest.raises(bl.BrowserLLMError) as caught:
        async for _ in read_answer(response, reader, llm.decoder()):
            pass
    return caught.value


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", BACKENDS)
async def test_an_answer_in_another_vendors_format_names_the_backend_to_use(kind: str, answer: str) -> None:
    """The address or the kind of backend is wrong: a second attempt, also by `Retry`, never helps."""
    foreign = answer.partition(",")[0]
    if foreign == kind or (kind, answer) == ("Ollama", "Anthropic, whole"):
        return  # its own; and what looks like an error's message to Ollama
    error = await failure_of(BACKENDS[kind], ANSWERS[answer])
    assert isinstance(error, bl.errors.ProtocolError) and not error.retryable
    assert f"{foreign}'s format: use browserllm.{foreign}(...)" in str(error)
    assert "correct base_url" in str(error) and "try again" not in str(error)
    assert hasattr(bl, foreign)


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("body", [b"[1, 2]", b"5", b"data: 5\n\n"])
async def test_numbers_are_neither_an_answer_nor_an_error_message(kind: str, body: bytes) -> None:
    """Some other server answers with JSON without a text: the error says to check the address."""
    error = await failure_of(BACKENDS[kind], body)
    assert isinstance(error, bl.errors.ProtocolError)
    assert "base_url" in str(error) and "try again" not in str(error)
