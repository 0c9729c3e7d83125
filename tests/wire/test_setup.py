"""What setting up says on a machine that lacks something: one line, with the command to type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "sed", "head", "dirname", "cat")
"""What every system has; nothing else of this machine is on PATH."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the setup of a checkout is for POSIX shells")

Machine = Callable[..., dict[str, str]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Describe a machine by its programs: ``machine(root=False, python3="real", apt_get="exit 0")``."""

    def make(*, root: bool = False, **programs: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in TOOLS:
            (folder / tool).symlink_to(str(shutil.which(tool)))
        programs = {"id": f"echo {0 if root else 1000}", **programs}
        for name, script in programs.items():
            program = folder / name.replace("_", "-").replace("python3-", "python3.")
            if script == "real":
                program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            else:
                program.write_text(f'#!/bin/sh\necho "{program.name} $*" >> "{tmp_path}/asked"\n{script}\n')
            program.chmod(0o755)
        return {"PATH": str(folder), "HOME": str(tmp_path / "home")}

    return make


def prepare(environment: dict[str, str], *programs: str) -> subprocess.CompletedProcess[str]:
    """Run what the Makefile runs first."""
    return subprocess.run(
        ["sh", str(ROOT / "scripts" / "system-packages.sh"), *programs],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a refusal is."""
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_with_python_and_a_browser_nothing_is_printed(machine: Machine) -> None:
    """Nothing is missing, so nothing is installed either."""
    done = prepare(machine(python3="real", chromium="exit 0", apt_get="exit 1"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("browser", ["chromium-browser", "google-chrome-stable", "microsoft-edge", "brave-browser"])
def test_any_browser_of_the_family_will_do(machine: Machine, browser: str) -> None:
    """A Chrome, Edge or Brave is as good as a Chromium."""
    assert prepare(machine(python3="real", **{browser: "exit 0"})).returncode == 0


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install chromium"),
        ("dnf", "sudo dnf install chromium"),
        ("pacman", "sudo pacman -S chromium"),
        ("zypper", "sudo zypper install chromium"),
        ("apk", "sudo apk add chromium"),
        ("brew", "brew install google-chrome"),
    ],
)
def test_without_root_the_line_has_the_command_of_this_system(machine: Machine, manager: str, command: str) -> None:
    """A missing browser is named, with what to type here; the package manager is not run."""
    environment = machine(python3="real", **{manager: "exit 0"})
    assert only_line(prepare(environment)) == f"error: missing: chromium; type: {command}"
    assert (
        not (Path(environment["PATH"]).parent / "asked").exists()
        or manager not in (Path(environment["PATH"]).parent / "asked").read_text()
    )


def test_without_a_package_manager_the_line_says_what_is_needed(machine: Machine) -> None:
    """There is no command to type, so it names what is needed and how to pass another browser."""
    line = only_line(prepare(machine(python3="real")))
    assert "missing: chromium" in line and "BROWSERLLM_BROWSER=/path/to/browser" in line


def test_everything_that_is_missing_is_in_one_line(machine: Machine) -> None:
    """Python, venv, a browser and make: named together, so that one command brings them all."""
    line = only_line(prepare(machine(apt_get="exit 0"), "make"))
    missing = "make python3 python3-venv chromium"
    assert line == f"error: missing: {missing}; type: sudo apt-get install {missing}"


def test_other_systems_have_no_package_for_venv(machine: Machine) -> None:
    """Only Debian keeps venv in a package of its own."""
    line = only_line(prepare(machine(pacman="exit 0")))
    assert line.endswith("type: sudo pacman -S python chromium")


def test_a_python_without_venv_is_noticed_before_it_is_used(machine: Machine) -> None:
    """As on a Debian without python3-venv."""
    environment = machine(python3='case "$*" in *ensurepip*) exit 1;; esac', chromium="exit 0", apt_get="exit 0")
    assert only_line(prepare(environment)).endswith("type: sudo apt-get install python3-venv")


@pytest.mark.parametrize("root", [False, True])
def test_a_python_that_is_too_old_is_named_with_its_version(machine: Machine, root: bool) -> None:
    """A package manager would bring the same one again, so none is asked."""
    old = 'case "$*" in --version) echo Python 3.9.2;; *) exit 1;; esac'
    line = only_line(prepare(machine(root=root, python3=old, chromium="exit 0", apt_get="exit 0")))
    assert "needs Python 3.11 or newer, and python3 is Python 3.9.2" in line
    assert "type: make run PYTHON=/path/to/python3.11" in line


def test_a_python_that_was_named_and_is_not_there_is_named_again(machine: Machine) -> None:
    """`make PYTHON=...` with a typing mistake."""
    environment = machine(root=True, python3="real", chromium="exit 0", apt_get="exit 0")
    assert "PYTHON=python9 is not a program" in only_line(prepare({**environment, "PYTHON": "python9"}))


def test_a_browser_that_was_named_and_is_not_there_is_named_again(machine: Machine) -> None:
    """Found out now, and not after everything was downloaded."""
    environment = machine(python3="real", chromium="exit 0")
    line = only_line(prepare({**environment, "BROWSERLLM_BROWSER": "/nowhere/edge"}))
    assert "BROWSERLLM_BROWSER=/nowhere/edge is not a program" in line


def test_as_root_with_apt_missing_packages_are_installed(machine: Machine) -> None:
    """And only that."""
    environment = machine(root=True, python3="real", apt_get="exit 0")
    done = prepare(environment)
    assert done.returncode == 0 and "installing Debian packages: chromium" in done.stderr
    asked = (Path(environment["PATH"]).parent / "asked").read_text().splitlines()
    assert [line for line in asked if line.startswith("apt-get")] == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
    ]


def test_pythons_are_found_once_each_and_the_oldest_first(machine: Machine, tmp_path: Path) -> None:
    """On PATH and under pyenv; what does not run, or is no supported version, is left out."""
    here = f"3.{sys.version_info.minor}"
    environment = machine(python3="real", **{f"python3_{sys.version_info.minor}": "real", "python3_10": "real"})
    pyenv = tmp_path / "home" / ".pyenv" / "versions"
    for version in ("3.11.99", "3.12.99", "3.13.99"):
        (pyenv / version / "bin").mkdir(parents=True)
        (pyenv / version / "bin" / "python3").write_text("#!/bin/sh\nexit 1\n")
        (pyenv / version / "bin" / "python3").chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / "pythons.sh")], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(Path(environment["PATH"]) / f"python{here}")]


def test_a_benchmark_that_is_not_there_is_named_before_anything_is_installed() -> None:
    """The answer is the list of those that there are, from the recipe that make would run."""
    recipe = subprocess.run(["make", "-n", "bench-nope"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "There is no benchmarks/nope.py. Choose one of: " in recipe.stdout
    assert "router" in recipe.stdout
    assert recipe.stdout.count("\n") == 1
    real = subprocess.run(["make", "-n", "bench-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "python benchmarks/imports.py" in real.stdout
