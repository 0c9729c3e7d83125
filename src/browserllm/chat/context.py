"""What to do when a conversation outgrows the context window: drop its oldest turns, summarise them, or fail.

An engine processes only the new tokens of a prompt that begins like the last one, because the rest is in its KV cache.
Dropping a little in every turn would change the beginning each time. So many turns are dropped at once, which then
lasts for long. Turns are dropped whole, because backends refuse a call without its result.

A prompt's size is the count that the last answer reported, plus an estimate for the new messages. The backend counts
only when the estimate is too uncertain to decide whether the prompt fits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import accumulate

import msgspec
from msgspec.structs import replace

from .._internal.arguments import check_count, check_model, check_number
from ..backends.base import Backend, check_backend
from ..backends.split_characters import whole_text
from ..backends.tokens import SURELY, estimate_tokens
from ..errors import BrowserLLMError, ContextExceeded
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
from .history import History

RESERVE_TOKENS = 1024
"""Room for an answer without ``max_tokens``; at most a quarter of the window."""

_MAX_BYTES = MAX_REQUEST_BYTES - 4096
"""The size limit of a request as JSON; with images it is reached before the context window is full."""


class KnownPrompt(msgspec.Struct, frozen=True):
    """The prompt size that an answer reported: ``tokens`` with the first ``count`` messages of the history.

    It applies to prompts with the same ``prefix``: system message, tools, model, response format and start.
    """

    tokens: int
    count: int
    prefix: object


class Gauge:
    """Measures how full the context window of the next backend is with a history.

    ``spent`` are the responses that making room cost, such as summaries; ``warnings`` say what went wrong with them.
    """

    def __init__(
        self,
        backend: Backend,
        request_of: Callable[[History], ChatRequest],
        *,
        window: int | None,
        reserve: int | None,
        known: KnownPrompt | None = None,
    ) -> None:
        """``request_of`` builds the request for a history; ``window`` is the tokens of prompt and answer together."""
        self.backend = backend
        self.request_of = request_of
        self.window = window
        self.reserve = reserve
        self.spent: list[ChatResponse] = []
        self.warnings: list[ChatWarning] = []
        self._known = known

    def room(self, history: History) -> int | None:
        """Return how many tokens the prompt may have; ``None`` if the window is unknown."""
        if self.window is None:
            return None
        answer = self.request_of(history).max_tokens or self.reserve or min(RESERVE_TOKENS, self.window // 4)
        return max(self.window - answer, 1)

    def guess(self, history: History) -> tuple[int, int]:
        """Estimate the tokens of the prompt; return them and how many of them are estimated rather than counted."""
        request = self.request_of(history)
        known = self._known
        if (
            known is not None
            and known.count <= len(history.messages)
            and known.prefix == prompt_prefix_of(history, request)
        ):
            new = sum(map(tokens_of, history.messages[known.count :]))
            return known.tokens + new, new
        everything = sum(map(tokens_of, request.messages)) + _tokens_of_rest(request)
        return everything, everything

    async def count(self, history: History) -> int | None:
        """Return how many tokens the prompt has; ``None`` if the backend cannot count."""
        return await _counted(self.backend, self.request_of(history))

    async def tokens(self, history: History) -> int:
        """Return how many tokens the prompt has, counted by the backend if it can."""
        counted = await self.count(history)
        return self.guess(history)[0] if counted is None else counted

    async def is_full(self, history: History) -> bool:
        """Return whether the prompt leaves too little room for an answer; count only if the estimate is too close."""
        if _size_of(self.request_of(history)) > _MAX_BYTES:
            return True
        room = self.room(history)
        if room is None or not self._is_near(history, room):
            return False
        # What is surely too much is not counted: to count, a backend may have to load a model.
        return self._at_least(history) > room or await self.tokens(history) > room

    def may_be_full(self, history: History) -> bool:
        """Return whether the prompt may leave too little room for an answer, by the estimate alone."""
        if _size_of(self.request_of(history)) > _MAX_BYTES:
            return True
        room = self.room(history)
        return room is not None and self._is_near(history, room)

    def _is_near(self, history: History, room: int) -> bool:
        """Return whether the estimate, with its uncertainty, is above the room."""
        guess, unsure = self.guess(history)
        return guess + unsure > room

    def _at_least(self, history: History) -> int:
        """Return a number of tokens that the prompt surely has."""
        guess, unsure = self.guess(history)
        return guess - unsure + unsure // SURELY

    async def next_start(self, history: History, keep: float, extra: int = 0) -> int:
        """Return the start at which the history uses about ``keep`` of the room, leaving ``extra`` tokens free.

        The last turn always stays. Raises `ContextExceeded` if it is too large by itself.
        """
        starts = [start for start in history.turn_starts() if start > history.start]
        last = _from(history, starts[-1]) if starts else history
        if self.window is not None and self._at_least(last) >= self.window:
            raise await self.too_large(last, counts=False)
        if not starts:
            return await self._unless_too_large(history)
        request = self.request_of(history)
        sizes = [(tokens_of(message), _size_of(message)) for message in history.messages]
        # For each message, the tokens and bytes from it to the end.
        after = list(accumulate(reversed(sizes), _both, initial=(0, 0)))[::-1]
        sent, _ = after[history.start]
        fixed = sum(map(tokens_of, request.messages)) + _tokens_of_rest(request) - sent
        total = await self.tokens(history)
        room = self.room(history)
        # A prompt that a backend refused was too long, whatever the window is.
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
        """Return the first start with at most ``limit`` tokens, by a search that counts only some of them."""
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
        """Return the start of a history that cannot be shortened, unless its prompt alone fills the window."""
        counted = await self.count(history)
        if counted is not None and self.window is not None and counted >= self.window:
            raise await self.too_large(history)
        return history.start

    async def too_large(self, history: History, *, counts: bool = True) -> ContextExceeded:
        """Return the error for a turn that is too large by itself; it names the largest message.

        Without ``counts`` the tokens are estimated, even if the backend can count them.
        """
        first = max(history.turn_starts(), default=0)
        sizes = [tokens_of(message) for message in history.messages[first:]]
        index = first + sizes.index(max(sizes))
        counted = await self.count(history) if counts else None
        total = self.guess(history)[0] if counted is None else counted
        about = "about " if counted is None else ""
        window = "" if self.window is None else f" of a context window of {self.window}"
        return ContextExceeded(
            f"the last turn alone has a prompt of {about}{total} tokens{window}: its largest message, "
            f"messages[{index}] (role {history.messages[index].role!r}), has about {max(sizes)}; shorten it, or use a "
            "model with a larger window",
            data={
                "prompt_tokens": total,
                "context_window": self.window,
                "estimated": counted is None,
                "message": index,
                "role": history.messages[index].role,
            },
        )


class ContextStrategy(ABC):
    """Base class of strategies for a prompt and answer that would not fit the context window."""

    retries: bool = True
    """Whether to make room and ask again when a backend refuses the prompt as too long."""

    def __init__(self, *, window: int | None = None, reserve: int | None = None) -> None:
        """Set ``window``, in tokens, for a backend that does not know its own, or to use less of it.

        ``reserve`` is the room for an answer without ``max_tokens``, in tokens; the default is 1024, or a quarter of a
        smaller window. Raises `InvalidRequest` for values below 1.
        """
        check_count("window", window, "at least 1", least=1, optional=True)
        check_count("reserve", reserve, "at least 1", least=1, optional=True)
        self.window = window
        self.reserve = reserve

    @abstractmethod
    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Move ``history.start`` forward, or raise `ContextExceeded`."""


class DropOldest(ContextStrategy):
    """Drop the oldest turns, enough that the rest uses only ``keep`` (above 0, at most 1) of the room."""

    def __init__(self, keep: float = 0.5, *, window: int | None = None, reserve: int | None = None) -> None:
        """Keep this share of the room; ``window`` and ``reserve`` are those of `ContextStrategy`."""
        super().__init__(window=window, reserve=reserve)
        check_number("keep", keep, "above 0 and at most 1", lambda share: 0 < share <= 1)
        self.keep = keep

    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Move ``history.start`` forward."""
        history.start = await gauge.next_start(history, self.keep)


class FailWhenFull(ContextStrategy):
    """Raise `ContextExceeded`, before sending anything if the window is known."""

    retries = False

    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Raise `ContextExceeded` with the sizes."""
        tokens, room = await gauge.tokens(history), gauge.room(history)
        raise ContextExceeded(
            f"the conversation has a prompt of {tokens} tokens, and a window of {gauge.window} leaves room for {room}; "
            "shorten it (undo(), fork(), another context strategy), or use a model with a larger window",
            data={"prompt_tokens": tokens, "context_window": gauge.window},
        )


class Summarize(ContextStrategy):
    """Drop the oldest turns as `DropOldest` does, and have a model summarise them.

    The summary is sent with the system message, and the next summary includes it. If summarising fails, the turns are
    dropped without a summary, and the reply has a warning.
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
        """Ask ``backend``, by default the conversation's, for a summary of at most ``max_tokens`` tokens.

        ``model`` is the model that summarises, by default the conversation's. The rest is as for `DropOldest`.
        """
        super().__init__(window=window, reserve=reserve)
        check_number("keep", keep, "above 0 and at most 1", lambda share: 0 < share <= 1)
        check_count("max_tokens", max_tokens, "at least 1", least=1)
        if backend is not None:
            check_backend("backend", backend)
        check_model("model", model)
        self.keep = keep
        self.backend = backend
        self.model = model
        self.max_tokens = max_tokens

    async def make_room(self, history: History, gauge: Gauge) -> None:
        """Move ``history.start`` forward and set ``history.summary``."""
        room = gauge.room(history)
        # In a small window the summary must not take all the room.
        length = self.max_tokens if room is None else max(min(self.max_tokens, room // 4), 1)
        start = await gauge.next_start(history, self.keep, length)
        try:
            summary = await self._summarise(history, start, length, gauge)
        except BrowserLLMError as error:
            gauge.warnings.append(
                ChatWarning("context", f"the oldest turns were dropped without a summary, because it failed: {error}")
            )
        else:
            history.summary = whole_text(summary)
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
            # A summary has little room for thinking, and the thinking option is meant for the answers.
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
        return text[: length * 8]  # in case the backend ignores max_tokens


async def make_room(
    strategy: ContextStrategy, history: History, gauge: Gauge, refusal: Exception | None = None
) -> None:
    """Shorten a history that is too long for a window, or that a backend has refused (``refusal``).

    Raises `ContextExceeded` if it cannot be shortened enough, or after a refusal at all.
    """
    if refusal is None and not await gauge.is_full(history):
        return
    start = history.start
    try:
        await strategy.make_room(history, gauge)
    except ContextExceeded as error:
        raise error from refusal
    if refusal is not None and history.start == start:
        raise await gauge.too_large(history) from refusal


def system_messages(system: str, summary: str) -> list[Message]:
    """Return the system message with the summary of earlier turns, as a list; it is empty if both are."""
    said = [system] if system else []
    said += [f"Summary of the conversation until now:\n{summary}"] if summary else []
    return [Message("system", "\n\n".join(said))] if said else []


def prompt_prefix_of(history: History, request: ChatRequest) -> object:
    """Return what the beginning of a prompt depends on, apart from the history's messages."""
    system = request.messages[0] if request.messages[0].role == "system" else None
    return (system, request.tools, request.model, request.response_format, history.start)


def tokens_of(message: Message) -> int:
    """Estimate the tokens of a message."""
    return estimate_tokens(ChatRequest(messages=[message]))


def _tokens_of_rest(request: ChatRequest) -> int:
    return estimate_tokens(replace(request, messages=[]))


async def _counted(backend: Backend, request: ChatRequest) -> int | None:
    try:
        return await backend.count_tokens(request)
    except BrowserLLMError:
        return None  # the answer will raise the same error


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
