"""ResponseCache: the same request again gets the same answer, and nothing else is taken for the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.stores.memory import MemoryStore
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import HANG
from unit.chat.interruptible import Interruptible, stopped


class Now:
    """A time of day that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def counting(*, number: int = 100, **options: Any) -> ScriptedBackend:
    """A backend that gives a different answer each time."""
    return ScriptedBackend([f"answer {index}" for index in range(number)], **options)


async def chunks_of(stream: bl.backends.ChatStream) -> list[Any]:
    """Return everything in a stream except its request ids."""
    return [chunk async for chunk in stream if not isinstance(chunk, (bl.types.ChatStart, bl.types.ChatDone))]


async def test_the_same_request_is_answered_from_the_store_as_the_same_stream() -> None:
    """With the same pieces: text with logprobs, reasoning, tool calls; usage and model, but no cost."""
    call = bl.ToolCallPart("1", "look", '{"at": "it"}')
    reasoning = bl.types.ReasoningDelta(reasoning="hm", signature="s")
    inner = ScriptedBackend([[reasoning, "two ", "words", call], "another"], name="cloud", model="m-1")
    cache = bl.ResponseCache(inner)
    first, second = cache.stream("hi", temperature=0), cache.stream("hi", temperature=0)
    once, again = await chunks_of(first), await chunks_of(second)
    assert len(once) == 4 and once == again
    assert len(inner.requests) == 1
    one, two = first.response, second.response
    assert (two.message, two.usage, two.finish_reason) == (one.message, one.usage, "tool_calls")
    assert (two.backend, two.model, two.cost_usd) == ("cloud", "m-1", 0.0)
    assert (one.route, [(hop.code, hop.backend) for hop in two.route]) == ([], [("cached", "cloud")])
    assert one.request_id != two.request_id


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"temperature": 0}, True),
        ({"seed": 7}, True),
        ({}, False),
        ({"temperature": 0.7}, False),
        ({"temperature": 0.7, "metadata": {"cache": "use"}}, True),
        ({"temperature": 0, "metadata": {"cache": "skip"}}, False),
        ({"temperature": 0, "private": True}, True),
    ],
)
async def test_only_repeatable_answers_are_kept_by_default(options: dict[str, Any], kept: bool) -> None:
    """The caller can keep others, or none."""
    cache = bl.ResponseCache(counting())
    texts = [(await cache.complete("hi", **options)).text for _ in range(2)]
    assert (texts[0] == texts[1]) is kept


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "ho"},
        {"model": "m"},
        {"max_tokens": 5},
        {"seed": 1},
        {"stop": ["x"]},
        {"tools": [bl.Tool("look")]},
        {"response_format": {"type": "json_object"}},
    ],
)
async def test_a_different_request_gets_a_different_answer(other: dict[str, Any]) -> None:
    """Whatever affects the answer."""
    cache = bl.ResponseCache(counting())
    await cache.complete("hi", temperature=0)
    assert (await cache.complete(**{"prompt": "hi", "temperature": 0, **other})).text == "answer 1"


async def test_the_order_of_a_schema_s_properties_counts() -> None:
    """A model fills them in in order, so the answer differs."""
    cache = bl.ResponseCache(counting())
    one, two = (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": properties}}}
        for properties in ({"a": {}, "b": {}}, {"b": {}, "a": {}})
    )
    await cache.complete("hi", temperature=0, response_format=one)
    assert (await cache.complete("hi", temperature=0, response_format=one)).text == "answer 0"
    assert (await cache.complete("hi", temperature=0, response_format=two)).text == "answer 1"


async def test_fields_that_do_not_affect_the_answer_do_not_count() -> None:
    """Metadata, the deadline and privacy."""
    cache = bl.ResponseCache(counting())
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    await cache.complete("hi", temperature=0, response_format=schema)
    response = await cache.complete(
        [{"role": "user", "content": "hi"}],
        temperature=0,
        response_format=schema,
        deadline_s=9,
        private=True,
        metadata={"a": 1},
    )
    assert response.text == "answer 0"


async def test_answers_differ_by_backend_and_default_model() -> None:
    """Two backends can share a store, and a backend may change its default model."""
    store = MemoryStore()
    for name, model in (("one", "m-1"), ("two", "m-1"), ("one", "m-2")):
        backend = ScriptedBackend(f"{name} {model}", name=name, model=model)
        response = await bl.ResponseCache(backend, store=store).complete("hi", temperature=0)
        assert response.text == f"{name} {model}"


async def test_refresh_asks_again_and_keeps_the_new_answer() -> None:
    """The next request gets the new answer."""
    cache = bl.ResponseCache(counting())
    await cache.complete("hi", temperature=0)
    assert (await cache.complete("hi", temperature=0, metadata={"cache": "refresh"})).text == "answer 1"
    assert (await cache.complete("hi", temperature=0)).text == "answer 1"
    with pytest.raises(bl.InvalidRequest, match=r"'never'.*use, refresh, skip"):
        await cache.complete("hi", metadata={"cache": "never"})
    await cache.clear()
    assert (await cache.complete("hi", temperature=0)).text == "answer 2"


async def test_incomplete_answers_are_not_kept() -> None:
    """Failed, stopped and filtered ones."""
    inner = ScriptedBackend([["a", bl.errors.Stalled("silent")], ["b", HANG], "c"])
    cache = bl.ResponseCache(inner)
    with pytest.raises(bl.errors.Stalled):
        await cache.complete("hi", temperature=0)
    stream = cache.stream("hi", temperature=0)
    async for chunk in stream:
        if isinstance(chunk, bl.types.TextDelta):
            stream.stop()
    assert stream.response.finish_reason == "cancelled"
    assert (await cache.complete("hi", temperature=0)).text == "c"
    engine = Interruptible()
    around = bl.ResponseCache(engine)
    for _ in range(2):
        await stopped(around, temperature=0)
    assert len(engine.requests) == 2
    filtered = bl.ResponseCache(ScriptedBackend(["x", "y"], finish_reason="content_filter"))
    assert [(await filtered.complete("hi", temperature=0)).text for _ in range(2)] == ["x", "y"]


async def test_a_restarted_answer_is_kept_without_its_false_start() -> None:
    """Chunks before a restart no longer count."""
    broken = ScriptedBackend([["false start", bl.errors.Stalled("silent")]], name="one")
    router = bl.Router([broken, ScriptedBackend("the answer", name="two")], on_interrupted="restart")
    cache = bl.ResponseCache(router)
    first = await cache.complete("hi", temperature=0)
    again = await cache.complete("hi", temperature=0)
    assert first.text == again.text == "the answer"
    assert (again.backend, [hop.code for hop in again.route]) == ("two", ["cached"])


async def test_answers_expire() -> None:
    """At ``max_age_s`` the backend is asked again; also for entries that a wrong clock created in the future."""
    now = Now()
    cache = bl.ResponseCache(counting(), max_age_s=60, now=now)
    assert (await cache.complete("hi", temperature=0)).text == "answer 0"
    now.now_s += 59.9
    assert (await cache.complete("hi", temperature=0)).text == "answer 0"
    now.now_s += 0.1
    assert (await cache.complete("hi", temperature=0)).text == "answer 1"
    now.now_s -= 1000
    assert (await cache.complete("hi", temperature=0)).text == "answer 2"


async def test_the_least_recently_used_answer_is_dropped_first() -> None:
    """By the number of entries, and by their bytes; also those of an earlier program."""
    now, store = Now(), MemoryStore()

    def program(**limits: int) -> bl.ResponseCache:
        return bl.ResponseCache(counting(), store=store, now=now, **limits)

    async def ask(cache: bl.ResponseCache, prompt: str) -> bool:
        """Return whether it is answered from the store."""
        now.now_s += 1
        return bool((await cache.complete(prompt, temperature=0)).route)

    first = program(max_entries=3)
    assert [await ask(first, prompt) for prompt in ("a", "b", "c", "a", "d")] == [False, False, False, True, False]
    second = program(max_entries=3)
    assert [await ask(second, prompt) for prompt in ("c", "a", "d")] == [True, True, True]
    assert len(await store.items("cache/a")) == 6
    assert await ask(second, "b") is False
    assert await ask(second, "c") is False, "b took the place of c, which was used before a and d"

    size = len((await store.items("cache/answer/"))[0][1])
    third = program(max_bytes=2 * size + size // 2)
    assert await ask(third, "e") is False
    assert len(await store.items("cache/answer/")) == 2
    huge = bl.ResponseCache(ScriptedBackend("x" * 10_000), store=store, max_bytes=5000)
    await huge.complete("huge", temperature=0)
    assert len(await store.items("cache/answer/")) == 2


@pytest.mark.parametrize("which", ["cache/about/", "cache/answer/"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", None])
async def test_a_damaged_entry_is_replaced(which: str, damage: bytes | None) -> None:
    """Without an error or a partial answer."""
    store = MemoryStore()
    cache = bl.ResponseCache(counting(), store=store)
    await cache.complete("hi", temperature=0)
    ((key, _),) = await store.items(which)
    await (store.delete(key) if damage is None else store.put(key, damage))
    assert (await cache.complete("hi", temperature=0)).text == "answer 1"
    assert (await cache.complete("hi", temperature=0)).text == "answer 1"


async def test_an_unreadable_entry_is_deleted() -> None:
    """Otherwise it would stay forever."""
    store = MemoryStore()
    await store.put("cache/about/old", b"{")
    await store.put("cache/answer/old", b"x" * 1000)
    await bl.ResponseCache(counting(), store=store).complete("hi", temperature=0)
    assert "cache/answer/old" not in dict(await store.items())
    assert len(await store.items("cache/a")) == 2


class Failing(MemoryStore):
    """A store that cannot be written, or cannot be read."""

    full = blocked = False

    async def put(self, key: str, value: bytes) -> None:
        if self.full:
            raise bl.errors.QuotaExceeded("no room")
        await super().put(key, value)

    async def get(self, key: str) -> bytes | None:
        if self.blocked:
            raise bl.Unavailable("gone", reason="blocked")
        return await super().get(key)


async def test_a_store_that_fails_does_not_prevent_an_answer() -> None:
    """The answer has a warning that says what failed."""
    store = Failing()
    cache = bl.ResponseCache(counting(), store=store)
    store.full = True
    response = await cache.complete("hi", temperature=0)
    assert (response.text, [warning.message for warning in response.warnings]) == (
        "answer 0",
        ["the answer could not be cached: no room"],
    )
    store.full, store.blocked = False, True
    response = await cache.complete("hi", temperature=0)
    assert (response.text, response.warnings[0].message) == ("answer 1", "the cache could not be read: gone")


async def test_two_equal_requests_at_the_same_moment_are_both_sent() -> None:
    """One caller's stop must not end the other's answer."""
    inner = ScriptedBackend([["a", HANG], "b", "c"])
    cache = bl.ResponseCache(inner)
    one = cache.stream("hi", temperature=0)
    first = asyncio.create_task(one.finish())
    await asyncio.sleep(0)
    assert (await cache.complete("hi", temperature=0)).text == "b"
    one.stop()
    assert (await first).finish_reason == "cancelled"
    assert (await cache.complete("hi", temperature=0)).text == "b"
