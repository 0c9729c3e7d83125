"""Where a program can run: Python in a page, and CPython beside the browser that it launched.

A file of scenarios (functions that take and return JSON) is called in either one. Its ``begin`` comes first, and is
given the host where there is one already.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType
from typing import Any

from playwright.sync_api import Page

from drivers import Launched
from in_page import run_python
from pytest_in_page import put_tests


class World(ABC):
    """The scenarios' functions, wherever Python runs."""

    @abstractmethod
    def call(self, function: str, *args: Any, **options: Any) -> Any:
        """Call one of the scenarios' functions."""

    @abstractmethod
    def set_offline(self, offline: bool) -> None:
        """Take the page's network away, or give it back, as DevTools do."""


class InPage(World):
    """Python in the page."""

    def __init__(self, page: Page, site_url: str, scenarios: ModuleType) -> None:
        assert scenarios.__file__ is not None
        self.page = page
        self._module = scenarios.__name__
        put_tests(page, site_url, [Path(scenarios.__file__)])

    def call(self, function: str, *args: Any, **options: Any) -> Any:
        given = json.dumps([args, options])
        return run_python(
            self.page,
            f"import json, {self._module}\n"
            f"args, options = json.loads({given!r})\n"
            f"json.dumps(await {self._module}.{function}(*args, **options))",
        )

    def set_offline(self, offline: bool) -> None:
        self.page.context.set_offline(offline)


class Outside(World):
    """CPython, and the page in the browser that it launched."""

    def __init__(self, driver: Launched, scenarios: ModuleType) -> None:
        self.driver = driver
        self._module = scenarios

    def call(self, function: str, *args: Any, **options: Any) -> Any:
        host = {"host": self.driver.host} if function == "begin" else {}
        return self.driver.run(getattr(self._module, function)(*args, **host, **options))

    def set_offline(self, offline: bool) -> None:
        self.driver.set_network(offline=offline)
