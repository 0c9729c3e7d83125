"""LocalBackend: answers chats on the device behind a Host."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from .._internal.identity import Hashed
from .._internal.version import __version__
from ..errors import BrowserLLMError, InvalidRequest, ModelNotFound, ModelNotLoaded, Unavailable
from ..models import Catalog, LoadedModel, ModelCard, ModelManager
from ..models.loading import OnProgress
from ..models.thinking import begins_with_form, switch_thinking
from ..page.environment import Environment
from ..page.host import Host, read
from ..reasoning import StartsAs, Thinking, ThoughtReader, opens_thought, thinking_for, with_thoughts
from ..types import (
    ENGINE_OPTIONS,
    Capabilities,
    ChatRequest,
    ChatWarning,
    Embeddings,
    FinishReason,
    Health,
    Message,
    ModelInfo,
    Timings,
    Usage,
)
from .base import Backend, unsupported
from .facts import BackendFacts
from .page_messages import wire_messages, without_images
from .request import Prompt, build_request
from .stream import Delta, Draft

if TYPE_CHECKING:
    from ..constrained.grammars.response_format import ConstrainedFormat
    from ..constrained.tool_calls import ToolUse
    from ..constrained.tool_calls.constraint import ToolConstraint


class _ChatResult(msgspec.Struct):
    finish_reason: FinishReason
    usage: Usage = Usage()
    timings: Timings = Timings()
    warnings: list[ChatWarning] = []


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
        args = _chat_args(request, draft)
        # A schema that is none fails here, before anything is loaded.
        wanted = _held_format(args["response_format"]) if "response_format" in args else None
        draft.cost_usd = 0.0
        use = _tool_use(request)
        name = await self._name(request.model)
        card = self._card(name)
        family = "" if card is None else card.family
        thinking = thinking_for(family)
        args["messages"] = wire_messages(_messages(request, use, family), draft)
        calls = None if use is None else use.constraint()
        again = False
        held: str | None = None  # what the engine is held to a form of ours for; asked once
        while True:
            loaded = await self._load(name)
            _note(draft, loaded)
            if "image" not in loaded.input:
                args["messages"] = without_images(args["messages"], draft)
            if held is None:
                held = self._hold(calls, wanted, loaded.engine, args, draft)
                form = self._is_form(loaded.engine, args, request)
                switch = switch_thinking(card, loaded.model, loaded.engine, request.thinking, held=form)
                if switch.short:
                    unsupported(draft, "thinking", switch.short)
                args |= switch.arguments(args["messages"])
            stream = self.host.stream("chat", {"model": loaded.model, **args})
            self._chats.count += 1
            draft.interrupt = stream.cancel
            tokens = thought_tokens = 0
            parser = None if use is None else use.parser()
            reader: ThoughtReader | None = None
            try:
                yield ""  # the start goes out before the first token
                async for chunk in stream:
                    tokens += chunk.tokens
                    if reader is None:
                        is_form = self._is_form(loaded.engine, args, request)
                        starts_as = "text" if is_form else _starts_as(thinking, chunk.prompt_end)
                        reader = ThoughtReader(thinking.markers, starts_as=starts_as, calls=parser)
                    for delta in reader.feed(chunk.text, chunk.logprobs):
                        yield delta
                    thought_tokens += chunk.tokens if reader.thinking else 0
            except ModelNotLoaded:
                # The page has lost the model since: load it again, once.
                if tokens or again:
                    raise
                again = True
                draft.interrupt = None
                self.models.forget(loaded.model)
                continue
            except InvalidRequest as error:
                # A grammar of ours that the engine does not take.
                if tokens or not held or error.data.get("parameter") != "response_format":
                    raise
                draft.interrupt = None
                del args["response_format"]
                what = (
                    "asked, and not made, to follow the tools' schemas" if held == "tools" else "not held to the schema"
                )
                unsupported(draft, held, f"the model was {what}: {error}")
                held = ""
                continue
            finally:
                self._chats.count -= 1
                stream.drop()
                draft.usage = Usage(completion_tokens=tokens, reasoning_tokens=thought_tokens)
            result = read(stream.result or {}, _ChatResult, "'chat'")
            draft.finish_reason = result.finish_reason
            if reader is not None:
                for delta in reader.finish(cut=result.finish_reason != "stop"):
                    yield delta
            if parser is not None and parser.calls and result.finish_reason == "stop":
                draft.finish_reason = "tool_calls"
            draft.usage = msgspec.structs.replace(
                result.usage, reasoning_tokens=min(thought_tokens, result.usage.completion_tokens)
            )
            draft.timings = result.timings
            draft.warnings.extend(result.warnings)
            return

    async def embed(self, texts: str | Sequence[str], *, model: str | None = None) -> Embeddings:
        """Turn texts into vectors with an embedding model, which is loaded (and fetched) if need be.

        Transformers.js pools and normalizes as the model says; WebLLM gives the first token's vector, of any length.

        Raises `InvalidRequest` when there is no text, `Unsupported` when the model is none for embeddings, and what a
        load raises.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            raise InvalidRequest("embed() got no texts; give it at least one", parameter="texts")
        loaded = await self._load(await self._name(model))
        answer = read(await self.host.call("embed", {"model": loaded.model, "input": texts}), _Vectors, "'embed'")
        return Embeddings(model=loaded.model, vectors=answer.vectors, usage=answer.usage)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int:
        """Return how many tokens a prompt is for a model, its chat template included; loads the model if need be.

        Raises `InvalidRequest` for what is no prompt, `Unsupported` for parts that the model cannot take.
        """
        request = build_request(prompt, {"unsupported": "error"})
        draft = Draft(request, self.name, "")
        name = await self._name(model or request.model)
        card = self._card(name)
        family = "" if card is None else card.family
        messages = wire_messages(_messages(request, _tool_use(request), family), draft)
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
            standing = await self.models.standing(name, engine=self.engine, device=self.device, download=self.download)
        except BrowserLLMError as error:
            known = {"model": name, "available": False, "reason": str(error)}
            if request.model is not None and isinstance(error, ModelNotFound):
                known["knows_model"] = False
        else:
            known = {
                "model": standing.model,
                "knows_model": True if request.model is not None else None,
                "available": not standing.obstacle,
                "reason": standing.obstacle,
                "fits": standing.fits,
                "downloaded": standing.downloaded,
                "fetch_bytes": standing.fetch_bytes,
                "loaded": standing.loaded,
                "context_window": standing.context_window,
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

    def _hold(
        self,
        calls: ToolConstraint | None,
        wanted: ConstrainedFormat | None,
        engine: str,
        args: dict[str, Any],
        draft: Draft,
    ) -> str:
        """Have the engine make answers or calls well-formed, where it can; say where it cannot what that means.

        Return the option that it now has a form of ours for; an empty text where it has none.
        """
        able = self._is_able(engine)
        if calls is None:
            if wanted is None or not able or wanted.response_format is args["response_format"]:
                return ""  # the page says what comes of it
            args["response_format"] = wanted.response_format
            if wanted.unconstrained:
                from ..constrained.grammars.response_format import UNCONSTRAINED

                draft.warn("response_format", f"{UNCONSTRAINED}{wanted.unconstrained}; check it yourself")
            return "response_format"
        if able:
            if "response_format" in args:
                unsupported(draft, "response_format", "an answer that may call tools has their form; it was left out")
            args["response_format"] = calls.response_format
            for sentence in calls.unconstrained:
                draft.warn("tools", sentence)
            return "tools"
        if draft.request.tool_choice in (None, "auto"):
            draft.warn("tools", f"engine {engine!r} cannot hold a model to the tools' schemas: check the arguments")
        else:
            unsupported(
                draft, "tool_choice", f"engine {engine!r} cannot make a model call a tool; it was only asked to"
            )
        return ""

    def _is_able(self, engine: str) -> bool:
        """Say whether an engine can hold an answer to a form."""
        return any("structured_output" in info.capabilities for info in self.host.hello.engines if info.name == engine)

    def _is_form(self, engine: str, args: dict[str, Any], request: ChatRequest) -> bool:
        """Say whether the engine holds the answer to a form from its first token on: then it begins with no thought."""
        return self._is_able(engine) and begins_with_form(args.get("response_format"), request.tool_choice)

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


def _tool_use(request: ChatRequest) -> ToolUse | None:
    """Return what the tools of a request come to; ``None`` where it has nothing to do with tools."""
    asked = request.tools or request.tool_choice is not None
    if not asked and not any(message.role == "tool" or message.tool_calls for message in request.messages):
        return None
    from ..constrained.tool_calls import ToolUse  # others start sooner without it

    return ToolUse(request)


def _messages(request: ChatRequest, use: ToolUse | None, family: str) -> list[Message]:
    """Return the messages as the model's family has them: tools, calls and results, and the thoughts of this turn."""
    messages = with_thoughts(request.messages, thinking_for(family))
    return messages if use is None else use.messages(messages, family)


def _starts_as(thinking: Thinking, prompt_end: str | None) -> StartsAs:
    """Say how an answer begins: the page knows, for it has the prompt."""
    if prompt_end is None:
        return "unsure" if thinking.opens else "text"
    return "thought" if opens_thought(prompt_end, thinking.markers) else "text"


def _held_format(response_format: dict[str, Any]) -> ConstrainedFormat | None:
    """Return what a ``response_format`` comes to for an engine; `InvalidRequest` where its schema is none."""
    if response_format.get("type") == "text":
        return None
    from ..constrained.grammars.response_format import constrain_format  # others start sooner without it

    return constrain_format(response_format)


def _note(draft: Draft, loaded: LoadedModel) -> None:
    draft.model = loaded.model
    draft.engine = loaded.engine
    draft.device = loaded.device
    draft.adapter = loaded.adapter
    draft.route.extend(hop for hop in loaded.route if hop not in draft.route)


def _chat_args(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    """Return the page's options for a request; what the page cannot honour is reported."""
    args: dict[str, Any] = {}
    for name in ENGINE_OPTIONS:
        value = getattr(request, name)
        if value is not None:
            args[name] = value
    if request.stop:
        args["stop"] = request.stop
    if request.logit_bias:
        args["logit_bias"] = {str(token): bias for token, bias in request.logit_bias.items()}
    if request.logprobs:
        args["logprobs"] = True
    if request.n > 1:
        unsupported(draft, "n", f"a local model gives one answer, not {request.n}")
    return args
