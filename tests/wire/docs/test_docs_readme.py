"""README.md and docs/tour.md: what they show, runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import pytest

import browserllm as bl

ROOT = Path(__file__).parents[3]
TOUR = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tour.md").read_text(encoding="utf-8"), re.DOTALL)
[PROGRAM] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> bl.ScriptedHost:
    """A host that follows a script, in place of a browser."""
    host = bl.ScriptedHost(["It scatters.", "A fox ran."])

    @asynccontextmanager
    async def connect() -> AsyncIterator[bl.Host]:
        yield host

    monkeypatch.setattr(bl, "connect", connect)
    return host


def test_the_table_has_every_command() -> None:
    """With the arguments that are needed; a new command is a new row."""
    from browserllm.cli.main import cli

    table = re.findall(r"^\| `browserllm ([a-z ]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    commands = [
        f"{name} {part}".strip()
        for name, command in cli.commands.items()
        for part in (command.commands if isinstance(command, click.Group) else [""])
    ]
    assert sorted(row.strip() for row in table) == sorted(commands)


def run(code: str, name: str) -> dict[str, Any]:
    """What a block defines."""
    scope: dict[str, Any] = {}
    exec(compile(code, name, "exec", dont_inherit=True), scope)  # noqa: S102 (our own documentation)
    return scope


@pytest.mark.usefixtures("scripted")
def test_the_first_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It streams one answer and prints another."""
    run(PROGRAM, "README.md")
    assert capsys.readouterr().out.startswith("It scatters.\nA fox ran. webllm ")


@pytest.mark.usefixtures("scripted")
def test_the_tour_loads_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """It lists what fits, and tells that the model is ready."""
    run(TOUR[0], "docs/tour.md")
    assert "ready pocket" in capsys.readouterr().out


def test_the_tour_has_a_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    """A call waits for a person, runs and is answered."""
    call = bl.ToolCallPart("1", "set_temperature", '{"room": "bedroom", "degrees": 19}')
    llm = bl.ScriptedBackend([[call], "It is warm.", "That too."])

    async def say_yes(approvals: bl.Approvals) -> None:
        async for pending in approvals:
            pending.approve()

    async def main() -> None:
        approvals = bl.Approvals()
        person = asyncio.create_task(say_yes(approvals))
        await run(TOUR[1], "docs/tour.md")["talk"](llm, approvals)
        approvals.close()
        await person

    asyncio.run(main())
    out = capsys.readouterr().out
    assert out == 'It is warm. [\'{"room": "bedroom", "degrees": 19}\']\nThat too.'


def test_the_tour_makes_an_object_and_a_router(capsys: pytest.CaptureFixture[str]) -> None:
    """Both functions do what they say."""
    llm = bl.ScriptedBackend('{"title": "Pasta", "minutes": 12, "ingredients": ["water"]}')
    asyncio.run(run(TOUR[2], "docs/tour.md")["cook"](llm))
    assert capsys.readouterr().out.startswith("Pasta ['water']\n")
    assert isinstance(run(TOUR[3], "docs/tour.md")["assistant"](bl.ScriptedHost()), bl.Router)
    assert len(TOUR) == 4
