"""Our engine in the native one's place: the same scenarios tell the same, and the other tests pass on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import amplifier_scenarios

HERE = Path(__file__).parent


def told(*arguments: str) -> dict[str, Any]:
    """Run the scenarios in a process of their own."""
    done = subprocess.run(
        [sys.executable, amplifier_scenarios.__file__, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Any], dict[str, Any]]:
    return told(), told("python")


@pytest.mark.parametrize("name", sorted(amplifier_scenarios.SCENARIOS))
def test_a_scenario_tells_the_same_on_both_engines(both: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    native, ours = both
    assert ours[name] == native[name]
    assert "session:start" in [event for event, _ in native[name]]


@pytest.mark.parametrize("file", ["test_misbehaviour.py", "test_sessions.py", "test_provider.py"])
def test_the_other_tests_pass_on_our_engine(file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(HERE / file), "-q", "-p", "no:cacheprovider"],
        env={**os.environ, "BROWSERLLM_AMPLIFIER_ENGINE": "python"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


@pytest.mark.parametrize("force", [False, True])
def test_python_waits_for_native_threads_at_its_end_and_for_none_of_ours(force: bool) -> None:
    """A native thread that is still at work when Python is gone would abort the process."""
    program = f"""
import time
time.sleep = lambda seconds: print(f"waits {{seconds}} s")
from browserllm.amplifier.install import install_engine
if {force}:
    install_engine(force=True)
import browserllm.amplifier.kernel
print("ends")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split("\n") == (["ends", ""] if force else ["ends", "waits 0.02 s", ""])
