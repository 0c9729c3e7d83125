"""The vendors with a wire format of their own: what each backend must do, and what the vendor's server plays."""

from __future__ import annotations

import anthropic_exchanges
import anthropic_scenarios
import cloud_scenarios
import gemini_exchanges
import gemini_scenarios
import ollama_exchanges
import ollama_scenarios
import openai_exchanges

VENDORS = {
    "openai": (cloud_scenarios.OPENAI, openai_exchanges.EXCHANGES),
    "anthropic": (anthropic_scenarios.SCENARIOS, anthropic_exchanges.EXCHANGES),
    "gemini": (gemini_scenarios.SCENARIOS, gemini_exchanges.EXCHANGES),
    "ollama": (ollama_scenarios.SCENARIOS, ollama_exchanges.EXCHANGES),
}
"""By vendor: the scenarios, which CPython and a page run, and the exchanges that they need."""

SCENARIOS = [(vendor, name) for vendor, (scenarios, _) in VENDORS.items() for name in scenarios]
"""Each scenario as its vendor and its name."""
