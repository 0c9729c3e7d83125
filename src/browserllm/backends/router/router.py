"""Router: a Backend made of Backends. It collects their facts, lets a policy rank them, and asks them in that order.

A request takes three steps: the survey decides which backends may be asked, the policy ranks those (both in
`Planner`), and a `Race` asks them, one or several at a time, until one delivers content.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from ..._internal import lazy_asyncio as asyncio
from ..._internal.arguments import check_kind, check_list, is_number
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.identity import Hashed, identity_of
from ...errors import AllBackendsFailed, InvalidRequest
from ...page.environment import Environment
from ...types import Capabilities, ChatRequest, Health, ModelInfo
from ..base import Backend, check_backend
from ..draft import Draft
from ..facts import BackendFacts
from ..privacy import delegates_facts
from ..request import Prompt, build_request
from ..stream import Delta
from .attempts import Attempts
from .breaker import AnyRandom, Breaker, CircuitBreaker
from .candidate import Choice, Explanation, knows_model
from .checks import check
from .measurements import Measurements
from .plan import Plan, Planner
from .policies import POLICIES, LocalFirst, Policy
from .queue import MAX_WAITING, FairQueue
from .race import Race, Runner
from .routed import Attempt, RoutedBackend, union_of, unique_names
from .translation import Translations, Translator, read_translations
from .warming import Warming
from .windows import by_window


class Router(Backend):
    """Gives each request to one of its backends, and to the next one if that fails. It is a Backend itself.

    A private request never goes to a backend that leaves the device, whatever the policy says.
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
        random: AnyRandom | None = None,
        name: str = "router",
    ) -> None:
        """Route to ``backends``; closing the router closes them. Equal names get a number: "openai", "openai-2".

        ``policy`` ranks them, by default `LocalFirst`. With ``fallback="parallel"`` the router asks the best
        ``parallel`` backends at once, or ``hedge_after_s`` apart, and the first to deliver content answers.
        ``on_interrupted`` decides what happens when an answer breaks off: ``"raise"`` the failure, or ``"restart"``
        with the next backend after a `ChatRestart`. ``translations`` map a model to other backends' models.
        ``breaker=None`` disables circuit breakers. ``limits`` is the number of concurrent requests per backend; up to
        ``max_waiting`` wait, one line for each value of ``request.metadata[fair_key]``, served in turn. With
        ``warm_up`` the router prepares a local model that the policy prefers while another backend answers.
        ``environment`` replaces what the backends report. ``clock`` measures and waits; ``random`` spreads the
        breakers' cool-downs.

        Raises `InvalidRequest` for an option that is not valid, such as the name of an unknown backend.
        """
        backends = check_list(
            "backends", backends, "backends", write="put it into a list, as in Router([backend])", each=check_backend
        )
        check_kind("policy", policy, (Policy, type(None)), "a policy", write=POLICIES)
        check_kind("limits", limits, (Mapping, type(None)), "a dict", write="use {'name of a backend': 2}")
        check_kind("breaker", breaker, (Breaker, type(None)), "a breaker", write="use Breaker(...), or None for none")
        if not backends:
            raise InvalidRequest("Router() got no backends. Give it at least one.", parameter="backends")
        check("fallback", fallback, fallback in ("sequential", "parallel"), "'sequential' or 'parallel'")
        check("on_interrupted", on_interrupted, on_interrupted in ("raise", "restart"), "'raise' or 'restart'")
        check("parallel", parallel, is_number(parallel) and parallel >= 1, "at least 1")
        check("hedge_after_s", hedge_after_s, is_number(hedge_after_s) and hedge_after_s >= 0, "at least 0")
        names = unique_names(backends)
        for limited in limits or {}:
            if limited not in names:
                known = ", ".join(names)
                raise InvalidRequest(
                    f"limits names the unknown backend {limited!r}. Choose one of: {known}", parameter="limits"
                )
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
        self._translations = read_translations({} if translations is None else translations)
        self._planner = Planner(self._routed, Translator(self._translations, names), self._clock)
        self._parallel = parallel
        self._hedge_after_s = hedge_after_s
        self._warming = Warming() if warm_up else None
        self._environment = environment or _environment_of(backends)
        self._numbers = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of {', '.join(getattr(self, '_routed', ()))}>"

    @property
    def backends(self) -> dict[str, Backend]:
        """The backends by their names in this router, in order."""
        return {name: routed.backend for name, routed in self._routed.items()}

    @property
    def leaves_device(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether any of the backends may leave the device."""
        return any(routed.backend.leaves_device for routed in self._order)

    @property
    def needs_network(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all of the backends need a network."""
        return all(routed.backend.needs_network for routed in self._order)

    @property
    def capabilities(self) -> Capabilities:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What at least one of the backends can do now."""
        each = [routed.backend.capabilities for routed in self._order]
        if each != self._union[0]:
            self._union = (each, union_of(each))
        return self._union[1]

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer with the first backend that can; the stream's start waits until it delivers content."""
        plan = await self._planner.plan_answer(self.policy, request, self.environment())
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

    async def explain(self, prompt: Prompt, *, shortened: bool = False, **options: Any) -> Explanation:
        """Return which backends the router would ask, in order, which not, and why. Nothing is sent.

        ``shortened``: a `Session` would send it, which leaves out the oldest turns for a backend with a small window.
        """
        request = build_request(prompt, options)
        choices, excluded, _ = await self._plan(request)
        able, too_small = by_window(choices, request, shortened=shortened)
        return Explanation(
            policy=self.policy.name,
            ranked=[self._explained(choice) for choice in able],
            excluded=[*too_small, *excluded],
        )

    async def list_models(self) -> list[ModelInfo]:
        """Return the models of all backends as ``"backend/model"``; a request can use these ids.

        A backend that fails does not hide the models of the others; `health` reports what is wrong with it. Raises
        `AllBackendsFailed` if all fail.
        """
        lists = await self._ask_all(lambda backend: backend.list_models())
        failures = [answer for answer in lists if isinstance(answer, BaseException)]
        if len(failures) == len(lists):
            reasons = [f"{routed.name!r}: {error}" for routed, error in zip(self._order, failures, strict=True)]
            raise AllBackendsFailed(f"no backend could list its models: {'; '.join(reasons)}", causes=failures)
        return [
            replace(model, id=f"{routed.name}/{model.id}")
            for routed, models in zip(self._order, lists, strict=True)
            if not isinstance(models, BaseException)
            for model in models
        ]

    async def health(self) -> Health:
        """Check all backends: the router is healthy if one of them is; ``reason`` has the problems of the others."""
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
        """Return the estimate of the backend that would be asked first; ``None`` if no backend may answer."""
        request = build_request(prompt, options)
        choices = (await self._plan(request)).choices
        if not choices:
            return None
        return await self._routed[choices[0].name].backend.estimate_cost(choices[0].request_for(request))

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Return the token count of the backend that would be asked first; ``None`` if it cannot count."""
        request = build_request(prompt, {} if model is None else {"model": model})
        choices = (await self._planner.plan_ahead(self.policy, request, self.environment(), again=False)).choices
        if not choices:
            return None
        return await self._routed[choices[0].name].backend.count_tokens(choices[0].request_for(request))

    @delegates_facts
    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return the facts of the first backend it would ask; ``leaves_device``, ``needs_network`` cover all."""
        choices, excluded, _ = await self._planner.plan_ahead(self.policy, request, self.environment())
        if not choices:
            failure = AllBackendsFailed("no backend may answer", causes=[one.error() for one in excluded])
            decisive = next((one for one in excluded if one.error().fault_of == failure.fault_of), None)
            return BackendFacts(
                leaves_device=self.leaves_device and not request.private,
                needs_network=self.needs_network,
                shortens=True,
                available=False,
                reason="; ".join(f"{one.name!r}: {one.reason}" for one in excluded),
                code="unavailable" if decisive is None else decisive.code,
                data={} if decisive is None else decisive.data,
            )
        return replace(
            choices[0].candidate.facts,
            leaves_device=any(not choice.candidate.local for choice in choices),
            needs_network=all(choice.candidate.facts.needs_network for choice in choices),
            knows_model=knows_model(choices),
            queue_length=choices[0].candidate.queue_length,
            shortens=True,
        )

    def may_leave(self) -> bool:
        """Return ``False``: a private request goes to no backend that may leave the device."""
        return False

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the identities of the backends, in order, and the options that decide between them."""
        return {
            "backends": [[name, identity_of(backend, request, hashed)] for name, backend in self.backends.items()],
            "policy": identity_of(self.policy, request, hashed),
            "translations": self._translations,
            "fallback": [self.fallback, self._parallel, self._hedge_after_s, self.on_interrupted],
        }

    def environment(self) -> Environment | None:
        """Return what ``environment`` returns, or the environment of the first backend that knows it."""
        return self._environment()

    async def prepare(self, request: ChatRequest) -> None:
        """Prepare the backend that would be asked first."""
        choices = (await self._plan(request)).choices
        if choices:
            await self._routed[choices[0].name].backend.prepare(choices[0].request_for(request))

    async def close(self) -> None:
        """Stop background preparation, and close every backend once, even if closing another one fails."""
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
        """Prepare what the policy prefers to the backend that answers now."""
        if self._warming is None:
            return
        for choice in to_prepare:
            if choice is not answering:
                self._warming.begin(self._routed[choice.name], choice.request_for(request), choice.model)

    def _explained(self, choice: Choice) -> Choice:
        failure = "" if self._warming is None else self._warming.failure(choice.name, choice.model)
        return replace(choice, reason=f"{choice.reason}; could not be prepared: {failure}") if failure else choice

    async def _ask_all(self, ask: Callable[[Backend], Any]) -> list[Any]:
        return await asyncio.gather(*(ask(routed.backend) for routed in self._order), return_exceptions=True)


def _environment_of(backends: Sequence[Backend]) -> Callable[[], Environment | None]:
    """Return a function that asks the backends for the environment, in order; most do not know it."""
    asked = [backend for backend in backends if type(backend).environment is not Backend.environment]

    def ask() -> Environment | None:
        for backend in asked:
            known = backend.environment()
            if known is not None:
                return known
        return None

    return ask
