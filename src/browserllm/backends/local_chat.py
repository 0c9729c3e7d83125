"""One chat with a model in the page: `LocalChat` builds the page's request, `LocalAnswer` reads the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ..errors import BrowserLLMError, ModelNotLoaded, Unsupported
from ..models import LoadedModel, ModelCard
from ..models.thinking import begins_with_form, switch_thinking
from ..page.host import Chunk, EngineInfo, read
from ..reasoning import StartsAs, Thinking, ThoughtReader, opens_thought, thinking_for, with_thoughts
from ..types import ChatRequest, ChatWarning, FinishReason, Message, Timings, Usage
from .base import unsupported
from .draft import Draft
from .engine_options import Unhonoured, find_unhonoured, page_options
from .page_messages import images_first, wire_messages, without_images
from .stream import Delta

if TYPE_CHECKING:
    from ..constrained.grammars.response_format import ConstrainedFormat
    from ..constrained.tool_calls import ToolUse
    from ..constrained.tool_calls.constraint import ToolConstraint
    from ..constrained.tool_calls.parser import ToolCallParser


class _ChatResult(msgspec.Struct):
    finish_reason: FinishReason
    usage: Usage = Usage()
    timings: Timings = Timings()
    warnings: list[ChatWarning] = []


class LocalChat:
    """Builds the page's request in steps, as soon as each step's input is known.

    `__init__` does what needs no model, `write_messages` formats the messages for the model's family, and `fit` adds
    what depends on the loaded model and its engine. ``options`` are the page's. A step that has to leave out an option
    warns or raises `Unsupported`, as ``request.unsupported`` says.
    """

    def __init__(self, request: ChatRequest, draft: Draft) -> None:
        """Check a request before anything is loaded. Raises `InvalidRequest` if its schema is not valid."""
        self.options = page_options(request)
        if request.n > 1:
            unsupported(draft, "n", f"a local model gives one answer, not {request.n}")
        self._request = request
        self._draft = draft
        self._format = _held_format(self.options["response_format"]) if "response_format" in self.options else None
        self._use = tool_use(request)
        self._calls: ToolConstraint | None = None
        self._card: ModelCard | None = None
        self._thinking = thinking_for("")
        self._constrained: str | None = None  # the request option that our grammar implements; decided once
        self._starts_with_form = False
        self._has_lost_model = False

    def write_messages(self, card: ModelCard | None) -> None:
        """Format the messages for the model's family; ``card`` is the model's catalog card, if it has one."""
        self._card = card
        family = "" if card is None else card.family
        self._thinking = thinking_for(family)
        self.options["messages"] = wire_messages(messages_of(self._request, self._use, family), self._draft)
        self._calls = None if self._use is None else self._use.constraint()

    def fit(self, loaded: LoadedModel, engine: EngineInfo | None) -> None:
        """Fit the request to the loaded model; ``engine`` is what the page says of its engine."""
        _note(self._draft, loaded)
        able = [] if engine is None else engine.capabilities
        can_constrain = "structured_output" in able
        if "image" not in loaded.input:
            self.options["messages"] = without_images(self.options["messages"], self._draft)
        elif "interleaved_images" not in able:
            self.options["messages"] = images_first(self.options["messages"], self._draft)
        if self._constrained is None:
            self._constrained = self._constrain(loaded.engine, can_constrain=can_constrain)
            has_form = can_constrain and self._begins_with_form()
            switch = switch_thinking(
                self._card, loaded.model, loaded.engine, self._request.thinking, constrained=has_form
            )
            if switch.short:
                unsupported(self._draft, "thinking", switch.short, switch.instead)
            self.options |= switch.arguments(self.options["messages"])
        honoured = loaded.options if loaded.options is not None or engine is None else engine.options
        for lack in find_unhonoured(self.options, honoured, loaded.engine):
            self._leave_out(lack)
        self._starts_with_form = can_constrain and self._begins_with_form()

    def _leave_out(self, lack: Unhonoured) -> None:
        if lack.most is None:
            unsupported(self._draft, lack.parameter, lack.problem, "it was ignored")
            del self.options[lack.parameter]
        else:
            unsupported(self._draft, lack.parameter, lack.problem, "the largest value was used")
            self.options[lack.parameter] = lack.most

    def answer(self) -> LocalAnswer:
        """Return a reader for the answer to the current request."""
        parser = None if self._use is None else self._use.parser()
        return LocalAnswer(self._draft, self._thinking, parser, starts_with_form=self._starts_with_form)

    def can_be_sent_again(self, error: BrowserLLMError) -> bool:
        """Return whether a request that failed before its first token may be retried; adapts it if necessary."""
        if isinstance(error, ModelNotLoaded):
            # The page has unloaded the model in the meantime: load it again, once.
            is_first, self._has_lost_model = not self._has_lost_model, True
            return is_first
        if not self._constrained or error.data.get("parameter") != "response_format":
            return False
        # The engine rejected our grammar.
        del self.options["response_format"]
        if self._constrained == "tools":
            what = "asked, but not forced, to follow the tools' schemas"
        else:
            what = "not constrained by the schema"
        problem = f"the engine rejected the constraint: {error}"
        unsupported(self._draft, self._constrained, problem, f"the model was {what}")
        self._constrained = ""
        return True

    def _begins_with_form(self) -> bool:
        """Return whether the answer is constrained from its first token on, so that it cannot start with a thought."""
        return begins_with_form(self.options.get("response_format"), self._request.tool_choice)

    def _constrain(self, engine: str, *, can_constrain: bool) -> str:
        """Constrain the answer or its tool calls if the engine can; warn if it cannot.

        Returns the request option that our grammar now implements, or an empty text.
        """
        calls, wanted, options, draft = self._calls, self._format, self.options, self._draft
        if calls is None:
            if wanted is None or not can_constrain or wanted.response_format is options["response_format"]:
                return ""  # the page reports the outcome
            options["response_format"] = wanted.response_format
            if wanted.unconstrained:
                message = f"the answer is not constrained by {wanted.unconstrained}; check it yourself"
                draft.warnings.append(ChatWarning("response_format", message, "partly_constrained"))
            return "response_format"
        if can_constrain:
            if "response_format" in options:
                unsupported(
                    draft, "response_format", "it cannot be combined with tools on this engine", "it was left out"
                )
            options["response_format"] = calls.response_format
            for sentence in calls.unconstrained:
                draft.warn("tools", sentence)
            return "tools"
        if draft.request.tool_choice in (None, "auto"):
            draft.warn(
                "tools", f"engine {engine!r} cannot constrain a model by the tools' schemas; check the arguments"
            )
        else:
            unsupported(
                draft, "tool_choice", f"engine {engine!r} cannot force a tool call", "the model was only asked for one"
            )
        return ""


class LocalAnswer:
    """Reads the page's chunks of one answer, and records how it ended."""

    def __init__(
        self, draft: Draft, thinking: Thinking, parser: ToolCallParser | None, *, starts_with_form: bool
    ) -> None:
        """Read an answer with the family's ``thinking`` marks, and its tool calls if there is a ``parser``."""
        self.tokens = 0
        self._draft = draft
        self._thinking = thinking
        self._parser = parser
        self._starts_with_form = starts_with_form
        self._thought_tokens = 0
        self._reader: ThoughtReader | None = None

    @property
    def usage(self) -> Usage:
        """The tokens so far."""
        return Usage(completion_tokens=self.tokens, reasoning_tokens=self._thought_tokens)

    def feed(self, chunk: Chunk) -> Sequence[Delta]:
        """Read a chunk."""
        self.tokens += chunk.tokens
        reader = self._reader
        if reader is None:
            begins = "text" if self._starts_with_form else _begins(self._thinking, chunk.prompt_end)
            reader = self._reader = ThoughtReader(self._thinking.markers, starts_as=begins, calls=self._parser)
        deltas = list(reader.feed(chunk.text, chunk.logprobs))
        if reader.thinking:
            self._thought_tokens += chunk.tokens
        return deltas

    def end(self, result: Any) -> Sequence[Delta]:
        """Read the page's result, and return the last deltas.

        Raises `Unsupported` for a warning of the page if the request has ``unsupported="error"``.
        """
        draft, parser = self._draft, self._parser
        told = read(result or {}, _ChatResult, "'chat'")
        deltas = [] if self._reader is None else list(self._reader.finish(cut=told.finish_reason != "stop"))
        has_called = parser is not None and parser.calls and told.finish_reason == "stop"
        draft.finish_reason = "tool_calls" if has_called else told.finish_reason
        reasoning_tokens = min(self._thought_tokens, told.usage.completion_tokens)
        draft.usage = replace(told.usage, reasoning_tokens=reasoning_tokens)
        draft.timings = told.timings
        if told.warnings and draft.request.unsupported == "error":
            # The page reported something that was not known before: better late than never.
            parameter, message = told.warnings[0].parameter, told.warnings[0].message
            raise Unsupported(f"{parameter}: {message}", data={"parameter": parameter})
        draft.warnings.extend(told.warnings)
        return deltas


def tool_use(request: ChatRequest) -> ToolUse | None:
    """Return how a request uses tools, or ``None`` if neither it nor its history has any."""
    asked = request.tools or request.tool_choice is not None
    if not asked and not any(message.role == "tool" or message.tool_calls for message in request.messages):
        return None
    from ..constrained.tool_calls import ToolUse  # imported late: most requests have no tools

    return ToolUse(request)


def messages_of(request: ChatRequest, use: ToolUse | None, family: str) -> list[Message]:
    """Return the messages in the family's format, with tools, calls, results and the thoughts of this turn."""
    messages = with_thoughts(request.messages, thinking_for(family))
    return messages if use is None else use.messages(messages, family)


def _begins(thinking: Thinking, prompt_end: str | None) -> StartsAs:
    """Return how an answer starts_as, which depends on how its prompt ends."""
    if prompt_end is None:
        return "unsure" if thinking.opens else "text"
    return "thought" if opens_thought(prompt_end, thinking.markers) else "text"


def _held_format(response_format: dict[str, Any]) -> ConstrainedFormat | None:
    """Return an engine's constraint for a ``response_format``. Raises `InvalidRequest` if its schema is not valid."""
    if response_format.get("type") == "text":
        return None
    from ..constrained.grammars.response_format import constrain_format  # imported late: few requests have a schema

    return constrain_format(response_format)


def _note(draft: Draft, loaded: LoadedModel) -> None:
    draft.model = loaded.model
    draft.engine = loaded.engine
    draft.device = loaded.device
    draft.adapter = loaded.adapter
    draft.route.extend(hop for hop in loaded.route if hop not in draft.route)
