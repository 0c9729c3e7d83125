"""HTML tags, character by character: a tag ends where it ends for every parser."""

from __future__ import annotations

import string

_SPACE = " \t\n\r\f"
_LETTERS = frozenset(string.ascii_letters)
# What follows these is a script, a stylesheet, or data to send, or it changes the base address.
_ACTIVE = frozenset({"script", "style", "form", "base"})
_MOST = 16


class TagWatch:
    """Tracks whether the position is in a tag, or in anything else in angle brackets.

    A browser starts a tag at every ``<`` with a letter (the tokenizer of the HTML standard, 13.2.5); Markdown reads an
    incomplete tag as text, in which another tag may begin. So there is one reading for each beginning, and a position
    is outside if it is outside in all of them.

    ``lost`` means that what follows may be anything: a quoted value spans lines or contains a ``<``, so that Markdown
    and a browser would end the tag at different positions; a placeholder stays in a tag, and would end it for some
    parsers; or the tag is one after which text is not shown but run or sent.
    """

    def __init__(self) -> None:
        """Start outside."""
        self.lost = False
        self._readings: list[_Reading] = []

    @property
    def idle(self) -> bool:
        """Whether only a ``<`` matters here."""
        return not self._readings

    @property
    def opened(self) -> bool:
        """Whether a ``<`` outside of all tags has just been read."""
        return len(self._readings) == 1 and self._readings[0].state == "open"

    @property
    def inside(self) -> bool:
        """Whether the position is in a tag. Directly after a ``<`` it is not: see `opened`."""
        return not (self.idle or self.opened)

    def skip(self) -> None:
        """Read a placeholder that is not replaced."""
        if self.opened:
            self._readings.clear()
        self.lost = self.lost or self.inside

    def step(self, char: str, *, escaped: bool) -> None:
        """Read one character; ``escaped`` means that a backslash precedes it."""
        if char == "<":
            self.lost = self.lost or any(reading.state == "quoted" for reading in self._readings)
            self._readings = [reading for reading in self._readings if reading.state != "open"]
        going: dict[tuple[str, str, str], _Reading] = {}
        for reading in self._readings:
            reading.step(char, escaped=escaped)
            self.lost = self.lost or reading.lost
            if reading.state != "text":
                going[reading.key] = reading
        if char == "<":
            begun = _Reading()
            going[begun.key] = begun
        self._readings = list(going.values())
        # There are fewer states than that, except for the names of tags.
        self.lost = self.lost or len(self._readings) > _MOST


class _Reading:
    """A tag that began with one ``<``, as a browser reads it."""

    __slots__ = ("_name", "_quote", "lost", "state")

    def __init__(self) -> None:
        self.state = "open"
        self.lost = False
        self._name = ""
        self._quote = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (
            self.state,
            self._quote if self.state == "quoted" else "",
            self._name if self.state == "name" else "",
        )

    def step(self, char: str, *, escaped: bool) -> None:
        state = self.state
        if state == "open":
            self._open(char)
        elif char == ">" and escaped:
            self._end_of_name()  # for some Markdown parsers it does not end the tag
        elif state == "quoted":
            if char == self._quote:
                self.state = "after value"
            elif char == "\n":
                self.lost = True
        elif char == ">":
            self._end_of_name()
            self.state = "text"
        elif state == "end open":
            self.state, self._name = ("name", "/") if char in _LETTERS else ("bogus", "")
        elif state == "word":
            self.state = "text" if char in _SPACE else state
        elif state != "bogus":
            self.state = self._within(char)

    def _open(self, char: str) -> None:
        if char in _LETTERS:
            self.state, self._name = "name", char.lower()
        elif char == "/":
            self.state = "end open"
        elif char in "!?":
            # A comment or a declaration: nothing in it is a link, and a tag in it gets its own reading.
            self.state = "bogus"
        else:
            # Not a tag, but an email address may begin like this.
            self.state = "text" if char in _SPACE or char == ">" else "word"

    def _end_of_name(self) -> None:
        # A Markdown parser may remove a backslash from it.
        if self.state == "name" and self._name.replace("\\", "") in _ACTIVE:
            self.lost = True

    def _within(self, char: str) -> str:
        """Return the state after a character of a tag that does not end it."""
        state = self.state
        if char in _SPACE:
            self._end_of_name()
            if state in {"attribute", "after attribute"}:
                return "after attribute"
            return state if state == "before value" else "before attribute"
        if state == "name":
            if char == "/":
                self._end_of_name()
                return "before attribute"
            self._name = (self._name + char.lower())[:16]
            return state
        if state == "before value":
            if char in "\"'":
                self._quote = char
                return "quoted"
            return "value"
        if state == "value":
            return state
        if char == "/":
            return "before attribute"
        if char == "=" and state in {"attribute", "after attribute"}:
            return "before value"
        return "attribute"
