"""A response format means the same on both engines: the pocket model in Chromium, on WebLLM and on Transformers.js.

What is asked for is far from what the pocket model would say by itself, so that the constraint does the work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import browserllm as bl
from browserllm.json_schema.validate import problems_of
from drivers import Launched

MOST_TOKENS = 250
"""Endless blanks would need them all; no answer here needs half."""

ENGINES = [("webllm", "webgpu"), ("transformersjs", "wasm")]

NESTED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "tags": {"type": "array", "items": {"enum": ["red", "green", "bread"]}, "minItems": 1, "maxItems": 3},
        "home": {
            "type": "object",
            "properties": {
                "zip": {"type": "integer", "minimum": 10, "maximum": 99},
                "roof": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            },
            "required": ["zip", "roof"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "tags", "home"],
    "additionalProperties": False,
}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"kind": {"const": "node"}, "kids": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}},
    "required": ["kind", "kids"],
    "additionalProperties": False,
}
BOOK = bl.Tool(
    "book_table",
    "Book a table.",
    {
        "type": "object",
        "properties": {"people": {"type": "integer"}, "where": {"enum": ["inside", "outside"]}},
        "required": ["people", "where"],
        "additionalProperties": False,
    },
)


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One browser for the file."""
    driver = Launched(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.close()


@pytest.fixture(scope="module", params=ENGINES, ids=[engine for engine, _ in ENGINES])
def llm(request: pytest.FixtureRequest, launched: Launched) -> bl.LocalBackend:
    """The pocket model on one of the engines."""
    engine, device = request.param
    return bl.LocalBackend(launched.host, model="pocket", engine=engine, device=device)


def of_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A response format as OpenAI writes it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def ask(
    launched: Launched, llm: bl.LocalBackend, response_format: dict[str, Any] | None, **options: Any
) -> bl.ChatResponse:
    """One answer."""
    asked = {"temperature": 0, "max_tokens": MOST_TOKENS, **options}
    return launched.run(llm.complete("Tell me about a house.", response_format=response_format, **asked))


DRAWN = [None, 1]
"""Seeds of answers drawn at temperature 1; None is the likeliest answer."""


@pytest.mark.parametrize("seed", DRAWN)
def test_the_page_holds_json_to_its_schema(launched: Launched, llm: bl.LocalBackend, seed: int | None) -> None:
    """Asked by itself, without the library's grammars, the page gives whole JSON, no longer than it has to be."""
    ask(launched, llm, None, max_tokens=1)  # which loads the model

    async def asked() -> tuple[str, dict[str, Any] | None]:
        (loaded,) = (await launched.host.call("status"))["loaded"]
        args = {"messages": [{"role": "user", "content": "A house?"}], "max_tokens": MOST_TOKENS, "seed": seed or 0}
        held = {"response_format": of_schema(NESTED), "temperature": 0 if seed is None else 1}
        stream = launched.host.stream("chat", {"model": loaded["model"], **args, **held})
        return "".join([chunk.text async for chunk in stream]), stream.result

    text, result = launched.run(asked())
    assert result is not None
    assert result["finish_reason"] == "stop", text
    assert problems_of(json.loads(text), NESTED) == []
    assert not re.search(r"\s{18}", text)


@pytest.mark.parametrize(
    ("schema", "seed"),
    [*((NESTED, seed) for seed in DRAWN), (TREE, 2)],  # the likeliest tree has no end
)
def test_every_answer_fits_its_schema(launched: Launched, llm: bl.LocalBackend, schema: Any, seed: int | None) -> None:
    """Greedily and drawn, the JSON is whole, of the schema, and no longer than it has to be."""
    response = ask(launched, llm, of_schema(schema), temperature=0 if seed is None else 1, seed=seed)
    assert response.finish_reason == "stop", response.text
    assert problems_of(json.loads(response.text), schema) == []
    assert response.warnings == []


@pytest.mark.parametrize(
    ("response_format", "pattern"),
    [
        ({"type": "json_object"}, r"\{.*\}"),
        ({"type": "grammar", "grammar": 'root ::= "a"{3} [0-9] ("no" | "yes")'}, r"aaa[0-9](no|yes)"),
        (of_schema({"enum": ["bbaba", "baa", "bb", "aaba", "babab", "b"]}), r'"(bbaba|baa|bb|aaba|babab|b)"'),
        (of_schema({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}), r"\[.*\]"),
    ],
    ids=["any object", "grammar", "enum", "list"],
)
def test_other_formats_hold_too(launched: Launched, llm: bl.LocalBackend, response_format: Any, pattern: str) -> None:
    """JSON without a schema, a grammar, one of some values."""
    for options in ({"temperature": 0}, {"temperature": 1.5, "seed": 4}):
        response = ask(launched, llm, response_format, **options)
        assert response.finish_reason == "stop"
        assert re.fullmatch(pattern, response.text, re.DOTALL), response.text


def test_a_required_call_is_of_its_schema(launched: Launched, llm: bl.LocalBackend) -> None:
    """A structural tag: a tool that the model was never taught, with arguments of its schema."""
    response = ask(launched, llm, None, tools=[BOOK], tool_choice="required")
    assert response.finish_reason == "tool_calls"
    for call in response.message.tool_calls:
        assert call.name == BOOK.name
        assert problems_of(json.loads(call.arguments), BOOK.parameters) == []


def test_probabilities_are_those_of_allowed_tokens(launched: Launched, llm: bl.LocalBackend) -> None:
    """A token that is the only allowed one has probability 1, forbidden ones nearly none."""
    held = {"type": "grammar", "grammar": 'root ::= "Q" ("1" | "2")'}
    response = ask(launched, llm, held, logprobs=True, top_logprobs=3)
    first, second, *_ = response.logprobs
    assert (first["token"], round(first["logprob"], 3)) == ("Q", 0)
    chances = {entry["token"]: entry["logprob"] for entry in second["top_logprobs"]}
    assert {token for token, logprob in chances.items() if logprob > -50} <= {"1", "2"}


def test_a_constraint_ends_with_its_cut_answer(launched: Launched, llm: bl.LocalBackend) -> None:
    """At `max_tokens` the reason is `length`; the next free answer is the same as before."""
    free = ask(launched, llm, None, max_tokens=12)
    cut = ask(launched, llm, of_schema(NESTED), max_tokens=9)
    assert cut.finish_reason == "length"
    assert cut.usage.completion_tokens == 9
    assert ask(launched, llm, None, max_tokens=12).text == free.text


def test_an_answer_that_is_stopped_leaves_nothing_behind(launched: Launched, llm: bl.LocalBackend) -> None:
    """Stopped at its third piece of text; then a free answer, and a held one."""

    async def stopped() -> bl.ChatResponse:
        stream = llm.stream("Tell me about a house.", response_format=of_schema(NESTED), temperature=0)
        texts = 0
        async for chunk in stream:
            texts += isinstance(chunk, bl.types.TextDelta)
            if texts == 3:
                stream.stop()
        assert stream.response is not None
        return stream.response

    free = ask(launched, llm, None, max_tokens=12)
    response = launched.run(stopped())
    assert response.finish_reason == "cancelled"
    assert response.text.startswith("{")
    assert ask(launched, llm, None, max_tokens=12).text == free.text
    assert ask(launched, llm, {"type": "grammar", "grammar": 'root ::= "yes"'}).text == "yes"


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ({"type": "grammar", "grammar": "root ::= ("}, "EBNF"),
        ({"type": "grammar", "grammar": "root ::= other"}, "other"),
        ({"type": "structural_tag", "structural_tag": {"format": {"type": "tag", "begin": "a"}}}, "gave no reason"),
        ({"type": "xml"}, "xml"),
    ],
    ids=["grammar", "rule", "structural tag", "no such format"],
)
def test_a_constraint_that_cannot_be_applied_is_refused(
    launched: Launched, llm: bl.LocalBackend, refused: Any, reason: str
) -> None:
    """The error says why, and the next request is constrained as usual."""
    with pytest.raises(bl.InvalidRequest, match=re.escape(reason)) as raised:
        ask(launched, llm, refused)
    assert raised.value.data["parameter"] == "response_format"
    assert ask(launched, llm, {"type": "grammar", "grammar": 'root ::= "yes"'}).text == "yes"


def test_both_engines_say_that_they_hold(launched: Launched) -> None:
    """The page's greeting has it of each engine."""
    able = [engine.name for engine in launched.host.hello.engines if "structured_output" in engine.capabilities]
    assert able == ["webllm", "transformersjs"]
