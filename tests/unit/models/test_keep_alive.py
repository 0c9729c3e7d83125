"""keep_alive: models that are not used are freed after a while, and never under a request's feet."""

from __future__ import annotations

import asyncio

import pytest

import browserllm as bl
from browserllm.models.activity import Activity
from browserllm.testing.host import ScriptedHost
from browserllm.testing.script import HANG, Clock, Wait


def managed(host: ScriptedHost, seconds: float | None = 60, **options: object) -> bl.ModelManager:
    """A manager whose idle time passes on the host's clock."""
    host.shared(Activity).idleness.clock = host.clock
    return bl.ModelManager(host, keep_alive_s=seconds, clock=lambda: 1000 + host.clock.now_s, **options)  # type: ignore[arg-type]


async def settle() -> None:
    """Let all tasks run until nothing happens without the clock."""
    for _ in range(50):
        await asyncio.sleep(0)


async def pass_time(clock: Clock, seconds: float) -> None:
    await settle()
    clock.advance(seconds)
    await settle()


async def test_a_model_is_freed_when_it_was_not_used_for_so_long() -> None:
    """It stays until the time is over, then its memory is freed, and the event says why."""
    host = ScriptedHost()
    manager = managed(host)
    events: list[bl.models.ModelEvent] = []
    await manager.load("pocket")
    manager.subscribe(events.append)
    assert manager.expires_at("pocket") == 1060
    await pass_time(host.clock, 59)
    assert "pocket" in host.loaded
    await pass_time(host.clock, 1)
    assert host.loaded == {}
    assert [(event.kind, event.message) for event in events] == [("unloaded", "it was not used for 60 seconds")]
    assert await manager.status() == []
    assert manager.expires_at("pocket") is None


async def test_each_use_starts_the_time_anew() -> None:
    """A load of a loaded model counts as a use."""
    host = ScriptedHost()
    manager = managed(host)
    await manager.load("pocket")
    await pass_time(host.clock, 50)
    await manager.load("pocket")
    assert manager.expires_at("pocket") == 1110
    await pass_time(host.clock, 50)
    assert "pocket" in host.loaded
    await pass_time(host.clock, 10)
    assert host.loaded == {}


async def test_a_model_is_not_freed_while_it_answers() -> None:
    """A long answer keeps the model; the time counts from the answer's end."""
    host = ScriptedHost([["one ", Wait(300), "two"]])
    backend = bl.LocalBackend(host)
    manager = managed(host)
    answer = asyncio.ensure_future(backend.complete("Hi"))
    await pass_time(host.clock, 299)
    assert "pocket" in host.loaded
    assert manager.expires_at("pocket") is None
    await pass_time(host.clock, 1)
    assert (await answer).text == "one two"
    assert manager.expires_at("pocket") == 1360
    await pass_time(host.clock, 60)
    assert host.loaded == {}


async def test_a_model_is_not_freed_while_it_is_loading_for_a_request() -> None:
    """A load that takes longer than the time ends, and its request is answered."""
    host = ScriptedHost("Hello.", load_steps=[Wait(500)])
    manager = managed(host)
    answer = asyncio.ensure_future(bl.LocalBackend(host).complete("Hi"))
    await pass_time(host.clock, 499)
    await pass_time(host.clock, 1)
    assert (await answer).text == "Hello."
    assert [op for op, _ in host.requests].count("load") == 1
    assert manager.expires_at("pocket") == 1560


async def test_a_stopped_answer_lets_the_model_go() -> None:
    """Leaving the stream ends the use."""
    host = ScriptedHost([["one", HANG]])
    manager = managed(host)
    stream = bl.LocalBackend(host).stream("Hi")
    async for chunk in stream:
        if chunk.text:
            break
    await pass_time(host.clock, 100)
    assert "pocket" in host.loaded
    await stream.aclose()
    assert manager.expires_at("pocket") == 1160
    await pass_time(host.clock, 60)
    assert host.loaded == {}


async def test_a_request_during_the_unload_loads_the_model_again() -> None:
    """A request that comes while the page frees the model waits for that, and gets its answer."""
    host = ScriptedHost("Hello.")
    manager = managed(host)
    await manager.load("pocket")
    await settle()
    host.clock.advance(60)
    while ("unload", {"model": "pocket"}) not in host.requests:
        await asyncio.sleep(0)
    assert (await bl.LocalBackend(host).complete("Hi")).text == "Hello."
    assert [op for op, _ in host.requests].count("load") == 2


async def test_the_limit_can_be_changed_and_removed() -> None:
    """A shorter limit counts from the last use, too; without a limit the model stays."""
    host = ScriptedHost()
    manager = managed(host, None)
    await manager.load("pocket")
    await pass_time(host.clock, 10_000)
    assert manager.expires_at("pocket") is None
    manager.keep_alive(20_000)
    assert manager.expires_at("pocket") == 21_000
    await pass_time(host.clock, 0)
    manager.keep_alive(None)
    await pass_time(host.clock, 90_000)
    assert "pocket" in host.loaded
    manager.keep_alive(5)
    await pass_time(host.clock, 0)
    assert host.loaded == {}


@pytest.mark.parametrize("seconds", [0, -1, "60", True])
async def test_a_limit_that_is_not_valid_is_refused(seconds: float) -> None:
    """The error names the value, and the limit stays as it was."""
    manager = managed(ScriptedHost())
    with pytest.raises(bl.errors.InvalidRequest, match="keep_alive_s"):
        manager.keep_alive(seconds)
    await manager.load("pocket")
    assert manager.expires_at("pocket") == 1060


async def test_events_say_when_the_expiry_changes() -> None:
    """A request takes the model into use, and gives it back."""
    host = ScriptedHost("Hello.")
    manager = managed(host)
    await manager.load("pocket")
    kinds: list[str] = []
    manager.subscribe(lambda event: kinds.append(event.kind))
    await bl.LocalBackend(host).complete("Hi")
    assert kinds[0] == "in_use"
    assert kinds[-1] == "idle"


async def test_free_idle_spares_what_is_in_use() -> None:
    """Models that a request holds stay; the others are freed at once."""
    cards = [
        bl.models.ModelCard(
            id=name,
            artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url=name, bundled=True)],
        )
        for name in ("one", "two")
    ]
    host = ScriptedHost()
    manager = bl.ModelManager(host, bl.models.Catalog(cards))
    await manager.load("one")
    await manager.load("two", keep_others=True)
    with manager.using("two"):
        assert await manager.free_idle() == ["one"]
    assert list(host.loaded) == ["two"]


def show(host: ScriptedHost, visibility: str) -> None:
    """Let the page be hidden, frozen, or seen."""
    host.emit("environment", online=True, visibility=visibility)


async def test_a_hidden_page_frees_a_model_after_a_time() -> None:
    """The time counts from when it was hidden; a page that is seen again keeps its model."""
    host = ScriptedHost()
    manager = managed(host, None)
    manager.keep_alive(None, hidden_s=30)
    events: list[bl.models.ModelEvent] = []
    await manager.load("pocket")
    await pass_time(host.clock, 1000)
    assert manager.expires_at("pocket") is None
    show(host, "hidden")
    assert manager.expires_at("pocket") == 2030
    await pass_time(host.clock, 29)
    show(host, "visible")
    assert manager.expires_at("pocket") is None
    await pass_time(host.clock, 1000)
    assert "pocket" in host.loaded
    manager.subscribe(events.append)
    show(host, "hidden")
    await pass_time(host.clock, 30)
    assert host.loaded == {}
    reasons = [event.message for event in events if event.kind == "unloaded"]
    assert reasons == ["it was not used while the page was hidden for 30 seconds"]


async def test_a_hidden_page_keeps_the_model_that_answers() -> None:
    """The time counts from the end of an answer that began before the page was hidden."""
    host = ScriptedHost([["one ", Wait(300), "two"]])
    manager = managed(host, None)
    manager.keep_alive(None, hidden_s=30)
    answer = asyncio.ensure_future(bl.LocalBackend(host).complete("Hi"))
    await pass_time(host.clock, 100)
    show(host, "hidden")
    await pass_time(host.clock, 199)
    show(host, "frozen")
    await settle()
    assert "pocket" in host.loaded
    await pass_time(host.clock, 1)
    assert (await answer).text == "one two"
    assert manager.expires_at("pocket") == 1330
    await pass_time(host.clock, 30)
    assert host.loaded == {}


@pytest.mark.parametrize(("hidden_s", "left"), [(3600, []), (None, ["pocket"])])
async def test_a_frozen_page_frees_its_models_at_once_if_asked(hidden_s: float | None, left: list[str]) -> None:
    """Without the option the browser decides alone."""
    host = ScriptedHost()
    manager = managed(host, None)
    manager.keep_alive(None, hidden_s=hidden_s)
    await manager.load("pocket")
    show(host, "hidden")
    show(host, "frozen")
    await settle()
    assert list(host.loaded) == left


async def test_the_sooner_of_both_limits_counts() -> None:
    """Also for a page that was hidden before the limits were set."""
    host = ScriptedHost()
    manager = managed(host, 60)
    await manager.load("pocket")
    show(host, "hidden")
    manager.keep_alive(60, hidden_s=500)
    assert manager.expires_at("pocket") == 1060
    manager.keep_alive(60, hidden_s=5)
    assert manager.expires_at("pocket") == 1005
    with pytest.raises(bl.errors.InvalidRequest, match="hidden_s"):
        manager.keep_alive(60, hidden_s=0)
