"""The tool loop on a real model, in both worlds: question, call, approval, result, answer, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

import conversation_scenarios
from drivers import Launched
from in_page import open_python
from worlds import InPage, Outside, World

CALL = ["set_temperature", {"room": "bedroom", "degrees": 19}]


@pytest.fixture(scope="module", params=["pyodide", "cpython"])
def world(
    request: pytest.FixtureRequest,
    start_browser: Callable[..., BrowserContext],
    site_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A page with a model on WebGPU, and Python in it or beside it."""
    if request.param == "pyodide":
        context = start_browser()
        world: World = InPage(open_python(context, site_url), site_url, conversation_scenarios)
        world.call("begin")
        yield world
        context.close()
        return
    driver = Launched(tmp_path_factory.mktemp("profile"))
    world = Outside(driver, conversation_scenarios)
    world.call("begin")
    yield world
    driver.close()


def called(told: dict[str, Any]) -> list[Any]:
    """The calls in the history, with their arguments read."""
    return [[name, json.loads(arguments)] for name, arguments in told["called"]]


# On WebLLM, and software WebGPU


def test_a_question_is_answered_from_the_result_of_an_approved_call(world: World) -> None:
    """The tool runs after a person said so, the answer comes from its result, and only what is new is computed."""
    told = world.call("ask_a_person")
    assert told["seen"] == [["set_temperature"]]
    assert called(told) == [CALL]
    assert told["done"] == [{"room": "bedroom", "degrees": 19}]
    assert told["roles"] == ["user", "assistant", "tool", "assistant"]
    assert told["finish_reason"] == "stop"
    assert told["text"]
    assert told["warnings"] == []
    first, second = told["cached"]
    assert second >= told["prompts"][0] > first


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_a_turn_ends_in_the_middle_of_a_tool(world: World, how: str) -> None:
    """The tool is cancelled, the history stays whole, and the next question is answered."""
    told = world.call("stop_in_a_tool", how)
    before, after = told["before"], told["after"]
    assert told["raised"] == ("CancelledError" if how == "cancel" else "")
    assert before["left"] == ["bedroom"]
    assert before["roles"] == ["user", "assistant", "tool"]
    assert before["results"][0][1]
    assert after["roles"][:4] == ["user", "assistant", "tool", "user"]
    assert after["text"]
    assert after["finish_reason"] == "stop"


def test_two_sessions_of_one_model_take_turns(world: World) -> None:
    """Neither waits for the other's whole conversation, and neither hears the other's."""
    order = world.call("take_turns", 3)
    assert [name for name, _ in order[:2]] in (["Hannah", "Otto"], ["Otto", "Hannah"])
    assert all(before[0] != after[0] for before, after in pairwise(order))
    assert all(name in text for name, text in order), order


def test_a_conversation_is_stored_in_the_page_and_continues(world: World) -> None:
    """Saved in IndexedDB, loaded as another session; a fork stays as it was."""
    told = world.call("keep_and_find_again")
    assert told["same"]
    assert told["fork"]
    assert told["answer"]
    assert told["done"] == [{"room": "bedroom", "degrees": 19}, {"room": "kitchen", "degrees": 20}]


def test_a_growing_history_is_computed_once(world: World) -> None:
    """Each turn finds the one before it in the KV cache; one that trims begins anew, and the next one does not."""
    figures = world.call("grow", "webllm", 4)
    for (prompt, _, _), (_, cached, start) in pairwise(figures):
        assert cached >= prompt
        assert start == 0
    figures = world.call("grow", "webllm", 8, 170)
    moved = [index for index, (before, after) in enumerate(pairwise(figures), 1) if before[2] != after[2]]
    assert moved, figures
    for index in range(1, len(figures)):
        prompt, cached, _ = figures[index]
        assert prompt < 170
        if index not in moved:
            assert cached >= figures[index - 1][0]


# On Transformers.js, which computes again only what differs from the answer before


def test_without_hooks_the_call_runs(world: World) -> None:
    """Its schema constrains it here, too."""
    told = world.call("ask")
    assert called(told) == [CALL]
    assert told["done"] == [{"room": "bedroom", "degrees": 19}]
    assert told["finish_reason"] == "stop"
    assert told["text"]


@pytest.mark.parametrize("decision", [False, "the window is open"])
def test_a_denied_call_does_not_run_and_the_model_learns_it(world: World, decision: Any) -> None:
    """The conversation continues."""
    told = world.call("ask", decision=decision)
    assert told["asked"][0] == "set_temperature"
    assert told["done"] == []
    content, is_error = told["results"][0]
    assert is_error
    assert (decision or "not allowed") in content
    assert told["roles"][-1] == "assistant"


def test_changed_arguments_are_those_that_run(world: World) -> None:
    """The history has what the model wrote; the result says what was run."""
    told = world.call("ask", decision={"room": "bedroom", "degrees": 21})
    assert called(told)[0] == CALL
    assert told["done"][0] == {"room": "bedroom", "degrees": 21}
    assert '"degrees":21' in told["results"][0][0]
    assert told["finish_reason"] == "stop"


def test_an_exception_in_a_tool_goes_to_the_model(world: World) -> None:
    """As a result that is an error."""
    told = world.call("ask", behaviour="raises")
    assert told["results"][0] == ["ValueError: the bedroom has no radiator", True]
    assert told["roles"][-1] == "assistant"
    assert told["text"]


def test_a_tool_that_hangs_is_ended_at_its_time_limit(world: World) -> None:
    """It is cancelled, and the model told."""
    told = world.call("ask", behaviour="hangs", timeout_s=0.2)
    assert told["results"][0] == ["set_temperature took longer than 0.2 s", True]
    assert told["left"][0] == "bedroom"
    assert told["roles"][-1] == "assistant"


def test_a_call_of_an_unknown_tool_gets_the_known_tools_as_its_result(world: World) -> None:
    """The model was told of other names than the session has."""
    told = world.call("ask", renamed=True)
    assert told["called"][0][0] == "home_set_temperature"
    content, is_error = told["results"][0]
    assert is_error
    assert content == "unknown tool 'home_set_temperature'; the tools are: 'set_temperature'"
    assert told["done"] == []


def test_the_loop_ends_at_its_limit(world: World) -> None:
    """A model that is made to call in every round is at last asked for an answer without tools."""
    told = world.call("ask", always=True, max_rounds=2)
    assert len(told["results"]) == 2
    assert told["roles"] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert "max_rounds" in told["warnings"]
    assert told["finish_reason"] in ("stop", "length")


def test_a_growing_history_is_computed_once_there_as_well(world: World) -> None:
    """As on WebLLM."""
    figures = world.call("grow", "transformersjs", 3)
    assert all(after[1] >= before[0] for before, after in pairwise(figures)), figures
