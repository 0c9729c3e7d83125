"""How many cases a property test generates."""

from __future__ import annotations

import os

EXPLORES = os.environ.get("HYPOTHESIS_PROFILE", "ci") != "ci"


def cases(many: int) -> int:
    """Return ``many`` for `make explore`, and a third of it for other runs, whose cases are always the same."""
    return many if EXPLORES else many // 3
