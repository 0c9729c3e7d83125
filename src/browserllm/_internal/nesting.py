"""JSON from somebody else, read with a bound on its depth.

In a process, JSON that is nested too deeply is a RecursionError. In a page its decoder runs out of WebAssembly's stack,
and Python with it: nothing after that answers any more.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar, cast, overload

import msgspec

T = TypeVar("T")

MAX_DEPTH = 200
"""How many lists and objects may lie in each other. Nothing that means something comes near it."""

MAX_VALUES = 1_000_000
"""How many values may lie in one that is encoded; one that lies in many counts in each."""

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
"""A text, also one that never ends, or a bracket. It never goes back: of each byte it is decided once what it is."""


@overload
def decode_json(text: bytes | str, kind: type[T], *, strict: bool = True) -> T: ...
@overload
def decode_json(text: bytes | str, kind: Any, *, strict: bool = True) -> Any: ...
def decode_json(text: bytes | str, kind: Any, *, strict: bool = True) -> Any:
    """Decode as `msgspec.json.decode` does; raises RecursionError for what is nested deeper than `MAX_DEPTH`."""
    check_depth(text)
    return msgspec.json.decode(text, type=kind, strict=strict)


def check_depth(text: bytes | str) -> None:
    """Raise RecursionError for JSON that is nested deeper than `MAX_DEPTH`; takes time that grows with the length."""
    if _opened(text) > MAX_DEPTH and _depth(_encoded(text)) > MAX_DEPTH:
        raise RecursionError(f"JSON is nested more than {MAX_DEPTH} deep")


def encode_json(value: Any, enc_hook: Callable[[Any], Any] | None = None) -> str:
    """Encode as `msgspec.json.encode` does; raises RecursionError for what is nested too deeply, or holds itself."""
    _check_value(value)
    return msgspec.json.encode(value, enc_hook=enc_hook).decode()


def _check_value(value: Any) -> None:
    ways = [iter((value,))]
    for _ in range(MAX_VALUES):
        inner = next(ways[-1], ways)
        if inner is ways:
            ways.pop()
            if not ways:
                return
        elif parts := _parts(inner):
            ways.append(iter(parts))
            if len(ways) > MAX_DEPTH:
                raise RecursionError(f"the value is nested more than {MAX_DEPTH} deep, or holds itself")
    raise RecursionError(f"the value holds more than {MAX_VALUES} others")


def _parts(value: Any) -> Collection[Any]:
    """Return what lies in a value."""
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return cast("Collection[Any]", value)
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value).values()
    kind = cast("Any", type(value))
    names: Iterable[str] = getattr(kind, "__struct_fields__", None) or getattr(kind, "__dataclass_fields__", None) or ()
    return [getattr(value, name, None) for name in names]


def left_open(text: str) -> int:
    """Return how many more brackets a piece of JSON opens than it closes, outside of its texts."""
    tokens = [token.group()[:1] for token in _TOKENS.finditer(_encoded(text))]
    return sum(token in b"[{" for token in tokens) - sum(token in b"]}" for token in tokens)


def _encoded(text: bytes | str) -> bytes:
    # Half a surrogate pair is no JSON; that it is none is for the decoder to say.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _opened(text: bytes | str) -> int:
    """Count what could nest: for nearly every text that is enough to know."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _depth(text: bytes) -> int:
    """Return how deep the text goes, or something above `MAX_DEPTH` where it goes deeper."""
    depth = deepest = 0
    for token in _TOKENS.finditer(text):
        first = token.group()[:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif first in b"]}":
            depth -= 1
    return deepest
