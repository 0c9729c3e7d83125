"""The provider: Amplifier's interface to any `Backend`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..backends.stream import ChatStream
from ..errors import BrowserLLMError
from ..types import ChatRequest, ChatResponse, Message
from .backends import source_of
from .cancelling import until_cancelled
from .events import Events
from .failures import convert_error
from .kernel import AbortError, ConfigField, LLMError, ModelInfo, ProviderInfo, ToolCall
from .kernel import ChatRequest as AmplifierRequest
from .kernel import ChatResponse as AmplifierResponse
from .models import known_window, list_models, max_output_tokens
from .requests import Converted, convert_request
from .responses import convert_response
from .settings import read_settings


class BrowserLLMProvider:
    """Answers an Amplifier session with a model in the browser, or with any `Backend` (``config["backend"]``).

    The session's hooks get the answer while it streams. Cancelling the session stops the GPU. Errors are the kernel's
    (`LLMError`), with the original as their cause; retries are left to the kernel.
    """

    name = "browserllm"

    def __init__(self, config: Mapping[str, Any] | None = None, coordinator: Any = None) -> None:
        """``config`` has the fields of `Settings`. Nothing starts before the first request.

        Raises `ConfigurationError` for a setting that is not valid.
        """
        self.settings = read_settings(config)
        self.coordinator = coordinator
        self._source = source_of(self.settings)
        self._streams: set[ChatStream] = set()
        self._window: int | None = None
        self._window_asked = False
        """Whether the given backend was asked for its context window."""
        if self._token is not None:
            self._token.on_cancel(self._stop_all)

    def get_info(self) -> ProviderInfo:
        """Return what the provider is, and the context window that Amplifier plans with, if it is known."""
        window = self._window or known_window(self.settings)
        plan: dict[str, Any] = {}
        if window is not None:
            plan["context_window"] = window
            plan["max_output_tokens"] = self.settings.max_tokens or max_output_tokens(window)
        return ProviderInfo(
            id=self.name,
            display_name="browserllm",
            credential_env_vars=[],
            capabilities=["streaming", "tools", "thinking", "json_mode", "local"],
            defaults={
                "model": self.settings.model or "pocket",
                **plan,
                "temperature": self.settings.temperature,
                "timeout": self.settings.timeout,
            },
            config_fields=[
                ConfigField(
                    id="model",
                    display_name="Model",
                    prompt="Which model should answer? (`browserllm models list --fits` names those for this device)",
                    required=False,
                    default="pocket",
                ),
                ConfigField(
                    id="fallback",
                    display_name="Fallback",
                    prompt="Which models are asked when that one cannot answer? (such as pocket, openai:gpt-5-mini)",
                    required=False,
                ),
                ConfigField(
                    id="private",
                    display_name="Private",
                    field_type="boolean",
                    prompt="Keep every request on this device?",
                    required=False,
                    default="false",
                ),
            ],
        )

    async def learn_window(self) -> None:
        """Ask a given backend for its context window, which `get_info` names from then on; starts nothing."""
        if isinstance(self.settings.backend, Backend):
            await self._learn_window(self.settings.backend)

    async def list_models(self) -> list[ModelInfo]:
        """Return the models to choose from: those of the given backend, else the catalog. Starts no browser."""
        try:
            return await list_models(self.settings)
        except BrowserLLMError as error:
            raise convert_error(error) from error

    async def complete(self, request: AmplifierRequest, **kwargs: Any) -> AmplifierResponse:
        """Answer a request; ``kwargs`` win over its fields. Emits ``llm:*`` events while it runs.

        Raises the kernel's errors: `AbortError` when the session is cancelled, and those of `convert_error`.
        """
        converted = convert_request(request, kwargs, self.settings)
        ours = converted.request
        streaming = self.settings.use_streaming and (request.metadata or {}).get("stream") is not False
        events = Events(self._hooks, provider=self.name, model=ours.model, streaming=streaming)
        await self._announce(events, request, converted)
        try:
            response = await self._answer(ours, events)
            answer = convert_response(response)
        except LLMError as error:
            await events.failure(error)
            raise
        except asyncio.CancelledError as error:
            with suppress(BaseException):
                await events.failure(error)
            raise
        except Exception as error:
            await events.failure(error)
            raise convert_error(error, model=ours.model) from error
        usage = answer.usage.model_dump(exclude_none=True) if answer.usage else {}
        said: dict[str, Any] = {"usage": usage, "finish_reason": response.finish_reason}
        if self.settings.raw:
            said["raw"] = msgspec.to_builtins(response)
        await events.response(response.model or ours.model, said)
        return answer

    def parse_tool_calls(self, response: AmplifierResponse) -> list[ToolCall]:
        """Return the tool calls of a response."""
        return list(response.tool_calls or [])

    async def close(self) -> None:
        """Stop what runs, and close the browser that the provider started; safe to call more than once."""
        await self._stop_all()
        await self._source.close()

    # Answering

    async def _answer(self, request: ChatRequest, events: Events) -> ChatResponse:
        if self._is_cancelled():
            raise self._aborted(request)
        backend = await self._source.backend()
        if not self._window_asked and self.settings.backend is not None:
            await self._learn_window(backend)
        async with self._stopped_by_token(backend, request) as stream:
            async for chunk in stream:
                await events.chunk(chunk)
            response = await stream.finish()
        if response.finish_reason == "cancelled":
            raise self._aborted(request)
        await events.end()
        return response

    async def _learn_window(self, backend: Backend) -> None:
        asked = ChatRequest(messages=[Message("user", "")], model=self.settings.model, private=self.settings.private)
        self._window_asked = True
        with suppress(BrowserLLMError):  # what is wrong with the backend is for its answer to say
            self._window = (await backend.facts(asked)).context_window

    @asynccontextmanager
    async def _stopped_by_token(self, backend: Backend, request: ChatRequest) -> AsyncGenerator[ChatStream]:
        """Open a stream that stops when the session is cancelled."""
        async with backend.stream(request) as stream:
            self._streams.add(stream)
            watcher = asyncio.create_task(self._watch(stream)) if self._token is not None else None
            try:
                yield stream
            finally:
                self._streams.discard(stream)
                if watcher is not None:
                    watcher.cancel()
                    await asyncio.wait([watcher])

    async def _watch(self, stream: ChatStream) -> None:
        await until_cancelled(self._token)
        stream.stop()

    async def _stop_all(self) -> None:
        for stream in list(self._streams):
            stream.stop()

    async def _announce(self, events: Events, request: AmplifierRequest, converted: Converted) -> None:
        if converted.repairs:
            repairs = [repair._asdict() for repair in converted.repairs]
            await events.emit("provider:tool_sequence_repaired", {"repair_count": len(repairs), "repairs": repairs})
        ours = converted.request
        said: dict[str, Any] = {
            "message_count": len(request.messages),
            "tool_count": len(ours.tools),
            "temperature": ours.temperature,
            "max_output_tokens": ours.max_tokens,
            "thinking": ours.thinking,
        }
        if self.settings.raw:
            said["raw"] = msgspec.to_builtins(ours)
        await events.request(said)

    def _aborted(self, request: ChatRequest) -> AbortError:
        return AbortError("the session was cancelled; the answer was stopped", provider=self.name, model=request.model)

    @property
    def _hooks(self) -> Any:
        return getattr(self.coordinator, "hooks", None)

    @property
    def _token(self) -> Any:
        return getattr(self.coordinator, "cancellation", None)

    def _is_cancelled(self) -> bool:
        return bool(self._token is not None and self._token.is_cancelled)
