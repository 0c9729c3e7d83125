"""Tracks, character by character, whether a streamed text is inside a link, a URL or a tag.

This is not a parser of Markdown or HTML, because the renderer of the text is unknown. It is one small state machine for
each syntax that can contain an address. All of them read every character, and err on one side only: where parsers of a
syntax differ (escapes, nested brackets, quotes that a renderer rewrites), the position counts as inside. Each takes
constant time per character, and keeps a bounded part of what it has read.
"""

from __future__ import annotations

import re

from .lookahead import DOT, UNSEEN
from .markup import LINE, MarkupWatch
from .tags import TagWatch

_SCHEMES = "javascript|vbscript|mailto|https?|view-source"
# Other words end like these, too: metadata, hotel, profile.
_SHORT_SCHEMES = "ftp|wss?|data|xmpp|tel|sms|blob|file(?:system)?|about|intent|cid"
# Characters of a URL in other spellings: percent-encoded, as HTML entities (any of them: for some parser a host name
# may contain every character), after a backslash in Markdown, as escapes of JSON and JavaScript.
_ENCODED = (
    r"%(?:25)?(?:2e|2f|3a|40|5c)|%(?:25)?e3%(?:25)?80%(?:25)?82|&[\#a-z]|\\(?:_|[^\w\s\"'`()\[\]{}<>])"
    r"|\\(?:u00|x)(?:2e|2f|3a|40|5c)"
)

# A run (the text between two spaces) that contains one of these is a URL, at least for some parser.
_URL = re.compile(
    rf"""
      [/\\]{{2}}                                     # https://, //host, \\host, and https:\/\/ as in JSON
    | [a-z0-9+.\-]{{2}}:[/\\]                        # https:/host, as browsers take it
    | (?:{_SCHEMES}):
    | (?<![a-z0-9])(?:{_SHORT_SCHEMES}):
    | www[0-9]{{0,3}}[{DOT}]
    | [\w\-{UNSEEN}][{DOT}][\w\-{UNSEEN}]{{1,64}}(?:[/?\#\\&]|:[0-9])  # host.example/, without a scheme
    | {_ENCODED}
    | (?<![a-z])(?:href|src|srcset|srcdoc|action|formaction|poster|ping|cite|background|content|url)\s?=
    """,
    re.IGNORECASE | re.VERBOSE,
)
# After an @ and none of these, the position is in an email address. A semicolon may end an entity.
_MAIL_ENDS = frozenset(",\"'()[]{}<>")
_LOOKED_AT_AGAIN = 100
"""How many characters at the end of a run may be the beginning of a match."""

# A whole value (a JSON string) that begins like this is a URL to its end, even with spaces in it.
_BEGINS_AS_URL = re.compile(
    rf"[a-z][a-z0-9+.\-]*:[/\\]|(?:{_SCHEMES}|{_SHORT_SCHEMES}):|[/\\]{{2}}|www[0-9]{{0,3}}[{DOT}]"
    # Some dots are numbers to Unicode ("⒈"), so that \w has them, too: a label ends before each.
    rf"|(?:(?![{DOT}])[\w-]){{1,63}}(?:[{DOT}](?:(?![{DOT}])[\w-]){{1,63}})+(?:[/?#\\]|:[0-9])",
    re.IGNORECASE,
)
_HEAD = 320

_NOTHING = re.compile(rf"[\s{UNSEEN}]")

_BLANK = " \t\r\n"
_QUOTES = "\"'`"
# Code that begins in a URL is part of it for some parsers, and no character ends it for all.
_PARAGRAPH = "paragraph"
# A terminal reads what follows these as a command, which may set a link's address.
_CONTROLS = frozenset("\x1b\x90\x9b\x9c\x9d")


class LinkWatch:
    """Reads a text in pieces, and tracks whether the current position is `inside` an address or a tag."""

    def __init__(self, *, value: bool = False) -> None:
        """Start at the beginning of a text; ``value`` means that the whole text is one value, which may be a URL."""
        self._lost = False
        self._last = ""
        self._only_blanks = False
        self._tag = TagWatch()
        self._markup = MarkupWatch()
        self._run = _Run()
        self._destination = _Destination()
        self._defining = ""
        self._quote = ""
        self._quote_escaped = False
        self._head: list[str] | None = [] if value else None

    @property
    def inside(self) -> bool:
        """Whether the next character would be in a link's address, a URL or a tag."""
        return (
            self._lost
            or self._tag.inside
            or self._destination.depth > 0
            or self._defining != ""
            or self._quote != ""
            or self._markup.inside
            or self._run.is_url()
            or self._run.is_mail
            or self._is_url_as_a_whole()
        )

    @property
    def after_less_than(self) -> bool:
        """Whether a letter would begin a tag here, or an address in angle brackets."""
        return self._tag.opened

    def skip(self) -> None:
        """Read a placeholder that is not replaced; it counts as a word."""
        self._tag.skip()
        self._lost = self._lost or self._tag.lost
        self._only_blanks = False
        self._last = "x"
        if self._destination.depth:
            self._destination.step("x", escaped=False)
        if self._defining:
            self._defining = "address"
        if self._head is not None:
            self._read_head("x")
        self._markup.step("x", escaped=False)
        self._run.add("x")

    def read(self, text: str) -> None:
        """Read more text."""
        tag, run, destination, markup = self._tag, self._run, self._destination, self._markup
        for char in text:
            last, self._last = self._last, char
            escaped = last == "\\"
            if char == "<" or not tag.idle:
                tag.step(char, escaped=escaped)
                self._lost = self._lost or tag.lost
            if destination.depth:
                destination.step(char, escaped=escaped)
            if self._head is not None:
                self._read_head(char)
            markup.step(char, escaped=escaped)
            if char == "\r":
                continue  # ends a line for some parsers; the line feed after it does for all
            if char in _BLANK:
                self._blank(char)
                continue
            self._only_blanks = False
            if self._defining:
                self._defining = "address"
            if char == "(":
                if last == "]" or run.ends_with("url"):
                    destination.begin()
            elif char == ":":
                if last == "]":
                    self._defining = "begun"
            elif char in _CONTROLS:
                self._lost = True
            run.add(char)
            if char in _QUOTES:
                self._quotation(char, escaped=escaped)

    def _blank(self, char: str) -> None:
        if not self._quote:
            self._quote, self._quote_escaped = self._run.open_quote()
        run = self._run
        goes_on = run.ends_with("\\")  # for some parsers a definition then continues on the next line
        self._markup.end_run(char, run.text, is_url=run.is_url(), is_line=run.is_line)
        run.end()
        if char == "\n":
            if self._defining == "address" and not goes_on:
                self._defining = ""
            if self._only_blanks:
                # The paragraph has ended, and with it every open Markdown construct and quotation.
                self._destination.depth = 0
                self._defining = self._quote = ""
                self._markup.paragraph()
            self._only_blanks = True

    def _quotation(self, char: str, *, escaped: bool) -> None:
        if not self._quote:
            self._run.turn(char, escaped=escaped)
        elif char == self._quote and (self._quote_escaped or not escaped):
            self._quote = ""
            self._run.forget_quotes()

    def _read_head(self, char: str) -> None:
        # Browsers drop tabs and line ends anywhere in a URL, and they or a program's strip() drop leading spaces.
        head = self._head
        if head is None or char in "\t\n\r" or (not head and (char <= " " or _NOTHING.match(char))):
            return
        if char == " " or len(head) >= _HEAD:
            self._is_url_as_a_whole()
            self._head = None
        else:
            head.append(char)

    def _is_url_as_a_whole(self) -> bool:
        if self._head and _BEGINS_AS_URL.match("".join(self._head)):
            self._lost = True
            self._head = None
        return self._lost


class _Run:
    """The text since the last blank."""

    def __init__(self) -> None:
        self._chars: list[str] = []
        self._searched = self._first = 0
        self._is_url = self._code = False
        self.is_line = False
        """Whether it contains markup whose address extends to the end of the line."""
        self.is_mail = False
        """Whether it ends in an email address."""
        self._open: dict[str, bool] = {}
        self._before: dict[str, bool] = {}

    def add(self, char: str) -> None:
        self._chars.append(char)
        if char in "@\uff20\ufe6b":
            self.is_mail = True
        elif char in _MAIL_ENDS:
            self.is_mail = False
        if char in "`eE" and not self._code:
            self._code = self.ends_with("``") or self.ends_with("<code") or self.ends_with("<pre")
        if len(self._chars) >= 4096:
            self.is_url()

    def is_url(self) -> bool:
        """Whether it is a URL so far. Only the end of what was searched before is searched again."""
        if len(self._chars) > self._searched:
            # The first kept character is only there for lookbehind.
            text = self.text
            self._is_url = self._is_url or _URL.search(text, self._first) is not None
            self.is_line = self.is_line or LINE.search(text) is not None
            if len(self._chars) > _LOOKED_AT_AGAIN:
                del self._chars[:-_LOOKED_AT_AGAIN]
                self._first = 1
            self._searched = len(self._chars)
        return self._is_url

    @property
    def text(self) -> str:
        """The end of the run that is kept."""
        return "".join(self._chars)

    def ends_with(self, word: str) -> bool:
        return "".join(self._chars[-len(word) :]).lower() == word

    def turn(self, quote: str, *, escaped: bool) -> None:
        """Record a quote: the second one closes what the first one opened."""
        if self._open.pop(quote, None) is None and self._before.pop(quote, None) is None:
            self._open[quote] = escaped

    def forget_quotes(self) -> None:
        self._open.clear()
        self._before.clear()

    def open_quote(self) -> tuple[str, bool]:
        """Return the quote around a URL that continues after this blank (or ``""``), and whether it was escaped."""
        opened = {**self._before, **self._open}
        if not (opened or self._code) or not self.is_url():
            return "", False
        if self._code:
            return _PARAGRAPH, False
        return next(reversed(opened.items()))

    def end(self) -> None:
        """Start a new run; a quote at the end of the old one may open the new one."""
        if self._chars:
            last = self._chars[-1]
            self._before = {last: self._chars[-2:-1] == ["\\"]} if last in _QUOTES else {}
            self._chars.clear()
            self._open.clear()
            self._searched = self._first = 0
            self._is_url = self._code = self.is_mail = self.is_line = False


class _Destination:
    """The text after ``](`` or ``url(``, to the bracket that closes it for every parser, or the paragraph's end."""

    def __init__(self) -> None:
        self.depth = 0
        self._fresh = self._angle = self._blank = self._closed = False

    def begin(self) -> None:
        if self._angle or not self.depth:
            # Otherwise `step` has counted its bracket.
            self.depth += 1
        self._fresh = not self._angle
        self._blank = self._closed = False

    def step(self, char: str, *, escaped: bool) -> None:
        if self._angle:
            self._angle = char != ">" or escaped
        elif self._fresh and char in _BLANK:
            self._blank = True
        elif self._fresh and char == ")" and self._blank and not self._closed:
            self._closed = True  # for some parsers the address begins with it
        elif self._fresh and char == "<":
            self._fresh, self._angle = False, True
        else:
            self._fresh = False
            if char == "(":
                self.depth += 1
            elif char == ")" and not escaped:
                self.depth -= 1
