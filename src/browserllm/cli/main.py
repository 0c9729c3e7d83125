"""The command ``browserllm``: answer a prompt, check this machine, write the site. Other commands have their own files.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from .._internal.formatting import size_text
from .._internal.version import __version__
from ..backends.local import LocalBackend
from ..errors import BrowserLLMError, InternalError, Timeout
from ..page.connect import connect
from ..page.host import Progress
from ..types import ChatDone, ChatResponse, Message, TextDelta
from .answer_facts import cut_text, facts_line, hop_text
from .answer_options import answer_options
from .app import app, serve
from .build import copy_site, next_step
from .chat import chat
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
from .harmless import harmless_text, is_text
from .hosting import HOSTS, Host
from .models import models
from .progress import describe_progress
from .waiting import Waiting


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="browserllm", prog_name="browserllm")
def cli() -> None:
    """Language models in the browser, from Python."""


@cli.command(short_help="Answer a prompt in a headless browser.")
@click.argument("prompt")
@answer_options
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
    """Answer one prompt in a headless browser.

    With - as PROMPT, it is read from standard input.
    """
    if prompt == "-":
        prompt = sys.stdin.read()
    if not is_text(prompt) or not is_text(system or ""):
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
                                    click.echo(harmless_text(chunk.text), nl=False)
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


def _summarise(console: Console, response: ChatResponse, max_tokens: int | None) -> None:
    if cut := cut_text(response, max_tokens):
        console.print(f"[yellow]{cut}[/]", highlight=False)
    for hop in response.route:
        console.print(f"[dim]{escape(hop_text(hop))}[/]", highlight=False)
    for warning in response.warnings:
        console.print(f"[yellow]{escape(f'{warning.parameter}: {warning.message}')}[/]", highlight=False)
    console.print(f"[dim]{escape(facts_line(response))}[/]", highlight=False)


for command in (chat, app, serve, models):
    cli.add_command(command)


@cli.command(short_help="Check whether this machine can run models.")
@browser_options
def doctor(*, browser: str | None, profile: str | None, webgpu: Any, as_json: bool, debug: bool) -> None:
    """Check whether this machine can run models.

    Each check that fails says what to do.
    """

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
@click.option(
    "--headers", "host", type=click.Choice(HOSTS), help="Add the file that makes this host send the site's headers."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def build(*, folder: Path, force: bool, host: Host | None, debug: bool) -> None:
    """Write the chat app to DIR, for any static file server.

    The site works at any path, because its pages find their files relative to their own address. The output says how to
    serve it.
    """

    async def work() -> int:
        from ..page.serving.static import site_folder

        count, size_bytes = copy_site(site_folder(), folder, force=force, host=host)
        click.echo(f"Wrote {count} files ({size_text(size_bytes)}) to {folder}")
        stderr_console().print(f"[dim]{escape(next_step(folder, host))}[/]", highlight=False)
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
