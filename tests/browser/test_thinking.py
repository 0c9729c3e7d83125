"""Thinking switched on and off in real engines: what the prompt then holds, token for token."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.models.catalog.catalog import POCKET

PROMPT = bl.ChatRequest(messages=[bl.Message("user", "Tell me a story about a fox.")], temperature=0, max_tokens=3)
EMPTY = "<think>\n\n</think>\n\n"


def model(engine: str, **said: Any) -> bl.models.ModelCard:
    """The pocket model's build for an engine, under a card of its own."""
    artifacts = [artifact for artifact in POCKET.artifacts if artifact.engine == engine]
    return replace(POCKET, id="thinker", artifacts=[replace(each, id=None) for each in artifacts], **said)


@pytest.mark.parametrize(("engine", "webgpu"), [("webllm", "software"), ("transformersjs", "off")])
def test_an_engine_puts_empty_thoughts_before_an_answer_without_any(tmp_path: Path, engine: str, webgpu: Any) -> None:
    """WebLLM's prompt then has them, counted and fed alike, and turn by turn; a template without a switch says so."""

    async def main() -> None:
        async with bl.connect(profile=tmp_path / "profile", webgpu=webgpu) as host:
            card = model(engine, thinking="template")
            llm = bl.LocalBackend(host, "thinker", catalog=bl.models.Catalog([card]))
            plain = await llm.complete(PROMPT)
            assert await llm.count_tokens(PROMPT) == plain.usage.prompt_tokens
            off = replace(PROMPT, thinking=False)
            counted = await llm.count_tokens(off)
            answer = await llm.complete(off)
            assert answer.usage.prompt_tokens == counted
            assert EMPTY.strip() not in answer.text
            if engine == "transformersjs":
                # The pocket model's template has no switch.
                assert counted == plain.usage.prompt_tokens
                assert [warning.parameter for warning in answer.warnings] == ["thinking"]
                return
            assert answer.warnings == []
            assert counted > plain.usage.prompt_tokens
            # It is no part of the answer, so the limit of its tokens is the caller's.
            assert answer.usage.completion_tokens == 3
            assert await llm.count_tokens(replace(PROMPT, thinking=True)) == plain.usage.prompt_tokens
            again = await llm.complete(PROMPT)
            assert (again.text, again.usage.prompt_tokens) == (plain.text, plain.usage.prompt_tokens)

    asyncio.run(main())
