"""Checks of this machine, each with a remedy."""

from __future__ import annotations

import platform
from collections.abc import AsyncGenerator, Callable
from typing import Literal

import msgspec

from .._internal.formatting import size_text
from .._internal.version import __version__
from ..backends.local import LocalBackend
from ..errors import BrowserLLMError
from ..models import Catalog
from ..models.choosing import engine_names
from ..models.fit import NO_WEBGPU
from ..models.loading import describe_adapter
from ..models.machine import READING_SPEED, graphics
from ..models.manager import DEFAULT_MODEL
from ..models.recommend import recommend
from ..page.chrome.find import find_browser
from ..page.connect import Connecting
from ..page.device import AdapterInfo, DeviceFacts
from ..page.host import EngineInfo, Host
from ..page.serving.static import site_folder
from .console import error_text

QUESTION = "Hello!"

MODEL_FEATURES = ("shader-f16", "subgroups")
"""The WebGPU features that builds of models ask for."""


LITTLE_BYTES = 1e9
"""With less free space, most models of the catalog do not fit."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check: ``ok``, ``warn`` (works with limits) or ``fail``, and a remedy."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


async def examine(connect: Callable[[], Connecting], browser: str | None = None) -> AsyncGenerator[Check, None]:
    """Yield the checks one by one; those that need a browser stop at the first failure."""
    yield Check(name="Python", state="ok", detail=platform.python_version())
    yield Check(name="browserllm", state="ok", detail=__version__)
    try:
        yield Check(name="site files", state="ok", detail=str(site_folder()))
        yield Check(name="browser", state="ok", detail=str(find_browser(browser)))
        async with connect() as host:
            facts = await host.probe()
            engines = ", ".join(_engine_text(engine, facts) for engine in host.hello.engines)
            version = " ".join(filter(None, [facts.browser.name, facts.browser.version])) or host.hello.user_agent
            yield Check(name="page", state="ok", detail=f"{version or 'connected'}; engines: {engines or 'none'}")
            for notice in host.notices:
                yield Check(name="profile", state="warn", detail=notice)
            yield _check_webgpu(facts)
            yield _check_storage(facts)
            yield _check_models(host, facts)
            response = await LocalBackend(host, DEFAULT_MODEL).complete(QUESTION, temperature=0, max_tokens=16)
            speed = response.timings.tokens_per_s
            yield Check(
                name="answer",
                state="ok",
                detail=f"{response.engine} on {response.adapter or response.device}"
                + (f", {speed:.1f} tokens/s" if speed is not None else "")
                + f": {response.text.strip()!r}",
            )
    except BrowserLLMError as error:
        yield Check(name=error.code.replace("_", " "), state="fail", detail=error_text(error), remedy=_remedy(error))


def _engine_text(engine: EngineInfo, facts: DeviceFacts) -> str:
    said = facts.engines.get(engine.name, "available")
    return " ".join(filter(None, [engine.name, engine.version, f"({said})" if said != "available" else ""]))


def _check_models(host: Host, facts: DeviceFacts) -> Check:
    """Name the models that answer at a useful speed here: many more fit."""
    names = [found.model for found in recommend(Catalog(), facts, engines=engine_names(host))]
    most = READING_SPEED.get(graphics(facts))
    size = "" if most is None else f"up to {most / 1e9:.1f} billion parameters answer at about reading speed"
    good = f"good for chat here: {', '.join(names)}" if names else f"only {DEFAULT_MODEL} suits this device"
    return Check(name="models", state="ok", detail="; ".join(filter(None, [good, size])))


def _check_webgpu(facts: DeviceFacts) -> Check:
    webgpu = facts.webgpu
    if not webgpu.available:
        off = webgpu.reason == "turned_off"
        way = "omit --webgpu off" if off else "update the browser and the graphics driver"
        return Check(
            name="WebGPU",
            state="warn",
            detail=NO_WEBGPU.get(webgpu.reason or "", str(webgpu.reason)),
            remedy=f"models run on the CPU; for the GPU, {way}",
        )
    adapter = webgpu.adapter or AdapterInfo()
    # These features decide which builds of a model run.
    features = ", ".join(f"{name}: {'yes' if name in webgpu.features else 'no'}" for name in MODEL_FEATURES)
    detail = f"{describe_adapter(adapter)}; {features}"
    if adapter.fallback:
        return Check(
            name="WebGPU",
            state="warn",
            detail=detail,
            remedy="this is a software adapter, which is slow; if the machine has a GPU, check its driver",
        )
    return Check(name="WebGPU", state="ok", detail=detail)


def _check_storage(facts: DeviceFacts) -> Check:
    quota = facts.storage.quota
    if quota is None:
        return Check(name="storage", state="warn", detail="the browser does not report its storage space")
    free_bytes = max(0, quota - (facts.storage.usage or 0))
    if free_bytes < LITTLE_BYTES:
        return Check(
            name="storage",
            state="warn",
            detail=f"{size_text(free_bytes)} for models",
            remedy="free some disk space, or choose a profile folder on another disk with --profile",
        )
    return Check(name="storage", state="ok", detail=f"{size_text(free_bytes)} for models")


def _remedy(error: BrowserLLMError) -> str:
    return "" if error.code == "unavailable" else "run again; if it fails again, report it with this output"
