"""LocalBackend: answers chats on the device behind a Host."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from .._internal.arguments import check_list, check_model
from .._internal.identity import Hashed
from .._internal.version import __version__
from ..errors import BrowserLLMError, InvalidRequest, ModelNotFound, ModelNotLoaded, Unavailable
from ..models import Catalog, LoadedModel, ModelCard, ModelManager
from ..models.loading import OnProgress
from ..models.thinking import switch_thinking
from ..page.environment import Environment
from ..page.host import Host, check_host, read
from ..types import ENGINE_OPTIONS, Capabilities, ChatRequest, Embeddings, Health, ModelInfo, Usage
from .base import Backend
from .facts import BackendFacts
from .local_chat import LocalChat, messages_of, tool_use
from .page_messages import wire_messages, without_images
from .request import Prompt, build_request
from .stream import Delta, Draft


class _Vectors(msgspec.Struct):
    vectors: list[list[float]]
    usage: Usage = Usage()


class _Count(msgspec.Struct):
    tokens: int


class _Chats:
    """How many chats of this program a page has before it."""

    def __init__(self) -> None:
        self.count = 0


class LocalBackend(Backend):
    """Answers chats with a model in the page: nothing leaves the device, and it costs nothing.

    A model that is not loaded yet is loaded by the first chat, which frees others. Responses name the engine, device
    and adapter, and their ``route`` the engines that were passed over.
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
        """Answer over ``host``, which stays the caller's to close.

        Without ``model`` it is the one loaded last, else the built-in one; ``engine`` (``webllm``, ``transformersjs``)
        and ``device`` (``webgpu``, ``wasm``) force a choice. A model that is not on the device is fetched by the first
        chat, or with ``download=False`` raises `ModelNotDownloaded`. ``on_progress`` is told of downloads and loads
        that a chat starts.
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
            self._take_images(self.models.catalog.get(model).vision)

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Load the model if need be, and stream its answer."""
        chat = LocalChat(request, draft)
        draft.cost_usd = 0.0
        name = await self._name(request.model)
        chat.write_messages(self._card(name))
        while True:
            loaded = await self._load(name)
            chat.fit(loaded, can_constrain=self._can_constrain(loaded.engine))
            answer = chat.answer()
            stream = self.host.stream("chat", {"model": loaded.model, **chat.options})
            self._chats.count += 1
            draft.interrupt = stream.cancel
            try:
                yield ""  # the start goes out before the first token
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
        """Turn texts into vectors with an embedding model, which is loaded (and fetched) if need be.

        Transformers.js pools and normalizes as the model says; WebLLM gives the first token's vector, of any length.

        Raises `InvalidRequest` when there is no text, `Unsupported` when the model is none for embeddings, and what a
        load raises.
        """
        check_model("model", model)
        texts = [texts] if isinstance(texts, str) else check_list("texts", texts, "texts", write="use ['one', 'two']")
        if not texts:
            raise InvalidRequest("embed() got no texts; give it at least one", parameter="texts")
        loaded = await self._load(await self._name(model))
        answer = read(await self.host.call("embed", {"model": loaded.model, "input": texts}), _Vectors, "'embed'")
        return Embeddings(model=loaded.model, vectors=answer.vectors, usage=answer.usage)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int:
        """Return how many tokens a prompt is for a model, its chat template included; loads the model if need be.

        Raises `InvalidRequest` for what is no prompt, `Unsupported` for parts that the model cannot take.
        """
        check_model("model", model)
        request = build_request(prompt, {"unsupported": "error"})
        draft = Draft(request, self.name, "")
        name = await self._name(model or request.model)
        card = self._card(name)
        family = "" if card is None else card.family
        messages = wire_messages(messages_of(request, tool_use(request), family), draft)
        loaded = await self._load(name)
        draft.model = loaded.model
        if "image" not in loaded.input:
            messages = without_images(messages, draft)
        switch = switch_thinking(card, loaded.model, loaded.engine, request.thinking)
        counted = await self.host.call("count_tokens", {"model": loaded.model, **switch.arguments(messages)})
        return read(counted, _Count, "'count_tokens'").tokens

    async def list_models(self) -> list[ModelInfo]:
        """Return the models of the catalog, whether their files are on the device, and whether they are in memory."""
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
        """Ask the page whether it answers."""
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
        """Say how the model that would answer stands with this device.

        Once it is loaded, the page is not asked; before that now and then. ``queue_length`` counts this program's
        chats.
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
            known = {"model": name, "available": False, "reason": str(error)}
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
            }
        return BackendFacts(
            leaves_device=False, needs_network=False, queue_length=self._chats.count, cost_usd=0.0, **known
        )

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the choice of model, engine and device, and the cards that were added to the catalog.

        Which model is loaded is one of the `facts`. The same model on another device, or in another version of this
        package, may word an answer otherwise.
        """
        return [self.name, self.model, self.engine, self.device, self.models.catalog.added, __version__]

    def environment(self) -> Environment:
        """Say how things are around the device, as its page told it last."""
        return self.host.environment

    async def prepare(self, request: ChatRequest) -> None:
        """Load the model that would answer, and fetch it if need be (unless ``download`` is false).

        Raises what `ModelManager.load` raises.
        """
        await self._load(await self._name(request.model))

    def _card(self, name: str) -> ModelCard | None:
        try:
            return self.models.catalog.get(name)
        except ModelNotFound:
            return None  # loading it will say so

    def _can_constrain(self, engine: str) -> bool:
        """Say whether an engine can constrain what a model writes."""
        return any("structured_output" in info.capabilities for info in self.host.hello.engines if info.name == engine)

    @property
    def _chats(self) -> _Chats:
        return self.host.shared(_Chats)

    async def _name(self, wanted: str | None) -> str:
        return wanted or self.model or await self.models.current()

    async def _load(self, name: str) -> LoadedModel:
        loaded = await self.models.load(
            name, engine=self.engine, device=self.device, download=self.download, on_progress=self._on_progress
        )
        if name == self.model:
            self._take_images("image" in loaded.input)
        return loaded

    def _take_images(self, images: bool) -> None:
        # The card's word until the model is loaded, and then the model's own.
        self.capabilities = msgspec.structs.replace(self.capabilities, images=images)
