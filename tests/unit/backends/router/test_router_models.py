"""Which model answers when a request names one, and getting models ready in the background."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl

DOWN = bl.Unavailable("down", reason="server_error")


class Knows(bl.ScriptedBackend):
    """Knows that it has ``models``, and with ``sure`` that it has no others."""

    def __init__(
        self, name: str, *models: str, sure: bool = True, leaves_device: bool = False, fails: bool = False
    ) -> None:
        super().__init__([[DOWN]] if fails else f"{name} says", name=name, model=models[0], leaves_device=leaves_device)
        self.models = models
        self.sure = sure

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        known = request.model is None or request.model in self.models
        return bl.backends.BackendFacts(
            leaves_device=self.leaves_device,
            needs_network=self.needs_network,
            model=request.model or self.model,
            knows_model=request.model in self.models if self.sure else (True if known else None),
            available=known or not self.sure,
            reason="" if known else f"there is no model {request.model!r} here",
        )


def device(*models: str, **options: Any) -> Knows:
    return Knows("local", *(models or ("Qwen3-0.6B", "Qwen3-4B")), **options)


def openai(*models: str, **options: Any) -> Knows:
    return Knows("openai", *(models or ("gpt-5-mini", "gpt-5-nano")), leaves_device=True, sure=False, **options)


async def test_without_a_requested_model_each_backend_uses_its_default() -> None:
    """Without translations or warnings."""
    here, away = device(fails=True), openai()
    reply = await bl.Router([here, away]).complete("hello")
    assert (here.requests[0].model, away.requests[0].model) == (None, None)
    assert (reply.model, reply.warnings) == ("gpt-5-mini", [])


@pytest.mark.parametrize(
    ("model", "backend", "got"),
    [
        ("gpt-5-nano", "openai", "gpt-5-nano"),
        ("Qwen3-4B", "local", "Qwen3-4B"),
        ("openai/gpt-5-mini", "openai", "gpt-5-mini"),
        ("local/Qwen3-4B", "local", "Qwen3-4B"),
        ("openai/gpt-6", "openai", "gpt-6"),
    ],
)
async def test_a_backend_with_the_requested_model_answers(model: str, backend: str, got: str) -> None:
    """Whatever the policy prefers."""
    for policy in (bl.LocalFirst(), bl.CloudFirst(), bl.backends.router.LeastCost()):
        reply = await bl.Router([device(), openai()], policy).complete("hello", model=model)
        assert (reply.backend, reply.model, reply.warnings) == (backend, got, [])


async def test_a_model_is_not_replaced_silently() -> None:
    """If its backend fails, another one answers with its default and a warning; with ``unsupported="error"`` none."""
    here, away = device(), openai(fails=True)
    router = bl.Router([here, away])
    reply = await router.complete("hello", model="gpt-5-nano")
    assert (reply.backend, reply.model) == ("local", "Qwen3-0.6B")
    assert [(warning.parameter, warning.message) for warning in reply.warnings] == [
        ("model", "'local' has no model 'gpt-5-nano'; 'Qwen3-0.6B' answered")
    ]
    assert [(hop.backend, hop.model) for hop in reply.route] == [("openai", "gpt-5-nano")]
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await router.complete("hello", model="gpt-5-nano", unsupported="error")
    assert [type(cause) for cause in caught.value.causes] == [bl.errors.Unsupported, bl.Unavailable]
    assert "'local': has no model 'gpt-5-nano'" in str(caught.value)


async def test_translations_replace_models() -> None:
    """By name, by pattern, by default: without a warning, and in the policy's order."""
    here, away = device(), openai(fails=True)
    router = bl.Router(
        [here, away],
        translations={
            "gpt-5-nano": {"local": "Qwen3-0.6B"},
            "gpt-*": {"local": "Qwen3-4B"},
            "*": {"openai": "gpt-5-mini"},
        },
    )
    for asked, got in (("gpt-5-nano", "Qwen3-0.6B"), ("gpt-5-mini", "Qwen3-4B"), ("openai/gpt-5-nano", "Qwen3-0.6B")):
        reply = await router.complete("hello", model=asked)
        assert (reply.backend, reply.model, reply.warnings) == ("local", got, [])
    assert away.requests == []
    failing = bl.Router([device(fails=True), openai()], translations={"*": {"openai": "gpt-5-nano", "local": "none"}})
    assert (await failing.complete("hello", model="Qwen3-4B")).model == "gpt-5-nano"


async def test_a_model_that_no_backend_certainly_has_is_requested_by_name() -> None:
    """A server may have more models than it lists; backends that certainly do not have it come later."""
    here, away, other = device(), openai(), Knows("vllm", "llama", sure=False, leaves_device=True)
    router = bl.Router([here, away, other])
    reply = await router.complete("hello", model="gpt-6-preview")
    assert (reply.backend, reply.model, reply.warnings) == ("openai", "gpt-6-preview", [])
    explanation = await router.explain("hello", model="gpt-6-preview")
    assert [(choice.name, choice.model) for choice in explanation.ranked] == [
        ("openai", "gpt-6-preview"),
        ("vllm", "gpt-6-preview"),
        ("local", "Qwen3-0.6B"),
    ]
    known = await router.explain("hello", model="llama")
    assert [(choice.name, choice.model) for choice in known.ranked] == [
        ("vllm", "llama"),
        ("local", "Qwen3-0.6B"),
        ("openai", "gpt-5-mini"),
    ]


async def test_a_slash_in_a_models_name_stays() -> None:
    """Only the name of a backend is split off."""
    away = openai("openai/gpt-oss-20b", "meta/llama")
    router = bl.Router([device(), away])
    assert (await router.complete("hello", model="meta/llama")).model == "meta/llama"
    assert (await router.complete("hello", model="openai/openai/gpt-oss-20b")).model == "openai/gpt-oss-20b"


async def test_the_longest_matching_backend_name_is_split_off() -> None:
    """A backend's name may contain a slash, too."""
    router = bl.Router([Knows("eu", "x"), Knows("eu/west", "x")])
    for asked, backend in (("eu/west/x", "eu/west"), ("eu/x", "eu")):
        reply = await router.complete("hello", model=asked)
        assert (reply.backend, reply.model, reply.warnings) == (backend, "x", [])


async def test_nested_routers_split_off_their_part_of_the_name() -> None:
    """In the form of `list_models`."""
    inner = bl.Router([device(), openai()], name="inner")
    outer = bl.Router([Knows("other", "x"), inner])
    reply = await outer.complete("hello", model="inner/openai/gpt-5-nano")
    assert (reply.backend, reply.model) == ("openai", "gpt-5-nano")
    assert (await outer.complete("hello", model="Qwen3-4B")).backend == "local"
    assert (await outer.complete("hello", model="x")).backend == "other"


async def test_no_cloud_is_asked_for_a_private_requests_model() -> None:
    """Not even whether it has the model."""

    class Listens(Knows):
        asked = 0

        async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
            self.asked += 1
            return await super().facts(request)

    away = Listens("openai", "gpt-5-mini", leaves_device=True)
    reply = await bl.Router([device(), away]).complete("hello", model="gpt-5-mini", private=True)
    assert (reply.backend, reply.model, away.asked) == ("local", "Qwen3-0.6B", 0)


# Getting ready in the background


class Loads(bl.ScriptedBackend):
    """Its model is loaded once `prepare` returns."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__("from the device", name="local", model="local-model")
        self.fails = fails
        self.loaded = self.cancelled = False
        self.go_on = asyncio.Event()

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        return bl.backends.BackendFacts(
            leaves_device=False, needs_network=False, model=self.model, downloaded=True, loaded=self.loaded
        )

    async def prepare(self, request: bl.ChatRequest) -> None:
        await super().prepare(request)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.fails:
            raise bl.errors.LoadFailed("no engine could load it")
        self.loaded = True


def impatient(here: bl.Backend, **options: Any) -> bl.Router:
    away = bl.ScriptedBackend("from the cloud", name="cloud", leaves_device=True)
    return bl.Router([here, away], bl.LocalFirst(wait="nothing"), **options)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_local_model_is_prepared_once_while_the_cloud_answers() -> None:
    """Later requests go to the device."""
    here = Loads()
    router = impatient(here)
    for _ in range(3):
        assert (await router.complete("hello")).backend == "cloud"
        await settle()
    assert len(here.prepared) == 1
    here.go_on.set()
    await settle()
    reply = await router.complete("hello")
    assert (reply.backend, reply.text) == ("local", "from the device")
    await router.close()


async def test_a_failed_preparation_is_kept_and_not_raised() -> None:
    """It is not attempted again, and `explain` shows the reason."""
    here = Loads(fails=True)
    here.go_on.set()
    router = impatient(here)
    for _ in range(3):
        assert (await router.complete("hello")).backend == "cloud"
        await settle()
    assert len(here.prepared) == 1
    assert (await router.explain("hello")).ranked[1].reason == (
        "on this device, not loaded yet, which wait='nothing' does not wait for; "
        "could not be prepared: no engine could load it"
    )
    await router.close()


async def test_closing_the_router_stops_preparation() -> None:
    """No task is left behind."""
    here = Loads()
    router = impatient(here)
    await router.complete("hello")
    await settle()
    assert here.prepared
    await router.close()
    assert here.cancelled and not here.loaded


async def test_nothing_is_prepared_that_the_policy_does_not_prefer() -> None:
    """Nor with ``warm_up=False``."""
    here = Loads()
    assert (await impatient(here, warm_up=False).complete("hello")).backend == "cloud"
    away = bl.ScriptedBackend(name="cloud", leaves_device=True)
    assert (await bl.Router([here, away], bl.CloudFirst()).complete("hello")).backend == "cloud"
    await settle()
    assert here.prepared == []


async def test_the_model_that_the_request_needs_is_prepared() -> None:
    """By its name on the device."""
    here = Loads()
    router = impatient(here, translations={"gpt": {"local": "small"}})
    await router.complete("hello", model="gpt")
    await settle()
    assert [request.model for request in here.prepared] == ["small"]
    await router.close()
