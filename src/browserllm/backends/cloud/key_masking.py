"""Masks keys in everything that leaves a cloud backend: its errors, and what it writes into a draft."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from inspect import isasyncgenfunction
from typing import Any, Protocol, TypeVar, cast

from msgspec.structs import replace

from ..._internal.http.secrets import Mask, bare
from ..draft import Draft

Method = TypeVar("Method", bound=Callable[..., Any])


class _Masking(Protocol):
    def mask(self) -> Mask: ...


def masks_keys(method: Method) -> Method:
    """Decorate a backend's method so that neither its errors nor its draft show a key.

    Errors and cancellations are raised again here without their inner frames, which hold what was sent and received.
    """
    if isasyncgenfunction(method):
        return cast("Method", _generator(method))
    return cast("Method", _coroutine(method))


def _generator(method: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., AsyncGenerator[Any, None]]:
    @wraps(method)
    async def hiding(self: _Masking, request: Any, draft: Draft) -> AsyncGenerator[Any, None]:
        failure: BaseException | None = None
        told: str | None = None
        try:
            async with aclosing(method(self, request, draft)) as deltas:
                async for delta in deltas:
                    if draft.model is not told:
                        told = draft.model = self.mask().value(draft.model)
                    yield delta
        except Exception as error:
            failure = self.mask().clean(error)
        except BaseException as error:
            failure = bare(error)
        finally:
            _hide(draft, self.mask())
        if failure is not None:
            raise failure

    return hiding


def _coroutine(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def hiding(self: _Masking, *arguments: Any, **options: Any) -> Any:
        try:
            return await method(self, *arguments, **options)
        except Exception as error:
            failure: BaseException = self.mask().clean(error)
        except BaseException as error:
            failure = bare(error)
        raise failure

    return hiding


def _hide(draft: Draft, mask: Mask) -> None:
    """Mask what a server said about its answer."""
    if not mask:
        return
    draft.model = mask.value(draft.model)
    draft.provider_request_id = mask.value(draft.provider_request_id)
    draft.warnings[:] = [replace(each, message=mask.text(each.message)) for each in draft.warnings]
