"""Checks a session's settings and the names of options, and suggests the nearest one for an unknown name."""

from __future__ import annotations

from collections.abc import Iterable

from .._internal.arguments import check_count, check_kind, check_model, check_text
from ..backends.base import check_backend
from ..errors import InvalidRequest
from ..types import ChatRequest
from .context import ContextStrategy

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
            import difflib  # imported late: most names are known

            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known options: {', '.join(known)}"
        raise InvalidRequest(f"unknown option {name!r} of a {'turn' if of_turn else 'session'}; {hint}", parameter=name)


def check_settings(*, backend: object, system: object, model: object, context: object, max_rounds: object) -> None:
    """Raise `InvalidRequest` for a setting of a wrong kind. A program can set them, so each turn checks them again."""
    check_backend("backend", backend)
    check_model("model", model)
    check_text("system", system, write="write system='You are ...'")
    write = "use DropOldest(), Summarize() or FailWhenFull()"
    check_kind("context", context, ContextStrategy, "a context strategy", write=write)
    check_count("max_rounds", max_rounds, "at least 1", least=1)
