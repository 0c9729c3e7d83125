"""The environment of the device: its network and its battery."""

from __future__ import annotations

import msgspec


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The device's network and battery; ``None`` means unknown.

    ``metered`` says that traffic costs money, ``save_data`` that the user wants to save data; ``battery_level`` is
    0..1.
    """

    online: bool | None = None
    metered: bool | None = None
    save_data: bool | None = None
    battery_level: float | None = None
    charging: bool | None = None
