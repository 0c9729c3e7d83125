"""The one rule of private requests: a backend that may send one off the device is refused it, before it can.

`Backend` puts this rule around every subclass's `generate`, `prepare`, `count_tokens`, `estimate_cost` and `facts`. So
it holds for backends of a program's own too, and for a middleware or a router that calls another backend's methods
directly: there is no way to these methods that does not lead through here.

A request is given to a backend when all three are so:

- the backend does not say that requests leave the device (``leaves_device``; `Backend.may_leave`);
- nor do its facts say so of this very request (a model that a local server passes on, say);
- its images and sounds are bytes. Whoever fetched an address would tell the address's server of it.

What was private stays private: a request that a middleware makes of a private one is private, whatever it says itself,
and so is any other that is made while a private one runs (`browserllm.backends.within_private`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from ..errors import BrowserLLMError, InvalidRequest, Unavailable
from ..types import AudioPart, ChatRequest, ImagePart
from .facts import BackendFacts
from .stream import Delta, Draft
from .within_private import is_judged, is_within_private, privately

_GUARDED = "_keeps_private"
_ASKS_OTHERS = "_asks_others"


Method = TypeVar("Method", bound=Callable[..., Any])


class Judged(Protocol):
    """A backend, as far as the rule looks at it."""

    name: str

    def may_leave(self) -> bool:
        """Say whether a private request that is given to it might leave the device."""
        ...

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Say what is known of answering a request."""
        ...


def refused(name: str, why: str) -> Unavailable:
    """Return the error for a private request that a backend must not get."""
    within = ", also for what is asked while a private request runs" if is_within_private() else ""
    return Unavailable(
        f"the request is private, and {why}: nothing was sent; use a backend on this device{within}",
        reason="private",
        data={"backend": name},
    )


def check_media(request: ChatRequest) -> None:
    """Raise `InvalidRequest` for an image or a sound that somebody would have to fetch."""
    for index, message in enumerate(request.messages):
        for position, part in enumerate(message.parts):
            if isinstance(part, (ImagePart, AudioPart)) and part.url is not None and not part.url.startswith("data:"):
                where = f"messages[{index}].content[{position}]"
                raise InvalidRequest(
                    f"{where}: the request is private, and url={part.url[:60]!r} is an address that would be fetched, "
                    "which tells its server; pass the bytes as data=",
                    parameter=where,
                )


async def check_private(backend: Judged, request: ChatRequest) -> None:
    """Raise unless a private request may be given to a backend."""
    check_media(request)
    if backend.may_leave():
        raise refused(backend.name, f"{backend.name!r} may leave the device")
    if hasattr(type(backend).facts, _ASKS_OTHERS):
        return  # those it asks are judged themselves, when they get the request
    try:
        with privately():
            facts = await backend.facts(request)
    except BrowserLLMError:
        raise
    except Exception as error:
        # Who cannot say where a request would go does not get it.
        why = f"{backend.name!r} cannot say whether it leaves the device ({type(error).__name__}: {error})"
        raise refused(backend.name, why) from error
    # Once more: it may have changed its word in the meantime.
    if facts.leaves_device is not False or backend.may_leave():
        reason = f" ({facts.reason})" if facts.reason else ""
        raise refused(backend.name, f"{backend.name!r} would send it off the device{reason}")


def asks_others(facts: Method) -> Method:
    """Mark a method `facts` that only tells what other backends say."""
    setattr(facts, _ASKS_OTHERS, True)
    return facts


def keep_private(kind: type[Any]) -> None:
    """Put the rule around what a class of backends does with requests, wherever it has it from."""
    for name, guard in _GUARDS.items():
        found = next(vars(base)[name] for base in kind.__mro__ if name in vars(base))
        if not (hasattr(found, _GUARDED) or getattr(found, "__isabstractmethod__", False)):
            setattr(kind, name, guard(found))


def guarded_generate(backend: Any) -> Callable[[ChatRequest, Draft], AsyncGenerator[Delta, None]]:
    """Return a backend's own `generate` with the rule around it, also one that was put there later."""
    own = backend.generate
    if hasattr(own, _GUARDED):
        return own
    return lambda request, draft: _generated(backend, own, request, draft)


def _generated(backend: Any, own: Any, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
    if draft.private:
        request = _made_private(request)
    request = _as_private_as_here(request)
    # A subclass that asks its base class has been judged with this very request.
    if not request.private or is_judged(backend, request):
        return own(request, draft)
    return _generated_privately(backend, own, request, draft)


async def _generated_privately(
    backend: Any, own: Any, request: ChatRequest, draft: Draft
) -> AsyncGenerator[Delta, None]:
    await check_private(backend, request)
    judged = (backend, request)  # while it works on it: who asks again is judged again
    with privately(judged=judged):
        deltas = own(request, draft)
    try:
        while True:
            try:
                with privately(judged=judged):
                    delta = await anext(deltas)
            except StopAsyncIteration:
                return
            yield delta
    finally:
        with privately(judged=judged):
            await deltas.aclose()


def _made_private(request: ChatRequest) -> ChatRequest:
    return request if request.private else replace(request, private=True)


def _as_private_as_here(request: ChatRequest) -> ChatRequest:
    return _made_private(request) if is_within_private() else request


def _guard_generate(found: Any) -> Any:
    def generate(self: Any, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        return _generated(self, _bound(found, self), request, draft)

    return _dressed(generate, found)


def _guard_ask(found: Any) -> Any:
    """Guard a method that takes a prompt, and perhaps a request's fields as options."""

    async def ask(self: Any, prompt: Any, **options: Any) -> Any:
        if isinstance(prompt, ChatRequest):
            prompt = _as_private_as_here(prompt)
        is_private = bool(options.get("private")) or is_within_private() or getattr(prompt, "private", False)
        if is_private:
            from .request import build_request

            # What else is said of it (the wrong model, an option that there is not) is for the method to judge.
            fields = {name: options[name] for name in ("model", "private") if options.get(name) is not None}
            await check_private(self, _made_private(build_request(prompt, fields)))
        with privately(is_private):
            return await _bound(found, self)(prompt, **options)

    return _dressed(ask, found)


def _guard_prepare(found: Any) -> Any:
    async def prepare(self: Any, request: ChatRequest) -> None:
        request = _as_private_as_here(request)
        if request.private:
            await check_private(self, request)
        with privately(request.private):
            await _bound(found, self)(request)

    return _dressed(prepare, found)


def _guard_facts(found: Any) -> Any:
    """Guard `facts`: of a request that a backend would not get, nothing is asked of it."""

    async def facts(self: Any, request: ChatRequest) -> BackendFacts:
        request = _as_private_as_here(request)
        if request.private and self.may_leave():
            return BackendFacts(
                leaves_device=True,
                needs_network=self.needs_network,
                model=request.model,
                available=False,
                reason=f"the request is private, and {self.name!r} may leave the device",
            )
        with privately(request.private):
            return await _bound(found, self)(request)

    return _dressed(facts, found)


def _bound(found: Any, backend: Any) -> Any:
    return found.__get__(backend, type(backend)) if hasattr(found, "__get__") else found


def _dressed(guard: Any, found: Any) -> Any:
    for name in ("__doc__", "__name__", "__qualname__", "__module__", _ASKS_OTHERS):
        if hasattr(found, name):
            setattr(guard, name, getattr(found, name))
    guard.__wrapped__ = found
    setattr(guard, _GUARDED, True)
    return guard


_GUARDS: dict[str, Callable[[Any], Any]] = {
    "generate": _guard_generate,
    "prepare": _guard_prepare,
    "count_tokens": _guard_ask,
    "estimate_cost": _guard_ask,
    "facts": _guard_facts,
}
