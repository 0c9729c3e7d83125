"""Approvals: tool calls that wait for a decision."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.chat.hooks import HookChain, Verdict


def call(number: int = 1, name: str = "delete_file") -> bl.ToolCallPart:
    """A call as a model makes it."""
    return bl.ToolCallPart(str(number), name, '{"path":"a.txt"}')


async def settled() -> None:
    """Let every task go on as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


class Asking:
    """Tasks that ask about calls, as the turns of sessions do."""

    def __init__(self, approvals: bl.Approvals) -> None:
        self.chain = HookChain([approvals])

    async def ask(self, asked: bl.ToolCallPart) -> asyncio.Task[Verdict]:
        """Start one, and return once it waits."""
        task = asyncio.create_task(self.chain.decide(asked))
        await settled()
        return task


async def test_a_call_waits_until_it_is_decided() -> None:
    """Approved, denied with or without a reason, or changed: each call waits for its own decision."""
    approvals = bl.Approvals()
    asking = Asking(approvals)
    tasks = [await asking.ask(call(number)) for number in range(4)]
    assert not any(task.done() for task in tasks)
    assert [pending.call for pending in approvals.pending] == [call(number) for number in range(4)]
    one, two, three, four = approvals.pending
    three.change({"path": "b.txt"})
    two.deny("not that one")
    one.approve()
    four.deny()
    assert approvals.pending == []
    assert [await task for task in tasks] == [
        Verdict(call(0), None, False),
        Verdict(call(1), "not that one", False),
        Verdict(bl.ToolCallPart("2", "delete_file", '{"path":"b.txt"}'), None, True),
        Verdict(call(3), "the user did not allow this call", False),
    ]


async def test_an_approved_call_skips_the_hooks_that_follow() -> None:
    """The user's decision counts; a call that the user changed is shown to the hooks that follow."""
    approvals = bl.Approvals()
    chain = HookChain([approvals, lambda _: bl.chat.Deny("never")])
    tasks = [asyncio.create_task(chain.decide(call(number))) for number in range(2)]
    await settled()
    approvals.pending[0].approve()
    approvals.pending[0].change({"path": "b.txt"})
    assert [(await task).denied for task in tasks] == [None, "never"]


@bl.tool
def rename_file(path: str) -> None:
    """Rename a file."""


@pytest.mark.parametrize("named", ["rename_file", rename_file, rename_file.tool, rename_file.function])
async def test_only_the_named_tools_need_approval(named: Any) -> None:
    """A tool can be given by its name or as an object; all others run without approval."""
    approvals = bl.Approvals(tools=[named, "delete_all"])
    asking = Asking(approvals)
    assert await (await asking.ask(call())) == Verdict(call(), None, False)
    task = await asking.ask(call(name="rename_file"))
    assert [pending.call.name for pending in approvals.pending] == ["rename_file"]
    approvals.pending[0].deny()
    await task


async def test_the_app_gets_each_call_as_it_arrives() -> None:
    """Waiting calls come first; iteration ends with `close`, which denies the waiting calls and all later ones."""
    approvals = bl.Approvals()
    asking = Asking(approvals)
    given: list[str] = []

    async def app() -> None:
        async for pending in approvals:
            given.append(pending.call.id)
            if pending.call.id != "3":
                pending.approve()

    tasks = [await asking.ask(call(1))]
    ui = asyncio.create_task(app())
    tasks += [await asking.ask(call(2)), await asking.ask(call(3))]
    assert given == ["1", "2", "3"]
    approvals.close()
    approvals.close()
    await ui
    tasks.append(await asking.ask(call(4)))
    assert [(await task).denied for task in tasks] == [
        None,
        None,
        "approvals were closed before this call was approved",
        "approvals are closed, so this call cannot be approved",
    ]


async def test_a_new_iteration_gets_the_calls_that_still_wait() -> None:
    """A call that one iteration returned without a decision is not lost; two iterations at once both get it."""
    approvals = bl.Approvals()
    asking = Asking(approvals)
    tasks = [await asking.ask(call(number)) for number in range(3)]
    first = aiter(approvals)
    assert [(await anext(first)).call.id for _ in range(2)] == ["0", "1"]
    approvals.pending[0].approve()
    second = aiter(approvals)
    assert [(await anext(second)).call.id for _ in range(2)] == ["1", "2"]
    assert (await anext(first)).call.id == "2"
    waiting = [asyncio.ensure_future(anext(iterator)) for iterator in (first, second)]
    tasks.append(await asking.ask(call(3)))
    assert [(await task).call.id for task in waiting] == ["3", "3"]
    approvals.close()
    await asyncio.gather(*tasks)


async def test_a_cancelled_turn_withdraws_its_call() -> None:
    """The app sees that no decision is needed any more; a late decision is an error and approves nothing."""
    approvals = bl.Approvals()
    task = await Asking(approvals).ask(call())
    iterator = aiter(approvals)
    pending = await anext(iterator)
    assert not pending.done
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (pending.done, approvals.pending) == (True, [])
    with pytest.raises(bl.InvalidRequest, match="its turn was cancelled"):
        pending.approve()
    again = await Asking(approvals).ask(call(2))
    assert (await anext(iterator)).call.id == "2"
    approvals.close()
    await again


async def test_a_second_decision_is_an_error() -> None:
    """The first decision counts."""
    approvals = bl.Approvals()
    task = await Asking(approvals).ask(call())
    [pending] = approvals.pending
    pending.deny("no")
    assert pending.done
    for again in (pending.approve, pending.deny, lambda: pending.change({})):
        with pytest.raises(bl.InvalidRequest, match="the call '1' of delete_file no longer waits"):
            again()
    assert (await task).denied == "no"


async def test_a_change_that_is_not_json_decides_nothing() -> None:
    """The call keeps waiting for a valid decision."""
    approvals = bl.Approvals()
    task = await Asking(approvals).ask(call())
    [pending] = approvals.pending
    for arguments in ("{}", {"a": object()}):
        with pytest.raises(bl.InvalidRequest, match="the arguments"):
            pending.change(arguments)  # type: ignore[arg-type]
    assert approvals.pending == [pending]
    assert "delete_file" in repr(pending)
    pending.approve()
    assert (await task).denied is None


async def test_a_call_without_a_decision_is_denied_at_its_time_limit() -> None:
    """The call is denied, for that reason; one that was decided in time is not."""
    clock = bl.testing.Clock()
    approvals = bl.Approvals(timeout_s=30, clock=clock)
    asking = Asking(approvals)
    tasks = [await asking.ask(call(number)) for number in range(2)]
    clock.advance(29)
    await settled()
    [one, two] = approvals.pending
    one.approve()
    await settled()
    clock.advance(1)
    assert [(await task).denied for task in tasks] == [None, "this call was not approved within 30 s"]
    assert two.done


async def test_several_conversations_share_approvals() -> None:
    """Each gets the decision about its own call."""
    approvals = bl.Approvals()
    tasks = [await Asking(approvals).ask(call(number)) for number in range(3)]
    for pending in approvals.pending:
        pending.deny(f"no {pending.call.id}")
    assert [(await task).denied for task in tasks] == ["no 0", "no 1", "no 2"]


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_a_time_limit_that_is_not_above_zero_is_refused(timeout_s: float) -> None:
    """It would leave no time for a decision."""
    with pytest.raises(bl.InvalidRequest, match="timeout_s="):
        bl.Approvals(timeout_s=timeout_s)


@pytest.mark.parametrize("tools", ["delete_file", [3], [None]])
def test_values_that_are_not_tools_are_refused(tools: Any) -> None:
    """Otherwise a tool could run without approval."""
    with pytest.raises(bl.InvalidRequest, match=r"delete_file|is not a tool"):
        bl.Approvals(tools=tools)
