"""The terminal chat with a real browser and the pocket model, in a pseudo terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("pty")

import pty_terminal
from pty_terminal import PtyTerminal


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser takes its time to start."""
    monkeypatch.setattr(pty_terminal, "DEADLINE_S", 60.0)


def test_two_turns_a_stop_and_a_saved_conversation(browser_path: str, tmp_path: Path) -> None:
    """The pocket model answers, a stop keeps what it has said, and the file has the whole conversation."""
    saved = tmp_path / "talk.json"
    command = [sys.executable, "-m", "browserllm", "chat", "--browser", browser_path, "--temperature", "0"]
    options = ["--profile", str(tmp_path / "profile"), "--webgpu", "software"]
    with PtyTerminal([*command, *options], columns=160, env={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        terminal.wait_for("pocket on webllm, webgpu .*\n> ")
        terminal.ask("Why is the sky blue?", r"webllm · webgpu/.* tokens/s · first token .* ms · .* tokens · free")
        assert "The sky is blue because" in terminal.screen.text
        terminal.type("Tell me a long story about a lighthouse.\r")
        terminal.wait_for(r"lighthouse\.\n.*is reading[A-Z]\w* \w+ \w+")
        terminal.type("\x03")
        terminal.wait_for("stopped · webllm.*\n> ")
        terminal.ask(f"/save {saved}", "Saved")
        terminal.ask("Hello!", "free")
        terminal.ask("/stats", "turns +3")
        terminal.type("\x04")
        assert terminal.end() == 0
    messages = json.loads(saved.read_text())["history"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert messages[1]["content"].startswith("The sky is blue because")
    assert messages[3]["content"]
