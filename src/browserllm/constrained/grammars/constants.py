"""Write enum values as a prefix tree, so that no two alternatives share a beginning.

An engine confuses alternatives with a common prefix (github.com/mlc-ai/xgrammar/issues/618), or compiles each of them
separately, which takes a minute for ten thousand; a tree takes a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .patterns import literal

Symbol = str
"""A character, or the name of a rule; rule names are longer than one character."""


def tree_of(texts: Sequence[Sequence[Symbol]], add: Callable[[str], str]) -> str:
    """Return EBNF for the texts, each a sequence of symbols; ``add`` adds a rule with a body and returns its name."""
    listed = sorted({tuple(text) for text in texts})
    # Every node is a slice of the list whose texts share a prefix: start, end, and the prefix's length.
    nodes = [(0, len(listed), 0)]
    children: list[list[tuple[int, int, int, int]]] = []
    for node in nodes:  # grows while it is read
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
                if body not in names:  # equal endings share one rule
                    names[body] = add(body)
                rest = names[body]
            ways.append(f"{written_symbols(text)} {rest}".rstrip())
        bodies[at] = " | ".join(ways)
    return bodies[0]


def _groups(listed: list[tuple[Symbol, ...]], start: int, end: int, depth: int) -> Iterator[tuple[int, int]]:
    """Yield the slices whose texts continue with the same symbol."""
    if start < end and len(listed[start]) == depth:
        start += 1
    while start < end:
        last = start + 1
        while last < end and listed[last][depth] == listed[start][depth]:
            last += 1
        yield start, last
        start = last


def _common(one: tuple[Symbol, ...], other: tuple[Symbol, ...], depth: int) -> int:
    """Return the length of two texts' common prefix, of which the first ``depth`` symbols are known to be equal."""
    end = min(len(one), len(other))
    while depth < end and one[depth] == other[depth]:
        depth += 1
    return depth


def written_symbols(symbols: Sequence[Symbol]) -> str:
    """Return a sequence of characters and rule names as EBNF."""
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
