"""Parse docstrings in the styles of Google, NumPy and reST for descriptions of functions, parameters and attributes.

A docstring is prose: a line that cannot be parsed is skipped, and the lines after it still count.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

_PARAMETERS = (
    r"args|arguments|parameters|params|attributes|fields|inputs|keyword (?:args|arguments|parameters)|"
    r"other (?:args|arguments|parameters)"
)
_OTHERS = r"returns?|yields?|raises?|examples?|notes?|see also|warns?|warnings?|references"
_OF_PARAMETERS = re.compile(rf"(?:#+\s+)?\**(?:{_PARAMETERS}):?\**:?", re.IGNORECASE)
_OF_OTHERS = re.compile(rf"(?:#+\s+)?\**(?:{_OTHERS}):?\**:?", re.IGNORECASE)
_RULE = re.compile(r"-{3,}|={3,}|~{3,}")
_FIELD = re.compile(r"[:@](?:param|parameter|arg|argument|keyword|key|kwarg|var|ivar)\s++(.*)")
_ANY_FIELD = re.compile(r":\w+(?:\s[^:`]*)?:(?![`:])|:(?:param|type)\b|@(?:param|type|returns?|rtype|raises?|throws)\b")
_BULLET = re.compile(r"[-+*•]\s+")
_NAME = re.compile(r"[`*]*(\w++)[`*]*")
_COMMA = re.compile(r"\s*+,\s*+")
_DASH = re.compile(r"\s+(?:-{1,2}|\u2013|\u2014)\s+")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


class _Item(NamedTuple):
    """The first line of a description of one or more parameters."""

    names: list[str]
    text: str


def parse_docstring(text: str | None, names: Collection[str] = ()) -> tuple[str, dict[str, str]]:
    """Return the text before the first section, and the description of each parameter.

    The parameters' ``names`` help to tell an item from a sentence. Without them, only the usual forms are items.
    """
    import inspect

    lines = [line.rstrip() for line in inspect.cleandoc(text or "").splitlines()]
    names = frozenset(names)
    first = next((at for at in range(len(lines)) if _begins_section(lines, at)), len(lines))
    descriptions: dict[str, list[str]] = {}
    behind: list[str] = []  # text after a section that belongs to none
    at = first
    while at < len(lines):
        line, depth = lines[at].strip(), _depth(lines[at])
        if field := _field(line, names):
            at = _take(lines, at + 1, _begin(descriptions, field), depth)
        elif _begins_section(lines, at):
            ruled = _is_ruled(lines, at)
            ours = descriptions if _OF_PARAMETERS.fullmatch(line) else None
            at += 2 if ruled else 1
            if _ANY_FIELD.match(line):
                at = _take(lines, at, [], depth)
            else:
                at = _read_section(lines, at, depth, ours, names, ruled=ruled)
        else:
            behind.append(lines[at])
            at += 1
    description = "\n".join(lines[:first]).strip() or "\n".join(behind).strip()
    parameters = {name: " ".join(" ".join(texts).split()) for name, texts in descriptions.items()}
    return description, {name: texts for name, texts in parameters.items() if texts}


def _begins_section(lines: list[str], at: int) -> bool:
    line = lines[at].strip()
    found = _OF_PARAMETERS.fullmatch(line) or _OF_OTHERS.fullmatch(line)
    headed = found is not None and (line[0] == "#" or ":" in line)
    return headed or _is_ruled(lines, at) or bool(_ANY_FIELD.match(line))


def _is_ruled(lines: list[str], at: int) -> bool:
    return at + 1 < len(lines) and bool(lines[at].strip()) and bool(_RULE.fullmatch(lines[at + 1].strip()))


def _read_section(
    lines: list[str],
    at: int,
    outer: int,
    descriptions: dict[str, list[str]] | None,
    names: frozenset[str],
    *,
    ruled: bool,
) -> int:
    """Read the parameters of a section; return where it ends.

    The least indented item sets the indentation of items. Deeper lines belong to the item before them, unless a
    parameter that is named nowhere else begins there.
    """
    start, end, inner = at, at, -1
    while end < len(lines):
        line, depth = lines[end].strip(), _depth(lines[end])
        inner = depth if line and inner < 0 else inner
        if line and (depth <= outer or depth < inner):
            if _begins_section(lines, end):
                break
            item = _item(line, names, ruled=ruled)
            if depth <= outer and not ruled and not (item and (not names or names.intersection(item.names))):
                break
        end += 1
    if descriptions is None:
        return end
    items = {i: item for i in range(start, end) if (item := _item(lines[i].strip(), names, ruled=ruled))}
    known = [i for i, item in items.items() if names.intersection(item.names)]
    base = min((_depth(lines[i]) for i in known or items), default=0)
    named = {name for i, item in items.items() if _depth(lines[i]) <= base for name in item.names}
    texts: list[list[str]] = []
    for i in range(start, end):
        depth, item = _depth(lines[i]), items.get(i)
        if item and (depth <= base or (names.intersection(item.names) - named)):
            named.update(item.names)
            texts = _begin(descriptions, item)
        elif not lines[i].strip() or depth > base:
            for one in texts:
                one.append(lines[i].strip())
        else:
            texts = []  # not an item, so the deeper lines below it are dropped, too
    return end


def _begin(descriptions: dict[str, list[str]], item: _Item) -> list[list[str]]:
    """Return the list of lines for each name of an item, with the item's own text added."""
    texts = [descriptions.setdefault(name, []) for name in item.names]
    for one in texts:
        one.append(item.text)
    return texts


def _take(lines: list[str], at: int, texts: list[list[str]], depth: int) -> int:
    """Take the lines with deeper indentation; return where they end."""
    while at < len(lines) and (not lines[at].strip() or _depth(lines[at]) > depth):
        for one in texts:
            one.append(lines[at].strip())
        at += 1
    return at


def _item(line: str, names: frozenset[str], *, ruled: bool) -> _Item | None:
    """Parse a line as an item: ``name (type): text`` or, below a rule, ``name : type``."""
    bullet = _BULLET.match(line)
    at = bullet.end() if bullet else 0
    found: list[str] = []
    while one := _NAME.match(line, at):
        found.append(one[1])
        comma = _COMMA.match(line, one.end())
        at = comma.end() if comma else one.end()
        if not comma:
            break
    if not found or not one:
        return None
    known = bool(names.intersection(found))
    rest = line[at:].lstrip()
    if ruled:
        return _Item(found, "") if not rest or rest[0] == ":" or (known and rest[0] in _BRACKETS) else None
    if known and (dash := _DASH.match(line, at)):
        return _Item(found, line[dash.end() :])
    while rest and rest[0] in _BRACKETS:
        end = _closed(rest)
        if not end:  # a bracket is missing
            kind, colon, text = rest.partition(":")
            return _Item(found, text) if known and colon and kind else None
        rest = rest[end:].lstrip()
        if known and (dash := _DASH.match(" " + rest)):
            return _Item(found, rest[dash.end() - 1 :])
    if rest.startswith(":") and not rest.startswith("::"):
        return _Item(found, rest[1:])
    return _Item(found, "") if known and not rest else None


def _closed(text: str) -> int:
    """Return the end of the bracket that begins a text, 0 if it is never closed; brackets in quotes do not count."""
    waiting: list[str] = []
    quote = ""
    for at, one in enumerate(text):
        if quote:
            quote = "" if one == quote else quote
        elif one in "\"'" and not text[at - 1].isalnum():
            quote = one
        elif one in _BRACKETS:
            waiting.append(_BRACKETS[one])
        elif one in ")]}":
            if waiting.pop() != one:
                return 0
            if not waiting:
                return at + 1
    return 0


def _field(line: str, names: frozenset[str]) -> _Item | None:
    """Read ``:param name: text``, also with a type before the name, which may contain colons."""
    found = _FIELD.fullmatch(line)
    if not found:
        return None
    fallback: _Item | None = None
    before, *parts = found[1].split(":")
    for at in range(len(parts)):
        name = _NAME.fullmatch("".join(before.replace("\\", "").split()[-1:]))
        if name:
            item = _Item([name[1]], ":".join(parts[at:]))
            if not names or name[1] in names:
                return item
            fallback = fallback or item
        before = parts[at]
    word, _, text = found[1].partition(" ")
    return _Item([word], text) if line[0] == "@" and word in names else fallback


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
