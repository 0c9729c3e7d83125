"""What an engine does not honour is an error before anything is generated, or a warning: pocket in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import browserllm as bl
from browserllm.models import engines
from drivers import Launched

ENGINES = [("webllm", "webgpu"), ("transformersjs", "wasm")]

EVERY_OPTION: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 3,
    "seed": 1,
    "stop": ["zzz"],
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "logit_bias": {1: -1.0},
    "logprobs": True,
    "top_logprobs": 9,
    "max_tokens": 3,
    "response_format": {"type": "json_object"},
}


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One browser for the file."""
    driver = Launched(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.close()


@pytest.mark.parametrize(("engine", "device"), ENGINES)
def test_the_engine_honours_what_its_half_in_python_says(launched: Launched, engine: str, device: str) -> None:
    """Each option alone: with a warning exactly where the engine's entry lacks it or has a limit."""
    backend = bl.LocalBackend(launched.host, "pocket", engine=engine, device=device)
    known = engines.get(engine).options
    for name, value in EVERY_OPTION.items():
        more = {"logprobs": True} if name == "top_logprobs" else {}
        response = launched.run(backend.complete("Hi", **{"max_tokens": 3, name: value}, **more))
        most = known.get(name, False)
        lacks = most is False or (most is not True and value > most)
        assert [warning.parameter for warning in response.warnings] == [name] * lacks, name
    lacking = {name for name in EVERY_OPTION if name not in known}
    assert lacking.isdisjoint(backend.capabilities.parameters)


def test_nothing_is_generated_for_an_error(launched: Launched) -> None:
    """WebLLM has no ``top_k``, and at most five other tokens: the page gets no chat, and a router asks the next one."""
    backend = bl.LocalBackend(launched.host, "pocket", engine="webllm")
    for options in ({"top_k": 3}, {"logprobs": True, "top_logprobs": 10}):
        stream = backend.stream("Hi", max_tokens=3, unsupported="error", **options)

        async def read(stream: bl.ChatStream = stream) -> list[bl.ChatChunk]:
            return [chunk async for chunk in stream]

        with pytest.raises(bl.errors.Unsupported, match="engine 'webllm'"):
            launched.run(read())
        cloud = bl.ScriptedBackend("from the cloud", name="cloud")
        router = bl.Router([backend, cloud])
        response = launched.run(router.complete("Hi", unsupported="error", **options))
        assert (response.backend, [hop.code for hop in response.route]) == ("cloud", ["unsupported"])
