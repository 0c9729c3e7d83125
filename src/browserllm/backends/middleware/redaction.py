"""Redaction: secrets and personal data stay on the device; the model sees placeholders, the caller the values.

The model is not trusted with where a value goes, either: it may have read something that tells it to write a link, or
to call a tool, with a placeholder in it. See `Redaction` for where values are put back, and `links` for what a link is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

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
from ..router.checks import check
from ..stream import Delta, Draft
from .detectors import DETECTORS, Detector, find_terms
from .placeholders import Placeholders, literals
from .restoring import Restorer


class Redaction(Middleware):
    """Replaces what detectors find in a request by placeholders like ``<EMAIL_1>``, and puts it back into the answer.

    All texts are searched: messages, system messages, tool results, the arguments of tool calls, reasoning, stop
    texts, names and metadata. The same value is the same placeholder throughout the conversation, so that the model can
    speak of it. A warning on the response says how many values of which kind were replaced, never which.

    A value comes back where the user reads it, and nowhere else by itself: in the answer's text and reasoning, but not
    in links, URLs and HTML tags, which whoever shows the text may fetch; and in the calls of those tools alone that
    ``restore_tools`` names. Everywhere else the placeholder stays, and a warning says so. Only placeholders of this
    very request are restored; what a model makes up, or a text brings along, stays as it is.

    It finds what has a form (see `DETECTORS`), and the ``terms`` it is given. It does not understand: names, addresses,
    a secret without a form and a number without a ``+`` pass, and so do images and sounds, the descriptions of
    tools, and what several harmless words say together. It makes leaks rarer; only ``private=True`` rules them out.
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
        """Redact what goes to a backend that may leave the device, or with ``always`` to any.

        ``detectors`` are functions from a text to the `Span`s in it. ``terms`` are words of your own, each with its
        kind if you like (``{"Falcon": "PROJECT"}``). ``media`` says what happens to a request with images or sounds, in
        which nothing is searched: a warning, an `Unsupported` error, or nothing.

        ``restore_tools`` are the tools whose arguments get the values: name those that you would trust with them
        whoever asks, for the model decides what else is in such a call. ``restore_urls=True`` puts values into links,
        URLs and tags, too, in the answer and in the calls of those tools: to whatever address the model wrote.
        """
        super().__init__(backend)
        check("media", media, media in ("warn", "refuse", "pass"), "'warn', 'refuse' or 'pass'")
        check("terms", terms, not isinstance(terms, str), "a list of words, or words with their kinds")
        check("restore_tools", restore_tools, not isinstance(restore_tools, str), "a list of the names of tools")
        check("restore_urls", restore_urls, type(restore_urls) is bool, "True or False")
        self.always = always
        self.media = media
        self.restore_tools = frozenset(restore_tools)
        self.restore_urls = restore_urls
        named = cast("Mapping[str, str]", terms) if isinstance(terms, Mapping) else dict.fromkeys(terms, "TERM")
        self._terms = sorted(named.items())
        self._standard = detectors is DETECTORS
        kinds: dict[str, list[str]] = {}
        for term, kind in named.items():
            kinds.setdefault(kind, []).append(term)
        # Terms come first: of two findings of the same length, a name that somebody chose says more.
        self._detectors = [*(find_terms(words, kind) for kind, words in kinds.items()), *detectors]

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return what is looked for and what is put back; the terms are among the secrets."""
        return {
            "detectors": None if self._standard else [own_identity(detector) for detector in self._detectors],
            "terms": hashed(repr(self._terms)),
            "always": self.always,
            "media": self.media,
            "restore": [sorted(self.restore_tools), self.restore_urls],
            "backend": identity_of(self.backend, request, hashed),
        }

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Ask with placeholders, and answer with values."""
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
            draft.warn("messages", f"replaced by placeholders before anything was sent: {found}")
        # Nobody further in may find the original.
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
        # What was held back was received, whatever came then.
        for restored in answer.end():
            yield restored
        if left := answer.left():
            draft.warn("messages", f"left as placeholders in the answer: {left}")
        if failure is not None:
            raise failure

    def _look_at_media(self, request: ChatRequest, draft: Draft) -> None:
        if self.media == "pass" or not any(
            isinstance(part, (ImagePart, AudioPart))
            for message in request.messages
            if not isinstance(message.content, str)
            for part in message.content
        ):
            return
        message = "images and sounds are not searched for personal data"
        if self.media == "refuse":
            raise Unsupported(
                f"{message}, and media='refuse': nothing was sent; leave them out, or ask a backend on the device",
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
    """Pass over what looks like a placeholder already, in whatever the model is shown.

    What the model wrote, and was not restored, is looked at in its turn, and so is what a tool only says after it.
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
    content = message.content
    if isinstance(content, str):
        content = placeholders.redact(content)
    else:
        content = [_redact_part(part, placeholders, known) for part in content]
    name = message.name
    # Providers take letters and digits alone as a name: one that holds something is left out.
    if name is not None and placeholders.redact(name) != name:
        name = None
    return replace(message, content=content, name=name)


def _redact_part(part: ContentPart, placeholders: Placeholders, known: dict[int, int]) -> ContentPart:
    if isinstance(part, TextPart):
        seen = known.setdefault(id(part), len(placeholders.values))
        text = placeholders.redact(part.text)
        # Signed or not, a text is searched like any other; but a signature is for what the model wrote, and no other.
        signed = part.signature is not None and text == placeholders.put_back(part.text, seen)
        return TextPart(text, part.signature if signed else None)
    if isinstance(part, ToolCallPart):
        return replace(part, arguments=placeholders.redact_json(part.arguments))
    if isinstance(part, ToolResultPart):
        return replace(part, content=placeholders.redact_json(part.content))
    if isinstance(part, ReasoningPart):
        if part.signature is None and not part.redacted:
            return replace(part, text=placeholders.redact(part.text))
        # Signed reasoning must go back as the model wrote it, which is with the placeholders it had seen by then.
        seen = known.setdefault(id(part), len(placeholders.values))
        return replace(part, text=placeholders.put_back(part.text, seen))
    return part


def _texts(message: Message) -> Iterable[str]:
    yield message.name or ""
    if isinstance(message.content, str):
        yield message.content
        return
    for part in message.content:
        if isinstance(part, (TextPart, ReasoningPart)):
            yield part.text
        elif isinstance(part, ToolCallPart):
            yield part.arguments
        elif isinstance(part, ToolResultPart):
            yield part.content


def _strings(value: Any) -> Iterable[str]:
    """Every text in what JSON can hold, however deep it lies."""
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
    """A tool call on its way back. What comes before its name waits for it."""

    def __init__(self) -> None:
        self.name = ""
        self.restorer: Restorer | None = None
        self.waiting: list[str] = []
        self.untouched: list[str] = []


class _Answer:
    """The answer on its way back: text, reasoning and each tool call are texts of their own."""

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
        """What a delta becomes."""
        if isinstance(delta, str):
            delta = TextDelta(text=delta) if self._signature is not None else delta
        if isinstance(delta, str):
            return [self._text.feed(delta)]
        if isinstance(delta, TextDelta):
            text = self._text.feed(delta.text)
            # A signature ends no word, and no link: while a text is held back for them, so is its signature.
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
            # It decides what its arguments may hold: those of the one are not the other's.
            raise ProtocolError(
                f"the tool call {delta.index} began as {call.name!r} and went on as {delta.name!r}; its arguments were "
                "restored for the first, so the call is refused: ask again"
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
        """What was held back."""
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
        """Say which placeholders stayed, and why; nothing where none did."""
        calls = self._calls.values()
        restorers = [self._text, self._reasoning, *(call.restorer for call in calls if call.restorer is not None)]
        in_urls = sum(restorer.left for restorer in restorers)
        names = {call.name for call in calls if self._placeholders.values.keys() & literals("".join(call.untouched))}
        said: list[str] = []
        if in_urls:
            said.append(f"{in_urls} in links, URLs or tags (see restore_urls)")
        if names:
            said.append(f"those in calls of {', '.join(map(repr, sorted(names)))} (see restore_tools)")
        return "; ".join(said)
