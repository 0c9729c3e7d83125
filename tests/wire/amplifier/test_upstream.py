"""Amplifier's own judgement: its suites, its validator, and its loader's two ways to find the module."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from amplifier_core.validation import ProviderValidator

from browserllm.amplifier.mounting import mount


def test_the_suites_for_providers_pass() -> None:
    """In a process of their own, since their plugin changes how tests are collected."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", str(Path(__file__).with_name("upstream.py")), "-q", "-W", "ignore"),
            *("-p", "no:cacheprovider", "-o", "addopts=", "-c", os.devnull, "--noconftest"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^6 passed", done.stdout, re.MULTILINE), done.stdout


async def test_the_validator_accepts_the_module() -> None:
    result = await ProviderValidator().validate("amplifier_module_provider_browserllm")
    assert result.passed, result.errors
    assert {"protocol_compliance", "provider_complete"} <= {check.name for check in result.checks if check.passed}


def test_the_module_is_found_by_its_entry_point_and_by_its_name() -> None:
    found = [each for each in entry_points(group="amplifier.modules") if each.name == "provider-browserllm"]
    assert [each.load() for each in found[:1]] == [mount]
    assert importlib.import_module("amplifier_module_provider_browserllm").mount is mount
