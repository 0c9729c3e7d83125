"""The page about the clients of OpenAI's shape: what it shows, runs; what it says of errors, holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import browserllm as bl
from browserllm.openai_compat.failures import error_reply

PAGE = (Path(__file__).parents[3] / "docs" / "openai.md").read_text(encoding="utf-8")
ROWS = [re.findall(r"`(\w+)`", row) for row in PAGE[PAGE.index("| the SDK raises") :].splitlines()[2:]]


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_about_the_clients_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it; what it claims, it asserts."""
    scope: dict[str, Any] = {"__name__": "pasted"}
    exec(compile(code, "openai.md", "exec", dont_inherit=True), scope)  # noqa: S102 (our own documentation)
    assert "assert " in code
    assert scope["bl"] is bl


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_errors_are_those_that_the_sdk_has(row: list[str]) -> None:
    """Both are there, and where ours has a status over HTTP, the SDK raises that error for it."""
    theirs, *ours = row
    assert issubclass(getattr(openai, theirs), openai.OpenAIError)
    client = openai.OpenAI(api_key="k", base_url="http://localhost")
    for name in ours:
        kind = getattr(bl.errors, name)
        assert issubclass(kind, bl.BrowserLLMError)
        if theirs in ("OpenAIError", "APITimeoutError", "APIConnectionError") or "FinishReason" in theirs:
            continue
        reply = error_reply(kind("x"))
        answer = httpx2.Response(reply.status, json=reply.body, request=httpx2.Request("POST", "http://localhost"))
        assert type(client._make_status_error_from_response(answer)).__name__ == theirs, name
    assert ours


def test_every_call_of_the_table_is_there() -> None:
    """On both clients."""
    calls = re.findall(r"`((?:chat\.completions|models|embeddings)\.\w+)`", PAGE.split("## Tools")[0])
    assert len(calls) == 5
    for client in (bl.AsyncClient(bl.ScriptedBackend()), bl.Client(bl.ScriptedBackend())):
        for call in calls:
            found: Any = client
            for name in call.split("."):
                found = getattr(found, name)
            assert callable(found)
