"""What a device's facts say of its memory, its GPU and its connection, and what they leave open."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..page.device import AdapterInfo, DeviceFacts

MIB = 2**20

Graphics = Literal["cpu", "software", "phone", "integrated", "apple", "card"]

# What is left of the computer's memory for a model on a GPU that shares it: macOS, for one, hands out three quarters.
_USABLE = 0.75

COUNTS_TO_32 = 156
"""A Chromium that tells up to 32 GB: seen in this one; announced for 147, where it may have been turned off."""


class Memory(NamedTuple):
    """Memory as far as the browser tells: ``total_gb`` is None where it does not, a lower bound unless ``exact``."""

    total_gb: float | None
    exact: bool

    @property
    def usable_mb(self) -> float | None:
        """What of it a model can use, in mebibytes."""
        return None if self.total_gb is None else self.total_gb * 1024 * _USABLE


def mb_text(mebibytes: float) -> str:
    """Return memory for people, in mebibytes: "1,060 MB"."""
    return f"{mebibytes:,.0f} MB"


def computer_memory(facts: DeviceFacts) -> Memory:
    """Return the computer's memory.

    Browsers round to a power of two and stop counting at 8 GB, newer Chromium at 32 except on phones
    (https://chromestatus.com/feature/6330376953921536). Where the count stopped, there may be more.
    """
    total = facts.memory_gb
    most = 32 if _chromium(facts) >= COUNTS_TO_32 and not is_mobile(facts) else 8
    return Memory(total, total is not None and (total < most or 8 < total < 32))


def gpu_memory(facts: DeviceFacts) -> Memory:
    """Return the GPU's memory: the computer's where they share it; that of a graphics card is told by nobody."""
    adapter = facts.webgpu.adapter
    if adapter is not None and (adapter.fallback or _shares_memory(adapter)):
        return computer_memory(facts)
    return Memory(None, False)


def graphics(facts: DeviceFacts) -> Graphics:
    """Return what computes here: the CPU alone, WebGPU in software, a phone's GPU, one of Apple's or another that
    shares the computer's memory, or a card of its own memory (or one that nothing is known of).
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
    """Return the version of Chromium under whatever browser this is; 0 when it is another."""
    version = facts.user_agent.partition("Chrome/")[2].partition(".")[0]
    return int(version) if version.isdecimal() else 0


def is_mobile(facts: DeviceFacts) -> bool:
    """Say whether this is a phone or a tablet, by its user agent."""
    return any(word in facts.user_agent for word in ("Android", "iPhone", "iPad", "Mobile"))


def metered(facts: DeviceFacts) -> str | None:
    """Return why bytes are dear on this device's connection, or ``None``."""
    connection = facts.connection
    if connection is not None and connection.metered:
        return f"this connection is {connection.type}"
    if connection is not None and connection.save_data:
        return "this browser is set to save data"
    return None


def _shares_memory(adapter: AdapterInfo) -> bool:
    """Whether the GPU works in the computer's memory, by the names that Chromium's Dawn gives (gpu_info.json)."""
    if adapter.vendor == "intel":
        return not (adapter.architecture or "").endswith(("hp", "hpg"))  # these are graphics cards
    return adapter.vendor in ("apple", "arm", "broadcom", "img-tec", "imagination", "qualcomm", "samsung")
