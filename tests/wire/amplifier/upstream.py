"""Amplifier's own suites for provider modules, over ours. `test_upstream.py` runs this file with their plugin."""

from __future__ import annotations

from pathlib import Path

import pytest
from amplifier_core.validation.behavioral.test_provider import ProviderBehaviorTests
from amplifier_core.validation.structural.test_provider import ProviderStructuralTests

import amplifier_module_provider_browserllm


@pytest.fixture
def module_path() -> Path:
    return Path(amplifier_module_provider_browserllm.__file__).parent


class TestBehavior(ProviderBehaviorTests):
    pass


class TestStructure(ProviderStructuralTests):
    pass
