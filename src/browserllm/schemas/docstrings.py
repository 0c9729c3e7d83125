"""What docstrings say of functions and parameters, classes and attributes: Google's, NumPy's and reST's way."""

from __future__ import annotations

import re

_GOOGLE = re.compile(r"^(args|arguments|parameters|params|attributes|fields):$", re.IGNORECASE)
_SECTION = re.compile(
    r"^(args|arguments|parameters|params|returns?|yields?|raises?|examples?|notes?|attributes|fields|"
    r"see also|warns?):$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^-{3,}$")
_FIELD = re.compile(r"^:(?:param|parameter|arg|argument)\s([^:]*):\s*+(.*)$")
_PARAMETER = re.compile(r"\*{0,2}(\w+)")
_NAMED = re.compile(r"^\*{0,2}(\w++)\s*+(?:\([^)]*+\)\s*+)?+:\s*+(.*)$")
_TYPED = re.compile(r"^\*{0,2}(\w++)\s*+(?::.*)?$")


def parse_docstring(text: str | None) -> tuple[str, dict[str, str]]:
    """Return the text before any section, and what is said of each parameter."""
    import inspect

    lines = inspect.cleandoc(text or "").splitlines()
    first = next((index for index in range(len(lines)) if _begins_section(lines, index)), len(lines))
    told: dict[str, list[str]] = {}
    index = first
    while index < len(lines):
        line = lines[index]
        index += 1
        field = _FIELD.match(line)
        if field and (name := _PARAMETER.fullmatch(_last_word(field[1]))):
            index = _take(lines, index, told.setdefault(name[1], [field[2]]), 0)
        elif _GOOGLE.match(line):
            index = _read_items(lines, index, told, _NAMED)
        elif index < len(lines) and _RULE.match(lines[index]):
            index += 1
            if line.lower() in ("parameters", "other parameters", "attributes"):
                index = _read_items(lines, index, told, _TYPED)
    parameters = {name: " ".join(" ".join(said).split()) for name, said in told.items()}
    return "\n".join(lines[:first]).strip(), {name: said for name, said in parameters.items() if said}


def _last_word(text: str) -> str:
    """Return what comes after the last space: in ``:param int x:`` the type stands before the name."""
    return "" if text[-1:].isspace() else "".join(text.split()[-1:])


def _begins_section(lines: list[str], index: int) -> bool:
    line = lines[index]
    ruled = index + 1 < len(lines) and bool(_RULE.match(lines[index + 1])) and bool(line.strip())
    return ruled or bool(_SECTION.match(line)) or line.startswith(":")


def _read_items(lines: list[str], index: int, told: dict[str, list[str]], item: re.Pattern[str]) -> int:
    """Read one parameter after the other, all as deep as the first one; return where they end."""
    while index < len(lines) and not lines[index].strip():
        index += 1
    depth = _depth(lines[index]) if index < len(lines) else 0
    while index < len(lines):
        line = lines[index]
        found = item.match(line.strip())
        if _depth(line) != depth or _begins_section(lines, index) or not found:
            return index
        said = told.setdefault(found[1], [found[2]] if item is _NAMED else [])
        index = _take(lines, index + 1, said, depth)
    return index


def _take(lines: list[str], index: int, said: list[str], depth: int) -> int:
    """Take the lines that are indented deeper; return where they end."""
    while index < len(lines) and (not lines[index].strip() or _depth(lines[index]) > depth):
        said.append(lines[index].strip())
        index += 1
    return index


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
