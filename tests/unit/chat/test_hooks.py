"""Hooks: their order, their arguments, and the effect of their decisions."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.chat.hooks import HookChain, Verdict

CALL = bl.ToolCallPart("1", "delete_file", '{"path":"a.txt"}', signature="s")
REQUEST = bl.ChatRequest(messages=[bl.Message("user", "hi")])


def changed(**arguments: Any) -> bl.ToolCallPart:
    """The call with other arguments; all else is as it was."""
    import msgspec

    return bl.ToolCallPart("1", "delete_file", msgspec.json.encode(arguments).decode(), signature="s")


class Noting(bl.Hooks):
    """Writes down what it is asked, and says what it is told to say."""

    def __init__(self, name: str, notes: list[Any], says: Any = None) -> None:
        self.name = name
        self.notes = notes
        self.says = says

    async def before_request(self, request: bl.ChatRequest) -> Any:
        self.notes.append((self.name, request.temperature))
        return self.says

    async def after_response(self, response: bl.ChatResponse) -> None:
        self.notes.append((self.name, response.text))

    async def on_tool_call(self, call: bl.ToolCallPart) -> Any:
        self.notes.append((self.name, call.arguments))
        return self.says

    async def on_error(self, error: Exception) -> None:
        self.notes.append((self.name, str(error)))

    async def on_fallback(self, hop: bl.types.Hop) -> None:
        self.notes.append((self.name, hop.reason))


async def test_hooks_get_every_event_in_order() -> None:
    """Each event goes to every hook, the first one first; a hook that overrides nothing is skipped."""
    notes: list[Any] = []
    chain = HookChain([Noting("a", notes), bl.Hooks(), Noting("b", notes)])
    response = bl.ChatResponse(
        request_id="1", backend="b", message=bl.Message("assistant", "yes"), finish_reason="stop"
    )
    assert await chain.before_request(REQUEST) is REQUEST
    await chain.after_response(response)
    await chain.on_error(ValueError("broken"))
    await chain.on_fallback(bl.types.Hop(reason="offline"))
    assert await chain.decide(CALL) == Verdict(CALL, None, False)
    values = [None, "yes", "broken", "offline", '{"path":"a.txt"}']
    assert notes == [(name, value) for value in values for name in "ab"]


async def test_an_empty_chain_lets_everything_run() -> None:
    """No hooks, no decisions, and nothing to do for a chunk."""
    chain = HookChain()
    assert await chain.decide(CALL) == Verdict(CALL, None, False)
    assert await chain.before_request(REQUEST) is REQUEST
    assert not chain.watches_chunks


async def test_the_first_approval_ends_the_chain() -> None:
    """Later hooks are not asked, even one that would refuse."""
    notes: list[Any] = []
    chain = HookChain([Noting("a", notes), Noting("b", notes, True), Noting("c", notes, False)])
    assert await chain.decide(CALL) == Verdict(CALL, None, False)
    assert [name for name, _ in notes] == ["a", "b"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (False, "the call of delete_file was not allowed"),
        (bl.chat.Deny(), "the call of delete_file was not allowed"),
        (bl.chat.Deny("not on Sundays"), "not on Sundays"),
    ],
)
async def test_a_refusal_ends_the_chain(said: Any, reason: str) -> None:
    """The call does not run; the model gets the reason."""
    notes: list[Any] = []
    chain = HookChain([Noting("a", notes, said), Noting("b", notes, True)])
    assert await chain.decide(CALL) == Verdict(CALL, reason, False)
    assert [name for name, _ in notes] == ["a"]


async def test_later_hooks_see_changed_arguments() -> None:
    """The verdict has them, with the call's id, name and signature; a later refusal applies to the changed call."""
    notes: list[Any] = []
    first = Noting("a", notes, bl.chat.Change({"path": "b.txt"}))
    assert await HookChain([first, Noting("b", notes)]).decide(CALL) == Verdict(changed(path="b.txt"), None, True)
    assert notes == [("a", '{"path":"a.txt"}'), ("b", '{"path":"b.txt"}')]
    verdict = await HookChain([first, lambda call: bl.chat.Change({"n": call.arguments})]).decide(CALL)
    assert verdict == Verdict(changed(n='{"path":"b.txt"}'), None, True)
    assert await HookChain([first, lambda _: bl.chat.Deny("no")]).decide(CALL) == Verdict(
        changed(path="b.txt"), "no", True
    )


async def test_hooks_may_be_sync_or_async() -> None:
    """A hook is a function or a coroutine function; so is each method, except `on_chunk`."""

    async def waits(call: bl.ToolCallPart) -> bl.chat.Deny:
        return bl.chat.Deny(f"not {call.name}")

    class Plain(bl.Hooks):
        def before_request(self, request: bl.ChatRequest) -> Any:
            return bl.ChatRequest(messages=request.messages, seed=1)

        def on_tool_call(self, call: bl.ToolCallPart) -> Any:
            return bl.chat.Deny("plainly no")

    assert (await HookChain([waits]).decide(CALL)).denied == "not delete_file"
    assert (await HookChain([lambda _: False]).decide(CALL)).denied is not None
    assert (await HookChain([Plain()]).decide(CALL)).denied == "plainly no"
    assert (await HookChain([Plain()]).before_request(REQUEST)).seed == 1


async def test_each_hook_gets_the_request_of_the_previous_one() -> None:
    """The last one's is sent."""
    notes: list[Any] = []
    warm = bl.ChatRequest(messages=REQUEST.messages, temperature=1.5)
    hot = bl.ChatRequest(messages=REQUEST.messages, temperature=2)
    chain = HookChain([Noting("a", notes, warm), Noting("b", notes), Noting("c", notes, hot)])
    assert await chain.before_request(REQUEST) == hot
    assert notes == [("a", None), ("b", 1.5), ("c", 1.5)]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (bl.ChatRequest(messages=REQUEST.messages, temperature=99), "temperature=99"),
        (bl.ChatRequest(messages=[]), "messages"),
        (bl.ChatRequest(messages="no list"), "messages"),  # type: ignore[arg-type]
        ("hi", "before_request of the hook .* returned 'hi'; return a ChatRequest or None"),
    ],
)
async def test_a_hook_cannot_send_an_invalid_request(made: Any, message: str) -> None:
    """Its request is validated like a caller's, before the next hook sees it."""
    notes: list[Any] = []
    with pytest.raises(bl.InvalidRequest, match=message):
        await HookChain([Noting("a", notes, made), Noting("b", notes)]).before_request(REQUEST)
    assert [name for name, _ in notes] == ["a"]


@pytest.mark.parametrize("said", ["yes", 1, 0, "", [], {"path": "b.txt"}])
async def test_an_invalid_decision_is_an_error(said: Any) -> None:
    """A value that is neither yes nor no counts as neither: the tool does not run."""
    with pytest.raises(bl.InvalidRequest, match=r"on_tool_call of the hook .* returned .*; return True, False"):
        await HookChain([lambda _: said]).decide(CALL)


@pytest.mark.parametrize("arguments", [None, "{}", ["a"], {"a": object()}, {"a": {1, object()}}])
async def test_changed_arguments_must_be_json(arguments: Any) -> None:
    """Arguments that no call could have are refused, not passed on."""
    with pytest.raises(bl.InvalidRequest, match="the arguments"):
        await HookChain([lambda _: bl.chat.Change(arguments)]).decide(CALL)


async def test_an_exception_in_a_hook_is_raised() -> None:
    """An approval that fails approves nothing, and later hooks are not asked."""
    notes: list[Any] = []

    class Failing(bl.Hooks):
        async def before_request(self, request: bl.ChatRequest) -> None:
            raise LookupError("a")

        async def on_tool_call(self, call: bl.ToolCallPart) -> None:
            raise LookupError("b")

        def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
            raise LookupError("c")

    chain = HookChain([Failing(), Noting("after", notes)])
    with pytest.raises(LookupError, match="a"):
        await chain.before_request(REQUEST)
    with pytest.raises(LookupError, match="b"):
        await chain.decide(CALL)
    with pytest.raises(LookupError, match="c"):
        chain.on_chunk(bl.types.TextDelta())
    assert notes == []


def test_chunks_go_to_the_hooks_that_override_on_chunk() -> None:
    """In order; if none does, the chain reports it and there is nothing to call."""
    seen: list[tuple[str, str]] = []

    class Watching(bl.Hooks):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
            seen.append((self.name, chunk.text))

    assert not HookChain([Noting("a", []), lambda _: True, bl.Hooks()]).watches_chunks
    chain = HookChain([Watching("a"), bl.Hooks(), Watching("b")])
    assert chain.watches_chunks
    chain.on_chunk(bl.types.TextDelta(text="x"))
    assert seen == [("a", "x"), ("b", "x")]


class WaitsForChunks(bl.Hooks):
    async def on_chunk(self, chunk: bl.types.ChatChunk) -> None:  # type: ignore[override]
        """Nothing awaits this."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "None is not a hook"),
        ("approve", "'approve' is not a hook"),
        (Noting, "is not a hook; use an instance"),
        (WaitsForChunks(), "is 'async def', but it is called without await"),
    ],
)
def test_a_value_that_is_not_a_hook_is_refused_at_once(given: Any, message: str) -> None:
    """Before anything runs: a class in place of its instance would never be called."""
    with pytest.raises(bl.InvalidRequest, match=message):
        HookChain([given])


async def test_a_backend_that_fails_in_each_round_is_reported_in_each() -> None:
    """The same failure again is another one, also if the first one was reported at once, by its restart."""
    down = bl.Unavailable("down", reason="server_error")
    first = bl.ScriptedBackend([["half ", down], [down]], name="first")
    second = bl.ScriptedBackend([[bl.ToolCallPart("1", "now", "{}")], "late"], name="second")
    router = bl.Router([first, second], bl.Explicit(), on_interrupted="restart", breaker=None)
    notes: list[Any] = []

    def now() -> str:
        """Return the time."""
        return "12:00"

    chat = bl.Session(router, tools=[now], hooks=[Noting("a", notes)])
    assert (await chat.send("How late is it?")).text == "late"
    assert [note for note in notes if note[1] == "down"] == [("a", "down"), ("a", "down")]
