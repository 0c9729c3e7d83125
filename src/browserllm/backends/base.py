"""Backend: whatever answers chats. A subclass writes one async generator; everything else is here."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, cast

from .._internal.arguments import wrong
from .._internal.identity import Hashed, identity_of, own_identity
from ..errors import Unsupported
from ..json_schema.satisfiable import check_request_schemas
from ..page.environment import Environment
from ..types import Capabilities, ChatRequest, ChatResponse, Health, ModelInfo, TextMode
from .facts import BackendFacts
from .privacy import asks_others, guarded_generate, keep_private
from .request import Prompt, build_request
from .stream import ChatStream, Delta, Draft


class Backend(ABC):
    """Answers chat requests. Implement `generate`, and override what you know better.

    ``name`` is what responses and routes call this backend. ``leaves_device`` says whether requests may leave the
    user's device, ``needs_network`` whether it answers without one: a backend that says nothing is thought to do both.
    One that may leave the device is refused private requests before its own methods run (see `privacy.py`).
    """

    name: str = "backend"
    capabilities: Capabilities = Capabilities()
    leaves_device: bool = True
    needs_network: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        keep_private(cls)

    @abstractmethod
    def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer a checked request: an async generator of text, `TextDelta`, `ReasoningDelta`, `ToolCallDelta`.

        Write what is known of the response into ``draft`` before yielding the first item: that item (an empty text
        will do) sends the start chunk. Set ``draft.finish_reason`` unless it is ``stop``. When the generator is closed
        or its task cancelled, end the work on the device at once; when it fails, raise a `BrowserLLMError`.
        """

    def stream(self, prompt: Prompt, *, text: TextMode = "delta", **options: Any) -> ChatStream:
        """Answer ``prompt`` (a text, a message, messages or a `ChatRequest`) as a stream of chunks.

        ``options`` are the fields of `ChatRequest`. ``text`` says what the chunks' ``text`` holds: what each adds
        (``"delta"``), the answer so far (``"accumulated"``), or ``"both"``. Where all of it is told with each chunk,
        chunks of an answer of more than 65,536 characters are joined until they add one part in 1024. Raises
        `InvalidRequest` at once when the request is wrong; nothing runs before the first chunk is asked for.
        """
        request = build_request(prompt, options)
        check_request_schemas(request)
        return ChatStream(guarded_generate(self), Draft(request, self.name, f"chat-{os.urandom(8).hex()}"), text)

    async def complete(self, prompt: Prompt, **options: Any) -> ChatResponse:
        """Answer ``prompt`` and return the whole response; the same options and errors as `stream`."""
        async with self.stream(prompt, **options) as stream:
            return await stream.finish()

    async def list_models(self) -> list[ModelInfo]:
        """Return the models this backend offers."""
        return []

    async def health(self) -> Health:
        """Say whether this backend can answer now, without making it answer."""
        return Health(ok=True)

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return what the request will cost in US dollars; ``None`` when that is not known."""
        build_request(prompt, options)
        return None

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Return how many tokens a prompt is, its template and tools included; ``None`` where that is not known."""
        build_request(prompt, {} if model is None else {"model": model})
        return None

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Say what is known of answering a checked request, without sending anything; cheap, for routers ask often."""
        return BackendFacts(leaves_device=self.leaves_device, needs_network=self.needs_network, model=request.model)

    def may_leave(self) -> bool:
        """Say whether a private request that is given to this backend might leave the device, whatever it asks for."""
        return self.leaves_device is not False  # what is neither is no promise

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return, as JSON, all that shapes this backend's answers besides the request; secrets go through ``hashed``.

        Kept answers are found by it: see `ResponseCache`. It counts only where the backend's own class defines it (see
        `identity_of`); by default no two backends are the same.
        """
        return own_identity(self)

    def environment(self) -> Environment | None:
        """Say what this backend knows of the world around it, now; ``None`` when it knows nothing."""
        return None

    async def prepare(self, request: ChatRequest) -> None:  # noqa: B027 (most backends are always ready)
        """Get ready to answer such requests (load the model, say), without answering one."""

    async def close(self) -> None:  # noqa: B027 (most backends own nothing)
        """Let go of what this backend owns; safe to call more than once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def check_backend(name: str, value: Any) -> None:
    """Raise `InvalidRequest` for an argument that is not a backend, with what to write."""
    if isinstance(value, Backend):
        return
    write = "use LocalBackend(host), OpenAI(...), Router([...]) or another backend"
    if isinstance(value, str):
        write = f"for a model on this device write LocalBackend(host, {value!r}), for one in a cloud OpenAI({value!r})"
    elif hasattr(value, "generate"):  # a class of backends
        write = "make one of that class, as in OpenAI('gpt-5-mini')"
    elif hasattr(value, "share_folder"):  # a host
        write = "that is a host: write LocalBackend(host)"
    raise wrong(name, value, "a backend", write)


class _OfBackend:
    """An attribute of the wrapped backend, read each time: it may change. One set on the middleware replaces it."""

    def __set_name__(self, owner: type[Middleware], name: str) -> None:
        self._name = name

    def __get__(self, middleware: Middleware | None, owner: type[Middleware]) -> Any:
        return getattr(Backend if middleware is None else middleware.backend, self._name)


class Middleware(Backend):
    """A backend that wraps another one: it passes everything on, and a subclass overrides what it changes.

    Its arguments begin with the backend it wraps, so ``Logging(Retry(backend))`` reads from the outside in. Its name,
    capabilities and need of a network are those of the wrapped backend at the time when they are read. It leaves the
    device where that does; one that sends requests somewhere itself sets ``leaves_device`` to ``True``.
    """

    name: str = cast("str", _OfBackend())
    capabilities: Capabilities = cast("Capabilities", _OfBackend())
    needs_network: bool = cast("bool", _OfBackend())
    _leaves_by_itself: bool = False

    def __init__(self, backend: Backend) -> None:
        """Wrap ``backend``; closing this closes it, too. Raises `InvalidRequest` for what is not a backend."""
        check_backend("backend", backend)
        self.backend = backend

    @property
    def leaves_device(self) -> bool:
        """Whether requests may leave the device: by the wrapped backend, or by this one."""
        return self._leaves_by_itself or self.backend.leaves_device

    @leaves_device.setter
    def leaves_device(self, leaves: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._leaves_by_itself = leaves

    def may_leave(self) -> bool:
        """Say whether this, or the wrapped backend, might let a private request leave the device."""
        # A subclass may say it in its class, which hides the property above.
        said = next(vars(kind)["leaves_device"] for kind in type(self).__mro__ if "leaves_device" in vars(kind))
        by_itself = self._leaves_by_itself if said is vars(Middleware)["leaves_device"] else self.leaves_device
        return by_itself is not False or self.backend.may_leave()

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on."""
        async with aclosing(self.backend.generate(request, draft)) as deltas:
            async for delta in deltas:
                yield delta

    async def list_models(self) -> list[ModelInfo]:
        """Return what the wrapped backend offers."""
        return await self.backend.list_models()

    async def health(self) -> Health:
        """Ask the wrapped backend."""
        return await self.backend.health()

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Ask the wrapped backend."""
        return await self.backend.estimate_cost(prompt, **options)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Ask the wrapped backend."""
        return await self.backend.count_tokens(prompt, model=model)

    @asks_others
    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Ask the wrapped backend."""
        return await self.backend.facts(request)

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the wrapped backend's; ``identity = Middleware.identity`` says that a class changes no answer."""
        return identity_of(self.backend, request, hashed)

    def environment(self) -> Environment | None:
        """Ask the wrapped backend."""
        return self.backend.environment()

    async def prepare(self, request: ChatRequest) -> None:
        """Let the wrapped backend get ready."""
        await self.backend.prepare(request)

    async def close(self) -> None:
        """Close the wrapped backend."""
        await self.backend.close()


def unsupported(draft: Draft, parameter: str, message: str) -> None:
    """Report something a backend cannot honour: a warning on the response, or `Unsupported`, as the caller chose."""
    if draft.request.unsupported == "error":
        raise Unsupported(f"{parameter}: {message}", data={"parameter": parameter})
    draft.warn(parameter, message)
