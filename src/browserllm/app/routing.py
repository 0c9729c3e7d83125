"""Routing: the one router that answers all conversations, as the settings say.

Privacy does not depend on the policy here: what must stay on the device is a private request, which no backend that may
leave the device ever gets (`browserllm.backends.privacy`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.identity import Hashed
from ..backends.base import Backend, Middleware
from ..backends.draft import Draft
from ..backends.facts import BackendFacts
from ..backends.local import LocalBackend
from ..backends.privacy import delegates_facts
from ..backends.request import Prompt, build_request
from ..backends.router.candidate import Candidate, Choice
from ..backends.router.policies import CloudFirst, Explicit, LeastCost, LeastLatency, LocalFirst, Policy
from ..backends.router.router import Router
from ..backends.stream import Delta
from ..errors import InvalidRequest
from ..types import ChatRequest
from .answer_info import CLOUDS_ONLY, DEVICE_ONLY, OTHER_CLOUD
from .app import App
from .clouds import Clouds
from .models import Models
from .state import ConversationSettings, Settings

if TYPE_CHECKING:
    from ..backends.cloud import CloudBackend

LOCAL = "local"
CLOUD = "cloud:"


class AppPolicy(Policy):
    """Ranks as the settings say at that moment; the backend that a conversation has chosen comes first."""

    def __init__(self, settings: Callable[[], Settings], chosen: str | None) -> None:
        """``chosen`` is the name of the backend that the conversation has chosen, if it has."""
        self._settings = settings
        self._chosen = chosen
        self._policies: dict[str, Policy] = {
            # A model that the user has chosen is fetched, whatever its size.
            "local_first": LocalFirst(max_fetch_bytes=None),
            "cloud_first": CloudFirst(),
            "least_cost": LeastCost(),
            "least_latency": LeastLatency(),
        }

    @property
    def name(self) -> str:
        """The mode, or the policy that decides in the mode ``auto``."""
        settings = self._settings()
        if settings.never_leave_device:
            return "local"
        return settings.policy if settings.mode == "auto" else settings.mode

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the settings that the ranking depends on."""
        settings = self._settings()
        return [self._chosen, settings.mode, settings.policy, settings.never_leave_device]

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        settings = self._settings()
        able: list[Candidate] = []
        out: list[Choice] = []
        for candidate in candidates:
            why = self._why_not(candidate, settings, private=request.private)
            if why:
                out.append(Choice(candidate=candidate, reason=why, excluded=True))
            else:
                able.append(candidate)
        ranked = list(self._policies[settings.policy].rank(request, able))
        chosen = [choice for choice in ranked if choice.name == self._chosen and not choice.excluded]
        first = [replace(choice, reason=f"chosen for this conversation; {choice.reason}") for choice in chosen]
        return [*first, *(choice for choice in ranked if choice not in chosen), *out]

    def _why_not(self, candidate: Candidate, settings: Settings, *, private: bool) -> str:
        if candidate.local:
            return CLOUDS_ONLY if settings.mode == "cloud" and not private else ""
        if settings.mode == "local":
            return DEVICE_ONLY
        if self._chosen is not None and self._chosen.startswith(CLOUD) and candidate.name != self._chosen:
            return OTHER_CLOUD
        return ""


class Routing:
    """Returns the backend of a conversation. Changed clouds make new routers; the old ones end with their answers."""

    def __init__(self, app: App, models: Models, clouds: Clouds) -> None:
        """Answer with the models of this device and with the clouds."""
        self._app = app
        self._models = models
        self._clouds = clouds
        self._locals: dict[str, LocalBackend] = {}
        self._remote: dict[str, CloudBackend] = {}
        self._routers: dict[tuple[str, str | None], Router] = {}
        self._busy = 0
        self._retired: list[CloudBackend] = []
        self._closing: set[asyncio.Task[None]] = set()
        clouds.on_change = self._on_clouds

    def backend_for(self, settings: ConversationSettings) -> ChosenBackend:
        """Return the backend that answers a conversation with these settings: it knows the model and the privacy.

        Raises `InvalidRequest` if the conversation has chosen a cloud that does not exist, or is turned off.
        """
        app = self._app.state.value.settings
        wanted = settings.model or (app.model if (app.model or "").startswith(CLOUD) else None)
        chosen: str | None = None
        model = self._models.default_model()
        if wanted is not None and wanted.startswith(CLOUD):
            chosen = wanted
            self._check(wanted.removeprefix(CLOUD))
        elif wanted is not None:
            chosen, model = LOCAL, wanted
        return ChosenBackend(
            self._router(model, chosen),
            is_private=lambda: settings.private or self._keeps_all_here(),
            on_answering=self._on_answering,
        )

    def backend_of(self, settings: ConversationSettings, fallback: Sequence[str]) -> ChosenBackend:
        """Return the backend that asks the settings' model first, and then those of ``fallback`` in their order.

        They are ids of models or ``cloud:ID``, as in a conversation's settings; no other one is asked. Without any name
        the app's settings choose. Raises `InvalidRequest` for a cloud that does not exist, or is turned off.
        """
        if not fallback and settings.model is None:
            return self.backend_for(settings)
        wanted = [settings.model or self._app.state.value.settings.model or self._models.default_model(), *fallback]
        backends: list[Backend] = []
        for name in dict.fromkeys(wanted):
            if name.startswith(CLOUD):
                self._check(name.removeprefix(CLOUD))
                backends.append(self._remote[name])
            else:
                backends.append(self._local(name))
        # One by itself fails with its own error.
        alone = len(backends) == 1
        return ChosenBackend(
            backends[0] if alone else Router(backends, Explicit(), on_interrupted="restart", warm_up=False),
            is_private=lambda: settings.private or self._keeps_all_here(),
            on_answering=self._on_answering,
        )

    def _keeps_all_here(self) -> bool:
        settings = self._app.state.value.settings
        return settings.never_leave_device or settings.mode == "local"

    async def close(self) -> None:
        """Close the connections to the clouds."""
        self._routers = {}
        for backend in [*self._remote.values(), *self._retired]:
            await backend.close()
        self._remote, self._retired = {}, []
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _check(self, name: str) -> None:
        cloud = self._app.state.value.clouds.get(name)
        if cloud is None:
            raise InvalidRequest(
                f"this conversation has chosen the cloud {name!r}, which does not exist any more; choose another model",
                parameter="model",
            )
        if not cloud.enabled:
            raise InvalidRequest(
                f"this conversation has chosen “{cloud.label}”, which is turned off; turn it on in the settings, or "
                "choose another model",
                parameter="model",
            )

    def _router(self, model: str, chosen: str | None) -> Router:
        key = (model, chosen)
        if key not in self._routers:
            policy = AppPolicy(lambda: self._app.state.value.settings, chosen)
            self._routers[key] = Router(
                [self._local(model), *self._remote.values()], policy, on_interrupted="restart", warm_up=False
            )
        return self._routers[key]

    def _local(self, model: str) -> LocalBackend:
        if model not in self._locals:
            manager = self._models.manager
            self._locals[model] = LocalBackend(manager.host, model, catalog=manager.catalog)
        return self._locals[model]

    def _on_clouds(self) -> None:
        self._retired += self._remote.values()
        clouds = self._app.state.value.clouds.values()
        backends = [self._clouds.backend(cloud) for cloud in clouds if cloud.enabled]
        self._remote = {backend.name: backend for backend in backends}
        self._routers = {}
        self._close_retired()

    def _on_answering(self, change: int) -> None:
        self._busy += change
        self._close_retired()

    def _close_retired(self) -> None:
        if not self._busy and self._retired:
            retired, self._retired = self._retired, []
            for backend in retired:
                closing = self._app.spawn(backend.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)


class ChosenBackend(Middleware):
    """The backend of one conversation, with its model chosen, and private if its requests must stay on the device."""

    identity = Middleware.identity

    def __init__(
        self, backend: Backend, *, is_private: Callable[[], bool], on_answering: Callable[[int], None]
    ) -> None:
        """``is_private`` is asked at each request: the user may turn the switch in the middle of a turn.

        ``on_answering`` is called with 1 when an answer begins, and with -1 at its end.
        """
        super().__init__(backend)
        self._is_private = is_private
        self._on_answering = on_answering

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer with the backend."""
        self._on_answering(1)
        try:
            async with aclosing(self.backend.generate(self._own(request), draft)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self._on_answering(-1)

    @delegates_facts
    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Ask the backend."""
        return await self.backend.facts(self._own(request))

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Ask the backend."""
        return await self.backend.estimate_cost(self._own(build_request(prompt, options)))

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Ask the backend."""
        return await self.backend.count_tokens(self._own(build_request(prompt, {})))

    async def prepare(self, request: ChatRequest) -> None:
        """Prepare the backend that would answer."""
        await self.backend.prepare(self._own(request))

    async def close(self) -> None:
        """Do nothing: the backend belongs to the app."""

    def _own(self, request: ChatRequest) -> ChatRequest:
        # The conversation's model is chosen: a name in the request would mean a model of every backend.
        return replace(request, model=None, private=request.private or self._is_private())
