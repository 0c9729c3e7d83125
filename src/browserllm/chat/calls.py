"""Running the tool calls of one answer: side by side, each with a time limit and a result that is not too long.

A call always gets a result. What a tool does wrong, or does not end, is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..types import ToolCallPart, ToolResultPart
from .history import encodable
from .reply import ToolRun
from .tools import FunctionTool, Toolbox, as_tool

if TYPE_CHECKING:
    import asyncio

MAX_RESULT_CHARS = 64 * 1024
"""The longest result that a model is given; of a longer one it gets the beginning, and is told."""

GRACE_S = 0.25
"""How long what was cancelled may take to end. Nobody waits any longer: a tool may not listen at all."""


class Tools:
    """The tools of a session: a toolbox, and how long each may take."""

    def __init__(self, given: Iterable[Any], timeout_s: float | None) -> None:
        """Take what a `Toolbox` takes; a tool's own time limit goes before ``timeout_s``."""
        self.given = list(given)
        made = [as_tool(each) for each in self.given]
        self.box = Toolbox(made)
        self.declared = self.box.tools
        self._names = {tool.name for tool in self.declared}
        self._timeout_s = timeout_s
        self._own_s = {each.tool.name: each.timeout_s for each in made if isinstance(each, FunctionTool)}

    def can_run(self, call: ToolCallPart) -> bool:
        """Say whether a call is of a tool with a function."""
        return self.box.can_run(call.name)

    def is_left_open(self, call: ToolCallPart) -> bool:
        """Say whether a call is of a tool that was only declared: the program answers it."""
        return call.name in self._names and not self.box.can_run(call.name)

    async def run(self, run: ToolRun) -> ToolResultPart:
        """Run a call, and give up on it when its time is over, also on a tool that does not listen."""
        import asyncio

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
            return failed(call, f"{call.name} took longer than {own_s or limit_s:g} s")
        if task.cancelled():
            return failed(call, f"{call.name} was cancelled")
        return _readable(task.result(), run)


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait until they have ended, or have had the time to."""
    import asyncio

    tasks = list(tasks)
    for task in tasks:
        task.cancel()
        task.add_done_callback(_forget)
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE_S)


def failed(call: ToolCallPart, why: str) -> ToolResultPart:
    """Return the result of a call that has no other."""
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
