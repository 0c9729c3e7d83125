"""Catalog: the models that are known by name."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from ..._internal.arguments import check_kind, check_list
from ...errors import InvalidRequest, ModelNotFound
from .card import Artifact, ModelCard
from .pocket_version import POCKET_VERSION

# The version is part of the URL: browsers cache models by URL, and must not mix files of two versions.
_POCKET = f"models/pocket/resolve/{POCKET_VERSION}/"

POCKET = ModelCard(
    id="pocket",
    name="Pocket",
    family="Pocket",
    parameters=2_800_000,
    license="Apache-2.0",
    license_url="https://www.apache.org/licenses/LICENSE-2.0",
    context_window=2048,
    purposes=["low-end"],
    tools=True,
    thinking="never",
    artifacts=[
        Artifact(
            engine="webllm",
            device="webgpu",
            id="pocket",
            url=_POCKET,
            library=f"{_POCKET}pocket.wasm",
            context_window=2048,
            bundled=True,
        ),
        Artifact(
            engine="transformersjs",
            device="webgpu",
            id="pocket/fp32",
            url=_POCKET,
            dtype="fp32",
            context_window=2048,
            bundled=True,
        ),
        Artifact(
            engine="transformersjs",
            device="wasm",
            id="pocket/q8",
            url=_POCKET,
            dtype="q8",
            context_window=2048,
            bundled=True,
        ),
    ],
)
"""The model that ships with the site: small, always available, for trying things out."""

BROWSER = ModelCard(
    id="browser",
    name="The browser's own model",
    purposes=["chat"],
    thinking="never",
    artifacts=[Artifact(engine="prompt-api", device="browser", id="browser", url="browser:language-model")],
)
"""The browser's built-in model (Prompt API). Browsers do not report its name, size or quality."""


SHOWN = 8
"""How many candidates an error's message names; its data has all of them."""


class Match(NamedTuple):
    """What a name means: a model, and one build of it when the name is an engine's own id."""

    card: ModelCard
    artifact: Artifact | None


@functools.cache
def built_in() -> dict[str, ModelCard]:
    """Return all built-in models by id, the pocket model first. They are read on first use."""
    from .curated import complete, only_onnx
    from .prebuilt import PREBUILT

    cards = msgspec.json.decode(PREBUILT, type=list[ModelCard])
    cards += only_onnx({card.id for card in cards})
    return {POCKET.id: POCKET, BROWSER.id: BROWSER, **{card.id: complete(card) for card in cards}}


class Catalog:
    """The built-in models and those that a program adds. Creating one is cheap: the list is read on first use."""

    def __init__(self, cards: Iterable[ModelCard] = ()) -> None:
        """Start with the built-in models, and add ``cards``."""
        self._added: dict[str, ModelCard] = {}
        for card in check_list("cards", cards, "model cards", write="use Catalog([card, ...])"):
            self.add(card)

    def __iter__(self) -> Iterator[ModelCard]:
        yield from built_in().values()
        yield from self._added.values()

    def __len__(self) -> int:
        return len(built_in()) + len(self._added)

    def __contains__(self, name: object) -> bool:
        return name in (POCKET.id, BROWSER.id) or name in self._added or name in built_in()

    @property
    def added(self) -> list[ModelCard]:
        """The models that the program added."""
        return list(self._added.values())

    def add(self, card: ModelCard) -> None:
        """Add a model; raises `InvalidRequest` when its id is taken or the card is not valid."""
        check_kind("card", card, ModelCard, "a model card", write="use ModelCard(id=..., artifacts=[...])")
        if card.id in self:
            raise InvalidRequest(f"model {card.id!r} is already in the catalog; use another id", parameter="id")
        if not card.artifacts:
            raise InvalidRequest(
                f"model {card.id!r} has no artifacts; add one for each engine that can run it", parameter="artifacts"
            )
        try:
            # Structs do not check types when they are created in Python; without this the page would fail later.
            msgspec.convert(msgspec.to_builtins(card), ModelCard)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"the card of model {card.id!r} is not valid: {error}", parameter="card") from error
        self._added[card.id] = card

    def remove(self, name: str) -> None:
        """Remove a model that the program added; does nothing if there is none with this id."""
        self._added.pop(name, None)

    def get(self, name: str) -> ModelCard:
        """Return the card of a model; raises `ModelNotFound` as `find` does."""
        return self.find(name).card

    def find(self, name: str) -> Match:
        """Find a model by name.

        A name is, in this order: a model's id; the id of a build, which pins that build; either one in another letter
        case, or with spaces or underscores for hyphens; the first words of exactly one model's id ("llama-3.2-1b").

        Raises `ModelNotFound`, with the candidates (the smallest first) if several ids begin with the name, or else
        with similar names.
        """
        if name == POCKET.id:
            return Match(POCKET, None)
        check_kind("name", name, str, "the name of a model", write="write a model's name, as in 'pocket'")
        card = self._added.get(name) or built_in().get(name)
        if card is not None:
            return Match(card, None)
        plain = _plain(name)
        cards = list(self)
        for card in cards:
            if _plain(card.id) == plain:
                return Match(card, None)
        for card in cards:
            for artifact in card.artifacts:
                if artifact.id is not None and _plain(artifact.id) == plain:
                    return Match(card, artifact)
        begun = [card for card in cards if _plain(card.id).startswith(f"{plain}-")]
        if len(begun) == 1:
            return Match(begun[0], None)
        begun = begun or [card for card in cards if plain and _plain(card.id).startswith(plain)]
        raise _ambiguous(name, begun) if len(begun) > 1 else _unknown(name, cards)


def check_purpose(purpose: str, catalog: Iterable[ModelCard]) -> None:
    """Raise `InvalidRequest` for a purpose that no model of the catalog has."""
    known = sorted({word for card in catalog for word in card.purposes})
    if purpose not in known:
        raise InvalidRequest(f"unknown purpose {purpose!r}. Choose one of: {', '.join(known)}", parameter="purpose")


def _plain(name: str) -> str:
    return "-".join(name.casefold().replace("_", "-").split())


def _ambiguous(name: str, cards: Sequence[ModelCard]) -> ModelNotFound:
    names = [card.id for card in sorted(cards, key=lambda card: card.parameters or 0)]
    listed = _quoted(names[:SHOWN]) + (f" and {len(names) - SHOWN} larger ones" if len(names) > SHOWN else "")
    return ModelNotFound(
        f"{len(names)} models have names that begin with {name!r}: {listed}; choose one of them",
        data={"model": name, "candidates": names},
    )


def _unknown(name: str, cards: Sequence[ModelCard]) -> ModelNotFound:
    import difflib  # imported late: most names are known

    models = {_plain(card.id): card.id for card in cards}
    builds = {_plain(artifact.id): artifact.id for card in cards for artifact in card.artifacts if artifact.id}
    near: list[str] = []
    for ids in (models, builds):
        near = near or [ids[plain] for plain in difflib.get_close_matches(_plain(name), ids, n=3, cutoff=0.5)]
    everywhere = (
        f"all {len(cards)} are in browserllm.models.Catalog(), and in client.models.list() of the OpenAI client."
    )
    hint = f"did you mean {_quoted(near)}?" if near else everywhere
    return ModelNotFound(
        f"unknown model {name!r}: {hint} Add your own with Catalog.add()",
        data={"model": name, "candidates": near, "reason": "unknown_name"},
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
