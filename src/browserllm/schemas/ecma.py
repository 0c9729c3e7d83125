"""JSON Schema's regular expressions, which are ECMAScript's, as Python's."""

from __future__ import annotations

import re

_SPACES = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SETS = {"d": "0-9", "w": "A-Za-z0-9_", "s": _SPACES}
_LINE_ENDS = r"\n\r\u2028\u2029"
_QUANTIFIER = re.compile(r"[*+?]|\{[0-9]+(?:,[0-9]*)?\}")
_GROUP = re.compile(r"\(\?(?::|=|!|<=|<!|<([A-Za-z_$][A-Za-z0-9_$]*)>)")
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|c[A-Za-z]|k<([A-Za-z_$][A-Za-z0-9_$]*)>|[1-9][0-9]*|.)",
    re.DOTALL,
)


def python_pattern(pattern: str) -> re.Pattern[str]:
    r"""Return an ECMAScript pattern (with its ``u`` flag) as one of Python's; use it with ``search``.

    ``\d``, ``\w``, ``\b`` mean ASCII, ``\s`` and ``.`` go by ECMAScript's blanks and line ends, and ``$`` is the very
    end. Raises ValueError for what is no pattern, and for what Python's cannot do: ``\p{...}``, a ``\W`` in a set,
    a lookbehind of no fixed length.
    """
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at, part = _escape(pattern, at, inside=False)
        elif char == "[":
            at, part = _set(pattern, at)
        elif pattern.startswith("(?", at):
            found = _GROUP.match(pattern, at)
            if found is None:
                raise ValueError(f"{pattern[at : at + 4]!r} begins no group that ECMAScript knows")
            part = f"(?P<{_named(found[1])}>" if found[1] else found[0]
            at = found.end()
        elif found := _QUANTIFIER.match(pattern, at):
            at, part = found.end(), found[0]
            if pattern.startswith("?", at):
                at, part = at + 1, part + "?"
            if again := _QUANTIFIER.match(pattern, at):  # which would be possessive in Python
                raise ValueError(f"there is nothing that {again[0]!r} could repeat")
        else:
            part = {".": f"[^{_LINE_ENDS}]", "$": r"\Z", "{": r"\{"}.get(char, char)
            at += 1
        parts.append(part)
    try:
        return re.compile("".join(parts), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _named(name: str) -> str:
    return name.replace("$", "_dollar_")


def _escape(pattern: str, at: int, *, inside: bool) -> tuple[int, str]:
    """Return where an escape ends, and what it is to Python; ``inside`` of a set it means something else."""
    found = _ESCAPE.match(pattern, at)
    if found is None:
        raise ValueError("it ends with a backslash")
    text, kind = found[0], found[0][1]
    if kind in _SETS:
        part = _SETS[kind] if inside else f"[{_SETS[kind]}]"
    elif kind in "DWS":
        if inside:
            raise ValueError(f"{text!r} in a set is not supported")
        part = f"[^{_SETS[kind.lower()]}]"
    elif kind in "uc" and len(text) > 2:
        code = ord(text[2]) % 32 if kind == "c" else int(text[2:].strip("{}"), 16)
        if code > 0x10FFFF:
            raise ValueError(f"{text!r} is no character")
        part = f"\\U{code:08x}"
    elif found[1]:
        part = f"(?P={_named(found[1])})"
    elif kind == "0":
        part = r"\x00"
    elif kind.isdigit() and not inside:
        part = f"(?:{text})"
    elif kind in "fnrtvb" or (kind == "x" and len(text) == 4) or (kind == "B" and not inside):
        part = text
    elif kind.isalnum() or not kind.isascii():
        raise ValueError(f"{text!r} is not supported" if kind in "pP" else f"{text!r} is no escape of ECMAScript")
    else:
        part = re.escape(kind)
    return found.end(), part


def _set(pattern: str, at: int) -> tuple[int, str]:
    """Return where a set ends, and what it is to Python."""
    negated = pattern.startswith("[^", at)
    at += 2 if negated else 1
    parts: list[str] = []
    while not pattern.startswith("]", at):
        if at >= len(pattern):
            raise ValueError("a '[' has no end")
        if pattern[at] == "\\":
            at, part = _escape(pattern, at, inside=True)
        else:
            part = pattern[at] if pattern[at] == "-" else re.escape(pattern[at])
            at += 1
        parts.append(part)
    if not parts:  # which Python would read as a set that holds a "]"
        return at + 1, r"[\s\S]" if negated else r"(?!)"
    return at + 1, f"[{'^' if negated else ''}{''.join(parts)}]"
