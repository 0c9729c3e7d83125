"""The command ``browserllm``: answer a prompt, open the chat page, check this machine, write the site.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from .._internal.formatting import size_text
from .._internal.threads import Threads
from .._internal.version import __version__
from ..backends.local import LocalBackend
from ..errors import BrowserLLMError, InternalError, Timeout
from ..models import engines
from ..models.manager import DEFAULT_MODEL
from ..page.connect import connect
from ..page.host import Progress
from ..types import ChatDone, ChatResponse, Message, TextDelta
from .build import copy_site
from .console import (
    Commands,
    browser_options,
    canonical_name,
    finish,
    let_stderr_fail,
    print_error,
    print_json,
    print_notices,
    stderr_console,
)
from .doctor import Check, examine
from .models import models
from .progress import describe_progress
from .waiting import Waiting

DEFAULT_PORT = 8017

# A model's output must not control the terminal: keep no control characters except line ends and tabs.
_NO_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="browserllm", prog_name="browserllm")
def cli() -> None:
    """Language models in the browser, from Python."""


cli.add_command(models)


@cli.command(short_help="Answer a prompt in a headless browser.")
@click.argument("prompt")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model that answers.")
@click.option("--engine", type=click.Choice(engines.names()), help="Use only this engine.")
@click.option("--device", type=click.Choice(engines.devices()), help="Use only this device.")
@click.option("--system", help="A system message to begin with.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Stop after this many tokens.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 always picks the likeliest token.")
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@click.option("--thinking/--no-thinking", default=None, help="Think before answering or not, if the model can.")
@click.option("--visible", is_flag=True, help="Show the browser's window.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Give up after this many seconds.")
@browser_options
def run(
    *,
    prompt: str,
    model: str,
    engine: str | None,
    device: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    seed: int | None,
    thinking: bool | None,
    visible: bool,
    timeout: float | None,
    browser: str | None,
    profile: str | None,
    webgpu: Any,
    as_json: bool,
    debug: bool,
) -> None:
    """Answer PROMPT in a headless browser; with - as PROMPT it is read from standard input."""
    if prompt == "-":
        prompt = sys.stdin.read()
    if not _is_text(prompt) or not _is_text(system or ""):
        raise click.UsageError("PROMPT and --system must be valid UTF-8 text")
    if not prompt.strip():
        raise click.UsageError("PROMPT is empty")
    messages = [Message("system", system)] if system else []
    messages.append(Message("user", prompt))
    options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed, "thinking": thinking}

    async def work() -> int:
        console = stderr_console()
        with Waiting(console, "Starting the browser", quiet=as_json) as waiting:

            def show(progress: Progress) -> None:
                word = "Fetching" if progress.phase in ("downloading", "verifying") else "Loading"
                waiting.update(f"{word} {canonical_name(model)}", describe_progress(progress))

            try:
                async with asyncio.timeout(timeout):
                    async with connect(browser=browser, profile=profile, visible=visible, webgpu=webgpu) as host:
                        print_notices(host.notices)
                        waiting.update(f"Looking for the files of {canonical_name(model)}")
                        backend = LocalBackend(host, model, engine=engine, device=device, on_progress=show)
                        response = None
                        async with backend.stream(messages, **options) as stream:
                            async for chunk in stream:
                                if isinstance(chunk, TextDelta) and not as_json:
                                    waiting.stop()
                                    click.echo(chunk.text.translate(_NO_CONTROLS), nl=False)
                                elif isinstance(chunk, ChatDone):
                                    response = chunk.response
            except TimeoutError as error:
                if isinstance(error, BrowserLLMError):
                    raise
                raise Timeout(f"no complete answer within {timeout:g} s; increase --timeout") from error
        if response is None:
            raise InternalError("the answer ended without its last chunk; please report this")
        if as_json:
            print_json({"text": response.text, **msgspec.to_builtins(response)})
        else:
            click.echo()
            _summarise(console, response, max_tokens)
        return 0

    finish(work, as_json=as_json, debug=debug)


def _is_text(given: str) -> bool:
    """Return whether a text was decoded completely: Python reads an invalid byte as half of a surrogate pair."""
    return not any("\ud800" <= char <= "\udfff" for char in given)


def _summarise(console: Console, response: ChatResponse, max_tokens: int | None) -> None:
    if response.finish_reason == "length":
        by_option = max_tokens is not None and response.usage.completion_tokens >= max_tokens
        why = f"at --max-tokens {max_tokens}" if by_option else "because the model's context window is full"
        console.print(f"[yellow]the answer was cut off {why}[/]", highlight=False)
    for hop in response.route:
        console.print(f"[dim]passed over {hop.engine} on {hop.device}: {escape(hop.reason)}[/]", highlight=False)
    for warning in response.warnings:
        console.print(f"[yellow]{escape(warning.parameter)}: {escape(warning.message)}[/]", highlight=False)
    timings = response.timings
    facts = [
        response.engine or "unknown engine",
        f"{response.device}/{response.adapter}" if response.adapter else str(response.device),
        f"{timings.tokens_per_s:.1f} tokens/s" if timings.tokens_per_s is not None else "",
        f"first token {timings.first_token_ms:.0f} ms" if timings.first_token_ms is not None else "",
    ]
    console.print(f"[dim]{escape(' · '.join(fact for fact in facts if fact))}[/]", highlight=False)


@cli.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 picks a free port."
)
@click.option("--no-open", is_flag=True, help="Only print the address.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def chat(*, port: int, no_open: bool, debug: bool) -> None:
    """Serve the chat page on this machine and open it in your browser. Ctrl-C ends it."""

    async def work() -> int:
        from ..page.serving.static import SiteServer, site_folder

        opening = Threads("the browser", places=1)  # some commands run as long as the browser they open
        server = await SiteServer(site_folder(), port=port).start()
        try:
            click.echo(f"The chat page is at {server.url} (Ctrl-C ends it)")
            if not no_open and not (_has_display() and await opening.run(webbrowser.open, server.url)):
                click.echo("No browser could be opened here: open this address in Chrome, Edge, Safari or Firefox.")
            await asyncio.Event().wait()
        finally:
            await server.close()
        return 0

    finish(work, debug=debug)


def _has_display() -> bool:
    # Without a display, webbrowser would start a text browser in this terminal.
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@cli.command(short_help="Check whether this machine can run models.")
@browser_options
def doctor(*, browser: str | None, profile: str | None, webgpu: Any, as_json: bool, debug: bool) -> None:
    """Check whether this machine can run models, and say what to do if it cannot."""

    async def work() -> int:
        checks: list[Check] = []
        async for check in examine(lambda: connect(browser=browser, profile=profile, webgpu=webgpu), browser):
            checks.append(check)
            if not as_json:
                _print_check(check)
        healthy = all(check.state != "fail" for check in checks)
        if as_json:
            print_json({"ok": healthy, "checks": msgspec.to_builtins(checks)})
        return 0 if healthy else 1

    finish(work, as_json=as_json, debug=debug)


def _print_check(check: Check) -> None:
    sign = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}[check.state]
    console = Console(soft_wrap=True)
    console.print(f"{sign} {escape(check.name)}: {escape(check.detail)}", highlight=False)
    if check.remedy:
        console.print(f"     [bold]{escape(check.remedy)}[/]", highlight=False)


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Write into a folder that contains other files.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def build(*, folder: Path, force: bool, debug: bool) -> None:
    """Write the chat site to DIR, for any static file server."""

    async def work() -> int:
        from ..page.serving.static import site_folder

        count, size_bytes = copy_site(site_folder(), folder, force=force)
        click.echo(f"Wrote {count} files ({size_text(size_bytes)}) to {folder}")
        return 0

    finish(work, debug=debug)


def main() -> None:
    """Run the command."""
    let_stderr_fail()
    try:
        cli(prog_name="browserllm")
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        print_error(error)  # a help text could not be written
        sys.exit(1)
