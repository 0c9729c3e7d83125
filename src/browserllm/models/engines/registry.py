"""The registered engines, the preferred one first."""

from __future__ import annotations

from ..._internal.arguments import check_kind, check_list
from ...errors import InvalidRequest, Unsupported
from ...page.device import DeviceFacts
from ...page.host import Host
from ..catalog.card import Artifact
from .engine import Engine
from .files import FileList
from .prompt_api import PromptApi
from .transformersjs import TransformersJs
from .webllm import WebLlm

_engines: dict[str, Engine] = {engine.name: engine for engine in (WebLlm(), TransformersJs(), PromptApi())}


def register(engine: Engine, *, before: str | None = None) -> None:
    """Register an engine, so that models may have builds for it.

    If a model has builds for several engines, the one registered first is preferred; ``before`` inserts the new engine
    before another. Raises `InvalidRequest` when the name is taken or it is no engine, `Unsupported` when ``before`` is
    unknown.
    """
    check_kind("engine", engine, Engine, "an engine", write="pass an instance of your engine's class, as in Mine()")
    write = "set it in your engine's class"
    check_kind("engine.name", getattr(engine, "name", None), str, "the name of an engine", write=write)
    check_list("engine.devices", getattr(engine, "devices", None), "devices", write=write, each=_check_device)
    if engine.name in _engines:
        raise InvalidRequest(f"engine {engine.name!r} is already registered; use another name", parameter="engine")
    place = len(_engines) if before is None else names().index(get(before).name)
    order = list(_engines.values())
    order.insert(place, engine)
    _engines.clear()
    _engines.update({known.name: known for known in order})


def _check_device(name: str, value: object) -> None:
    check_kind(name, value, str, "the name of a device", write="use 'webgpu', 'wasm' or 'browser'")


def unregister(name: str) -> None:
    """Remove an engine; raises `Unsupported` when it is unknown."""
    del _engines[get(name).name]


def names() -> list[str]:
    """Return the names of all engines, the preferred one first."""
    return list(_engines)


def known() -> list[Engine]:
    """Return all engines, the preferred one first."""
    return list(_engines.values())


def find(name: str) -> Engine | None:
    """Return the engine with a name, or ``None``."""
    return _engines.get(name)


def get(name: str) -> Engine:
    """Return the engine with a name; raises `Unsupported` when it is unknown."""
    engine = _engines.get(name)
    if engine is None:
        raise Unsupported(
            f"unknown engine {name!r}. Choose one of: {', '.join(_engines)}; or add your own with engines.register()",
            data={"parameter": "engine"},
        )
    return engine


def devices() -> list[str]:
    """Return the names of all devices that engines run on."""
    return list(dict.fromkeys(device for engine in known() for device in engine.devices))


def rank(artifact: Artifact) -> int:
    """Return a build's sort key: the order of its engine, then of the engine's devices; unknown ones come last."""
    steps = [(engine.name, device) for engine in known() for device in engine.devices]
    step = (artifact.engine, artifact.device)
    return steps.index(step) if step in steps else len(steps)


def is_here(artifact: Artifact, facts: DeviceFacts) -> bool:
    """Return whether a build needs no download (`Engine.is_here`)."""
    engine = find(artifact.engine)
    return artifact.bundled if engine is None else engine.is_here(artifact, facts)


def keeps_files(artifact: Artifact) -> bool:
    """Return whether this package downloads and stores a build's files, rather than the browser or the site."""
    engine = find(artifact.engine)
    return not artifact.bundled and (engine is None or engine.keeps_files)


async def list_files(host: Host, artifact: Artifact, *, refresh: bool = False) -> FileList:
    """Return the files of a build (`Engine.list_files`); a bundled build has none."""
    if artifact.bundled:
        return FileList([], artifact.url)
    return await get(artifact.engine).list_files(host, artifact, refresh=refresh)
