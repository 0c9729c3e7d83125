"""Assembles tool calls from the pieces that chat completions send.

OpenAI numbers its calls with ``index`` and names each once, in its first piece. Other servers send no index, the same
one for all calls, or one that counts within the chunk; the id late, never, or a new one in each piece; the name in each
piece; whole calls, also once more at the end. So the content of a piece decides which call it belongs to:

- A piece without a name continues a call: the one with its id, else with its index, else the last one with incomplete
  arguments. Pieces before any name wait for a name.
- A name begins a call, unless the id, the index or the place of the piece points to a call with that name whose
  arguments the piece can continue. A call with complete arguments is never continued.
- A repeated call changes nothing.

Arguments stay as they came. Missing arguments become ``{}`` only if the answer ended normally: that is how a function
without parameters is called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

import msgspec

from ...._internal.nesting import decode_json
from ....constrained.tool_calls.names import resolve_tool_name
from ....types import ToolCallDelta
from ...split_characters import whole_value
from ..history import new_call_id
from ..json_text import JsonText
from ..provider_metadata import EXTRAS, ExtraFieldReader

_QUOTE = 200

Key = tuple[str, int]
_ALONE: Key = ("place", -1)  # the place of the only piece of a chunk means nothing


class _Piece(msgspec.Struct):
    """A piece of a call; missing values are empty."""

    key: Key
    id: str
    name: str
    text: str
    extras: dict[str, object] = {}
    """Extra fields to send back."""

    @property
    def blank(self) -> bool:
        return not self.text.strip()


class _Call:
    """A call that is being assembled."""

    def __init__(self, name: str, call_id: str) -> None:
        self.name = name
        self.id = call_id
        self.own_id = bool(call_id)
        """Whether the server gave the id."""
        self.arguments = JsonText()
        self.place: int | None = None
        """Its index among our deltas, once one was yielded."""
        self.told_name = ""
        self.empty = ""
        """A first ``{}``, kept back: some servers begin with one and send the arguments after it."""
        self.extras: list[dict[str, object]] = []
        """Extra fields that were not yielded yet."""
        self.maybe = False
        """Whether it may only repeat the name of a complete call."""


class ToolCalls:
    """Reads the pieces of one answer's calls. After `finish`, ``problems`` says what went wrong."""

    def __init__(self, known: Collection[str] = (), extras: ExtraFieldReader | None = None) -> None:
        """``known`` are the names of the request's tools, for names that arrive in pieces.

        ``extras`` keeps the extra fields of calls, to send them back.
        """
        self._extras = extras
        self.problems: list[str] = []
        self._known = known
        self._calls: list[_Call] = []
        self._by_key: dict[Key, _Call] = {}
        self._waiting: dict[Key, _Piece] = {}
        self._told = 0
        self._ids: set[str] = set()

    @property
    def count(self) -> int:
        """How many calls there are."""
        return sum(not call.maybe for call in self._calls)

    def read(self, entries: Any, *, last: bool = False) -> Iterator[ToolCallDelta]:
        """Read the calls of a chunk, in any shape; ``last`` says that the answer gave its reason to finish."""
        pieces = _pieces(entries)
        if last and self._repeats(pieces):
            return
        for piece in pieces:
            yield from self._read(piece)

    def read_whole(self, entries: Any) -> Iterator[ToolCallDelta]:
        """Read the calls of a whole message; yields only what earlier pieces did not have."""
        before = [call for call in self._calls if not call.maybe]
        for piece in _pieces(entries):
            of_id = (each for each in before if piece.id and piece.id == each.id and piece.name in ("", each.name))
            call = next(of_id, None)
            call = call or next((each for each in before if piece.name == each.name), None)
            if call is None:
                yield from self._read(piece)
                continue
            before.remove(call)
            said = call.arguments.said()
            if not call.arguments.whole and piece.text.startswith(said):
                yield from self._go_on(call, msgspec.structs.replace(piece, text=piece.text[len(said) :]))

    def finish(self, *, well: bool) -> Iterator[ToolCallDelta]:
        """Yield what was kept back; ``well`` says that the answer ended normally and was not cut off."""
        for late in [*(call for call in self._calls if call.maybe), *self._waiting.values()]:
            nameless = next((call for call in reversed(self._calls) if not call.own_id and not call.maybe), None)
            if late.id and nameless is not None:
                yield from self._go_on(nameless, _Piece(_ALONE, late.id, "", ""))
        self._calls = [call for call in self._calls if not call.maybe]
        for call in self._calls:
            if call.empty:
                yield from self._tell(call, call.empty)
            elif call.arguments.blank and well:
                yield from self._tell(call, "{}")
            else:
                yield from self._tell(call, "")
                if not call.arguments.ended:
                    said = _quoted(call.arguments.said())
                    self.problems.append(
                        f"the call of {call.name!r} has arguments that are cut off or not JSON: {said}"
                    )
        for piece in self._waiting.values():
            if not piece.blank:
                self.problems.append(f"a call without a name was left out; its arguments: {_quoted(piece.text)}")

    # Which call a piece belongs to

    def _read(self, piece: _Piece) -> Iterator[ToolCallDelta]:
        if not piece.name:
            call = self._continued(piece)
            if call is not None:
                yield from self._go_on(call, piece)
            return
        call = self._named(piece)
        if call is not None:
            yield from self._go_on(call, piece)
        elif not self._is_repetition(piece):
            yield from self._begin(piece)

    def _continued(self, piece: _Piece) -> _Call | None:
        """Return the call that a piece without a name continues; ``None`` if it waits for a name, or repeats a call."""
        of_key, of_id = self._at(piece.key), self._with_id(piece)
        if of_id is not None:
            return of_id
        open_call = self._open()
        if of_key is None:
            waits = self._waiting.get(piece.key)
            is_late = waits is not None and waits.text.strip()
            if open_call is not None and not is_late and not (piece.id and not piece.text):
                return open_call
            before = waits or _Piece(piece.key, "", "", "")
            self._waiting[piece.key] = _Piece(
                piece.key, before.id or piece.id, "", before.text + piece.text, {**before.extras, **piece.extras}
            )
            return None
        if not of_key.arguments.whole or not (piece.text or piece.id):
            return of_key
        if open_call is not None:
            return open_call
        if piece.blank or of_key.empty:
            return of_key
        if not _same(of_key.arguments.said(), piece.text):
            self.problems.append(
                f"text after the complete arguments of {of_key.name!r} was left out: {_quoted(piece.text)}"
            )
        return None

    def _named(self, piece: _Piece) -> _Call | None:
        """Return the call that a piece with a name continues; ``None`` if it begins a new one."""
        of_key, call = self._at(piece.key), self._with_id(piece)
        # Another index means another call, even if a server gives all of them one id.
        if call is None or call.name != piece.name or (of_key is None and piece.key[0] == "index"):
            call = of_key
        if call is None:
            return None
        is_place = piece.key[0] == "place"
        if call.arguments.whole or (is_place and call.name != piece.name):
            # The name and the id of a complete call: nothing new.
            if piece.blank and piece.id and (piece.id, piece.name) == (call.id, call.name):
                return call
            # A place in a chunk, or an index that counts within it, may point to the wrong call.
            call = self._open() or call
            if call.arguments.whole:
                return None
        if call.name != piece.name and not self._completes_name(call, piece):
            return None
        if (
            piece.id
            and call.own_id
            and piece.id != call.id
            and (not piece.text or (call.arguments.blank and piece.blank))
        ):
            return None
        return call if piece.blank or call.arguments.takes(piece.text) else None

    def _completes_name(self, call: _Call, piece: _Piece) -> bool:
        """Extend the name of a call if it is only the beginning of a tool's name so far."""
        if call.name in self._known or not call.arguments.blank or (piece.id and call.own_id and piece.id != call.id):
            return False
        name = piece.name if piece.name.startswith(call.name) else call.name + piece.name
        if not any(known.startswith(name) for known in self._known):
            return False
        call.name = name
        return True

    def _is_repetition(self, piece: _Piece) -> bool:
        call = self._with_id(piece)
        return call is not None and call.name == piece.name and _same(call.arguments.said(), piece.text)

    def _repeats(self, pieces: Sequence[_Piece]) -> bool:
        """Whether these pieces repeat all calls so far, each of them complete."""
        calls = [call for call in self._calls if not call.maybe]
        return len(calls) == len(pieces) > 0 and all(
            call.name == piece.name
            and call.arguments.whole
            and _same(call.arguments.said(), piece.text)
            and (not piece.id or not call.own_id or piece.id == call.id)
            for call, piece in zip(calls, pieces, strict=True)
        )

    def _open(self) -> _Call | None:
        """Return the last call with incomplete arguments."""
        return next((call for call in reversed(self._calls) if not call.arguments.whole), None)

    def _at(self, key: Key) -> _Call | None:
        """Return the call that an index points to; without one, the call at that place of a chunk, or the last one."""
        call = self._by_key.get(key)
        return self._calls[-1] if call is None and key[0] == "place" and self._calls else call

    def _with_id(self, piece: _Piece) -> _Call | None:
        if not piece.id:
            return None
        found = [call for call in self._calls if call.own_id and call.id == piece.id]
        at = self._by_key.get(piece.key)
        return at if at in found else found[-1] if found else None

    # What a piece adds to a call

    def _begin(self, piece: _Piece) -> Iterator[ToolCallDelta]:
        of_key = self._at(piece.key)
        before = next((each for each in (of_key, *self._calls[-1:]) if each and each.name == piece.name), None)
        waited = self._waiting.pop(piece.key, None)
        if waited is not None:
            piece = _Piece(
                piece.key,
                piece.id or waited.id,
                piece.name,
                waited.text + piece.text,
                {**waited.extras, **piece.extras},
            )
        self._calls = [call for call in self._calls if not call.maybe]
        call = _Call(piece.name, piece.id)
        call.maybe = (
            piece.blank
            and of_key is not None
            and before is not None
            and before.arguments.whole
            and (not piece.id or not before.own_id)
        )
        self._calls.append(call)
        if piece.key != _ALONE and not call.maybe:
            self._by_key[piece.key] = call
        yield from self._go_on(call, piece)

    def _go_on(self, call: _Call, piece: _Piece) -> Iterator[ToolCallDelta]:
        new_id = ""
        if piece.id and not call.own_id:
            call.id, call.own_id = piece.id, True
            new_id = piece.id
        text = piece.text
        if call.arguments.blank:
            text = text.lstrip()
        if call.empty and text.strip():
            # The first {} was a placeholder: the arguments come now.
            call.empty = ""
            call.arguments = JsonText()
        if text:
            call.maybe = False
        call.arguments.add(text)
        if call.arguments.whole and call.arguments.said().strip() == text.strip() == "{}":
            call.empty, text = text, ""
        if piece.extras:
            call.extras.append(piece.extras)
        if call.place is not None or text or (call.own_id and not call.maybe):
            yield from self._tell(call, text, new_id)

    def _tell(self, call: _Call, text: str, new_id: str = "") -> Iterator[ToolCallDelta]:
        """Yield a delta of a call, after the first deltas of all calls before it."""
        if call.place is None:
            for each in self._calls[: self._calls.index(call)]:
                if each.place is None and not each.maybe:
                    yield self._first(each, "")
            yield self._first(call, text)
            return
        own = resolve_tool_name(call.name, self._known)
        name = own if own != call.told_name else None
        call.told_name = own
        if new_id in self._ids:
            new_id = ""
        signature = self._signature(call, call.place)
        if text or name or new_id or signature:
            self._ids.add(new_id)
            yield ToolCallDelta(index=call.place, id=new_id or None, name=name, arguments=text, signature=signature)

    def _first(self, call: _Call, text: str) -> ToolCallDelta:
        place = call.place = self._told
        call.told_name = resolve_tool_name(call.name, self._known)
        self._told += 1
        # Results refer to their call by its id, so two calls cannot share one.
        call_id = call.id if call.own_id and call.id not in self._ids else new_call_id()
        self._ids.add(call_id)
        signature = self._signature(call, place)
        return ToolCallDelta(index=place, id=call_id, name=call.told_name, arguments=text, signature=signature)

    def _signature(self, call: _Call, place: int) -> str | None:
        """Return the extra fields of a call as a signature, if there are new ones."""
        signature: str | None = None
        if self._extras is not None:
            for given in call.extras:
                signature = self._extras.read(place, given) or signature
        call.extras.clear()
        return signature


def _pieces(entries: Any) -> list[_Piece]:
    """Return the pieces of a chunk; values that are not objects are skipped."""
    # A value that is not a list is one call.
    listed = cast("list[Any]", entries) if isinstance(entries, list) else [entries]
    objects = [cast("dict[str, Any]", each) for each in listed if isinstance(each, dict)]
    return [_piece(each, at, alone=len(objects) == 1) for at, each in enumerate(objects)]


def _piece(entry: dict[str, Any], at: int, *, alone: bool) -> _Piece:
    function = entry.get("function")
    said = cast("dict[str, Any]", function) if isinstance(function, dict) else entry
    name, arguments = said.get("name"), said.get("arguments")
    index = index_of(entry.get("index"))
    key: Key = ("index", index) if index is not None else _ALONE if alone else ("place", at)
    # Some servers send the arguments as JSON instead of a text of JSON.
    text = arguments if isinstance(arguments, str) else "" if arguments is None else _json(arguments)
    extras = {field: entry[field] for field in EXTRAS if entry.get(field)}
    return _Piece(key, _id(entry.get("id")), name.strip() if isinstance(name, str) else "", text, extras)


def index_of(value: Any) -> int | None:
    """Return an index, also one that is a text or 0.0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def _id(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _json(value: Any) -> str:
    return msgspec.json.encode(whole_value(value)).decode()


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same JSON."""
    try:
        return one == other or bool(decode_json(one, object) == decode_json(other, object))
    except (ValueError, RecursionError):
        return False


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTE else text[:_QUOTE] + "…")
