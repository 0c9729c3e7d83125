"""The public names of a package, each imported when it is first used.

A package lists its names once, in its ``__init__.py``. ``scripts/stubs.py`` generates ``__init__.pyi`` from that list,
for type checkers and editors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__``.

    ``names`` maps each module to its names, separated by spaces. Modules are relative to the package; the names under
    ``""`` are its submodules.
    """
    homes = {name: module for module, listed in names.items() for name in listed.split()}
    everything = sorted(homes)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = homes[name]
        value = getattr(import_module(f".{module}", package), name) if module else import_module(f".{name}", package)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *everything})

    return get, list_names, everything
