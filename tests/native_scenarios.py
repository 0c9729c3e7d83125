"""What the scenarios of Anthropic, Gemini and Ollama have in common.

Each vendor's scenarios need nothing but a server's address, so they run on CPython (tests/wire) and in a page alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import pytest

import browserllm as bl
from cloud_scenarios import GIVES_ALL

KEY = "sk-test-7f3a9c21d5e8"
"""The key of every scenario: it must show up nowhere but in a header."""

TEXT = "Grüße, Welt 👋!"
HELLO = ["Grüße", ", ", "Welt", " 👋", "!"]
WEATHER = bl.Tool(
    "weather",
    "Tells the weather",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
RECIPE = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "minutes": {"type": "integer"}},
    "required": ["title", "minutes"],
    "additionalProperties": False,
}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0dc3c1"
    "fe0000000049454e44ae426082"
)
"""A PNG of one pixel."""

Scenario = Callable[[str], Awaitable[None]]


class Scenarios(dict[str, Scenario]):
    """The scenarios of one vendor, by name; `add` is their decorator."""

    def add(self, run: Scenario) -> Scenario:
        """Add a scenario under its name."""
        self[run.__name__] = run
        return run


class Play(Protocol):
    """Makes a backend that plays an exchange."""

    def __call__(self, url: str, name: str, **options: Any) -> bl.backends.cloud.CloudBackend: ...


async def hello_of(llm: bl.backends.cloud.CloudBackend) -> bl.ChatResponse:
    """Stream the exchange of a greeting piece by piece, and return its response, which has no warnings."""
    async with llm:
        chunks = [chunk async for chunk in llm.stream("Say hello.")]
    assert [chunk.text for chunk in chunks[1:-1]] == HELLO
    done = chunks[-1]
    assert isinstance(done, bl.types.ChatDone)
    response = done.response
    assert (response.text, response.finish_reason, response.warnings) == (TEXT, "stop", [])
    return response


async def answer_of(llm: bl.backends.cloud.CloudBackend, prompt: Any = "Say hello.", **options: Any) -> bl.ChatResponse:
    """What an exchange comes to."""
    async with llm:
        return await llm.complete(prompt, **options)


async def failure_of(llm: bl.backends.cloud.CloudBackend, expected: type[BaseException]) -> tuple[Any, bl.ChatResponse]:
    """How an exchange fails, and what was received before."""
    async with llm:
        stream = llm.stream("Say hello.")
        with pytest.raises(expected) as caught:
            await stream.finish()
        # What a failure says never has the key, and always who it is about.
        assert KEY not in repr(caught.value)
        assert KEY not in repr(caught.value.data)  # type: ignore[attr-defined]
        return caught.value, stream.response


def warned(response: bl.ChatResponse) -> str:
    """What a response warns of, as one text."""
    return " ".join(f"{warning.parameter}: {warning.message}" for warning in response.warnings)


async def check_broken_streams(play: Play, url: str) -> None:
    """Every way to break is an error that says so, with what was received before on the response."""
    assert (await answer_of(play(url, "byte-by-byte"))).text == TEXT
    assert (await answer_of(play(url, "crlf"))).text == TEXT
    for name in ("no-end", "cut-mid-event", "short-length"):
        error, response = await failure_of(play(url, name), bl.Unavailable)
        assert (error.reason, error.data["phase"]) == ("unreachable", "body"), name
        assert (response.text, response.finish_reason) == (HELLO[0] if GIVES_ALL else response.text, "error"), name
    for name in ("bad-utf8", "bad-json", "wrong-type", "huge-event", "web-page"):
        error, _ = await failure_of(play(url, name), bl.errors.ProtocolError)
        assert len(str(error)) < 600, name
    timeouts = bl.backends.cloud.Timeouts(silence_s=0.2)
    error, _ = await failure_of(play(url, "silent-before", timeouts=timeouts), bl.Timeout)
    assert error.data["phase"] == "first_token"
    error, response = await failure_of(play(url, "silent-later", timeouts=timeouts), bl.errors.Stalled)
    assert response.text == HELLO[0]


async def check_statuses(play: Play, url: str, statuses: Mapping[str, str]) -> dict[str, Any]:
    """Each documented error becomes one of ours, about this backend and model; returns them by name."""
    errors: dict[str, Any] = {}
    for name, expected in statuses.items():
        error, _ = await failure_of(play(url, name), getattr(bl.errors, expected))
        assert type(error).__name__ == expected, name
        assert error.data["backend"] in str(error) and error.data["model"] in str(error), name
        errors[name] = error
    return errors
