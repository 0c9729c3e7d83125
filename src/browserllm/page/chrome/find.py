"""Finds a browser to launch: Chromium, Chrome, Edge or Brave."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ...errors import Unavailable

ON_PATH = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
    "brave-browser",
    "brave",
)

MACOS_APPS = ("Chromium", "Google Chrome", "Microsoft Edge", "Brave Browser")

WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")

WINDOWS_FILES = (
    "Chromium/Application/chrome.exe",
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
    "BraveSoftware/Brave-Browser/Application/brave.exe",
)

LINUX_FILES = (
    "/usr/bin/chromium",
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/opt/brave.com/brave/brave",
)

REMEDIES = {
    "linux": "install one, for example with `sudo apt install chromium` or from https://www.google.com/chrome/",
    "darwin": "install one, for example with `brew install --cask chromium` or from https://www.google.com/chrome/",
    "win32": "install one, for example with `winget install Google.Chrome`",
}


def find_browser(
    wanted: str | Path | None = None, *, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Return the path of a browser: ``wanted``, or ``BROWSERLLM_BROWSER``, or the first one on PATH or installed.

    Raises `Unavailable` (``no_browser``), which says what to install.
    """
    for where, name in (("", wanted), (" in BROWSERLLM_BROWSER", environ.get("BROWSERLLM_BROWSER"))):
        if name:
            found = shutil.which(str(name), path=environ.get("PATH"))
            if found is None:
                raise Unavailable(
                    f"the browser {str(name)!r}{where} is not an executable program; use the path of "
                    "Chromium, Chrome, Edge or Brave",
                    reason="no_browser",
                    data={} if where else {"parameter": "browser"},
                )
            return Path(found)
    for name in ON_PATH:
        found = shutil.which(name, path=environ.get("PATH", ""))
        if found is not None:
            return Path(found)
    for file in install_locations(environ, platform):
        if os.access(file, os.X_OK) and file.is_file():
            return file
    remedy = REMEDIES.get(platform, REMEDIES["linux"])
    raise Unavailable(
        f"no Chromium, Chrome, Edge or Brave was found: {remedy}; or set BROWSERLLM_BROWSER to the path of one",
        reason="no_browser",
    )


def install_locations(environ: Mapping[str, str], platform: str) -> list[Path]:
    """Return the paths where installers put browsers on a platform, the preferred one first."""
    if platform == "darwin":
        return [
            folder / f"{app}.app" / "Contents" / "MacOS" / app
            for app in MACOS_APPS
            for folder in (Path("/Applications"), Path(environ.get("HOME", "/")) / "Applications")
        ]
    if platform == "win32":
        folders = [environ[name] for name in WINDOWS_FOLDERS if name in environ]
        return [Path(folder) / file for file in WINDOWS_FILES for folder in folders]
    return [Path(file) for file in LINUX_FILES]
