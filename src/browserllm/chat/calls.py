"""Runs the tool calls of one answer concurrently, each with a time limit and a limited result.

A call always gets a result; if the tool fails or does not end, the result says so.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.private_context import privately
from ..backends.split_characters import whole_text
from ..types import Message, ToolCallPart, ToolResultPart
from .history import encodable_message
from .hooks import HookChain
from .reply import ToolRun
from .tools import FunctionTool, Toolbox, as_tool, check_tools

MAX_RESULT_CHARS = 64 * 1024
"""The longest result that a model gets; a longer one is cut, with a note."""

GRACE_S = 0.25
"""How long to wait for a cancelled tool to end; it may ignore the cancellation."""


class Tools:
    """The tools of a session: a toolbox, with a time limit for each tool."""

    def __init__(self, given: Iterable[Any], timeout_s: float | None) -> None:
        """Take anything a `Toolbox` takes; a tool's own time limit overrides ``timeout_s``."""
        self.given = check_tools(given)
        made = [as_tool(each) for each in self.given]
        self.box = Toolbox(made)
        self.declared = self.box.tools
        self._names = {tool.name for tool in self.declared}
        self._timeout_s = timeout_s
        self._leaving = {each.tool.name for each in made if isinstance(each, FunctionTool) and each.leaves_device}
        self._own_s = {each.tool.name: each.timeout_s for each in made if isinstance(each, FunctionTool)}

    def can_run(self, call: ToolCallPart) -> bool:
        """Return whether the called tool has a function."""
        return self.box.can_run(call.name)

    def may_leave(self, call: ToolCallPart) -> bool:
        """Return whether the called tool sends its arguments off the device."""
        return call.name in self._leaving

    def is_left_open(self, call: ToolCallPart) -> bool:
        """Return whether the called tool is only declared, so that the program must answer the call."""
        return call.name in self._names and not self.box.can_run(call.name)

    async def run(self, run: ToolRun) -> ToolResultPart:
        """Run a call and give up on it at its time limit, even if the tool ignores the cancellation."""
        call = run.call
        own_s = self._own_s.get(call.name)
        # A tool enforces its own limit itself; the grace is for one that ignores the cancellation.
        limit_s = self._timeout_s if own_s is None else own_s + GRACE_S
        task = asyncio.ensure_future(self.box.run(call))
        try:
            done, _ = await asyncio.wait([task], timeout=limit_s)
        except asyncio.CancelledError:
            await end([task])
            raise
        if not done:
            await end([task])
            return _failed(call, f"{call.name} took longer than {own_s or limit_s:g} s")
        if task.cancelled():
            return _failed(call, f"{call.name} was cancelled")
        return _readable(task.result(), run)


class CallBatch:
    """The calls of one answer with their results so far. ``started`` is true once a tool has begun to run."""

    def __init__(self, message: Message, tools: Tools, *, private: bool = False) -> None:
        """Take the calls of an answer; ``private`` keeps them from tools that send data off the device."""
        self.runs = [ToolRun(call=call) for call in encodable_message(message).tool_calls]
        self.started = False
        self._tools = tools
        self._private = private

    @property
    def to_run(self) -> list[ToolRun]:
        """The calls that still have to run here, without those that the program must answer."""
        return [self.runs[index] for index in self._places()]

    @property
    def results(self) -> list[ToolResultPart]:
        """The results so far, in the order of the calls."""
        return [run.result for run in self.runs if run.result is not None]

    def refuse(self, why: str) -> None:
        """Give each call without a result one that says why it did not run."""
        for index, run in enumerate(self.runs):
            if run.result is None:
                self.runs[index] = replace(run, result=_failed(run.call, why))

    async def decide(self, hooks: HookChain) -> None:
        """Ask the hooks about each call in order; calls of unknown tools need no decision."""
        for index, run in enumerate(self.runs):
            if self._private and self._tools.may_leave(run.call):
                why = f"the conversation is private, and {run.call.name} would send something off this device"
                self.runs[index] = ToolRun(call=run.call, denied=why, result=_failed(run.call, f"not run: {why}"))
            elif self._tools.can_run(run.call):
                call, denied, changed = await hooks.decide(run.call)
                result = None if denied is None else _failed(call, f"denied, and not run: {denied}")
                self.runs[index] = ToolRun(call=call, changed=changed, denied=denied, result=result)

    async def run(self, halt: asyncio.Future[None]) -> AsyncGenerator[ToolRun, None]:
        """Run the calls concurrently until ``halt`` is done, and yield each as it ends."""
        began = time.perf_counter()
        with privately(self._private):
            tasks = {asyncio.ensure_future(self._tools.run(self.runs[index])): index for index in self._places()}
        self.started = bool(tasks)
        try:
            while tasks and not halt.done():
                await asyncio.wait([*tasks, halt], return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in tasks if task.done()]:
                    yield self._note(tasks.pop(task), task, began)
        finally:
            await end(tasks)
            for task, index in tasks.items():
                # Keep the result of a call that ended during the cancellation.
                if task.done() and not task.cancelled():
                    self._note(index, task, began)

    def _places(self) -> list[int]:
        open_ = self._tools.is_left_open
        return [index for index, run in enumerate(self.runs) if run.result is None and not open_(run.call)]

    def _note(self, index: int, task: asyncio.Future[ToolResultPart], began: float) -> ToolRun:
        elapsed_ms = (time.perf_counter() - began) * 1000
        run = self.runs[index] = replace(self.runs[index], result=task.result(), elapsed_ms=elapsed_ms)
        return run


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait up to `GRACE_S` for them to end."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
        task.add_done_callback(_forget)
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE_S)


def _failed(call: ToolCallPart, why: str) -> ToolResultPart:
    return ToolResultPart(call.id, why, is_error=True)


def _readable(result: ToolResultPart, run: ToolRun) -> ToolResultPart:
    """Return a result as the model reads it: cut to its limit, with a note on changed arguments."""
    text = whole_text(result.content)
    if len(text) > MAX_RESULT_CHARS:
        text = f"{text[:MAX_RESULT_CHARS]}\n[cut: these are the first {MAX_RESULT_CHARS} of {len(text)} characters]"
    if run.changed:
        text = f"[run with the arguments {run.call.arguments} instead]\n{text}"
    return result if text == result.content else replace(result, content=text)


def _forget(task: asyncio.Future[Any]) -> None:
    """Retrieve the exception of an abandoned task, so that asyncio does not report it as never retrieved."""
    if not task.cancelled():
        task.exception()
