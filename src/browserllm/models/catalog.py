"""Catalog: the models that are known by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from ..errors import InvalidRequest, ModelNotFound
from .card import Artifact, ModelCard
from .pocket_version import POCKET_VERSION

# A version in the address: browsers keep models by address, and must not pair a new file with an old one.
_POCKET = f"models/pocket/resolve/{POCKET_VERSION}/"

POCKET = ModelCard(
    id="pocket",
    name="Pocket",
    parameters=2_800_000,
    license="Apache-2.0",
    context_window=2048,
    artifacts=[
        Artifact(
            engine="webllm",
            device="webgpu",
            url=_POCKET,
            library=f"{_POCKET}pocket.wasm",
        ),
        Artifact(engine="transformersjs", device="webgpu", url=_POCKET, dtype="fp32"),
        Artifact(engine="transformersjs", device="wasm", url=_POCKET, dtype="q8"),
    ],
)
"""The model that ships with the site: small, for trying things out, and always there."""


class Catalog:
    """The built-in models and those a program adds."""

    def __init__(self, cards: Iterable[ModelCard] = ()) -> None:
        """Start with the built-in models, and add ``cards``."""
        self._cards: dict[str, ModelCard] = {POCKET.id: POCKET}
        for card in cards:
            self.add(card)

    def __iter__(self) -> Iterator[ModelCard]:
        return iter(self._cards.values())

    def __contains__(self, name: object) -> bool:
        return name in self._cards

    def add(self, card: ModelCard) -> None:
        """Add a model; raises `InvalidRequest` when its id is taken or it has no artifacts."""
        if card.id in self._cards:
            raise InvalidRequest(
                f"a model {card.id!r} is in the catalog already; give yours another id", parameter="id"
            )
        if not card.artifacts:
            raise InvalidRequest(
                f"model {card.id!r} has no artifacts, so no engine could run it", parameter="artifacts"
            )
        self._cards[card.id] = card

    def get(self, name: str) -> ModelCard:
        """Return the card of a model; raises `ModelNotFound` with the nearest names."""
        card = self._cards.get(name)
        if card is not None:
            return card
        near = difflib.get_close_matches(name, self._cards, n=3, cutoff=0.4)
        names = ", ".join(repr(known) for known in near or self._cards)
        hint = f"did you mean {names}?" if near else f"known models: {names}."
        raise ModelNotFound(
            f"no model {name!r} in the catalog; {hint} Add your own with Catalog.add()", data={"model": name}
        )
