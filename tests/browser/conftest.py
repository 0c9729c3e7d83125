"""Real browsers: headless Chromium on a software WebGPU adapter, driven by Playwright or started by browserllm."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, expect, sync_playwright

from built_packages import build_python, build_react
from in_page import FLAGS, NO_WEBGPU, PATIENCE_MS, SITE, SOFTWARE_WEBGPU
from small_disk import mounted_disk
from static_server import StaticServer

expect.set_options(timeout=PATIENCE_MS)

LONG_FILES = (
    "test_unit_in_pyodide",
    "test_chrome",
    "test_conversations",
    "test_app",
    "test_agreement",
    "test_storage",
    "test_app_actions",
    "test_tools",
    "test_app_hostile",
    "test_page_attacks",
)
"""The files that take longest, the longest first: one that begins last keeps one process busy and the other waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the order within a file, and of the other files, stays."""
    place = {name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder on loopback until the session ends; returns its URL."""
    servers: list[StaticServer] = []

    def start(folder: Path) -> str:
        servers.append(StaticServer(folder))
        return servers[-1].url

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def site_url(serve: Callable[[Path], str]) -> str:
    """The built site on a plain static server."""
    assert (SITE / "index.html").exists(), "the site is not built: run `make site`"
    return serve(SITE)


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that all processes of this run of the tests share."""
    base = factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def python_packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source archive of this checkout."""
    return build_python(shared_folder(tmp_path_factory, "python-packages"))


@pytest.fixture(scope="session")
def wheel(python_packages: tuple[Path, Path]) -> Path:
    """The wheel of this checkout."""
    return python_packages[0]


@pytest.fixture(scope="session")
def react_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm package ``@browserllm/react`` of this checkout."""
    return build_react(shared_folder(tmp_path_factory, "react-package"))


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The browser the tests drive; `make` installs one where it can."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    assert path is not None, "no Chromium on PATH"
    return path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """One Playwright driver a file: it holds the thread's event loop, which the tests on asyncio need."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def start_browser(
    playwright: Playwright, browser_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., BrowserContext]]:
    """Start a browser with a fresh profile or ``profile``, and with more flags; it is closed after the file."""
    contexts: list[BrowserContext] = []

    def start(*flags: str, webgpu: bool = True, profile: Path | None = None) -> BrowserContext:
        context = playwright.chromium.launch_persistent_context(
            str(profile or tmp_path_factory.mktemp("profile")),
            executable_path=browser_path,
            headless=True,
            args=[*FLAGS, *(SOFTWARE_WEBGPU if webgpu else NO_WEBGPU), *flags],
        )
        context.set_default_timeout(PATIENCE_MS)
        # Playwright takes over file choosers once a page has a listener, a moment later: one opened before is lost.
        context.on("page", lambda page: page.on("filechooser", lambda _: None))
        contexts.append(context)
        return context

    yield start
    for context in contexts:
        context.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory, for the browser's profile."""
    with mounted_disk(tmp_path / "disk") as folder:
        yield folder
