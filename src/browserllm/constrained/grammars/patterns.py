r"""Turn the regular expressions of JSON Schema (ECMA-262) into EBNF, as far as a grammar can express them.

They match JSON text: a quote in a class is written with JSON's escape. Beyond ASCII, an engine's classes contain all
characters or none, so a small set of such characters is spelled out. ``.`` and ``\S`` accept all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache

from ...json_schema.patterns.syntax import (
    LAST,
    LINE_ENDS,
    SPACE,
    Alternation,
    Anchor,
    Chars,
    Concatenation,
    Group,
    Node,
    PatternError,
    Ranges,
    Repeat,
    complement,
    parse,
    positions,
    united,
)

MAX_LISTED = 128
"""The most characters beyond ASCII that a set may list."""
MAX_REPEATS = 1000
MAX_COUNTED = 64
"""The most characters of a free text that a grammar counts."""
MAX_LENGTH = 2000
MAX_WRITTEN = 20_000
"""The most characters that a pattern may have with its repetitions expanded."""
_MAX_DEPTH = 40
_MOST_WAYS = 8


class NotExpressible(Exception):  # noqa: N818 (a result, not a failure)
    """A grammar cannot express the pattern; ``str()`` says why."""


ANY = Chars(((0, LAST),))
_ANYTHING = Repeat(ANY, 0, None)
# These exclude some characters beyond ASCII; in a grammar they accept all of those.
_WIDENED = {
    complement(LINE_ENDS): complement(((10, 10), (13, 13))),
    complement(SPACE): complement(((9, 13), (0x20, 0x20))),
}


def parse_pattern(text: str) -> Node:
    """Return an expression for whole texts in which the pattern is found; raises `NotExpressible`.

    It consists only of `Chars`, `Concatenation`, `Alternation` and `Repeat`.
    """
    if len(text) > MAX_LENGTH:
        raise NotExpressible(f"it is longer than {MAX_LENGTH} characters")
    try:
        node = parse(text).node
    except PatternError as error:
        raise NotExpressible(str(error)) from None
    found = [_anchored(part) for part in (node.parts if isinstance(node, Alternation) else (node,))]
    whole = _plain(found[0] if len(found) == 1 else Alternation(tuple(found)))
    if positions(whole) > MAX_WRITTEN:
        raise NotExpressible(f"with its repetitions expanded it has more than {MAX_WRITTEN} characters")
    return whole


def _anchored(node: Node) -> Node:
    """Return an expression for whole texts in which one alternative is found."""
    parts = node.parts if isinstance(node, Concatenation) else (node,)
    start = bool(parts) and parts[0] == Anchor("^")
    end = len(parts) > start and parts[-1] == Anchor("$")
    inner = Concatenation(tuple(_expressible(part, 0) for part in parts[start : len(parts) - end]))
    return Concatenation((*(() if start else (_ANYTHING,)), inner, *(() if end else (_ANYTHING,))))


def _expressible(node: Node, depth: int) -> Node:
    """Return a part in a form that a grammar can express."""
    if depth > _MAX_DEPTH:
        raise NotExpressible("its groups are nested too deeply")
    if isinstance(node, Chars):
        return _set(_WIDENED.get(node.ranges, node.ranges))
    if isinstance(node, Group):
        return _expressible(node.part, depth + 1)
    if isinstance(node, Concatenation | Alternation):
        return type(node)(tuple(_expressible(part, depth + 1) for part in node.parts))
    if isinstance(node, Repeat):
        part = _expressible(node.part, depth + 1)
        if max(node.least, node.most or 0) > most_repeats(part):
            raise NotExpressible(f"it counts to more than {most_repeats(part)}")
        return Repeat(part, node.least, node.most)
    if isinstance(node, Anchor):
        raise NotExpressible(f"a grammar cannot express {node.kind!r} in the middle")
    raise NotExpressible("it has a lookaround or a backreference")


def of_length(node: Node, least: int, most: int | None) -> Node | None:
    """Limit an expression to texts of a length; ``None`` if that is not possible."""
    shortest, longest = _width(node)
    if shortest >= least and (most is None or (longest is not None and longest <= most)):
        return node
    if isinstance(node, Repeat) and isinstance(node.part, Chars):
        bounds = [bound for bound in (node.most, most) if bound is not None]
        upper = min(bounds) if bounds else None
        lower = max(node.least, least)
        if max(lower, upper or 0) > most_repeats(node.part) or (upper is not None and lower > upper):
            return None
        return Repeat(node.part, lower, upper)
    return None


def most_repeats(part: Node) -> int:
    """Return how often a part may be repeated: a class that is written in several ways is costly each time."""
    return MAX_COUNTED if isinstance(part, Chars) and len(ways_of(part.ranges)) > 1 else MAX_REPEATS


Add = Callable[[Callable[[str], str]], str]
"""Adds a rule, whose body may use its own name, and returns that name."""


def grammar_of(node: Node, add: Add) -> str:
    """Return the expression as EBNF that can be placed anywhere."""
    if isinstance(node, Chars):
        ways = ways_of(node.ranges)
        if len(ways) > _MOST_WAYS:
            return add(lambda _: " | ".join(ways))  # whitespace alone has twenty
        return ways[0] if len(ways) == 1 and ways[0].startswith("[") else f"({' | '.join(ways)})"
    if isinstance(node, Concatenation):
        return f"({' '.join(grammar_of(part, add) for part in node.parts)})" if node.parts else '""'
    if isinstance(node, Alternation):
        return f"({' | '.join(grammar_of(part, add) for part in node.parts)})"
    if not isinstance(node, Repeat):
        raise NotExpressible(f"a grammar cannot express {node!r:.80}")
    if isinstance(node.part, Chars):
        ways = ways_of(node.part.ranges)
        if len(ways) > 1:
            return counted(ways, node.least, node.most, '""', add)
    part = grammar_of(node.part, add)
    return (f"({part})" if isinstance(node.part, Repeat) else part) + repetition(node.least, node.most)


def written_size(node: Node) -> int:
    """Return about how many characters the expression has as EBNF."""
    if isinstance(node, Chars):
        return 4 + sum(3 + len(way) for way in ways_of(node.ranges))
    if isinstance(node, Repeat):
        times = max(node.least, node.most or 0) + 1
        size = written_size(node.part)
        if isinstance(node.part, Chars):
            return times * (size + 20) if len(ways_of(node.part.ranges)) > 1 else size + 8
        return size + 8 * times  # an engine expands a repeated group
    return (
        4 + sum(3 + written_size(part) for part in node.parts) if isinstance(node, Concatenation | Alternation) else 0
    )


def counted(ways: Iterable[str], least: int, most: int | None, end: str, add: Add) -> str:
    """Return a repeated character that can be written in several ways, followed by ``end``.

    Each count is a rule of its own: an engine precomputes what a token does within a rule, but works out what it does
    beyond the rule at every token.
    """
    if most is None:
        rest = add(lambda name: " | ".join([end, *(f"{way} {name}" for way in ways)]))
    else:
        rest = add(lambda _: end)
    for count in reversed(range(least if most is None else most)):
        done = [end] if count >= least else []
        body = " | ".join([*done, *(f"{way} {rest}" for way in ways)])
        rest = add(lambda _, body=body: body)
    return rest


def repetition(least: int, most: int | None) -> str:
    """Return the EBNF quantifier."""
    known: dict[tuple[int, int | None], str] = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    return known.get((least, most)) or f"{{{least},{'' if most is None else most}}}"


def literal(text: str) -> str:
    """Return a text as an EBNF literal."""
    return f'"{"".join(_escaped(char) for char in text)}"'


@lru_cache(maxsize=256)
def ways_of(ranges: Ranges) -> tuple[str, ...]:
    """Return the ways in which JSON writes a character of a set inside a string, as EBNF."""
    beyond = bool(ranges) and ranges[-1][1] == LAST and ranges[-1][0] <= 0x80
    codes = {code for first, last in ranges for code in range(first, min(last, 0x7F) + 1)}
    raw = [code for code in range(0x20, 0x80) if (code in codes) != beyond and code not in {0x22, 0x5C}]
    ways: list[str] = []
    if beyond:
        ways.append(f'[^"\\\\\\u0000-\\u001f{_class_of(raw)}]')
    elif raw:
        ways.append(f"[{_class_of(raw)}]")
    short = [json.dumps(chr(code))[2] for code in sorted(codes) if len(json.dumps(chr(code))) == 4]
    if short:
        ways.append(f'"\\\\" [{_class_of(map(ord, short))}]')
    for high in (0, 1):
        long = [code for code in codes if code >> 4 == high and len(json.dumps(chr(code))) > 4]
        if long:
            ways.append(f'"\\\\u00{high}" [{_class_of(sorted(ord(f"{code & 15:x}") for code in long))}]')
    if not beyond:
        ways += [literal(chr(code)) for first, last in ranges for code in range(max(first, 0x80), last + 1)]
    return tuple(ways)


def _class_of(codes: Iterable[int]) -> str:
    """Return the characters of a class, as ranges."""
    ranges = united([(code, code) for code in codes])
    return "".join(_in_class(a) if a == b else f"{_in_class(a)}-{_in_class(b)}" for a, b in ranges)


def _in_class(code: int) -> str:
    return chr(code) if chr(code).isalnum() else f"\\u{code:04x}"


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if " " <= char != "\x7f" else f"\\u{ord(char):04x}"


def _plain(node: Node) -> Node:
    """Unwrap sequences and choices of one part."""
    if isinstance(node, Repeat):
        return Repeat(_plain(node.part), node.least, node.most)
    if not isinstance(node, Concatenation | Alternation):
        return node
    parts = tuple(_plain(part) for part in node.parts)
    return parts[0] if len(parts) == 1 else type(node)(parts)


def _width(node: Node) -> tuple[int, int | None]:
    """Return the minimum and maximum length of the texts."""
    if isinstance(node, Repeat):
        shortest, longest = _width(node.part)
        most = None if node.most is None or longest is None else longest * node.most
        return shortest * node.least, 0 if longest == 0 else most
    if not isinstance(node, Concatenation | Alternation):
        return 1, 1
    widths = [_width(part) for part in node.parts]
    ends = [longest for _, longest in widths if longest is not None]
    known = len(ends) == len(widths)
    if isinstance(node, Concatenation):
        return sum(shortest for shortest, _ in widths), sum(ends) if known else None
    return min(shortest for shortest, _ in widths), max(ends) if known else None


def _set(ranges: Ranges) -> Chars:
    """Return a character class that a grammar can express."""
    if not ranges:
        raise NotExpressible("it has an empty class")
    beyond = [(max(first, 0x80), last) for first, last in ranges if last > 0x7F]
    listed = sum(last - first + 1 for first, last in beyond)
    if beyond != [(0x80, LAST)] and (listed > MAX_LISTED or any(a <= 0xDFFF and b >= 0xD800 for a, b in beyond)):
        raise NotExpressible("a class has too many of the characters beyond ASCII to list, but not all")
    return Chars(ranges)
