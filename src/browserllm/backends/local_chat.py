"""One chat with a model in the page: what it is asked (`LocalChat`), and what comes back (`LocalAnswer`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ..errors import BrowserLLMError, ModelNotLoaded
from ..models import LoadedModel, ModelCard
from ..models.thinking import begins_with_form, switch_thinking
from ..page.host import Chunk, read
from ..reasoning import Begins, Thinking, ThoughtReader, opens_thought, thinking_of, with_thoughts
from ..types import ENGINE_OPTIONS, ChatRequest, ChatWarning, FinishReason, Message, Timings, Usage
from .base import unsupported
from .draft import Draft
from .page_messages import wire_messages, without_images
from .stream import Delta

if TYPE_CHECKING:
    from ..constrained.grammars.held import HeldFormat
    from ..constrained.tool_calls import ToolUse
    from ..constrained.tool_calls.constraint import ToolConstraint
    from ..constrained.tool_calls.parser import ToolCallParser


class _ChatResult(msgspec.Struct):
    finish_reason: FinishReason
    usage: Usage = Usage()
    timings: Timings = Timings()
    warnings: list[ChatWarning] = []


class LocalChat:
    """A request as the page takes it, written in steps, each when enough is known.

    First what needs no model (`__init__`), then the messages as the model's family has them (`write_messages`), then
    what depends on the loaded model and its engine (`fit`). ``options`` are the page's. Where a step leaves something
    out that was asked for, the response has a warning, or the step raises `Unsupported`, as the caller chose.
    """

    def __init__(self, request: ChatRequest, draft: Draft) -> None:
        """Check a request, before anything is loaded: raise `InvalidRequest` for a schema that is not valid."""
        self.options = _options(request, draft)
        self._request = request
        self._draft = draft
        self._format = _held_format(self.options["response_format"]) if "response_format" in self.options else None
        self._use = tool_use(request)
        self._calls: ToolConstraint | None = None
        self._card: ModelCard | None = None
        self._thinking = thinking_of("")
        self._constrained: str | None = None  # the option that a grammar of ours stands for; asked once
        self._starts_with_form = False
        self._has_lost_model = False

    def write_messages(self, card: ModelCard | None) -> None:
        """Write the messages as the model's family has them; ``card`` is the model's, where it has one."""
        self._card = card
        family = "" if card is None else card.family
        self._thinking = thinking_of(family)
        self.options["messages"] = wire_messages(messages_of(self._request, self._use, family), self._draft)
        self._calls = None if self._use is None else self._use.constraint()

    def fit(self, loaded: LoadedModel, *, can_constrain: bool) -> None:
        """Fit the request to the model that is loaded now; ``can_constrain`` says what its engine can do."""
        _note(self._draft, loaded)
        if "image" not in loaded.input:
            self.options["messages"] = without_images(self.options["messages"], self._draft)
        if self._constrained is None:
            self._constrained = self._constrain(loaded.engine, can_constrain=can_constrain)
            has_form = can_constrain and self._begins_with_form()
            switch = switch_thinking(
                self._card, loaded.model, loaded.engine, self._request.thinking, constrained=has_form
            )
            if switch.short:
                unsupported(self._draft, "thinking", switch.short)
            self.options |= switch.arguments(self.options["messages"])
        self._starts_with_form = can_constrain and self._begins_with_form()

    def answer(self) -> LocalAnswer:
        """Return a reader for the answer to the request as it is now."""
        parser = None if self._use is None else self._use.parser()
        return LocalAnswer(self._draft, self._thinking, parser, starts_with_form=self._starts_with_form)

    def can_be_sent_again(self, error: BrowserLLMError) -> bool:
        """Say whether a request that failed before its first token may be sent again, and change it if need be."""
        if isinstance(error, ModelNotLoaded):
            # The page has lost the model since: load it again, once.
            is_first, self._has_lost_model = not self._has_lost_model, True
            return is_first
        if not self._constrained or error.data.get("parameter") != "response_format":
            return False
        # The engine does not take a grammar of ours.
        del self.options["response_format"]
        if self._constrained == "tools":
            what = "asked, and not made, to follow the tools' schemas"
        else:
            what = "not held to the schema"
        unsupported(self._draft, self._constrained, f"the model was {what}: {error}")
        self._constrained = ""
        return True

    def _begins_with_form(self) -> bool:
        """Say whether a constrained answer has its form from its first token on: then it begins with no thought."""
        return begins_with_form(self.options.get("response_format"), self._request.tool_choice)

    def _constrain(self, engine: str, *, can_constrain: bool) -> str:
        """Constrain the answer, or its tool calls, where the engine can; where it cannot, warn of it.

        Return the option that a grammar of ours stands for now; an empty text where none does.
        """
        calls, wanted, options, draft = self._calls, self._format, self.options, self._draft
        if calls is None:
            if wanted is None or not can_constrain or wanted.response_format is options["response_format"]:
                return ""  # the page says what comes of it
            options["response_format"] = wanted.response_format
            if wanted.not_held:
                message = f"the answer is not constrained by {wanted.not_held}; check it yourself"
                draft.warnings.append(ChatWarning("response_format", message, "partly_constrained"))
            return "response_format"
        if can_constrain:
            if "response_format" in options:
                unsupported(draft, "response_format", "an answer that may call tools has their form; it was left out")
            options["response_format"] = calls.response_format
            for sentence in calls.not_held:
                draft.warn("tools", sentence)
            return "tools"
        if draft.request.tool_choice in (None, "auto"):
            draft.warn("tools", f"engine {engine!r} cannot hold a model to the tools' schemas: check the arguments")
        else:
            unsupported(
                draft, "tool_choice", f"engine {engine!r} cannot make a model call a tool; it was only asked to"
            )
        return ""


class LocalAnswer:
    """The answer of one chat: reads the page's chunks, and writes down how it ended."""

    def __init__(
        self, draft: Draft, thinking: Thinking, parser: ToolCallParser | None, *, starts_with_form: bool
    ) -> None:
        """Read an answer of a family that thinks like ``thinking``, for tool calls if there is a ``parser``."""
        self.tokens = 0
        self._draft = draft
        self._thinking = thinking
        self._parser = parser
        self._starts_with_form = starts_with_form
        self._thought_tokens = 0
        self._reader: ThoughtReader | None = None

    @property
    def usage(self) -> Usage:
        """The tokens that have come so far."""
        return Usage(completion_tokens=self.tokens, reasoning_tokens=self._thought_tokens)

    def feed(self, chunk: Chunk) -> Sequence[Delta]:
        """Read a chunk."""
        self.tokens += chunk.tokens
        reader = self._reader
        if reader is None:
            begins = "text" if self._starts_with_form else _begins(self._thinking, chunk.prompt_end)
            reader = self._reader = ThoughtReader(self._thinking.marks, begins=begins, calls=self._parser)
        deltas = list(reader.feed(chunk.text, chunk.logprobs))
        if reader.thinking:
            self._thought_tokens += chunk.tokens
        return deltas

    def end(self, result: Any) -> Sequence[Delta]:
        """Read the page's result, and what the answer still had in it."""
        draft, parser = self._draft, self._parser
        told = read(result or {}, _ChatResult, "'chat'")
        deltas = [] if self._reader is None else list(self._reader.finish(cut=told.finish_reason != "stop"))
        has_called = parser is not None and parser.calls and told.finish_reason == "stop"
        draft.finish_reason = "tool_calls" if has_called else told.finish_reason
        reasoning_tokens = min(self._thought_tokens, told.usage.completion_tokens)
        draft.usage = replace(told.usage, reasoning_tokens=reasoning_tokens)
        draft.timings = told.timings
        draft.warnings.extend(told.warnings)
        return deltas


def tool_use(request: ChatRequest) -> ToolUse | None:
    """Return what the tools of a request come to; ``None`` where it has nothing to do with tools."""
    asked = request.tools or request.tool_choice is not None
    if not asked and not any(message.role == "tool" or message.tool_calls for message in request.messages):
        return None
    from ..constrained.tool_calls import ToolUse  # others start sooner without it

    return ToolUse(request)


def messages_of(request: ChatRequest, use: ToolUse | None, family: str) -> list[Message]:
    """Return the messages as the model's family has them: tools, calls and results, and the thoughts of this turn."""
    messages = with_thoughts(request.messages, thinking_of(family))
    return messages if use is None else use.messages(messages, family)


def _begins(thinking: Thinking, prompt_end: str | None) -> Begins:
    """Say how an answer begins: the page knows, for it has the prompt."""
    if prompt_end is None:
        return "unsure" if thinking.opens else "text"
    return "thought" if opens_thought(prompt_end, thinking.marks) else "text"


def _held_format(response_format: dict[str, Any]) -> HeldFormat | None:
    """Return what an engine is given for a ``response_format``; `InvalidRequest` for a schema that is not valid."""
    if response_format.get("type") == "text":
        return None
    from ..constrained.grammars.held import held_format  # others start sooner without it

    return held_format(response_format)


def _note(draft: Draft, loaded: LoadedModel) -> None:
    draft.model = loaded.model
    draft.engine = loaded.engine
    draft.device = loaded.device
    draft.adapter = loaded.adapter
    draft.route.extend(hop for hop in loaded.route if hop not in draft.route)


def _options(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    """Return the page's options for a request; what the page cannot honour is reported."""
    options: dict[str, Any] = {}
    for name in ENGINE_OPTIONS:
        value = getattr(request, name)
        if value is not None:
            options[name] = value
    if request.stop:
        options["stop"] = request.stop
    if request.logit_bias:
        options["logit_bias"] = {str(token): bias for token, bias in request.logit_bias.items()}
    if request.logprobs:
        options["logprobs"] = True
    if request.n > 1:
        unsupported(draft, "n", f"a local model gives one answer, not {request.n}")
    return options
