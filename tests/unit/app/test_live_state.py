"""LiveState calls its watchers at most once a frame, and only about what changed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from browserllm.app.live_state import LiveState
from browserllm.app.state import AppState, Download, Settings, Thread
from unit.loop_time import LoopTime


def thread_with(status: Any = "ready") -> AppState:
    return AppState(threads={"c": Thread(id="c", status=status)})


async def test_changes_make_new_objects_along_their_path_only() -> None:
    """What is elsewhere keeps its identity, which selectors and patches rely on."""
    live = LiveState(thread_with())
    before = live.value
    live.change("threads", "c", status="streaming")
    assert live.value.threads["c"].status == "streaming"
    assert before.threads["c"].status == "ready"
    assert live.value.settings is before.settings


async def test_a_value_at_a_path_can_be_read_put_and_removed() -> None:
    """A key that is not there reads as None; removing or changing it does nothing."""
    live = LiveState()
    live.put(Download(model="m", state="running"), "downloads", "m")
    assert live.get("downloads", "m", "state") == "running"
    live.remove("downloads", "m")
    live.remove("downloads", "m")
    live.change("downloads", "m", state="paused")
    live.remove("threads", "gone", "messages", "m")
    assert live.get("downloads", "m") is None
    assert live.value.downloads == {}


async def test_many_changes_in_a_frame_make_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is reported at once, so that a person does not wait; the next ones when the frame is over."""
    time = LoopTime(monkeypatch)
    live = LiveState(thread_with(), frame_s=1)
    seen: list[str] = []
    told = asyncio.Event()

    def note(status: str) -> None:
        seen.append(status)
        told.set()

    live.subscribe(lambda state: state.threads["c"].status, note)
    live.change("threads", "c", status="streaming")
    live.change("threads", "c", status="submitted")
    await told.wait()
    assert seen == ["submitted"]
    live.change("threads", "c", status="streaming")
    live.change("threads", "c", status="error")
    time.move(0.9)
    assert seen == ["submitted"]
    time.move(0.2)
    assert seen == ["submitted", "error"]


async def test_a_watcher_is_not_called_about_other_parts() -> None:
    """Nor about a value that was set again."""
    live = LiveState()
    seen: list[Any] = []
    live.subscribe(lambda state: state.settings, seen.append)
    live.put("2", "version")
    live.put(Settings(), "settings")
    live.flush()
    assert seen == []
    live.change("settings", theme="dark")
    live.flush()
    assert [settings.theme for settings in seen] == ["dark"]


async def test_an_unsubscribed_watcher_is_not_called() -> None:
    """Also if it was going to be: unsubscribing counts at once, and twice does no harm."""
    live = LiveState()
    seen: list[str] = []
    unsubscribe = live.subscribe(lambda state: state.version, seen.append)
    live.put("2", "version")
    unsubscribe()
    unsubscribe()
    live.flush()
    assert seen == []


async def test_a_watcher_that_fails_does_not_keep_the_others_from_the_news() -> None:
    """One page's end may be gone; its failure is reported, and one that was unsubscribed meanwhile is not called."""
    live, seen, reported = LiveState(), list[str](), list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def fails(version: str) -> None:
        unsubscribe()
        raise ConnectionError(version)

    live.subscribe(lambda state: state.version, fails)
    unsubscribe = live.subscribe(lambda state: state.version, lambda version: seen.append(f"second {version}"))
    live.subscribe(lambda state: state.version, lambda version: seen.append(f"third {version}"))
    live.put("2", "version")
    live.flush()
    assert seen == ["third 2"]
    assert [type(error) for error in reported] == [ConnectionError]


async def test_a_watcher_may_change_the_state() -> None:
    """What it changes is reported in the next frame."""
    live = LiveState()
    seen: list[str] = []
    live.subscribe(lambda state: state.version, lambda version: live.change("settings", language=version))
    live.subscribe(lambda state: state.settings.language, seen.append)
    live.put("de", "version")
    live.flush()
    live.flush()
    assert seen == ["de"]
