"""What the tests of the wire formats share: a body without a network, and an answer read from bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource, failure
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from browserllm.backends.stream import ChatStream, Delta

TOOL = bl.Tool("weather", "Tells the weather", {"type": "object", "properties": {"city": {"type": "string"}}})


def body_of(llm: bl.backends.cloud.CloudBackend, prompt: Any, **options: Any) -> tuple[Any, list[str]]:
    """What a backend would send, and the parameters it warns of."""
    request = build_request(prompt, options)
    draft = Draft(request, llm.name, "chat-1")
    body = llm.body(request, draft)
    return body, [warning.parameter for warning in draft.warnings]


def read(llm: bl.backends.cloud.CloudBackend, *chunks: bytes) -> tuple[list[Delta], Draft]:
    """The deltas of an answer that comes in these pieces."""
    draft = Draft(build_request("Hi", {}), llm.name, "chat-1")
    reader = llm.reader(draft, ErrorSource(backend=llm.name, model=llm.model, key_name="api_key"))
    decoder = llm.decoder()
    deltas: list[Delta] = []
    for chunk in chunks:
        for event in decoder.feed(chunk):
            deltas += reader.read(event)
    for event in decoder.close():
        deltas += reader.read(event)
    return [*deltas, *reader.finish()], draft


async def message_of(deltas: Iterable[Delta]) -> bl.Message:
    """The message that a stream makes of deltas."""

    async def generate(request: bl.ChatRequest, draft: Draft) -> Any:
        for delta in deltas:
            yield delta

    return (await ChatStream(generate, Draft(build_request("Hi", {}), "x", "chat-1")).finish()).message


async def check_every_split(llm: bl.backends.cloud.CloudBackend, whole: bytes) -> None:
    """Cut in two at every byte, an answer is the same."""
    deltas, draft = read(llm, whole)
    expected = await message_of(deltas)
    assert expected.text and draft.usage.total_tokens
    for at in range(1, len(whole)):
        again, other = read(llm, whole[:at], whole[at:])
        assert again == deltas, at
        assert (other.usage, other.finish_reason) == (draft.usage, draft.finish_reason), at


def spoiled(value: Any) -> Iterator[Any]:
    """The same JSON with one thing wrong: a field missing, null, or of another type, at every place in turn."""
    if isinstance(value, dict):
        for key, each in value.items():
            rest = {name: other for name, other in value.items() if name != key}
            yield rest
            for odd in (None, 7, -1.5, True, "odd", [], [7], {}, {"odd": 7}):
                yield {**value, key: odd}
            for worse in spoiled(each):
                yield {**value, key: worse}
    elif isinstance(value, list):
        for index, each in enumerate(value):
            for worse in spoiled(each):
                yield [*value[:index], worse, *value[index + 1 :]]


def check_spoiled_events(llm: bl.backends.cloud.CloudBackend, items: list[Any], encode: Callable[..., bytes]) -> int:
    """Whatever is wrong with an event, the answer is one, or a typed error; returns how many ways were tried."""
    tried = 0
    for index, item in enumerate(items):
        for worse in spoiled(item):
            tried += 1
            with contextlib.suppress(bl.BrowserLLMError):
                read(llm, encode(*items[:index], worse, *items[index + 1 :]))
    return tried


def check_spoiled_errors(llm: bl.backends.cloud.CloudBackend, body: Any) -> None:
    """Whatever is wrong with an error's body, it is read as far as it can be."""
    place = ErrorSource(backend=llm.name, model=llm.model, key_name="api_key")
    for worse in (*spoiled(body), None, 7, "text", [], [7], {}, {"error": None}):
        assert isinstance(failure(llm.read_error(worse), place, status=400), bl.BrowserLLMError)
