"""Patches: what changed between two states, as a page can apply it to its copy.

The states are immutable, so whatever is the same object did not change: comparing costs as much as what changed. A text
that grew is sent as what was added to it, so that a long answer costs no more than its new words.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

Path = tuple[str | int, ...]

_ABSENT: Any = object()


class Patch(msgspec.Struct, frozen=True):
    """One change at a path of names, keys and indexes (in the spelling of the page).

    ``set`` puts a value there (at the end of a list: adds it), ``delete`` removes a key, ``append`` adds to a text.
    """

    op: str
    path: Path
    value: Any = None


def diff(old: Any, new: Any, path: Path = ()) -> list[Patch]:
    """Return the patches that turn ``old`` into ``new``."""
    patches: list[Patch] = []
    _compare(old, new, path, patches)
    return patches


def _compare(old: Any, new: Any, path: Path, patches: list[Patch]) -> None:
    if old is new:
        return
    if type(old) is not type(new):
        patches.append(_set(path, new))
    elif isinstance(new, msgspec.Struct):
        for field, name in zip(new.__struct_fields__, new.__struct_encode_fields__, strict=True):
            _compare(getattr(old, field), getattr(new, field), (*path, name), patches)
    elif isinstance(new, dict):
        _compare_keys(old, cast(dict[str, Any], new), path, patches)
    elif isinstance(new, str):
        if old and new.startswith(old) and new != old:
            patches.append(Patch("append", path, new[len(old) :]))
        elif old != new:
            patches.append(_set(path, new))
    elif isinstance(new, (tuple, list)):
        _compare_items(old, new, path, patches)
    elif old != new:
        patches.append(_set(path, new))


def _compare_keys(old: dict[str, Any], new: dict[str, Any], path: Path, patches: list[Patch]) -> None:
    # Each frame of an answer comes through here, with all messages of its conversation.
    added = 0
    for key, value in new.items():
        before = old.get(key, _ABSENT)
        if before is value:
            continue
        if before is _ABSENT:
            added += 1
            patches.append(_set((*path, key), value))
        else:
            _compare(before, value, (*path, key), patches)
    if len(old) + added > len(new):
        patches.extend(Patch("delete", (*path, key)) for key in old if key not in new)


def _compare_items(old: Any, new: Any, path: Path, patches: list[Patch]) -> None:
    if len(new) < len(old):
        patches.append(_set(path, new))
        return
    for index, value in enumerate(new):
        if index < len(old):
            _compare(old[index], value, (*path, index), patches)
        else:
            patches.append(_set((*path, index), value))


def _set(path: Path, value: Any) -> Patch:
    return Patch("set", path, msgspec.to_builtins(value))
