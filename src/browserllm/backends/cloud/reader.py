"""Reads an answer of a cloud: bytes into events, events into deltas, and how that ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec

from ..._internal import lazy_asyncio as asyncio
from ..._internal.http.client import MAX_BODY_BYTES, HttpResponse
from ...errors import BrowserLLMError, ProtocolError, Stalled, Unavailable
from ..stream import Delta, Draft
from .error_bodies import CertainError
from .failures import ErrorSource, VendorError, failure, quote
from .format_mismatch import detect_other_format, wrong_format_error
from .split_characters import CharacterJoiner, whole_text, whole_value
from .sse import Event, EventDecoder, ServerSentEvents

DRAIN_S = 0.1
"""How long to wait for the end of a transfer whose answer is complete, to keep its connection for the next."""


_MARK = b"\xef\xbb\xbf"  # a byte order mark


class Reader(ABC):
    """Reads one answer: events in, deltas out. What it learns of the response goes into ``draft``."""

    FORMAT: ClassVar[str] = ""
    """Whose format it reads, by the name of the backend's class."""

    ended = False
    """Whether the end marker has come: nothing is read after it."""

    unread = ""
    """How what begins that came and was no event; known when the stream is over, for `finish`."""

    def __init__(self, draft: Draft, source: ErrorSource) -> None:
        """Write into ``draft``; ``source`` is for `failures.failure`."""
        self.draft = draft
        self.source = source

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, should the connection break now: by default once the end marker has come."""
        return self.ended

    @abstractmethod
    def read(self, event: Event) -> Iterable[Delta]:
        """Read an event of a stream. Raises what an error event means, and `ProtocolError` for nonsense."""

    def read_whole(self, body: bytes) -> Iterable[Delta]:
        """Read an answer that came as one JSON text, from a server that does not stream."""
        raise ProtocolError(f"{self.source.backend!r} did not stream: {quote(body.decode('utf-8', 'replace'))}")

    def finish(self) -> Iterable[Delta]:
        """Give what is left when the stream is over. Raises `Unavailable` when it broke off before its end."""
        if not self.ended:
            raise broke_off(self.source)
        return ()


def broke_off(source: ErrorSource) -> Unavailable:
    """Return the error for a stream that is over before its end marker."""
    return Unavailable(
        f"{source.backend!r} ended the stream for model {source.model!r} before the answer was complete; try again",
        reason="unreachable",
        data={"phase": "body", "backend": source.backend, "model": source.model},
    )


def no_answer(source: ErrorSource, read_error: Callable[[Any], VendorError], said: Any, own: str) -> BrowserLLMError:
    """Return the error for what came with a good status and holds no answer: in its own words, where it has some.

    ``said`` is what came instead: JSON, a text, or nothing. ``own`` is the format that was expected.
    """
    if not said and not isinstance(said, (dict, list)):
        return broke_off(source)
    said = whole_value(said)
    if foreign := detect_other_format(said, own):
        return wrong_format_error(source, own, foreign)
    error = read_error(CertainError(said))
    words = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    if not error.meaning and is_numbers(words):
        return not_an_answer(source, words)
    if not error.message.strip():
        error = msgspec.structs.replace(error, message=f"there is no answer in what it sent: {words}")
    return failure(error, source)


def is_numbers(text: str) -> bool:
    """Whether JSON holds numbers and nothing else: those are neither an answer nor the words of an error."""
    return any(char.isdigit() for char in text) and not any(char.isalpha() for char in text)


def not_an_answer(source: ErrorSource, text: str) -> ProtocolError:
    """Return the error for what is neither an answer nor an error."""
    return ProtocolError(f"{source.backend!r} sent what is not an answer: {quote(text, 200)}; check base_url")


async def read_answer(response: HttpResponse, reader: Reader, decoder: EventDecoder) -> AsyncGenerator[Delta, None]:
    """Give the deltas of an answer: a stream of events, or one JSON text from a server that does not stream.

    Raises `ProtocolError` for anything else, what the reader raises, and the failures of the connection.
    """
    halves = CharacterJoiner()
    try:
        async with aclosing(_deltas(response, reader, decoder)) as deltas:
            async for delta in deltas:
                joined = halves.join(delta)
                _make_whole(reader.draft)
                yield joined
        for delta in halves.rest():
            yield delta
    except BrowserLLMError as error:
        error.message, error.data = whole_text(error.message), whole_value(error.data)
        error.args = (error.message,)
        raise
    except UnicodeEncodeError as error:
        raise ProtocolError(
            f"half a character stands where {reader.source.backend!r} cannot mean it ({error})"
        ) from None
    _make_whole(reader.draft)


async def _deltas(response: HttpResponse, reader: Reader, decoder: EventDecoder) -> AsyncGenerator[Delta, None]:
    async with aclosing(response.chunks()) as chunks:
        start = await _start(chunks)
        if _is_whole(start, decoder):
            for delta in reader.read_whole((await _whole(start, chunks)).lstrip().removeprefix(_MARK)):
                yield delta
        else:
            async with aclosing(_streamed(start, chunks, reader, decoder)) as deltas:
                async for delta in deltas:
                    yield delta
            reader.unread = decoder.unread
    for delta in reader.finish():
        yield delta


def _make_whole(draft: Draft) -> None:
    """Replace half characters in what a server says of itself."""
    draft.model = whole_value(draft.model)
    draft.provider_request_id = whole_value(draft.provider_request_id)


async def _streamed(
    start: bytes, chunks: AsyncGenerator[bytes, None], reader: Reader, decoder: EventDecoder
) -> AsyncGenerator[Delta, None]:
    chunk: bytes | None = start
    while chunk is not None:
        for delta in _read(reader, decoder.feed(chunk)):
            yield delta
        if reader.ended:
            await _drain(chunks)
            break
        try:
            chunk = await anext(chunks, None)
        except (Unavailable, Stalled):
            # A connection that breaks after everything was said takes nothing from the answer.
            if not reader.complete:
                raise
            break
    for delta in _read(reader, decoder.close()):
        yield delta


def _read(reader: Reader, events: Iterable[Event]) -> Iterator[Delta]:
    for event in events:
        if reader.ended:
            break
        yield from reader.read(event)


def _is_whole(start: bytes, decoder: EventDecoder) -> bool:
    """Tell how an answer comes: by how it begins, for content types are often wrong; `ProtocolError` for a page."""
    first = start.lstrip().removeprefix(_MARK).lstrip()[:1]
    if first == b"<":
        said = quote(start[:4096].decode("utf-8", "replace"), 200)
        raise ProtocolError(f"there is a web page instead of an answer; check base_url: {said}")
    # Of JSON lines, a whole answer is the only one, whatever the content type says.
    return isinstance(decoder, ServerSentEvents) and first in {b"{", b"[", b'"'}


async def _start(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """Return the first bytes that say anything."""
    pieces, size = list[bytes](), 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        _check_size(size)
        if not chunk.isspace() and chunk:
            break
    return b"".join(pieces)


async def _whole(start: bytes, chunks: AsyncGenerator[bytes, None]) -> bytes:
    pieces, size = [start], len(start)
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        _check_size(size)
    return b"".join(pieces)


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_BODY_BYTES:
        raise ProtocolError(
            f"the answer is larger than {MAX_BODY_BYTES} bytes; check that base_url is an API's",
            data={"limit_bytes": MAX_BODY_BYTES},
        )


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    """Read a transfer to its end, which is near: only then can its connection serve the next request."""
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in chunks:
                pass
    except (TimeoutError, BrowserLLMError):
        # The answer is complete, whatever comes of the connection.
        pass
