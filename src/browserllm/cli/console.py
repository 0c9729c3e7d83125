"""What the commands share: the browser's options, exit codes, error messages and output.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import os
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from .._internal.formatting import size_text
from ..errors import BrowserLLMError, DownloadInterrupted, InvalidRequest, ModelNotDownloaded, ModelNotFound, to_wire

_NO_LOG = logging.NullHandler()

# The errors of a full disk; without a file name they concern standard output.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Commands(click.Group):
    """The command with its subcommands. With ``--json``, wrong usage is an object like any other error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Record whether ``--json`` is given, since an error in a subcommand's arguments comes before its options."""
        ctx.meta["browserllm.json"] = "--json" in args[: args.index("--") if "--" in args else None]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added: the first one that people need comes first."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand."""
        try:
            return super().invoke(ctx)
        except click.UsageError as raised:
            error = raised
            if ctx.invoked_subcommand == "run" and "unexpected extra argument" in raised.message:
                error = click.UsageError(f"{raised.message}; put the prompt in quotes", raised.ctx)
            if not ctx.meta["browserllm.json"]:
                raise error from raised.__cause__
            wrong = InvalidRequest(error.format_message())
            print_json({"error": to_wire(wrong)}, line=True)
            ctx.exit(error.exit_code)


def browser_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command that launches a browser."""
    return debug_option(
        click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(launch_options(command))
    )


def debug_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option that every command has."""
    return click.option("--debug", is_flag=True, help="Show the traceback of an error.")(command)


def launch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options about the browser."""
    for option in (
        click.option(
            "--webgpu",
            type=click.Choice(["auto", "software", "off"]),
            default="auto",
            show_default=True,
            help="The GPU if there is one, always the software adapter, or no adapter.",
        ),
        click.option("--profile", type=click.Path(file_okay=False), help="Folder of the browser's profile."),
        click.option("--browser", metavar="PATH", help="The browser to launch; by default one is searched for."),
    ):
        command = option(command)
    return command


def finish(
    work: Callable[[], Coroutine[Any, Any, int]],
    *,
    as_json: bool = False,
    debug: bool = False,
    lines: bool = False,
    stopped: str = "Stopped.",
) -> None:
    """Run a command's work and exit with its code; an error becomes one message, not a traceback.

    With ``as_json`` the message is a JSON object, on one line with ``lines``. ``stopped`` is printed after Ctrl-C.
    """
    finish_call(lambda: asyncio.run(work()), as_json=as_json, debug=debug, lines=lines, stopped=stopped)


def finish_call(
    work: Callable[[], int],
    *,
    as_json: bool = False,
    debug: bool = False,
    lines: bool = False,
    stopped: str = "Stopped.",
) -> None:
    """Do what `finish` does, for work that needs no event loop in this thread."""
    # The commands print what the library logs; without a handler Python would print it again.
    logging.getLogger("browserllm").addHandler(_NO_LOG)
    try:
        code = work()
    except KeyboardInterrupt:
        if stopped and not as_json:
            stderr_console().print(f"\n{stopped}", highlight=False)  # after ^C, or in the middle of an answer
        sys.exit(130)
    except Exception as error:
        if debug or (isinstance(error, OSError) and error.errno == errno.EPIPE):
            raise  # the reader closed the pipe; click exits silently
        code = 2 if isinstance(error, ModelNotFound) else 1  # a wrong name is wrong usage
        if as_json and not _is_full_output(error):
            print_json({"error": {**to_wire(error), "message": error_text(error)}}, line=lines)
        else:
            print_error(error)
    sys.exit(code)


def print_error(error: Exception) -> None:
    """Print an error as one message for the terminal."""
    if _is_full_output(error):
        _drop_output()
    stderr_console().print(f"[bold red]Error:[/] [red]{escape(error_text(error))}[/]", highlight=False)


def error_text(error: Exception) -> str:
    """Return an error's message, with the option that it is about, and commands instead of Python's functions."""
    if isinstance(error, BrowserLLMError):
        return f"{_option_of(error)}{_remedy_text(error)}"
    if _is_full_output(error):
        return f"the output cannot be written: {error.strerror}; write it elsewhere"
    if isinstance(error, OSError) and error.strerror:
        where = f" ({str(error.filename)!r})" if error.filename else ""
        return f"{error.strerror}{where} (run again with --debug to see where)"
    return f"{type(error).__name__}: {error} (run again with --debug to see where)"


def _is_full_output(error: Exception) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in _NO_ROOM and not error.filename


def _drop_output() -> None:
    """Discard buffered output, which would fail again when the program ends."""
    with suppress(OSError, ValueError):  # not every output is a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Unfailing(io.FileIO):
    """A file that drops what cannot be written."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


def let_stderr_fail() -> None:
    """Make standard error drop what it cannot write, instead of raising in the middle of a command.

    A command's result is on standard output, and must not depend on whether anything reads standard error. Terminals
    do not fail, and are left as they are.
    """
    stderr = sys.stderr
    # Python may have been started without one; click and Rich then write nothing.
    if not isinstance(stderr, io.TextIOWrapper) or stderr.isatty():  # pyright: ignore[reportUnnecessaryIsInstance]
        return
    raw = _Unfailing(stderr.fileno(), "w", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stderr.encoding, errors=stderr.errors, line_buffering=True
    )


def _remedy_text(error: BrowserLLMError) -> str:
    """Return an error's message with the command that helps instead of Python's functions."""
    model = error.data.get("model")
    if isinstance(error, ModelNotDownloaded) and model and "download_bytes" in error.data:
        size = error.data["download_bytes"]
        there = f"model {str(model)!r} is not on this device" + (f": {size_text(size)} to download" if size else "")
        return f"{there}; fetch it with: browserllm models pull {shlex.quote(str(model))}"
    if isinstance(error, DownloadInterrupted) and error.data.get("reason") in ("network", "offline"):
        host = urlsplit(str(error.data.get("url", ""))).hostname or "the server"
        what = f"cannot download {_model_asked_for() or 'the model'}"
        if error.data["reason"] == "offline":
            return f"{what}: this device is offline; connect it and try again"
        return f"{what}: {host} did not answer; check the connection and try again"
    if isinstance(error, ModelNotFound) and error.data.get("reason") == "unknown_name":
        near = error.data.get("candidates", ())
        hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
        return f"unknown model {str(model)!r}; {hint}`browserllm models list` lists all models"
    return error.message


def _model_asked_for() -> str:
    """Return the model that the running command was asked for, by its name in the catalog; empty if there is none."""
    context = click.get_current_context(silent=True)
    given = {} if context is None else context.params
    name = given.get("model") or given.get("name") or ""
    return canonical_name(str(name)) if name else ""


def canonical_name(name: str) -> str:
    """Return the catalog's name of a model or build, or the name itself if it is unknown."""
    from ..models import Catalog

    try:
        match = Catalog().find(name)
    except BrowserLLMError:
        return name
    return match.card.id if match.artifact is None else match.artifact.id or match.card.id


def _option_of(error: BrowserLLMError) -> str:
    """Return the running command's option that an error is about, with a colon; empty if there is none."""
    context = click.get_current_context(silent=True)
    for parameter in [] if context is None else context.command.params:
        if isinstance(parameter, click.Option) and parameter.name == error.data.get("parameter"):
            return f"{max(parameter.opts, key=len)}: "
    return ""


def stderr_console() -> Console:
    """Return a console on standard error for messages; standard output is for results."""
    return Console(stderr=True, soft_wrap=True)


def print_json(value: Any, *, line: bool = False) -> None:
    """Print a value as JSON on standard output, indented or on one ``line``."""
    text = msgspec.json.encode(value)
    click.echo((text if line else msgspec.json.format(text, indent=2)).decode())


def print_notices(notices: Iterable[str]) -> None:
    """Print notices about how the browser was started."""
    for notice in notices:
        stderr_console().print(f"[yellow]{escape(notice)}[/]", highlight=False)
