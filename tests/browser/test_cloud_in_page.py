"""Clouds from a page: the scenarios that CPython runs, over the browser's own fetch, from another origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

import cloud_scenarios as scenarios
from in_page import open_python, run_python
from openai_exchanges import EXCHANGES
from pytest_in_page import TESTS, put_tests
from vendor_server import VendorServer

SCENARIOS = [("OPENAI", name) for name in scenarios.OPENAI]


@pytest.fixture(scope="module")
def server() -> Iterator[VendorServer]:
    """The vendors, who let the pages of every origin ask them."""
    with VendorServer(EXCHANGES, cors=True) as running:
        yield running


@pytest.fixture(scope="module")
def page(start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    """A page with Python, pytest and the scenarios in it."""
    page = open_python(start_browser(webgpu=False), site_url)
    put_tests(page, site_url, [TESTS / "cloud_scenarios.py"])
    return page


@pytest.mark.parametrize(("vendor", "name"), SCENARIOS, ids=lambda value: value)
def test_scenario(page: Page, server: VendorServer, vendor: str, name: str) -> None:
    """A page gets the same answers, and the same errors."""
    run_python(page, f"import cloud_scenarios\nawait cloud_scenarios.{vendor}[{name!r}]({server.url!r})\nNone")
