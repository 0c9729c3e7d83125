"""What is wrong with a file, in words for the person who chose it."""

from __future__ import annotations

import re

from ..errors import InvalidRequest

_PLACE = re.compile(r" - at `(?P<inside>key` in `)?(?P<path>\$[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+|\.\.\.)\]")
_AT = re.compile(r"\(byte (?P<byte>\d+)\)$")
_WRONG_KIND = re.compile(r"Expected `(?P<wanted>[^`]+)`(?: with value .*)?, got `(?P<got>[^`]+)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_UNKNOWN = re.compile(r"Invalid (?:enum )?value (?P<value>.+)", re.DOTALL)

_KINDS = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
_ITEMS = {"conversations": "conversation", "messages": "message", "parts": "part", "hops": "hop"}


def cannot_be_imported(why: str, advice: str | None = None) -> InvalidRequest:
    """Return the error for a file: why it cannot be imported, that nothing was, and what to do."""
    advice = advice or "Export it again from the app that it comes from"
    return InvalidRequest(f"this file cannot be imported: {why}. Nothing was added. {advice}.", parameter="text")


def what_is_wrong(error: Exception, text: str) -> InvalidRequest:
    """Return the error for a file that could not be decoded."""
    if isinstance(error, RecursionError):
        return cannot_be_imported("its lists and objects are nested too deeply for a file that this app exported")
    said = str(error)
    if not text.strip():
        return cannot_be_imported("it is empty", "Choose another file")
    if not text.lstrip().startswith("{"):
        return cannot_be_imported("it is not a file with conversations", "Choose a JSON file that this app exported")
    if place := _PLACE.search(said):
        return _misfit(said[: place.start()], place["path"])
    if _MISSING.match(said) or _WRONG_KIND.match(said):
        return _misfit(said, "$")
    if "truncated" in said:
        return cannot_be_imported("its end is missing", "Export it, or download it, again")
    if at := _AT.search(said):
        raw, byte = text.encode("utf-8", "replace"), int(at["byte"])
        near = " ".join(raw[max(0, byte - 20) : byte + 20].decode(errors="ignore").split())
        return cannot_be_imported(f"line {raw.count(10, 0, byte) + 1} is not valid JSON, near “{near}”")
    return cannot_be_imported("it has characters that are not valid text")


def _misfit(said: str, path: str) -> InvalidRequest:
    """Return the error for a value that is not what the format says."""
    where, field = _place(path)
    if missing := _MISSING.match(said):
        why = f"“{missing['name']}” is missing"
    elif wrong := _WRONG_KIND.match(said):
        wanted = " or ".join(dict.fromkeys(_kind(each.strip()) for each in wrong["wanted"].split("|")))
        why = f"{field} is {_kind(wrong['got'])}, where {wanted} belongs"
    elif unknown := _UNKNOWN.match(said):
        value = unknown["value"].strip("'\"")
        shown = value if len(value) <= 40 else f"{value[:40]}…"
        why = f"{field} is “{shown}”, which this version of the app does not know"
    else:
        why = f"{field} is not valid"
    return cannot_be_imported(f"{where}: {why}" if where else why)


def _kind(name: str) -> str:
    return _KINDS.get(name, "something else")


def _place(path: str) -> tuple[str, str]:
    """Return where a path leads, as ``conversation 1, message 2``, and the name of the field there."""
    where: list[str] = []
    name, field = "", ""
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            name = field = step["name"]
        elif step["index"].isdecimal() and name in _ITEMS:
            where.append(f"{_ITEMS[name]} {int(step['index']) + 1}")
            field = ""
    return ", ".join(where), f"“{field}”" if field else "it"
