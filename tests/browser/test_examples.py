"""The programs in examples/, run as their README says, over the pocket model in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import openai_exchanges
from vendor_server import VendorServer, events, stream

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = Path(__file__).parents[1] / "tiny"


def run(name: str, home: Path, *arguments: str, typed: str = "", **environment: str) -> str:
    """Run an example to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name / "main.py"), *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(home), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def cloud() -> Iterator[dict[str, str]]:
    """A server with OpenAI's API on loopback, as the variables that name it."""
    chunks = openai_exchanges.text_chunks("From ", "the cloud.")
    answer = stream(events(*chunks, "[DONE]"))
    with VendorServer({"cloud": answer}) as server:
        yield {"OPENAI_BASE_URL": f"{server.url}/cloud", "OPENAI_API_KEY": "k"}


def test_each_example_says_how_to_run_it() -> None:
    """Ten lines at most, and the command first."""
    for folder in EXAMPLES.iterdir():
        lines = (folder / "README.md").read_text().splitlines()
        assert lines[0].startswith("# ")
        assert 6 <= len(lines) <= 14, folder


def test_basic(tmp_path: Path) -> None:
    out = run("basic", tmp_path, "Why is the sky blue?")
    answer, said = out.strip().splitlines()
    assert len(answer.split()) > 3
    assert re.fullmatch(r"pocket on webllm: \d+ tokens, \d+ a second", said)


def test_hybrid_routing(tmp_path: Path, cloud: dict[str, str]) -> None:
    """The short question stays here, the long one is paid for, and the private one goes nowhere."""
    out = run("hybrid_routing", tmp_path, **cloud)
    explained, short, long, private = out.split("\n> ")
    assert "on this device" in explained
    assert "local (pocket), cost nothing" in short
    assert "From the cloud." in long
    assert re.search(r"passed over: .*local.*\d+ tokens", long)
    assert "cost an unknown amount" in long, "prices are those of OpenAI's own address"
    assert private.startswith("Summarize") and "(private)" in private
    assert "no answer: " in private and "From the cloud." not in private


def test_cost_optimized(tmp_path: Path, cloud: dict[str, str]) -> None:
    out = run("cost_optimized", tmp_path, **cloud)
    first, second, again, paid, refused = out.split("\n> ")[1:]
    assert first.splitlines()[1] == again.splitlines()[1]
    assert all("local: 0.0" in each for each in (first, second, again))
    assert "refused: " in paid and "price" in paid, "prices are those of OpenAI's own address"
    assert "refused: " in refused and "budget" in refused


@pytest.mark.parametrize(
    ("answer", "result"), [("y\n", r"called set_light\(.*\): \w+ is at \d+ %"), ("n\n", "said no")]
)
def test_tools(tmp_path: Path, answer: str, result: str) -> None:
    out = run("tools", tmp_path, typed=answer)
    assert "Run set_light(" in out
    assert re.search(result, out)


def test_structured(tmp_path: Path) -> None:
    out = run("structured", tmp_path)
    assert re.search(r"^.+: -?\d+ legs, lives in: (water|forest|house)$", out, re.MULTILINE)
    assert re.search(r"^\(-?\d+, -?\d+, -?\d+\)$", out, re.MULTILINE)


def test_embeddings_search(tmp_path: Path) -> None:
    """With a tiny embedding model of this repository in place of the one that would be downloaded."""
    out = run("embeddings_search", tmp_path, "Where is the key?", "--address", str(TINY / "embedding/resolve/main"))
    scores = [float(score) for score in re.findall(r"^(-?\d\.\d{3})  ", out, re.MULTILINE)]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert re.search(r"\d+ dimensions, \d+ tokens", out)


def test_model_manager(tmp_path: Path) -> None:
    out = run("model_manager", tmp_path, "pocket")
    assert re.search(r"^quick: \S+ \(.+\)$", out, re.MULTILINE)
    assert "pocket runs on webllm, webgpu" in out
    assert "event: ready pocket" in out and "event: unloaded pocket" in out


def test_agent(tmp_path: Path) -> None:
    """Question, tool, approval, result, answer."""
    out = run("agent", tmp_path, "What time is it?", typed="y\n" * 30)
    assert "answer: " in out
