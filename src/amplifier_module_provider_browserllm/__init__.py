"""Amplifier's name for the module ``provider-browserllm``; the provider itself is in `browserllm.amplifier`."""

from browserllm.amplifier.mounting import mount

__all__ = ["mount"]
