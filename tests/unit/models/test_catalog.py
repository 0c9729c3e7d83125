"""The catalog: every model of the pinned web-llm, joined with what else is known of it, and found by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.models.catalog.curated import complete
from browserllm.models.catalog.pocket_version import POCKET_VERSION
from browserllm.models.catalog.prebuilt import PREBUILT, WEB_LLM_VERSION

POCKET = f"models/pocket/resolve/{POCKET_VERSION}/"


def artifact(card: bl.models.ModelCard, **wanted: object) -> bl.models.Artifact:
    """The one artifact of a card with these values."""
    (found,) = (a for a in card.artifacts if all(getattr(a, name) == value for name, value in wanted.items()))
    return found


def test_the_pocket_model_is_always_there() -> None:
    """The built-in model has an artifact for each engine and device, as the page takes them."""
    card = bl.models.Catalog().get("pocket")
    assert [(a.engine, a.device, a.to_wire()) for a in card.artifacts] == [
        ("webllm", "webgpu", {"url": POCKET, "library": f"{POCKET}pocket.wasm"}),
        ("transformersjs", "webgpu", {"url": POCKET, "dtype": "fp32"}),
        ("transformersjs", "wasm", {"url": POCKET, "dtype": "q8"}),
    ]
    assert all(a.bundled for a in card.artifacts)
    assert (card.license, card.context_window) == ("Apache-2.0", 2048)


def test_every_id_of_web_llm_is_a_build_of_one_model() -> None:
    """All 165 builds are there, each once, each with what is needed to choose, fetch and load it."""
    assert WEB_LLM_VERSION == "0.2.86"
    builds = [
        (card, a) for card in bl.models.Catalog() for a in card.artifacts if a.engine == "webllm" and not a.bundled
    ]
    assert len(builds) == len({a.id for _, a in builds}) == 165
    for card, a in builds:
        assert a.id is not None
        assert a.id.startswith(card.id)
        assert a.url.startswith("https://huggingface.co/mlc-ai/")
        assert a.url.endswith("/resolve/main/")
        assert a.library is not None
        assert a.library.endswith(".wasm")
        assert a.quantization is not None
        assert a.context_window
        assert a.vram_mb
        # An f16 build has f16 in its kernels, whether or not web-llm's list says that it needs them.
        assert ("shader-f16" in a.features) == ("f16" in a.quantization)
        assert a.download_estimated
        assert a.download_bytes is not None
        # The weights are the most of what a model needs while it runs, f32 ones twice what is downloaded of them.
        assert 0.05 * a.vram_mb < a.download_bytes / 2**20 < 1.02 * a.vram_mb


def test_every_model_says_what_it_is() -> None:
    """Each card has a family, its parameters and its builds; licences have an address where they are read."""
    cards = list(bl.models.Catalog())
    assert len(bl.models.Catalog()) == len(cards) == len({card.id for card in cards}) == 73
    for card in cards:
        assert card.name
        assert card.artifacts
        if card.id == "browser":
            continue  # browsers do not report which model they have
        assert card.parameters
        assert card.context_window
        assert card.family != card.id
        assert (card.license_url is not None) == (card.license is not None)
        assert (card.type == "embedding") == (card.purposes == ["embedding"])
    assert [card.id for card in cards if card.license is None] == ["browser", "WizardMath-7B-V1.1"]
    assert [card.id for card in cards if card.type == "embedding"] == [
        "snowflake-arctic-embed-m",
        "snowflake-arctic-embed-s",
        "all-MiniLM-L6-v2",
    ]
    assert [card.id for card in cards if card.vision] == ["Phi-3.5-vision-instruct", "SmolVLM-256M-Instruct"]


def test_a_model_joins_its_builds_for_both_engines() -> None:
    """Qwen3-0.6B: four builds of WebLLM's, and those of one repository for Transformers.js."""
    card = bl.models.Catalog().get("Qwen3-0.6B")
    assert [(a.engine, a.device, a.quantization) for a in card.artifacts] == [
        ("webllm", "webgpu", "q4f16_1"),
        ("webllm", "webgpu", "q4f32_1"),
        ("webllm", "webgpu", "q0f16"),
        ("webllm", "webgpu", "q0f32"),
        ("transformersjs", "webgpu", "q4f16"),
        ("transformersjs", "webgpu", "q4"),
        ("transformersjs", "wasm", "q8"),
    ]
    assert (card.family, card.license, card.parameters, card.tools) == ("Qwen3", "Apache-2.0", 600_000_000, True)
    assert card.purposes == ["chat", "code", "math", "multilingual", "low-end"]
    on_gpu = artifact(card, engine="transformersjs", dtype="q4f16")
    assert on_gpu.to_wire() == {
        "url": "https://huggingface.co/onnx-community/Qwen3-0.6B-ONNX/resolve/main/",
        "dtype": "q4f16",
        "features": ["shader-f16"],
    }
    assert (on_gpu.id, on_gpu.download_bytes) == ("onnx-community/Qwen3-0.6B-ONNX/q4f16", 585_000_000)


def test_builds_of_transformersjs_say_what_they_are_for() -> None:
    """The page has to know which networks a vision model has, and how an embedding model makes one vector."""
    catalog = bl.models.Catalog()
    seeing = artifact(catalog.get("SmolVLM-256M-Instruct"), dtype="int8")
    assert seeing.to_wire() == {
        "url": "https://huggingface.co/HuggingFaceTB/SmolVLM-256M-Instruct/resolve/main/",
        "dtype": "int8",
        "model_type": "vision",
    }
    embedder = artifact(catalog.get("all-MiniLM-L6-v2"), dtype="fp16")
    assert embedder.to_wire() == {
        "url": "https://huggingface.co/Xenova/all-MiniLM-L6-v2/resolve/main/",
        "dtype": "fp16",
        "features": ["shader-f16"],
        "model_type": "embedding",
        "pooling": "mean",
        "normalize": True,
    }


def test_a_build_goes_to_the_page_with_all_that_web_llm_wants() -> None:
    """Overrides, features, the kind of pipeline and the manifest travel; what is for choosing stays here."""
    catalog = bl.models.Catalog()
    gemma = catalog.find("gemma-4-E2B-it-q4f16_1-MLC").artifact
    assert gemma is not None
    assert gemma.buffer_mb == 192
    assert gemma.to_wire() == {
        "url": "https://huggingface.co/mlc-ai/gemma-4-E2B-it-q4f16_1-MLC/resolve/main/",
        "library": gemma.library,
        "overrides": {"context_window_size": 4096},
        "low_resource": False,
        "vram_mb": 3387.37,
        "features": ["shader-f16"],
        "manifest": "mlc-model-manifest.json",
    }
    embed = catalog.find("snowflake-arctic-embed-s-q0f32-MLC-b4").artifact
    assert embed is not None
    assert (embed.to_wire()["model_type"], embed.context_window) == ("embedding", 512)
    vision = catalog.find("Phi-3.5-vision-instruct-q4f16_1-MLC").artifact
    assert vision is not None
    assert vision.to_wire()["model_type"] == "vision"


def test_the_estimate_of_a_download_is_near_its_size() -> None:
    """Within a twentieth of the sum of what the Hub lists for this model: shards, and its tokenizer's files."""
    shards_mb = 68.1 + 33.2 + 33.5 + 33.1 + 33 + 29.2 + 33.3 + 14.6
    build = bl.models.Catalog().find("Qwen2-0.5B-Instruct-q4f16_1-MLC").artifact
    assert build is not None
    assert build.download_bytes == pytest.approx((shards_mb + 12) * 1e6, rel=0.05)


@pytest.mark.parametrize(
    ("name", "card", "build"),
    [
        ("Qwen3-0.6B", "Qwen3-0.6B", None),
        ("qwen3-0.6b", "Qwen3-0.6B", None),
        ("Qwen3 0.6B", "Qwen3-0.6B", None),
        ("phi-1-5", "phi-1_5", None),
        ("llama-3.2-1b", "Llama-3.2-1B-Instruct", None),
        ("smollm2-360m", "SmolLM2-360M-Instruct", None),
        ("POCKET", "pocket", None),
        ("Qwen3-0.6B-q4f32_1-MLC", "Qwen3-0.6B", "Qwen3-0.6B-q4f32_1-MLC"),
        ("qwen3-0.6b-q4f32_1-mlc", "Qwen3-0.6B", "Qwen3-0.6B-q4f32_1-MLC"),
        ("Phi-3.5-mini-instruct-q4f16_1-MLC-1k", "Phi-3.5-mini-instruct", "Phi-3.5-mini-instruct-q4f16_1-MLC-1k"),
        ("onnx-community/Qwen3-0.6B-ONNX/q4", "Qwen3-0.6B", "onnx-community/Qwen3-0.6B-ONNX/q4"),
    ],
)
def test_a_name_is_found(name: str, card: str, build: str | None) -> None:
    """By id in any letter case, by its first words where they are one model's, by an engine's own id."""
    match = bl.models.Catalog().find(name)
    assert (match.card.id, match.artifact and match.artifact.id) == (card, build)
    assert bl.models.Catalog().get(name) is match.card


def test_a_model_of_an_unknown_family_has_a_card() -> None:
    """A newer web-llm may list a model before the table knows it: then only what its name says is known."""
    build = bl.models.Artifact(engine="webllm", device="webgpu", url="u", quantization="q4f16_1", context_window=4096)
    card = complete(bl.models.ModelCard(id="Newcomer-3B-it", artifacts=[build]))
    assert (card.family, card.license, card.parameters, card.purposes) == ("Newcomer-3B-it", None, 3 * 10**9, ["chat"])
    assert card.artifacts[0].download_bytes == 3e9 * 4.5 / 8 + 15e6
    strange = complete(
        bl.models.ModelCard(id="Strange", artifacts=[msgspec.structs.replace(build, quantization="q9f9")])
    )
    assert (strange.parameters, strange.artifacts[0].download_bytes, strange.cloud_equivalent) == (None, None, None)


def test_a_name_of_several_lists_them_the_smallest_first() -> None:
    """A family's name is not guessed from: the error has the candidates, in order of size."""
    with pytest.raises(bl.errors.ModelNotFound) as caught:
        bl.models.Catalog().get("qwen3")
    assert str(caught.value) == (
        "4 models have names that begin with 'qwen3': 'Qwen3-0.6B', 'Qwen3-1.7B', 'Qwen3-4B', "
        "'Qwen3-8B'; choose one of them"
    )
    with pytest.raises(
        bl.errors.ModelNotFound, match=r"22 models have names that begin with .* and 14 larger ones"
    ) as caught:
        bl.models.Catalog().get("Qwen")
    assert len(caught.value.data["candidates"]) == 22


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("poket", "unknown model 'poket': did you mean 'pocket'? Add your own with Catalog.add()"),
        ("gemma-3-1b-it", "did you mean 'gemma3-1b-it'"),
        ("Qwen3-0.6B-q4f16-MLC", "did you mean 'Qwen3-0.6B'"),
        ("SmolLM2-135M-Instruct-q4f32_1-MLC-b4-v1", "did you mean 'SmolLM2-135M-Instruct'"),
        ("!!!", "unknown model '!!!': all 73 are in browserllm.models.Catalog(), and in client.models.list()"),
        ("", "unknown model '': all 73 are in browserllm.models.Catalog()"),
    ],
)
def test_an_unknown_model_names_its_neighbours(name: str, said: str) -> None:
    """The error has the name that was wrong and those that are near, or says how to see all."""
    with pytest.raises(bl.errors.ModelNotFound) as caught:
        bl.models.Catalog().get(name)
    assert said in str(caught.value)


def test_custom_models_are_added_never_replaced() -> None:
    """A card of one's own stands beside the built-in ones; a taken id or an empty card is refused."""
    mine = bl.models.ModelCard(
        id="mine", artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u", vram_mb=10)]
    )
    catalog = bl.models.Catalog([mine])
    assert catalog.get("mine") is catalog.get("MINE") is mine
    assert "mine" in catalog
    assert "theirs" not in catalog
    assert [card.id for card in catalog][-1] == "mine"
    assert len(catalog) == 74
    assert mine.artifacts[0].to_wire() == {"url": "u", "vram_mb": 10.0}
    assert "mine" not in bl.models.Catalog()
    for taken in ("mine", "pocket", "Qwen3-0.6B"):
        with pytest.raises(bl.InvalidRequest, match=f"'{taken}' is already in the catalog"):
            catalog.add(bl.models.ModelCard(id=taken, artifacts=mine.artifacts))
    with pytest.raises(bl.InvalidRequest, match="no artifacts"):
        catalog.add(bl.models.ModelCard(id="empty", artifacts=[]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"device": "gpu"}, "Invalid enum value 'gpu' - at `$.artifacts[0].device`"),
        ({"vram_mb": "much"}, "Expected `float | null`, got `str` - at `$.artifacts[0].vram_mb`"),
        ({"url": None}, "Expected `str`, got `null` - at `$.artifacts[0].url`"),
    ],
)
def test_the_card_of_a_custom_model_is_validated(wrong: dict[str, Any], said: str) -> None:
    """A wrong type is refused when the card is added, with the place it stands in."""
    build: dict[str, Any] = {"engine": "webllm", "device": "webgpu", "url": "u", **wrong}
    with pytest.raises(bl.InvalidRequest) as caught:
        bl.models.Catalog([bl.models.ModelCard(id="mine", artifacts=[bl.models.Artifact(**build)])])
    assert str(caught.value) == f"the card of model 'mine' is not valid: {said}"


def test_the_generated_list_has_no_field_that_cards_lack() -> None:
    """What the generator writes is read whole: a field that Artifact did not know would be dropped in silence."""
    strict = msgspec.json.decode(PREBUILT)
    assert {name for card in strict for name in card} == {"id", "artifacts"}
    assert {name for card in strict for build in card["artifacts"] for name in build} <= set(
        bl.models.Artifact.__struct_fields__
    )
