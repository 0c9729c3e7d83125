"""Objects from any backend: how they are asked for, shown, checked, repaired, and what ends without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal

import pytest

import browserllm as bl
from browserllm.backends.base import unsupported
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.json_schema.types import OutputType, output_type
from browserllm.structured.generate import MAX_REPAIRS
from browserllm.structured.modes import INSTRUCTIONS
from browserllm.testing.script import HANG
from browserllm.types import StructuredMode
from unit.loop_time import LoopTime


@dataclass
class Recipe:
    """A dish."""

    title: str
    minutes: int
    steps: list[str]


PASTA = Recipe("Pasta", 10, ["boil", "eat"])
TEXT = '{"title": "Pasta", "minutes": 10, "steps": ["boil", "eat"]}'
VALUE = {"title": "Pasta", "minutes": 10, "steps": ["boil", "eat"]}
MODES: tuple[StructuredMode, ...] = ("constrained", "json_schema", "json", "tool", "fenced")
EVERY_MODE = bl.types.Capabilities(structured_output=MODES[:-1], tools=True)


def play(*answers: Any, **options: Any) -> bl.ScriptedBackend:
    """A backend that has every mode."""
    return bl.ScriptedBackend(list(answers), capabilities=EVERY_MODE, **options)


def call(arguments: str, name: str = "Recipe") -> list[Any]:
    """An answer that calls."""
    return [bl.ToolCallPart("call_1", name, arguments)]


async def shown(stream: bl.structured.ObjectStream[Any]) -> list[Any]:
    """All that is shown."""
    return [value async for value in stream]


# What is sent


@pytest.mark.parametrize("mode", MODES)
async def test_each_mode_makes_its_own_request(mode: StructuredMode) -> None:
    """With the type's schema in its place, the mode's text, and the caller's options unchanged."""
    llm = play(call(TEXT) if mode == "tool" else TEXT)
    assert await bl.generate(llm, "A quick pasta", output=Recipe, mode=mode, temperature=0.5, model="m") == PASTA
    (request,) = llm.requests
    wanted = output_type(Recipe)
    spec = {"type": "json_schema", "json_schema": {"name": "Recipe", "schema": wanted.schema}}
    assert request.response_format == {"constrained": spec, "json_schema": spec, "json": {"type": "json_object"}}.get(
        mode
    )
    assert request.tools == ([bl.Tool("Recipe", "A dish.", wanted.schema)] if mode == "tool" else [])
    assert request.tool_choice == ({"name": "Recipe"} if mode == "tool" else None)
    assert (request.temperature, request.model) == (0.5, "m")
    system, user = request.messages
    assert (system.role, user) == ("system", bl.Message("user", "A quick pasta"))
    assert system.text.startswith(INSTRUCTIONS[mode].partition("{")[0])
    assert ('"minutes"' in system.text) == (mode != "tool")


async def test_the_callers_system_message_stays_first_and_whole() -> None:
    """What is said about the type comes after it, also where it has parts."""
    for content in ("Be brief.", [bl.TextPart("Be brief.")]):
        llm = play(TEXT)
        chat = [bl.Message("system", "You cook."), bl.Message("system", content), bl.Message("user", "Pasta")]
        await bl.generate(llm, chat, output=Recipe)
        first, second, user = llm.requests[0].messages
        assert (first, user) == (chat[0], chat[2])
        assert second.text.startswith("Be brief.\n\nAnswer with JSON")


async def test_the_strongest_supported_mode_is_used() -> None:
    """The first one that the backend lists; without a list, plain instructions."""
    for modes, taken in ((MODES[:-1], "constrained"), (("json", "tool"), "json"), ((), "fenced")):
        llm = bl.ScriptedBackend(TEXT, capabilities=bl.types.Capabilities(structured_output=modes))
        made = await bl.stream_generate(llm, "Pasta", output=Recipe).finish()
        assert (made.mode, made.output) == (taken, PASTA)


def test_a_mode_that_the_backend_lacks_is_refused_at_once() -> None:
    """With the modes there are, before anything is sent."""
    llm = bl.ScriptedBackend(TEXT, capabilities=bl.types.Capabilities(structured_output=("json",)))
    with pytest.raises(
        bl.errors.Unsupported, match="'scripted' does not support mode='tool'; use one of 'json', 'fenced'"
    ) as caught:
        bl.stream_generate(llm, "Pasta", output=Recipe, mode="tool")
    assert caught.value.data["modes"] == ["json", "fenced"]
    with pytest.raises(bl.InvalidRequest, match="unknown mode='xml'"):
        bl.stream_generate(llm, "Pasta", output=Recipe, mode="xml")  # type: ignore[call-overload]
    assert llm.requests == []


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"tools": [bl.Tool("x")]}, "tools"),
        ({"tool_choice": "none"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"repairs": -1}, "repairs"),
        ({"repairs": MAX_REPAIRS + 1}, "repairs"),
        ({"repairs": True}, "repairs"),
        ({"repairs": "1"}, "repairs"),
        ({"repairs": 1.5}, "repairs"),
        ({"mode": ["json"]}, "mode"),
        ({"output": 7}, "output"),
        ({"temprature": 1}, "temprature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": []}, "messages"),
        ({"prompt": bl.ChatRequest(messages=[bl.Message("user", "x")], tools=[bl.Tool("x")])}, "tools"),
    ],
)
def test_values_that_make_no_sense_are_refused_at_once(options: dict[str, Any], parameter: str) -> None:
    """Also options that the mode sets itself."""
    llm = play(TEXT)
    with pytest.raises(bl.InvalidRequest) as caught:
        bl.stream_generate(llm, **{"prompt": "Pasta", "output": Recipe, **options})
    assert caught.value.data["parameter"] == parameter


# What comes


@pytest.mark.parametrize("mode", MODES)
async def test_partial_values_grow(mode: StructuredMode) -> None:
    """Plain values, each only when it has changed; the last is the whole one."""
    pieces = ['{"title": "Pa', 'sta", "minutes": 1', "0", ', "steps": ["boil"', ', "eat"]}']
    if mode == "tool":
        llm: bl.Backend = Deltas([bl.types.ToolCallDelta(index=0, id="c", name="Recipe")])
        llm.deltas += [bl.types.ToolCallDelta(index=0, arguments=piece) for piece in pieces]
    else:
        llm = play(["```json\n", *pieces, "\n```"] if mode == "fenced" else pieces)
    stream = bl.stream_generate(llm, "Pasta", output=Recipe, mode=mode)
    assert stream.partial is None and not stream.done
    values = await shown(stream)
    assert [value for index, value in enumerate(values) if value not in values[:index]] == values
    assert values[0] == {"title": "Pa"}
    assert {"title": "Pasta", "minutes": 10, "steps": ["boil"]} in values
    assert values[-1] == stream.partial == VALUE
    made = await stream.finish()
    assert (made.output, made.mode, made.repairs, made.problems) == (PASTA, mode, 0, [])
    assert stream.done and made.response is stream.response
    assert made.text.count('"minutes": 10') == 1
    assert await stream.finish() is made


class Deltas(bl.Backend):
    """Answers with deltas as they are."""

    name = "deltas"
    capabilities = EVERY_MODE

    def __init__(self, deltas: list[Delta]) -> None:
        """Play these."""
        self.deltas = deltas

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Yield them."""
        for delta in self.deltas:
            yield delta


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (list[int], "```json\n[1, 2]\n```", [1, 2]),
        (int, "42", 42),
        (Literal["red", "green"], '{"value": "red"}', "red"),
        (Literal["red", "green"], '"red"', "red"),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, '{"a": 1}', {"a": 1}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[str, int], "Nothing: {}", {}),
        (Recipe | None, '{"value": null}', None),
    ],
)
async def test_any_type_will_do(output: Any, text: str, value: Any) -> None:
    """What is no object is asked for in one, and taken bare, too."""
    llm = play(text)
    stream = bl.stream_generate(llm, "Pasta", output=output, repairs=0)
    values = await shown(stream)
    assert (await stream.finish()).output == value
    assert values[-1:] == [value]


async def test_fields_beside_a_wrapped_value_are_not_shown() -> None:
    """Nor is the value repeated; they are a reason for a repair."""
    llm = play(['{"value": [1], "no', 'te": "a', 'b"}'], '{"value": [1, 2]}')
    stream = bl.stream_generate(llm, "Numbers", output=list[int])
    assert await shown(stream) == [[1], [1, 2]]
    assert (await stream.finish()).repairs == 1


async def test_thoughts_fences_and_sentences_are_not_part_of_the_object() -> None:
    """JSON in thoughts is neither shown nor used, however the thought began; text after the object is ignored."""
    other = '{"title": "No", "minutes": 1, "steps": []}'
    for text in (
        f"<think>\nMaybe {other}?\n```json\n{other}\n```</think>\n{TEXT}",
        f"Sure! Here it is:\n\n```json\n{TEXT}\n```\nOr {other}?",
        f"Sure {{really}}: {TEXT} and so on",
        f"``` {TEXT} ```",
        f"<thinking>x</thinking>[1] is it: {TEXT}",
        f"a < b, `x` and {{ y }}\n{TEXT}",
    ):
        stream = bl.stream_generate(play(list(text)), "Pasta", output=Recipe, mode="fenced", repairs=0)
        values = await shown(stream)
        assert (await stream.finish()).output == PASTA, text
        assert values[-1] == VALUE and all(value.get("title", "Pasta") in "Pasta" for value in values), text
    # The template began the thinking.
    made = await bl.stream_generate(play(f"Maybe {other}</think>\n{TEXT}"), "Pasta", output=Recipe).finish()
    assert made.output == PASTA
    whole = '{"title": "</think>", "minutes": 1, "steps": []}'
    assert (await bl.generate(play(whole), "Pasta", output=Recipe)).title == "</think>"


async def test_json_with_the_usual_mistakes_of_models_is_accepted() -> None:
    """Quotes and commas with a clear meaning; an incomplete object is not completed."""
    for text in (
        "{'title': 'Pasta', 'minutes': 10, 'steps': ['boil', 'eat'],}",
        '{"title": "Pasta", "minutes": 10, "steps": ["boil", "eat",],}',
        '```json\n{title: "Pasta", minutes: 10, steps: ["boil", "eat"]}\n```',
    ):
        assert await bl.generate(play(text), "Pasta", output=Recipe, repairs=0) == PASTA, text
    for text in (TEXT[:-1], TEXT[:-2], "{'title': 'Pasta', 'minutes': 10, 'steps': ['boil'", "[" + TEXT + "]"):
        with pytest.raises(bl.InvalidOutput):
            await bl.generate(play(text), "Pasta", output=Recipe, repairs=0)
    for cut in ('{"value": [1, 2', "[1, 2"):
        with pytest.raises(bl.InvalidOutput):
            await bl.generate(play(cut), "Numbers", output=list[int], repairs=0)


async def test_the_reported_mode_is_the_one_that_was_applied() -> None:
    """A backend that left the format out, or wrote a text instead of a call, only had instructions."""

    class Forgetful(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            if request.response_format is not None:
                unsupported(draft, "response_format", "it was left out")
            draft.warn("temperature", "it was left out")
            async for delta in super().generate(request, draft):
                yield delta

    for mode in MODES:
        llm = Forgetful(TEXT, capabilities=EVERY_MODE)
        made = await bl.stream_generate(llm, "Pasta", output=Recipe, mode=mode).finish()
        assert (made.output, made.mode) == (PASTA, "fenced"), mode
    made = await bl.stream_generate(play(call(TEXT)), "Pasta", output=Recipe, mode="tool").finish()
    assert made.mode == "tool"
    with pytest.raises(bl.errors.Unsupported):
        await bl.generate(Forgetful(TEXT, capabilities=EVERY_MODE), "Pasta", output=Recipe, unsupported="error")


async def test_a_local_model_that_is_held_to_a_part_is_constrained() -> None:
    """What no grammar holds is warned of and checked; an engine that holds nothing was asked in words."""
    schema = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}
    unique = {**schema, "properties": {"tags": {**schema["properties"]["tags"], "uniqueItems": True}}}
    ignored = [{"parameter": "response_format", "message": "this engine ignores it"}]
    for output, warnings, mode, warned in (
        (schema, [], "constrained", 0),
        (unique, [], "constrained", 1),
        (schema, ignored, "fenced", 1),
    ):
        host = bl.ScriptedHost(['{"tags": ["a", "b"]}'], warnings=warnings)
        async with bl.LocalBackend(host, "pocket", engine="webllm") as llm:
            made = await bl.stream_generate(llm, "Tags", output=output).finish()
        assert (made.output, made.mode) == ({"tags": ["a", "b"]}, mode)
        assert [warning.parameter for warning in made.response.warnings] == ["response_format"] * warned
    host = bl.ScriptedHost(['{"tags": ["a", "a"]}', '{"tags": ["a"]}'])
    async with bl.LocalBackend(host, "pocket", engine="webllm") as llm:
        made = await bl.stream_generate(llm, "Tags", output=unique).finish()
    assert (made.output, made.repairs) == ({"tags": ["a"]}, 1)


async def test_only_the_wanted_call_counts() -> None:
    """A call of something else is no answer, and its arguments are not shown."""
    both = [bl.ToolCallPart("c0", "other", '{"title": "No"}'), *call(TEXT)]
    stream = bl.stream_generate(play(both), "Pasta", output=Recipe, mode="tool")
    assert await shown(stream) == [VALUE]
    with pytest.raises(bl.InvalidOutput):
        await bl.generate(play(call(TEXT, "other")), "Pasta", output=Recipe, mode="tool", repairs=0)


# Repairs


WRONG = '{"title": "Pasta", "minutes": "ten", "steps": []}'


@pytest.mark.parametrize("mode", MODES)
async def test_an_answer_that_does_not_fit_is_repaired(mode: StructuredMode) -> None:
    """The chat goes on, with the answer and what is wrong with it; all that was sent before stays as it was."""
    llm = play(call(WRONG), call(TEXT)) if mode == "tool" else play(WRONG, TEXT)
    made = await bl.stream_generate(llm, "Pasta", output=Recipe, mode=mode).finish()
    assert (made.output, made.repairs, made.mode) == (PASTA, 1, mode)
    assert [problem.path for problems in made.problems for problem in problems] == ["$.minutes"]
    first, second = llm.requests
    assert second.messages[:2] == first.messages
    answer, complaint = second.messages[2:]
    assert answer.role == "assistant"
    (said,) = [complaint.text] if mode != "tool" else [part.content for part in complaint.content]  # type: ignore[union-attr]
    assert complaint.role == ("tool" if mode == "tool" else "user")
    assert "$.minutes" in said and "{" not in said
    assert (second.tools, second.tool_choice, second.response_format) == (
        first.tools,
        first.tool_choice,
        first.response_format,
    )
    assert made.usage.prompt_tokens == sum(len(str(m).split()) for r in llm.requests for m in r.messages)
    assert mode == "tool" or made.usage.completion_tokens > made.response.usage.completion_tokens


async def test_repairs_are_limited() -> None:
    """Then the error has the problems, the text, and the number of attempts."""
    for repairs in (0, 1, 3):
        llm = play(WRONG)
        stream = bl.stream_generate(llm, "Pasta", output=Recipe, repairs=repairs)
        with pytest.raises(bl.InvalidOutput, match=r"not of the type 'Recipe' .*\$\.minutes") as caught:
            await shown(stream)
        assert len(llm.requests) == caught.value.data["attempts"] == repairs + 1
        assert caught.value.data["problems"][0]["path"] == "$.minutes"
        assert (caught.value.data["text"], caught.value.data["mode"]) == (WRONG, "constrained")
        with pytest.raises(bl.InvalidOutput) as again:
            await stream.finish()
        assert again.value is caught.value
        assert stream.response.text == WRONG


async def test_a_repair_continues_the_conversation() -> None:
    """Every answer stays, so that an engine computes only the new tokens."""
    llm = play(WRONG, "no", "No JSON either", TEXT)
    made = await bl.stream_generate(llm, "Pasta", output=Recipe, repairs=3).finish()
    assert (made.repairs, len(made.problems)) == (3, 3)
    for before, after in zip(llm.requests, llm.requests[1:], strict=False):
        assert after.messages[: len(before.messages)] == before.messages
        assert len(after.messages) == len(before.messages) + 2


async def test_nothing_that_was_shown_goes_away_in_a_repair() -> None:
    """A repaired answer is shown again where it has all that was shown; one that says other things is not."""
    right = '{"title": "Pasta al dente", "minutes": 10, "steps": []}'
    stream = bl.stream_generate(play('{"title": "Pasta"}', list(right)), "Pasta", output=Recipe)
    values = await shown(stream)
    assert values[:3] == [{}, {"title": "Pasta"}, {"title": "Pasta "}]
    assert values[-1] == {"title": "Pasta al dente", "minutes": 10, "steps": []} and {"title": "Pasta a"} in values
    stream = bl.stream_generate(play([WRONG], list(TEXT)), "Pasta", output=Recipe)
    assert await shown(stream) == [{"title": "Pasta", "minutes": "ten", "steps": []}]
    assert (await stream.finish()).output == PASTA
    assert stream.partial == {"title": "Pasta", "minutes": "ten", "steps": []}


async def test_a_restarted_answer_is_read_from_the_start() -> None:
    """The text of a router's first backend no longer counts, and partial values stay true or stay the last ones."""
    for said, values in (
        (['{"title": "Pas', bl.Unavailable("gone")], [{"title": "Pas"}, VALUE]),
        (['{"title": "Soup', bl.Unavailable("gone")], [{"title": "Soup"}]),
    ):
        router = bl.Router([play(said, name="a"), play([TEXT], name="b")], on_interrupted="restart")
        stream = bl.stream_generate(router, "Pasta", output=Recipe)
        assert await shown(stream) == values
        made = await stream.finish()
        assert (made.output, made.repairs, made.response.backend) == (PASTA, 0, "b")


# What ends without an object


async def test_an_answer_that_was_cut_off_is_not_repaired() -> None:
    """The error says which limit to raise; an object that was whole by then counts."""
    for options, said in (
        ({"max_tokens": 9}, "at max_tokens=9, .*; raise max_tokens"),
        ({}, "at the backend's own limit, .*; set a larger max_tokens"),
    ):
        llm = play([TEXT[:-1]], finish_reason="length")
        with pytest.raises(bl.InvalidOutput, match=f"cut off {said}") as caught:
            await bl.generate(llm, "Pasta", output=Recipe, **options)
        assert len(llm.requests) == caught.value.data["attempts"] == 1 and caught.value.data["text"] == TEXT[:-1]
    assert await bl.generate(play(TEXT + " and", finish_reason="length"), "Pasta", output=Recipe) == PASTA
    with pytest.raises(bl.InvalidOutput):
        await bl.generate(play("42", finish_reason="length"), "A number", output=int)


async def test_a_filter_is_a_filter() -> None:
    """There is no second attempt, whichever filter refused."""
    llm = play(['{"title": '], finish_reason="content_filter")
    with pytest.raises(bl.errors.ContentFiltered, match="'Recipe'"):
        await bl.generate(llm, "Pasta", output=Recipe)
    assert len(llm.requests) == 1


async def test_a_stop_keeps_the_partial_value() -> None:
    """No further value and no error; `finish` has no object to return, `partial` has what came."""
    llm = play(['{"title": "Pasta", ', '"minutes": ', HANG])
    stream = bl.stream_generate(llm, "Pasta", output=Recipe)
    values = []
    async for value in stream:
        values.append(value)
        stream.stop()
    assert values == [{"title": "Pasta"}] and stream.partial == {"title": "Pasta"} and stream.done
    assert stream.response.finish_reason == "cancelled"
    with pytest.raises(bl.Cancelled, match="before the 'Recipe' was complete"):
        await stream.finish()
    assert len(llm.stopped) == len(llm.requests) == 1


async def test_a_stop_before_and_after_everything() -> None:
    """Before: nothing is sent. After the whole object: that is still the result."""
    llm = play(TEXT)
    stream = bl.stream_generate(llm, "Pasta", output=Recipe)
    stream.stop()
    assert await shown(stream) == [] and llm.requests == []
    with pytest.raises(bl.Cancelled):
        await stream.finish()
    with pytest.raises(bl.InvalidRequest, match="no result yet"):
        _ = stream.response
    stream = bl.stream_generate(play([TEXT, HANG]), "Pasta", output=Recipe)
    assert await anext(stream) == VALUE
    stream.stop()
    assert (await stream.finish()).output == PASTA


async def test_a_stop_between_two_answers_asks_no_second_one() -> None:
    """It is over."""
    llm = play([WRONG], TEXT)
    stream = bl.stream_generate(llm, "Pasta", output=Recipe)
    await anext(stream)
    stream.stop()
    assert await shown(stream) == []
    with pytest.raises(bl.Cancelled):
        await stream.finish()
    assert len(llm.requests) == 1


@pytest.mark.parametrize("options", [{}, {"max_tokens": 5000}])
async def test_a_full_window_is_named_as_the_reason(options: dict[str, Any]) -> None:
    """Raising max_tokens would not help."""
    facts = bl.backends.BackendFacts(leaves_device=False, needs_network=False, context_window=30)
    llm = bl.ScriptedBackend([["[1", ", 2"] + [", 3"] * 20], finish_reason="length", facts=facts)
    with pytest.raises(bl.InvalidOutput, match=r"context window of 30 tokens is full, .* larger window") as caught:
        await bl.generate(llm, "Count", output=list[int], **options)
    assert "max_tokens" not in str(caught.value)


async def test_the_deadline_is_for_all_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it goes with each; when it is over, that is a timeout."""
    llm = play(WRONG, ['{"title": "Pa', HANG])
    time = LoopTime(monkeypatch)
    stream = bl.stream_generate(llm, "Pasta", output=Recipe, deadline_s=600)
    answering = asyncio.ensure_future(stream.finish())
    while len(llm.requests) < 2:
        await asyncio.sleep(0)
    time.move(600)
    with pytest.raises(bl.Timeout, match=r"deadline_s=600 passed .* in answer 2"):
        await answering
    first, second = llm.requests
    assert first.deadline_s is not None and second.deadline_s is not None and 0 < second.deadline_s < first.deadline_s
    assert stream.response.finish_reason == "cancelled"
    llm = play(WRONG, TEXT)
    with pytest.raises(bl.Timeout, match="in answer 2"):
        await bl.generate(llm, "Pasta", output=Recipe, deadline_s=1e-9)
    assert len(llm.requests) == 1


async def test_a_backend_that_stops_by_itself_has_cancelled() -> None:
    """Which is no answer, and not the caller's stop, so that it is raised where it happens."""
    with pytest.raises(bl.Cancelled):
        await shown(bl.stream_generate(play(['{"ti'], finish_reason="cancelled"), "Pasta", output=Recipe))


async def test_a_failure_is_raised_where_it_happens() -> None:
    """After what came before it, and again by `finish`; `partial` and `response` have what there is."""
    error = bl.Unavailable("gone")
    stream = bl.stream_generate(play(['{"title": "Pa', error]), "Pasta", output=Recipe)
    assert await anext(stream) == {"title": "Pa"}
    with pytest.raises(bl.Unavailable):
        await anext(stream)
    with pytest.raises(bl.Unavailable):
        await stream.finish()
    assert stream.partial == {"title": "Pa"} and stream.response.finish_reason == "error"


async def test_middleware_and_routers_are_backends_like_any() -> None:
    """The mode is one that all of a router's backends have."""
    modest = bl.ScriptedBackend(TEXT, name="b", capabilities=bl.types.Capabilities(structured_output=("json", "tool")))
    router = bl.Router([play(bl.Unavailable("gone"), name="a"), modest])
    made = await bl.stream_generate(bl.Logging(router), "Pasta", output=Recipe).finish()
    assert (made.output, made.mode, made.response.backend) == (PASTA, "json", "b")


def test_an_output_type_can_be_passed_itself() -> None:
    """It need not be created twice."""
    made: OutputType[Recipe] = output_type(Recipe)
    assert bl.stream_generate(play(TEXT), "Pasta", output=made)._generation.form.output is made
