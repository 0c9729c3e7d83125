"""The app in a page: Python runs in a worker of the page, and speaks with the page through its module."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..page.connect import connect
from ..page.host import Host
from .opening import start_app
from .page_pipes import PagePipes


def main() -> None:
    """Start the app of this page. `web/src/connect/local.ts` calls it once, and opens pipes to it."""
    page: Any = import_module("_browserllm_page")
    app = start_app(_open_host, tabs=page)
    page.ui_set_handler(PagePipes(app, page.ui_send).on_text)


async def _open_host() -> Host:
    return await connect()
