"""Listed values as rules: a tree of what they have in common, so that no two alternatives begin alike.

An engine takes alternatives that begin alike for one (github.com/mlc-ai/xgrammar/issues/618), or compiles each by
itself, which takes a minute for ten thousand of them; a tree takes a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .patterns import literal

Symbol = str
"""A character, or the name of a rule, which has more than one."""


def tree_of(texts: Sequence[Sequence[Symbol]], add: Callable[[str], str]) -> str:
    """Return EBNF for the texts, each a sequence of symbols; ``add`` makes a rule of a body and returns its name."""
    listed = sorted({tuple(text) for text in texts})
    # Every node is a part of the list whose texts have a beginning in common: from, to, and how long that is.
    nodes = [(0, len(listed), 0)]
    children: list[list[tuple[int, int, int, int]]] = []
    for node in nodes:  # which grows
        start, end, depth = node
        found: list[tuple[int, int, int, int]] = []
        for first, last in _groups(listed, start, end, depth):
            common = _common(listed[first], listed[last - 1], depth)
            if last - first > 1:
                nodes.append((first, last, common))
            found.append((first, common, len(nodes) - 1 if last - first > 1 else -1, depth))
        children.append(found)
    names: dict[str, str] = {}
    bodies = [""] * len(nodes)
    for at in reversed(range(len(nodes))):
        start, end, depth = nodes[at]
        ways = ['""'] if start < end and len(listed[start]) == depth else []
        for first, common, child, begun in children[at]:
            text = listed[first][begun:common]
            rest = ""
            if child >= 0:
                body = bodies[child]
                if body not in names:  # what ends alike is one rule
                    names[body] = add(body)
                rest = names[body]
            ways.append(f"{written_symbols(text)} {rest}".rstrip())
        bodies[at] = " | ".join(ways)
    return bodies[0]


def _groups(listed: list[tuple[Symbol, ...]], start: int, end: int, depth: int) -> Iterator[tuple[int, int]]:
    """Yield where the texts go on with another symbol."""
    if start < end and len(listed[start]) == depth:
        start += 1
    while start < end:
        last = start + 1
        while last < end and listed[last][depth] == listed[start][depth]:
            last += 1
        yield start, last
        start = last


def _common(one: tuple[Symbol, ...], other: tuple[Symbol, ...], depth: int) -> int:
    """Return how long the beginning is that two texts have in common, as far as is known already."""
    end = min(len(one), len(other))
    while depth < end and one[depth] == other[depth]:
        depth += 1
    return depth


def written_symbols(symbols: Sequence[Symbol]) -> str:
    """Return a sequence of characters and rules as EBNF."""
    parts: list[str] = []
    plain: list[str] = []
    for symbol in symbols:
        if len(symbol) == 1:
            plain.append(symbol)
            continue
        if plain:
            parts.append(literal("".join(plain)))
            plain.clear()
        parts.append(symbol)
    if plain or not parts:
        parts.append(literal("".join(plain)))
    return " ".join(parts)
