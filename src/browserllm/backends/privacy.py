"""The rule of private requests: a backend that may send a private request off the device never gets it.

`Backend` wraps every subclass's `generate`, `prepare`, `count_tokens`, `estimate_cost` and `facts` with this check. So
it also applies to custom backends, and to a middleware or router that calls another backend's methods directly: these
methods cannot be called without the check.

A backend gets a private request only if all three are true:

- the backend says that requests do not leave the device (``leaves_device``; `Backend.may_leave`);
- its facts say the same about this request (a local server may forward some models to a cloud);
- its images and sounds are bytes. Fetching a URL would tell that URL's server.

A private request stays private. Every request that a middleware derives from it is private, whatever its own flag says,
and so is every request made while a private one runs (see `browserllm.backends.private_context`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from ..errors import BrowserLLMError, InvalidRequest, Unavailable
from ..types import AudioPart, ChatRequest, ImagePart
from .draft import Draft
from .facts import BackendFacts
from .private_context import is_admitted, is_within_private, privately
from .stream import Delta

_GUARDED = "_keeps_private"
_DELEGATES = "_delegates_facts"


Method = TypeVar("Method", bound=Callable[..., Any])


class CheckedBackend(Protocol):
    """The parts of a backend that the check uses."""

    name: str

    def may_leave(self) -> bool:
        """Return whether a private request given to this backend might leave the device."""
        ...

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return what is known about answering a request."""
        ...


def refusal(name: str, why: str) -> Unavailable:
    """Return the error for a private request that a backend must not get."""
    within = ", also for requests made while a private one runs" if is_within_private() else ""
    return Unavailable(
        f"the request is private, and {why}: nothing was sent; use a backend on this device{within}",
        reason="private",
        data={"backend": name},
    )


def check_media(request: ChatRequest) -> None:
    """Raise `InvalidRequest` for an image or a sound given by URL: fetching it would tell its server."""
    for index, message in enumerate(request.messages):
        for position, part in enumerate(message.parts):
            if isinstance(part, (ImagePart, AudioPart)) and part.url is not None and not part.url.startswith("data:"):
                where = f"messages[{index}].content[{position}]"
                raise InvalidRequest(
                    f"{where}: the request is private, but url={part.url[:60]!r} would be fetched, which tells its "
                    "server; pass the bytes as data=",
                    parameter=where,
                )


async def check_private(backend: CheckedBackend, request: ChatRequest) -> None:
    """Raise an error unless a backend may get a private request."""
    check_media(request)
    if backend.may_leave():
        raise refusal(backend.name, f"{backend.name!r} may leave the device")
    if hasattr(type(backend).facts, _DELEGATES):
        return  # the backends it calls are checked themselves, when they get the request
    try:
        with privately():
            facts = await backend.facts(request)
    except BrowserLLMError:
        raise
    except Exception as error:
        # A backend that fails to say where the request would go does not get it.
        why = f"{backend.name!r} failed to say whether it leaves the device ({type(error).__name__}: {error})"
        raise refusal(backend.name, why) from error
    # Check again: may_leave() may have changed in the meantime.
    if facts.leaves_device is not False or backend.may_leave():
        reason = f" ({facts.reason})" if facts.reason else ""
        raise refusal(backend.name, f"{backend.name!r} would send it off the device{reason}")


def delegates_facts(facts: Method) -> Method:
    """Mark a method `facts` that only returns what other backends report."""
    setattr(facts, _DELEGATES, True)
    return facts


def guard_methods(kind: type[Any]) -> None:
    """Wrap a backend class's methods that take requests with the check, inherited methods too."""
    for name, guard in _GUARDS.items():
        found = next(vars(base)[name] for base in kind.__mro__ if name in vars(base))
        if not (hasattr(found, _GUARDED) or getattr(found, "__isabstractmethod__", False)):
            setattr(kind, name, guard(found))


def guarded_generate(backend: Any) -> Callable[[ChatRequest, Draft], AsyncGenerator[Delta, None]]:
    """Return a backend's `generate` wrapped with the check, even if it was assigned to the instance."""
    own = backend.generate
    if hasattr(own, _GUARDED):
        return own
    return lambda request, draft: _generated(backend, own, request, draft)


def _generated(backend: Any, own: Any, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
    if draft.private:
        request = _made_private(request)
    request = _as_private_as_here(request)
    # A subclass that calls super().generate has already been checked with this request.
    if not request.private or is_admitted(backend, request):
        return own(request, draft)
    return _generated_privately(backend, own, request, draft)


async def _generated_privately(
    backend: Any, own: Any, request: ChatRequest, draft: Draft
) -> AsyncGenerator[Delta, None]:
    await check_private(backend, request)
    admission = (backend, request)  # valid while it works on this request; another call is checked again
    with privately(admission=admission):
        deltas = own(request, draft)
    try:
        while True:
            try:
                with privately(admission=admission):
                    delta = await anext(deltas)
            except StopAsyncIteration:
                return
            yield delta
    finally:
        with privately(admission=admission):
            await deltas.aclose()


def _made_private(request: ChatRequest) -> ChatRequest:
    return request if request.private else replace(request, private=True)


def _as_private_as_here(request: ChatRequest) -> ChatRequest:
    return _made_private(request) if is_within_private() else request


def _guard_generate(found: Any) -> Any:
    def generate(self: Any, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        return _generated(self, _bound(found, self), request, draft)

    return _with_metadata(generate, found)


def _guard_ask(found: Any) -> Any:
    """Guard a method that takes a prompt, and possibly a request's fields as options."""

    async def ask(self: Any, prompt: Any, **options: Any) -> Any:
        if isinstance(prompt, ChatRequest):
            prompt = _as_private_as_here(prompt)
        is_private = bool(options.get("private")) or is_within_private() or getattr(prompt, "private", False)
        if is_private:
            from .request import build_request

            # The method itself validates the other options.
            fields = {name: options[name] for name in ("model", "private") if options.get(name) is not None}
            await check_private(self, _made_private(build_request(prompt, fields)))
        with privately(is_private):
            return await _bound(found, self)(prompt, **options)

    return _with_metadata(ask, found)


def _guard_prepare(found: Any) -> Any:
    async def prepare(self: Any, request: ChatRequest) -> None:
        request = _as_private_as_here(request)
        if request.private:
            await check_private(self, request)
        with privately(request.private):
            await _bound(found, self)(request)

    return _with_metadata(prepare, found)


def _guard_facts(found: Any) -> Any:
    """Guard `facts`: a backend that may not get the request is not asked about it either."""

    async def facts(self: Any, request: ChatRequest) -> BackendFacts:
        request = _as_private_as_here(request)
        if request.private and self.may_leave():
            return BackendFacts(
                leaves_device=True,
                needs_network=self.needs_network,
                model=request.model,
                available=False,
                reason=f"the request is private, and {self.name!r} may leave the device",
                data={"reason": "private"},
            )
        with privately(request.private):
            return await _bound(found, self)(request)

    return _with_metadata(facts, found)


def _bound(found: Any, backend: Any) -> Any:
    return found.__get__(backend, type(backend)) if hasattr(found, "__get__") else found


def _with_metadata(guard: Any, found: Any) -> Any:
    for name in ("__doc__", "__name__", "__qualname__", "__module__", "__annotations__", _DELEGATES):
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
