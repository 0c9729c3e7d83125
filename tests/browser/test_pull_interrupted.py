"""Ctrl-C in a terminal: the command, its browser and the server are real, and so is the signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import browserllm as bl
from fault_server import Fault, FaultServer
from served_models import noise_card, noise_model

MB = 1_000_000

COMMAND = """
import signal, sys
import msgspec
import browserllm as bl
from browserllm.cli import main as cli, models as cli_models

# A shell starts what runs in the background with Ctrl-C ignored, and so perhaps these tests; a terminal does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
card = msgspec.json.decode(sys.argv.pop(1), type=bl.models.ModelCard)
cli_models.Catalog = lambda: bl.models.Catalog([card])
cli.main()
"""
"""``browserllm``, with one more model in its catalog: the JSON of a card, before the arguments."""


def start_pull(card: bl.models.ModelCard, profile: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command in a group of its own, as a terminal does."""
    arguments = ["models", "pull", card.id, "--engine", "webllm", "--webgpu", "software", "--profile", str(profile)]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, msgspec.json.encode(card).decode(), *arguments, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a group")
def test_ctrl_c_keeps_the_bytes_and_the_next_pull_continues(tmp_path: Path) -> None:
    """It exits with 130, says how much is kept and how to continue; the next pull fetches only the rest."""
    with FaultServer() as server:
        files = noise_model(server, "/interrupted", [12 * MB], [Fault(bytes_per_s=3 * MB)])
        card = noise_card(server, "/interrupted")
        total = sum(file.content.size for file in files)
        pull = start_pull(card, tmp_path / "profile")
        server.wait_until(lambda: server.sent_bytes("/interrupted") >= 5 * MB or pull.poll() is not None)
        os.killpg(pull.pid, signal.SIGINT)
        output, said = pull.communicate(timeout=300)
        assert pull.returncode == 130, said
        assert output == ""
        assert "Traceback" not in said
        stopped = re.search(r"Stopped; (\d+\.\d) MB downloaded so far are kept\.", said)
        assert stopped is not None, said
        assert "To resume: browserllm models pull interrupted" in said
        kept = float(stopped[1]) * MB
        assert 0 < kept <= server.sent_bytes("/interrupted") + 0.05 * MB

        server.heal()
        pull = start_pull(card, tmp_path / "profile", "--json")
        output, said = pull.communicate(timeout=300)
        assert pull.returncode == 0, said
    result = json.loads(output.splitlines()[-1])["result"]
    assert sum(file["size_bytes"] for file in result["files"]) == total
    # What was said to be kept was kept; the message rounds it to 0.1 MB.
    assert 0 < result["fetched_bytes"] <= total - kept + 0.05 * MB
    (shard,) = [file for file in result["files"] if file["size_bytes"] == 12 * MB]
    assert shard["verified"] == "hash"
    assert shard["resumed_from"] >= kept - 0.1 * MB
