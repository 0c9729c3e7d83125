"""Backend, the base class of everything that answers chats: a subclass only has to write one async generator."""

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
from ..page.environment import Environment
from ..types import Capabilities, ChatRequest, ChatResponse, Health, ModelInfo, TextMode
from .draft import Draft
from .facts import BackendFacts
from .privacy import delegates_facts, guard_methods, guarded_generate
from .request import Prompt, build_request
from .stream import ChatStream, Delta


class Backend(ABC):
    """Answers chat requests. Implement `generate`; override the other methods where you can do better.

    ``name`` identifies this backend in responses and routes. ``leaves_device`` says whether requests may leave the
    user's device, and ``needs_network`` whether it needs a network; both default to true. A backend that may leave the
    device never gets a private request: the check runs before the backend's own methods (see `privacy.py`).
    """

    name: str = "backend"
    capabilities: Capabilities = Capabilities()
    leaves_device: bool = True
    needs_network: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard_methods(cls)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    @abstractmethod
    def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer a validated request: an async generator of text, `TextDelta`, `ReasoningDelta`, `ToolCallDelta`.

        Fill in the fields of ``draft`` that you know before yielding the first item: that item (an empty text is
        enough) sends the start chunk. Set ``draft.finish_reason`` unless it is ``stop``. When the generator is closed
        or its task is cancelled, stop the work on the device at once. On failure, raise a `BrowserLLMError`.
        """

    def stream(self, prompt: Prompt, *, text: TextMode = "delta", **options: Any) -> ChatStream:
        """Answer ``prompt`` (a text, a message, messages or a `ChatRequest`) as a stream of chunks.

        ``options`` are the fields of `ChatRequest`. ``text`` selects what each chunk contains: the new text
        (``"delta"``), the answer so far (``"accumulated"``), or ``"both"``. The last two repeat the whole text, so
        beyond 65,536 characters chunks are joined until each adds at least 1/1024 of it. Raises `InvalidRequest` at
        once if the request is not valid; nothing else runs until the first chunk is requested.
        """
        request = build_request(prompt, options)
        if request.tools or request.response_format is not None:
            from ..json_schema.satisfiable import check_request_schemas  # imported late: most requests have no schema

            check_request_schemas(request)
        return ChatStream(guarded_generate(self), Draft(request, self.name, f"chat-{os.urandom(8).hex()}"), text)

    async def complete(self, prompt: Prompt, **options: Any) -> ChatResponse:
        """Answer ``prompt`` and return the whole response. Takes the options and raises the errors of `stream`."""
        async with self.stream(prompt, **options) as stream:
            return await stream.finish()

    async def list_models(self) -> list[ModelInfo]:
        """Return the models this backend offers."""
        return []

    async def health(self) -> Health:
        """Report whether this backend can answer now, without sending a chat."""
        return Health(ok=True)

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return the estimated cost of the request in US dollars, or ``None`` if it is unknown."""
        build_request(prompt, options)
        return None

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Return the number of tokens in a prompt, including its template and tools, or ``None`` if it is unknown."""
        build_request(prompt, {} if model is None else {"model": model})
        return None

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return what is known about answering a request, without sending anything. Routers call it often: be fast."""
        return BackendFacts(leaves_device=self.leaves_device, needs_network=self.needs_network, model=request.model)

    def may_leave(self) -> bool:
        """Return whether any private request given to this backend might leave the device."""
        return self.leaves_device is not False  # only a real False is a promise

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return, as JSON, everything besides the request that affects the answers; pass secrets through ``hashed``.

        `ResponseCache` uses it in its keys. Only a definition in the backend's own class counts (see `identity_of`);
        by default no two backends share cached answers.
        """
        return own_identity(self)

    def environment(self) -> Environment | None:
        """Return the current environment (network, battery) as far as this backend knows it, else ``None``."""
        return None

    async def prepare(self, request: ChatRequest) -> None:  # noqa: B027 (most backends are always ready)
        """Get ready to answer such a request, for example by loading the model, without answering it."""

    async def close(self) -> None:  # noqa: B027 (most backends own nothing)
        """Release what this backend owns. Safe to call more than once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def check_backend(name: str, value: Any) -> None:
    """Raise `InvalidRequest` if an argument is not a backend, and say what to write instead."""
    if isinstance(value, Backend):
        return
    write = "use LocalBackend(host), OpenAI(...), Router([...]) or another backend"
    if isinstance(value, str):
        write = f"write LocalBackend(host, {value!r}) for a model on this device, OpenAI({value!r}) for a cloud model"
    elif hasattr(value, "generate"):  # a class of backends
        write = "create an instance, as in OpenAI('gpt-5-mini')"
    elif hasattr(value, "share_folder"):  # a host
        write = "that is a host: write LocalBackend(host)"
    raise wrong(name, value, "a backend", write)


class _WrappedAttribute:
    """Reads the wrapped backend's attribute on each access, because it may change. Setting it overrides it."""

    def __set_name__(self, owner: type[Middleware], name: str) -> None:
        self._name = name

    def __get__(self, middleware: Middleware | None, owner: type[Middleware]) -> Any:
        return getattr(Backend if middleware is None else middleware.backend, self._name)


class Middleware(Backend):
    """A backend that wraps another one and forwards everything to it; a subclass overrides what it changes.

    The first argument is the wrapped backend, so ``Logging(Retry(backend))`` reads from the outside in. ``name``,
    ``capabilities`` and ``needs_network`` are always the wrapped backend's current values. ``leaves_device`` is, too; a
    middleware that sends requests somewhere itself sets it to ``True``.
    """

    name: str = cast("str", _WrappedAttribute())
    capabilities: Capabilities = cast("Capabilities", _WrappedAttribute())
    needs_network: bool = cast("bool", _WrappedAttribute())
    _leaves_itself: bool = False

    def __init__(self, backend: Backend) -> None:
        """Wrap ``backend``; closing the middleware closes it, too. Raises `InvalidRequest` if it is not a backend."""
        check_backend("backend", backend)
        self.backend = backend

    def __repr__(self) -> str:
        # Must also work before __init__ has finished, for tracebacks that show local variables.
        return f"<{type(self).__name__} around {vars(self).get('backend')!r}>"

    @property
    def leaves_device(self) -> bool:
        """Whether requests may leave the device through the wrapped backend or through this middleware."""
        return self._leaves_itself or self.backend.leaves_device

    @leaves_device.setter
    def leaves_device(self, leaves: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._leaves_itself = leaves

    def may_leave(self) -> bool:
        """Return whether this middleware or the wrapped backend might let a private request leave the device."""
        # A subclass may define it as a class attribute, which hides the property above.
        said = next(vars(kind)["leaves_device"] for kind in type(self).__mro__ if "leaves_device" in vars(kind))
        by_itself = self._leaves_itself if said is vars(Middleware)["leaves_device"] else self.leaves_device
        return by_itself is not False or self.backend.may_leave()

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Forward the answer."""
        async with aclosing(self.backend.generate(request, draft)) as deltas:
            async for delta in deltas:
                yield delta

    async def list_models(self) -> list[ModelInfo]:
        """Return the wrapped backend's models."""
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

    @delegates_facts
    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Ask the wrapped backend."""
        return await self.backend.facts(request)

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the wrapped backend's. A class that changes no answers sets ``identity = Middleware.identity``."""
        return identity_of(self.backend, request, hashed)

    def environment(self) -> Environment | None:
        """Ask the wrapped backend."""
        return self.backend.environment()

    async def prepare(self, request: ChatRequest) -> None:
        """Prepare the wrapped backend."""
        await self.backend.prepare(request)

    async def close(self) -> None:
        """Close the wrapped backend."""
        await self.backend.close()


def unsupported(draft: Draft, parameter: str, problem: str, instead: str = "") -> None:
    """Report an option that a backend cannot honour: warn or raise `Unsupported`, as ``request.unsupported`` says.

    ``instead`` says what happens to the option with a warning; an error says how to get that.
    """
    if draft.request.unsupported == "error":
        raise Unsupported(
            f"{parameter}: {problem}; remove it, or get a warning instead with unsupported='warn'",
            data={"parameter": parameter},
        )
    draft.warn(parameter, f"{problem}; {instead}" if instead else problem)
