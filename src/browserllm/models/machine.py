"""What a device's facts tell about its memory, its GPU and its connection, and what they leave unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..page.device import AdapterInfo, DeviceFacts

MIB = 2**20

Graphics = Literal["cpu", "software", "phone", "integrated", "apple", "card"]

# The share of the computer's memory that a model can use on a GPU that shares it: macOS, for one, grants 3/4.
_USABLE = 0.75

COUNTS_TO_32 = 156
"""The Chromium version that reports up to 32 GB: seen in 156; announced for 147, where it may have been turned off."""


READING_SPEED: Mapping[Graphics, float] = {"cpu": 0.7e9, "software": 0.7e9, "phone": 2e9, "integrated": 4.5e9}
"""The largest parameter count that each kind of device computes at about reading speed; others have no such limit."""


class Memory(NamedTuple):
    """Memory as the browser reports it: ``total_gb`` is ``None`` if it does not, and a lower bound unless ``exact``."""

    total_gb: float | None
    exact: bool

    @property
    def usable_mb(self) -> float | None:
        """The memory that a model can use, in mebibytes."""
        return None if self.total_gb is None else self.total_gb * 1024 * _USABLE


def mb_text(mebibytes: float) -> str:
    """Format memory in mebibytes: "1,060 MB"."""
    return f"{mebibytes:,.0f} MB"


def computer_memory(facts: DeviceFacts) -> Memory:
    """Return the computer's memory.

    Browsers round to a power of two and stop counting at 8 GB, newer Chromium at 32 except on phones
    (https://chromestatus.com/feature/6330376953921536). At that maximum, the computer may have more.
    """
    total = facts.memory_gb
    most = 32 if _chromium(facts) >= COUNTS_TO_32 and not is_mobile(facts) else 8
    return Memory(total, total is not None and (total < most or 8 < total < 32))


def gpu_memory(facts: DeviceFacts) -> Memory:
    """Return the GPU's memory: the computer's where they share it; browsers do not report that of a graphics card."""
    adapter = facts.webgpu.adapter
    if adapter is not None and (adapter.fallback or _shares_memory(adapter)):
        return computer_memory(facts)
    return Memory(None, False)


def graphics(facts: DeviceFacts) -> Graphics:
    """Return the kind of processor that runs models here.

    ``card`` is a graphics card with memory of its own, or an unknown GPU; ``integrated`` shares the computer's memory.
    """
    adapter = facts.webgpu.adapter
    if not facts.webgpu.available or adapter is None:
        return "cpu"
    if adapter.fallback:
        return "software"
    if is_mobile(facts):
        return "phone"
    if adapter.vendor == "apple":
        return "apple"
    return "integrated" if _shares_memory(adapter) else "card"


def _chromium(facts: DeviceFacts) -> int:
    """Return the version of Chromium that the browser is based on; 0 for other browsers."""
    version = facts.user_agent.partition("Chrome/")[2].partition(".")[0]
    return int(version) if version.isdecimal() else 0


def is_mobile(facts: DeviceFacts) -> bool:
    """Say whether this is a phone or a tablet, by its user agent."""
    return any(word in facts.user_agent for word in ("Android", "iPhone", "iPad", "Mobile"))


def metered(facts: DeviceFacts) -> str | None:
    """Return why downloads should be kept small on this device's connection, or ``None``."""
    connection = facts.connection
    if connection is not None and connection.metered:
        return f"this connection is {connection.type}"
    if connection is not None and connection.save_data:
        return "this browser is set to save data"
    return None


def _shares_memory(adapter: AdapterInfo) -> bool:
    """Whether the GPU shares the computer's memory, by the names in Chromium's Dawn (gpu_info.json)."""
    if adapter.vendor == "intel":
        return not (adapter.architecture or "").endswith(("hp", "hpg"))  # these are graphics cards
    return adapter.vendor in ("apple", "arm", "broadcom", "img-tec", "imagination", "qualcomm", "samsung")
