"""The synchronous version of the client.

In a process, an event loop runs in its own thread, and any number of threads may share a client. In a page, Python
blocks if the browser supports it (`browserllm._internal.waiting`).
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self, Unpack, overload

from .._internal.waiting import open_waiter
from ..backends.base import Backend
from ..errors import Unavailable
from .client import AsyncClient, AsyncStream, Options
from .shapes import ChatCompletion, ChatCompletionChunk, CreateEmbeddingResponse, Model, ModelList
from .source import OpenBackend


class Client:
    """The synchronous `AsyncClient`: the same calls, arguments, results and errors.

    Ctrl-C in a call cancels its request. A client that is not closed ends with the program, as does the browser that it
    launched.
    """

    def __init__(self, backend: Backend | OpenBackend | None = None, *, timeout: float | None = None) -> None:
        """Ask ``backend``, which the caller closes; without one, connect at the first call.

        The client has its own event loop, so it cannot use a connection to a page made in another loop
        (`InvalidRequest`); pass a function that opens the backend instead, as for `AsyncClient`. ``timeout`` is the
        default time for an answer, in seconds.
        """
        self._client = AsyncClient(backend, timeout=timeout)
        self._shared = _Shared(self._client)

    @property
    def chat(self) -> Chat:
        """Chat completions."""
        return Chat(self._shared, self._client)

    @property
    def models(self) -> Models:
        """The models of the backend."""
        return Models(self._shared, self._client)

    @property
    def embeddings(self) -> SyncEmbeddings:
        """Embeddings of texts."""
        return SyncEmbeddings(self._shared, self._client)

    def with_options(self, *, timeout: float | None = None) -> Client:
        """Return a client of the same backend with another timeout, in seconds; closing one closes both."""
        client = Client.__new__(Client)
        client._client, client._shared = self._client.with_options(timeout=timeout), self._shared
        return client

    def close(self) -> None:
        """Cancel running calls and close what the client opened; safe to call more than once."""
        self._shared.waiter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Shared:
    """Runs the calls of a client and its copies; it ends with the last of them."""

    def __init__(self, client: AsyncClient) -> None:
        self.waiter = open_waiter(client.close)
        self.run = self.waiter.run
        # At the end of the program the waiter ends itself.
        weakref.finalize(self, self.waiter.drop).atexit = False


class Chat:
    """``client.chat``."""

    def __init__(self, shared: _Shared, client: AsyncClient) -> None:
        """Run the calls of ``client`` on the event loop of ``shared``."""
        self.completions = Completions(shared, client)


class Completions:
    """``client.chat.completions``."""

    def __init__(self, shared: _Shared, client: AsyncClient) -> None:
        """Run the calls of ``client`` on the event loop of ``shared``."""
        self._shared = shared
        self._completions = client.chat.completions

    @overload
    def create(
        self,
        *,
        messages: Iterable[Any],
        model: str | None = None,
        stream: Literal[False] | None = None,
        response_format: Any = None,
        **options: Unpack[Options],
    ) -> ChatCompletion: ...
    @overload
    def create(
        self,
        *,
        messages: Iterable[Any],
        model: str | None = None,
        stream: Literal[True],
        response_format: Any = None,
        **options: Unpack[Options],
    ) -> Stream: ...
    def create(self, **options: Any) -> ChatCompletion | Stream:
        """Answer ``messages``, as `AsyncCompletions.create` does."""
        answer = self._shared.run(self._completions.answer(options))
        return Stream(self._shared, answer) if isinstance(answer, AsyncStream) else answer

    def parse(
        self,
        *,
        messages: Iterable[Any],
        model: str | None = None,
        response_format: Any = None,
        repairs: int = 1,
        **options: Unpack[Options],
    ) -> ChatCompletion:
        """Answer with an object of a type, as `AsyncCompletions.parse` does."""
        return self._shared.run(
            self._completions.parse(
                messages=messages, model=model, response_format=response_format, repairs=repairs, **options
            )
        )


class Stream:
    """The chunks of an answer: iterate it; ``with``, `close` and leaving the loop end the answer at once."""

    def __init__(self, shared: _Shared, stream: AsyncStream) -> None:
        """Iterate ``stream`` synchronously; `Completions.create` returns this."""
        self._shared = shared
        self._stream = stream
        self._ended = False

    def __next__(self) -> ChatCompletionChunk:
        if not self._ended:
            chunk = self._shared.run(_next(self._stream))
            if chunk is not None:
                return chunk
            self._ended = True
        raise StopIteration

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        with self:
            while (chunk := next(self, None)) is not None:
                yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the answer. Safe to call at any time, more than once."""
        if not self._ended:
            self._ended = True
            with suppress(Unavailable):  # a closed client has already ended its answers
                self._shared.run(self._stream.close())


async def _next(stream: AsyncStream) -> ChatCompletionChunk | None:
    return await anext(stream, None)


class Models:
    """``client.models``."""

    def __init__(self, shared: _Shared, client: AsyncClient) -> None:
        """Run the calls of ``client`` on the event loop of ``shared``."""
        self._shared = shared
        self._models = client.models

    def list(self) -> ModelList:
        """Return the models; iterate the list, or its ``data``."""

        async def listed() -> ModelList:
            return await self._models.list()

        return self._shared.run(listed())

    def retrieve(self, model: str) -> Model:
        """Return a model by its id or name. Raises `ModelNotFound`, which suggests similar ones."""
        return self._shared.run(self._models.retrieve(model))


class SyncEmbeddings:
    """``client.embeddings``."""

    def __init__(self, shared: _Shared, client: AsyncClient) -> None:
        """Run the calls of ``client`` on the event loop of ``shared``."""
        self._shared = shared
        self._embeddings = client.embeddings

    def create(
        self,
        *,
        input: str | Iterable[str],  # noqa: A002 (OpenAI's name)
        model: str | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        dimensions: int | None = None,
        user: str | None = None,
    ) -> CreateEmbeddingResponse:
        """Embed texts, as `AsyncEmbeddings.create` does."""
        return self._shared.run(
            self._embeddings.create(
                input=input, model=model, encoding_format=encoding_format, dimensions=dimensions, user=user
            )
        )
