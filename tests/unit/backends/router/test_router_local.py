"""Router and LocalBackend: what a page says of itself decides who answers."""

from __future__ import annotations

import pytest

import browserllm as bl
from browserllm.testing.host import device_facts
from browserllm.testing.script import CLOSE, HANG


def cloud() -> bl.ScriptedBackend:
    return bl.ScriptedBackend("from the cloud", name="cloud", leaves_device=True)


async def test_the_page_answers_and_names_its_engine() -> None:
    """The first request loads the model."""
    local = bl.LocalBackend(bl.ScriptedHost("from the page"), "pocket")
    router = bl.Router([cloud(), local])
    reply = await router.complete("hello")
    assert (reply.text, reply.backend, reply.model, reply.engine) == ("from the page", "local", "pocket", "webllm")
    assert reply.cost_usd == 0.0
    assert (await router.explain("hello")).ranked[0].reason == "on this device, and loaded"
    await router.close()


@pytest.mark.parametrize("policy", [bl.LocalFirst(), bl.backends.router.LeastCost(), bl.LocalFirst(wait="nothing")])
async def test_the_cloud_answers_if_the_device_cannot_run_the_model(policy: bl.backends.router.Policy) -> None:
    """Without an attempt: the facts say so. A private request fails, and the error says why."""
    host = bl.ScriptedHost(facts=device_facts(webgpu=False, wasm=False))
    router = bl.Router([bl.LocalBackend(host, "pocket"), cloud()], policy)
    reply = await router.complete("hello")
    assert (reply.backend, [hop.backend for hop in reply.route]) == ("cloud", ["local"])
    assert not [op for op, _ in host.requests if op in {"load", "chat"}]
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await router.complete("hello", private=True)
    assert len(caught.value.causes) == 2


@pytest.mark.parametrize(("webgpu", "code"), [(True, "model_not_downloaded"), (False, "unavailable")])
async def test_a_model_that_is_not_downloaded_differs_from_one_that_cannot_run(webgpu: bool, code: str) -> None:
    """A download helps only the first."""
    artifact = bl.models.Artifact(
        engine="webllm", device="webgpu", id="far-1", url="https://models.test/far/", library="l"
    )
    catalog = bl.models.Catalog([bl.models.ModelCard(id="far", artifacts=[artifact])])
    local = bl.LocalBackend(bl.ScriptedHost(facts=device_facts(webgpu=webgpu)), "far", catalog=catalog, download=False)
    reply = await bl.Router([local, cloud()]).complete("hello")
    assert (reply.backend, reply.route[0].code) == ("cloud", code)


async def test_the_cloud_answers_if_the_page_is_closed() -> None:
    """Before an answer, and with ``on_interrupted="restart"`` also in the middle of one."""
    host = bl.ScriptedHost([["one ", CLOSE]])
    router = bl.Router([bl.LocalBackend(host, "pocket"), cloud()], on_interrupted="restart")
    chunks = [chunk async for chunk in router.stream("hello")]
    restart = next(chunk for chunk in chunks if isinstance(chunk, bl.types.ChatRestart))
    assert (restart.hop.backend, restart.backend) == ("local", "cloud")
    reply = await router.complete("hello")
    assert (reply.backend, reply.text) == ("cloud", "from the cloud")
    assert "the connection to the page is closed" in reply.route[0].reason


@pytest.mark.parametrize("fallback", ["sequential", "parallel"])
async def test_a_stop_reaches_the_engine_through_the_router(fallback: str) -> None:
    """The engine ends its own answer, so the usage is known."""
    host = bl.ScriptedHost([["one ", HANG]])
    other = bl.ScriptedBackend([[HANG]], name="other")
    router = bl.Router([bl.LocalBackend(host, "pocket"), other], bl.Explicit(), fallback=fallback)  # type: ignore[arg-type]
    stream = router.stream("hello")
    async for chunk in stream:
        if chunk.text:
            stream.stop()
    response = stream.response
    assert (response.text, response.finish_reason, response.usage.completion_tokens) == ("one ", "cancelled", 1)
    assert "chat" in host.cancelled


async def test_a_model_of_the_catalog_is_known_to_be_local() -> None:
    """A request for it goes to the device, one for another model goes to the cloud."""
    router = bl.Router([cloud(), bl.LocalBackend(bl.ScriptedHost("from the page"), "pocket")], bl.CloudFirst())
    assert (await router.complete("hello", model="pocket")).backend == "local"
    explanation = await router.explain("hello", model="gpt-5-nano")
    assert [(choice.name, choice.model) for choice in explanation.ranked] == [
        ("cloud", "gpt-5-nano"),
        ("local", "pocket"),
    ]
