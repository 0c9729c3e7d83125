"""Recommendations: what suits a device, which is less than what it can run, and the words that say why."""

from __future__ import annotations

import msgspec
import pytest

import browserllm as bl
from browserllm.models.recommend import CURRENT, PURPOSES, recommend, tiers
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost
from unit.models.devices import ANDROID, DEVICES, device, gpu

CATALOG = bl.models.Catalog()

# Device, then the models for Quick, Smart and Genius.
TIERS = [
    ("laptop with an integrated GPU", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("old laptop with an integrated GPU without f16", "Qwen3.5-0.8B", "Qwen3.5-0.8B", "Llama-3.2-1B-Instruct"),
    ("Mac with 8 GB", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("Mac whose browser counts to 8", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("Mac with 64 GB", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-9B"),
    ("gaming PC", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("PC with an Arc card", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("phone with f16", "SmolLM2-360M-Instruct", "Qwen3.5-0.8B", "Qwen3-1.7B"),
    ("phone without f16", "SmolLM2-360M-Instruct", "Qwen3.5-0.8B", "Llama-3.2-1B-Instruct"),
    ("browser without WebGPU", "SmolLM2-360M-Instruct", "Qwen3-0.6B", "Qwen3-0.6B"),
    ("machine without an adapter", "SmolLM2-360M-Instruct", "Qwen3-0.6B", "Qwen3-0.6B"),
    ("insecure page", "SmolLM2-360M-Instruct", "Qwen3-0.6B", "Qwen3-0.6B"),
    ("software adapter", "SmolLM2-360M-Instruct", "Qwen3-0.6B", "Qwen3-0.6B"),
    ("nearly full disk", "Qwen3-0.6B", "Qwen3-0.6B", "Qwen3-0.6B"),
    ("full disk", "pocket", "pocket", "pocket"),
    ("tablet on a cellular network", "SmolLM2-360M-Instruct", "Qwen3.5-0.8B", "Qwen3-1.7B"),
    ("laptop that saves data", "Qwen3.5-0.8B", "Qwen3.5-0.8B", "Qwen3-1.7B"),
    ("old laptop with its CPU only", "SmolLM2-360M-Instruct", "Qwen3-0.6B", "Qwen3-0.6B"),
    ("Firefox", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("adapter with small buffers", "Qwen3.5-0.8B", "Qwen3.5-2B", "Qwen3.5-4B"),
    ("adapter with too small workgroups", "Qwen3-0.6B", "Llama-3.2-1B-Instruct", "Qwen3-1.7B"),
    ("laptop that is offline", "pocket", "pocket", "pocket"),
    ("browser without SIMD", "pocket", "pocket", "pocket"),
]


@pytest.mark.parametrize(("name", "quick", "smart", "genius"), TIERS, ids=[row[0] for row in TIERS])
def test_the_tiers_of_a_device(name: str, quick: str, smart: str, genius: str) -> None:
    """Three models, each larger than the one before or the same, each of which fits or is the built-in one."""
    found = tiers(CATALOG, DEVICES[name])
    assert (found.quick.model, found.smart.model, found.genius.model) == (quick, smart, genius)
    sizes = [pick.card.parameters or 0 for pick in (found.quick, found.smart, found.genius)]
    assert sizes == sorted(sizes)
    assert all(pick.fit.fits for pick in (found.quick, found.smart, found.genius)) or genius == "pocket"


def test_every_device_has_its_tiers() -> None:
    """The table knows every described device."""
    assert {row[0] for row in TIERS} == set(DEVICES)


def test_a_tier_gives_its_reasons() -> None:
    """Its place among the tiers, what it suits, and the real numbers."""
    found = tiers(CATALOG, DEVICES["laptop with an integrated GPU"])
    assert found.quick.reason == ("the fastest answers: 0.8 billion parameters, needs 1,629 MB, downloads about 465 MB")
    assert found.smart.reason == (
        "a balance of speed and strength: 2.0 billion parameters, needs 2,245 MB, downloads about 1.1 GB"
    )
    assert found.genius.reason == (
        "the strongest that suits an integrated GPU and half of its 16 GB: 4.0 billion parameters, needs 3,868 MB, "
        "downloads about 2.3 GB"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gaming PC", "suits a GPU whose memory the browser does not report (4,096 MB assumed):"),
        ("Mac with 8 GB", "suits an Apple GPU and half of its 8 GB:"),
        ("phone with f16", "suits a phone:"),
        ("tablet on a cellular network", "suits a phone, over a metered connection (1.0 GB at most):"),
        ("software adapter", "suits a WebGPU adapter that runs in software:"),
        ("old laptop with its CPU only", "suits a computer without WebGPU:"),
        (
            "full disk",
            "the built-in model, since even the smallest other one does not fit (SmolLM2-135M-Instruct): "
            "needs about 215 MB of storage; the "
            "browser has 50.0 MB left for this site",
        ),
        ("laptop that is offline", "is not downloaded, and this device is offline"),
        ("browser without SIMD", "this browser's WebAssembly has no SIMD"),
    ],
)
def test_the_bound_of_a_device_is_named(name: str, said: str) -> None:
    """Genius says what kept it from being larger; if nothing suits, the reason is the smallest model's."""
    assert said in tiers(CATALOG, DEVICES[name]).genius.reason


def test_a_device_with_hardly_any_memory_has_the_built_in_model() -> None:
    """What fits but not with ease is not recommended."""
    found = tiers(CATALOG, device(gpu("arm", "valhall"), memory_gb=0.25, user_agent=ANDROID))
    assert found.genius.model == "pocket"
    assert found.genius.reason.startswith("the built-in model")
    barely = tiers(CATALOG, device(gpu("apple", None), memory_gb=0.5))
    assert barely.quick.reason == "the built-in model, since no other suits an Apple GPU and half of its 0.5 GB"


def test_a_downloaded_model_comes_first() -> None:
    """Of two models of one size; its reason says so, and it needs no network."""
    stored = {"Qwen3-4B-q4f16_1-MLC"}
    found = tiers(CATALOG, DEVICES["laptop with an integrated GPU"], stored=stored)
    assert found.genius.model == "Qwen3-4B"
    assert found.genius.reason.endswith("4.0 billion parameters, needs 3,432 MB, already downloaded")
    offline = tiers(CATALOG, DEVICES["laptop that is offline"], stored=stored)
    assert offline.quick.model == offline.genius.model == "Qwen3-4B"
    metered = tiers(CATALOG, DEVICES["laptop that saves data"], stored=stored)
    assert metered.genius.model == "Qwen3-4B"


@pytest.mark.parametrize(
    ("purpose", "models"),
    [
        ("chat", ["Qwen3.5-9B", "Qwen3-8B", "Llama-3.1-8B-Instruct"]),
        ("code", ["Qwen3.5-9B", "Qwen3-8B", "Llama-3.1-8B-Instruct"]),
        ("math", ["Qwen3.5-9B", "Qwen3-8B", "DeepSeek-R1-Distill-Llama-8B"]),
        ("multilingual", ["Qwen3.5-9B", "Qwen3-8B", "Llama-3.1-8B-Instruct"]),
        ("low-end", ["SmolLM2-135M-Instruct", "Qwen3-0.6B"]),
        # No family of today takes images or makes embeddings, so those that do are offered.
        ("vision", ["Phi-3.5-vision-instruct", "SmolVLM-256M-Instruct"]),
        ("embedding", ["snowflake-arctic-embed-m", "all-MiniLM-L6-v2"]),
    ],
)
def test_a_model_for_a_purpose(purpose: str, models: list[str]) -> None:
    """The strongest of each family on a large Mac; for low-end the smallest come first."""
    assert [pick.model for pick in recommend(CATALOG, DEVICES["Mac with 64 GB"], purpose)] == models
    assert purpose in PURPOSES


def test_a_recommendation_gives_its_reasons() -> None:
    """The first names the device, later ones that they are alternatives."""
    first, second = recommend(CATALOG, DEVICES["phone with f16"], "chat", 2)
    assert first.reason == (
        "the strongest for chat that suits a phone: 1.7 billion parameters, needs 2,037 MB, downloads about 971 MB"
    )
    assert second.reason == (
        "the strongest for chat of another family: 1.2 billion parameters, needs 879 MB, downloads about 710 MB"
    )
    (low, *_) = recommend(CATALOG, DEVICES["phone with f16"], "low-end")
    assert low.reason.startswith("the smallest that suits a phone: 0.1 billion parameters, needs ")


def test_a_phone_is_spared() -> None:
    """What WebLLM does not count as one for phones is left out, and what takes more than two gigabytes."""
    picks = {pick.card.family: pick.model for pick in recommend(CATALOG, DEVICES["phone with f16"], "code")}
    assert picks["Qwen2.5 Coder"] == "Qwen2.5-Coder-0.5B-Instruct"
    large = device(gpu("arm", "valhall", f16=False), memory_gb=8, user_agent=ANDROID)
    assert tiers(CATALOG, large).genius.model == "Llama-3.2-1B-Instruct"


def test_an_unknown_purpose_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(bl.InvalidRequest) as caught:
        recommend(CATALOG, DEVICES["gaming PC"], "poetry")
    assert str(caught.value) == (
        "unknown purpose 'poetry'. Choose one of: chat, code, math, multilingual, vision, embedding, low-end"
    )
    assert caught.value.data["parameter"] == "purpose"


def test_where_nothing_suits_nothing_is_recommended() -> None:
    """An empty list, not a model that would fail."""
    assert recommend(CATALOG, DEVICES["full disk"]) == []
    assert recommend(CATALOG, DEVICES["gaming PC"], engines=[]) == []


def test_a_custom_model_is_recommended_too() -> None:
    """By its purposes, like one of today's families."""
    mine = bl.models.ModelCard(
        id="mine",
        parameters=4_200_000_000,
        purposes=["chat"],
        artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u", id="mine", vram_mb=3000)],
    )
    catalog = bl.models.Catalog([mine, msgspec.structs.replace(mine, id="silent", purposes=[])])
    picks = recommend(catalog, DEVICES["laptop with an integrated GPU"], "chat", 20)
    assert "mine" in [pick.model for pick in picks]
    assert "silent" not in [pick.model for pick in picks]
    assert len({pick.card.family for pick in picks}) == len(picks)


async def test_a_manager_considers_engines_space_and_downloads() -> None:
    """Not only the device."""
    facts = DEVICES["laptop with an integrated GPU"]
    files = ScriptedFiles()
    manager = bl.ModelManager(ScriptedHost(facts=facts, files=files))
    assert (await manager.tiers()).genius.model == "Qwen3.5-4B"

    folder = "https://huggingface.co/mlc-ai/Qwen3-4B-q4f16_1-MLC/resolve/main/"
    whole = {"cache": "webllm/model", "url": f"{folder}params_shard_0.bin", "size_bytes": 2_000_000_000}
    files.store("webllm/model", whole["url"], whole["size_bytes"])
    files.journal["Qwen3-4B-q4f16_1-MLC"] = {
        "model": "Qwen3-4B",
        "engine": "webllm",
        "device": "webgpu",
        "artifact_id": "Qwen3-4B-q4f16_1-MLC",
        "files": [whole],
        "size_bytes": whole["size_bytes"],
    }
    assert (await manager.tiers()).genius.reason.endswith("needs 3,432 MB, already downloaded")

    files.quota_bytes = files.used_bytes + 300_000_000
    assert [pick.model for pick in await manager.recommend("low-end")] == ["SmolLM2-135M-Instruct"]
    onnx = bl.ModelManager(ScriptedHost(facts=facts, engines=["transformersjs"]))
    assert (await onnx.tiers()).genius.model == "Qwen3-1.7B"


def test_the_families_of_today_are_in_the_catalog() -> None:
    """A family that is spelled otherwise in one of the two tables would never be recommended."""
    assert set(CURRENT) <= {card.family for card in CATALOG}
