"""The wheel, installed into a fresh environment outside the checkout: what a stranger gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import trove_classifiers
from packaging.metadata import Metadata
from playwright.sync_api import BrowserContext

from browserllm._internal.version import __version__
from browserllm.models.catalog.pocket_version import POCKET_VERSION
from built_packages import run
from in_page import open_python, run_python

ROOT = Path(__file__).parents[2]
WHEEL_LIMIT_BYTES = 40_000_000
"""The budget for the wheel, from the design."""


PROGRAM = """
import asyncio
import browserllm as bl

async def main():
    async with bl.connect() as host:
        print((await bl.LocalBackend(host, "pocket").complete("Hello!", max_tokens=20)).text)

asyncio.run(main())
"""


def pythons() -> dict[str, str]:
    """The Pythons of this machine that browserllm supports, by their versions."""
    found = run(["sh", str(ROOT / "scripts" / "pythons.sh")], ROOT).split()
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    return {run([python, "-c", ask], ROOT).strip(): python for python in found}


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Install the wheel into a fresh environment of a Python, with what is locked; gives its folder of programs."""

    @cache
    def install(python: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        run([python, "-m", "venv", str(folder)], folder)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        locked = ["--require-hashes", "--only-binary=:all:", "--requirement", str(ROOT / "requirements" / "run.txt")]
        run([*pip, "install", "--no-deps", *locked], folder)
        run([*pip, "install", "--no-deps", str(wheel)], folder)
        run([*pip, "check"], folder)
        return folder / "bin"

    return install


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


def metadata(packages: tuple[Path, Path]) -> list[bytes]:
    """What the package index reads of the wheel, and of the source archive."""
    wheel, archive = packages
    name = f"browserllm-{__version__}"
    with zipfile.ZipFile(wheel) as files, tarfile.open(archive) as sources:
        inside = sources.extractfile(f"{name}/PKG-INFO")
        assert inside is not None
        return [files.read(f"{name}.dist-info/METADATA"), inside.read()]


def test_the_package_index_can_read_both_packages(python_packages: tuple[Path, Path]) -> None:
    """The metadata is valid, with known classifiers, and the description has nothing that leads into a checkout."""
    of_wheel, of_archive = metadata(python_packages)
    assert of_wheel == of_archive
    checked = Metadata.from_email(of_wheel)  # raises for each field that is not valid
    assert str(checked.version) == __version__
    assert checked.license_expression == "Apache-2.0"
    assert checked.license_files == ["LICENSE", "NOTICE"]
    assert set(checked.classifiers or []) <= trove_classifiers.classifiers
    assert checked.description_content_type == "text/markdown"
    assert checked.description is not None and checked.description.startswith("# browserllm\n")
    assert re.findall(r"\]\((?!https?:)[^)]*\)", checked.description) == []


def test_the_source_archive_has_what_a_build_needs(python_packages: tuple[Path, Path]) -> None:
    """And nothing that a build makes."""
    with tarfile.open(python_packages[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for wanted in ("pyproject.toml", "hatch_build.py", "web/build_site.py", "web/package-lock.json", "LICENSE"):
        assert wanted in names
    assert not [name for name in names if re.search(r"(^|/)(static|node_modules|dist/shared|\.venv)/", name)]


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_the_installed_package_answers(version: str, install: Callable[[str], Path], tmp_path: Path) -> None:
    """The command and a program, away from the checkout, answer in WebLLM on the software adapter."""
    if version not in pythons():
        pytest.skip(f"no Python {version} on this machine")
    programs = install(pythons()[version])

    def printed(*command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment(tmp_path), check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    question = ("run", "Tell me a story about a fox.", "--json", "--max-tokens", "40")
    answer = json.loads(printed(str(programs / "browserllm"), *question))
    assert answer["engine"] == "webllm"
    assert answer["text"]
    assert printed(str(programs / "python"), "-c", PROGRAM).strip()
    assert printed(str(programs / "browserllm"), "--version").split()[-1] == __version__
    where = printed(str(programs / "python"), "-c", "import browserllm; print(browserllm.__file__)")
    assert Path(where).is_relative_to(programs.parent)


def test_the_installed_package_builds_a_site_that_answers(
    install: Callable[[str], Path],
    tmp_path: Path,
    serve: Callable[[Path], str],
    start_browser: Callable[..., BrowserContext],
) -> None:
    """`browserllm build DIR` writes a site that a plain static server can serve, in which Python streams an answer."""
    done = subprocess.run(
        [str(install(next(iter(pythons().values()))) / "browserllm"), "build", str(tmp_path / "site")],
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
