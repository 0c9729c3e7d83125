"""Comparisons: one prompt, several models or engines in turn, with their speeds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG
from unit.app.rooms import opened
from unit.app.test_downloads import web, with_models


async def test_one_model_on_two_engines() -> None:
    """Each side is loaded where it was asked for, answers, and has its figures."""
    app = await opened(ScriptedHost(["Warm.", "From WebLLM.", "From the CPU."]))
    await app.ask("Hi")
    await app.call(
        act.RunComparison(
            prompt="Who are you?", models=(("pocket", "webllm", None), ("pocket", "transformersjs", "wasm"))
        )
    )
    first, second = app.state.compare.runs
    assert app.state.compare.prompt == "Who are you?"
    assert (first.status, first.text, first.engine, first.device) == ("done", "From WebLLM.", "webllm", "webgpu")
    assert (second.status, second.text, second.engine, second.device) == (
        "done",
        "From the CPU.",
        "transformersjs",
        "wasm",
    )
    for run in (first, second):
        assert run.answer is not None
        assert (run.answer.where, run.answer.completion_tokens > 0) == ("local", True)
    assert len(app.state.samples) == 3
    await app.app.close()


async def test_a_side_that_fails_does_not_stop_the_others() -> None:
    """Its error is shown; the next one answers."""
    host = ScriptedHost("Hello.", fail_load={"webllm": bl.errors.OutOfMemory("the GPU is full")})
    app = await opened(host)
    await app.call(
        act.RunComparison(prompt="Hi", models=(("pocket", "webllm", None), ("pocket", "transformersjs", "wasm")))
    )
    first, second = app.state.compare.runs
    assert (first.status, first.error and first.error.code) == ("error", "out_of_memory")
    assert (second.status, second.text) == ("done", "Hello.")
    await app.app.close()


async def test_a_comparison_can_be_stopped() -> None:
    """What has arrived stays; the sides that did not run say so; another one can run."""
    app = await opened(ScriptedHost([["One ", HANG], ["Two."]]))
    runs = (("pocket", "webllm", None), ("pocket", "transformersjs", "wasm"))
    running = asyncio.ensure_future(app.call(act.RunComparison(prompt="Hi", models=runs)))
    await app.until(lambda: app.state.compare.runs and app.state.compare.runs[0].text == "One ")
    with pytest.raises(bl.errors.InvalidRequest, match="running already"):
        await app.call(act.RunComparison(prompt="Hi", models=runs))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [(run.status, run.text) for run in app.state.compare.runs] == [("stopped", "One "), ("stopped", "")]
    await app.until(lambda: "chat" in app.host.cancelled)
    await app.call(act.RunComparison(prompt="Hi", models=runs[:1]))
    assert [run.text for run in app.state.compare.runs] == ["Two."]
    await app.app.close()


@pytest.mark.parametrize(
    ("prompt", "models"),
    [
        ("  ", (("pocket", None, None),)),
        ("x" * 5_000_000, (("pocket", None, None),)),
        ("Hi", ()),
        ("Hi", (("pocket", None, None),) * 9),
    ],
)
async def test_a_comparison_that_is_not_valid_is_refused(
    prompt: str, models: tuple[tuple[str, str | None, str | None], ...]
) -> None:
    """Nothing of an earlier one is lost."""
    app = await opened()
    with pytest.raises(bl.errors.InvalidRequest):
        await app.call(act.RunComparison(prompt=prompt, models=models))
    with pytest.raises(bl.errors.ModelNotFound):
        await app.call(act.RunComparison(prompt="Hi", models=(("nothing", None, None),)))
    assert app.state.compare.runs == ()
    await app.app.close()


@pytest.mark.parametrize(("memory_gb", "left"), [(4, ["pocket", "tiny"]), (None, ["tiny"])])
async def test_models_stay_loaded_as_far_as_the_memory_is_known_to_suffice(
    memory_gb: float | None, left: list[str]
) -> None:
    """On a device that does not report its memory, each side is alone in it."""
    facts = device_facts(webgpu=False)
    facts = bl.page.DeviceFacts(webgpu=facts.webgpu, wasm=facts.wasm, memory_gb=memory_gb)
    files = ScriptedFiles(web(tiny=[]))
    app = await with_models(files, "tiny", host=ScriptedHost("Hello.", files=files, facts=facts))
    await app.call(act.RunComparison(prompt="Hi", models=(("pocket", None, None), ("tiny", None, None))))
    assert [run.status for run in app.state.compare.runs] == ["done", "done"]
    assert list(app.host.loaded) == left
    await app.app.close()


async def test_a_long_answer_is_shown_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change copies all of the text, so it is shown once a frame and not with each piece."""
    pieces = [f"word{number} " for number in range(3_000)]
    app = await opened(ScriptedHost([pieces]))
    shown: list[str] = []
    put = app.app.state.put

    def counted(value: Any, *path: str) -> None:
        if path == ("compare",) and (not shown or value.runs[0].text != shown[-1]):
            shown.append(value.runs[0].text)
        put(value, *path)

    monkeypatch.setattr(app.app.state, "put", counted)
    await app.call(act.RunComparison(prompt="Hi", models=(("pocket", None, None),), max_tokens=None))
    assert app.state.compare.runs[0].text == "".join(pieces)
    assert len(shown) < len(pieces) / 5
    await app.app.close()
