"""A request that is too long for a backend's context window goes to the next one that can hold it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.request import Prompt
from browserllm.backends.stream import Delta
from browserllm.errors import AllBackendsFailed, ContextExceeded

LONG = "word " * 1000
"""A thousand words: about 1254 tokens by the estimate."""


class Backend(bl.ScriptedBackend):
    """A scripted backend with a window; ``counted`` is how often it was asked to count its words."""

    def __init__(self, name: str, window: int | None, *, leaves: bool = False, answer: object = "Fine.") -> None:
        facts = bl.backends.BackendFacts(
            leaves_device=leaves, needs_network=leaves, context_window=window, loaded=None if leaves else False
        )
        super().__init__([[answer]], name=name, leaves_device=leaves, facts=facts)  # pyright: ignore[reportArgumentType]
        self.counted = 0

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        self.counted += 1
        return await super().count_tokens(prompt, model=model)


def local(window: int | None = 512) -> Backend:
    """A model on the device."""
    return Backend("local", window)


def cloud(window: int | None = None, answer: object = "Fine.") -> Backend:
    """A cloud."""
    return Backend("cloud", window, leaves=True, answer=answer)


async def test_a_request_goes_to_the_first_backend_that_can_hold_it() -> None:
    """The smaller ones are on the route with both numbers; one of unknown size is asked."""
    backends = [local(), Backend("small", 600), cloud(), Backend("last", 100_000)]
    reply = await bl.Router(backends).complete(LONG)
    assert reply.backend == "last"
    assert [(hop.backend, hop.code, hop.reason) for hop in reply.route] == [
        ("local", "context_exceeded", "context 512 < about 1254 tokens"),
        ("small", "context_exceeded", "context 600 < about 1254 tokens"),
    ]
    assert (await bl.Router([*backends[:2], cloud()]).complete(LONG)).backend == "cloud"
    assert [backend.requests for backend in backends[:3]] == [[], [], []]


async def test_what_is_surely_too_long_is_not_counted() -> None:
    """To count, a local backend may have to load its model; an estimate of twice the window is enough."""
    small = local()
    await bl.Router([small, cloud()]).complete(LONG)
    assert small.counted == 0


@pytest.mark.parametrize(("window", "answers"), [(1100, "local"), (900, "cloud")])
async def test_an_uncertain_estimate_is_counted_on_the_device(window: int, answers: str) -> None:
    """A cloud is asked as it is: counting would be a request of its own."""
    small = local(window)
    reply = await bl.Router([small, cloud(window)]).complete(LONG)
    assert reply.backend == answers
    assert small.counted == 1
    assert [hop.reason for hop in reply.route] == ([] if answers == "local" else ["context 900 < 1003 tokens"])


async def test_a_short_request_is_neither_counted_nor_passed_over() -> None:
    """Half a window is no reason to ask more."""
    small = local(2000)
    assert (await bl.Router([small, cloud()]).complete(LONG)).backend == "local"
    assert small.counted == 0


async def test_too_long_for_all_is_an_error_with_the_largest_window() -> None:
    """All causes are kept."""
    with pytest.raises(ContextExceeded) as caught:
        await bl.Router([local(300), Backend("larger", 500), cloud()]).complete(LONG, private=True)
    assert caught.value.data == {
        "prompt_tokens": 1254,
        "context_window": 500,
        "estimated": True,
        "backend": "larger",
        "not_asked": [
            {
                "backend": "cloud",
                "code": "unavailable",
                "reason": "private",
                "why": "the request is private, and this backend may leave the device",
            }
        ],
    }
    assert str(caught.value) == (
        "the prompt is too long for every backend that may answer: 'cloud': the request is private, and this backend "
        "may leave the device; 'local': context 300 < about 1254 tokens; 'larger': context 500 < about 1254 tokens; "
        "shorten it, or use a model with a context window of more than 500 tokens"
    )
    causes = caught.value.__cause__
    assert isinstance(causes, AllBackendsFailed)
    assert causes.data["backends"] == ["cloud", "local", "larger"]


async def test_another_failure_beside_it_is_not_about_the_length() -> None:
    """A backend that can hold the prompt may answer later."""
    with pytest.raises(AllBackendsFailed) as caught:
        await bl.Router([local(), cloud(answer=bl.Unavailable("down", reason="server_error"))]).complete(LONG)
    assert [type(cause) for cause in caught.value.causes] == [ContextExceeded, bl.Unavailable]


async def test_a_refusal_of_a_backend_itself_is_a_hop_with_its_numbers() -> None:
    """A window that is not in the facts is found out by asking."""
    refusal = ContextExceeded("too long", data={"prompt_tokens": 1300, "context_window": 1024})
    reply = await bl.Router([cloud(answer=refusal), Backend("next", None, leaves=True)]).complete(LONG)
    assert (reply.backend, [hop.reason for hop in reply.route]) == ("next", ["context 1024 < 1300 tokens"])
    with pytest.raises(ContextExceeded) as caught:
        await bl.Router([cloud(answer=ContextExceeded("too long"))]).complete(LONG)
    assert "'cloud': too long; shorten it, or use a model with a larger context window" in str(caught.value)


async def test_passing_over_says_nothing_about_the_backend() -> None:
    """Its breaker stays closed and its measurements stay without a failure, or `LeastLatency` would avoid it."""
    small, large = local(), cloud()
    router = bl.Router([small, large], breaker=bl.backends.router.Breaker(failures=1))
    for _ in range(3):
        assert (await router.complete(LONG)).backend == "cloud"
    candidate = (await router.explain("hello")).ranked[0].candidate
    assert (candidate.name, candidate.breaker, candidate.measurements.failures) == ("local", "closed", 0)
    assert (await router.complete("hello")).backend == "local"


async def test_a_place_in_the_queue_is_given_back() -> None:
    """A backend with one place, which it did not take, is free for the next request."""
    router = bl.Router([local(), cloud()], limits={"local": 1})
    for prompt, backend in ((LONG, "cloud"), ("hello", "local"), (LONG, "cloud"), ("hello", "local")):
        assert (await router.complete(prompt)).backend == backend


async def test_side_by_side_only_those_that_can_hold_it_run() -> None:
    """The one that cannot is replaced at once."""
    reply = await bl.Router([local(), cloud(), Backend("third", None)], fallback="parallel").complete(LONG)
    assert reply.backend in ("cloud", "third")
    assert "context 512 < about 1254 tokens" in [hop.reason for hop in reply.route]


async def test_a_router_in_a_router_decides_for_its_own_backends() -> None:
    """The outer one does not pass it over because its first backend has a small window."""
    inner = bl.Router([local(), cloud()], name="inner")
    reply = await bl.Router([inner, Backend("outer", None, leaves=True)]).complete(LONG)
    assert (reply.backend, [hop.backend for hop in reply.route]) == ("cloud", ["local"])


async def test_explain_says_who_cannot_hold_the_prompt() -> None:
    """A session leaves out old turns, so only its last turn decides."""
    router = bl.Router([local(), cloud()])
    explained = await router.explain(LONG)
    assert [choice.name for choice in explained.ranked] == ["cloud"]
    assert [(one.name, one.code, one.reason) for one in explained.excluded] == [
        ("local", "context_exceeded", "context 512 < about 1254 tokens")
    ]
    said = [bl.Message("system", "Be brief."), bl.Message("user", LONG), bl.Message("assistant", "Yes.")]
    said.append(bl.Message("user", "And?"))
    assert [choice.name for choice in (await router.explain(said)).ranked] == ["cloud"]
    assert [choice.name for choice in (await router.explain(said, shortened=True)).ranked] == ["local", "cloud"]
    assert [choice.name for choice in (await router.explain(said[:2], shortened=True)).ranked] == ["cloud"]


async def test_the_facts_say_that_a_router_has_requests_fitted() -> None:
    """Whichever backend is first; also through a middleware, and if no backend may answer."""
    request = bl.ChatRequest(messages=[bl.Message("user", LONG)])
    for router in (bl.Router([local(), cloud()]), bl.Retry(bl.Router([local()]))):
        assert (await router.facts(request)).shortens
    assert (await bl.Router([cloud()]).facts(bl.ChatRequest(messages=request.messages, private=True))).shortens
    assert not (await local().facts(request)).shortens


async def test_an_answer_that_broke_off_as_too_long_is_not_shortened() -> None:
    """What was streamed cannot be taken back."""

    class Breaks(Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            self.requests.append(request)
            yield "Well, "
            raise ContextExceeded("in the middle")

    breaks = Breaks("breaks", None)
    chat = bl.Session(bl.Router([breaks]))
    with pytest.raises(ContextExceeded, match="in the middle"):
        await chat.send(LONG)
    assert len(breaks.requests) == 1
