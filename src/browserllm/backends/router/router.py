"""Router: a Backend made of Backends. It asks what each knows, lets a policy rank them, and asks them in that order.

A request is planned and sent in three steps: the survey says which backends may be asked, the policy ranks those (both
in `Planner`), and a `Race` of one or several at a time asks them until one has something to say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from ..._internal import lazy_asyncio as asyncio
from ..._internal.arguments import check_kind, check_list, is_number
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.identity import Hashed, identity_of
from ...errors import AllBackendsFailed, InvalidRequest
from ...page.environment import Environment
from ...types import Capabilities, ChatRequest, Health, ModelInfo
from ..base import Backend, check_backend
from ..facts import BackendFacts
from ..privacy import delegates_facts
from ..request import Prompt, build_request
from ..stream import Delta, Draft
from .attempts import Attempts
from .breaker import Breaker, CircuitBreaker
from .candidate import Choice, Explanation, knows_model
from .checks import check
from .measurements import Measurements
from .plan import Plan, Planner
from .policies import POLICIES, LocalFirst, Policy
from .queue import MAX_WAITING, FairQueue
from .race import Race, Runner
from .routed import Attempt, RoutedBackend, union_of, unique_names
from .translation import Translations, Translator
from .warming import Warming

if TYPE_CHECKING:
    from random import Random


class Router(Backend):
    """Gives each request to one of its backends, and to the next one when that fails. It is a Backend, too.

    A private request is given to no backend that leaves the device, whatever the policy says.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        policy: Policy | None = None,
        *,
        fallback: Literal["sequential", "parallel"] = "sequential",
        parallel: int = 2,
        hedge_after_s: float = 0.0,
        on_interrupted: Literal["raise", "restart"] = "raise",
        translations: Translations | None = None,
        breaker: Breaker | None = Breaker(),  # noqa: B008 (frozen)
        limits: Mapping[str, int] | None = None,
        max_waiting: int = MAX_WAITING,
        fair_key: str = "user",
        warm_up: bool = True,
        environment: Callable[[], Environment | None] | None = None,
        clock: AnyClock | None = None,
        random: Random | None = None,
        name: str = "router",
    ) -> None:
        """Route to ``backends``, which are closed with the router. Those of the same name are told apart by a number.

        ``policy`` ranks them, by default `LocalFirst`. With ``fallback="parallel"`` the best ``parallel`` are asked at
        once, or each ``hedge_after_s`` after the one before, and the first to say something answers.
        ``on_interrupted`` is about an answer that breaks off in the middle: it is raised, or the next backend begins
        anew after a `ChatRestart`. ``translations`` say which model stands for which. ``breaker=None`` never leaves a
        failing backend alone. ``limits`` say how many requests a backend gets at once; up to ``max_waiting`` wait for
        it, one line for each value of ``request.metadata[fair_key]``, served in turn. With ``warm_up`` a local
        model that the policy would rather have asked is got ready while another backend answers. ``environment`` is
        asked instead of the backends. ``clock`` measures and waits; ``random`` spreads the breakers' cool-downs.

        Raises `InvalidRequest` for what makes no sense, `names` of unknown backends included.
        """
        backends = check_list(
            "backends", backends, "backends", write="put it into a list, as in Router([backend])", each=check_backend
        )
        check_kind("policy", policy, (Policy, type(None)), "a policy", write=POLICIES)
        check_kind("limits", limits, (Mapping, type(None)), "a dict", write="use {'name of a backend': 2}")
        check_kind("breaker", breaker, (Breaker, type(None)), "a breaker", write="use Breaker(...), or None for none")
        if not backends:
            raise InvalidRequest("Router() got no backends; give it at least one", parameter="backends")
        check("fallback", fallback, fallback in ("sequential", "parallel"), "'sequential' or 'parallel'")
        check("on_interrupted", on_interrupted, on_interrupted in ("raise", "restart"), "'raise' or 'restart'")
        check("parallel", parallel, is_number(parallel) and parallel >= 1, "at least 1")
        check("hedge_after_s", hedge_after_s, is_number(hedge_after_s) and hedge_after_s >= 0, "at least 0")
        names = unique_names(backends)
        for limited in limits or {}:
            check("limits", limited, limited in names, f"by backend: {', '.join(names)}")
        self.name = name
        self.policy = policy or LocalFirst()
        self.policy.check(None, names)
        self.fallback = fallback
        self.on_interrupted = on_interrupted
        self._union: tuple[list[Capabilities], Capabilities] = ([], Capabilities())
        self._clock = clock or SystemClock()
        self._routed = {
            name: RoutedBackend(
                name,
                backend,
                Measurements(self._clock),
                None if breaker is None else CircuitBreaker(breaker, self._clock, random),
                FairQueue(limits[name], max_waiting=max_waiting, name=repr(name))
                if limits and name in limits
                else None,
                fair_key,
            )
            for name, backend in zip(names, backends, strict=True)
        }
        self._order = list(self._routed.values())
        self._translations = {model: dict(targets) for model, targets in (translations or {}).items()}
        self._planner = Planner(self._routed, Translator(self._translations, names))
        self._parallel = parallel
        self._hedge_after_s = hedge_after_s
        self._warming = Warming() if warm_up else None
        self._environment = environment or _environment_of(backends)
        self._numbers = 0

    @property
    def backends(self) -> dict[str, Backend]:
        """The backends by the names they have here, in their order."""
        return {name: routed.backend for name, routed in self._routed.items()}

    @property
    def leaves_device(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether one of the backends may leave the device."""
        return any(routed.backend.leaves_device for routed in self._order)

    @property
    def needs_network(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether none of the backends answers without a network."""
        return all(routed.backend.needs_network for routed in self._order)

    @property
    def capabilities(self) -> Capabilities:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What at least one of the backends can do, as they say it now."""
        told = [routed.backend.capabilities for routed in self._order]
        if told != self._union[0]:
            self._union = (told, union_of(told))
        return self._union[1]

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer with the first backend that can; the start is held back until it has said something."""
        plan = await self._planner.plan(self.policy, request, self.environment())
        attempts = Attempts(draft, plan.excluded)

        def enter(choice: Choice, kind: type[Runner]) -> Runner:
            self._numbers += 1
            return kind(choice, Attempt(self._routed[choice.name]), request, draft, number=self._numbers)

        left: Sequence[Choice] = plan.choices
        width = min(self._parallel, len(left)) if self.fallback == "parallel" else 1
        while left:
            race = Race(left, enter, width=width, hedge_after_s=self._hedge_after_s, clock=self._clock)
            winner = None
            try:
                winner = await race.first(attempts.failed)
                if winner is None:
                    break
                race.lead(draft)
                if winner.first is not None and plan.to_prepare:
                    self._warm_up(winner.choice, plan.to_prepare, request)
                restart = attempts.restart()
                if restart is not None:
                    yield restart
                if winner.first is not None:
                    yield winner.first
                async for delta in winner.rest:
                    yield delta
                winner.answered()
                return
            except Exception as error:
                if winner is None:
                    raise
                winner.failed(error)
                if self.on_interrupted == "raise":
                    raise
                attempts.broke_off(winner.choice, error)
                race.left.remove(winner.choice)
            finally:
                await race.close(draft)
            left, width = race.left, 1
        raise attempts.give_up()

    async def explain(self, prompt: Prompt, **options: Any) -> Explanation:
        """Say which backends would be asked, in order, which not, and why; nothing is sent."""
        request = build_request(prompt, options)
        choices, excluded, _ = await self._plan(request)
        return Explanation(
            policy=self.policy.name, ranked=[self._told(choice) for choice in choices], excluded=list(excluded)
        )

    async def list_models(self) -> list[ModelInfo]:
        """Return the models of all backends, as ``"backend/model"``, which is how a request can name them.

        A backend that fails does not hide the models of the others; `health` says what is wrong with it. When all
        fail, raises `AllBackendsFailed`.
        """
        lists = await self._ask_all(lambda backend: backend.list_models())
        failures = [answer for answer in lists if isinstance(answer, BaseException)]
        if len(failures) == len(lists):
            told = "; ".join(f"{routed.name!r}: {error}" for routed, error in zip(self._order, failures, strict=True))
            raise AllBackendsFailed(f"no backend could list its models: {told}", causes=failures)
        return [
            replace(model, id=f"{routed.name}/{model.id}")
            for routed, models in zip(self._order, lists, strict=True)
            if not isinstance(models, BaseException)
            for model in models
        ]

    async def health(self) -> Health:
        """Ask all backends: one that is well is enough; the reason says what is wrong with the others."""
        answers = await self._ask_all(lambda backend: backend.health())
        wrong: list[str] = []
        for routed, answer in zip(self._order, answers, strict=True):
            refusal = "" if routed.breaker is None else routed.breaker.refusal()
            if isinstance(answer, BaseException):
                wrong.append(f"{routed.name!r}: {answer}")
            elif not answer.ok or refusal:
                wrong.append(f"{routed.name!r}: {answer.reason or refusal}")
        return Health(ok=len(wrong) < len(self._order), reason="; ".join(wrong))

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return what it costs with the backend that would be asked first; ``None`` when there is none."""
        request = build_request(prompt, options)
        choices = (await self._plan(request)).choices
        if not choices:
            return None
        return await self._routed[choices[0].name].backend.estimate_cost(choices[0].request_for(request))

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Return what the backend counts that would be asked first; ``None`` when there is none, or it cannot."""
        request = build_request(prompt, {} if model is None else {"model": model})
        choices = (await self._plan(request)).choices
        if not choices:
            return None
        return await self._routed[choices[0].name].backend.count_tokens(choices[0].request_for(request))

    @delegates_facts
    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Say what is known of the backend that would be asked first, and of all whether the device may be left."""
        choices, excluded, _ = await self._plan(request)
        if not choices:
            return BackendFacts(
                leaves_device=self.leaves_device and not request.private,
                needs_network=self.needs_network,
                available=False,
                reason="; ".join(f"{one.name!r}: {one.reason}" for one in excluded),
            )
        return replace(
            choices[0].candidate.facts,
            leaves_device=any(not choice.candidate.local for choice in choices),
            needs_network=all(choice.candidate.facts.needs_network for choice in choices),
            knows_model=knows_model(choices),
            queue_length=choices[0].candidate.queue_length,
        )

    def may_leave(self) -> bool:
        """Say no: a private request is given to none of the backends that may leave the device."""
        return False

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the backends with their identities, in their order, and how one of them is chosen."""
        return {
            "backends": [[name, identity_of(backend, request, hashed)] for name, backend in self.backends.items()],
            "policy": identity_of(self.policy, request, hashed),
            "translations": self._translations,
            "fallback": [self.fallback, self._parallel, self._hedge_after_s, self.on_interrupted],
        }

    def environment(self) -> Environment | None:
        """Say what ``environment`` says, else the first backend that knows."""
        return self._environment()

    async def prepare(self, request: ChatRequest) -> None:
        """Get the backend ready that would be asked first."""
        choices = (await self._plan(request)).choices
        if choices:
            await self._routed[choices[0].name].backend.prepare(choices[0].request_for(request))

    async def close(self) -> None:
        """Stop what is being got ready, and close every backend, once each, whatever another one's closing raises."""
        if self._warming is not None:
            await self._warming.close()
        failures: list[Exception] = []
        for backend in {id(routed.backend): routed.backend for routed in self._order}.values():
            try:
                await backend.close()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def _plan(self, request: ChatRequest) -> Plan:
        return await self._planner.plan(self.policy, request, self.environment())

    def _warm_up(self, answering: Choice, to_prepare: Sequence[Choice], request: ChatRequest) -> None:
        """Get ready what the policy would rather have asked than the backend that answers now."""
        if self._warming is None:
            return
        for choice in to_prepare:
            if choice is not answering:
                self._warming.begin(self._routed[choice.name], choice.request_for(request), choice.model)

    def _told(self, choice: Choice) -> Choice:
        failure = "" if self._warming is None else self._warming.failure(choice.name, choice.model)
        return replace(choice, reason=f"{choice.reason}; could not be got ready: {failure}") if failure else choice

    async def _ask_all(self, ask: Callable[[Backend], Any]) -> list[Any]:
        return await asyncio.gather(*(ask(routed.backend) for routed in self._order), return_exceptions=True)


def _environment_of(backends: Sequence[Backend]) -> Callable[[], Environment | None]:
    """Return what asks the backends for the environment, the first that knows it; most have nothing to say of it."""
    asked = [backend for backend in backends if type(backend).environment is not Backend.environment]

    def ask() -> Environment | None:
        for backend in asked:
            known = backend.environment()
            if known is not None:
                return known
        return None

    return ask
