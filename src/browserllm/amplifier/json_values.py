"""JSON that every engine can pass on to hooks: whole characters, finite numbers, no deep nesting."""

from __future__ import annotations

import json
from typing import Any, cast

from ..backends.split_characters import whole_value

MAX_DEPTH = 100
"""How deep a value may be nested: the native engine reads 128 levels, and its events wrap the value in a few."""


def plain_json(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has not becomes text, and a number that is not finite becomes ``None``.

    Raises `ValueError`, `TypeError` or `RecursionError` for a value that is nested too deeply, contains itself, or has
    other keys than texts.
    """
    plain = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
    layer, depth = [plain], 0
    while layer:
        layer = [inner for each in layer for inner in _inside(each)]
        depth += 1
        if depth > MAX_DEPTH + 1:
            raise ValueError(f"the value is nested more than {MAX_DEPTH} levels deep")
    return whole_value(plain)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []
