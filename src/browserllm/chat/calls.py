"""Running the tool calls of one answer: side by side, each with a time limit and a result that is not too long.

A call always gets a result. What a tool does wrong, or does not end, is in it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.private_context import privately
from ..types import Message, ToolCallPart, ToolResultPart
from .history import encodable, encodable_message
from .hooks import HookChain
from .reply import ToolRun
from .tools import FunctionTool, Toolbox, as_tool, check_tools

MAX_RESULT_CHARS = 64 * 1024
"""The longest result that a model is given; of a longer one it gets the beginning, and is told."""

GRACE_S = 0.25
"""How long what was cancelled may take to end. Nobody waits any longer: a tool may not listen at all."""


class Tools:
    """The tools of a session: a toolbox, and how long each may take."""

    def __init__(self, given: Iterable[Any], timeout_s: float | None) -> None:
        """Take what a `Toolbox` takes; a tool's own time limit goes before ``timeout_s``."""
        self.given = check_tools(given)
        made = [as_tool(each) for each in self.given]
        self.box = Toolbox(made)
        self.declared = self.box.tools
        self._names = {tool.name for tool in self.declared}
        self._timeout_s = timeout_s
        self._leaving = {each.tool.name for each in made if isinstance(each, FunctionTool) and each.leaves_device}
        self._own_s = {each.tool.name: each.timeout_s for each in made if isinstance(each, FunctionTool)}

    def can_run(self, call: ToolCallPart) -> bool:
        """Say whether a call is of a tool with a function."""
        return self.box.can_run(call.name)

    def may_leave(self, call: ToolCallPart) -> bool:
        """Say whether a call is of a tool that sends what the model wrote off the device."""
        return call.name in self._leaving

    def is_left_open(self, call: ToolCallPart) -> bool:
        """Say whether a call is of a tool that was only declared: the program answers it."""
        return call.name in self._names and not self.box.can_run(call.name)

    async def run(self, run: ToolRun) -> ToolResultPart:
        """Run a call, and give up on it when its time is over, also on a tool that does not listen."""
        call = run.call
        own_s = self._own_s.get(call.name)
        # A tool with a limit of its own says so itself; this is for one that does not end then.
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


class Calls:
    """The calls of one answer, and what became of each so far. ``started`` says that a tool has begun to run."""

    def __init__(self, message: Message, tools: Tools, *, private: bool = False) -> None:
        """Take the calls of an answer; those of a private conversation reach no tool that leaves the device."""
        self.runs = [ToolRun(call=call) for call in encodable_message(message).tool_calls]
        self.started = False
        self._tools = tools
        self._private = private

    @property
    def to_run(self) -> list[ToolRun]:
        """Those that are still to be run, here and not by the program."""
        return [self.runs[index] for index in self._places()]

    @property
    def results(self) -> list[ToolResultPart]:
        """The results there are, in the order of the calls."""
        return [run.result for run in self.runs if run.result is not None]

    def refuse(self, why: str) -> None:
        """Give each call that has no result one that says why."""
        for index, run in enumerate(self.runs):
            if run.result is None:
                self.runs[index] = replace(run, result=_failed(run.call, why))

    async def decide(self, hooks: HookChain) -> None:
        """Ask the hooks about one call after the other; a call of no tool here is for nobody to allow."""
        for index, run in enumerate(self.runs):
            if self._private and self._tools.may_leave(run.call):
                why = f"the conversation is private, and {run.call.name} would send something off this device"
                self.runs[index] = ToolRun(call=run.call, denied=why, result=_failed(run.call, f"not run: {why}"))
            elif self._tools.can_run(run.call):
                call, denied, changed = await hooks.decide(run.call)
                result = None if denied is None else _failed(call, f"denied, and not run: {denied}")
                self.runs[index] = ToolRun(call=call, changed=changed, denied=denied, result=result)

    async def run(self, halt: asyncio.Future[None]) -> AsyncGenerator[ToolRun, None]:
        """Run what is to be run, all at the same time, until ``halt`` is done; yield each as it ends."""
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
                # One that ended at the last moment has its result all the same.
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
    """Cancel tasks and wait until they have ended, or have had the time to."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
        task.add_done_callback(_forget)
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE_S)


def _failed(call: ToolCallPart, why: str) -> ToolResultPart:
    return ToolResultPart(call.id, why, is_error=True)


def _readable(result: ToolResultPart, run: ToolRun) -> ToolResultPart:
    """Return a result as the model gets it."""
    text = encodable(result.content)
    if len(text) > MAX_RESULT_CHARS:
        text = f"{text[:MAX_RESULT_CHARS]}\n[cut: these are the first {MAX_RESULT_CHARS} of {len(text)} characters]"
    if run.changed:
        text = f"[run with the arguments {run.call.arguments} instead]\n{text}"
    return result if text == result.content else replace(result, content=text)


def _forget(task: asyncio.Future[Any]) -> None:
    """Take note of a failure that nobody waits for any more, so that it is not reported as lost."""
    if not task.cancelled():
        task.exception()
