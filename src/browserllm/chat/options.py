"""The options of a session and of its turns: a name that is neither is refused with the one that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ..errors import InvalidRequest
from ..types import ChatRequest

_OF_SESSIONS = ("system", "tools", "hooks", "model", "context", "max_rounds", "tool_timeout_s", "id", "history")
_OF_TURNS = sorted(set(ChatRequest.__struct_fields__) - {"messages", "tools"})


def check_names(options: Iterable[str], *, of_turn: bool) -> None:
    """Raise `InvalidRequest` for an option that a session, or with ``of_turn`` one of its turns, does not have."""
    known = _OF_TURNS if of_turn else sorted({*_OF_TURNS, *_OF_SESSIONS})
    for name in options:
        if name in known:
            continue
        if name == "messages":
            hint = "a session has its own messages; begin with others by history=History(...)"
        elif of_turn and name in _OF_SESSIONS:
            hint = f"it is the session's, for all turns: write Session(..., {name}=...)"
        else:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known options: {', '.join(known)}"
        raise InvalidRequest(f"unknown option {name!r} of a {'turn' if of_turn else 'session'}; {hint}", parameter=name)
