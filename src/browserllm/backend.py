"""Backend: whatever answers chats. A subclass writes one async generator; everything else is here."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self

from .errors import Unsupported
from .request import Prompt, build_request
from .stream import ChatStream, Delta, Draft
from .types import Capabilities, ChatRequest, ChatResponse, Health, ModelInfo, TextMode


class Backend(ABC):
    """Answers chat requests. Implement `generate`, and override what you know better.

    ``name`` is what responses and routes call this backend.
    """

    name: str = "backend"
    capabilities: Capabilities = Capabilities()

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
        (``"delta"``), the answer so far (``"accumulated"``), or ``"both"``. Raises `InvalidRequest` at once when the
        request is wrong; nothing runs before the first chunk is asked for.
        """
        request = build_request(prompt, options)
        return ChatStream(self.generate, Draft(request, self.name, f"chat-{os.urandom(8).hex()}"), text)

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
        """Return what the request will cost in US dollars; ``None`` when nobody knows."""
        build_request(prompt, options)
        return None

    async def close(self) -> None:  # noqa: B027 (most backends own nothing)
        """Let go of what this backend owns; safe to call more than once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def unsupported(draft: Draft, parameter: str, message: str) -> None:
    """Report something a backend cannot honour: a warning on the response, or `Unsupported`, as the caller chose."""
    if draft.request.unsupported == "error":
        raise Unsupported(f"{parameter}: {message}", data={"parameter": parameter})
    draft.warn(parameter, message)
