"""The environment of the device: its network, its battery, and whether the page is seen."""

from __future__ import annotations

from typing import Literal

import msgspec


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The device's network and battery, and whether its page is seen; ``None`` means unknown.

    ``metered`` says that traffic costs money, ``save_data`` that the user wants to save data; ``battery_level`` is
    0..1. ``visibility`` is ``frozen`` when the browser stops a hidden page, which it may discard, to save memory.
    """

    online: bool | None = None
    metered: bool | None = None
    save_data: bool | None = None
    battery_level: float | None = None
    charging: bool | None = None
    visibility: Literal["visible", "hidden", "frozen"] | None = None
