"""``browserllm app`` and ``browserllm serve``: the chat app in a browser, as a static site or run by this process."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser

import click

from .._internal.threads import Threads
from .console import debug_option, finish

APP_PORT = 8017
SERVE_PORT = 8018


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=APP_PORT, show_default=True, help="0 picks a free port.")
@click.option("--no-open", is_flag=True, help="Only print the address.")
@debug_option
def app(*, port: int, no_open: bool, debug: bool) -> None:
    """Open the chat app in your browser.

    The app is a static site, served on this machine. Python and the models run in your browser, which keeps the
    conversations. Ctrl-C ends the server.
    """

    async def work() -> int:
        from ..page.serving.static import SiteServer, site_folder

        server = await SiteServer(site_folder(), port=port).start()
        try:
            click.echo(f"The chat app is at {server.url} (Ctrl-C ends it)")
            await _show(server.url, no_open=no_open)
            await asyncio.Event().wait()
        finally:
            await server.close()
        return 0

    finish(work, debug=debug)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=SERVE_PORT, show_default=True, help="0 picks a free port."
)
@click.option("--no-open", is_flag=True, help="Only print the address.")
@debug_option
def serve(*, port: int, no_open: bool, debug: bool) -> None:
    """Serve the chat app from this process.

    Python runs here, and keeps the conversations in this user's data folder; the browser that opens the address draws
    and computes. Every page with the address, which has a key, shows the same app. Ctrl-C ends it; what was answered so
    far is kept.
    """

    async def work() -> int:
        from .._internal.system.user_data import conversations_file
        from ..app.opening import open_app
        from ..page.serving.static import site_folder
        from ..stores.sqlite import SQLiteStore
        from .app_server import AppServer

        store = SQLiteStore(conversations_file())
        server = AppServer(site_folder(), lambda host: open_app(host, store=store), port=port)
        try:
            await server.start()
            click.echo(f"The chat app is at {server.url} (Ctrl-C ends it)")
            await _show(server.url, no_open=no_open)
            await asyncio.Event().wait()
        finally:
            await server.close()
            await store.close()
        return 0

    finish(work, debug=debug)


async def _show(url: str, *, no_open: bool) -> None:
    """Open an address in the user's browser, or say that this is not possible here."""
    opening = Threads("the browser", places=1)  # some commands run as long as the browser they open
    if not no_open and not (_has_display() and await opening.run(webbrowser.open, url)):
        click.echo("No browser could be opened here: open this address in Chrome, Edge, Safari or Firefox.")


def _has_display() -> bool:
    # Without a display, webbrowser would start a text browser in this terminal.
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
