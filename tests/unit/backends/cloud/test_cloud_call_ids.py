"""Ids of calls in a history, as four formats are sent them: each call its own, each result with its call.

As reported in NachoSEO/claudegram#12, openclaw/openclaw#41119, xorbitsai/inference#4237 and
editor-code-assistant/eca#233: models begin to count anew in each turn, and the next request is refused.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.history import with_own_ids
from browserllm.backends.draft import Draft

IDS = ["", "call_0", "call_1", "functions.f:0", "functions_f_0", "call_0_2", "a" * 39 + "b", "x" * 60, "ä", "123456789"]
BACKENDS: dict[str, Callable[[], bl.backends.cloud.CloudBackend]] = {
    "openai": lambda: bl.OpenAI("m", api_key="k"),
    "mistral": lambda: bl.OpenAI("m", preset="mistral", api_key="k"),
    "anthropic": lambda: bl.Anthropic("m", api_key="k"),
    "gemini": lambda: bl.Gemini("m", api_key="k"),
    "ollama": lambda: bl.Ollama("m"),
}


def history(choose: random.Random) -> list[bl.Message]:
    """A chat of several turns, whose calls have ids that come again; each result says which call it answers."""
    messages, made = [bl.Message("user", "x")], 0
    for _ in range(choose.randrange(1, 5)):
        ids = choose.choices(IDS, k=choose.randrange(1, 4))
        numbers = range(made, made + len(ids))
        made += len(ids)
        calls = [
            bl.ToolCallPart(one, f"f{number}", f'{{"n": {number}}}') for one, number in zip(ids, numbers, strict=True)
        ]
        results = [bl.ToolResultPart(one, f"of {number}") for one, number in zip(ids, numbers, strict=True)]
        messages.append(bl.Message("assistant", [*calls]))
        if choose.random() < 0.5:
            messages += [bl.Message("tool", [result]) for result in results]
        else:
            messages.append(bl.Message("tool", [*results]))
    return messages


def objects(value: Any) -> list[dict[str, Any]]:
    """All objects in a JSON value, in order."""
    if isinstance(value, list):
        return [found for each in value for found in objects(each)]
    return [value, *(found for each in value.values() for found in objects(each))] if isinstance(value, dict) else []


def pairs(body: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The calls and the results of a body: their ids, and the number that the history gave them."""
    calls, results = [], []
    for one in objects(body):
        said = one.get("function", one)
        name = said.get("name")
        if ("id" in one and "function" in one) or one.get("type") == "tool_use" or "args" in one:
            calls.append((one["id"], str(name)[1:]))
        text = str(one.get("content") if "tool_use_id" in one or "tool_call_id" in one else one.get("response", ""))
        if found := re.search(r"of (\d+)", text):
            results.append((one.get("tool_use_id") or one.get("tool_call_id") or one.get("id"), found[1]))
    return calls, results


@pytest.mark.parametrize("vendor", BACKENDS)
def test_every_call_has_a_unique_id_and_its_result_the_same(vendor: str) -> None:
    """Whatever ids a history has, and however its results are grouped; a failure shows the seed."""
    backend = BACKENDS[vendor]()
    for seed in range(200):
        request = bl.ChatRequest(messages=history(random.Random(seed)))  # noqa: S311
        calls, results = pairs(backend.body(request, Draft(request, "b", "r")))
        assert len(calls) == len({one for one, _ in calls}) > 0, (vendor, seed, calls)
        assert all(one for one, _ in calls), (vendor, seed, calls)
        assert sorted(calls) == sorted(results), (vendor, seed)


def test_unique_ids_stay_and_equal_histories_get_equal_ids() -> None:
    """A longer history begins with the same ids as a shorter one."""
    kept = [
        bl.Message("user", "x"),
        bl.Message("assistant", [bl.ToolCallPart("a", "f", "{}"), bl.ToolCallPart("b", "f", "{}")]),
        bl.Message("tool", [bl.ToolResultPart("b", "1"), bl.ToolResultPart("a", "2"), bl.ToolResultPart("z", "3")]),
    ]
    assert with_own_ids(kept) == kept
    for seed in range(50):
        messages = history(random.Random(seed))  # noqa: S311
        whole = with_own_ids(messages)
        for end in range(len(messages)):
            assert with_own_ids(messages[:end]) == whole[:end], seed
