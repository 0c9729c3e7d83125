"""Saved sessions: their format, and which parts of a file are trusted when it is loaded.

A file may come from anyone. Its messages are checked and loaded. The parts that could give instructions in the
program's name or change what it does (`TAKEABLE`) are loaded only when the program names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from .._internal.arguments import check_kind, check_list
from .._internal.content import content_of
from .._internal.nesting import decode_json
from ..backends.request import check_options
from ..errors import InvalidRequest
from ..types import AudioPart, ChatRequest, ChatWarning, ContentPart, ImagePart, Message, TextPart
from .history import VERSION, History, SavedHistory, decode_saved, restored_history

TAKEABLE: Mapping[str, str] = {
    "system": "the system message",
    "model": "the model's name",
    "options": "the options of requests",
    "summary": "the summary, which is part of the system message",
    "media": "images and sounds by address, which would be fetched",
}
"""The parts of a file that are loaded only when the program names them, with a description of each."""

MAX_SAVED_BYTES = 64 * 1024 * 1024
"""The largest saved session that can be loaded."""

MAX_MESSAGES = 100_000
"""The most messages in a saved session."""

MAX_ID_CHARACTERS = 200
"""The longest id of a saved session."""

ID_FORM = f"1 to {MAX_ID_CHARACTERS} printable characters"
"""What a session's id must have, for messages."""

MAX_TOKENS = 10**15
"""The most tokens that a saved usage may claim."""

_SHOWN = 80


class SavedSession(msgspec.Struct, kw_only=True):
    """A session as JSON."""

    version: int = VERSION
    id: str
    system: str | None = None
    model: str | None = None
    options: dict[str, Any] = {}
    history: SavedHistory


class Restored(NamedTuple):
    """A loaded file: the arguments for `Session`, the history, and a warning for each part that was left out."""

    arguments: dict[str, Any]
    history: History
    left_out: list[ChatWarning]


def restore(text: bytes | str, take: bool | Iterable[str], settings: Mapping[str, Any]) -> Restored:
    """Read a saved session; the program's own ``settings`` take precedence.

    Raises `InvalidRequest`, which says what is wrong, if the text is not a valid saved session.
    """
    taken = _taken(take)
    check_kind("text", text, (str, bytes), "a saved session", write="pass what to_json() returned")
    if len(text) > MAX_SAVED_BYTES:
        raise _invalid(f"this saved session has {len(text)} bytes; the limit is {MAX_SAVED_BYTES}")
    saved: SavedSession = decode_saved(text, SavedSession, "session")
    _check(saved)
    left_out = [
        ChatWarning(_shown(name), f"the saved session has an unknown field {_shown(name)!r}, which was ignored")
        for name in decode_json(text, dict[str, msgspec.Raw])
        if name not in SavedSession.__struct_fields__
    ]
    arguments: dict[str, Any] = {"id": saved.id}
    for name, value in (("system", saved.system), ("model", saved.model)):
        if name in taken:
            arguments[name] = value
        elif value and value != settings.get(name):
            left_out.append(_left_out(name, f"{_shown(value)!r}"))
    if "options" in taken:
        arguments |= saved.options
    else:
        others = [name for name, value in saved.options.items() if name not in settings or settings[name] != value]
        if names := [name for name in others if name != "private"]:
            left_out.append(_left_out("options", ", ".join(map(repr, names))))
    # A file can make a conversation private, never the reverse.
    if saved.options.get("private") is True:
        arguments["private"] = True
    history = saved.history
    if history.summary and "summary" not in taken:
        left_out.append(_left_out("summary", f"{_shown(history.summary)!r}; all messages are sent again"))
        history = replace(history, summary="", start=0)
    if "media" not in taken:
        messages, count = _without_addresses(history.messages)
        if count:
            left_out.append(_left_out("media", f"{count} of them"))
            history = replace(history, messages=messages)
    return Restored({**arguments, **settings}, restored_history(history), left_out)


def is_valid_id(name: object) -> bool:
    """Return whether a session may have this id; a saved one with another id could not be loaded."""
    return isinstance(name, str) and 1 <= len(name) <= MAX_ID_CHARACTERS and name.isprintable()


def _taken(take: Any) -> frozenset[str]:
    if isinstance(take, bool):
        return frozenset(TAKEABLE) if take else frozenset()
    write = "name the parts to load, as in take=['system']"
    names = [take] if isinstance(take, str) else check_list("take", take, "names", write=write)
    for name in names:
        if not isinstance(name, str) or name not in TAKEABLE:
            raise InvalidRequest(
                f"unknown part take={name!r}; use any of {', '.join(map(repr, TAKEABLE))}, or True for all of them",
                parameter="take",
            )
    return frozenset(names)


def _check(saved: SavedSession) -> None:
    """Raise `InvalidRequest` for values that no session can have."""
    if not is_valid_id(saved.id):
        raise _invalid(f"the id {_shown(saved.id)!r} of this saved session is not valid; it must have {ID_FORM}")
    if unknown := [name for name in saved.options if name not in ChatRequest.__struct_fields__]:
        raise _invalid(f"this saved session has unknown options: {[_shown(name) for name in sorted(unknown)[:10]]!r}")
    for name in ("messages", "tools", "model"):
        if name in saved.options:
            raise InvalidRequest(
                f"{name!r} cannot be among the options of a saved session; the session has its own", parameter=name
            )
    if not isinstance(saved.options.get("private", False), bool):
        raise _invalid(
            f"the option private={_shown(repr(saved.options['private']))} of this saved session is not valid; it must "
            "be true or false"
        )
    check_options(saved.options)
    history = saved.history
    if len(history.messages) > MAX_MESSAGES:
        raise _invalid(f"this saved session has {len(history.messages)} messages; the limit is {MAX_MESSAGES}")
    if not 0 <= history.start <= len(history.messages):
        raise _invalid(f"start={history.start!r} is out of range: there are {len(history.messages)} messages", "start")
    for turn, usage in enumerate(history.usage):
        for name in usage.__struct_fields__:
            if not 0 <= getattr(usage, name) <= MAX_TOKENS:
                raise _invalid(f"usage[{turn}].{name}={getattr(usage, name)!r} is not a valid token count", "usage")


def _without_addresses(messages: list[Message]) -> tuple[list[Message], int]:
    """Return the messages with a placeholder for each image or sound given by address, and how many there were."""
    count = 0
    kept: list[Message] = []
    for message in messages:
        parts: list[ContentPart] = []
        for part in message.parts:
            if isinstance(part, (ImagePart, AudioPart)) and part.url is not None and not part.url.startswith("data:"):
                count += 1
                parts.append(TextPart("[an image was here]" if isinstance(part, ImagePart) else "[a sound was here]"))
            else:
                parts.append(part)
        kept.append(replace(message, content=content_of(parts)))
    return kept, count


def _left_out(name: str, what: str) -> ChatWarning:
    return ChatWarning(
        name,
        f"{TAKEABLE[name]} ({what}) of the saved session was left out; if you trust the file, load it with "
        f"take=[{name!r}]",
    )


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _invalid(message: str, parameter: str = "session") -> InvalidRequest:
    return InvalidRequest(message, parameter=parameter)
