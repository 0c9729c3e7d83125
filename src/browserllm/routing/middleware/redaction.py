"""Redaction: secrets and personal data stay on the device; the model sees placeholders, the caller the values."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Literal, cast

import msgspec
from msgspec.structs import replace

from ...backend import Backend, Middleware
from ...errors import Unsupported
from ...stream import Delta, Draft
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
from ..checks import check
from .detectors import DETECTORS, Detector, find_terms
from .placeholders import Placeholders, Restorer


class Redaction(Middleware):
    """Replaces what detectors find in a request by placeholders like ``<EMAIL_1>``, and puts it back into the answer.

    All texts are searched: messages, system messages, tool results, the arguments of tool calls, reasoning, stop
    texts, names and metadata. The same value is the same placeholder throughout the conversation, so that the model can
    speak of it, and call tools with it. A warning on the response says how many values of which kind were
    replaced, never which.

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
    ) -> None:
        """Redact what goes to a backend that may leave the device, or with ``always`` to any.

        ``detectors`` are functions from a text to the `Span`s in it. ``terms`` are words of your own, each with its
        kind if you like (``{"Falcon": "PROJECT"}``). ``media`` says what happens to a request with images or sounds, in
        which nothing is searched: a warning, an `Unsupported` error, or nothing.
        """
        super().__init__(backend)
        check("media", media, media in ("warn", "refuse", "pass"), "'warn', 'refuse' or 'pass'")
        check("terms", terms, not isinstance(terms, str), "a list of words, or words with their kinds")
        self.always = always
        self.media = media
        named = cast("Mapping[str, str]", terms) if isinstance(terms, Mapping) else dict.fromkeys(terms, "TERM")
        kinds: dict[str, list[str]] = {}
        for term, kind in named.items():
            kinds.setdefault(kind, []).append(term)
        # Terms come first: of two findings of the same length, a name that somebody chose says more.
        self._detectors = [*(find_terms(words, kind) for kind, words in kinds.items()), *detectors]

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
        answer = _Answer(placeholders, in_json=_wants_json(request))
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
    for text in _texts(request):
        placeholders.reserve_json(text)
    known: dict[int, int] = {}
    _redact_texts(request, placeholders, known)
    placeholders.spread()
    return _redact_texts(request, placeholders, known)


def _redact_texts(request: ChatRequest, placeholders: Placeholders, known: dict[int, int]) -> ChatRequest:
    return replace(
        request,
        messages=[_redact_message(message, placeholders, known) for message in request.messages],
        stop=[placeholders.redact(text) for text in request.stop],
        metadata=placeholders.redact_value(request.metadata),
    )


def _redact_message(message: Message, placeholders: Placeholders, known: dict[int, int]) -> Message:
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
        return replace(part, text=placeholders.redact(part.text))
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


def _texts(request: ChatRequest) -> Iterable[str]:
    yield from request.stop
    yield msgspec.json.encode(request.metadata).decode()
    for message in request.messages:
        if isinstance(message.content, str):
            yield message.content
            continue
        for part in message.content:
            if isinstance(part, (TextPart, ReasoningPart)):
                yield part.text
            elif isinstance(part, ToolCallPart):
                yield part.arguments
            elif isinstance(part, ToolResultPart):
                yield part.content


def _wants_json(request: ChatRequest) -> bool:
    return request.response_format is not None and request.response_format.get("type") != "text"


class _Answer:
    """The answer on its way back: text, reasoning and each tool call are texts of their own."""

    def __init__(self, placeholders: Placeholders, *, in_json: bool) -> None:
        self._placeholders = placeholders
        self._in_json = in_json
        self._begin()

    def _begin(self) -> None:
        self._text = self._placeholders.restorer(in_json=self._in_json)
        self._reasoning = self._placeholders.restorer()
        self._calls: dict[int, Restorer] = {}

    def restore(self, delta: Delta) -> list[Delta]:
        """What a delta becomes."""
        if isinstance(delta, str):
            return [self._text.feed(delta)]
        if isinstance(delta, TextDelta):
            return [replace(delta, text=self._text.feed(delta.text))]
        if isinstance(delta, ReasoningDelta):
            text = self._reasoning.feed(delta.reasoning)
            if delta.signature is not None:
                text += self._reasoning.end()
            return [replace(delta, reasoning=text)]
        if isinstance(delta, ToolCallDelta):
            restorer = self._calls.setdefault(delta.index, self._placeholders.restorer(in_json=True))
            return [replace(delta, arguments=restorer.feed(delta.arguments))]
        self._begin()
        return [delta]

    def end(self) -> list[Delta]:
        """What was held back."""
        deltas: list[Delta] = []
        reasoning, text = self._reasoning.end(), self._text.end()
        if reasoning:
            deltas.append(ReasoningDelta(sequence=0, reasoning=reasoning))
        if text:
            deltas.append(text)
        for index, restorer in self._calls.items():
            arguments = restorer.end()
            if arguments:
                deltas.append(ToolCallDelta(sequence=0, index=index, arguments=arguments))
        return deltas
