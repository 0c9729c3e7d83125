"""Provider metadata: fields that chat completions servers add to an answer, and want back unchanged in the history.

It is kept as the ``signature`` of the part it came with: the mark of its vendor (see `history`), then, as JSON, the
name of its field, the object's number in that field, and the object without its text, which the part has.
Only the fields named here are read and sent, so that a saved chat puts nothing else into a request.

- ``reasoning_details``: OpenRouter, openrouter.ai/docs/guides/best-practices/reasoning-tokens (to be sent back
  unmodified and in order); MiniMax, platform.minimax.io/docs/guides/text-m2-function-call. In a stream,
  the pieces of an object have the same ``index``, and the signature comes last, without text:
  github.com/agno-agi/agno/issues/8794. Two objects may share an index, and an object may have none:
  github.com/pydantic/pydantic-ai/pull/7214, github.com/vercel/ai/issues/7644.
- ``thinking_blocks``: LiteLLM for Claude, docs.litellm.ai/docs/reasoning_content.
- ``content``: Mistral's chunks of thinking, docs.mistral.ai/capabilities/reasoning; it says that a model does worse
  without them (examples/src/reasoning_multi_turn.ts of its SDK).
- ``extra_content``: Gemini as OpenAI's API, ai.google.dev/gemini-api/docs/thought-signatures, on calls and, for a text,
  on the message or the last delta (github.com/mozilla-ai/any-llm/pull/1320). LiteLLM has it as
  ``provider_specific_fields``.

xAI sends none of these: docs.x.ai/developers/model-capabilities/text/best-practices ("no field").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from ..._internal.nesting import decode_json
from ...types import ContentPart, ReasoningDelta, ReasoningPart, TextPart, ToolCallPart

_THOUGHTS = ("reasoning_details", "thinking_blocks")
"""The fields of a message with a list of objects."""

_WORDS = ("text", "summary", "thinking")
"""Where an object has its words."""

_CHUNK = "content"
"""Where Mistral has a chunk of thinking, among those of text."""

_PLAIN = "reasoning"
"""Marks the end of a thought without metadata, to separate it from the next one."""

EXTRAS = ("extra_content", "provider_specific_fields")
"""The fields of a call, the first one of a message, too."""

_MAX_EXTRAS = 100
"""How many names of one are kept."""

_GROWING = (*_WORDS, "data", "signature")
"""Where it has texts that may come in pieces."""

_REPEAT_FROM = 8
"""From this length on, the same again is a repetition, and not the next piece."""


class _Kept(NamedTuple):
    field: str
    number: int
    value: dict[str, Any]


class _Object:
    """An object that arrives in pieces: its texts are joined; of other fields the newest value counts."""

    def __init__(self, field: str, number: int) -> None:
        self.field = field
        self.number = number
        self._value: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}

    def add(self, piece: Mapping[str, Any]) -> None:
        for key, new in piece.items():
            if key in _GROWING and isinstance(new, str):
                self._value.setdefault(key, "")
                if new and not self._is_there(key, new):
                    self._texts.setdefault(key, []).append(new)
                    self._sizes[key] = self._sizes.get(key, 0) + len(new)
            elif (new is not None and key not in self._texts) or key not in self._value:
                self._value[key] = new

    def has(self, key: str) -> bool:
        return bool(self._sizes.get(key))

    def get(self, key: str) -> Any:
        """Return a field that does not grow."""
        return self._value.get(key)

    def whole(self) -> dict[str, Any]:
        return {**self._value, **{key: "".join(pieces) for key, pieces in self._texts.items()}}

    def _is_there(self, key: str, new: str) -> bool:
        """Return whether a piece is the whole text once more, as some proxies send it."""
        same_size = key not in _WORDS and len(new) >= _REPEAT_FROM and len(new) == self._sizes.get(key)
        return same_size and new == "".join(self._texts[key])


class ThoughtObjectReader:
    """Reads one answer's thoughts that arrive as objects, whole or in pieces; `seal` ends the last one."""

    def __init__(self, mark: Callable[[str], str]) -> None:
        """``mark`` adds the vendor to the data that is kept."""
        self._mark = mark
        self._count = 0
        # The newest object of a field, of a number in it, of a type with that number, and of an id.
        self._known: dict[tuple[str, ...], _Object] = {}
        self._open: _Object | None = None
        self._plain = False

    def read(self, field: str, given: object, *, whole: bool) -> Iterator[ReasoningDelta]:
        """Read the objects in a field; with ``whole`` each of them is complete."""
        for each in cast("list[object]", given) if isinstance(given, list) else ():
            if isinstance(each, dict):
                yield from self._read(field, cast("dict[str, Any]", each), whole=whole)

    def read_chunk(self, chunk: dict[str, Any], words: str, *, whole: bool) -> Iterator[ReasoningDelta]:
        """Read a chunk of thinking with its text."""
        yield from self._read(_CHUNK, {**chunk, "thinking": words}, whole=whole)

    def read_plain(self, words: str) -> Iterator[ReasoningDelta]:
        """Read a thought that arrived as plain text."""
        yield from self.seal()
        self._plain = True
        yield ReasoningDelta(reasoning=words)

    def seal(self, *, plain: bool = False) -> Iterator[ReasoningDelta]:
        """End the open thought; ``plain`` also ends one that arrived as text, needed only before an object."""
        if self._open is not None:
            yield self._sealed(self._open)
        elif self._plain and plain:
            yield self._sealed(_Object(_PLAIN, 0))
        self._open, self._plain = None, False

    def _read(self, field: str, piece: dict[str, Any], *, whole: bool) -> Iterator[ReasoningDelta]:
        words = next((key for key in _WORDS if isinstance(piece.get(key), str)), None)
        text: str = "" if words is None else piece[words]
        # The part keeps the text; the object only keeps the name of its field.
        rest = piece if words is None else {**piece, words: ""}
        known = None if whole else self._find(field, piece, has_words=bool(text))
        if known is None:
            known = _Object(field, self._count)
            self._count += 1
        known.add(rest)
        self._known |= dict.fromkeys(_names(field, known.get), known)
        if self._open is None or self._open.number != known.number:
            yield from self.seal(plain=True)
            self._open = _Object(field, known.number)
        self._open.add(rest)
        if text:
            yield ReasoningDelta(reasoning=text)

    def _find(self, field: str, piece: Mapping[str, Any], *, has_words: bool) -> _Object | None:
        """Return the object that a piece continues, if any."""
        for name in reversed(_names(field, piece.get)):
            known = self._known.get(name)
            if known is None or not all(_fits(piece, known, key) for key in ("index", "type", "id")):
                continue
            # A piece without an index continues the last object, unless that is complete.
            if piece.get("index") is None and ("data" in piece or (has_words and known.has("signature"))):
                return None
            return known
        return None

    def _sealed(self, known: _Object) -> ReasoningDelta:
        value = known.whole()
        hidden = "data" in value and not any(key in value for key in _WORDS)
        signature = self._mark(_json([known.field, known.number, value]))
        return ReasoningDelta(signature=signature, redacted=hidden)


def _names(field: str, get: Callable[[str], Any]) -> list[tuple[str, ...]]:
    """Return the keys by which an object can be found, the most specific one last."""
    index, kind, own = (get(key) for key in ("index", "type", "id"))
    if index is None:
        return [(field,)]
    names: list[tuple[str, ...]] = [(field, repr(index))]
    if kind is not None:
        names.append((*names[-1], repr(kind)))
        if own is not None:
            names.append((*names[-1], repr(own)))
    return names


def _fits(piece: Mapping[str, Any], known: _Object, key: str) -> bool:
    one, other = piece.get(key), known.get(key)
    if key == "index":
        return one == other
    return one is None or other is None or one == other


class ExtraFieldReader:
    """Reads the extra fields of a call or a text; the newest value of each name is kept."""

    def __init__(self, mark: Callable[[str], str]) -> None:
        """``mark`` adds the vendor to the data that is kept."""
        self._mark = mark
        self._all: dict[int | None, dict[str, dict[str, Any]]] = {}

    def read(self, place: int | None, given: Mapping[str, object]) -> str | None:
        """Return all extra fields of the call at a place (or of the text), marked, if ``given`` has new ones."""
        known = self._all.setdefault(place, {})
        has_new = False
        for name in EXTRAS:
            if isinstance(new := given.get(name), dict) and new:
                merged = {**known.get(name, {}), **cast("dict[str, Any]", new)}
                if len(merged) <= _MAX_EXTRAS:
                    known[name] = merged
                    has_new = True
        return self._mark(_json(known)) if has_new else None


class ThoughtsToSend(NamedTuple):
    """The thoughts of a turn to send back: fields of the message, and the text of thoughts that arrived as text."""

    fields: dict[str, list[dict[str, Any]]]
    plain: str


def thoughts_to_send(signer: str, parts: Iterable[ContentPart]) -> ThoughtsToSend:
    """Return the thoughts of a turn as they came from ``signer``, the receiver; those of others are left out."""
    found: dict[str, dict[int, _Object]] = {}
    plain: list[str] = []
    for part in parts:
        if not isinstance(part, ReasoningPart):
            continue
        kept = _kept(signer, part.signature)
        if part.signature is None or (kept is not None and kept.field == _PLAIN):
            plain.append(part.text)
        elif kept is not None and kept.field in _THOUGHTS:
            ours = found.setdefault(kept.field, {})
            ours.setdefault(kept.number, _Object(kept.field, kept.number)).add(_with_words(kept.value, part.text))
    fields = {
        name: [value for each in of.values() if _is_complete(value := each.whole())] for name, of in found.items()
    }
    return ThoughtsToSend({name: values for name, values in fields.items() if values}, "".join(plain))


def chunks_to_send(signer: str, parts: Iterable[ContentPart]) -> list[dict[str, Any]] | None:
    """Return a turn's content as chunks if ``signer`` sent its thinking as chunks, else ``None``."""
    content: list[str | _Object] = []
    numbers: dict[int, _Object] = {}
    for part in parts:
        if isinstance(part, TextPart) and part.text:
            content.append(part.text)
        elif isinstance(part, ReasoningPart):
            kept = _kept(signer, part.signature)
            # A chunk of another kind may have an address that would be fetched.
            if kept is None or kept.field != _CHUNK or kept.value.get("type") != "thinking":
                continue
            if kept.number not in numbers:
                numbers[kept.number] = _Object(_CHUNK, kept.number)
                content.append(numbers[kept.number])
            numbers[kept.number].add(_with_words(kept.value, part.text))
    return [_chunk(each) for each in content] if numbers else None


def _chunk(said: str | _Object) -> dict[str, Any]:
    if isinstance(said, str):
        return {"type": "text", "text": said}
    value = said.whole()
    plain = {key: each for key, each in value.items() if not isinstance(each, (dict, list))}
    return {**plain, "thinking": [{"type": "text", "text": str(value.get("thinking", ""))}]}


def extras_to_send(signer: str, part: ToolCallPart | TextPart) -> dict[str, Any]:
    """Return the extra fields of a call or a text that came from ``signer``."""
    value = _json_of(signer, part.signature)
    if not isinstance(value, dict):
        return {}
    given = cast("dict[str, object]", value)
    return {name: given[name] for name in EXTRAS if isinstance(given.get(name), dict)}


def _with_words(value: dict[str, Any], text: str) -> dict[str, Any]:
    words = next((key for key in _WORDS if isinstance(value.get(key), str)), None)
    return value if words is None or not text else {**value, words: text}


def _is_complete(thought: Mapping[str, Any]) -> bool:
    """Return whether a thought can be sent back: one of Claude's that was cut off has no signature, and is refused."""
    claudes = str(thought.get("format") or "").startswith("anthropic") or thought.get("type") == "thinking"
    is_text = thought.get("type") in ("reasoning.text", "thinking")
    return not (claudes and is_text) or bool(thought.get("signature"))


def _kept(signer: str, signature: str | None) -> _Kept | None:
    try:
        return msgspec.convert(_json_of(signer, signature), _Kept)
    except msgspec.ValidationError:
        return None


def _json_of(signer: str, signature: str | None) -> object:
    """Return the data of a signature with the mark of ``signer``, or ``None``."""
    mark = f"{signer}:"
    if signature is None or not signature.startswith(mark):
        return None
    try:
        return decode_json(signature.removeprefix(mark), object)
    except (ValueError, RecursionError):
        return None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
