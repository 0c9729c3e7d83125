"""The wheel, installed into a fresh environment outside the checkout: what a stranger gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from browserllm.models.catalog.pocket_version import POCKET_VERSION
from in_page import open_python, run_python

ROOT = Path(__file__).parents[2]
WHEEL_LIMIT_BYTES = 40_000_000
"""The budget for the wheel, from the design."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return programs


def environment(home: Path) -> dict[str, str]:
    """Nothing of the checkout: no PYTHONPATH, and a cache of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "COV"))}
    return {**kept, "XDG_CACHE_HOME": str(home)}


def test_the_wheel_holds_everything_and_keeps_its_budget(wheel: Path) -> None:
    """The wheel has the site, Pyodide, both engines and the pocket model, no sources of them, and is within 40 MB."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "browserllm/static/index.html",
        "browserllm/static/host.html",
        "browserllm/static/pyodide/pyodide.asm.wasm",
        "browserllm/static/pyodide/python_stdlib.zip",
        "browserllm/static/python/manifest.json",
        f"browserllm/static/models/pocket/resolve/{POCKET_VERSION}/pocket.wasm",
        f"browserllm/static/models/pocket/resolve/{POCKET_VERSION}/onnx/model_quantized.onnx",
        "browserllm/py.typed",
    ):
        assert wanted in names
    assert not [name for name in names if "node_modules" in name or name.endswith((".ts", ".map"))]
    assert wheel.stat().st_size <= WHEEL_LIMIT_BYTES


def test_the_installed_command_answers(installed: Path, tmp_path: Path) -> None:
    """`browserllm run`, from the wheel and away from the checkout, answers in WebLLM on the software adapter."""
    done = subprocess.run(
        [str(installed / "browserllm"), "run", "Tell me a story about a fox.", "--json", "--max-tokens", "40"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["engine"] == "webllm"
    assert answer["text"]


def test_the_installed_package_builds_a_site_that_answers(
    installed: Path, tmp_path: Path, serve: Callable[[Path], str], start_browser: Callable[..., BrowserContext]
) -> None:
    """`browserllm build DIR` writes a site that a plain static server can serve, in which Python streams an answer."""
    done = subprocess.run(
        [str(installed / "browserllm"), "build", str(tmp_path / "site")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = open_python(start_browser(), serve(tmp_path / "site"))
    code = """
import json
import browserllm as bl
async with bl.connect() as host:
    reply = await bl.LocalBackend(host, model="pocket").complete("Hello!", max_tokens=20)
json.dumps([reply.engine, reply.text])
"""
    engine, text = run_python(page, code)
    assert engine == "webllm"
    assert text
