"""Markdown of an answer: which of its blocks are finished, and how they look in a terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown
from rich.padding import Padding
from rich.syntax import Syntax
from rich.theme import Theme

from .harmless import Harmless

# Without HTML, tags in an answer are text, as they are for the model.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")

THEME = Theme(
    {
        "markdown.h1": "bold underline",
        "markdown.h2": "bold underline",
        "markdown.h3": "bold",
        "markdown.h4": "bold",
        "markdown.h5": "bold",
        "markdown.h6": "bold",
        "markdown.code": "cyan",
        "markdown.block_quote": "italic",
        "markdown.item.bullet": "none",
        "markdown.item.number": "none",
        "markdown.hr": "dim",
        "markdown.link": "none",
        "markdown.link_url": "underline",
        "markdown.table.border": "dim",
        "markdown.table.header": "bold",
    }
)
"""Styles that can be read on dark and light terminals alike."""


class Block(NamedTuple):
    """A block of Markdown: its text, whether it is code, and whether a blank line goes before it."""

    text: str
    is_code: bool
    apart: bool


class GrowingMarkdown:
    """Markdown that grows at its end: its finished blocks, which nothing changes any more, and the unfinished one."""

    def __init__(self) -> None:
        """Start empty."""
        self._rest = ""
        self._in_list = False

    def add(self, text: str) -> None:
        """Add text at the end."""
        self._rest += text

    def take(self, *, ended: bool = False) -> tuple[list[Block], Block | None]:
        """Return the blocks that are finished and were not returned before, and the unfinished one.

        With ``ended`` nothing follows, so the last block is finished, too.
        """
        known = blocks(self._rest)
        if known and self._in_list:
            known[0] = known[0]._replace(apart=False)
        if ended:
            self._rest, self._in_list = "", False
            return known, None
        if not known:
            return [], None
        *finished, last = known
        if finished:
            self._rest, self._in_list = last.text, not last.apart
        return finished, last


def blocks(text: str) -> list[Block]:
    """Return the blocks of a text: paragraphs, headings, code, tables, and each item of a list.

    More text can change the last block only. (A link that is used before it is defined stays text.)
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    starts = list(_starts(text))
    if not starts:
        return [Block(text, is_code=False, apart=True)] if text.strip() else []
    ends = [start for start, _, _ in starts[1:]] + [len(lines)]
    return [
        Block("".join(lines[start:end]), is_code, apart)
        for (start, is_code, apart), end in zip(starts, ends, strict=True)
    ]


def _starts(text: str) -> Iterator[tuple[int, bool, bool]]:
    """Yield for each block its first line, whether it is code, and whether it stands apart from the one before."""
    in_list = False
    for token in _PARSER.parse(text):
        if token.map is None:
            continue
        if token.level == 0 and token.nesting >= 0:
            if token.type in ("bullet_list_open", "ordered_list_open"):
                in_list = False  # its first item is the block
            else:
                yield token.map[0], token.type in ("fence", "code_block"), True
        elif token.level == 1 and token.type == "list_item_open":
            yield token.map[0], False, not in_list
            in_list = True


class _LeftHeading(Heading):
    LEVEL_ALIGN: ClassVar[dict[str, Any]] = {}


class _PlainCode(CodeBlock):
    """Code in the terminal's own colours and background, so that it can be copied as it stands."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        syntax = Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, background_color="default")
        yield Padding(syntax, (0, 0, 0, 2))


class _AnswerMarkdown(Markdown):
    elements: ClassVar[dict[str, Any]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _PlainCode,
        "code_block": _PlainCode,
    }

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme=code_theme(), hyperlinks=False)
        self.markup = text
        self.parsed = _PARSER.parse(text)


def drawn(text: str) -> Harmless:
    """Return a block for Rich to draw. What is in it cannot control the terminal, and links show where they lead."""
    return Harmless(_AnswerMarkdown(text))


def code_theme() -> str:
    """Return colours for code that suit the terminal's background, where it says which it is (``COLORFGBG``)."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return "ansi_light" if background in ("7", "15") else "ansi_dark"
