"""Untrusted JSON, decoded with a limit on its depth.

In a process, JSON that is nested too deeply raises RecursionError. In a page it overflows WebAssembly's stack, and
Python never responds again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar, cast, overload

import msgspec

T = TypeVar("T")

MAX_DEPTH = 200
"""How deeply lists and objects may be nested. Real data comes nowhere near it."""

MAX_VALUES = 1_000_000
"""How many values an encoded value may contain; one that appears several times counts each time."""

_A_STRING = rb'"(?:[^"\\]++|\\.)*+"?'
_STRING = re.compile(_A_STRING, re.DOTALL)
_TOKENS = re.compile(_A_STRING + rb"|[\[{\]}]", re.DOTALL)
"""A string, even an unterminated one, or a bracket. It never backtracks: each byte is looked at once."""
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OPEN = ord("[")


@overload
def decode_json(text: bytes | str, kind: type[T], *, strict: bool = True) -> T: ...
@overload
def decode_json(text: bytes | str, kind: Any, *, strict: bool = True) -> Any: ...
def decode_json(text: bytes | str, kind: Any, *, strict: bool = True) -> Any:
    """Decode like `msgspec.json.decode`; raises RecursionError for JSON nested deeper than `MAX_DEPTH`.

    Bytes that are not UTF-8, and a text with half a surrogate pair, are a `msgspec.DecodeError`, too.
    """
    check_depth(text)
    try:
        return msgspec.json.decode(text, type=kind, strict=strict)
    except UnicodeError as error:
        why = str(error)  # without the error itself, which has the whole text
    raise msgspec.DecodeError(why)


def check_depth(text: bytes | str) -> None:
    """Raise RecursionError for JSON nested deeper than `MAX_DEPTH`; takes linear time."""
    if _opened(text) > MAX_DEPTH and _depth(_encoded(text)) > MAX_DEPTH:
        raise RecursionError(f"JSON is nested more than {MAX_DEPTH} levels deep")


def encode_json(value: Any, enc_hook: Callable[[Any], Any] | None = None) -> str:
    """Encode like `msgspec.json.encode`; raises RecursionError for a value nested too deeply, or containing itself."""
    _check_value(value)
    return msgspec.json.encode(value, enc_hook=enc_hook).decode()


def _check_value(value: Any) -> None:
    stack = [iter((value,))]
    for _ in range(MAX_VALUES):
        inner = next(stack[-1], stack)
        if inner is stack:
            stack.pop()
            if not stack:
                return
        elif parts := _parts(inner):
            stack.append(iter(parts))
            if len(stack) > MAX_DEPTH:
                raise RecursionError(f"the value is nested more than {MAX_DEPTH} levels deep, or contains itself")
    raise RecursionError(f"the value contains more than {MAX_VALUES} others")


def _parts(value: Any) -> Collection[Any]:
    """Return the values directly inside a value."""
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return cast("Collection[Any]", value)
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value).values()
    kind = cast("Any", type(value))
    names: Iterable[str] = getattr(kind, "__struct_fields__", None) or getattr(kind, "__dataclass_fields__", None) or ()
    return [getattr(value, name, None) for name in names]


def left_open(text: str) -> int:
    """Return how many more brackets a piece of JSON opens than it closes, outside its strings."""
    tokens = [token.group()[:1] for token in _TOKENS.finditer(_encoded(text))]
    return sum(token in b"[{" for token in tokens) - sum(token in b"]}" for token in tokens)


def _encoded(text: bytes | str) -> bytes:
    # Half a surrogate pair is not valid JSON; the decoder reports that.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _opened(text: bytes | str) -> int:
    """Count all opening brackets: for nearly every text that is enough to rule out deep nesting."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _depth(text: bytes) -> int:
    """Return the depth of the text, or a number above `MAX_DEPTH` if it is deeper.

    Each round takes away the innermost brackets everywhere, so it is a few passes over the text and no step for each
    string in it: a page's Python needs that when it reads a thousand messages.
    """
    # Without escapes, each quote begins or ends a string.
    outside = _STRING.sub(b"", text) if b"\\" in text else b"".join(text.split(b'"')[::2])
    brackets = outside.translate(_ALIKE, _NO_BRACKETS)
    left, rounds = brackets, 0
    while rounds <= MAX_DEPTH and b"[]" in left:
        left = left.replace(b"[]", b"")
        rounds += 1
    if not left or rounds > MAX_DEPTH:
        return rounds
    depth = deepest = 0  # they do not match: the decoder will say so, unless it is too deep for it
    for bracket in brackets:
        depth += 1 if bracket == _OPEN else -1
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest
