"""The commands of a terminal chat, such as ``/model``."""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from .._internal.formatting import memory_text
from ..chat.saved import MAX_SAVED_BYTES
from ..chat.session import Session
from ..errors import BrowserLLMError, InvalidRequest
from .answer_facts import cost_text
from .chat_talk import Chat, place_of
from .markdown import drawn
from .tables import print_entries

CLEAR = "-"
"""What `/system` takes for "no system message"."""


class Leave(Exception):  # noqa: N818 (not an error)
    """The user leaves the chat."""


class Command(NamedTuple):
    """A command: what it does with a chat and the text after its name, how it is written, and its line of help."""

    run: Callable[[Chat, str], None]
    arguments: str
    help: str


def is_command(text: str) -> bool:
    """Return whether a message is a command: a slash and a word without another slash, as no path has."""
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    return word.startswith("/") and len(word) > 1 and "/" not in word[1:]


def run_command(chat: Chat, text: str) -> None:
    """Carry out a command; an error is printed. Raises `Leave` for ``/quit``."""
    name, _, argument = text.strip().partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        chat.say(f"Unknown command {name}. {hint}There are: {' '.join(COMMANDS)}", "yellow")
        return
    try:
        command.run(chat, argument.strip())
    except (BrowserLLMError, OSError) as error:
        chat.complain(error)


def completions(chat: Chat, line: str) -> list[str]:
    """Return the lines that a beginning may be completed to."""
    name, blank, argument = line.partition(" ")
    if not blank:
        return [f"{command} " for command in COMMANDS if line and command.startswith(line)]
    if name == "/model":
        return [f"/model {card.id}" for card in chat.worker.backend.models.catalog if card.id.startswith(argument)]
    if name in ("/save", "/load"):
        return [f"{name} {path}" for path in _paths(argument)]
    return []


def _help(chat: Chat, argument: str) -> None:
    table = Table.grid(padding=(0, 2))
    for name, command in COMMANDS.items():
        table.add_row(f"{name} {command.arguments}".strip(), f"[dim]{command.help}[/]")
    chat.console.print(table, highlight=False)
    chat.say(
        "A line that ends with \\ goes on in the next one, and a pasted block is one message. To begin a message with "
        "a slash, write two: //. Ctrl-C stops an answer and keeps its text; at the prompt, twice, it leaves."
    )


def _model(chat: Chat, argument: str) -> None:
    if argument:
        if argument == chat.worker.model:
            chat.say(f"{argument} answers already.")
        else:
            chat.worker.backend.models.catalog.find(argument)  # a wrong name is an error before anything is unloaded
            chat.load(argument)
        return
    manager = chat.worker.backend.models

    async def look() -> None:
        entries = await manager.list(downloaded=True)
        print_entries(entries, await manager.storage(), judged=False, downloaded=True, purpose=None)

    chat.worker.run(look())
    chat.say(f"{chat.worker.model} answers. Another one: /model ID; all that fit this device: /models")


def _models(chat: Chat, argument: str) -> None:
    manager = chat.worker.backend.models

    async def look() -> None:
        entries = [entry for entry in await manager.list(fits=True) if argument.lower() in entry.card.id.lower()]
        print_entries(entries, await manager.storage(), judged=True, downloaded=False, purpose=None)

    chat.worker.run(look())


def _system(chat: Chat, argument: str) -> None:
    session = chat.worker.session
    if argument:
        session.system = None if argument == CLEAR else argument
    chat.say(f"System message: {session.system}" if session.system else "There is no system message.")


def _retry(chat: Chat, argument: str) -> None:
    chat.answer(chat.worker.session.retry())


def _edit(chat: Chat, argument: str) -> None:
    session = chat.worker.session
    turns = session.history.turns
    if not turns:
        raise InvalidRequest("there is no message to edit yet")
    before = turns[-1][0].text
    text = argument or (chat.source.edit(before) if chat.source is not None else before)
    if not text.strip():
        chat.say("Nothing was changed.")
        return
    chat.answer(session.edit(-1, text))


def _undo(chat: Chat, argument: str) -> None:
    if not chat.worker.session.history.turns:
        raise InvalidRequest("there is no message to take back")
    said = chat.worker.session.undo()
    chat.say(f"Taken back, with its answer: {_short(said.text)}")


def _new(chat: Chat, argument: str) -> None:
    chat.worker.begin_anew()
    chat.say("A new conversation, with the same model, system message and options.")


def _save(chat: Chat, argument: str) -> None:
    path = _path(argument, "/save FILE")
    if path.exists() and (chat.source is None or not chat.source.ask(f"{str(path)!r} exists. Replace it?")):
        chat.say("Nothing was saved.")
        return
    _write(path, chat.worker.session.to_json())
    chat.say(f"Saved to {str(path)!r}. To go on later: /load {path}")


def _load(chat: Chat, argument: str) -> None:
    path = _path(argument, "/load FILE")
    with path.open("rb") as file:
        text = file.read(MAX_SAVED_BYTES + 1)
    old, options = chat.worker.session, chat.worker.options
    settings: dict[str, Any] = {"model": old.model, **options}
    session = Session.from_json(text, old.backend, take=False, **settings)
    if session.left_out:
        whole = Session.from_json(text, old.backend, take=True, **settings)
        parts = sorted({warning.parameter for warning in session.left_out})
        chat.say(f"The file also has: {', '.join(parts)}.{_described(whole)}")
        # The file may come from elsewhere, and these parts tell the model what to do.
        if chat.source is not None and chat.source.ask("Use that, too?"):
            session = whole
    session.system = session.system or old.system
    chat.worker.session = session
    turns = session.history.turns
    chat.say(f"Loaded {len(turns)} {'turn' if len(turns) == 1 else 'turns'} from {str(path)!r}.")
    if turns:
        chat.say(f"> {_short(turns[-1][0].text)}", "default")
        chat.console.print(drawn(turns[-1][-1].text))


def _stop(chat: Chat, argument: str) -> None:
    chat.say("No answer is being written. While one is, Ctrl-C or /stop stops it and keeps its text.")


def _thoughts(chat: Chat, argument: str) -> None:
    if not chat.thoughts:
        chat.say("The last answer came without a thought.")
        return
    chat.console.print(drawn(chat.thoughts), style="dim")


def _stats(chat: Chat, argument: str) -> None:
    session, manager = chat.worker.session, chat.worker.backend.models
    loaded = next((each for each in chat.worker.run(manager.status()) if each.model == chat.worker.model), None)
    context = chat.worker.run(session.count_tokens()) if loaded is not None else None
    usage = session.usage
    speeds = [response.timings.tokens_per_s for response in chat.responses]
    known = [speed for speed in speeds if speed is not None]
    costs = [response.cost_usd for response in chat.responses]
    rows = {
        "model": f"{chat.worker.model}: {loaded.engine}, {place_of(loaded)}" if loaded else "not loaded",
        "memory": memory_text(loaded.memory_bytes / 1e6) if loaded and loaded.memory_bytes else "",
        "turns": str(len(session.history.turns)),
        "context": _context(context, loaded.context_window if loaded else None),
        "tokens": f"{usage.prompt_tokens:,} read, {usage.completion_tokens:,} written",
        "speed": f"{sum(known) / len(known):.1f} tokens/s on average" if known else "",
        "cost": cost_text(None if None in costs else sum(cost for cost in costs if cost is not None)),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(f"[dim]{name}[/]", value)
    chat.console.print(table, highlight=False)


def _quit(chat: Chat, argument: str) -> None:
    raise Leave


COMMANDS: dict[str, Command] = {
    "/help": Command(_help, "", "this list"),
    "/model": Command(_model, "[ID]", "let another model answer; without ID, list what is downloaded"),
    "/models": Command(_models, "[WORD]", "list the models that fit this device"),
    "/system": Command(_system, "[TEXT]", f"show or set the system message; {CLEAR} removes it"),
    "/retry": Command(_retry, "", "answer the last message again"),
    "/edit": Command(_edit, "[TEXT]", "change the last message, and answer it"),
    "/undo": Command(_undo, "", "take back the last message and its answer"),
    "/new": Command(_new, "", "begin another conversation"),
    "/save": Command(_save, "FILE", "save the conversation"),
    "/load": Command(_load, "FILE", "go on with a saved conversation"),
    "/stop": Command(_stop, "", "stop the answer, as Ctrl-C does"),
    "/thoughts": Command(_thoughts, "", "show what the model thought before its last answer"),
    "/stats": Command(_stats, "", "show tokens, speed, context and cost"),
    "/quit": Command(_quit, "", "leave, as Ctrl-D does"),
}


def _path(argument: str, usage: str) -> Path:
    if not argument:
        raise InvalidRequest(f"no file is named; write {usage}")
    return Path(argument).expanduser()


def _paths(beginning: str) -> Sequence[str]:
    folder, name = os.path.split(beginning)
    with suppress(OSError):
        with os.scandir(Path(folder or ".").expanduser()) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(name)]
        return [os.path.join(folder, each) + ("/" if is_folder else "") for each, is_folder in sorted(found)]
    return []


def _write(path: Path, content: bytes) -> None:
    """Write a file that only this user can read: all of it, or nothing."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise InvalidRequest(f"{str(path)!r} is not a regular file; choose another name")
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _described(session: Session) -> str:
    said = f" System message: {_short(session.system)!r}." if session.system else ""
    options = {name: value for name, value in session.options.items() if value is not None}
    return said + (f" Options: {_short(repr(options))}." if options else "")


def _context(tokens: int | None, window: int | None) -> str:
    if tokens is None:
        return f"of {window:,} tokens" if window else ""
    return f"{tokens:,} of {window:,} tokens" if window else f"{tokens:,} tokens"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
