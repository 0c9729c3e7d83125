"""Where a text is a link, a URL or a tag: said of each place in it, as the text comes in pieces.

This is no parser of Markdown or HTML, for nobody knows what will show the text. It is one small machine for each syntax
that can name an address. All of them read every character, and each errs on one side alone: where readers of a syntax
differ (escapes, nested brackets, quotes that a renderer rewrites), the place counts as inside. Each takes the same time
for every character, and keeps a bounded part of what it has read.
"""

from __future__ import annotations

import re

from .tags import TagWatch

_DOT = ".\uff0e\u3002\uff61"
_SCHEMES = "javascript|vbscript|mailto|https?|view-source"
# These end other words, too: metadata, hotel, profile.
_SHORT_SCHEMES = "ftp|wss?|data|xmpp|tel|sms|blob|file(?:system)?|about|intent|cid"
# Signs of a URL written in other ways: percent-encoded, as HTML writes them, as JSON and JavaScript do.
_ENCODED = r"%(?:25)?(?:2e|2f|3a|40|5c)|&(?:\#|colon|sol|bsol|period|commat|quest)|\\(?:u00|x)(?:2e|2f|3a|40|5c)"

# A run (what stands between two spaces) that holds one of these is a URL, or would be one for some reader.
_URL = re.compile(
    rf"""
      [/\\]{{2}}                                     # https://, //host, \\host, and https:\/\/ as JSON may write it
    | [a-z0-9+.\-]{{2}}:[/\\]                        # https:/host, as browsers take it
    | (?:{_SCHEMES}):
    | (?<![a-z0-9])(?:{_SHORT_SCHEMES}):
    | www[0-9]{{0,3}}[{_DOT}]
    | [\w-][{_DOT}]\w[\w-]{{0,63}}(?:[/?\#\\]|:[0-9])  # host.example/, without a scheme
    | {_ENCODED}
    | (?<![a-z])(?:href|src|srcset|srcdoc|action|formaction|poster|ping|cite|background|content|url)\s?=
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What comes next is in an address of mail, or behind one and nothing that separates.
_MAIL = re.compile(r"@[\w-][^,;\"'()\[\]{}<>]*\Z")
_LOOKED_AT_AGAIN = 100
"""How much of a run may be the beginning of one of these."""

# A value of its own (a text in JSON) that begins like this is a URL to its end, whatever spaces come in it.
_BEGINS_AS_URL = re.compile(
    rf"[a-z][a-z0-9+.\-]*:[/\\]|(?:{_SCHEMES}|{_SHORT_SCHEMES}):|[/\\]{{2}}|www[0-9]{{0,3}}[{_DOT}]"
    rf"|[\w-]{{1,63}}(?:[{_DOT}][\w-]{{1,63}})+(?:[/?#\\]|:[0-9])",
    re.IGNORECASE,
)
_HEAD = 320

# What may stand in a host's name after a value, with signs that nobody sees and that IDNA drops.
_UNSEEN = "\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff"
_NOTHING = re.compile(rf"[\s{_UNSEEN}]")
_NAME = re.compile(rf"[\w\-+~%.\uff0e\uff61{_UNSEEN}]*")
_NAME_GOES_ON = re.compile(rf"[.\uff0e\uff61][\-{_UNSEEN}]*\w|%(?:25)?(?:2e|2f|3a|40|5c)", re.IGNORECASE)
_MAIL_GOES_ON = re.compile(rf"[\w!#$%&'*+/=?^`{{|}}~.\-{_UNSEEN}]*")
_ENTITIES = ("&#", "&colon", "&sol", "&bsol", "&period", "&commat", "&quest")
_ESCAPE = re.compile(r"\\[ux][0-9a-f]")
_LABEL = 64
"""No label of a host's name is longer than 63 characters."""
AHEAD = _LABEL + 16
"""How many characters after a place decide, at most, whether a URL begins at it."""

_BLANK = " \t\r\n"
_QUOTES = "\"'`"
# Code that begins in a URL is a part of it for some, and no sign ends it for all.
_PARAGRAPH = "paragraph"
# A terminal takes what comes after these for a command: an address to link to, perhaps.
_CONTROLS = frozenset("\x1b\x90\x9b\x9c\x9d")


def begins_url(ahead: str, *, complete: bool) -> bool | None:
    """Say whether ``ahead``, directly after a value, makes the value part of a URL or of a host's name.

    ``complete`` says that nothing more comes. Without it ``None`` says that what is to come decides; `AHEAD` characters
    are always enough.
    """
    name = _prefix(_NAME, ahead)
    if _NAME_GOES_ON.search(name):
        return True
    mail = _prefix(_MAIL_GOES_ON, ahead)
    if len(mail) < _LABEL and ahead[len(mail) : len(mail) + 1] == "@":
        return True
    after = ahead[len(name) : len(name) + 8].lower()
    verdict = None if len(name) < _LABEL and not complete else False
    if after and len(name) < _LABEL:
        verdict = _sign_of_url(after, complete=complete)
    if verdict is False and not complete and len(mail) == len(ahead) < _LABEL:
        return None  # an @ may still come
    return verdict


def _prefix(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text, 0, _LABEL)
    return "" if match is None else match.group()


def _sign_of_url(after: str, *, complete: bool) -> bool | None:
    """Whether what stands behind a name makes it a scheme, or goes on with a name in another way of writing."""
    if after[0] == "&":
        if after.startswith(_ENTITIES):
            return True
        return None if not complete and any(entity.startswith(after) for entity in _ENTITIES) else False
    if after[0] not in ":/\\":
        return False
    if len(after) == 1 or after in {"\\u", "\\x"}:
        return False if complete else None
    return after[1] in "/\\" or _ESCAPE.match(after) is not None or after.startswith(":&")


class LinkWatch:
    """Reads a text as it comes, and says of the place it has come to whether that is `inside` an address or a tag."""

    def __init__(self, *, value: bool = False) -> None:
        """Begin at the start of a text; ``value`` says that it is a value of its own, which may be a URL as a whole."""
        self._lost = False
        self._last = ""
        self._only_blanks = False
        self._tag = TagWatch()
        self._run = _Run()
        self._destination = _Destination()
        self._defining = ""
        self._quote = ""
        self._quote_escaped = False
        self._head: list[str] | None = [] if value else None

    @property
    def inside(self) -> bool:
        """Whether what comes next would stand in a link's address, a URL or a tag."""
        return (
            self._lost
            or self._tag.inside
            or self._destination.depth > 0
            or self._defining != ""
            or self._quote != ""
            or self._run.is_url()
            or self._run.is_mail()
            or self._is_url_as_a_whole()
        )

    @property
    def after_less_than(self) -> bool:
        """Whether a letter that comes next would begin a tag, or an address in angle brackets."""
        return self._tag.opened

    def skip(self) -> None:
        """Pass over a placeholder that stays: for every machine it is some word."""
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
        self._run.add("x")

    def read(self, text: str) -> None:
        """Go on over ``text``."""
        tag, run, destination = self._tag, self._run, self._destination
        for sign in text:
            last, self._last = self._last, sign
            escaped = last == "\\"
            if sign == "<" or not tag.idle:
                tag.step(sign, escaped=escaped)
                self._lost = self._lost or tag.lost
            if destination.depth:
                destination.step(sign, escaped=escaped)
            if self._head is not None:
                self._read_head(sign)
            if sign == "\r":
                continue  # an end of a line for some: the line feed after it is one for all
            if sign in _BLANK:
                self._blank(sign)
                continue
            self._only_blanks = False
            if self._defining:
                self._defining = "address"
            if sign == "(":
                if last == "]" or run.ends_with("url"):
                    destination.begin()
            elif sign == ":":
                if last == "]":
                    self._defining = "begun"
            elif sign in _CONTROLS:
                self._lost = True
            run.add(sign)
            if sign in _QUOTES:
                self._quotation(sign, escaped=escaped)

    def _blank(self, sign: str) -> None:
        if not self._quote:
            self._quote, self._quote_escaped = self._run.open_quote()
        self._run.end()
        if sign == "\n":
            if self._defining == "address":
                self._defining = ""
            if self._only_blanks:
                # A paragraph has ended, and with it whatever Markdown or a quotation had begun.
                self._destination.depth = 0
                self._defining = self._quote = ""
            self._only_blanks = True

    def _quotation(self, sign: str, *, escaped: bool) -> None:
        if not self._quote:
            self._run.turn(sign, escaped=escaped)
        elif sign == self._quote and (self._quote_escaped or not escaped):
            self._quote = ""
            self._run.forget_quotes()

    def _read_head(self, sign: str) -> None:
        # Browsers drop tabs and line ends anywhere in a URL, and they or a program's strip() all blanks before it.
        head = self._head
        if head is None or sign in "\t\n\r" or (not head and (sign <= " " or _NOTHING.match(sign))):
            return
        if sign == " " or len(head) >= _HEAD:
            self._is_url_as_a_whole()
            self._head = None
        else:
            head.append(sign)

    def _is_url_as_a_whole(self) -> bool:
        if self._head and _BEGINS_AS_URL.match("".join(self._head)):
            self._lost = True
            self._head = None
        return self._lost


class _Run:
    """What has come since the last blank."""

    def __init__(self) -> None:
        self._signs: list[str] = []
        self._searched = self._first = 0
        self._is_url = self._code = False
        self._open: dict[str, bool] = {}
        self._before: dict[str, bool] = {}

    def add(self, sign: str) -> None:
        self._signs.append(sign)
        if sign in "`eE" and not self._code:
            self._code = self.ends_with("``") or self.ends_with("<code") or self.ends_with("<pre")
        if len(self._signs) >= 4096:
            self.is_url()

    def is_url(self) -> bool:
        """Whether it is a URL so far. What was searched is not searched again, but for its end."""
        if len(self._signs) > self._searched:
            # The first one of what was kept is there to be looked back at.
            self._is_url = self._is_url or _URL.search("".join(self._signs), self._first) is not None
            if len(self._signs) > _LOOKED_AT_AGAIN:
                del self._signs[:-_LOOKED_AT_AGAIN]
                self._first = 1
            self._searched = len(self._signs)
        return self._is_url

    def is_mail(self) -> bool:
        """Whether it ends in an address of mail."""
        return _MAIL.search("".join(self._signs[-_LOOKED_AT_AGAIN:])) is not None

    def ends_with(self, word: str) -> bool:
        return "".join(self._signs[-len(word) :]).lower() == word

    def turn(self, quote: str, *, escaped: bool) -> None:
        """Note a quote: the second one closes what the first one opened."""
        if self._open.pop(quote, None) is None and self._before.pop(quote, None) is None:
            self._open[quote] = escaped

    def forget_quotes(self) -> None:
        self._open.clear()
        self._before.clear()

    def open_quote(self) -> tuple[str, bool]:
        """The quote in which a URL stands that goes on behind this blank, and whether it was escaped, or ``""``."""
        opened = {**self._before, **self._open}
        if not (opened or self._code) or not self.is_url():
            return "", False
        if self._code:
            return _PARAGRAPH, False
        return next(reversed(opened.items()))

    def end(self) -> None:
        """Begin a new run; a quote at the end of the old one may have been the opening one of what comes."""
        if self._signs:
            last = self._signs[-1]
            self._before = {last: self._signs[-2:-1] == ["\\"]} if last in _QUOTES else {}
            self._signs.clear()
            self._open.clear()
            self._searched = self._first = 0
            self._is_url = self._code = False


class _Destination:
    """What stands behind ``](`` or ``url(``, to the bracket that closes it for every reader, or a paragraph's end."""

    def __init__(self) -> None:
        self.depth = 0
        self._fresh = self._angle = self._blank = self._closed = False

    def begin(self) -> None:
        if self._angle or not self.depth:
            # Else its bracket was counted by `step`.
            self.depth += 1
        self._fresh = not self._angle
        self._blank = self._closed = False

    def step(self, sign: str, *, escaped: bool) -> None:
        if self._angle:
            self._angle = sign != ">" or escaped
        elif self._fresh and sign in _BLANK:
            self._blank = True
        elif self._fresh and sign == ")" and self._blank and not self._closed:
            self._closed = True  # for some readers the address begins with it
        elif self._fresh and sign == "<":
            self._fresh, self._angle = False, True
        else:
            self._fresh = False
            if sign == "(":
                self.depth += 1
            elif sign == ")" and not escaped:
                self.depth -= 1
