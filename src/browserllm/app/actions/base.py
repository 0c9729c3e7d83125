"""The base of the app's actions."""

from __future__ import annotations

from typing import Any, ClassVar

from ..state import Part


class Action(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every action."""

    name: ClassVar[str]
    result: ClassVar[Any] = None
    event: ClassVar[Any] = None
