"""Reads the title and visible text of a web page that a server sent instead of an answer, without an HTML parser."""

from __future__ import annotations

import re
from html import unescape

MAX_PAGE = 64 * 1024
"""How many characters of a page are looked at."""

_TAG = re.compile(r"<!--|-->|<!\[CDATA\[|\]\]>|<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,40})[^<>]*>?|<[!?/][^<>]*>?")
_UNSEEN = frozenset({"script", "style", "template", "svg", "noscript", "head", "object", "iframe", "select", "option"})
_STARTS = re.compile(r"<(\?xml|!doctype|!--|[a-z]{1,40}[\s>/:])", re.IGNORECASE)


def is_page(text: str) -> bool:
    """Say whether a text is HTML or XML, by how it begins."""
    return _STARTS.match(text.lstrip("\ufeff \t\r\n")) is not None


def text_of_page(page: str) -> str:
    """Return a page's title and its visible text on one line; what is repeated right after itself is said once."""
    said: list[str] = []
    hidden = ""
    comment = False
    title = False
    end = 0
    page = page[:MAX_PAGE]
    for found in _TAG.finditer(page):
        if not comment and (not hidden or title):
            _add(said, page[end : found.start()])
        end = found.end()
        tag = found.group()
        if comment:
            comment = tag != "-->"
        elif tag == "<!--":
            comment = True
        elif (name := (found[2] or "").lower()) == "title":
            title = not found[1] and hidden in {"", "head"}
        elif hidden:
            # A page whose head never ends has a body all the same.
            if (found[1] and name == hidden) or (hidden == "head" and name == "body"):
                hidden = ""
            elif hidden == "head" and name in _UNSEEN and not found[1]:
                hidden = name
        elif name in _UNSEEN and not found[1] and not tag.endswith("/>"):
            hidden = name
    if not comment and not hidden:
        _add(said, page[end:])
    return " ".join(said)


def _add(said: list[str], text: str) -> None:
    line = " ".join(unescape(text).split())
    if line and line not in said[-3:]:
        said.append(line)
