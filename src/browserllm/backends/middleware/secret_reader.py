"""Finds the end of a value: in quotes of any kind, in a YAML block, between tags, or where it cannot continue."""

from __future__ import annotations

import re
from typing import NamedTuple

_OPENING = re.compile(
    r"(?P<slashes>\\*+)(?P<quote>\"\"\"|'''|[\"'`])"
    r"|(?P<other>&quot;|&\#0?3[49];|&\#x2[27];|&apos;|%2[27]|[\u201c„\u2018\u201a«「\u2039])|(?P<mark>\*\*|__|~~|\*(?=[^\s*]))"
)
_CLOSING = {
    "\u201c": "\u201d", "„": "\u201d\u201c",
    "\u2018": "\u2019", "\u201a": "\u2019\u2018", "«": "»", "「": "」", "\u2039": "\u203a",
}  # fmt: skip
_PREFIX = re.compile(
    r"(?:[rRbBuUfFN@]{1,2}(?=[\"'])"
    r"|(?:new[ ])?(?:(?:[a-zA-Z_]\w{0,30}\.){0,3}(?:SecretStr|SecretString|SecretBytes|Secret|Password|StrictStr"
    r"|String|str|string|bytes|b64decode|b64encode|atob|btoa|fromString|from|from_str|valueOf|of|encode|quote|Some|Just"
    r"|sensitive|nonsensitive|base64encode|base64decode|tostring|to_string|SecureString))"
    r"\([ ]?[rRbBuUfFN@]?(?=\\*[\"'`])"
    r"|\[\]byte\((?=[\"'`])|ConvertTo-SecureString[ ](?:-String[ ])?|![a-z]{3,6}[ ]+(?=[\"'])"
    r"|!!\w{1,12}[ ]++|&[\w-]{1,30}[ ]++|\$(?=[\"'])|<!\[CDATA\[|\[(?:string|securestring)\])",
)
_TAG = re.compile(
    r"</[A-Za-z]|<!--|<(?:br|p|div|span|code|b|i|a|td|li|tr)\b[^<>\n]{0,120}>|<[A-Z][A-Z0-9_]{0,31}_[1-9]"
)
_TAGS = re.compile(
    r"(?:<(?:/[A-Za-z][\w:-]{0,40}|(?:code|kbd|tt|samp|pre|b|strong|em|i|u|span|font|p|div|td|th|tr|dd|dt|li|br|string"
    r"|value|var|input)(?:[ ][^<>\n]{0,120})?/?)>\s{0,8}+){1,6}+"
)
_BLOCK = re.compile(r"[|>][+-]?[0-9]?[+-]?[ \t]*+(?:#[^\n]*+)?\r?\n(?=[ \t]|\r?\n)")
_FOLDED = re.compile(r"(?:\n[^\"'\n:=(){}]{0,200}+){1,8}+")
_RUN = re.compile(r"[^\s\"'`<,;&\\|#()\u201c\u201d\u3002\uff0c\u3001\uff1b\uff01\uff1f\u2026]++")
_RUN_ENCODED = re.compile(r"[^\s\"'`<,;&\\|#()\u201c\u201d\u3002\uff0c\u3001\uff1b\uff01\uff1f\u2026%]++")
_AFTER_SEPARATOR = re.compile(r"\s|\Z|\\*[\"'`]|[)\]}<]|[A-Za-z_][\w.-]{0,40}\s{0,2}[:=]|&|\\+[nrt]")
_AFTER_AMPERSAND = re.compile(r"&|\s|\Z|[A-Za-z_][\w.\[\]-]{0,40}=|(?:amp|lt|gt|quot|apos|nbsp|\#[0-9x]{1,6});")
_ESCAPE_ENDS = re.compile(
    r"\\++(?:[\"'`]|\Z|[\t\r\n]|(?<!\w\\)[ ]|[ ](?:\s|\Z)"
    r"|[nrt](?=\\|[\"'`]|\s|\Z|[\w. -]{0,40}[:=])|u00(?:26|22|3[cCeE]|0[aA]|27))"
)
_IN_URL_ENDS = frozenset("&#,;\"'<>`\\)]}|\u201c\u201d")
# Quotes and punctuation that need no space after them.
_ENDS = frozenset("\u201c\u201d\u3002\uff0c\u3001\uff1b\uff01\uff1f\u2026")
_CLOSERS = {")": "(", "]": "[", "}": "{", ">": "<"}


class Value(NamedTuple):
    """A value in ``text[start:end]``; ``quoted`` if quotes or tags delimit it, and ``after`` is behind those."""

    start: int
    end: int
    after: int
    quoted: bool


class Reader:
    """Reads values from one text."""

    def __init__(self, text: str) -> None:
        """Read from ``text``."""
        self.text = text
        # How far each quote is known not to close, so that no search is repeated.
        self._open: dict[tuple[str, int], int] = {}
        self._line = (0, -1)
        self._fold = (-1, -1)
        self._bare = (0, -1, False, False, False)

    def value(self, at: int, *, in_url: bool = False, in_table: bool = False, encoded: bool = False) -> Value | None:
        """Return the value that begins at ``at``, after formatting tags, if any."""
        text = self.text
        if (tags := _TAGS.match(text, at)) is not None and not in_url:
            value = self.element(tags.end())
            return value if value is not None and value.end > value.start else None
        while (prefix := _PREFIX.match(text, at)) is not None:
            at = prefix.end()
            if prefix.group().endswith("CDATA["):
                end = self._find("]]>", at, len(text))
                return None if end < 0 else Value(at, end, end + 3, quoted=True)
        opening = _OPENING.match(text, at)
        if opening is not None and not (in_url and opening["mark"]):
            return self._quoted(opening)
        return self.bare(at, in_url=in_url, in_table=in_table, encoded=encoded)

    def element(self, at: int) -> Value | None:
        """Return the text up to the next tag."""
        text = self.text
        while at < len(text) and text[at].isspace():
            at += 1
        if text.startswith("<![CDATA[", at):
            return self.value(at)
        end = text.find("<", at, at + 4096)
        if end < 0:
            return self.bare(at)
        if not text.startswith("</", end) and not _TAGS.match(text, end):
            return None
        stop = end
        while stop > at and text[stop - 1].isspace():
            stop -= 1
        return Value(at, stop, end, quoted=True)

    def block(self, at: int, indent: int) -> Value | None:
        """Return the lines of a YAML block that are indented deeper than ``indent``."""
        text = self.text
        head = _BLOCK.match(text, at)
        if head is None:
            return None
        at = end = head.end()
        start = -1
        while at < len(text):
            stop = text.find("\n", at)
            stop = len(text) if stop < 0 else stop
            first = at
            while first < stop and text[first] in " \t":
                first += 1
            if first < stop and text[first] != "\r":
                if first - at <= indent:
                    break
                start = first if start < 0 else start
                end = stop - 1 if text[stop - 1] == "\r" else stop
            at = stop + 1
        return None if start < 0 else Value(start, end, end, quoted=True)

    def _quoted(self, opening: re.Match[str]) -> Value | None:
        text, at = self.text, opening.end()
        line_end = self._line_end(at)
        if other := opening["other"]:
            closing = _CLOSING.get(other, other)
            found = [self._find(each, at, line_end) for each in (closing if len(other) == 1 else [closing])]
            end = min((each for each in found if each >= 0), default=-1)
            width = len(other)
        elif mark := opening["mark"]:
            end, width = self._find(mark, at, line_end), len(mark)
            if end <= at:
                return self.bare(at)
        else:
            quote, slashes = opening["quote"], len(opening["slashes"])
            width = len(quote) + slashes
            end = self._find(quote, at, len(text)) if len(quote) == 3 else self._close(quote, slashes, at, line_end)
            if end < 0 and slashes == 0 and len(quote) == 1:
                end = self._over_lines(quote, at, line_end)
        if end < 0:
            # It is not closed: the rest of the line may belong to it.
            end = line_end
            while end > at and text[end - 1].isspace():
                end -= 1
            return None if end == at else Value(at, end, end, quoted=True)
        return Value(at, end, end + width, quoted=True)

    def _over_lines(self, quote: str, at: int, line_end: int) -> int:
        text = self.text
        if quote == "`":
            return self._find(quote, at, min(len(text), at + 4096))
        last = line_end - 1
        while last > at and line_end - last < 8 and text[last] in ",;)]} \t":
            last -= 1
        if last > at and text[last] == quote and text[last - 1] == "\\":
            return last  # a value that ends with a backslash
        if self._fold[0] != line_end:
            folded = _FOLDED.match(text, line_end)
            self._fold = (line_end, -1 if folded is None else folded.end())
        end = self._fold[1]
        return end if end >= 0 and text.startswith(quote, end) else -1

    def _close(self, quote: str, slashes: int, start: int, limit: int) -> int:
        """Return where a quote closes that began with ``slashes`` backslashes; quotes inside it have more of them."""
        text, at = self.text, start
        if self._open.get((quote, slashes), -1) >= limit:
            return -1
        while (at := text.find(quote, at, limit)) >= 0:
            run = 0
            while at - run > start and text[at - run - 1] == "\\":
                run += 1
            if run < slashes:
                return at - run  # the surrounding quote closes
            if (run - slashes) // (slashes + 1) % 2 == 0:
                if slashes or at == start:
                    return at - slashes
                if text.startswith(quote, at + 1):
                    at += 2  # a doubled quote stands for one
                elif quote == "'" and text.startswith("\\''", at + 1):
                    at += 4  # a quote as a shell escapes it
                else:
                    return at
            else:
                at += 1
        self._open[quote, slashes] = limit
        return -1

    def _find(self, wanted: str, at: int, limit: int) -> int:
        if self._open.get((wanted, 0), -1) >= limit:
            return -1
        found = self.text.find(wanted, at, limit)
        if found < 0:
            self._open[wanted, 0] = limit
        return found

    def _line_end(self, at: int) -> int:
        if not self._line[0] <= at <= self._line[1]:
            end = self.text.find("\n", at)
            self._line = (at, len(self.text) if end < 0 else end)
        end = self._line[1]
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def bare(self, at: int, *, in_url: bool = False, in_table: bool = False, encoded: bool = False) -> Value | None:
        """Return an unquoted value."""
        text, start = self.text, at
        first, last, *how = self._bare
        if first < at < last and how == [in_url, in_table, encoded]:
            at = last  # the end of the value that contains this one
        while at < len(text):
            if (run := (_RUN_ENCODED if encoded else _RUN).match(text, at)) is not None:
                at = run.end()
                if at == len(text):
                    break
            char = text[at]
            if char.isspace() or (in_url and char in _IN_URL_ENDS) or char in _ENDS:
                break
            if char == "%" and text.startswith("%26", at):
                break
            if char in "\"'`":
                if at == start or not text[at + 1 : at + 2].isalnum():
                    break
            elif char == "<":
                if _TAG.match(text, at):
                    break
            elif char in ",;":
                if _AFTER_SEPARATOR.match(text, at + 1):
                    break
            elif char == "&":
                if _AFTER_AMPERSAND.match(text, at + 1):
                    break
            elif char == "|":
                if in_table or text[at + 1 : at + 2] in {"", "|", " "}:
                    break
            elif char == "\\":
                if _ESCAPE_ENDS.match(text, at):
                    break
                at += 1
            at += 1
        at = min(at, len(text))
        self._bare = (start, at, in_url, in_table, encoded)
        end = self._trimmed(start, at)
        return None if end == start else Value(start, end, at, quoted=False)

    def _trimmed(self, start: int, end: int) -> int:
        """Leave out what belongs to the surrounding text: final punctuation, and brackets that were opened before."""
        text = self.text
        while end > start and text[end - 1] in ".,;:?":
            end -= 1
        if text[end - 1 : end] in _CLOSERS:
            near = max(start, end - 400)
            loose = {closer for closer, opener in _CLOSERS.items() if text.find(opener, near, end) < 0}
        else:
            loose = set[str]()
        while end > start and (text[end - 1] in ".,;:?" or text[end - 1] in loose):
            end -= 1
        return end
