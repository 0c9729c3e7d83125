"""Redaction: secrets and personal data stay on the device; the model sees placeholders, the caller sees the values.

The model does not decide where a value goes, either: it may have read text that tells it to write a link, or to call a
tool, with a placeholder in it. See `Redaction` for where values are restored, and `links` for what counts as a link.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from ..._internal.arguments import check_callable, check_list, check_text
from ..._internal.content import content_of
from ..._internal.identity import Hashed, identity_of, own_identity
from ...errors import ProtocolError, Unsupported
from ...types import (
    AudioPart,
    ChatRequest,
    ContentPart,
    ImagePart,
    Message,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    ToolResultPart,
)
from ..base import Backend, Middleware
from ..draft import Draft
from ..router.checks import check
from ..stream import Delta
from .detectors import DETECTORS, Detector, checked_terms, find_terms
from .placeholders import Placeholders, literals
from .restoring import Restorer


class Redaction(Middleware):
    """Replaces findings of detectors with placeholders like ``<EMAIL_1>``, and restores the values in the answer.

    It searches all texts: messages, system messages, tool results, the arguments of tool calls, reasoning, stop
    sequences, names and metadata. The same value gets the same placeholder throughout the conversation, so that the
    model can refer to it. A warning on the response says how many values of each kind were replaced, never which.

    By default a value is restored only where the user reads it: in the answer's text and reasoning, but not in links,
    URLs and HTML tags, which a viewer of the text may fetch. In tool calls it is restored only for the tools in
    ``restore_tools``. Everywhere else the placeholder stays, with a warning. Only placeholders of this request are
    restored; those that a model invents, or that a text already contains, stay as they are.

    It finds values with a recognizable form (see `DETECTORS`), and the ``terms`` you give it. It does not find names,
    postal addresses, a secret without such a form or a phone number without a ``+``; it does not search images, audio
    or the descriptions of tools; and harmless words may give something away together. It makes leaks rarer; only
    ``private=True`` rules them out.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        detectors: Sequence[Detector] = DETECTORS,
        terms: Mapping[str, str] | Iterable[str] = (),
        always: bool = False,
        media: Literal["warn", "refuse", "pass"] = "warn",
        restore_tools: Iterable[str] = (),
        restore_urls: bool = False,
    ) -> None:
        """Redact requests to a backend that may leave the device, or with ``always`` to any backend.

        ``detectors`` are functions from a text to the `Span`s in it. ``terms`` are your own words, optionally with
        kinds (``{"Falcon": "PROJECT"}``). ``media`` decides what happens to a request with images or audio, which are
        not searched: a warning, an `Unsupported` error, or nothing.

        ``restore_tools`` are the tools whose arguments get the values. Name only tools that you trust with them in any
        case, because the model decides what else is in such a call. ``restore_urls=True`` also restores values in
        links, URLs and tags, in the answer and in the calls of those tools: at whatever address the model wrote.
        """
        super().__init__(backend)
        check("media", media, media in ("warn", "refuse", "pass"), "'warn', 'refuse' or 'pass'")
        find = "use functions from a text to its Spans, as in detectors=[*DETECTORS, find_mine]"
        found = check_list("detectors", detectors, "functions", write=find, each=partial(check_callable, write=find))
        names = "write the names of tools, as in restore_tools=['log_in']"
        check_list("restore_tools", restore_tools, "names", write=names, each=partial(check_text, write=names))
        check("restore_urls", restore_urls, type(restore_urls) is bool, "True or False")
        self.always = always
        self.media = media
        self.restore_tools = frozenset(restore_tools)
        self.restore_urls = restore_urls
        named = checked_terms(terms)
        self._terms = sorted(named.items())
        self._standard = detectors is DETECTORS
        kinds: dict[str, list[str]] = {}
        for term, kind in named.items():
            kinds.setdefault(kind, []).append(term)
        # Terms come first: of two findings of the same length, the kind that the program chose wins.
        self._detectors = [*(find_terms(words, kind) for kind, words in kinds.items()), *found]

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return what it finds and restores; the terms are hashed like secrets."""
        return {
            "detectors": None if self._standard else [own_identity(detector) for detector in self._detectors],
            "terms": hashed(repr(self._terms)),
            "always": self.always,
            "media": self.media,
            "restore": [sorted(self.restore_tools), self.restore_urls],
            "backend": identity_of(self.backend, request, hashed),
        }

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Send placeholders, and answer with the values."""
        if not (self.always or self.backend.leaves_device):
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        self._look_at_media(request, draft)
        placeholders = Placeholders(self._detectors)
        redacted = redact_request(request, placeholders)
        if placeholders.values:
            found = ", ".join(f"{count} {kind}" for kind, count in sorted(placeholders.counts.items()))
            draft.warn("messages", f"replaced with placeholders before sending: {found}")
        # No inner layer may see the original.
        draft.request = redacted
        answer = _Answer(placeholders, self.restore_tools, urls=self.restore_urls, in_json=_wants_json(request))
        failure: Exception | None = None
        try:
            async with aclosing(self.backend.generate(redacted, draft)) as deltas:
                async for delta in deltas:
                    for restored in answer.restore(delta):
                        yield restored
        except Exception as error:
            failure = error
        finally:
            draft.request = request
        # Text that was held back was received, whatever happened afterwards.
        for restored in answer.end():
            yield restored
        if left := answer.left():
            draft.warn("messages", f"placeholders not restored in the answer: {left}")
        if failure is not None:
            raise failure

    def _look_at_media(self, request: ChatRequest, draft: Draft) -> None:
        if self.media == "pass" or not any(
            isinstance(part, (ImagePart, AudioPart)) for message in request.messages for part in message.parts
        ):
            return
        message = "images and audio are not searched for personal data"
        if self.media == "refuse":
            raise Unsupported(
                f"{message}, and media='refuse'; nothing was sent. Leave them out, or use a backend on the device.",
                data={"parameter": "messages"},
            )
        draft.warn("messages", f"{message}; they were sent as they are")


def redact_request(request: ChatRequest, placeholders: Placeholders) -> ChatRequest:
    """Return the request with placeholders in all of its texts."""
    _reserve(request, placeholders)
    known: dict[int, int] = {}
    _redact_texts(request, placeholders, known)
    placeholders.spread()
    return _redact_texts(request, placeholders, known)


def _reserve(request: ChatRequest, placeholders: Placeholders) -> None:
    """Reserve what already looks like a placeholder in anything that the model sees.

    Text by the model, and tool results that repeat it, are checked later, in conversation order.
    """
    settings = (request.stop, request.metadata, request.tools, request.response_format, request.tool_choice)
    for text in _strings(msgspec.to_builtins(settings)):
        placeholders.reserve(text)
    written: set[str] = set()
    for message in request.messages:
        found = {placeholder for text in _texts(message) for placeholder in literals(text)}
        if message.role == "assistant":
            written |= found
        else:
            placeholders.reserve(" ".join(found - written))


def _redact_texts(request: ChatRequest, placeholders: Placeholders, known: dict[int, int]) -> ChatRequest:
    return replace(
        request,
        messages=[_redact_message(message, placeholders, known) for message in request.messages],
        stop=[placeholders.redact(text) for text in request.stop],
        metadata=placeholders.redact_value(request.metadata),
    )


def _redact_message(message: Message, placeholders: Placeholders, known: dict[int, int]) -> Message:
    if message.role == "assistant":
        for text in _texts(message):
            placeholders.reserve_unknown(text)
    content = content_of([_redact_part(part, placeholders, known) for part in message.parts])
    name = message.name
    # Providers accept only letters and digits in a name, so a name with a finding is left out.
    if name is not None and placeholders.redact(name) != name:
        name = None
    return replace(message, content=content, name=name)


def _redact_part(part: ContentPart, placeholders: Placeholders, known: dict[int, int]) -> ContentPart:
    if isinstance(part, TextPart):
        if part.signature is None:
            return TextPart(placeholders.redact(part.text))
        seen = known.setdefault(id(part), len(placeholders.values))
        text = placeholders.redact(part.text)
        # A signed text is searched like any other, but its signature is valid only for what the model wrote.
        signed = text == placeholders.put_back(part.text, seen)
        return TextPart(text, part.signature if signed else None)
    if isinstance(part, ToolCallPart):
        return replace(part, arguments=placeholders.redact_json(part.arguments))
    if isinstance(part, ToolResultPart):
        return replace(part, content=placeholders.redact_json(part.content))
    if isinstance(part, ReasoningPart):
        if part.signature is None and not part.redacted:
            return replace(part, text=placeholders.redact(part.text))
        # Signed reasoning must be sent as the model wrote it: with the placeholders that it had seen by then.
        seen = known.setdefault(id(part), len(placeholders.values))
        return replace(part, text=placeholders.put_back(part.text, seen))
    return part


def _texts(message: Message) -> Iterable[str]:
    yield message.name or ""
    for part in message.parts:
        if isinstance(part, (TextPart, ReasoningPart)):
            yield part.text
        elif isinstance(part, ToolCallPart):
            yield part.arguments
        elif isinstance(part, ToolResultPart):
            yield part.content


def _strings(value: Any) -> Iterable[str]:
    """Yield every string in a JSON value, at any depth."""
    waiting: list[Any] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*cast("dict[Any, Any]", each).items()]
        elif isinstance(each, (list, tuple)):
            waiting += cast("list[Any]", each)


def _wants_json(request: ChatRequest) -> bool:
    return request.response_format is not None and request.response_format.get("type") != "text"


class _Call:
    """A tool call in the answer. Arguments before its name wait for the name."""

    def __init__(self) -> None:
        self.name = ""
        self.restorer: Restorer | None = None
        self.waiting: list[str] = []
        self.untouched: list[str] = []


class _Answer:
    """Restores an answer: the text, the reasoning and each tool call separately."""

    def __init__(self, placeholders: Placeholders, tools: frozenset[str], *, urls: bool, in_json: bool) -> None:
        self._placeholders = placeholders
        self._tools = tools
        self._urls = urls
        self._in_json = in_json
        self._begin()

    def _begin(self) -> None:
        self._text = self._placeholders.restorer(in_json=self._in_json, urls=self._urls)
        self._signature: str | None = None
        self._reasoning = self._placeholders.restorer(urls=self._urls)
        self._calls: dict[int, _Call] = {}

    def restore(self, delta: Delta) -> list[Delta]:
        """Return a delta with the values restored, as far as is certain."""
        if isinstance(delta, str):
            delta = TextDelta(text=delta) if self._signature is not None else delta
        if isinstance(delta, str):
            return [self._text.feed(delta)]
        if isinstance(delta, TextDelta):
            text = self._text.feed(delta.text)
            # A signature does not end a word or a link: while text is held back, so is its signature.
            signature, self._signature = delta.signature or self._signature, None
            if self._text.holds:
                signature, self._signature = None, signature
            return [replace(delta, text=text, signature=signature)]
        if isinstance(delta, ReasoningDelta):
            text = self._reasoning.feed(delta.reasoning)
            if delta.signature is not None:
                text += self._reasoning.end()
            return [replace(delta, reasoning=text)]
        if isinstance(delta, ToolCallDelta):
            if not self._placeholders.values:
                return [delta]
            return [replace(delta, arguments=self._arguments(delta))]
        self._begin()
        return [delta]

    def _arguments(self, delta: ToolCallDelta) -> str:
        call = self._calls.setdefault(delta.index, _Call())
        if delta.name and not call.name:
            call.name = delta.name
            if call.name in self._tools:
                call.restorer = self._placeholders.restorer(in_json=True, urls=self._urls)
        elif delta.name and delta.name != call.name:
            # The name decides whether its arguments are restored.
            raise ProtocolError(
                f"tool call {delta.index} changed its name from {call.name!r} to {delta.name!r}; its arguments were "
                "restored for the first name, so the call was refused. Ask again."
            )
        call.waiting.append(delta.arguments)
        if not call.name:
            return ""
        arguments = "".join(call.waiting)
        call.waiting.clear()
        if call.restorer is not None:
            return call.restorer.feed(arguments)
        call.untouched.append(arguments)
        return arguments

    def end(self) -> list[Delta]:
        """Return what was held back."""
        deltas: list[Delta] = []
        reasoning, text = self._reasoning.end(), self._text.end()
        if reasoning:
            deltas.append(ReasoningDelta(reasoning=reasoning))
        if self._signature is not None:
            deltas.append(TextDelta(text=text, signature=self._signature))
        elif text:
            deltas.append(text)
        for index, call in self._calls.items():
            arguments = "".join(call.waiting)
            call.untouched.append(arguments)
            if call.restorer is not None:
                arguments = call.restorer.end()
            if arguments:
                deltas.append(ToolCallDelta(index=index, arguments=arguments))
        return deltas

    def left(self) -> str:
        """Describe the placeholders that were not restored; empty if all were."""
        calls = self._calls.values()
        restorers = [self._text, self._reasoning, *(call.restorer for call in calls if call.restorer is not None)]
        in_urls = sum(restorer.left for restorer in restorers)
        names = {call.name for call in calls if self._placeholders.values.keys() & literals("".join(call.untouched))}
        reasons: list[str] = []
        if in_urls:
            reasons.append(f"{in_urls} in links, URLs or tags (see restore_urls)")
        if names:
            reasons.append(f"those in calls of {', '.join(map(repr, sorted(names)))} (see restore_tools)")
        return "; ".join(reasons)
