"""Retry: ask the same backend again after a transient failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from random import Random

from ..._internal.arguments import check_callable, is_number
from ..._internal.clock import AnyClock, SystemClock
from ...errors import BrowserLLMError
from ...types import ChatRequest, Hop
from ..base import Backend, Middleware
from ..draft import Draft
from ..router.checks import check
from ..router.routed import is_empty
from ..stream import Delta


class Retry(Middleware):
    """Asks again as long as nothing of the answer was delivered; each failed attempt is a `Hop` on the route.

    The wait doubles each time, and is drawn between half and all of that, so that many clients do not retry at the same
    moment. It is at least the server's ``retry_after_s``. A stop, the deadline and a cancelled task end it at once.
    """

    identity = Middleware.identity

    def __init__(
        self,
        backend: Backend,
        *,
        retries: int = 2,
        first_wait_s: float = 0.5,
        max_wait_s: float = 30.0,
        when: Callable[[BrowserLLMError], bool] | None = None,
        clock: AnyClock | None = None,
        random: Random | None = None,
    ) -> None:
        """Ask up to ``retries`` more times, after about ``first_wait_s``, twice that, and so on.

        No wait is longer than ``max_wait_s``: the backoff stops growing there, and a failure that asks for a longer
        wait is raised. ``when`` decides which failures to retry, by default those that are
        `retryable <BrowserLLMError>`. Raises `InvalidRequest` for values below 0.
        """
        super().__init__(backend)
        check("retries", retries, is_number(retries) and retries >= 0, "at least 0")
        check("first_wait_s", first_wait_s, is_number(first_wait_s) and first_wait_s >= 0, "at least 0")
        check("max_wait_s", max_wait_s, is_number(max_wait_s) and max_wait_s >= 0, "at least 0")
        if when is not None:
            check_callable("when", when, write="use a function from an error to True or False")
        self.retries = retries
        self.first_wait_s = first_wait_s
        self.max_wait_s = max_wait_s
        self._when = when or _is_retryable
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311 (no secret)

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer, at the first attempt or a later one."""
        name, warned = draft.backend, len(draft.warnings)
        for retry in range(self.retries + 1):
            began = False
            try:
                async with aclosing(self.backend.generate(request, draft)) as deltas:
                    async for delta in deltas:
                        began = began or not is_empty(delta)
                        yield delta
                return
            except BrowserLLMError as error:
                if began or draft.stopped or retry == self.retries or not self._when(error):
                    raise
                wait_s = self._wait_s(error, retry)
                if wait_s is None:
                    raise
                reason = f"{error} (attempt {retry + 1}; retrying in {wait_s:.3g} s)"
                draft.route.append(Hop(reason=reason, code=error.code, backend=draft.backend, model=draft.model))
            # Drop everything that the failed attempt recorded, above all its way to be interrupted.
            draft.begin(request, name)
            del draft.warnings[warned:]
            await self._clock.sleep(wait_s)

    def _wait_s(self, error: BrowserLLMError, retry: int) -> float | None:
        """Return how long to wait; ``None`` if that is too long."""
        asked_s = error.retry_after_s
        if asked_s is not None and asked_s > self.max_wait_s:
            return None
        grown_s = min(self.first_wait_s * 2.0 ** min(retry, 60), self.max_wait_s)
        return max(grown_s * self._random.uniform(0.5, 1), asked_s or 0)


def _is_retryable(error: BrowserLLMError) -> bool:
    return error.retryable
