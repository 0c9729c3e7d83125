"""Lookahead after a value: whether what follows makes it part of a host name, an email address or a URL."""

from __future__ import annotations

import re

DOT = ".\uff0e\u3002\uff61\u2024\ufe52\u2488-\u249b"
"""Characters that some parsers read as the dot in a host name, for a character class."""
UNSEEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680"
    "\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Characters that are invisible or look like a space, and do not end a name for every parser; IDNA drops many."""

_LABEL = 64
"""A label of a host name has at most 63 characters, and a mailbox at most 64."""
AHEAD = _LABEL + 16
"""How many characters after a position are needed, at most, to decide whether a URL begins there."""

# Characters that no parser takes as part of a name or an address.
_END = re.compile(r"[ \t\r\n()\[\]{}<>]")
_PLAIN = re.compile(rf"(?:(?![{UNSEEN}])[\w\-]){{{_LABEL}}}")
# A host name may continue with its dots only: after 。 a sentence begins, unless ASCII or another dot follows.
_GOES_ON = (
    r"(?:[.\uff0e\uff61\u2024\ufe52\u2488-\u249b][^\w,;:\"'!/?\#]*\w"
    rf"|\u3002[{UNSEEN}\-{DOT}]*(?:[a-z0-9]|\w[\w\-{UNSEEN}]*[{DOT}][{UNSEEN}\-]*\w))"
)
_URL = re.compile(
    rf"""
      [@\uff20\ufe6b]                           # anything that some parser takes into the name of a mailbox
    | \A[^\w/?\#]*{_GOES_ON}                    # only punctuation, and a host
    | \A[^,;:\"'!/\\?\#]*{_GOES_ON}               # a name with characters that linkifiers take into it
    | %[0-9a-f]{{2}}
    | &[\#a-z]                                  # an entity, with or without its semicolon, is any character
    | \\(?:_|[^\w\s\"'])                         # and so is a character after a backslash
    | \\(?:u|x)[0-9a-f]
    | \A[\w\-+~%.\uff0e\uff61{UNSEEN}]*(?::[/\\&]|/[/\\])
    """,
    re.IGNORECASE | re.VERBOSE,
)
_UNSEEN = re.compile(rf"[{UNSEEN}]")
_WIDE = re.compile(r"[\u2e80-\ud7ff]")


def begins_url(ahead: str, *, complete: bool) -> bool | None:
    """Return whether ``ahead``, directly after a value, makes the value part of a URL, email address or host name.

    ``complete`` means that nothing more follows. Without it the result may be ``None``: more text is needed to decide.
    `AHEAD` characters are always enough.
    """
    if _PLAIN.match(ahead):
        return False
    end = _END.search(ahead, 0, AHEAD)
    run = ahead[: AHEAD if end is None else end.start()]
    if _URL.search(run):
        return True
    if end is not None:
        return False
    if len(run) == AHEAD:
        # So many characters without a space are not prose, except in scripts without spaces.
        return _UNSEEN.search(run) is not None or _WIDE.search(run) is None
    return False if complete else None
