"""Recommend: what to take for a purpose on the device at hand, and the tiers Quick, Smart and Genius.

`fit` says what can run; this says what runs with ease, which is less: a model may take half of the memory there is, and
no more parameters than the kind of device computes at reading speed. Among those, larger is taken for stronger within
the families of today.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from .._internal.formatting import memory_text, size_text
from ..errors import InvalidRequest
from ..page.device import DeviceFacts
from .catalog.card import ModelCard, Purpose
from .catalog.catalog import BROWSER, POCKET, Catalog
from .fit import Fit, fit, memory_need
from .machine import graphics, metered

PURPOSES: tuple[Purpose, ...] = Purpose.__args__
"""What a model can be recommended for."""

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
"""Families that a newer one has not replaced, the better one first where two models are of one size."""

# The most parameters that each kind of device computes at about reading speed.
_PARAMETERS = {"cpu": 0.7e9, "software": 0.7e9, "phone": 2e9, "integrated": 4.5e9}

# Memory to count on where the browser does not tell it: what graphics cards of the last ten years have.
_UNTOLD_MB = 4096
_PHONE_MB = 2048

# The most to download without being asked for over a connection that is paid by the byte.
_METERED_BYTES = 1e9

# Below this many parameters an answer is rarely of use, however fast it comes. What computes fast need not go so low.
_USEFUL = 0.5e9
_USEFUL_WHERE_SLOW = 0.3e9

# Models within this factor are of one size: the newer family is the better one then.
_ALIKE = 1.5


class Recommendation(msgspec.Struct, frozen=True):
    """A model to take, the build of it that fits, and why it."""

    card: ModelCard
    fit: Fit
    reason: str

    @property
    def model(self) -> str:
        """The model's id."""
        return self.card.id


class Tiers(msgspec.Struct, frozen=True):
    """Three choices for people who want one word, the same model twice where a device has no more to offer."""

    quick: Recommendation
    smart: Recommendation
    genius: Recommendation


class _Ease(NamedTuple):
    """How much suits a device, and how to say it."""

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
    """Return at most ``count`` models for a purpose that this device runs with ease, the best first.

    They are of different families, so that there is a choice. For ``low-end`` the smallest come first. ``engines``,
    ``free_bytes`` and ``stored`` are those of `fit`. An empty list says that nothing runs with ease. Raises
    `InvalidRequest` for a purpose that is none of `PURPOSES`.
    """
    if purpose not in PURPOSES:
        raise InvalidRequest(f"{purpose!r} is no purpose; there are: {', '.join(PURPOSES)}", parameter="purpose")
    ease = _ease(facts)
    suited = _suited(catalog, facts, purpose, ease, engines, free_bytes, stored)
    if purpose == "low-end":
        suited.reverse()
    chosen: dict[str, tuple[ModelCard, Fit]] = {}
    for card, found in suited:
        chosen.setdefault(card.family or card.id, (card, found))
    what = "the smallest" if purpose == "low-end" else f"the strongest for {purpose}"
    picks = list(chosen.values())[:count]
    reasons = [f"{what} that suits {ease.text}"] + [f"{what} of another family"] * len(picks)
    return [
        Recommendation(card, found, _say(reason, card, found, stored))
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
    """Return the models for Quick, Smart and Genius on this device; arguments as those of `recommend`.

    Genius is the strongest that runs with ease, Quick the smallest of use, Smart the one between them. A model that is
    downloaded is taken before one like it that is not. Where nothing suits, all three are the built-in model.
    """
    ease = _ease(facts)
    suited = _suited(catalog, facts, "chat", ease, engines, free_bytes, stored)
    useful = [entry for entry in suited if _size(entry) >= ease.least_useful] or suited
    if not useful:
        built_in = Recommendation(
            POCKET, fit(POCKET, facts, engines=engines), _why_nothing(catalog, facts, ease, free_bytes)
        )
        return Tiers(built_in, built_in, built_in)
    sizes = [_size(entry) for entry in useful]
    largest, smallest = max(sizes), min(sizes)

    def pick(target: float, reason: str) -> Recommendation:
        nearest = min(useful, key=lambda entry: _factor(_size(entry), target))
        alike = [entry for entry in useful if _factor(_size(entry), target) <= _ALIKE] or [nearest]
        # A downloaded one saves the download; else the newest family, and of one family the nearest in size.
        card, found = min(
            alike,
            key=lambda entry: (
                not _is_stored(entry[1], stored),
                _generation(entry[0]),
                _factor(_size(entry), target),
            ),
        )
        return Recommendation(card, found, _say(reason, card, found, stored))

    return Tiers(
        quick=pick(smallest, "answers soonest"),
        smart=pick((largest * smallest) ** 0.5, "between speed and strength"),
        genius=pick(largest, f"the strongest that suits {ease.text}"),
    )


def _suited(
    catalog: Catalog,
    facts: DeviceFacts,
    purpose: str,
    ease: _Ease,
    engines: Collection[str] | None,
    free_bytes: int | None,
    stored: Collection[str],
) -> list[tuple[ModelCard, Fit]]:
    """Return what fits and runs with ease, the largest first; a replaced family only where there is no other."""
    # The browser does not say how large its own model is.
    cards = [card for card in catalog if purpose in card.purposes and card.id not in (POCKET.id, BROWSER.id)]
    # A family of the caller's own is as good as those of today.
    current = [card for card in cards if card.family in CURRENT or not card.family]
    found: list[tuple[ModelCard, Fit]] = []
    for group in (current, cards):
        if found:
            break
        for card in group:
            if (card.parameters or 0) > ease.parameters:
                continue
            result = fit(card, facts, engines=engines, free_bytes=free_bytes, stored=stored)
            if result.artifact is None or memory_need(result.artifact).mb > ease.mb:
                continue
            if not _is_stored(result, stored) and (result.artifact.download_bytes or 0) > ease.download_bytes:
                continue
            if any(warning.code == "not_for_phones" for warning in result.warnings):
                continue
            found.append((card, result))
    return sorted(found, key=lambda entry: (-_size_class(entry), _generation(entry[0]), -_size(entry)))


def _ease(facts: DeviceFacts) -> _Ease:
    kind = graphics(facts)
    parameters = _PARAMETERS.get(kind, math.inf)
    useful = _USEFUL_WHERE_SLOW if kind in ("cpu", "software", "phone") else _USEFUL
    told = None if facts.memory_gb is None else facts.memory_gb * 512
    mb: float = _UNTOLD_MB if told is None or kind == "card" else told
    if kind == "phone":
        mb = min(mb, _PHONE_MB)
    text = {
        "cpu": "a computer that answers with its CPU",
        "software": "a WebGPU that runs in software",
        "phone": "a phone",
        "integrated": f"an integrated GPU and half of {_gb(facts)}",
        "apple": f"a GPU of Apple's and half of {_gb(facts)}",
        "card": f"a GPU whose memory the browser does not tell ({memory_text(_UNTOLD_MB)} are assumed)",
    }[kind]
    if metered(facts) is None:
        return _Ease(parameters, useful, mb, math.inf, text)
    text = f"{text}, over a metered connection ({size_text(_METERED_BYTES)} at most)"
    return _Ease(parameters, useful, mb, _METERED_BYTES, text)


def _why_nothing(catalog: Catalog, facts: DeviceFacts, ease: _Ease, free_bytes: int | None) -> str:
    cards = [card for card in catalog if "chat" in card.purposes]
    smallest = min(cards, key=lambda card: card.parameters or math.inf)
    refused = fit(smallest, facts, free_bytes=free_bytes).reasons
    if not refused:
        return f"the built-in model: no other suits {ease.text}"
    return f"the built-in model; the smallest other one, {smallest.id!r}: {refused[-1].message}"


def _gb(facts: DeviceFacts) -> str:
    if facts.memory_gb is None:
        return f"the {memory_text(_UNTOLD_MB * 2)} that are assumed"
    return f"its {facts.memory_gb:g} GB"


def _say(reason: str, card: ModelCard, found: Fit, stored: Collection[str]) -> str:
    artifact = found.artifact
    assert artifact is not None  # noqa: S101 (only what fits is recommended)
    said = [f"{(card.parameters or 0) / 1e9:.1f} billion parameters", str(memory_need(artifact))]
    if _is_stored(found, stored):
        said.append("is downloaded already")
    elif artifact.download_bytes is not None:
        said.append(f"downloads {'about ' if artifact.download_estimated else ''}{size_text(artifact.download_bytes)}")
    return f"{reason}: {', '.join(said)}"


def _is_stored(found: Fit, stored: Collection[str]) -> bool:
    return found.artifact is not None and (found.artifact.bundled or found.artifact.id in stored)


def _size(entry: tuple[ModelCard, Fit]) -> float:
    return float(entry[0].parameters or 1)


def _size_class(entry: tuple[ModelCard, Fit]) -> int:
    return round(math.log(_size(entry), _ALIKE))


def _factor(size: float, target: float) -> float:
    """Return how many times larger the larger one is: 1 for the same size."""
    return max(size, target) / min(size, target)


def _generation(card: ModelCard) -> int:
    return CURRENT.index(card.family) if card.family in CURRENT else len(CURRENT)
