"""Tool calls in the native formats: first a name, then arguments, which may be whole, in pieces or missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ...constrained.tool_calls.names import resolve_tool_name
from ...types import ToolCallDelta
from .history import new_call_id

MAX_LEFT_OUT = 10
"""The most pieces without a call that are reported."""


class NativeToolCalls:
    """The calls of one answer. A call without a name is left out and listed in ``left_out``.

    Only the end of the answer shows whether a call without arguments is complete.
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        """Start without calls; ``known`` are the names that a call may have."""
        self._known = known
        self.left_out: list[str] = []
        self._spare: list[str] = []
        self._has_arguments: list[bool] = []
        self._ids: set[str] = set()

    @property
    def count(self) -> int:
        """How many calls there are."""
        return len(self._spare)

    def begin(self, call_id: str, name: str, *, spare: str = "", signature: str | None = None) -> ToolCallDelta:
        """Begin a call; ``spare`` are arguments that count if none come in pieces."""
        # Results refer to their call by its id.
        if not call_id or call_id in self._ids:
            call_id = new_call_id()
        self._ids.add(call_id)
        self._spare.append(spare)
        self._has_arguments.append(False)
        name = resolve_tool_name(name, self._known)
        return ToolCallDelta(index=self.count - 1, id=call_id, name=name, signature=signature)

    def has_arguments(self, call: int) -> bool:
        """Tell whether arguments of a call were given."""
        return self._has_arguments[call]

    def go_on(self, call: int, arguments: str, signature: str | None = None) -> Iterator[ToolCallDelta]:
        """Add a piece to a call's arguments."""
        if arguments or signature:
            self._has_arguments[call] |= bool(arguments)
            yield ToolCallDelta(index=call, arguments=arguments, signature=signature)

    def close(self, call: int) -> Iterator[ToolCallDelta]:
        """Give a call the arguments that it began with, if no others have come."""
        if not self._has_arguments[call]:
            yield from self.go_on(call, self._spare[call])

    def leave_out(self, what: str) -> None:
        """Say that a call, or a piece of one, is left out."""
        if len(self.left_out) < MAX_LEFT_OUT:
            self.left_out.append(f"a call without a name was left out: {what}")

    def settle(self, *, whole: bool) -> Iterator[ToolCallDelta]:
        """End the calls: what has no arguments by now takes none. The last one may have been cut off before them."""
        for call in range(self.count):
            yield from self.close(call)
            if not self._has_arguments[call] and (whole or call < self.count - 1):
                yield from self.go_on(call, "{}")
