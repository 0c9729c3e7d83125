"""A Griffe extension: makes our docstrings Markdown. `Name` becomes a link, and ``::`` before an example goes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

_NAME = re.compile(r"(?<![`\w])`([A-Z]\w+)((?:\.\w+)?)`(?!`)")
_LITERAL = re.compile(r"(?m)^( *)::\n")
_COLONS = re.compile(r"(?m)(?<=\w)::$")


class DocstringLinks(griffe.Extension):
    """Links the public names that docstrings mention."""

    def __init__(self) -> None:
        """Read the public names from the pages of the reference."""
        from api_pages import PAGES, names_of

        self._homes: dict[str, str] = {}
        for module in PAGES:
            for name in names_of(module) or ():
                self._homes.setdefault(name.rpartition(".")[2], name)
            if names_of(module) is None:
                found = sys.modules[module]
                own = [name for name, value in vars(found).items() if getattr(value, "__module__", None) == module]
                self._homes.update({name: f"{module}.{name}" for name in own if not name.startswith("_")})

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of each object once it is read."""
        if obj.docstring is not None:
            obj.docstring.value = self._markdown(obj.docstring.value)

    def _markdown(self, text: str) -> str:
        def link(match: re.Match[str]) -> str:
            home = self._homes.get(match[1])
            return f"[`{match[1]}{match[2]}`][{home}]" if home else f"`{match[1]}{match[2]}`"

        return _NAME.sub(link, _COLONS.sub(":", _LITERAL.sub("", text)))
