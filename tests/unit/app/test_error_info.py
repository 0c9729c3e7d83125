"""Errors as people see them: one reason is said plainly, however many backends it stopped."""

from __future__ import annotations

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.error_info import error_info, name_clouds
from browserllm.app.state import Cloud
from browserllm.testing.host import ScriptedHost
from unit.app.rooms import opened

LOST = bl.errors.DeviceLost("the GPU device was lost (unknown); load the model again", data={"model": "pocket"})
PRIVATE = bl.errors.Unavailable("the request is private", reason="private")
REFUSED = bl.errors.AuthenticationError("the key was refused")


def failed(*causes: Exception) -> bl.errors.AllBackendsFailed:
    return bl.errors.AllBackendsFailed("no backend could answer: 'local': ...", causes=causes)


def test_a_single_cause_is_what_people_see() -> None:
    """With its own title, message, data and way out."""
    assert error_info(failed(LOST)) == error_info(LOST)
    assert error_info(failed(LOST)).title == "The GPU was lost"


def test_a_cloud_that_a_rule_keeps_out_is_no_second_cause() -> None:
    """It did not fail; if nothing else was tried, the rule is the cause."""
    assert error_info(failed(PRIVATE, LOST)) == error_info(LOST)
    assert error_info(failed(PRIVATE)).title == "This stays on your device"


def test_causes_of_one_kind_have_its_title_and_all_their_words() -> None:
    """Two keys that were refused are one thing to do."""
    other = bl.errors.AuthenticationError("the key of the other was refused, too")
    info = error_info(failed(REFUSED, other))
    assert (info.code, info.message) == ("authentication", "no backend could answer: 'local': ...")


def test_different_causes_stay_a_list() -> None:
    """Also two services that are not available for different reasons."""
    offline = bl.errors.Unavailable("no network", reason="offline")
    unreachable = bl.errors.Unavailable("no answer", reason="unreachable")
    for causes in ((LOST, REFUSED), (offline, unreachable), (LOST, ValueError("a bug"))):
        assert error_info(failed(*causes)).code == "all_backends_failed"


def test_clouds_have_the_names_that_people_gave_them() -> None:
    """One that does not exist any more keeps its id."""
    clouds = {"compatible-2": Cloud(id="compatible-2", vendor="compatible", model="x", label="My server")}
    info = error_info(bl.BrowserLLMError("'cloud:compatible-2': no answer; 'cloud:gone-1': no answer"))
    assert name_clouds(info, clouds).message == "“My server”: no answer; 'cloud:gone-1': no answer"


async def test_an_answer_that_loses_the_gpu_says_so() -> None:
    """In the message, though a router asked for it; the next message is answered."""
    host = ScriptedHost([["one ", LOST], "Hello."])
    app = await opened(host)
    answer = await app.ask("Hi")
    assert answer.error is not None
    assert (answer.error.code, answer.error.title) == ("device_lost", "The GPU was lost")
    assert answer.error.actions == ("retry",)
    await app.call(act.UnloadModel())
    assert (await app.ask("Hi")).status == "done"
    await app.app.close()
