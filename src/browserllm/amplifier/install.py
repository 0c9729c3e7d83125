"""Puts our engine in the place of amplifier-core's native one, where that cannot be loaded (in a page)."""

from __future__ import annotations

import atexit
import sys
import time
from importlib import import_module

_ENGINE = "amplifier_core._engine"
_SETTLE_S = 0.02
"""How long Python waits at its end: what the native threads have left to do then takes far less."""


def install_engine(*, force: bool = False) -> bool:
    """Make ``import amplifier_core`` work without its native library; returns whether our engine is used.

    Does nothing where the native engine can be loaded, unless ``force`` is set. Call it before amplifier-core is
    imported. Raises `RuntimeError` with ``force`` if the native engine is in use already.
    """
    loaded = sys.modules.get(_ENGINE)
    ours = import_module(f"{__package__}.engine")
    if loaded is not None:
        if force and loaded is not ours:
            raise RuntimeError("amplifier-core is imported already, with its native engine; install ours before that")
        return loaded is ours
    if not force and sys.platform != "emscripten":
        return False
    sys.modules[_ENGINE] = ours
    return True


def settle_at_exit() -> None:
    """Let the native engine's threads finish what they do before Python ends; does nothing with our engine.

    A thread that then still has an object of Python's aborts the whole process, after everything was done. The threads
    cannot be joined: https://github.com/PyO3/pyo3-async-runtimes/issues/40.
    """
    if sys.modules[_ENGINE] is not sys.modules.get(f"{__package__}.engine"):
        atexit.register(time.sleep, _SETTLE_S)
