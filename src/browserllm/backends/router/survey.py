"""The survey before a request is sent: which backends may be asked, with which model, and why the others may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from ...errors import BrowserLLMError
from ...page.environment import Environment
from ...types import ChatRequest
from ..facts import BackendFacts
from .breaker import BreakerState
from .candidate import Candidate, Excluded, ModelMatch, missing_of, needs_of, unhonoured_of
from .routed import RoutedBackend
from .translation import Translator

PRIVATE_REASON = "the request is private, and this backend may leave the device"


class _Offer(NamedTuple):
    """What a backend offers for a request: its facts, its model, and how that relates to the requested one."""

    facts: BackendFacts
    model: str | None
    match: ModelMatch


async def survey(
    backends: Sequence[RoutedBackend], request: ChatRequest, environment: Environment, translator: Translator
) -> tuple[list[Candidate], list[Excluded]]:
    """Return the backends that may be asked, in the router's order, and those that may not. Nothing is sent.

    Pass the same ``environment`` object as long as nothing in it changes.
    """
    needs = needs_of(request)
    offline, private = environment.online is False, request.private
    offers = None if request.model is None else await _offers_for_model(backends, request, translator)
    strict = request.unsupported == "error"
    plain = not (needs or private or strict) and offers is None
    candidates: list[Candidate] = []
    excluded: list[Excluded] = []
    for position, routed in enumerate(backends):
        backend, breaker = routed.backend, routed.breaker
        if private and backend.may_leave():
            excluded.append(_private(routed.name))
            continue
        state: BreakerState = "closed" if breaker is None else breaker.state
        if breaker is not None and state != "closed":
            refusal = breaker.refusal()
            if refusal:
                excluded.append(Excluded(name=routed.name, reason=refusal, data={"reason": "circuit_open"}))
                continue
        waiting = 0 if routed.queue is None else routed.queue.waiting
        capabilities = backend.capabilities
        if offers is None:
            # Nearly every request: at most one call per backend, usually with the same answer as last time.
            model, match = None, "any"
            last = routed.candidate if plain else None
            if last is not None and (
                last.environment is not environment
                or last.capabilities is not capabilities
                or last.breaker != state
                or last.waiting != waiting
            ):
                last = None
            if last is not None and routed.facts_are_attributes and "facts" not in vars(backend):
                facts = last.facts
                if facts.leaves_device == backend.leaves_device and facts.needs_network == backend.needs_network:
                    candidates.append(last)
                    continue
            try:
                facts = await backend.facts(request)
            except Exception as error:
                excluded.append(_without_facts(routed.name, error))
                continue
            if last is not None and last.facts == facts:
                candidates.append(last)
                continue
        else:
            offer = offers[position]
            if isinstance(offer, Excluded):
                excluded.append(offer)
                continue
            facts, model, match = offer
        missing = missing_of(needs, capabilities) if needs else ()
        ignored = unhonoured_of(request, capabilities, facts) if strict else ()
        refused = _refusal(request, facts, match, tuple(dict.fromkeys([*missing, *ignored])), offline)
        if refused is not None:
            code, reason, data = refused
            excluded.append(Excluded(name=routed.name, reason=reason, code=code, data=dict(data)))
            continue
        candidate = Candidate(
            name=routed.name,
            position=position,
            facts=facts,
            environment=environment,
            measurements=routed.measurements,
            capabilities=capabilities,
            breaker=state,
            waiting=waiting,
            model=facts.model if model is None else model,
            match=match,
            missing=missing,
        )
        if plain:
            routed.candidate = candidate
        candidates.append(candidate)
    return candidates, excluded


def _private(name: str) -> Excluded:
    return Excluded(name=name, reason=PRIVATE_REASON, data={"reason": "private"})


def _refusal(
    request: ChatRequest, facts: BackendFacts, match: ModelMatch, missing: tuple[str, ...], offline: bool
) -> tuple[str, str, Mapping[str, Any]] | None:
    """Return why a backend cannot be asked: an error's code, reason and data; ``None`` if it can."""
    if facts.leaves_device and request.private:
        return "unavailable", PRIVATE_REASON, {"reason": "private"}
    if offline and facts.needs_network:
        return "unavailable", "the device is offline", {"reason": "offline"}
    if not facts.available and (facts.code != "unavailable" or facts.data):
        return facts.code, facts.reason or "it cannot answer now", facts.data
    if facts.fits is False:
        # Before the download, which does not help if the device cannot run the model.
        reason = facts.reason or f"{facts.model or 'its model'} does not fit this device"
        return "unavailable", reason, {"reason": "missing_feature"}
    if not facts.available:
        code = "model_not_downloaded" if facts.downloaded is False else facts.code
        return code, facts.reason or "it cannot answer now", {}
    if offline and facts.downloaded is False:
        return "model_not_downloaded", "its model is not on this device, and the device is offline", {}
    if request.unsupported == "error" and (missing or match == "own"):
        if missing:
            return "unsupported", f"does not support the request's {' and '.join(missing)}", {"parameter": missing[0]}
        return "unsupported", f"has no model {request.model!r}", {"parameter": "model"}
    return None


async def _ask(routed: RoutedBackend, request: ChatRequest, model: str | None, match: ModelMatch) -> _Offer | Excluded:
    """Ask a backend for its facts about answering with ``model``; it is excluded if that fails."""
    try:
        return _Offer(await routed.backend.facts(replace(request, model=model)), model, match)
    except Exception as error:
        return _without_facts(routed.name, error)


def _without_facts(name: str, error: Exception) -> Excluded:
    """Exclude a backend whose `facts` fail, whatever the error: the others can answer."""
    if isinstance(error, BrowserLLMError):
        return Excluded(name=name, reason=str(error), code=error.code, data=error.data)
    return Excluded(name=name, reason=f"{type(error).__name__}: {error}", code="internal")


async def _offers_for_model(
    backends: Sequence[RoutedBackend], request: ChatRequest, translator: Translator
) -> list[_Offer | Excluded]:
    """Find the model with which each backend would answer a request that names one.

    In this order: ``"backend/model"`` means that backend's model; a name in the translations; a model that the backend
    says it has; a pattern in the translations. If a backend certainly has the model, those that may have it use their
    default, like those that certainly do not. Otherwise those that may have it are asked for it by name.
    """
    asked = request.model or ""
    owner, bare = _split(asked, backends)
    offers: list[_Offer | Excluded] = []
    own: dict[int, _Offer | Excluded] = {}
    for index, routed in enumerate(backends):
        if request.private and routed.backend.may_leave():
            offers.append(_private(routed.name))
            continue
        if owner == routed.name:
            offers.append(await _ask(routed, request, bare, "asked"))
            continue
        table = translator.by_name(asked, routed.name) or translator.by_name(bare, routed.name)
        if table is not None:
            offers.append(await _ask(routed, request, table, "translated"))
            continue
        named = await _ask(routed, request, asked, "asked") if owner is None else None
        if isinstance(named, Excluded) or (named is not None and named.facts.knows_model):
            offers.append(named)
            continue
        default = await _ask(routed, request, None, "own")
        if named is not None and isinstance(default, _Offer) and default.facts.model == asked:
            offers.append(named)
            continue
        pattern = translator.by_pattern(asked, routed.name) or translator.by_pattern(bare, routed.name)
        if pattern is not None:
            offers.append(await _ask(routed, request, pattern, "translated"))
        elif named is not None and named.facts.knows_model is None and named.facts.available:
            own[index] = default
            offers.append(named._replace(match="perhaps"))
        else:
            offers.append(default)
    if any(isinstance(offer, _Offer) and offer.match == "asked" for offer in offers):
        for index, default in own.items():
            offers[index] = default
    return offers


def _split(asked: str, backends: Sequence[RoutedBackend]) -> tuple[str | None, str]:
    """Split ``"backend/model"``; a slash in the model's name stays."""
    for name in sorted((routed.name for routed in backends), key=len, reverse=True):
        if asked.startswith(f"{name}/") and len(asked) > len(name) + 1:
            return name, asked[len(name) + 1 :]
    return None, asked
