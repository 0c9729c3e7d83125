"""Checks the names of session and turn options, and suggests the nearest one for an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ..errors import InvalidRequest
from ..types import ChatRequest

_OF_SESSIONS = ("system", "tools", "hooks", "model", "context", "max_rounds", "tool_timeout_s", "id", "history")
_OF_TURNS = sorted(set(ChatRequest.__struct_fields__) - {"messages", "tools"})


def check_names(options: Iterable[str], *, of_turn: bool) -> None:
    """Raise `InvalidRequest` for an unknown option of a session, or with ``of_turn`` of a turn."""
    known = _OF_TURNS if of_turn else sorted({*_OF_TURNS, *_OF_SESSIONS})
    for name in options:
        if name in known:
            continue
        if name == "messages":
            hint = "a session keeps its own messages; to begin with others, pass history=History(...)"
        elif of_turn and name in _OF_SESSIONS:
            hint = f"it applies to all turns: write Session(..., {name}=...)"
        else:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known options: {', '.join(known)}"
        raise InvalidRequest(f"unknown option {name!r} of a {'turn' if of_turn else 'session'}; {hint}", parameter=name)
