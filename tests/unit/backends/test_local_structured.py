"""LocalBackend and schemas: which rules constrain the page, and which warnings the caller gets for the others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.constrained.grammars.grammar import grammar_of_schema
from browserllm.constrained.grammars.reduce import reduce_schema
from browserllm.errors import InvalidRequest
from browserllm.testing.host import ScriptedHost

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
}
ANSWER = '{"name": "Ann"}'


def wanted(schema: Any) -> dict[str, Any]:
    """OpenAI's shape of a schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def asked(host: ScriptedHost) -> dict[str, Any]:
    """The last chat that the page was asked for."""
    return [args for op, args in host.requests if op == "chat"][-1]


async def test_a_schema_goes_to_the_page_as_a_grammar() -> None:
    """Both engines hold a model to it in the same way; nothing is lost, so nothing is said."""
    host = ScriptedHost(ANSWER)
    response = await bl.LocalBackend(host).complete("hi", response_format=wanted(PERSON))
    grammar = grammar_of_schema(reduce_schema(PERSON).schema)
    assert asked(host)["response_format"] == {"type": "grammar", "grammar": grammar}
    assert (response.text, response.warnings) == (ANSWER, [])


async def test_rules_that_the_engine_cannot_constrain_give_a_warning() -> None:
    """One warning names the keywords, their places and why."""
    schema = {**PERSON, "properties": {"tags": {"type": "array", "uniqueItems": True}}, "required": []}
    response = await bl.LocalBackend(ScriptedHost("{}")).complete("hi", response_format=wanted(schema))
    (warning,) = response.warnings
    assert (warning.parameter, warning.code) == ("response_format", "partly_constrained")
    assert warning.message == (
        "the answer is not constrained by $.properties.tags.uniqueItems: a grammar cannot compare items; "
        "check it yourself"
    )


@pytest.mark.parametrize(
    "given", [{"type": "json_object"}, {"type": "text"}, {"type": "grammar", "grammar": 'root ::= "a"'}]
)
async def test_a_format_without_a_schema_is_sent_unchanged(given: dict[str, Any]) -> None:
    """The caller's own grammars, any JSON, and plain text."""
    host = ScriptedHost("a")
    await bl.LocalBackend(host).complete("hi", response_format=given)
    assert asked(host)["response_format"] == given


@pytest.mark.parametrize("schema", [5, {"type": "text"}, {"$ref": "#"}, {"properties": {"a": []}}])
async def test_an_invalid_schema_fails_before_anything_is_loaded(schema: Any) -> None:
    """The error names what is wrong with it."""
    host = ScriptedHost(ANSWER)
    with pytest.raises(InvalidRequest, match=r"\$"):
        await bl.LocalBackend(host).complete("hi", response_format=wanted(schema))
    assert host.requests == []


async def test_an_engine_that_cannot_constrain_gets_the_schema_itself() -> None:
    """What comes of it is the page's to say."""
    host = ScriptedHost(ANSWER)
    engines = [msgspec.structs.replace(info, capabilities=["chat"]) for info in host.hello.engines]
    host.hello = msgspec.structs.replace(host.hello, engines=engines)
    await bl.LocalBackend(host).complete("hi", response_format=wanted(PERSON))
    assert asked(host)["response_format"] == wanted(PERSON)


@pytest.mark.parametrize("unsupported", ["warn", "error"])
async def test_a_grammar_that_the_engine_refuses_is_left_out(unsupported: Any) -> None:
    """The answer comes without it, with a warning; or it is an error, if the caller prefers one."""
    refused = InvalidRequest("no such grammar", parameter="response_format")
    host = ScriptedHost([[refused], [ANSWER]])
    backend = bl.LocalBackend(host)
    if unsupported == "error":
        with pytest.raises(bl.errors.Unsupported, match="the engine rejected the constraint: no such grammar"):
            await backend.complete("hi", response_format=wanted(PERSON), unsupported=unsupported)
        return
    response = await backend.complete("hi", response_format=wanted(PERSON))
    assert response.text == ANSWER
    assert "response_format" not in asked(host)
    assert [(it.parameter, it.message) for it in response.warnings] == [
        (
            "response_format",
            "the engine rejected the constraint: no such grammar; the model was not constrained by the schema",
        )
    ]


async def test_a_grammar_of_the_callers_own_that_the_engine_refuses_is_an_error() -> None:
    """It is for the caller to repair, and never passed over."""
    host = ScriptedHost([[InvalidRequest("line 1", parameter="response_format")], [ANSWER]])
    with pytest.raises(InvalidRequest, match="line 1"):
        await bl.LocalBackend(host).complete("hi", response_format={"type": "grammar", "grammar": "root ::= ("})


async def test_tools_take_the_place_of_a_schema() -> None:
    """An answer that may call tools has their form; nothing is said of what the schema would have lost."""
    host = ScriptedHost("hello")
    lossy = {"type": "array", "uniqueItems": True}
    response = await bl.LocalBackend(host).complete("hi", tools=[bl.Tool("now")], response_format=wanted(lossy))
    assert asked(host)["response_format"]["type"] == "structural_tag"
    assert [warning.parameter for warning in response.warnings] == ["response_format"]
    assert "it was left out" in response.warnings[0].message


async def test_rules_that_cannot_constrain_calls_give_a_warning_for_each_tool() -> None:
    """One warning for a tool whose schema says more than a grammar can, none for the others."""
    tools = [
        bl.Tool("plain", "", PERSON),
        bl.Tool("loose", "", {"properties": {"ids": {"type": "array", "uniqueItems": True, "contains": {"const": 1}}}}),
    ]
    response = await bl.LocalBackend(ScriptedHost("hello")).complete("hi", tools=tools)
    (warning,) = response.warnings
    assert warning.parameter == "tools"
    assert warning.message.startswith("calls of 'loose' are not constrained by $.properties.ids.uniqueItems: ")
    assert "contains" in warning.message


async def test_a_tool_with_an_invalid_schema_is_refused_by_name() -> None:
    """Before anything is loaded."""
    host = ScriptedHost("hello")
    with pytest.raises(InvalidRequest, match=r"the parameters of tool 'bad': .*'text'") as caught:
        await bl.LocalBackend(host).complete("hi", tools=[bl.Tool("bad", "", {"properties": {"a": {"type": "text"}}})])
    assert caught.value.data["parameter"] == "tools"
    assert "load" not in [op for op, _ in host.requests]


@pytest.mark.parametrize(
    "parameters", [{}, {"type": "object"}, {"type": "object", "properties": {}}, {"title": "none", "required": []}]
)
async def test_a_tool_without_parameters_gets_an_empty_object(parameters: dict[str, Any]) -> None:
    """However its schema declares that."""
    host = ScriptedHost("hello")
    await bl.LocalBackend(host).complete("hi", tools=[bl.Tool("now", "", parameters)])
    (tag,) = asked(host)["response_format"]["structural_tag"]["format"]["tags"]
    assert tag["content"]["grammar"] == grammar_of_schema({"type": "object", "additionalProperties": False})
