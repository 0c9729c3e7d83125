"""Which tool a call means, where a model or a server writes more than its name.

Models put a namespace before it that they were trained with or have made up (``functions.add``, ``default_api.add``),
count their calls in it (``functions.add:0``), or write it as a call (``add()``); servers leave marks of the model's own
format in it (``add<|channel|>commentary``, ``assistant<|channel|>analysis to=functions.add``).
"""

from __future__ import annotations

import re
from collections.abc import Collection

_MARK = re.compile(r"<\|.*", re.DOTALL)
_TO = re.compile(r"\bto=([\w.:/-]+)")
_COUNTED = re.compile(r":\d+\Z|\(\)\Z")
_SPACES = re.compile(r"[.:/]+")
_MAX_CHARS = 512


def called_name(said: str, known: Collection[str]) -> str:
    """Return the name of the ``known`` tool that is meant, or what was said where that is none of them.

    Nothing is guessed: what is left of it must be, to the letter, the name of a tool.
    """
    if said in known or len(said) > _MAX_CHARS:
        return said
    recipient = _TO.search(said)
    name = recipient[1] if recipient else _MARK.sub("", said)
    name = name.strip(" \t\r\n\"'`")
    for whole in (name, _COUNTED.sub("", name)):
        # The longest end that is a name: a tool's own may have dots.
        for start in (0, *(space.end() for space in _SPACES.finditer(whole))):
            if whole[start:] in known:
                return whole[start:]
    return said
