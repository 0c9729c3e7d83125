"""Where the app of a process keeps what belongs to its user."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path


def conversations_file() -> Path:
    """Return the file with the conversations of `browserllm serve` and of notebooks, in the user's data folder."""
    return user_data_path("browserllm") / "conversations.sqlite"
