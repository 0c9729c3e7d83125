"""The Python side of the chat page: it receives the user's actions and sends messages for the page to show.

From the page, as JSON texts::

    {"action": "start"}               connect, load the model
    {"action": "send", "text": ...}   answer this
    {"action": "stop"}                end the answer

To the page::

    {"type": "state", "patch": {...}}            changed fields of: status (starting, loading, ready, answering, error),
                                                 progress, model, engine, device, adapter, tokens_per_s,
                                                 first_token_ms, error, notice
    {"type": "message", "id", "role", "text"}    a new message
    {"type": "append", "id", "text"}             more text of the message
    {"type": "done", "id", "finish_reason"}      the message is complete
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..backends.local import LocalBackend
from ..errors import BrowserLLMError, to_wire
from ..models import LoadedModel
from ..models.manager import DEFAULT_MODEL
from ..page.connect import connect
from ..page.host import Event, Host, Progress
from ..types import ChatStart, Hop, TextDelta

if TYPE_CHECKING:
    from ..chat.session import Session
    from ..chat.turn_stream import TurnStream

TRUNCATED_NOTICE = "The conversation is longer than the model can hold: its beginning was left out."


class _Action(msgspec.Struct):
    action: Literal["start", "send", "stop"]
    text: str = ""


class ChatApp:
    """One conversation with the model of this page. The page only draws; `Session` keeps the history."""

    def __init__(self, open_host: Callable[[], Awaitable[Host]], send: Callable[[str], None]) -> None:
        """Open a host with ``open_host`` when the page asks to start; ``send`` sends texts to the page."""
        self._open_host = open_host
        self._send = send
        self._backend: LocalBackend | None = None
        self._session: Session | None = None
        self._stream: TurnStream | None = None
        self._busy = False
        self._last_id = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def on_text(self, text: str) -> None:
        """Handle an action from the page; returns at once and works in a task."""
        try:
            action = msgspec.json.decode(text, type=_Action)
        except msgspec.DecodeError as error:
            self._patch(error={"code": "protocol", "message": f"the page sent {text[:80]!r}: {error}"})
            return
        if action.action == "stop":
            self.stop()
        elif not self._busy:
            # Set here, not in the task: a second action may come before the task begins.
            self._busy = True
            self._spawn(self.start() if action.action == "start" else self.answer(action.text))

    async def start(self) -> None:
        """Connect to the engine and load the model."""
        self._busy = True
        try:
            self._patch(status="starting", error=None)
            if self._backend is None:
                host = await self._open_host()
                host.subscribe(self._on_event)
                self._backend = LocalBackend(host, DEFAULT_MODEL, on_progress=self._on_progress)
            self._patch(status="loading")
            self._show(await self._backend.models.load(DEFAULT_MODEL, on_progress=self._on_progress))
            self._converse(self._backend)
        except BrowserLLMError as error:
            self._backend = None
            self._patch(status="error", progress=None, error=_error(error))
        finally:
            self._busy = False

    async def answer(self, text: str) -> None:
        """Send ``text`` and stream the model's answer; a failed answer leaves the conversation unchanged."""
        self._busy = True
        session = self._session
        try:
            if session is None or self._backend is None:
                self._patch(error={"code": "model_not_loaded", "message": "the model is not loaded yet; start first"})
                return
            self._say("user", text)
            self._patch(status="answering", error=None)
            sent_from = session.history.start
            await self._show_answer(session.stream(text))
            if session.history.start > sent_from:
                self._patch(notice=TRUNCATED_NOTICE)
        except BrowserLLMError as error:
            self._patch(status="ready", progress=None, error=_error(error))
        finally:
            self._stream = None
            self._busy = False

    def stop(self) -> None:
        """End the running answer, if there is one."""
        if self._stream is not None:
            self._stream.stop()

    async def _show_answer(self, stream: TurnStream) -> None:
        self._stream = stream
        message_id: str | None = None
        try:
            async for chunk in stream:
                if isinstance(chunk, ChatStart) and message_id is None:
                    message_id = self._say("assistant", "")
                elif isinstance(chunk, TextDelta):
                    self._post({"type": "append", "id": message_id, "text": chunk.text})
        finally:
            if message_id is not None:
                finish_reason = stream.reply.finish_reason if stream.done else "error"
                self._post({"type": "done", "id": message_id, "finish_reason": finish_reason})
        response = stream.reply.response
        self._patch(
            status="ready",
            progress=None,
            engine=response.engine,
            device=response.device,
            adapter=response.adapter,
            tokens_per_s=response.timings.tokens_per_s,
            first_token_ms=response.timings.first_token_ms,
        )

    def _converse(self, backend: LocalBackend) -> None:
        """Begin a conversation, or continue it on another host."""
        # Session imports tools, schemas and grammars, 60 modules; import them once the user can already type.
        from ..chat.session import Session

        if self._session is None:
            self._session = Session(backend)
        self._session.backend = backend

    def _show(self, loaded: LoadedModel) -> None:
        self._patch(
            status="ready",
            progress=None,
            model=loaded.model,
            engine=loaded.engine,
            device=loaded.device,
            adapter=loaded.adapter,
            notice=_passed_over(loaded.route),
        )

    def _on_progress(self, progress: Progress) -> None:
        self._patch(
            status="loading",
            progress={"phase": progress.phase, "fraction": progress.fraction, "text": progress.text},
        )

    def _on_event(self, event: Event) -> None:
        if event.name == "device_lost":
            self._patch(notice="The GPU was lost; the next message loads the model again.")

    def _say(self, role: str, text: str) -> str:
        self._last_id += 1
        message_id = f"m{self._last_id}"
        self._post({"type": "message", "id": message_id, "role": role, "text": text})
        return message_id

    def _patch(self, **patch: Any) -> None:
        self._post({"type": "state", "patch": patch})

    def _post(self, message: dict[str, Any]) -> None:
        self._send(msgspec.json.encode(message).decode())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _error(error: BrowserLLMError) -> dict[str, Any]:
    wire = to_wire(error)
    return {"code": wire["code"], "message": wire["message"]}


def _passed_over(route: list[Hop]) -> str | None:
    return "; ".join(f"{hop.engine} on {hop.device} was passed over: {hop.reason}" for hop in route) or None


def main() -> None:
    """Start the app in the page's Python; it waits for the page's first text.

    The page's parts use the app over numbered pipes (`PagePipes`). A text without a number comes from the page of one
    conversation, which is served until the app's page has taken its place.
    """
    page = import_module("_browserllm_page")
    handlers: dict[str, Callable[[str], None]] = {}

    async def open_host() -> Host:
        return await connect()

    def open_pipes() -> Callable[[str], None]:
        from .opening import start_app
        from .page_pipes import PagePipes

        return PagePipes(start_app(open_host), page.ui_send).on_text

    def on_text(text: str) -> None:
        kind = "chat" if text.startswith("{") else "app"
        if kind not in handlers:
            handlers[kind] = ChatApp(open_host, page.ui_send).on_text if kind == "chat" else open_pipes()
        handlers[kind](text)

    page.ui_set_handler(on_text)
