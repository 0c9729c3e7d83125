"""The look around before a request is sent: who may be asked at all, with which model, and who may not and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...errors import BrowserLLMError
from ...page.environment import Environment
from ...types import ChatRequest
from ..facts import BackendFacts
from .breaker import BreakerState
from .candidate import Candidate, Excluded, ModelMatch, missing_of, needs_of
from .routed import Member
from .translation import Translator

NOTHING_KNOWN = Environment()


class _Look(NamedTuple):
    """What a backend says of a request: its facts, the model to ask it for, and how that stands to the one named."""

    facts: BackendFacts
    model: str | None
    match: ModelMatch


async def survey(
    members: Sequence[Member], request: ChatRequest, environment: Environment, translator: Translator
) -> tuple[list[Candidate], list[Excluded]]:
    """Return who may be asked, in the router's order, and who may not; nothing is sent."""
    needs = needs_of(request)
    offline, private = environment.online is False, request.private
    looks = None if request.model is None else await _look_for_model(members, request, translator)
    candidates: list[Candidate] = []
    excluded: list[Excluded] = []
    for position, member in enumerate(members):
        backend, breaker = member.backend, member.breaker
        if private and backend.may_leave():
            excluded.append(_private(member.name))
            continue
        state: BreakerState = "closed" if breaker is None else breaker.state
        if breaker is not None and state != "closed":
            refusal = breaker.refusal()
            if refusal:
                excluded.append(Excluded(name=member.name, reason=refusal, data={"reason": "circuit_open"}))
                continue
        if looks is None:
            # Nearly every request: one call for each backend, and no more than it takes.
            model, match = None, "any"
            try:
                facts = await backend.facts(request)
            except Exception as error:
                excluded.append(_mute(member.name, error))
                continue
        else:
            look = looks[position]
            if isinstance(look, Excluded):
                excluded.append(look)
                continue
            facts, model, match = look
        missing = missing_of(needs, backend.capabilities) if needs else ()
        refused = _refusal(request, facts, match, missing, offline)
        if refused is not None:
            code, reason, data = refused
            excluded.append(Excluded(name=member.name, reason=reason, code=code, data=data))
            continue
        candidates.append(
            Candidate(
                name=member.name,
                position=position,
                facts=facts,
                environment=environment,
                history=member.history,
                capabilities=backend.capabilities,
                breaker=state,
                waiting=0 if member.queue is None else member.queue.waiting,
                model=facts.model if model is None else model,
                match=match,
                missing=missing,
            )
        )
    return candidates, excluded


def _private(name: str) -> Excluded:
    return Excluded(
        name=name, reason="the request is private, and this may leave the device", data={"reason": "private"}
    )


def _refusal(
    request: ChatRequest, facts: BackendFacts, match: ModelMatch, missing: tuple[str, ...], offline: bool
) -> tuple[str, str, dict[str, str]] | None:
    """Why a backend cannot be asked, as the code, the reason and the data of an error; ``None`` when it can."""
    if facts.leaves_device and request.private:
        return "unavailable", "the request is private, and this may leave the device", {"reason": "private"}
    if offline and facts.needs_network:
        return "unavailable", "the device is offline", {"reason": "offline"}
    if not facts.available:
        # A download is no help where the device cannot run it.
        code = "model_not_downloaded" if facts.downloaded is False and facts.fits is not False else "unavailable"
        return code, facts.reason or "it cannot answer now", {}
    if facts.fits is False:
        return "unavailable", facts.reason or f"{facts.model or 'its model'} does not fit this device", {}
    if offline and facts.downloaded is False:
        return "model_not_downloaded", "its model is not on this device, which is offline", {}
    if request.unsupported == "error" and (missing or match == "own"):
        if missing:
            return "unsupported", f"cannot take the request's {' and '.join(missing)}", {"parameter": missing[0]}
        return "unsupported", f"has no model {request.model!r}", {"parameter": "model"}
    return None


async def _look(member: Member, request: ChatRequest, model: str | None, match: ModelMatch) -> _Look | Excluded:
    """Ask a backend what it knows of answering with ``model``; one that cannot even say that is not asked."""
    try:
        return _Look(await member.backend.facts(replace(request, model=model)), model, match)
    except Exception as error:
        return _mute(member.name, error)


def _mute(name: str, error: Exception) -> Excluded:
    """A backend that cannot even say what it knows, whatever the failure: the others can answer."""
    if isinstance(error, BrowserLLMError):
        return Excluded(name=name, reason=str(error), code=error.code, data=error.data)
    return Excluded(name=name, reason=f"{type(error).__name__}: {error}", code="internal")


async def _look_for_model(
    members: Sequence[Member], request: ChatRequest, translator: Translator
) -> list[_Look | Excluded]:
    """Find out with which model each backend would answer a request that names one.

    In this order: ``"backend/model"`` means that backend's model; a name in the translations; a model that the backend
    says it has; a pattern in the translations. When some backend surely has the model, those that may or may not have
    it answer with their own, as do those that surely have not; else they are asked for it by its name.
    """
    asked = request.model or ""
    owner, bare = _split(asked, members)
    looks: list[_Look | Excluded] = []
    own: dict[int, _Look | Excluded] = {}
    for index, member in enumerate(members):
        if request.private and member.backend.may_leave():
            looks.append(_private(member.name))
            continue
        if owner == member.name:
            looks.append(await _look(member, request, bare, "asked"))
            continue
        table = translator.by_name(asked, member.name) or translator.by_name(bare, member.name)
        if table is not None:
            looks.append(await _look(member, request, table, "translated"))
            continue
        named = await _look(member, request, asked, "asked") if owner is None else None
        if isinstance(named, Excluded) or (named is not None and named.facts.knows_model):
            looks.append(named)
            continue
        default = await _look(member, request, None, "own")
        if named is not None and isinstance(default, _Look) and default.facts.model == asked:
            looks.append(named)
            continue
        pattern = translator.by_pattern(asked, member.name) or translator.by_pattern(bare, member.name)
        if pattern is not None:
            looks.append(await _look(member, request, pattern, "translated"))
        elif named is not None and named.facts.knows_model is None and named.facts.available:
            own[index] = default
            looks.append(named._replace(match="perhaps"))
        else:
            looks.append(default)
    if any(isinstance(look, _Look) and look.match == "asked" for look in looks):
        for index, default in own.items():
            looks[index] = default
    return looks


def _split(asked: str, members: Sequence[Member]) -> tuple[str | None, str]:
    """Split ``"backend/model"``; a slash in a model's own name is left alone."""
    for name in sorted((member.name for member in members), key=len, reverse=True):
        if asked.startswith(f"{name}/") and len(asked) > len(name) + 1:
            return name, asked[len(name) + 1 :]
    return None, asked
