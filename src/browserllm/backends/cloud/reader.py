"""Reads a cloud's answer: bytes into events, events into deltas, up to the end of the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec

from ..._internal import lazy_asyncio as asyncio
from ..._internal.http.client import MAX_BODY_BYTES, HttpResponse
from ...errors import BrowserLLMError, ProtocolError, Stalled, Unavailable
from ..draft import Draft
from ..split_characters import CharacterJoiner, whole_text, whole_value
from ..stream import Delta
from .error_bodies import CertainError
from .failures import ErrorSource, VendorError, failure, quote
from .format_mismatch import detect_other_format, wrong_format_error
from .sse import Event, EventDecoder, ServerSentEvents

DRAIN_S = 0.1
"""How long to wait for the end of the transfer after a complete answer, so that the connection can be reused."""


_MARK = b"\xef\xbb\xbf"  # a byte order mark


class Reader(ABC):
    """Reads one answer: events in, deltas out. It records usage, model and the like in ``draft``."""

    FORMAT: ClassVar[str] = ""
    """The format it reads, as the name of the backend class."""

    ended = False
    """Whether the end marker has arrived; nothing is read after it."""

    unread = ""
    """The start of the text that was not an event; set at the end of the stream, for `finish`."""

    def __init__(self, draft: Draft, source: ErrorSource) -> None:
        """Write into ``draft``; ``source`` is for `failures.failure`."""
        self.draft = draft
        self.source = source

    @property
    def complete(self) -> bool:
        """Whether the answer would be complete if the connection broke now; by default after the end marker."""
        return self.ended

    @abstractmethod
    def read(self, event: Event) -> Iterable[Delta]:
        """Read an event of a stream. Raises the error of an error event, and `ProtocolError` for an invalid one."""

    def read_whole(self, body: bytes) -> Iterable[Delta]:
        """Read an answer that arrived as one JSON text, from a server that does not stream."""
        raise ProtocolError(f"{self.source.backend!r} did not stream: {quote(body.decode('utf-8', 'replace'))}")

    def finish(self) -> Iterable[Delta]:
        """Yield the last deltas at the end of the stream. Raises `Unavailable` if the answer is not complete."""
        if not self.ended:
            raise broke_off(self.source)
        return ()


def broke_off(source: ErrorSource) -> Unavailable:
    """Return the error for a stream that ended before its end marker."""
    return Unavailable(
        f"{source.backend!r} ended the stream for model {source.model!r} before the answer was complete; try again",
        reason="unreachable",
        data={"phase": "body", "backend": source.backend, "model": source.model},
    )


def no_answer(source: ErrorSource, read_error: Callable[[Any], VendorError], said: Any, own: str) -> BrowserLLMError:
    """Return the error for a response with a success status but no answer, with the server's message if there is one.

    ``said`` is the response: JSON, a text, or nothing. ``own`` is the expected format.
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
        error = msgspec.structs.replace(error, message=f"the response contains no answer: {words}")
    return failure(error, source)


def is_numbers(text: str) -> bool:
    """Return whether JSON contains only numbers, which are neither an answer nor an error message."""
    return any(char.isdigit() for char in text) and not any(char.isalpha() for char in text)


def not_an_answer(source: ErrorSource, text: str) -> ProtocolError:
    """Return the error for a response that is neither an answer nor an error."""
    return ProtocolError(f"{source.backend!r} sent something that is not an answer: {quote(text, 200)}; check base_url")


async def read_answer(response: HttpResponse, reader: Reader, decoder: EventDecoder) -> AsyncGenerator[Delta, None]:
    """Yield the deltas of an answer: a stream of events, or one JSON text from a server that does not stream.

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
            f"{reader.source.backend!r} sent half a character ({error}); the server or a proxy is broken: try again"
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
    """Replace half characters in the fields that a server reported."""
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
            # The answer is complete, so a connection that breaks now does not matter.
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
    """Return whether an answer is one JSON text, by its first bytes: content types are often wrong.

    Raises `ProtocolError` for a web page.
    """
    first = start.lstrip().removeprefix(_MARK).lstrip()[:1]
    if first == b"<":
        said = quote(start[:4096].decode("utf-8", "replace"), 200)
        raise ProtocolError(f"the server sent a web page instead of an answer; check base_url: {said}")
    # With JSON lines, a whole answer is a single line, whatever the content type says.
    return isinstance(decoder, ServerSentEvents) and first in {b"{", b"[", b'"'}


async def _start(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """Return the first bytes that are not blank."""
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
    """Read a transfer to its end, which is near, so that its connection can be reused."""
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in chunks:
                pass
    except (TimeoutError, BrowserLLMError):
        # The answer is complete, even if the connection now breaks.
        pass
