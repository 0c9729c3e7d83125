"""What to do when a conversation outgrows the context window: drop its oldest turns, summarise them, or fail.

A prompt that begins like the one before it costs an engine only what is new, because the rest is in its KV cache. So
room is not made little by little, which would change the beginning in every turn, but in a block of turns at once, and
then not for a long time. Turns are dropped whole: a call without its result is refused everywhere.

The tokens of a prompt are those that the last answer told, and a guess for what is new. Only where the guess could be
wrong about whether it fits is the backend asked to count.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import accumulate

import msgspec
from msgspec.structs import replace

from .._internal.arguments import check_model
from ..backends.base import Backend, check_backend
from ..backends.tokens import estimate_tokens
from ..errors import BrowserLLMError, ContextExceeded, InvalidRequest
from ..types import (
    MAX_REQUEST_BYTES,
    ChatRequest,
    ChatResponse,
    ChatWarning,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from .history import History, encodable

RESERVE_TOKENS = 1024
"""Room for an answer whose length nobody limits; at most a quarter of the window."""

_MAX_BYTES = MAX_REQUEST_BYTES - 4096
"""Of a request as JSON, which is another thing that can be full: with images it is before the window."""


class Known(msgspec.Struct, frozen=True):
    """What an answer told of its prompt: with the first ``count`` messages of the history it is ``tokens``.

    That holds for prompts that begin as this one did, ``like``.
    """

    tokens: int
    count: int
    like: object


class Gauge:
    """How full the window is: with a history, for the backend that answers next.

    ``room`` is how many tokens the prompt may have, ``None`` where nobody knows the window. ``spent`` are the responses
    that making room has taken, ``warnings`` what did not go well.
    """

    def __init__(
        self,
        backend: Backend,
        request_of: Callable[[History], ChatRequest],
        *,
        window: int | None,
        reserve: int | None,
        known: Known | None = None,
    ) -> None:
        """``request_of`` makes the request that a history comes to, ``window`` counts prompt and answer."""
        self.backend = backend
        self.request_of = request_of
        self.window = window
        self.reserve = reserve
        self.spent: list[ChatResponse] = []
        self.warnings: list[ChatWarning] = []
        self._known = known

    def room(self, history: History) -> int | None:
        """Return how many tokens the prompt may have; ``None`` where nobody knows."""
        if self.window is None:
            return None
        answer = self.request_of(history).max_tokens or self.reserve or min(RESERVE_TOKENS, self.window // 4)
        return max(self.window - answer, 1)

    def guess(self, history: History) -> tuple[int, int]:
        """Return how many tokens the prompt is thought to have, and how many of them are a guess."""
        request = self.request_of(history)
        known = self._known
        if known is not None and known.count <= len(history.messages) and known.like == likeness(history, request):
            new = sum(map(tokens_of, history.messages[known.count :]))
            return known.tokens + new, new
        everything = sum(map(tokens_of, request.messages)) + _tokens_of_rest(request)
        return everything, everything

    async def count(self, history: History) -> int | None:
        """Return how many tokens the prompt has; ``None`` where the backend cannot tell."""
        return await _counted(self.backend, self.request_of(history))

    async def tokens(self, history: History) -> int:
        """Return how many tokens the prompt has, as exactly as the backend can tell."""
        counted = await self.count(history)
        return self.guess(history)[0] if counted is None else counted

    async def is_full(self, history: History) -> bool:
        """Say whether the prompt leaves too little room for an answer; count only where a guess is not enough."""
        if _size_of(self.request_of(history)) > _MAX_BYTES:
            return True
        room = self.room(history)
        return room is not None and self._is_near(history, room) and await self.tokens(history) > room

    def may_be_full(self, history: History) -> bool:
        """Say whether the prompt may leave too little room for an answer, by a guess alone."""
        if _size_of(self.request_of(history)) > _MAX_BYTES:
            return True
        room = self.room(history)
        return room is not None and self._is_near(history, room)

    def _is_near(self, history: History, room: int) -> bool:
        """Say whether the guess is too close to the room, or above it, for how unsure it is."""
        guess, unsure = self.guess(history)
        return guess + unsure > room

    async def next_start(self, history: History, keep: float, extra: int = 0) -> int:
        """Return where the history is to begin so that about ``keep`` of the room is used, with ``extra`` tokens more.

        The last turn stays. Raises `ContextExceeded` where that one is too large by itself.
        """
        starts = [start for start in history.turn_starts() if start > history.start]
        if not starts:
            return await self._unless_too_large(history)
        request = self.request_of(history)
        sizes = [(tokens_of(message), _size_of(message)) for message in history.messages]
        # From each message on: the tokens and bytes of it and of all that follow.
        after = list(accumulate(reversed(sizes), _both, initial=(0, 0)))[::-1]
        sent, _ = after[history.start]
        fixed = sum(map(tokens_of, request.messages)) + _tokens_of_rest(request) - sent
        total = await self.tokens(history)
        room = self.room(history)
        # Where a backend has refused it, it was too much, whatever the window is.
        limit = max((total if room is None else min(room, total)) - extra, 1)
        first = len(starts) - 1
        for index, each in enumerate(starts):
            tokens = (fixed + after[each][0]) * total / max(fixed + sent, 1)
            if tokens <= keep * limit and after[each][1] <= keep * _MAX_BYTES:
                first = index
                break
        start = await self._first_that_fits(history, starts[first:], limit)
        return await self._unless_too_large(_from(history, starts[-1])) if start is None else start

    async def _first_that_fits(self, history: History, starts: list[int], limit: int) -> int | None:
        """Return the first of the starts with at most so many tokens: later ones have fewer, so not all are counted."""
        low, high, step = 0, 0, 1
        while await self.tokens(_from(history, starts[high])) > limit:
            if high == len(starts) - 1:
                return None
            low, high, step = high + 1, min(high + step, len(starts) - 1), step * 2
        while low < high:
            middle = (low + high) // 2
            fits = await self.tokens(_from(history, starts[middle])) <= limit
            low, high = (low, middle) if fits else (middle + 1, high)
        return starts[low]

    async def _unless_too_large(self, history: History) -> int:
        """Return the start of a history that cannot be shorter; it can be sent, if with little room for an answer."""
        counted = await self.count(history)
        if counted is not None and self.window is not None and counted >= self.window:
            raise await self.too_large(history)
        return history.start

    async def too_large(self, history: History, cause: str = "") -> ContextExceeded:
        """Return the error for a turn that is too large by itself, which names its largest message."""
        first = max(history.turn_starts(), default=0)
        sizes = [tokens_of(message) for message in history.messages[first:]]
        index = first + sizes.index(max(sizes))
        total = await self.tokens(history)
        window = "" if self.window is None else f" of a context window of {self.window}"
        return ContextExceeded(
            f"the last turn alone is a prompt of {total} tokens{window}: its largest message, messages[{index}] (role "
            f"{history.messages[index].role!r}), is about {max(sizes)}; shorten it, or take a model with a larger "
            f"window{cause}",
            data={"prompt_tokens": total, "context_window": self.window, "message": index},
        )


class ContextStrategy(ABC):
    """What is done when prompt and answer would not fit the context window."""

    retries: bool = True
    """Whether to make room and ask again when a backend says that it was too much."""

    def __init__(self, *, window: int | None = None, reserve: int | None = None) -> None:
        """Take a ``window`` in tokens where the backend knows none, or a smaller one than it has.

        ``reserve`` is the room for the answer in tokens, where ``max_tokens`` says none: else 1024, or a quarter of a
        small window. Raises `InvalidRequest` for values below 1.
        """
        _check("window", window, window is None or window >= 1, "at least 1")
        _check("reserve", reserve, reserve is None or reserve >= 1, "at least 1")
        self.window = window
        self.reserve = reserve

    @abstractmethod
    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Move ``history.start`` on, or raise `ContextExceeded`."""


class DropOldest(ContextStrategy):
    """Drop the oldest turns, so many at once that only ``keep`` (above 0, to 1) of the room is used after it."""

    def __init__(self, keep: float = 0.5, *, window: int | None = None, reserve: int | None = None) -> None:
        """See `ContextStrategy` for ``window`` and ``reserve``."""
        super().__init__(window=window, reserve=reserve)
        _check("keep", keep, 0 < keep <= 1, "above 0 and at most 1")
        self.keep = keep

    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Move ``history.start`` on."""
        history.start = await gauge.next_start(history, self.keep)


class FailWhenFull(ContextStrategy):
    """Raise `ContextExceeded`, before anything is sent where that is known then."""

    retries = False

    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Raise `ContextExceeded` with the numbers."""
        tokens, room = await gauge.tokens(history), gauge.room(history)
        raise ContextExceeded(
            f"the conversation is a prompt of {tokens} tokens, and a window of {gauge.window} leaves it {room}; "
            "drop something (undo(), fork(), another context strategy), or take a model with a larger window",
            data={"prompt_tokens": tokens, "context_window": gauge.window},
        )


class Summarize(ContextStrategy):
    """Drop the oldest turns as `DropOldest` does, and have a model say in short what they were about.

    The summary is sent with the system message; the next one includes it. Where it cannot be made, the turns are
    dropped without it, and the reply has a warning.
    """

    def __init__(
        self,
        keep: float = 0.5,
        *,
        backend: Backend | None = None,
        model: str | None = None,
        max_tokens: int = 256,
        window: int | None = None,
        reserve: int | None = None,
    ) -> None:
        """Ask ``backend``, or whoever answers the conversation; the summary has at most ``max_tokens`` tokens.

        ``model`` is its model, else that of the conversation. See `DropOldest` for the rest.
        """
        super().__init__(window=window, reserve=reserve)
        _check("keep", keep, 0 < keep <= 1, "above 0 and at most 1")
        _check("max_tokens", max_tokens, max_tokens >= 1, "at least 1")
        if backend is not None:
            check_backend("backend", backend)
        check_model("model", model)
        self.keep = keep
        self.backend = backend
        self.model = model
        self.max_tokens = max_tokens

    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Move ``history.start`` on, and set ``history.summary``."""
        room = gauge.room(history)
        # Of a small window a summary may not take everything.
        length = self.max_tokens if room is None else max(min(self.max_tokens, room // 4), 1)
        start = await gauge.next_start(history, self.keep, length)
        try:
            summary = await self._summarise(history, start, length, gauge)
        except BrowserLLMError as error:
            gauge.warnings.append(
                ChatWarning("context", f"the oldest turns were dropped without a summary, which failed: {error}")
            )
        else:
            history.summary = encodable(summary)
        history.start = start

    async def _summarise(self, history: History, start: int, length: int, gauge: Gauge) -> str:
        backend = self.backend or gauge.backend
        request = gauge.request_of(history)
        asked = replace(
            request,
            max_tokens=length,
            tools=[],
            tool_choice=None,
            response_format=None,
            stop=[],
            logprobs=False,
            top_logprobs=None,
            n=1,
            # A summary has little room, and what was asked of the answers was not asked of it.
            thinking=False if request.thinking is False else None,
        )
        if self.backend is not None or self.model is not None:
            asked = replace(asked, model=self.model)
        limit = 4000
        while True:
            asked = replace(asked, messages=_summary_prompt(history, start, length, limit))
            if gauge.window is None or limit < 64 or await _tokens_for(backend, asked) <= gauge.window - length:
                break
            limit //= 2
        response = await backend.complete(asked)
        gauge.spent.append(response)
        text = response.text.strip()
        if not text:
            raise BrowserLLMError(f"{response.backend!r} gave an empty answer ({response.finish_reason})")
        return text[: length * 8]  # for a backend that does not keep to max_tokens


def system_messages(system: str, summary: str) -> list[Message]:
    """Return the system message with what is known of the turns before; none where there is nothing to say."""
    said = [system] if system else []
    said += [f"Summary of the conversation until now:\n{summary}"] if summary else []
    return [Message("system", "\n\n".join(said))] if said else []


def likeness(history: History, request: ChatRequest) -> object:
    """Return what the beginning of a prompt depends on, besides the messages."""
    system = request.messages[0] if request.messages[0].role == "system" else None
    return (system, request.tools, request.model, request.response_format, history.start)


def tokens_of(message: Message) -> int:
    """Guess the tokens of a message."""
    return estimate_tokens(ChatRequest(messages=[message]))


def _tokens_of_rest(request: ChatRequest) -> int:
    return estimate_tokens(replace(request, messages=[]))


async def _counted(backend: Backend, request: ChatRequest) -> int | None:
    try:
        return await backend.count_tokens(request)
    except BrowserLLMError:
        return None  # what is wrong with it, the answer will say


async def _tokens_for(backend: Backend, request: ChatRequest) -> int:
    counted = await _counted(backend, request)
    return estimate_tokens(request) if counted is None else counted


def _both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _size_of(value: object) -> int:
    return len(msgspec.json.encode(value))


def _from(history: History, start: int) -> History:
    shorter = history.copy()
    shorter.start = start
    return shorter


_INSTRUCTION = (
    "You summarise conversations. Say in at most {words} words what an assistant must know to go on with this one: "
    "facts, names, numbers, decisions, open questions. Write the summary alone."
)


def _summary_prompt(history: History, start: int, length: int, limit: int) -> list[Message]:
    """Return the messages that ask for a summary; texts longer than ``limit`` characters are cut."""
    said = [f"Summary of what was before: {history.summary}"] if history.summary else []
    said += [line for message in history.messages[history.start : start] for line in _lines(message, limit)]
    instruction = _INSTRUCTION.format(words=max(length * 2 // 3, 1))
    return [Message("system", instruction), Message("user", "\n".join([*said, "", "Summarise this conversation."]))]


def _lines(message: Message, limit: int) -> list[str]:
    lines: list[str] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            lines.append(f"{message.role}: {_cut(part.text, limit)}")
        elif isinstance(part, ToolCallPart):
            lines.append(f"{message.role} calls {part.name}({_cut(part.arguments, limit)})")
        elif isinstance(part, ToolResultPart):
            lines.append(f"result: {_cut(part.content, limit)}")
        elif not isinstance(part, ReasoningPart):
            lines.append(f"{message.role}: ({type(part).__struct_config__.tag})")
    return lines


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} ..."


def _check(parameter: str, value: object, holds: bool, wanted: str) -> None:
    if not holds:
        raise InvalidRequest(f"{parameter}={value!r} is out of range: it must be {wanted}", parameter=parameter)
