"""The lock files are closed: whatever a locked package requires is locked, so installing never asks what is new.

The locks are installed as they stand (`pip install --no-deps`), on every Python and system that we support. What the
packages require is in requirements/requires.json, which `make lock` writes; of those that are installed here it is
compared with their own metadata.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted(file.stem for file in REQUIREMENTS.glob("*.txt"))
REQUIRES: Mapping[str, list[str]] = json.loads((REQUIREMENTS / "requires.json").read_text())

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "linux on arm": {
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": "aarch64",
    },
    "macos": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}


class Pin(NamedTuple):
    """A line of a lock: a package, the one version that is installed, and where."""

    name: str
    version: str
    requirement: Requirement


def read_lock(text: str) -> list[Pin]:
    """Read the lines that name a package; the others are hashes and comments."""
    lines = [Requirement(line.rstrip(" \\")) for line in text.splitlines() if line[:1].isalnum()]
    return [Pin(str(canonicalize_name(line.name)), str(line.specifier).removeprefix("=="), line) for line in lines]


def requirements_of(name: str) -> list[Requirement]:
    """Return what a lock was made for: the lines of its ``.in`` file, and of the files that one includes."""
    found: list[Requirement] = []
    for line in (REQUIREMENTS / f"{name}.in").read_text().splitlines():
        if line.startswith("-r "):
            found += requirements_of(line.removeprefix("-r ").removesuffix(".in"))
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def environment(python: str, system: str) -> dict[str, str]:
    """Return the values of the markers on a Python of a system."""
    same = {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
    }
    return {
        **same,
        **SYSTEMS[system],
        "python_version": python,
        "python_full_version": f"{python}.9",
        "implementation_version": f"{python}.9",
    }


def holds(requirement: Requirement, where: Mapping[str, str], extras: frozenset[str] = frozenset()) -> bool:
    """Say whether a requirement is one in an environment, for a package that is wanted with ``extras``."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**where, "extra": extra}) for extra in (extras or {""}) | {""})


class Hole(NamedTuple):
    """A package that is required and not met by a locked version, and who says so."""

    name: str
    why: str


def holes(pins: list[Pin], roots: list[Requirement], where: Mapping[str, str]) -> list[Hole]:
    """Return what is required in an environment and not met by a locked version."""
    locked = {pin.name: pin for pin in pins if holds(pin.requirement, where)}
    found: set[Hole] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    open_ends = [("what the lock is for", root) for root in roots if holds(root, where)]
    while open_ends:
        asker, wanted = open_ends.pop()
        name, extras = str(canonicalize_name(wanted.name)), frozenset(wanted.extras)
        pin = locked.get(name)
        if pin is None:
            found.add(Hole(name, f"{asker} requires {wanted}, which is not locked"))
        elif not wanted.specifier.contains(Version(pin.version), prereleases=True):
            found.add(Hole(name, f"{asker} requires {wanted}, and {pin.version} is locked"))
        elif (name, extras) not in seen:
            seen.add((name, extras))
            required = map(Requirement, REQUIRES[f"{pin.requirement.name}=={pin.version}"])
            open_ends += [(f"{name} {pin.version}", each) for each in required if holds(each, where, extras)]
    return sorted(found)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_of_a_locked_package_is_met_by_a_locked_version(lock: str, python: str, system: str) -> None:
    """Extras and markers included, on each Python and system that we support."""
    pins = read_lock((REQUIREMENTS / f"{lock}.txt").read_text())
    assert holes(pins, requirements_of(lock), environment(python, system)) == []


@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_that_lacks_a_line_is_not_closed(lock: str, python: str) -> None:
    """Whichever line is taken out, the package is missed where it is installed at all."""
    pins = read_lock((REQUIREMENTS / f"{lock}.txt").read_text())
    roots = requirements_of(lock)
    for system in SYSTEMS:
        where = environment(python, system)
        for taken in (pin for pin in pins if holds(pin.requirement, where)):
            missed = holes([pin for pin in pins if pin is not taken], roots, where)
            assert {hole.name for hole in missed} == {taken.name}, f"nothing on {system} misses {taken.requirement}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_line_has_hashes(lock: str) -> None:
    """A package that a registry has changed is refused."""
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    blocks = text.replace("\\\n", " ").splitlines()
    assert [line for line in blocks if line[:1].isalnum() and "--hash=sha256:" not in line] == []


def test_the_recorded_requirements_are_those_of_the_packages() -> None:
    """requires.json equals the packages' metadata, so a lock that was edited by hand is found."""
    compared = 0
    for lock in LOCKS:
        for pin in read_lock((REQUIREMENTS / f"{lock}.txt").read_text()):
            assert f"{pin.requirement.name}=={pin.version}" in REQUIRES, "run `make lock`"
            try:
                installed = distribution(pin.name)
            except PackageNotFoundError:
                continue
            if installed.version == pin.version:
                compared += 1
                # Extras that no locked package asks for are left out.
                written = {str(Requirement(each)) for each in REQUIRES[f"{pin.requirement.name}=={pin.version}"]}
                own = {str(Requirement(each)) for each in installed.requires or []}
                assert written <= own
                assert {each for each in own - written if "extra ==" not in each} == set()
    assert compared > 20


def test_the_package_itself_asks_for_nothing_that_running_from_a_checkout_does_not_lock() -> None:
    """`make run` installs the package without its dependencies, because run.txt has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    roots = [Requirement(each) for each in (*project["project"]["dependencies"], *project["build-system"]["requires"])]
    pins = read_lock((REQUIREMENTS / "run.txt").read_text())
    for python in PYTHONS:
        assert holes(pins, roots, environment(python, "linux")) == []


def test_running_and_testing_have_the_same_versions() -> None:
    """Both are installed into one environment, one over the other."""
    run, dev = (
        {pin.name: pin.version for pin in read_lock((REQUIREMENTS / f"{lock}.txt").read_text())}
        for lock in ("run", "dev")
    )
    assert {name: dev.get(name) for name in run} == run


def test_the_pages_packages_are_complete() -> None:
    """The wheels of web/python are installed one by one, so their requirements must be there, too."""
    lines = (ROOT / "web" / "python" / "requirements.txt").read_text().splitlines()
    pins = read_lock("\n".join(line.partition(" --hash")[0] for line in lines))
    where = {**environment("3.14", "linux"), "sys_platform": "emscripten", "platform_system": "Emscripten"}
    assert holes(pins, [pin.requirement for pin in pins], where) == []
