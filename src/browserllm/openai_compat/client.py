"""A client with the interface of OpenAI's SDK over any backend, so that existing code runs unchanged."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack, overload

from .._internal.arguments import check_kind
from .._internal.async_only import AsyncOnly
from ..backends.base import Backend
from ..backends.request import contradiction
from ..backends.stream import ChatStream
from ..errors import InvalidRequest, ModelNotFound, Timeout, Unsupported
from ..types import ChatDone, ChatRequest, ChatResponse, ModelInfo
from .requests import ReadRequest, is_not_given, read_embedding_request, read_request
from .responses import ChunkWriter, completion_of, embeddings_of, model_of, models_of
from .shapes import ChatCompletion, ChatCompletionChunk, CreateEmbeddingResponse, Model, ModelList
from .source import OpenBackend, Source


class Options(TypedDict, total=False):
    """The options of `chat.completions.create` and `parse`, besides messages, model and stream.

    ``timeout`` is the time for the whole answer, in seconds. ``extra_body`` has more parameters by name; ``top_k``,
    ``private``, ``deadline_s`` and ``unsupported`` are those of `ChatRequest`.
    """

    timeout: float | None
    extra_body: Mapping[str, Any] | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    max_completion_tokens: int | None
    stop: str | list[str] | None
    seed: int | None
    n: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    top_logprobs: int | None
    tools: Iterable[Any] | None
    tool_choice: Any
    parallel_tool_calls: bool | None
    stream_options: Any
    metadata: Mapping[str, Any] | None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None
    thinking: bool | Literal["low", "medium", "high"] | None
    deadline_s: float | None
    private: bool
    unsupported: Literal["warn", "error"]
    # Accepted without effect; the answer has a warning.
    extra_headers: Any
    extra_query: Any
    audio: Any
    modalities: Any
    moderation: Any
    prediction: Any
    prompt_cache_key: Any
    prompt_cache_options: Any
    prompt_cache_retention: Any
    safety_identifier: Any
    service_tier: Any
    store: Any
    user: Any
    verbosity: Any
    web_search_options: Any


class AsyncClient:
    """A client like ``openai.AsyncOpenAI`` that asks a backend instead of OpenAI's servers.

    ``client.chat.completions.create(...)`` and ``.parse(...)``, ``client.models`` and ``client.embeddings`` take and
    return the same as those of the official SDK; errors are those of `browserllm.errors`.
    """

    def __init__(self, backend: Backend | OpenBackend | None = None, *, timeout: float | None = None) -> None:
        """Ask ``backend``, which the caller closes.

        ``backend`` may also be a function that returns an async context manager of a backend. Without one, the first
        call connects to a page, as `connect` does, and uses the models there. `close` closes what the client opened.
        ``timeout`` is the default time for an answer, in seconds.
        """
        self._source = Source(backend)
        self._timeout = _seconds(timeout)

    @property
    def chat(self) -> AsyncChat:
        """Chat completions."""
        return AsyncChat(self._source, self._timeout)

    @property
    def models(self) -> AsyncModels:
        """The models of the backend."""
        return AsyncModels(self._source)

    @property
    def embeddings(self) -> AsyncEmbeddings:
        """Embeddings of texts."""
        return AsyncEmbeddings(self._source)

    def with_options(self, *, timeout: float | None = None) -> AsyncClient:
        """Return a client of the same backend with another timeout, in seconds."""
        client = AsyncClient.__new__(AsyncClient)
        client._source, client._timeout = self._source, _seconds(timeout)
        return client

    async def close(self) -> None:
        """End all streams and close what the client opened; safe to call more than once.

        Later calls raise `Unavailable`.
        """
        await self._source.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class AsyncChat:
    """``client.chat``."""

    def __init__(self, source: Source, timeout: float | None) -> None:
        """Use the backend of ``source``."""
        self.completions = AsyncCompletions(source, timeout)


class AsyncCompletions:
    """``client.chat.completions``."""

    def __init__(self, source: Source, timeout: float | None) -> None:
        """Use the backend of ``source``."""
        self._source = source
        self._timeout = timeout

    @overload
    async def create(
        self,
        *,
        messages: Iterable[Any],
        model: str | None = None,
        stream: Literal[False] | None = None,
        response_format: Any = None,
        **options: Unpack[Options],
    ) -> ChatCompletion: ...
    @overload
    async def create(
        self,
        *,
        messages: Iterable[Any],
        model: str | None = None,
        stream: Literal[True],
        response_format: Any = None,
        **options: Unpack[Options],
    ) -> AsyncStream: ...
    async def create(self, **options: Any) -> ChatCompletion | AsyncStream:
        """Answer ``messages`` with a completion, or with ``stream=True`` with a stream, once the answer begins.

        ``model`` is a model name of the backend; without it the backend chooses. Warnings about ignored parameters are
        in ``completion.browserllm.warnings``, for a stream in its last chunk with a choice.

        Raises `InvalidRequest` for an invalid request, `Timeout` if the answer takes too long (the text so far is in
        ``data``), and what the backend raises.
        """
        return await self.answer(options)

    async def parse(
        self,
        *,
        messages: Iterable[Any],
        model: str | None = None,
        response_format: Any = None,
        repairs: int = 1,
        **options: Unpack[Options],
    ) -> ChatCompletion:
        """Answer with an object of a type: ``completion.choices[0].message.parsed``.

        ``response_format`` is a pydantic model or any type that `generate` takes. It uses the backend's strongest mode,
        which ``completion.browserllm.mode`` names. The model may correct an invalid answer up to ``repairs`` times
        (never with tools). The arguments of calls of ``strict`` tools are decoded as ``function.parsed_arguments``.

        Raises what `create` raises, and `InvalidOutput` if no answer is of the type.
        """
        from . import parsing

        given = {"messages": messages, "model": model, **options}
        tools = parsing.listed(given)
        if response_format is None or isinstance(response_format, Mapping):
            given["response_format"] = response_format
            read = self._read(given)
            response = await self._complete(await self._source.backend(), read)
            completion = completion_of(response, warnings=read.warnings)
        elif tools:
            output, given["response_format"] = parsing.as_response_format(response_format)
            read = self._read(given)
            response = await self._complete(await self._source.backend(), read)
            completion = completion_of(response, warnings=read.warnings)
            parsing.parse_message(completion, output)
        else:
            read = self._read(given)
            backend = await self._source.backend()
            completion = await parsing.generated(backend, read, response_format, repairs)
        parsing.parse_calls(completion, tools)
        return completion

    async def answer(self, options: dict[str, Any]) -> ChatCompletion | AsyncStream:
        """Answer as `create` does, with the parameters as a dict."""
        read = self._read(options)
        backend = await self._source.backend()
        if read.stream:
            writer = ChunkWriter(include_usage=read.include_usage, warnings=read.warnings)
            stream = AsyncStream(backend.stream(read.request), read.request, writer)
            self._source.streams.add(stream)
            await stream.begin()
            return stream
        return completion_of(await self._complete(backend, read), warnings=read.warnings)

    def _read(self, options: dict[str, Any]) -> ReadRequest:
        given = {name: value for name, value in options.items() if not is_not_given(value)}
        timeout = given.pop("timeout", None)
        more: Mapping[str, Any] = given.pop("extra_body", None) or {}
        check_kind("extra_body", more, Mapping, "a dict", write="use {'top_k': 20}")
        body: dict[str, Any] = {**given, **more}
        if (private := _private(given, more)) is not None:
            body["private"] = private
        if body.get("deadline_s") is None:
            body["deadline_s"] = self._timeout if timeout is None else _seconds(timeout)
        return read_request(body)

    async def _complete(self, backend: Backend, read: ReadRequest) -> ChatResponse:
        response = await backend.complete(read.request)
        check_in_time(response, read.request)
        return response


class AsyncStream(AsyncOnly):
    """The chunks of an answer: iterate it; ``async with``, `close` and leaving the loop end the answer at once."""

    def __init__(self, stream: ChatStream, request: ChatRequest, writer: ChunkWriter) -> None:
        """Write the chunks of ``stream``; `AsyncCompletions.create` does this."""
        self._stream = stream
        self._request = request
        self._writer = writer
        self._ready: deque[ChatCompletionChunk] = deque()

    async def begin(self) -> None:
        """Wait until the answer begins or fails."""
        self._ready.append(await anext(self))

    async def __anext__(self) -> ChatCompletionChunk:
        while not self._ready:
            chunk = await anext(self._stream)
            if isinstance(chunk, ChatDone):
                check_in_time(chunk.response, self._request)
            self._ready.extend(self._writer.write(chunk))
        return self._ready.popleft()

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        async with self:
            while (chunk := await anext(self, None)) is not None:
                yield chunk

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the answer. Safe to call at any time, more than once."""
        self._ready.clear()
        await self._stream.aclose()


class AsyncModels:
    """``client.models``."""

    def __init__(self, source: Source) -> None:
        """Use the backend of ``source``."""
        self._source = source

    def list(self) -> ListedModels:
        """Return the models: ``await`` it for the list, or iterate it with ``async for``."""
        return ListedModels(self._source)

    async def retrieve(self, model: str) -> Model:
        """Return a model by its id or name. Raises `ModelNotFound`, which suggests similar ones."""
        check_kind("model", model, str, "the name of a model", write="use an id that models.list() returns")
        infos = await (await self._source.backend()).list_models()
        for info in infos:
            if model in (info.id, info.name):
                return model_of(info)
        import difflib

        near = difflib.get_close_matches(model, [info.id for info in infos], n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "models.list() returns the known models"
        raise ModelNotFound(f"unknown model {model!r}; {hint}", data={"model": model, "near": near})


class ListedModels:
    """A pending list of models: await it, or iterate it with ``async for``."""

    def __init__(self, source: Source) -> None:
        """List the models of the source's backend."""
        self._source = source

    def __await__(self) -> Generator[Any, None, ModelList]:
        return self._list().__await__()

    async def __aiter__(self) -> AsyncIterator[Model]:
        for model in (await self).data:
            yield model

    async def _list(self) -> ModelList:
        infos: list[ModelInfo] = await (await self._source.backend()).list_models()
        return models_of(infos)


class AsyncEmbeddings:
    """``client.embeddings``."""

    def __init__(self, source: Source) -> None:
        """Use the backend of ``source``."""
        self._source = source

    async def create(
        self,
        *,
        input: str | Iterable[str],  # noqa: A002 (OpenAI's name)
        model: str | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        dimensions: int | None = None,
        user: str | None = None,
    ) -> CreateEmbeddingResponse:
        """Embed texts with a backend that can (`LocalBackend`). ``user`` has no effect.

        Raises `InvalidRequest` for invalid texts, `Unsupported` for ``dimensions`` and for other backends.
        """
        texts, form = read_embedding_request(
            {"input": input, "encoding_format": encoding_format, "dimensions": dimensions, "user": user}
        )
        backend = await self._source.backend()
        embed = getattr(backend, "embed", None)
        if embed is None:
            raise Unsupported(f"backend {backend.name!r} does not support embeddings; use a LocalBackend")
        return embeddings_of(await embed(texts, model=model), encoding_format=form)


def _private(given: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
    """Return the ``private`` option. ``extra_body`` overrides other options, but must not contradict this one."""
    said = [
        each["private"]
        for each in (given, more)
        if each.get("private") is not None and not is_not_given(each["private"])
    ]
    if len(said) == 2 and said[0] is not said[1]:
        raise contradiction(f"private={said[0]!r}, and extra_body has 'private': {said[1]!r}")
    return said[0] if said else None


def check_in_time(response: ChatResponse, request: ChatRequest) -> None:
    """Raise `Timeout` if the deadline cut the answer off, so that it is not taken for a complete one."""
    late = any(warning.parameter == "deadline_s" for warning in response.warnings)
    if response.finish_reason == "cancelled" and late:
        raise Timeout(
            f"the answer took longer than {request.deadline_s} s; raise the timeout, or ask for less (max_tokens)",
            data={"deadline_s": request.deadline_s, "text": response.text},
        )


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise InvalidRequest(f"timeout={timeout!r} is not valid; use seconds, above 0", parameter="timeout")
    return float(timeout)
