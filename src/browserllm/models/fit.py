"""Fit: whether this device can run a model, and if not why, in words that a user understands.

Nothing is guessed. ``maxBufferSize`` does not measure GPU memory, and browsers do not report the memory of a graphics
card, so it stays unknown. ``memory_gb`` is a limit only for a GPU that shares the computer's memory.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from .._internal.formatting import memory_text, size_text
from ..errors import BrowserLLMError, DownloadInterrupted, OutOfMemory, QuotaExceeded, Unavailable, Unsupported
from ..page.device import DeviceFacts
from . import engines as registry
from .catalog.card import Artifact, ModelCard
from .machine import MIB, READING_SPEED, Graphics, Memory, computer_memory, gpu_memory, graphics, metered

NO_WEBGPU = {
    "insecure_context": "WebGPU needs a secure page (https, or localhost)",
    "no_api": "this browser has no WebGPU",
    "no_adapter": "WebGPU found no adapter on this machine",
    "turned_off": "WebGPU is turned off for this browser (the webgpu option is 'off')",
    "device_failed": "the WebGPU adapter did not return a device",
}
"""The meaning of each reason why a page has no WebGPU."""

# Below this, unknown GPU memory is not worth a warning.
SMALL_MB = 1024

# Where a model with many parameters is slow.
_SLOW_ON: dict[Graphics, str] = {
    "cpu": "on the CPU",
    "software": "on a WebGPU adapter that runs in software",
    "phone": "on a phone",
    "integrated": "on an integrated GPU",
}

# A WebAssembly memory is limited to 4 GiB, and the runtime needs room beside the weights.
WASM_MB = 3584

# Free space beyond the download's size: the origin stores other data, and sizes are estimates.
STORAGE_MARGIN = 1.1


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """An obstacle or a warning: a ``code`` for programs, a ``message`` for people, and the build it concerns."""

    code: str
    message: str
    artifact: str | None = None


class JudgedBuild(NamedTuple):
    """A build of a model, and what keeps this device from running it (``None`` if nothing)."""

    artifact: Artifact
    obstacle: BrowserLLMError | None


class Fit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a device can download and run a model.

    ``artifact`` is the best build that fits, or ``None``. ``reasons`` say why the builds before it (or all of them) do
    not fit; ``warnings`` are about the build that does.
    """

    model: str
    fits: bool
    artifact: Artifact | None = None
    reasons: list[Reason] = []
    warnings: list[Reason] = []


def candidates(
    card: ModelCard,
    facts: DeviceFacts,
    engine: str | None = None,
    device: str | None = None,
    engines: Collection[str] | None = None,
) -> list[JudgedBuild]:
    """Return the builds of a model, the best first, each with what keeps this device from running it (or ``None``).

    ``engine`` and ``device`` select builds; ``engines`` are those the page has, if known. A build with unquantized
    weights is left out if the engine has a quantized one: it is chosen by its own id only. Storage and network are not
    considered, since a downloaded build needs neither (see `fit`). Raises `Unsupported` when the model has no build for
    that engine and device.
    """
    # These messages are also raised on their own, so they name the build.
    return _judge(card, facts, engine, device, engines, named=True)


def fit(
    card: ModelCard | Artifact,
    facts: DeviceFacts,
    *,
    engine: str | None = None,
    device: str | None = None,
    engines: Collection[str] | None = None,
    free_bytes: int | None = None,
    stored: Collection[str] = (),
) -> Fit:
    """Return whether this device can download and run a model, and if not why.

    ``free_bytes`` is the space for downloads and defaults to the browser's quota less its usage; ``stored`` are the ids
    of downloaded builds. Raises `Unsupported` as `candidates` does.
    """
    if isinstance(card, Artifact):
        card = ModelCard(id=card.id or card.url, artifacts=[card])
    reasons: list[Reason] = []
    for artifact, unfit in _judge(card, facts, engine, device, engines):
        here = registry.is_here(artifact, facts) or artifact.id in stored
        obstacle = unfit or (None if here else _download_obstacle(artifact, facts, free_bytes))
        if obstacle is None:
            return Fit(card.id, True, artifact, reasons, warnings(artifact, facts, card.parameters, stored=here))
        reason = Reason(_code(obstacle), str(obstacle), artifact.id)
        if not any(known.message == reason.message for known in reasons):
            reasons.append(reason)
    return Fit(card.id, False, None, reasons)


def warnings(
    artifact: Artifact, facts: DeviceFacts, parameters: int | None = None, *, stored: bool = False
) -> list[Reason]:
    """Return the warnings about a build that this device can run; ``parameters`` are the model's, if known."""
    found: list[Reason] = []

    def warn(code: str, message: str) -> None:
        found.append(Reason(code, message, artifact.id))

    kind = "cpu" if artifact.device == "wasm" else graphics(facts)
    most = READING_SPEED.get(kind)
    if most is not None and parameters is not None and parameters > most and artifact.device != "browser":
        warn(
            "slow",
            f"slow: {parameters / 1e9:.1f} billion parameters {_SLOW_ON[kind]}; "
            f"up to {most / 1e9:.1f} billion answer at about reading speed",
        )
    if artifact.device == "webgpu":
        need, memory = memory_need(artifact), gpu_memory(facts)
        if memory.usable_mb is None and need.mb > SMALL_MB:
            warn("memory_unknown", f"{need} of GPU memory; the browser does not report how much there is")
        elif memory.usable_mb is not None and need.mb > memory.usable_mb:
            warn(
                "memory_unknown",
                f"{need} of memory; the browser reports only {memory.total_gb:g} GB or more",
            )
    engine = registry.find(artifact.engine)
    for code, message in [] if engine is None else engine.warnings(artifact, facts):
        warn(code, message)
    size = None if stored else artifact.download_bytes
    if size is not None:
        about = "about " if artifact.download_estimated else ""
        why_metered = metered(facts)
        if why_metered is not None:
            warn("metered", f"downloads {about}{size_text(size)}, and {why_metered}")
    return found


def _judge(
    card: ModelCard,
    facts: DeviceFacts,
    engine: str | None,
    device: str | None,
    engines: Collection[str] | None,
    *,
    named: bool = False,
) -> list[JudgedBuild]:
    chosen = [
        artifact
        for artifact in card.artifacts
        if engine in (None, artifact.engine) and device in (None, artifact.device)
    ]
    if not chosen:
        wanted = " and ".join(
            f"{name} {value!r}" for name, value in (("engine", engine), ("device", device)) if value is not None
        )
        there = ", ".join(dict.fromkeys(f"{artifact.engine} on {artifact.device}" for artifact in card.artifacts))
        raise Unsupported(
            f"model {card.id!r} has no build for {wanted}. Choose one of: {there}",
            data={"parameter": "device" if engine is None else "engine"},
        )
    quantized = {artifact.engine for artifact in chosen if not _is_unquantized(artifact)}
    return [
        JudgedBuild(
            artifact, _obstacle(artifact, card, facts, engines, f"{artifact.id or card.id!r} " if named else "")
        )
        for artifact in sorted(chosen, key=_rank)
        if not (_is_unquantized(artifact) and artifact.engine in quantized)
    ]


def _obstacle(
    artifact: Artifact, card: ModelCard, facts: DeviceFacts, engines: Collection[str] | None, subject: str
) -> BrowserLLMError | None:
    """Return what keeps a device from running a build; ``subject`` begins the messages that say what it needs."""
    engine = registry.find(artifact.engine)
    if engine is None:
        return Unavailable(
            f"unknown engine {artifact.engine!r}. Choose one of: {', '.join(registry.names())}; or add your own with "
            "engines.register()",
            reason="missing_feature",
        )
    if engines is not None and artifact.engine not in engines:
        return Unavailable(engine.why_missing(engines), reason="missing_feature")
    if artifact.device == "browser":
        return engine.obstacle(artifact, facts)
    if artifact.device == "wasm":
        return _wasm_obstacle(artifact, facts, subject) or engine.obstacle(artifact, facts)
    webgpu = facts.webgpu
    if not webgpu.available:
        reason = webgpu.reason or "no_adapter"
        return Unavailable(NO_WEBGPU.get(reason, f"WebGPU is not available: {reason!r}"), reason=reason)
    return (
        _missing_features(artifact, card, facts, subject)
        or engine.obstacle(artifact, facts)
        or _too_little_memory(memory_need(artifact), gpu_memory(facts), subject)
    )


def _wasm_obstacle(artifact: Artifact, facts: DeviceFacts, subject: str) -> BrowserLLMError | None:
    if facts.wasm.simd is False:
        return Unavailable("this browser's WebAssembly has no SIMD", reason="missing_feature")
    need = memory_need(artifact)
    if need.mb > WASM_MB:
        return OutOfMemory(f"{subject}{need} of memory; WebAssembly is limited to {memory_text(WASM_MB)}")
    return _too_little_memory(need, computer_memory(facts), subject)


def _missing_features(artifact: Artifact, card: ModelCard, facts: DeviceFacts, subject: str) -> BrowserLLMError | None:
    missing = sorted(set(artifact.features) - set(facts.webgpu.features))
    if not missing:
        return None
    message = f"{subject}needs {' and '.join(missing)}, which this adapter does not have"
    for other in sorted(card.artifacts, key=_rank):
        if other.engine != artifact.engine or set(other.features) - set(facts.webgpu.features):
            continue
        if other.device == "webgpu" and memory_need(other).mb:
            message += f"; the {'f32' if 'shader-f16' in missing else 'other'} build {memory_need(other)}"
            break
    return Unavailable(message, reason="missing_feature", data={"missing": missing})


def _too_little_memory(need: Need, memory: Memory, subject: str) -> BrowserLLMError | None:
    usable = memory.usable_mb
    if usable is None or not memory.exact or need.mb <= usable:
        return None
    return OutOfMemory(
        f"{subject}{need} of memory; this device has about {memory.total_gb:g} GB, of which a model can use "
        f"{memory_text(usable)}",
        data={"need_mb": need.mb, "usable_mb": usable},
    )


def _download_obstacle(artifact: Artifact, facts: DeviceFacts, free_bytes: int | None) -> BrowserLLMError | None:
    """Return what keeps this device from downloading a build now."""
    size = artifact.download_bytes
    free: float | None = free_bytes
    if free is None and facts.storage.quota is not None:
        free = max(0, facts.storage.quota - (facts.storage.usage or 0))
    if size is not None and free is not None and size * STORAGE_MARGIN > free:
        about = "about " if artifact.download_estimated else ""
        margin = ", and a tenth must stay free" if size <= free else ""
        return QuotaExceeded(
            f"needs {about}{size_text(size)} of storage; the browser has {size_text(free)} left for this site{margin}",
            data={"need_bytes": size, "free_bytes": free},
        )
    if facts.online is False:
        return DownloadInterrupted("is not downloaded, and this device is offline", data={"reason": "offline"})
    return None


class Need(NamedTuple):
    """The memory that a build needs, in mebibytes; a lower bound unless ``exact``."""

    mb: float
    exact: bool

    def __str__(self) -> str:
        return f"needs {memory_text(self.mb)}" if self.exact else f"needs at least {memory_text(self.mb)}"


def memory_need(artifact: Artifact) -> Need:
    """Return the memory that a build needs: the catalog's figure, or at least the size of its weights."""
    if artifact.vram_mb is not None:
        return Need(artifact.vram_mb, True)
    return Need((artifact.download_bytes or 0) / MIB, False)


def _code(error: BrowserLLMError) -> str:
    """Return the most specific code for an obstacle: the reason of `Unavailable`, else the error's own code."""
    if isinstance(error, DownloadInterrupted):
        return "offline"
    return error.reason if isinstance(error, Unavailable) else error.code


# Four bits before three, f16 before f32, and unquantized weights last: they take four times the memory.
_QUANTIZATION = ("q4f16_1", "q4f32_1", "q3f16_1", "q4f16", "q4", "q0f16", "q0f32")


def _is_unquantized(artifact: Artifact) -> bool:
    return (artifact.quantization or "").startswith("q0")


def _rank(artifact: Artifact) -> tuple[int, int, int]:
    """Order builds by engine and device, then precision, then the longer context (the download is the same)."""
    quantization = artifact.quantization or ""
    return (
        registry.rank(artifact),
        _QUANTIZATION.index(quantization) if quantization in _QUANTIZATION else 0,
        -(artifact.context_window or 0),
    )
