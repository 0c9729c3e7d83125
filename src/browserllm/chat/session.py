"""Session: a conversation with any backend that runs tools, fits the context window and can be saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from .._internal.arguments import check_kind, check_list, check_number, wrong
from ..backends.base import Backend
from ..backends.request import build_request, check_options
from ..constrained.tool_calls.choice import tool_choice_of
from ..errors import InvalidRequest
from ..stores.base import KeyValueStore, check_store
from ..types import ChatRequest, ChatWarning, ContentPart, Message, TextMode, ToolCallPart, ToolResultPart, Usage
from .calls import Tools
from .context import ContextStrategy, DropOldest, system_messages
from .conversation import Conversation, Setup
from .history import History, saved_history, sum_usage
from .hooks import HookChain, Hooks
from .options import check_names, check_settings
from .reply import Reply
from .saved import ID_FORM, SavedSession, is_valid_id, restore
from .turn import Turn
from .turn_stream import TurnStream

UserPrompt = str | Sequence[ContentPart] | Message
"""What the user says: a text, a list of parts (with images, for example), or a message of role ``user``."""


class Session:
    """A conversation: keeps the history, runs the model's tool calls, and makes room when the history gets long.

    ``system``, ``model``, ``backend``, ``context`` and ``max_rounds`` can be set at any time; they take effect with the
    next turn. One turn runs at a time. After a turn that failed or was stopped the conversation can go on: complete
    answers stay, so does the text of a stopped answer, and a question without any answer is taken back.
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
        """Begin a conversation, or continue a ``history``.

        ``tools`` are anything a `Toolbox` takes. ``tool_timeout_s`` limits tools without a limit of their own, in
        seconds (``None``: no limit). The model may call tools in ``max_rounds`` rounds of a turn, at least 1; then it
        must answer without them, and the reply has a warning. ``context`` says what to do when the context window is
        full; the default is `DropOldest`. ``options`` are fields of `ChatRequest` for every request. Requests carry the
        ``id`` as ``metadata["session"]``. Once a turn was ``private``, all later turns are, also after `fork` and
        `save`; tools that send data off the device (`FunctionTool.leaves_device`) do not run then.

        Raises `InvalidRequest` for an option, tool, hook, history or id that is not valid.
        """
        check_number("tool_timeout_s", tool_timeout_s, "above 0", lambda seconds: seconds > 0, optional=True)
        check_names(options, of_turn=False)
        if id not in (None, "") and not is_valid_id(id):
            raise wrong("id", id, "the id of a session", f"use a text of {ID_FORM}, or None for a new id")
        check_kind("history", history, (History, type(None)), "a history", write="use that of another session")
        self.backend = backend
        self.system = system
        self.model = model
        self.context: ContextStrategy = DropOldest() if context is None else context
        self.max_rounds = max_rounds
        self.id = id or f"session-{os.urandom(8).hex()}"
        self.options = options
        self._hooks = check_list("hooks", hooks, "hooks", write="put it into a list, as in hooks=[approve]")
        self._chain = HookChain(self._hooks)
        self._tool_timeout_s = tool_timeout_s
        self._tools = Tools(tools, tool_timeout_s)
        # Through JSON: a history that was put together by hand is checked, and the caller's copy stays separate.
        self._conversation = Conversation(History() if history is None else History.from_json(history.to_json()))
        self._left_out: list[ChatWarning] = []
        self._settings({})

    def __repr__(self) -> str:
        # Must also work before __init__ has finished, for tracebacks that show local variables.
        conversation: Conversation | None = getattr(self, "_conversation", None)
        count = 0 if conversation is None else len(conversation.history.messages)
        return f"<{type(self).__name__} with {getattr(self, 'backend', None)!r}: {count} messages>"

    @property
    def left_out(self) -> list[ChatWarning]:
        """The parts of the saved file that were not loaded; the first reply warns of them, too."""
        return list(self._left_out)

    @property
    def history(self) -> History:
        """The conversation so far. Each turn makes a new object, so one that you hold does not change."""
        return self._conversation.history

    @property
    def messages(self) -> list[Message]:
        """The messages that the next request begins with: the system message and the history from its ``start``."""
        history = self.history
        return [*system_messages(self.system or "", history.summary), *history.sent]

    @property
    def usage(self) -> Usage:
        """The usage of all turns together."""
        total = Usage()
        for usage in self.history.usage:
            total = sum_usage(total, usage)
        return total

    @property
    def tools(self) -> list[Any]:
        """The tools as they were given; set other ones for the next turn."""
        return self._tools.given

    @tools.setter
    def tools(self, tools: Iterable[Any]) -> None:
        self._tools = Tools(tools, self._tool_timeout_s)

    async def send(self, prompt: UserPrompt, **options: Any) -> Reply:
        """Send a message and return the reply; ``options`` are fields of `ChatRequest` for this turn.

        Raises `InvalidRequest` for an invalid request and while another turn runs, `ContextExceeded` when the prompt
        cannot fit, and what the backend and the hooks raise. Exceptions of tools go to the model as results.
        """
        return await self.stream(prompt, **options)

    def stream(self, prompt: UserPrompt, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Send a message and return the turn as a stream of chunks; ``text`` is as in `Backend.stream`."""
        base = self._request(_user_message(prompt), options)
        if pending := self.history.pending:
            raise InvalidRequest(
                f"the calls {[call.name for call in pending]!r} wait for their results; pass them to send_results(), "
                "or take the turn back with undo()"
            )
        said = base.messages[-1]
        return self._turn(base, text, lambda history: history.add(said))

    def send_results(
        self, results: Iterable[ToolResultPart], *, text: TextMode = "delta", **options: Any
    ) -> TurnStream:
        """Send the results of the calls that a reply left open (`Reply.pending`), and continue the turn.

        Await it for the reply, or iterate it. Raises `InvalidRequest` unless each call has exactly one result.
        """
        given = check_list("results", results, "results", write="pass [ToolResultPart(...)]", each=_check_result)
        pending = self.history.pending
        if not pending or sorted(result.id for result in given) != sorted(call.id for call in pending):
            raise InvalidRequest(
                f"got results for the calls {[result.id for result in given]!r}; the calls that wait for results are "
                f"{[call.id for call in pending]!r}",
                parameter="results",
            )
        places = {call.id: place for place, call in reversed(list(enumerate(pending)))}
        in_order = sorted(given, key=lambda result: places[result.id])
        base = self._request(Message("tool", [*in_order]), options)
        answer = base.messages[-1]
        return self._turn(base, text, lambda history: history.add(answer))

    def resume(self, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Continue a turn that ended after its tools had run; await it for the reply, or iterate it.

        Raises `InvalidRequest` unless the last message is a tool result.
        """
        history = self.history
        if not history.messages or history.messages[-1].role != "tool" or history.pending:
            raise InvalidRequest("there is nothing to resume: the last message is not a tool result; use send()")
        return self._turn(self._settings(options), text, lambda history: None)

    def retry(self, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Answer the user's last message again; await it for the reply, or iterate it.

        The new answer replaces the old one. If the turn fails without an answer, the old one stays. To keep both,
        `fork` first.
        """
        self._conversation.must_be_idle()
        self._turn_start(self.history, -1)

        def begin(history: History) -> None:
            history.cut(self._turn_start(history, -1) + 1)
            history.usage[-1] = Usage()

        return self._turn(self._settings(options), text, begin)

    def edit(self, turn: int, prompt: UserPrompt, *, text: TextMode = "delta", **options: Any) -> TurnStream:
        """Replace the user's message of a turn (from 0; negative from the end), drop all that followed, and answer it.

        Await it for the reply, or iterate it. If it fails without an answer, the history stays unchanged.
        """
        self._conversation.must_be_idle()
        self._turn_start(self.history, turn)
        base = self._request(_user_message(prompt), options)
        said = base.messages[-1]

        def begin(history: History) -> None:
            history.cut(self._turn_start(history, turn))
            history.add(said)

        return self._turn(base, text, begin)

    def undo(self) -> Message:
        """Remove the last turn and return its user message."""
        self._conversation.must_be_idle()
        history = self.history.copy()
        index = self._turn_start(history, -1)
        said = history.messages[index]
        history.cut(index)
        self._conversation.history, self._conversation.known = history, None
        return said

    def fork(self, at: int | None = None) -> Session:
        """Return an independent session with a copy of the history, or of its first ``at`` turns.

        It has the same backend, tools, hooks and options, and a new id. While a turn runs, the copy ends before that
        turn.
        """
        history = self.history.copy()
        if at is not None:
            turns = len(history.turn_starts())
            if type(at) is not int or not 0 <= at <= turns:
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
        forked._conversation.unreported = self._conversation.unreported
        forked._left_out = self.left_out
        return forked

    async def count_tokens(self) -> int | None:
        """Return the number of tokens of `messages` and the tools, or ``None`` if the backend cannot count."""
        if not self.history.sent:
            return 0
        fields = self._fields({})
        return await self.backend.count_tokens(build_request(self.messages, fields))

    def to_json(self) -> bytes:
        """Return id, system, model, options and history as JSON; backend, tools and hooks are not included."""
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
        """Load a session that `to_json` wrote; ``settings`` (system, tools, hooks, options) are as for a new session.

        The file may come from a source that you do not trust, so only its messages and its id are loaded by default.
        ``take`` names more parts to load: ``"system"``, ``"model"``, ``"options"`` (temperature, for example),
        ``"summary"`` (of messages no longer sent) and ``"media"`` (images and sounds by address), or ``True`` for all
        of them. Parts that were left out are in `left_out` and among the warnings of the first reply. ``settings`` take
        precedence over the file; tools are never loaded. A file can make a conversation private, never the reverse.

        Raises `InvalidRequest`, which says what is wrong, if the file is not valid.
        """
        restored = restore(text, take, settings)
        session = cls(backend, **restored.arguments)
        session._conversation.history = restored.history
        session._left_out = restored.left_out
        session._conversation.unreported = tuple(restored.left_out)
        return session

    async def save(self, store: KeyValueStore, key: str) -> None:
        """Save the session in a store; `to_json` says what is saved."""
        check_store(store)
        await store.put(key, self.to_json())

    @classmethod
    async def load(
        cls, store: KeyValueStore, key: str, *, backend: Backend, take: bool | Iterable[str] = False, **settings: Any
    ) -> Session:
        """Load a session that `save` stored, as `from_json` does. Raises `InvalidRequest` if the key does not exist."""
        check_store(store)
        kept = await store.get(key)
        if kept is None:
            raise InvalidRequest(f"there is no session under {key!r} in this store", parameter="key")
        return cls.from_json(kept, backend, take=take, **settings)

    def _settings(self, options: Mapping[str, Any]) -> ChatRequest:
        """Return a checked request without messages, from the session's settings and a turn's options."""
        settings = check_options(self._fields(options))
        tool_choice_of(settings)
        return settings

    def _request(self, message: Message, options: Mapping[str, Any]) -> ChatRequest:
        """Return a checked request with the system message and this one, from the settings and a turn's options."""
        fields = self._fields(options)
        request = build_request([*system_messages(self.system or "", ""), message], fields)
        tool_choice_of(request)
        return request

    def _fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request fields from the session's settings and a turn's options, after checking the settings."""
        check_names(options, of_turn=True)
        check_settings(
            backend=self.backend,
            system=self.system,
            model=self.model,
            context=self.context,
            max_rounds=self.max_rounds,
        )
        fields = {"model": self.model, **self.options, **options}
        private = self.history.private or bool(self.options.get("private"))
        if private and options.get("private", True) is False:
            raise InvalidRequest(
                "private=False is not possible in a private conversation, because requests carry the earlier "
                "messages; create another Session",
                parameter="private",
            )
        if private:
            fields["private"] = True
        metadata: Any = fields.get("metadata")
        if metadata is None or isinstance(metadata, Mapping):
            fields["metadata"] = {"session": self.id, **(metadata or {})}
        return {**fields, "tools": self._tools.declared}

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
            warnings=self._conversation.unreported,
        )
        return TurnStream(Turn(self._conversation, setup, begin))

    @staticmethod
    def _turn_start(history: History, turn: int) -> int:
        starts = history.turn_starts()
        if type(turn) is not int or not -len(starts) <= turn < len(starts):
            raise InvalidRequest(f"turn {turn!r} is out of range: there are {len(starts)} turns", parameter="turn")
        return starts[turn]


def _check_result(name: str, value: object) -> None:
    check_kind(name, value, ToolResultPart, "the result of a call", write="use ToolResultPart(call.id, 'its result')")


def _user_message(prompt: Any) -> Message:
    if isinstance(prompt, Message):
        if prompt.role != "user":
            raise InvalidRequest(f"send() takes messages of role 'user', not {prompt.role!r}", parameter="prompt")
        return prompt
    if isinstance(prompt, str):
        return Message("user", prompt)
    write = "send a text, a Message of role 'user', or a list of TextPart(...), ImagePart(...) and AudioPart(...)"
    return Message("user", check_list("prompt", prompt, "parts", write=write))
