"""The public names as type checkers see them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """What `make stubs` would write."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return dict(importlib.import_module("stubs").stubs())
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def test_the_stubs_equal_the_lists(stubs: dict[Path, str]) -> None:
    """A list that changed without `make stubs` fails here, and so does a stub without a list."""
    assert len(stubs) == 12
    assert set(stubs) == {each for each in (ROOT / "src" / "browserllm").rglob("*.pyi") if "static" not in each.parts}
    for path, text in stubs.items():
        assert path.read_text(encoding="utf-8") == text, "run `make stubs`"


def test_a_type_checker_sees_every_public_name(stubs: dict[Path, str], tmp_path: Path) -> None:
    """Pyright, in strict mode, knows each name and its type; it refuses one that is not there."""
    program = ["import browserllm as bl\n"]
    for path in stubs:
        package = ".".join(path.parent.relative_to(ROOT / "src").parts)
        names = importlib.import_module(package).__all__
        program.append(f"from {package} import {', '.join(names)}\n")
        program += [f"print({name})\n" for name in names]
    program += ["reveal_type(bl.Message)\n", "reveal_type(bl.errors.Stalled)\n", "bl.NoSuchName\n"]
    (tmp_path / "program.py").write_text("".join(program), encoding="utf-8")
    settings = {"strict": ["."], "extraPaths": [str(ROOT / "src")], "reportUnusedImport": False}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    quiet = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # it asks no server for a newer version of itself
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet)
    found = [(each["severity"], each["message"]) for each in json.loads(done.stdout)["generalDiagnostics"]]
    assert [message for severity, message in found if severity == "information"] == [
        'Type of "bl.Message" is "type[Message]"',
        'Type of "bl.errors.Stalled" is "type[Stalled]"',
    ]
    assert ("error", '"NoSuchName" is not a known attribute of module "browserllm"') in found
    assert [message for _, message in found if "NoSuchName" not in message and "Type of" not in message] == []
