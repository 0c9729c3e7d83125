"""The world around the device: its network and its battery."""

from __future__ import annotations

import msgspec


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The device's network and battery; ``None`` where nobody knows.

    ``metered`` says that bytes cost money, ``save_data`` that the user asked for thrift; ``battery_level`` is 0..1.
    """

    online: bool | None = None
    metered: bool | None = None
    save_data: bool | None = None
    battery_level: float | None = None
    charging: bool | None = None
