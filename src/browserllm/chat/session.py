"""Session: a conversation with any Backend, with tools, that fits the context window and can be kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..backends.base import Backend
from ..backends.request import build_request
from ..constrained.tool_calls.choice import tool_choice_of
from ..errors import InvalidRequest
from ..stores.base import KeyValueStore
from ..types import ChatRequest, ChatWarning, ContentPart, Message, TextMode, ToolCallPart, ToolResultPart, Usage
from .calls import Tools
from .context import ContextStrategy, DropOldest, system_messages
from .history import History, saved_history, sum_usage
from .hooks import HookChain, Hooks
from .reply import Reply
from .saved import SavedSession, restore
from .turn import Conversation, Setup, Turn
from .turn_stream import TurnStream

Said = str | Sequence[ContentPart] | Message
"""What a user says: a text, parts (with images, say), or a message of role ``user``."""


class Session:
    """A conversation: it keeps the history, runs the tools that the model calls, and makes room where it gets long.

    ``system``, ``model``, ``backend``, ``context`` and ``max_rounds`` can be set at any time and hold from the next
    turn on. One turn runs at a time. A turn that fails or is stopped leaves a history that can go on: what was answered
    whole stays, as does the text of a stopped answer, and a question that got nothing is taken back.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        system: str | None = None,
        tools: Iterable[Any] = (),
        hooks: Iterable[Hooks | Callable[[ToolCallPart], Any]] = (),
        model: str | None = None,
        context: ContextStrategy | None = None,
        max_rounds: int = 8,
        tool_timeout_s: float | None = 60.0,
        id: str | None = None,  # noqa: A002 (what it is everywhere)
        history: History | None = None,
        **options: Any,
    ) -> None:
        """Begin a conversation, or go on with a ``history``.

        ``tools`` are what a `Toolbox` takes; ``tool_timeout_s`` is how long one may take that says nothing else
        (``None``: for ever). The model may call tools in ``max_rounds`` rounds of a turn, at least 1; then it is asked
        for an answer without them, and the reply has a warning. ``context`` says what to do when the context window is
        full; else `DropOldest`. ``options`` are fields of `ChatRequest`, for every request. Requests carry the ``id``
        as ``metadata["session"]``. Once a turn was ``private``, all that follow are, also in what is forked and saved;
        tools that ask somebody else (`FunctionTool.leaves_device`) are then not run.

        Raises `InvalidRequest` for an option, tool, hook or history that is not valid.
        """
        if not isinstance(max_rounds, int) or max_rounds < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(
                f"max_rounds={max_rounds!r} is not valid: it must be at least 1", parameter="max_rounds"
            )
        if tool_timeout_s is not None and not tool_timeout_s > 0:
            raise InvalidRequest(
                f"tool_timeout_s={tool_timeout_s!r} is out of range: it must be above 0", parameter="tool_timeout_s"
            )
        self.backend = backend
        self.system = system
        self.model = model
        self.context: ContextStrategy = DropOldest() if context is None else context
        self.max_rounds = max_rounds
        self.id = id or f"session-{os.urandom(8).hex()}"
        self.options = options
        self._hooks = list(hooks)
        self._chain = HookChain(self._hooks)
        self._tool_timeout_s = tool_timeout_s
        self._tools = Tools(tools, tool_timeout_s)
        # Through JSON, so that what was put together by hand is checked, and nobody else's.
        self._conversation = Conversation(History() if history is None else History.from_json(history.to_json()))
        self._left_out: list[ChatWarning] = []
        self._untold: tuple[ChatWarning, ...] = ()
        self._base([Message("user", "")], {})

    @property
    def left_out(self) -> list[ChatWarning]:
        """What was not taken from the file that this session was loaded from; the first reply warns of it, too."""
        return list(self._left_out)

    @property
    def history(self) -> History:
        """The conversation so far. It is another one after each turn, so what was read stays as it was."""
        return self._conversation.history

    @property
    def messages(self) -> list[Message]:
        """The messages that would be sent if nothing were added: the system message, and the history from its start."""
        history = self.history
        return [*system_messages(self.system or "", history.summary), *history.sent]

    @property
    def usage(self) -> Usage:
        """The tokens of all turns."""
        total = Usage()
        for usage in self.history.usage:
            total = sum_usage(total, usage)
        return total

    @property
    def tools(self) -> list[Any]:
        """The tools, as they were given; set them to others for the next turn."""
        return self._tools.given

    @tools.setter
    def tools(self, tools: Iterable[Any]) -> None:
        self._tools = Tools(tools, self._tool_timeout_s)

    async def send(self, prompt: Said, **options: Any) -> Reply:
        """Say something, and return the reply once the turn has ended; ``options`` are for this turn.

        Raises `InvalidRequest` for a wrong request and while another turn runs, `ContextExceeded` for what does not
        fit, and what the backend and the hooks raise. What tools raise goes to the model.
        """
        return await self.stream(prompt, **options)

    def stream(self, prompt: Said, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Say something, and get the turn as a stream of chunks; ``text`` is that of `Backend.stream`."""
        message = _user_message(prompt)
        base = self._base([message], options)
        if pending := self.history.pending:
            raise InvalidRequest(
                f"the calls {[call.name for call in pending]!r} wait for their results; give them to send_results(), "
                "or take the turn back with undo()"
            )
        said = base.messages[0]
        return self._turn(base, text, lambda history: history.add(said))

    def send_results(
        self, results: Iterable[ToolResultPart], *, text: TextMode = "delta", **options: Any
    ) -> TurnStream:
        """Answer the calls that a reply left open (`Reply.pending`), and let the turn go on.

        Await it for the reply, or iterate it. Raises `InvalidRequest` unless there is one result for each call.
        """
        given = list(results)
        pending = self.history.pending
        if not pending or sorted(result.id for result in given) != sorted(call.id for call in pending):
            raise InvalidRequest(
                f"results for {[result.id for result in given]!r} were given; the calls that wait are "
                f"{[call.id for call in pending]!r}",
                parameter="results",
            )
        places = {call.id: place for place, call in reversed(list(enumerate(pending)))}
        in_order = sorted(given, key=lambda result: places[result.id])
        base = self._base([Message("tool", [*in_order])], options)
        answer = base.messages[0]
        return self._turn(base, text, lambda history: history.add(answer))

    def resume(self, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Go on with a turn that broke off after its tools had run; await it for the reply, or iterate it.

        Raises `InvalidRequest` where the last message is no result of a tool.
        """
        history = self.history
        if not history.messages or history.messages[-1].role != "tool" or history.pending:
            raise InvalidRequest("there is nothing to go on with: the last message is no result of a tool")
        return self._turn(self._base([Message("user", "")], options), text, lambda history: None)

    def retry(self, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Answer the last thing said once more; await it for the reply, or iterate it.

        The new answer takes the place of the old one, which is there again if the turn fails without an answer. To have
        both, `fork` first.
        """
        self._conversation.must_be_idle()
        self._turn_start(self.history, -1)

        def begin(history: History) -> None:
            history.cut(self._turn_start(history, -1) + 1)
            history.usage[-1] = Usage()

        return self._turn(self._base([Message("user", "")], options), text, begin)

    def edit(self, turn: int, prompt: Said, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Say something else in a turn (from 0; negative from the end); what came after it goes.

        Await it for the reply, or iterate it. If it fails without an answer, all is as before.
        """
        self._conversation.must_be_idle()
        self._turn_start(self.history, turn)
        base = self._base([_user_message(prompt)], options)
        said = base.messages[0]

        def begin(history: History) -> None:
            history.cut(self._turn_start(history, turn))
            history.add(said)

        return self._turn(base, text, begin)

    def undo(self) -> Message:
        """Take the last turn back, and return what the user had said."""
        self._conversation.must_be_idle()
        history = self.history.copy()
        index = self._turn_start(history, -1)
        said = history.messages[index]
        history.cut(index)
        self._conversation.history, self._conversation.known = history, None
        return said

    def fork(self, at: int | None = None) -> Session:
        """Return a session of its own with the same past: all of it, or the first ``at`` turns.

        It has the same backend, tools, hooks and options, and an id of its own. While a turn runs, its past is what was
        before that turn.
        """
        history = self.history.copy()
        if at is not None:
            turns = len(history.turn_starts())
            if not 0 <= at <= turns:
                raise InvalidRequest(f"at={at!r} is out of range: there are {turns} turns", parameter="at")
            history.cut([*history.turn_starts(), len(history.messages)][at])
        forked = Session(
            self.backend,
            system=self.system,
            tools=self._tools.given,
            hooks=self._hooks,
            model=self.model,
            context=self.context,
            max_rounds=self.max_rounds,
            tool_timeout_s=self._tool_timeout_s,
            **self.options,
        )
        forked._conversation.history = history
        return forked

    async def count_tokens(self) -> int | None:
        """Return how many tokens `messages` and the tools are; ``None`` where the backend cannot tell."""
        if not self.history.sent:
            return 0
        return await self.backend.count_tokens(self._base(self.messages, {}))

    def to_json(self) -> bytes:
        """Return the session as JSON: id, system, model, options and history; not its backend, tools and hooks."""
        return msgspec.json.encode(
            SavedSession(
                id=self.id,
                system=self.system,
                model=self.model,
                options=self.options,
                history=saved_history(self.history),
            )
        )

    @classmethod
    def from_json(
        cls, text: bytes | str, backend: Backend, *, take: bool | Iterable[str] = False, **settings: Any
    ) -> Session:
        """Go on with what `to_json` wrote; ``settings`` (system, tools, hooks, options) are those of a new session.

        The file may come from elsewhere, so its messages and its id are taken, and the rest only as ``take`` says: some
        of ``"system"``, ``"model"``, ``"options"`` (temperature, say), ``"summary"`` (of what is no longer sent) and
        ``"media"`` (images and sounds by address), or ``True`` for all of it. What was left out is in `left_out`, and
        among the warnings of the first reply. ``settings`` come before the file in any case; tools are never taken from
        it. A file can make a conversation private, and never the reverse.

        Raises `InvalidRequest`, which says what is wrong, for anything else.
        """
        restored = restore(text, take, settings)
        session = cls(backend, **restored.arguments)
        session._conversation.history = restored.history
        session._left_out = restored.left_out
        session._untold = tuple(restored.left_out)
        return session

    async def save(self, store: KeyValueStore, key: str) -> None:
        """Keep the session in a store; see `to_json`."""
        await store.put(key, self.to_json())

    @classmethod
    async def load(
        cls, store: KeyValueStore, key: str, *, backend: Backend, take: bool | Iterable[str] = False, **settings: Any
    ) -> Session:
        """Go on with what `save` kept; see `from_json`. Raises `InvalidRequest` where there is none."""
        kept = await store.get(key)
        if kept is None:
            raise InvalidRequest(f"there is no session under {key!r} in this store", parameter="key")
        return cls.from_json(kept, backend, take=take, **settings)

    def _base(self, messages: list[Message], options: Mapping[str, Any]) -> ChatRequest:
        """Return a checked request of these messages with the session's settings."""
        fields = {"model": self.model, **self.options, **options}
        for name in ("messages", "tools"):
            if name in self.options or name in options:
                raise InvalidRequest(f"{name!r} is no option of a session; it has its own", parameter=name)
        private = self.history.private or bool(self.options.get("private"))
        if private and options.get("private", True) is False:
            raise InvalidRequest(
                "private=False is not possible in a private conversation: the request would carry what was said "
                "before; begin another Session",
                parameter="private",
            )
        if private:
            fields["private"] = True
        metadata: Any = fields.get("metadata")
        if metadata is None or isinstance(metadata, Mapping):
            fields["metadata"] = {"session": self.id, **(metadata or {})}
        system = Message("system", self.system or "")
        base = build_request([system, *messages], {**fields, "tools": self._tools.declared})
        tool_choice_of(base)
        return msgspec.structs.replace(base, messages=base.messages[1:])

    def _turn(self, base: ChatRequest, mode: TextMode, begin: Callable[[History], None]) -> TurnStream:
        self._conversation.must_be_idle()
        setup = Setup(
            backend=self.backend,
            base=base,
            system=self.system or "",
            tools=self._tools,
            hooks=self._chain,
            context=self.context,
            max_rounds=self.max_rounds,
            mode=mode,
            warnings=self._untold,
        )
        self._untold = ()
        return TurnStream(Turn(self._conversation, setup, begin))

    @staticmethod
    def _turn_start(history: History, turn: int) -> int:
        starts = history.turn_starts()
        if not -len(starts) <= turn < len(starts):
            raise InvalidRequest(f"turn {turn!r} is out of range: there are {len(starts)} turns", parameter="turn")
        return starts[turn]


def _user_message(prompt: Any) -> Message:
    if isinstance(prompt, Message):
        if prompt.role != "user":
            raise InvalidRequest(
                f"a message of role {prompt.role!r} cannot be sent; use role 'user'", parameter="prompt"
            )
        return prompt
    return Message("user", prompt if isinstance(prompt, str) else list(prompt))
