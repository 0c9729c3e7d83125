"""LocalBackend: answers chats on the user's device, through a Host."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from .._internal.arguments import check_list, check_model
from .._internal.identity import Hashed
from .._internal.version import __version__
from ..errors import BrowserLLMError, InvalidRequest, ModelNotFound, ModelNotLoaded, Unavailable
from ..models import Catalog, LoadedModel, ModelCard, ModelManager
from ..models.engines.engine import PAGE_OPTIONS
from ..models.loading import OnProgress
from ..models.readiness import Readiness
from ..models.thinking import switch_thinking
from ..page.environment import Environment
from ..page.host import EngineInfo, Host, check_host, read
from ..types import ENGINE_OPTIONS, Capabilities, ChatRequest, Embeddings, Health, ModelInfo, Usage
from .base import Backend
from .draft import Draft
from .engine_options import find_unhonoured, page_options
from .facts import BackendFacts
from .local_chat import LocalChat, messages_of, tool_use
from .page_messages import wire_messages, without_images
from .request import Prompt, build_request
from .stream import Delta


class _Vectors(msgspec.Struct):
    vectors: list[list[float]]
    usage: Usage = Usage()


class _Count(msgspec.Struct):
    tokens: int


class _Chats:
    """Counts the chats that this program has running on a page."""

    def __init__(self) -> None:
        self.count = 0


class LocalBackend(Backend):
    """Answers chats with a model in the page. It is free, and nothing leaves the device.

    The first chat loads the model if necessary, and unloads others. ``capabilities`` are those that any engine may
    have until a model is loaded, then those of the loaded model. Responses name the engine, device and adapter;
    their ``route`` lists the engines that were skipped.
    """

    capabilities: Capabilities = Capabilities(
        tools=True,
        structured_output=("constrained",),
        parameters=frozenset(
            {
                *("messages", "model", "stop", "logit_bias", "logprobs", "tools", "tool_choice", "thinking"),
                *("deadline_s", *ENGINE_OPTIONS),
            }
        ),
    )
    name: str = "local"
    leaves_device: bool = False
    needs_network: bool = False

    def __init__(
        self,
        host: Host,
        model: str | None = None,
        *,
        engine: str | None = None,
        device: str | None = None,
        catalog: Catalog | None = None,
        download: bool = True,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Answer through ``host``, which the caller closes.

        ``model`` defaults to the model loaded last, else the built-in one. ``engine`` (``webllm``, ``transformersjs``)
        and ``device`` (``webgpu``, ``wasm``) force a choice. The first chat downloads a model that is not on the
        device; with ``download=False`` it raises `ModelNotDownloaded` instead. ``on_progress`` is called with the
        progress of downloads and loads that a chat starts.
        """
        check_host(host)
        check_model("model", model)
        self.host = host
        self.model = model
        self.engine = engine
        self.device = device
        self.download = download
        self.models = ModelManager(host, catalog)
        self._on_progress = on_progress
        if model is not None and model in self.models.catalog:
            # From the catalog card until the model is loaded, then from the model itself.
            images = self.models.catalog.get(model).vision
            self.capabilities = msgspec.structs.replace(self.capabilities, images=images)

    def __repr__(self) -> str:
        model = getattr(self, "model", None)
        return f"<{type(self).__name__} {self.name!r}: {'the current model' if model is None else repr(model)}>"

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Load the model if necessary, and stream its answer."""
        chat = LocalChat(request, draft)
        draft.cost_usd = 0.0
        name = await self._name(request.model)
        chat.write_messages(self._card(name))
        with self.models.using(name):
            while True:
                loaded = await self._load(name)
                chat.fit(loaded, self._engine_info(loaded.engine))
                answer = chat.answer()
                stream = self.host.stream("chat", {"model": loaded.model, **chat.options})
                self._chats.count += 1
                draft.interrupt = stream.cancel
                try:
                    yield ""  # sends the start chunk before the first token
                    async for chunk in stream:
                        for delta in answer.feed(chunk):
                            yield delta
                except (ModelNotLoaded, InvalidRequest) as error:
                    if answer.tokens or not chat.can_be_sent_again(error):
                        raise
                    draft.interrupt = None
                    if isinstance(error, ModelNotLoaded):
                        self.models.forget(loaded.model)
                    continue
                finally:
                    self._chats.count -= 1
                    stream.drop()
                    draft.usage = answer.usage
                for delta in answer.end(stream.result):
                    yield delta
                return

    async def embed(self, texts: str | Sequence[str], *, model: str | None = None) -> Embeddings:
        """Embed texts with an embedding model, which is downloaded and loaded if necessary.

        Transformers.js pools and normalizes as the model's configuration says; WebLLM returns the first token's vector,
        not normalized.

        Raises `InvalidRequest` if there is no text, `Unsupported` if the model is not an embedding model, and what
        `ModelManager.load` raises.
        """
        check_model("model", model)
        texts = [texts] if isinstance(texts, str) else check_list("texts", texts, "texts", write="use ['one', 'two']")
        if not texts:
            raise InvalidRequest("embed() got no texts; give it at least one", parameter="texts")
        name = await self._name(model)
        with self.models.using(name):
            loaded = await self._load(name)
            answer = read(await self.host.call("embed", {"model": loaded.model, "input": texts}), _Vectors, "'embed'")
        return Embeddings(model=loaded.model, vectors=answer.vectors, usage=answer.usage)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int:
        """Return the number of tokens in a prompt, including the chat template; loads the model if necessary.

        Raises `InvalidRequest` if the prompt is not valid, `Unsupported` for parts that the model cannot take.
        """
        check_model("model", model)
        request = build_request(prompt, {"unsupported": "error"})
        draft = Draft(request, self.name, "")
        name = await self._name(model or request.model)
        card = self._card(name)
        family = "" if card is None else card.family
        messages = wire_messages(messages_of(request, tool_use(request), family), draft)
        with self.models.using(name):
            loaded = await self._load(name)
            draft.model = loaded.model
            if "image" not in loaded.input:
                messages = without_images(messages, draft)
            switch = switch_thinking(card, loaded.model, loaded.engine, request.thinking)
            counted = await self.host.call("count_tokens", {"model": loaded.model, **switch.arguments(messages)})
        return read(counted, _Count, "'count_tokens'").tokens

    async def list_models(self) -> list[ModelInfo]:
        """Return the catalog's models, with whether each is downloaded and loaded."""
        return [
            ModelInfo(
                id=entry.card.id,
                name=entry.card.name,
                context_window=entry.card.context_window,
                downloaded=entry.downloaded,
                loaded=entry.loaded is not None,
            )
            for entry in await self.models.list()
        ]

    async def health(self) -> Health:
        """Check that the page answers."""
        try:
            await self.host.call("status")
        except BrowserLLMError as error:
            return Health(ok=False, reason=str(error))
        return Health(ok=True)

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return 0: the device is the user's own."""
        build_request(prompt, options)
        return 0.0

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return whether this device can run the model that would answer, and whether it is downloaded and loaded.

        Asks the page now and then until the model is loaded, and no more after that. ``queue_length`` counts this
        program's chats.
        """
        name = request.model or self.model
        known: dict[str, Any]
        try:
            if self.host.closed:
                raise Unavailable("the connection to the page is closed; connect again", reason="closed")
            readiness = await self.models.readiness(
                name, engine=self.engine, device=self.device, download=self.download
            )
        except BrowserLLMError as error:
            known = {"model": name, "available": False, "reason": str(error), "code": error.code, "data": error.data}
            if request.model is not None and isinstance(error, ModelNotFound):
                known["knows_model"] = False
        else:
            known = {
                "model": readiness.model,
                "knows_model": True if request.model is not None else None,
                "available": not readiness.obstacle,
                "reason": readiness.obstacle,
                "fits": readiness.fits,
                "downloaded": readiness.downloaded,
                "fetch_bytes": readiness.fetch_bytes,
                "loaded": readiness.loaded,
                "context_window": readiness.context_window,
                "unhonoured": self._unhonoured(request, readiness),
            }
        return BackendFacts(
            leaves_device=False, needs_network=False, queue_length=self._chats.count, cost_usd=0.0, **known
        )

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the choice of model, engine and device, the cards added to the catalog, and this package's version.

        Which model is loaded is one of the `facts`. The same model may answer differently on another device or in
        another version of this package.
        """
        return [self.name, self.model, self.engine, self.device, self.models.catalog.added, __version__]

    def environment(self) -> Environment:
        """Return the device's environment as the page last reported it."""
        return self.host.environment

    async def prepare(self, request: ChatRequest) -> None:
        """Load the model that would answer; download it first if necessary, unless ``download`` is false.

        Raises the errors of `ModelManager.load`.
        """
        await self._load(await self._name(request.model))

    def _card(self, name: str) -> ModelCard | None:
        try:
            return self.models.catalog.get(name)
        except ModelNotFound:
            return None  # loading it raises the error

    def _engine_info(self, engine: str | None) -> EngineInfo | None:
        """Return what the page says of an engine."""
        return next((info for info in self.host.hello.engines if info.name == engine), None)

    def _unhonoured(self, request: ChatRequest, readiness: Readiness) -> tuple[str, ...]:
        """Return the request's parameters that the engine which would answer does not honour."""
        engine = readiness.engine or self.engine
        info = self._engine_info(engine)
        if engine is None or info is None:
            return ("n",) if request.n > 1 else ()
        options = page_options(request)
        found = ["n"] if request.n > 1 else []
        if request.thinking is not None:
            switch = switch_thinking(self._card(readiness.model), readiness.model, engine, request.thinking)
            options.update({} if switch.option is None else {"thinking": switch.option})
            found += ["thinking"] if switch.short else []
        honoured = info.options if readiness.options is None else readiness.options
        return tuple(dict.fromkeys([*found, *(lack.parameter for lack in find_unhonoured(options, honoured, engine))]))

    @property
    def _chats(self) -> _Chats:
        return self.host.shared(_Chats)

    async def _name(self, wanted: str | None) -> str:
        return wanted or self.model or await self.models.current()

    async def _load(self, name: str) -> LoadedModel:
        loaded = await self.models.load(
            name, engine=self.engine, device=self.device, download=self.download, on_progress=self._on_progress
        )
        if self.model in (None, name):
            self._describe(loaded)
        return loaded

    def _describe(self, loaded: LoadedModel) -> None:
        """Set the capabilities to those of the loaded model, which may differ from its card's and its engine's."""
        parameters = LocalBackend.capabilities.parameters
        info = self._engine_info(loaded.engine)
        honoured = loaded.options if loaded.options is not None or info is None else info.options
        if honoured is not None:
            switch = switch_thinking(self._card(loaded.model), loaded.model, loaded.engine, thinking=True)
            by_words = not switch.short and switch.option is None
            parameters = parameters.difference(PAGE_OPTIONS).union(
                name for name in honoured if name != "thinking" or not switch.short
            )
            parameters = parameters | {"thinking"} if by_words else parameters
        described = msgspec.structs.replace(self.capabilities, images="image" in loaded.input, parameters=parameters)
        if described != self.capabilities:  # a router compares the object
            self.capabilities = described
