"""Recommend: the best models for a purpose on this device, and the tiers Quick, Smart and Genius.

`fit` says what can run; this is stricter and says what runs comfortably: a model that takes at most half of the memory,
with no more parameters than the kind of device computes at reading speed. Among these, a larger model of a current
family counts as stronger.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from .._internal.formatting import memory_text, size_text
from ..errors import InvalidRequest
from ..page.device import DeviceFacts
from .catalog.card import Artifact, ModelCard, Purpose
from .catalog.catalog import BROWSER, POCKET, Catalog
from .fit import Fit, fit, memory_need
from .machine import READING_SPEED, graphics, metered

PURPOSES: tuple[Purpose, ...] = Purpose.__args__
"""The purposes that a model can be recommended for."""

CURRENT = (
    "Qwen3.5",
    "Qwen3",
    "Gemma 4",
    "Phi 4",
    "Ministral 3",
    "Llama 3.2",
    "Llama 3.1",
    "Gemma 3",
    "SmolLM2",
    "DeepSeek R1",
    "Qwen2.5 Coder",
    "OLMo 2",
)
"""Families that no newer one has replaced, the better one first for models of the same size."""

# The memory to assume if the browser does not report it: what graphics cards of the last ten years have.
_UNKNOWN_MB = 4096
_PHONE_MB = 2048

# The largest download to recommend over a metered connection.
_METERED_BYTES = 1e9

# With fewer parameters an answer is rarely useful, however fast it is. A slow device must accept smaller models.
_USEFUL = 0.5e9
_USEFUL_WHERE_SLOW = 0.3e9

# Models within this factor count as the same size: then the newer family is better.
_SIMILAR = 1.5


class Recommendation(msgspec.Struct, frozen=True):
    """A recommended model, the build of it that fits, and the reason."""

    card: ModelCard
    fit: Fit
    reason: str

    def __repr__(self) -> str:
        return f"<Recommendation {self.model!r}: {self.reason}>"

    @property
    def model(self) -> str:
        """The model's id."""
        return self.card.id


class Tiers(msgspec.Struct, frozen=True):
    """Three choices by one word each; a model appears twice on a device that runs few."""

    quick: Recommendation
    smart: Recommendation
    genius: Recommendation


class _Limits(NamedTuple):
    """What runs comfortably on a device, and its description in ``text``."""

    parameters: float
    least_useful: float
    mb: float
    download_bytes: float
    text: str


def recommend(
    catalog: Catalog,
    facts: DeviceFacts,
    purpose: str = "chat",
    count: int = 3,
    *,
    engines: Collection[str] | None = None,
    free_bytes: int | None = None,
    stored: Collection[str] = (),
) -> list[Recommendation]:
    """Return at most ``count`` models for a purpose that this device runs comfortably, the best first.

    Each is of a different family. For ``low-end`` the smallest come first. ``engines``, ``free_bytes`` and ``stored``
    are as in `fit`. The list is empty if no model runs comfortably. Raises `InvalidRequest` for a purpose that is not
    in `PURPOSES`.
    """
    if purpose not in PURPOSES:
        raise InvalidRequest(f"unknown purpose {purpose!r}. Choose one of: {', '.join(PURPOSES)}", parameter="purpose")
    limits = _limits(facts)
    suited = _suited(catalog, facts, purpose, limits, engines, free_bytes, stored)
    if purpose == "low-end":
        suited.reverse()
    chosen: dict[str, tuple[ModelCard, Fit]] = {}
    for card, found in suited:
        chosen.setdefault(card.family or card.id, (card, found))
    what = "the smallest" if purpose == "low-end" else f"the strongest for {purpose}"
    picks = list(chosen.values())[:count]
    reasons = [f"{what} that suits {limits.text}"] + [f"{what} of another family"] * len(picks)
    return [
        Recommendation(card, found, _explain(reason, card, found, stored))
        for (card, found), reason in zip(picks, reasons, strict=False)
    ]


def tiers(
    catalog: Catalog,
    facts: DeviceFacts,
    *,
    engines: Collection[str] | None = None,
    free_bytes: int | None = None,
    stored: Collection[str] = (),
) -> Tiers:
    """Return the models for Quick, Smart and Genius on this device; the arguments are those of `recommend`.

    Genius is the strongest model that runs comfortably, Quick the smallest useful one, and Smart is between them. A
    downloaded model is preferred to a similar one that is not. If no model suits, all three are the built-in model.
    """
    limits = _limits(facts)
    suited = _suited(catalog, facts, "chat", limits, engines, free_bytes, stored)
    useful = [entry for entry in suited if _size(entry) >= limits.least_useful] or suited
    if not useful:
        built_in = Recommendation(
            POCKET, fit(POCKET, facts, engines=engines), _why_nothing(catalog, facts, limits, free_bytes)
        )
        return Tiers(built_in, built_in, built_in)
    sizes = [_size(entry) for entry in useful]
    largest, smallest = max(sizes), min(sizes)

    def pick(target: float, reason: str) -> Recommendation:
        nearest = min(useful, key=lambda entry: _factor(_size(entry), target))
        alike = [entry for entry in useful if _factor(_size(entry), target) <= _SIMILAR] or [nearest]
        # Prefer a downloaded model, then the newest family, then the nearest size.
        card, found = min(
            alike,
            key=lambda entry: (
                not _is_stored(entry[1], stored),
                _generation(entry[0]),
                _factor(_size(entry), target),
            ),
        )
        return Recommendation(card, found, _explain(reason, card, found, stored))

    return Tiers(
        quick=pick(smallest, "the fastest answers"),
        smart=pick((largest * smallest) ** 0.5, "a balance of speed and strength"),
        genius=pick(largest, f"the strongest that suits {limits.text}"),
    )


def _suited(
    catalog: Catalog,
    facts: DeviceFacts,
    purpose: str,
    limits: _Limits,
    engines: Collection[str] | None,
    free_bytes: int | None,
    stored: Collection[str],
) -> list[tuple[ModelCard, Fit]]:
    """Return the models that run comfortably, the largest first; superseded families only if there is no other."""
    # The browser does not say how large its own model is.
    cards = [card for card in catalog if purpose in card.purposes and card.id not in (POCKET.id, BROWSER.id)]
    # A custom model, which has no family, counts as current.
    current = [card for card in cards if card.family in CURRENT or not card.family]
    found: list[tuple[ModelCard, Fit]] = []
    for group in (current, cards):
        if found:
            break
        for card in group:
            if (card.parameters or 0) > limits.parameters:
                continue
            result = fit(card, facts, engines=engines, free_bytes=free_bytes, stored=stored)
            if result.artifact is None or memory_need(result.artifact).mb > limits.mb:
                continue
            if not _is_stored(result, stored) and (result.artifact.download_bytes or 0) > limits.download_bytes:
                continue
            if any(warning.code == "not_for_phones" for warning in result.warnings):
                continue
            found.append((card, result))
    return sorted(found, key=lambda entry: (-_size_class(entry), _generation(entry[0]), -_size(entry)))


def _limits(facts: DeviceFacts) -> _Limits:
    kind = graphics(facts)
    parameters = READING_SPEED.get(kind, math.inf)
    useful = _USEFUL_WHERE_SLOW if kind in ("cpu", "software", "phone") else _USEFUL
    half_mb = None if facts.memory_gb is None else facts.memory_gb * 512
    mb: float = _UNKNOWN_MB if half_mb is None or kind == "card" else half_mb
    if kind == "phone":
        mb = min(mb, _PHONE_MB)
    text = {
        "cpu": "a computer without WebGPU",
        "software": "a WebGPU adapter that runs in software",
        "phone": "a phone",
        "integrated": f"an integrated GPU and half of {_gb(facts)}",
        "apple": f"an Apple GPU and half of {_gb(facts)}",
        "card": f"a GPU whose memory the browser does not report ({memory_text(_UNKNOWN_MB)} assumed)",
    }[kind]
    if metered(facts) is None:
        return _Limits(parameters, useful, mb, math.inf, text)
    text = f"{text}, over a metered connection ({size_text(_METERED_BYTES)} at most)"
    return _Limits(parameters, useful, mb, _METERED_BYTES, text)


def _why_nothing(catalog: Catalog, facts: DeviceFacts, limits: _Limits, free_bytes: int | None) -> str:
    cards = [card for card in catalog if "chat" in card.purposes]
    smallest = min(cards, key=lambda card: card.parameters or math.inf)
    refused = fit(smallest, facts, free_bytes=free_bytes).reasons
    if not refused:
        return f"the built-in model, since no other suits {limits.text}"
    return f"the built-in model, since even the smallest other one does not fit ({smallest.id}): {refused[-1].message}"


def _gb(facts: DeviceFacts) -> str:
    if facts.memory_gb is None:
        return f"an assumed {memory_text(_UNKNOWN_MB * 2)}"
    return f"its {facts.memory_gb:g} GB"


def _explain(reason: str, card: ModelCard, found: Fit, stored: Collection[str]) -> str:
    artifact = found.artifact
    assert artifact is not None  # noqa: S101 (only what fits is recommended)
    parts = [f"{(card.parameters or 0) / 1e9:.1f} billion parameters", str(memory_need(artifact))]
    if _is_stored(found, stored):
        parts.append("already downloaded")
    elif artifact.download_bytes is not None:
        parts.append(f"downloads {'about ' if artifact.download_estimated else ''}{size_text(artifact.download_bytes)}")
    return f"{reason}: {', '.join(parts)}"


def _is_stored(found: Fit, stored: Collection[str]) -> bool:
    return found.artifact is not None and (found.artifact.bundled or found.artifact.id in stored)


def _size(entry: tuple[ModelCard, Fit]) -> float:
    return float(entry[0].parameters or 1)


def _size_class(entry: tuple[ModelCard, Fit]) -> int:
    return round(math.log(_size(entry), _SIMILAR))


def _factor(size: float, target: float) -> float:
    """Return the ratio of the larger size to the smaller one."""
    return max(size, target) / min(size, target)


def _generation(card: ModelCard) -> int:
    return CURRENT.index(card.family) if card.family in CURRENT else len(CURRENT)


def strains(card: ModelCard, artifact: Artifact, facts: DeviceFacts) -> list[str]:
    """Return why a build that fits this device would not run comfortably on it; empty if it would."""
    limits = _limits(facts)
    found: list[str] = []
    if (card.parameters or 0) > limits.parameters:
        size = f"{(card.parameters or 0) / 1e9:.1f} billion parameters"
        found.append(f"answers will be slow: it has {size}, and this is {limits.text}")
    need = memory_need(artifact)
    if need.mb > limits.mb:
        found.append(f"it may run out of memory: it {need}, and {memory_text(limits.mb)} are comfortable here")
    return found
