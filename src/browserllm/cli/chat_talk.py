"""Chat: a conversation in this terminal: its answers, the models that are loaded, and what is said about both."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext

from rich.console import Console
from rich.markup import escape

from ..chat.reply import Reply
from ..chat.turn_stream import TurnStream
from ..errors import BrowserLLMError
from ..models.loading import LoadedModel
from ..page.host import Progress
from ..types import ChatChunk, ChatResponse, ChatWarning, Hop
from .answer_facts import cut_text, facts_line, hop_text
from .chat_answer import AnswerView, LiveAnswer, PlainAnswer
from .chat_input import ChatInput
from .chat_worker import INTERRUPT, ChatWorker, Work
from .console import error_text
from .harmless import harmless_text
from .progress import DownloadBars, is_fetching


class Chat:
    """A conversation in this terminal; `chat_commands` has what else the user can do with it.

    ``thoughts`` are those of the last answer, and ``responses`` all that came in this chat.
    """

    def __init__(self, worker: ChatWorker, console: Console, source: ChatInput | None) -> None:
        """Talk to the model of ``worker``; messages about the chat go to ``console``.

        Without a ``source`` there is no user to ask, and Ctrl-C ends the program.
        """
        self.worker = worker
        self.console = console
        self.source = source
        self.thoughts = ""
        self.responses: list[ChatResponse] = []
        self._known_hops: list[Hop] = []
        self._known_warnings: list[ChatWarning] = []

    def say(self, text: str, style: str = "dim") -> None:
        """Print a line about the chat; it may contain what a model or a file says."""
        self.console.print(f"[{style}]{escape(harmless_text(text))}[/]", highlight=False)

    def complain(self, error: Exception) -> None:
        """Print an error."""
        self.console.print(f"[bold red]Error:[/] [red]{escape(harmless_text(error_text(error)))}[/]", highlight=False)

    def connect(self, model: str, system: str | None) -> None:
        """Start the browser, and load the model. Raises what goes wrong."""
        self._start(self.worker.connect(model, system))
        loaded = self._load(model)
        if self.source is not None:
            self.say(f"{model} on {loaded.engine}, {place_of(loaded)}. /help lists the commands, Ctrl-D leaves.")
        self._show_hops(loaded.route)

    def load(self, model: str) -> bool:
        """Load a model, which answers from now on; returns whether that worked. The conversation stays."""
        try:
            if self.worker.host.closed:
                self._start(self.worker.reconnect())
            loaded = self._load(model)
        except asyncio.CancelledError:
            self.say(f"Stopped; {self.worker.model} still answers. What was downloaded is kept.")
            return False
        except BrowserLLMError as error:
            self.complain(error)
            self.say(f"{self.worker.model} still answers.")
            return False
        self.worker.use(model)
        self.say(f"{model} answers now: {loaded.engine}, {place_of(loaded)}.")
        self._show_hops(loaded.route)
        return True

    def answer(self, stream: TurnStream) -> bool:
        """Show a turn as it comes; returns whether it ended well. Ctrl-C or ``/stop`` stops it, and keeps its text."""
        view: AnswerView = (
            LiveAnswer(self.console, self.worker.model) if self._can_redraw() else PlainAnswer(sys.stdout)
        )
        try:
            if self.worker.host.closed:
                self._start(self.worker.reconnect())
            with self.source.hidden() if self.source is not None else nullcontext():
                with self.worker.answer(stream) as work:
                    self._follow(work, stream, view)
                    view.finish()
                work.result()
        except asyncio.CancelledError:
            if self.source is None:
                raise KeyboardInterrupt from None
        except BrowserLLMError as error:
            self.complain(error)
            self.say("Your message was not kept; send it again when you like.")
            return False
        self._conclude(stream.reply)
        return True

    def _can_redraw(self) -> bool:
        """Return whether answers go to a terminal that can draw lines again."""
        console = self.console
        is_simple = console.is_dumb_terminal or console.legacy_windows
        return self.source is not None and console.is_terminal and not console.stderr and not is_simple

    def _follow(self, work: Work[None], stream: TurnStream, view: AnswerView) -> None:
        stops = 0
        thoughts: list[str] = []
        for event in work.events():
            wants_stop = event is INTERRUPT or (self.source is not None and self.source.take_line("/stop"))
            if wants_stop:
                stops += 1
                if self.source is None or stops > 1:
                    work.cancel()
                else:
                    self.worker.stop(stream)
            elif isinstance(event, Progress):
                view.load(event)
            elif isinstance(event, ChatChunk):
                view.add(event)
                thoughts.append(getattr(event, "reasoning", ""))
            view.draw()
        self.thoughts = "".join(thoughts).strip()

    def _conclude(self, reply: Reply) -> None:
        """Say what is worth knowing about an answer."""
        stopped = reply.finish_reason == "cancelled"
        if not reply.responses:
            self.say("Stopped before the answer began; your message was taken back.")
            return
        response = reply.response
        self.responses.append(response)
        if cut := cut_text(response, self.worker.options.get("max_tokens")):
            self.say(f"{cut[0].upper()}{cut[1:]}.", "yellow")
        self._show_hops(response.route)
        for warning in reply.warnings:
            # What a loaded file left out was said when it was loaded.
            if warning not in self._known_warnings and warning not in self.worker.session.left_out:
                self.say(f"{warning.parameter}: {warning.message}", "yellow")
        self._known_warnings = reply.warnings
        facts = facts_line(response, with_cost=True, prefix="stopped" if stopped else "", width=self.console.width)
        if reply.text or not stopped:
            self.say(facts)
        else:
            self.say("Stopped before the answer began; your message was taken back.")

    def _show_hops(self, hops: list[Hop]) -> None:
        """Say what was passed over, unless it is as before."""
        if hops != self._known_hops:
            for hop in hops:
                self.say(hop_text(hop))
        self._known_hops = hops

    def _start(self, work: Work[None]) -> None:
        waiting = self.console.status("Starting the browser", spinner="dots")
        with waiting if self.console.is_terminal else nullcontext(), work:
            for event in work.events():
                if event is INTERRUPT:
                    work.cancel()
        work.result()
        for notice in self.worker.host.notices:
            self.say(notice, "yellow")

    def _load(self, model: str) -> LoadedModel:
        said = ""
        with DownloadBars(model, as_json=False, console=self.console) as bars, self.worker.load(model) as work:
            for event in work.events():
                if event is INTERRUPT:
                    work.cancel()
                elif isinstance(event, Progress):
                    bars.show(event)
                    verb = "Fetching" if is_fetching(event) else "Loading"
                    if not self.console.is_terminal and verb == "Fetching" and verb != said:
                        self.say(f"Fetching {model} …")
                        said = verb
        return work.result()


def place_of(loaded: LoadedModel) -> str:
    """Return where a model runs: the device, and its adapter."""
    return f"{loaded.device} ({loaded.adapter})" if loaded.adapter else loaded.device
