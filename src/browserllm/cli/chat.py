"""``browserllm chat``: a conversation in the terminal, or with a program through a pipe."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Any, BinaryIO

import click
from rich.console import Console

from ..page.connect import connect
from .answer_options import answer_options
from .chat_commands import Leave, completions, is_command, run_command
from .chat_history import InputHistory
from .chat_input import ChatInput
from .chat_talk import Chat
from .chat_worker import ChatWorker
from .console import debug_option, finish_call, launch_options
from .harmless import is_text
from .markdown import THEME


@click.command()
@answer_options
@click.option("--private", is_flag=True, help="Keep no history of what you type.")
@launch_options
@debug_option
def chat(
    *,
    model: str,
    engine: str | None,
    device: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    seed: int | None,
    thinking: bool | None,
    visible: bool,
    private: bool,
    browser: str | None,
    profile: str | None,
    webgpu: Any,
    debug: bool,
) -> None:
    """Chat with a model in this terminal.

    Answers appear as they are written. Ctrl-C stops an answer and keeps its text; Ctrl-D, or Ctrl-C twice at the
    prompt, leaves. A line that ends with a backslash goes on in the next one, and a pasted block is one message.
    /help lists the commands: other models, retry, edit, save, load and more.

    If standard input is not a terminal, each of its lines is a message, also one that begins with a slash. The answers
    are plain text on standard output, each with an empty line after it; everything else is on standard error.
    """
    if not is_text(system or ""):
        raise click.UsageError("--system must be valid UTF-8 text")
    options = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "thinking": thinking,
        "private": private or None,
    }

    def work() -> int:
        worker = ChatWorker(
            partial(connect, browser=browser, profile=profile, visible=visible, webgpu=webgpu),
            engine=engine,
            device=device,
            options=options,
        )
        try:
            if sys.stdin.isatty():
                return converse(worker, model, system, private=private)
            return answer_lines(worker, model, system, sys.stdin.buffer)
        except asyncio.CancelledError:  # Ctrl-C while the browser started or the model was loaded
            raise KeyboardInterrupt from None
        finally:
            worker.close()

    finish_call(work, debug=debug)


def converse(worker: ChatWorker, model: str, system: str | None, *, private: bool) -> int:
    """Chat with the user at this terminal, until they leave."""
    console = Console(theme=THEME, stderr=not sys.stdout.isatty())
    talk = Chat(worker, console, ChatInput(None if private else InputHistory(), lambda line: completions(talk, line)))
    talk.connect(model, system)
    assert talk.source is not None  # noqa: S101 (given above)
    interrupted = False
    while True:
        console.print()
        try:
            text = talk.source.read()
            interrupted = False
            if is_command(text):
                run_command(talk, text)
            elif text.strip():
                say(talk, text.removeprefix("/") if text.startswith("//") else text)
        except EOFError:
            console.print()  # the terminal is still in the line of the prompt
            return 0
        except Leave:
            return 0
        except KeyboardInterrupt:
            console.print()
            if interrupted:
                return 0
            interrupted = True
            talk.say("Ctrl-C again, or Ctrl-D, leaves.")


def answer_lines(worker: ChatWorker, model: str, system: str | None, lines: BinaryIO) -> int:
    """Answer each line of a pipe; returns 1 if an answer failed, else 0."""
    talk = Chat(worker, Console(stderr=True, soft_wrap=True), None)
    talk.connect(model, system)
    failed = False
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode().strip("\r\n")
        except UnicodeDecodeError:
            talk.say(f"Line {number} is not valid UTF-8 text, and was left out.", "red")
            failed = True
            continue
        if text.strip():
            failed = not say(talk, text) or failed
            click.echo()
    return int(failed)


def say(talk: Chat, text: str) -> bool:
    """Say something to the model, and show its answer; returns whether there is one."""
    if not is_text(text):
        talk.say("This is not valid UTF-8 text; nothing was sent.", "red")
        return False
    return talk.answer(talk.worker.session.stream(text))
