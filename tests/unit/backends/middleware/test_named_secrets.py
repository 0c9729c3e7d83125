"""Secrets that a text names: the value is found to the letter, and what only looks like one stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.middleware import DETECTORS, find_named_secrets
from browserllm.backends.middleware.placeholders import Placeholders, merge
from browserllm.testing.backend import ScriptedBackend
from unit.backends.middleware.named_secret_files import FILES, KEPT
from unit.backends.middleware.named_secret_texts import FOUND


def found(text: str) -> list[str]:
    """Return what the detectors find."""
    return [text[span.start : span.end] for span in merge(span for find in DETECTORS for span in find(text))]


@pytest.mark.parametrize(("text", "values"), FOUND)
def test_a_named_secret_is_found_exactly(text: str, values: list[str]) -> None:
    """Without its quotes, final punctuation or a comment after it; also between other secrets."""
    assert found(text) == values
    for before, after in (("Hello,\n", "\nBye."), ("{\n  ", "\n}\n"), ("a: 1\r\n", "\r\nb: 2\r\n")):
        if "\n" in text and before.startswith("{"):
            continue  # the lines of a block stand deeper than its name
        assert found(before + text + after) == values


@pytest.mark.parametrize("text", KEPT)
def test_a_stand_in_for_a_secret_is_kept(text: str) -> None:
    """A variable, a type, a placeholder, code, a sentence, or a name that only sounds like a secret."""
    assert found(text) == []


@pytest.mark.parametrize("name", FILES)
def test_only_the_values_are_found_in_pasted_files(name: str) -> None:
    """Exactly the text between « and »."""
    marked = FILES[name]
    text = marked.replace("«", "").replace("»", "")
    expected = [part.partition("»")[0] for part in marked.split("«")[1:]]
    spans = merge(span for find in DETECTORS for span in find(text) if span.kind not in {"EMAIL", "IP"})
    assert [text[span.start : span.end].rpartition(":")[2] if span.kind == "LOGIN" else text[span.start : span.end]
            for span in spans] == expected  # fmt: skip


async def test_json_of_tools_is_redacted_by_its_keys() -> None:
    """The name of a value is its key, an outer key, or another field."""
    inner = ScriptedBackend("ok", leaves_device=True)
    arguments = {
        "password": 'hun"ter2',
        "pin": 4711,
        "max_tokens": 100,
        "type": "password",
        "token": {"value": "abcd1234"},
        "passwords": ["swordfish", "letmein"],
        "env": [{"name": "DB_PASSWORD", "value": "tr0ub4dor"}, {"name": "HOME", "value": "/root"}],
        "headers": {"Authorization": "token abc123", "Cookie": "session=xyz987; theme=dark"},
        "schema": {"password": {"type": "string"}},
        "apiKey": "${API_KEY}",
        "manifest": {"kind": "Secret", "data": {"user": "YWRtaW4="}},
    }
    call = bl.ToolCallPart("1", "f", json.dumps(arguments))
    result = bl.ToolResultPart("1", json.dumps({"clientSecret": "s3cr3t", "next_page_token": "CAUQ1234"}))
    await bl.Redaction(inner).complete(
        [bl.Message("user", "x"), bl.Message("assistant", [call]), bl.Message("tool", [result])],
        metadata={"token": "abcd1234"},
    )
    request = inner.requests[0]
    sent: Any = json.loads(request.messages[1].tool_calls[0].arguments)
    assert sent == {
        **arguments,
        "password": "<SECRET_1>",
        "pin": "<SECRET_2>",
        "token": {"value": "<SECRET_3>"},
        "passwords": ["<SECRET_4>", "<SECRET_5>"],
        "env": [{"name": "DB_PASSWORD", "value": "<SECRET_6>"}, {"name": "HOME", "value": "/root"}],
        "headers": {"Authorization": "token <SECRET_7>", "Cookie": "session=<SECRET_8>; theme=dark"},
        "manifest": {"kind": "Secret", "data": {"user": "<SECRET_9>"}},
    }
    (part,) = request.messages[2].content
    assert isinstance(part, bl.ToolResultPart)
    assert json.loads(part.content) == {"clientSecret": "<SECRET_10>", "next_page_token": "CAUQ1234"}
    assert request.metadata == {"token": "<SECRET_3>"}


async def test_a_word_that_is_a_secret_is_replaced_elsewhere_as_a_whole_word() -> None:
    """Not inside other words, and not if it is a common default password."""
    inner = ScriptedBackend("ok", leaves_device=True)
    await bl.Redaction(inner).complete("My password is swordfish. Is swordfish weak? Swordfishes and swordfishing are.")
    await bl.Redaction(inner).complete("POSTGRES_PASSWORD: postgres\nimage: postgres:16")
    assert [request.messages[0].text for request in inner.requests] == [
        "My password is <SECRET_1>. Is <SECRET_1> weak? Swordfishes and swordfishing are.",
        "POSTGRES_PASSWORD: <SECRET_1>\nimage: postgres:16",
    ]


async def test_the_detector_can_be_left_out() -> None:
    """Then names are ignored, in texts and in JSON; keys of well-known services are still found."""
    inner = ScriptedBackend("ok", leaves_device=True)
    others = [find for find in DETECTORS if find is not find_named_secrets]
    call = bl.ToolCallPart("1", "f", '{"password": "hunter2"}')
    text = "password: hunter2, token: " + "ghp_" + "a1B2" * 9
    await bl.Redaction(inner, detectors=others).complete([bl.Message("user", text), bl.Message("assistant", [call])])
    sent = inner.requests[0].messages
    assert sent[0].text == "password: hunter2, token: <SECRET_1>"
    assert sent[1].tool_calls[0].arguments == call.arguments


def test_a_placeholder_is_not_a_name() -> None:
    """A model repeats placeholders, and a text may contain what looks like one."""
    for text in (
        "![](//x.example/<SECRET_2>) <SECRET_2>",
        "password: <SECRET_1>.",
        "<SECRET_1> <SECRET_2> </SECRET_1>",
    ):
        assert found(text) == []


def test_one_value_in_two_spellings_of_json_comes_back_as_it_was() -> None:
    """Text keeps its escapes, and parsed JSON has none."""
    placeholders = Placeholders(DETECTORS)
    text = '{"password": "hun\\"ter2"}'
    assert placeholders.redact(text) == '{"password": "<SECRET_1>"}'
    assert placeholders.redact_json(text) == '{"password": "<SECRET_2>"}'
    assert placeholders.values == {"<SECRET_1>": 'hun\\"ter2', "<SECRET_2>": 'hun"ter2'}
