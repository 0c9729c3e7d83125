"""Finding a browser: by name, by environment variable, on PATH, where installers put it."""

from __future__ import annotations

from pathlib import Path

import pytest

import browserllm as bl
from browserllm.page.chrome import find as browser
from browserllm.page.chrome.find import find_browser, install_locations


def program(folder: Path, name: str) -> Path:
    """An executable file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_the_wanted_browser_wins(tmp_path: Path) -> None:
    """The caller's choice wins over the environment variable, which wins over PATH."""
    wanted, named, on_path = (program(tmp_path / n, "chromium") for n in ("a", "b", "c"))
    environ = {"BROWSERLLM_BROWSER": str(named), "PATH": str(on_path.parent)}
    assert find_browser(wanted, environ=environ) == wanted
    assert find_browser(environ=environ) == named
    assert find_browser(environ={"PATH": str(on_path.parent)}) == on_path


@pytest.mark.parametrize("name", ["chromium", "google-chrome", "microsoft-edge", "brave-browser"])
def test_every_kind_is_found_on_path(tmp_path: Path, name: str) -> None:
    """Chromium, Chrome, Edge and Brave are supported."""
    file = program(tmp_path, name)
    assert find_browser(environ={"PATH": str(tmp_path)}, platform="linux") == file


def test_a_missing_browser_is_named(tmp_path: Path) -> None:
    """A wrong path is an error that names its source; no other browser is used instead."""
    missing = str(tmp_path / "missing")
    with pytest.raises(bl.Unavailable, match=r"the browser '.*missing'") as caught:
        find_browser(missing, environ={"PATH": ""})
    assert caught.value.reason == "no_browser"
    with pytest.raises(bl.Unavailable, match=r"missing' in BROWSERLLM_BROWSER"):
        find_browser(environ={"BROWSERLLM_BROWSER": missing})


def test_installed_browsers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If PATH has none, the usual installation paths are searched."""
    mac = program(tmp_path / "Applications/Chromium.app/Contents/MacOS", "Chromium")
    assert find_browser(environ={"PATH": "", "HOME": str(tmp_path)}, platform="darwin") == mac
    edge = program(tmp_path / "Microsoft/Edge/Application", "msedge.exe")
    assert find_browser(environ={"PATH": "", "PROGRAMFILES": str(tmp_path)}, platform="win32") == edge
    linux = program(tmp_path, "chrome")
    monkeypatch.setattr(browser, "LINUX_FILES", (str(linux),))
    assert find_browser(environ={"PATH": ""}, platform="linux") == linux
    assert install_locations({}, "win32") == []


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [("linux", "apt install"), ("darwin", "brew"), ("win32", "winget"), ("sunos", "apt install")],
)
def test_without_a_browser_the_remedy_fits_the_system(
    platform: str, remedy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error says what to install on this system."""
    monkeypatch.setattr(browser, "LINUX_FILES", ())
    monkeypatch.setattr(browser, "MACOS_APPS", ())
    with pytest.raises(bl.Unavailable, match=remedy) as caught:
        find_browser(environ={"PATH": str(tmp_path)}, platform=platform)
    assert caught.value.reason == "no_browser"
