r"""Joins characters that a server split: one half ends a piece of an answer, the other half begins the next piece.

Servers send tokens, and a token may be half a character. What they then write is half of a surrogate pair, as an escape
(``\ud83d``) or as three bytes of its own, or the first bytes of a character in UTF-8 and its last ones in the next
event. Python reads each as lone surrogates (bytes as ``surrogateescape`` has them), which no other text may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from msgspec.structs import replace

from ..types import ReasoningDelta, TextDelta, ToolCallDelta
from .stream import Delta

REPLACEMENT = "\ufffd"
"""What stands for half a character whose other half never came."""

_LONE = re.compile(r"[\ud800-\udfff]")
_PAIR = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_BYTES = re.compile(r"[\udc80-\udcff]+")
_FIRST_HALF = re.compile(
    r"(?:[\ud800-\udbff]|[\udcc2-\udcdf]|[\udce0-\udcef][\udc80-\udcbf]?|[\udcf0-\udcf4][\udc80-\udcbf]{0,2})\Z"
)


def whole_text(text: str) -> str:
    """Return a text whose halves are joined; what has no other half is replaced."""
    if text.isascii() or _LONE.search(text) is None:
        return text
    return _LONE.sub(REPLACEMENT, _joined(text))


def whole_value(value: Any) -> Any:
    """Return a JSON value in which every text is a `whole_text`."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list):
        return [whole_value(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {whole_value(key): whole_value(each) for key, each in cast("dict[Any, Any]", value).items()}
    return value


class CharacterJoiner:
    """Joins the halves of one answer's deltas: its text, its reasoning and each call's arguments by themselves.

    The first half is kept until the next piece of the same kind comes.
    """

    def __init__(self) -> None:
        """Start before the first delta."""
        self._kept: dict[str | int, str] = {}

    def join(self, delta: Delta) -> Delta:
        """Return the delta with the half that was kept, and without the half that it ends with."""
        if isinstance(delta, str):
            return self._text("text", delta)
        if isinstance(delta, TextDelta):
            text, logprobs = self._text("text", delta.text), delta.logprobs
            if text is delta.text and logprobs is None:
                return delta
            return replace(delta, text=text, logprobs=whole_value(logprobs))
        if isinstance(delta, ReasoningDelta):
            # A signature ends its part: nothing is added to that any more.
            reasoning = self._text("reasoning", delta.reasoning, last=delta.signature is not None)
            return delta if reasoning is delta.reasoning else replace(delta, reasoning=reasoning)
        if isinstance(delta, ToolCallDelta):
            arguments, call_id, name = self._text(delta.index, delta.arguments), delta.id, delta.name
            if arguments is delta.arguments and f"{call_id}{name}".isascii():
                return delta
            return replace(delta, arguments=arguments, id=whole_value(call_id), name=whole_value(name))
        return delta

    def rest(self) -> Iterator[Delta]:
        """Give what stands for the halves whose other half never came."""
        for kind in self._kept:
            if kind == "text":
                yield REPLACEMENT
            elif isinstance(kind, int):
                yield ToolCallDelta(index=kind, arguments=REPLACEMENT)
            else:
                yield ReasoningDelta(reasoning=REPLACEMENT)
        self._kept.clear()

    def _text(self, kind: str | int, text: str, *, last: bool = False) -> str:
        if not last and (not text or (not self._kept and (text.isascii() or _LONE.search(text) is None))):
            return text
        kept = self._kept.pop(kind, "")
        if not kept and _LONE.search(text) is None:
            return text
        joined = _joined(kept + text)
        half = None if last else _FIRST_HALF.search(joined)
        if half is not None:
            self._kept[kind] = half.group()
            joined = joined[: half.start()]
        return _LONE.sub(REPLACEMENT, joined)


def _joined(text: str) -> str:
    return _BYTES.sub(_as_utf8, _PAIR.sub(_as_pair, text))


def _as_pair(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _as_utf8(run: re.Match[str]) -> str:
    # What is no UTF-8, or not yet, stays as it is.
    return run.group().encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
