"""Find out which tool a call means if a model or a server writes more than the tool's name.

Models add a namespace that they were trained with or have made up (``functions.add``, ``default_api.add``), number
their calls (``functions.add:0``), or write the name as a call (``add()``). Servers leave markers of the model's own
format in the name (``add<|channel|>commentary``, ``assistant<|channel|>analysis to=functions.add``).
"""

from __future__ import annotations

import re
from collections.abc import Collection

_MARK = re.compile(r"<\|.*", re.DOTALL)
_TO = re.compile(r"\bto=([\w.:/-]+)")
_COUNTED = re.compile(r":\d+\Z|\(\)\Z")
_SPACES = re.compile(r"[.:/]+")
_MAX_CHARS = 512


def resolve_tool_name(written: str, known: Collection[str]) -> str:
    """Return the name of the ``known`` tool that is meant, or the name as it was written if no tool fits.

    Nothing is guessed: what remains must be exactly the name of a tool.
    """
    if written in known or len(written) > _MAX_CHARS:
        return written
    recipient = _TO.search(written)
    name = recipient[1] if recipient else _MARK.sub("", written)
    name = name.strip(" \t\r\n\"'`")
    for whole in (name, _COUNTED.sub("", name)):
        # The longest suffix that is a tool's name, which may have dots itself.
        for start in (0, *(space.end() for space in _SPACES.finditer(whole))):
            if whole[start:] in known:
                return whole[start:]
    return written
