"""HTML as text that a model can read: keeps headings, lists and links; drops scripts, styles and navigation.

It does not use `html.parser`, whose time grows with the square of malformed input (a minute for 100 kB of ``<a b=``).
This reader looks at every character a fixed number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(r"[\s/]*([^\s/>=][^\s/>=]*)(\s*=\s*)?")
_BARE_VALUE = re.compile(r"[^\s>]*")
_SPACES = re.compile(r"[\s\xa0]+")
# Python refuses to parse a number of thousands of digits; no character reference needs one.
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")

_RAW = frozenset({"script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"})
"""Elements whose content is plain text up to their end tag."""

_LEFT_OUT = frozenset({"nav", "svg", "template", "select"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_PARAGRAPHS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "aside", "ul", "ol", "dl", "pre", "table", "figure"}
    | {"blockquote", "form", "fieldset", "details", "hr", "body", *_HEADINGS}
)
_LINES = frozenset({"br", "tr", "dt", "dd", "li", "summary", "caption", "option", "legend", "figcaption"})
_STEP = 500

MAX_TITLE_CHARS = 300
_MAX_LINK_CHARS = 500


class PageReader:
    """Reads one page: run `steps` to its end, then take ``title`` and ``text``."""

    def __init__(self, html: str, url: str) -> None:
        """Read ``html``; relative links are resolved against ``url``, the page's address."""
        self.title = ""
        self.text = ""
        self._html = html
        self._base = url
        self._has_base = False
        self._pieces: list[str] = []
        self._left_out = ""
        self._left_at = -1
        self._leaves_out = True
        self._depth = 0
        self._pre = 0
        self._link: tuple[str, int] | None = None

    def steps(self) -> Iterator[None]:
        """Read the page, and yield now and then so that other tasks can run."""
        html, position, tags = self._html, 0, 0
        while position >= 0:
            start = html.find("<", position)
            self._add_text(html[position : len(html) if start < 0 else start])
            position = start if start < 0 else self._read_markup(start)
            if position < 0 and self._left_out:
                # The element never ends and would swallow the rest of the page: read its content after all, once.
                self._left_out, self._leaves_out, position = "", False, self._left_at
            tags += 1
            if tags % _STEP == 0:
                yield
        self._end_link()
        self.text = _tidy("".join(self._pieces))

    def _read_markup(self, start: int) -> int:
        """Read markup that begins with ``<``; return where it ends, or -1 if it never does."""
        html = self._html
        if html.startswith("<!--", start):
            end = html.find("-->", start + 2)
            return end if end < 0 else end + 3
        closing = html.startswith("</", start)
        name = _NAME.match(html, start + 1 + closing)
        if name is None:
            if html[start + 1 : start + 2] in ("!", "?", "/"):
                return html.find(">", start) + 1 or -1
            self._add_text("<")
            return start + 1
        tag = name[0].lower()
        if closing:
            self._close(tag)
            return html.find(">", name.end()) + 1 or -1
        attributes, end = self._read_attributes(name.end())
        if end >= 0 and tag in _RAW:
            return self._read_raw(tag, end)
        if not self._left_out and tag in _LEFT_OUT:
            self._left_at = end
        self._open(tag, attributes)
        return end

    def _read_attributes(self, position: int) -> tuple[dict[str, str], int]:
        """Return the attributes after a tag's name, and where the tag ends (-1: nowhere)."""
        html, found = self._html, dict[str, str]()
        while match := _ATTRIBUTE.match(html, position):
            value, position = "", match.end()
            if match[2]:
                quote = html[position : position + 1]
                if quote in ('"', "'") and quote:
                    end = html.find(quote, position + 1)
                    if end < 0:
                        return found, -1
                    value, position = html[position + 1 : end], end + 1
                elif bare := _BARE_VALUE.match(html, position):
                    value, position = bare[0], bare.end()
            if match[1].lower() == "href":
                found.setdefault("href", value)
        return found, html.find(">", position) + 1 or -1

    def _read_raw(self, tag: str, start: int) -> int:
        end = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(self._html, start)
        if tag == "title" and not self.title and not self._left_out:
            body = self._html[start : end.start() if end else start + 4 * MAX_TITLE_CHARS]
            self.title = _SPACES.sub(" ", _unescape(body[: 4 * MAX_TITLE_CHARS])).strip()[:MAX_TITLE_CHARS]
        if tag in ("textarea", "xmp") and end is not None:
            self._add_text(self._html[start : end.start()])
        return -1 if end is None else self._html.find(">", end.end()) + 1 or -1

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        if self._left_out or (self._leaves_out and tag in _LEFT_OUT):
            self._left_out = self._left_out or tag
            self._depth += tag == self._left_out
        elif tag == "base":
            # Only the first one counts, as in a browser; with more, each could lengthen the base further.
            if not self._has_base and "href" in attributes:
                self._has_base = True
                self._base = _join(self._base, attributes["href"]) or self._base
        elif tag == "a":
            self._end_link()
            self._link = (_join(self._base, attributes.get("href", "#")), len(self._pieces))
        elif tag in ("td", "th"):
            self._pieces.append(" | ")
        elif tag in _LINES:
            self._pieces.append("\n- " if tag == "li" else "\n")
        elif tag in _PARAGRAPHS:
            self._pre += tag == "pre"
            self._pieces.append(f"\n\n{'#' * int(tag[1])} " if tag in _HEADINGS else "\n\n")

    def _close(self, tag: str) -> None:
        if self._left_out:
            self._depth -= tag == self._left_out
            if self._depth == 0:
                self._left_out = ""
        elif tag == "a":
            self._end_link()
        elif tag in _PARAGRAPHS:
            self._pre = max(0, self._pre - (tag == "pre"))
            self._pieces.append("\n\n")

    def _add_text(self, text: str) -> None:
        if text and not self._left_out:
            plain = _unescape(text)
            if not self._pre:
                plain = _SPACES.sub(" ", plain)
                if self._pieces and self._pieces[-1][-1:].isspace():
                    plain = plain.removeprefix(" ")
            if plain:
                self._pieces.append(plain)

    def _end_link(self) -> None:
        """Turn the text since the open link's start tag into a Markdown link."""
        if self._link is None:
            return
        (url, first), self._link = self._link, None
        said = _SPACES.sub(" ", "".join(self._pieces[first:]))
        if url and said.strip():
            before, after = " " * said.startswith(" "), " " * said.endswith(" ")
            self._pieces[first:] = [f"{before}[{said.strip()}]({url}){after}"]


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    import html

    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text))


def _join(base: str, href: str) -> str:
    """Return the absolute address of a link, or nothing if it does not lead to another page."""
    href = _unescape(href.strip())
    if not href or href.startswith("#") or len(href) > _MAX_LINK_CHARS:
        return ""
    try:
        url = urljoin(base, href)
    except ValueError:
        return ""
    # Spaces and brackets could end the Markdown link early or extend it.
    return url if url.startswith(("https://", "http://")) and not re.search(r"[\s()\[\]<>]", url) else ""


def _tidy(text: str) -> str:
    """Strip trailing spaces from lines and merge consecutive empty lines into one."""
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()  # noqa: PLW2901
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip()
