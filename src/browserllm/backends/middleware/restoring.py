"""Restorer: puts values back into a streamed text, but not into its links."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from .links import LinkWatch
from .lookahead import AHEAD, begins_url

PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]{0,31}_[1-9][0-9]{0,8}>")
"""The pattern of a placeholder."""

_IN_JSON = re.compile(r"(?:<|\\u003[cC])[A-Z][A-Z0-9_]{0,31}_[1-9][0-9]{0,8}(?:>|\\u003[eE])")
# Some servers write < and > like this in JSON.
_ESCAPED = (("<", ">"), ("\\u003c", "\\u003e"), ("\\u003C", "\\u003E"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_PIECE = re.compile(r'"|\\u[0-9a-fA-F]{4}|\\[^u]|\\|[^"\\]+', re.DOTALL)
_CUT = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")


class Table:
    """The placeholders of one request and their values, as written in text or in JSON; `Restorer`s share it."""

    def __init__(self, values: Mapping[str, str], *, in_json: bool = False) -> None:
        """Map every spelling of a placeholder to its value."""
        self.in_json = in_json
        self.pattern = _IN_JSON if in_json else PLACEHOLDER
        self.values = {
            f"{left}{placeholder[1:-1]}{right}": value
            for placeholder, value in values.items()
            for left, right in (_ESCAPED if in_json else _ESCAPED[:1])
        }
        self.starts = {key[:length] for key in self.values for length in range(1, len(key))}
        self.longest = max((len(key) for key in self.values), default=0)

    def written(self, placeholder: str) -> str:
        """Return the value of a placeholder as it is written in the text or JSON."""
        value = self.values[placeholder]
        return json.dumps(value, ensure_ascii=False)[1:-1] if self.in_json else value

    def cut_at(self, text: str, start: int) -> int:
        """Return where a possible placeholder at the end of ``text`` begins, from ``start`` on; otherwise its end."""
        for length in range(min(self.longest - 1, len(text) - start), 0, -1):
            if text[-length:] in self.starts:
                return len(text) - length
        return len(text)


class Restorer:
    """Puts values back into a streamed text; the result does not depend on how the text is cut into pieces.

    A placeholder in a link, a URL or a tag (see `links`) stays, unless ``urls`` is set; ``left`` counts those. It holds
    back the beginning of a possible placeholder, and a placeholder after which a URL may continue, until the next
    characters decide it. Restored values are read like the model's text: a value can begin a link, too.
    """

    def __init__(self, table: Table, *, urls: bool = False) -> None:
        """Replace the placeholders in ``table``."""
        self._table = table
        self._urls = urls
        self._held = ""
        self._watch = _JSONWatch() if table.in_json else _TextWatch()
        self.left = 0

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def feed(self, piece: str) -> str:
        """Return the text that is certain after one more piece."""
        return self._advance(piece, final=False) if self._table.values else piece

    def end(self) -> str:
        """Return what was held back, at the end of the text; feeding more afterwards continues from here."""
        return self._advance("", final=True)

    def _advance(self, piece: str, *, final: bool) -> str:
        table, watch = self._table, self._watch
        text = self._held + piece
        out: list[str] = []
        at = 0
        for match in table.pattern.finditer(text):
            placeholder, start = match.group(), match.start()
            value = table.values.get(placeholder)
            if value is None:
                continue
            self._pass(text[at:start], out)
            at = start
            if watch.after_backslash:
                continue  # what looks like its first character is the second half of an escape
            stays = not self._urls and self._is_in_url(text, match.end(), final=final)
            if stays is None:
                self._held = text[at:]
                return "".join(out)
            if stays:
                self.left += 1
                watch.skip()
                out.append(placeholder)
            else:
                watch.read_value(value)
                out.append(table.written(placeholder))
            at = match.end()
        end = len(text) if final else table.cut_at(text, at)
        self._pass(text[at:end], out)
        self._held = text[end:]
        return "".join(out)

    def _pass(self, text: str, out: list[str]) -> None:
        if text:
            if self._table.in_json or not self._urls:
                self._watch.read(text)
            out.append(text)

    def _is_in_url(self, text: str, end: int, *, final: bool) -> bool | None:
        """Whether a placeholder that ends at ``end`` is part of a URL; ``None`` if that is not known yet."""
        if self._watch.inside:
            return True
        ahead, complete = self._ahead(text, end, final=final)
        if self._watch.after_less_than:
            # <VALUE> alone is harmless; anything more would make it a tag or an address.
            return ahead[:1] != ">" if ahead or complete else None
        return begins_url(ahead, complete=complete)

    def _ahead(self, text: str, at: int, *, final: bool) -> tuple[str, bool]:
        """Return what would be read after ``at``, and whether that is complete."""
        table = self._table
        read: list[str] = []
        count = 0
        while count < AHEAD:
            if at == len(text):
                return "".join(read), final
            match = table.pattern.match(text, at)
            value = None if match is None else table.values.get(match.group())
            if match is not None and value is not None:
                read.append(value[:AHEAD])
                count += len(value)
                at = match.end()
                continue
            if not final and len(text) - at < table.longest and text[at:] in table.starts:
                return "".join(read), False
            char = text[at]
            if table.in_json and char == '"':
                return "".join(read), True
            if table.in_json and char == "\\":
                if not final and _CUT.match(text, at):
                    return "".join(read), False
                piece = _PIECE.match(text, at)
                char, at = ("\\", at + 1) if piece is None else (_unescaped(piece.group()), piece.end())
            else:
                at += 1
            read.append(char)
            count += 1
        return "".join(read), True


class _TextWatch(LinkWatch):
    """Watches plain text."""

    after_backslash = False

    def read_value(self, value: str) -> None:
        self.read(value)


class _JSONWatch:
    """Watches each string in a JSON text separately, with its escapes decoded.

    A string ends at every quote without a backslash, whether that opens or closes one: the text around the JSON may
    contain quotes, too, and an unbalanced quote must not help an attacker.
    """

    def __init__(self) -> None:
        self._watch = LinkWatch(value=True)
        self._escape: str = ""

    @property
    def inside(self) -> bool:
        return self._watch.inside

    @property
    def after_less_than(self) -> bool:
        return self._watch.after_less_than

    @property
    def after_backslash(self) -> bool:
        """Whether the next character belongs to an escape."""
        return self._escape != ""

    def read(self, text: str) -> None:
        text = self._escape + text
        cut = _CUT.search(text, max(0, len(text) - 5))
        self._escape = ""
        for match in _PIECE.finditer(text):
            if cut is not None and match.start() == cut.start():
                self._escape = text[match.start() :]
                break
            piece = match.group()
            if piece == '"':
                self._watch = LinkWatch(value=True)
            else:
                self._watch.read(_unescaped(piece) if piece[0] == "\\" else piece)

    def read_value(self, value: str) -> None:
        self._watch.read(value)

    def skip(self) -> None:
        self._watch.skip()


def _unescaped(piece: str) -> str:
    """Decode a JSON escape; any other character stands for itself."""
    if len(piece) == 6 and piece[1] == "u":
        return chr(int(piece[2:], 16))
    return _ESCAPES.get(piece[1:], piece[1:]) or "\\"
