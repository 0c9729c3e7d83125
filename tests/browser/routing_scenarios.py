"""Routers over a real page and a scripted cloud, for Python in that page and for CPython that launched it alike.

What a test orders, and what it is told, is JSON: in a page these functions are called from outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import browserllm as bl
from browserllm.errors import to_wire

KEY = "sk-test-7f3a9c21d5e8"
COOL_DOWN_S = 30.0
PATIENCE_S = 30.0


class Bench:
    """A host, a cloud's address, and what happens around them."""

    def __init__(self, host: bl.Host, url: str) -> None:
        self.host = host
        self.url = url
        self.clock = bl.testing.Clock()
        self.routers: dict[str, bl.Router] = {}
        self.changed = asyncio.Event()
        self.catalog = bl.models.Catalog([far("far", "wasm"), far("far-gpu", "webgpu")])
        self.models = bl.ModelManager(host, self.catalog)
        host.subscribe(lambda _: self.changed.set())
        self.models.subscribe(lambda _: self.changed.set())

    def local(self, model: str) -> bl.LocalBackend:
        """The page as a backend, called by its model."""
        backend = bl.LocalBackend(self.host, model, catalog=self.catalog)
        backend.name = model
        return backend

    def cloud(self, exchange: str) -> bl.OpenAI:
        """The cloud that plays an exchange, called by that."""
        return bl.OpenAI("gpt-6-luna", base_url=f"{self.url}/{exchange}", api_key=KEY, name=exchange)

    def router(self, name: str) -> bl.Router:
        """One of the routers, made when it is first asked for."""
        if name not in self.routers:
            self.routers[name] = MAKERS[name](self)
        return self.routers[name]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for what the page tells by itself; what never comes is a failure."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                self.changed.clear()
                await self.changed.wait()


def far(name: str, device: str) -> bl.models.ModelCard:
    """A model of a gigabyte, of which nothing is here."""
    engine = "webllm" if device == "webgpu" else "transformersjs"
    url, library = (
        f"https://models.invalid/{name}/",
        f"https://models.invalid/{name}.wasm" if device == "webgpu" else None,
    )
    artifact = bl.models.Artifact(
        engine=engine, device=device, id=f"{name}-1", url=url, library=library, download_bytes=10**9
    )
    return bl.models.ModelCard(id=name, artifacts=[artifact])


MAKERS: dict[str, Callable[[Bench], bl.Router]] = {
    "nothing here": lambda bench: bl.Router([bench.local("far-gpu"), bench.local("far"), bench.cloud("hello")]),
    "cloud first": lambda bench: bl.Router([bench.local("pocket"), bench.cloud("hello")], bl.CloudFirst()),
    "flaky cloud": lambda bench: bl.Router(
        [bench.cloud("flaky"), bench.local("pocket")],
        bl.CloudFirst(),
        breaker=bl.backends.router.Breaker(failures=2, cool_down_s=COOL_DOWN_S),
        clock=bench.clock,
    ),
    "warming up": lambda bench: bl.Router([bench.local("pocket"), bench.cloud("hello")], bl.LocalFirst(wait="nothing")),
    "clouds alone": lambda bench: bl.Router([bench.cloud("hello"), bench.cloud("other")]),
}


class _Bench:
    """The one bench: in a page it outlives the call that made it."""

    now: Bench


async def begin(url: str, host: bl.Host | None = None) -> None:
    """Use this cloud, and this host or the page's own."""
    _Bench.now = Bench(host or await bl.connect(), url)


async def ask(router: str, **options: Any) -> dict[str, Any]:
    """Ask a router, and tell what came of it: an answer, or the error with the code and reason of every cause."""
    given: dict[str, Any] = {"temperature": 0, "max_tokens": 8, **options}
    try:
        reply = await _Bench.now.router(router).complete("Say hello.", **given)
    except bl.AllBackendsFailed as error:
        causes = [{**to_wire(cause), "kind": type(cause).__name__} for cause in error.causes]
        return {**to_wire(error), "causes": causes}
    except bl.BrowserLLMError as error:
        return to_wire(error)
    hops = [[hop.backend, hop.code, hop.reason] for hop in reply.route if hop.backend is not None]
    return {"backend": reply.backend, "text": reply.text, "engine": reply.engine, "cost": reply.cost_usd, "hops": hops}


async def until_online(online: bool) -> None:
    """Wait until the page has said that it is (not) online."""
    bench = _Bench.now
    await bench.until(lambda: bench.host.environment.online is online)


async def load(model: str) -> None:
    """Bring a model into memory."""
    await _Bench.now.models.load(model)


async def unload() -> None:
    """Free the memory of all models."""
    await _Bench.now.models.unload()


async def until_loaded(model: str) -> None:
    """Wait until a model is in memory that no request has asked for."""
    loaded: set[str] = set()
    bench = _Bench.now
    end = bench.models.subscribe(lambda event: loaded.add(event.model) if event.kind == "ready" else None)
    try:
        facts = await bench.local(model).facts(bl.ChatRequest(messages=[bl.Message("user", "hi")]))
        if not facts.loaded:
            await bench.until(lambda: model in loaded)
    finally:
        end()


async def cool_down() -> None:
    """Let the time of a breaker pass."""
    _Bench.now.clock.advance(COOL_DOWN_S)
