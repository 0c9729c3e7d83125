"""Redaction as a law: wherever an answer is cut, what goes out comes back, and values never go out.

Here and not with the unit tests, because Hypothesis is not there in a page.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings

import browserllm as bl
from browserllm.backends.middleware import DETECTORS, Span
from browserllm.backends.middleware.placeholders import Placeholders, merge
from browserllm.testing.backend import ScriptedBackend
from cases import cases

VALUES = [
    "ada@example.org",
    "bob.b@example.org",
    "+49 151 23456789",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "10.0.0.1",
    "2001:db8::1",
    "falcon",
    '-----BEGIN PRIVATE KEY-----\nMI"I\\E\n-----END PRIVATE KEY-----',
]
NOISE = [
    "<EMAIL_1>",
    "<EMAIL_2>",
    "<TERM_1>",
    "<",
    ">",
    "<EMAIL_",
    "_1>",
    "EMAIL_1",
    "\\u003cEMAIL_1\\u003e",
    '"',
    "\\",
    "\n",
    " ",
]
texts = st.lists(st.one_of(st.sampled_from(VALUES), st.sampled_from(NOISE), st.text(max_size=5))).map("".join)


def falcons(text: str) -> Iterator[Span]:
    """A detector that also finds values inside words, next to anything."""
    start = text.find("falcon")
    while start >= 0:
        yield Span(start, start + 6, "TERM")
        start = text.find("falcon", start + 6)


def cut(text: str, places: list[int]) -> list[str]:
    """A text in pieces."""
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def restored(placeholders: Placeholders, pieces: list[str], *, in_json: bool = False) -> str:
    restorer = placeholders.restorer(in_json=in_json, urls=True)
    return "".join([*(restorer.feed(piece) for piece in pieces), restorer.end()])


@given(st.lists(texts, min_size=1, max_size=4), st.lists(st.integers(min_value=0)))
@example(["<EMAIL_1>ada@example.org"], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
@settings(max_examples=cases(300), deadline=None)
def test_what_is_redacted_is_restored_wherever_it_is_cut(said: list[str], places: list[int]) -> None:
    """restore(redact(x)) == x, for several texts with the same placeholders."""
    placeholders = Placeholders([falcons, *DETECTORS])
    for text in said:
        placeholders.reserve(text)
    redacted = [placeholders.redact(text) for text in said]
    for text, hidden in zip(said, redacted, strict=True):
        assert restored(placeholders, cut(hidden, places)) == text
    # The same value has one placeholder, and a placeholder one value.
    assert len(set(placeholders.values.values())) == len(placeholders.values)
    assert placeholders.counts == {} or sum(placeholders.counts.values()) == len(placeholders.values)


json_values = st.recursive(
    st.one_of(texts, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def as_texts(value: Any) -> Any:
    """Return numbers as strings: a number with a finding comes back as a string."""
    if isinstance(value, dict):
        return {key: as_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_texts(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(json_values, st.booleans(), st.booleans(), st.lists(st.integers(min_value=0)))
@example("ada@example.org", False, True, list(range(30)))
@settings(max_examples=cases(300), deadline=None)
def test_json_is_restored_wherever_it_is_cut(value: Any, ascii_only: bool, escaped: bool, places: list[int]) -> None:
    """The arguments of a tool call, with either way of escaping, are the same JSON afterwards."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    placeholders = Placeholders([falcons, *DETECTORS])
    placeholders.reserve(text)
    hidden = placeholders.redact_json(text)
    if escaped:
        hidden = hidden.replace("<", "\\u003c").replace(">", "\\u003e")
    assert as_texts(json.loads(restored(placeholders, cut(hidden, places), in_json=True))) == as_texts(value)


@given(st.lists(texts, min_size=1, max_size=5), st.lists(st.integers(min_value=0)))
@settings(max_examples=cases(150), deadline=None)
def test_no_value_goes_out_and_the_answer_reads_as_if_it_had(said: list[str], places: list[int]) -> None:
    """Through the middleware, with a model that repeats everything that it gets."""

    class Echo(ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> Any:
            self.requests.append(request)
            for piece in cut("|".join(message.text for message in request.messages), places):
                yield piece

    inner = Echo(leaves_device=True)
    redaction = bl.Redaction(inner, detectors=[falcons, *DETECTORS], restore_urls=True)
    response = asyncio.run(redaction.complete([bl.Message("user", text) for text in said]))
    assert response.text == "|".join(said)
    sent = [message.text for message in inner.requests[0].messages]
    for text in said:
        for span in merge(span for detector in (falcons, *DETECTORS) for span in detector(text)):
            assert all(text[span.start : span.end] not in message for message in sent)
