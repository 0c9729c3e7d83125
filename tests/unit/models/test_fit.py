"""Fit: which build of a model a device takes, and for every other one the sentence that says why not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.models.fit import candidates, fit, warnings
from browserllm.page.device import AdapterInfo, DeviceFacts
from unit.models.devices import ANDROID, DEVICES, device, gpu, no_gpu

CATALOG = bl.models.Catalog()

NO_F16 = "needs shader-f16, which this adapter does not have; the f32 build needs {} MB"
UNKNOWN = "needs {} MB of GPU memory; the browser does not report how much there is"
ONLY_4_GB = "needs {} MB of memory; this device has about 4 GB, of which a model can use 3,072 MB"

# Device, model, the build it takes, why not the better ones, and what to mind.
TABLE: list[tuple[str, str, str | None, list[tuple[str, str]], list[tuple[str, str]]]] = [
    ("laptop with an integrated GPU", "Qwen3-4B", "Qwen3-4B-q4f16_1-MLC", [], []),
    (
        "laptop with an integrated GPU",
        "Llama-3.1-70B-Instruct",
        None,
        [
            (
                "out_of_memory",
                "needs 31,153 MB of memory; this device has about 16 GB, of which a model can use 12,288 MB",
            )
        ],
        [],
    ),
    (
        "old laptop with an integrated GPU without f16",
        "Qwen3-0.6B",
        "Qwen3-0.6B-q4f32_1-MLC",
        [("missing_feature", NO_F16.format("1,925"))],
        [],
    ),
    (
        "old laptop with an integrated GPU without f16",
        "Llama-3.1-8B-Instruct",
        None,
        [
            ("missing_feature", NO_F16.format("6,101")),
            ("out_of_memory", ONLY_4_GB.format("6,101")),
            ("out_of_memory", ONLY_4_GB.format("5,296")),
        ],
        [],
    ),
    ("Mac with 8 GB", "Llama-3.1-8B-Instruct", "Llama-3.1-8B-Instruct-q4f16_1-MLC", [], []),
    (
        "Mac with 8 GB",
        "gemma-2-9b-it",
        None,
        [
            (
                "out_of_memory",
                f"needs {need} MB of memory; this device has about 8 GB, of which a model can use 6,144 MB",
            )
            for need in ("6,422", "8,383")
        ],
        [],
    ),
    (
        "Mac whose browser counts to 8",
        "gemma-2-9b-it",
        "gemma-2-9b-it-q4f16_1-MLC",
        [],
        [("memory_unknown", "needs 6,422 MB of memory; the browser reports only 8 GB or more")],
    ),
    ("Mac with 64 GB", "gemma-2-9b-it", "gemma-2-9b-it-q4f16_1-MLC", [], []),
    (
        "Mac with 64 GB",
        "Llama-3.1-70B-Instruct",
        "Llama-3.1-70B-Instruct-q3f16_1-MLC",
        [],
        [("memory_unknown", "needs 31,153 MB of memory; the browser reports only 32 GB or more")],
    ),
    (
        "gaming PC",
        "Qwen3-8B",
        "Qwen3-8B-q4f16_1-MLC",
        [],
        [("memory_unknown", UNKNOWN.format("5,696"))],
    ),
    ("gaming PC", "SmolLM2-360M-Instruct", "SmolLM2-360M-Instruct-q4f16_1-MLC", [], []),
    ("PC with an Arc card", "Qwen3-4B", "Qwen3-4B-q4f16_1-MLC", [], [("memory_unknown", UNKNOWN.format("3,432"))]),
    ("phone with f16", "Qwen3-1.7B", "Qwen3-1.7B-q4f16_1-MLC", [], []),
    # A phone's browser counts to 8, however new it is.
    (
        "phone with f16",
        "gemma-2-9b-it",
        "gemma-2-9b-it-q4f16_1-MLC",
        [],
        [
            ("slow", "slow: 9.0 billion parameters on a phone; up to 2.0 billion answer at about reading speed"),
            ("memory_unknown", "needs 6,422 MB of memory; the browser reports only 8 GB or more"),
            (
                "not_for_phones",
                "WebLLM does not list this build as one for phones: the page may run out of memory and be closed",
            ),
        ],
    ),
    (
        "phone with f16",
        "Qwen3-8B",
        "Qwen3-8B-q4f16_1-MLC",
        [],
        [
            ("slow", "slow: 8.0 billion parameters on a phone; up to 2.0 billion answer at about reading speed"),
            (
                "not_for_phones",
                "WebLLM does not list this build as one for phones: the page may run out of memory and be closed",
            ),
        ],
    ),
    (
        "phone without f16",
        "Llama-3.2-1B-Instruct",
        "Llama-3.2-1B-Instruct-q4f32_1-MLC",
        [("missing_feature", NO_F16.format("1,129"))],
        [],
    ),
    (
        "phone without f16",
        "Qwen3-4B",
        None,
        [("missing_feature", NO_F16.format("4,328")), ("out_of_memory", ONLY_4_GB.format("4,328"))],
        [],
    ),
    # Nothing for phones without f16 in WebLLM's list, but Transformers.js has a build.
    (
        "phone without f16",
        "gemma3-1b-it",
        "onnx-community/gemma-3-1b-it-ONNX/q4",
        [
            ("missing_feature", "needs shader-f16, which this adapter does not have"),
            (
                "missing_feature",
                "needs shader-f16, which this adapter does not have; the f32 build needs at least 834 MB",
            ),
        ],
        [],
    ),
    (
        "browser without WebGPU",
        "Qwen3-0.6B",
        "onnx-community/Qwen3-0.6B-ONNX/q8",
        [("no_api", "this browser has no WebGPU")],
        [],
    ),
    (
        "machine without an adapter",
        "Qwen3-8B",
        None,
        [("no_adapter", "WebGPU found no adapter on this machine")],
        [],
    ),
    (
        "insecure page",
        "Qwen3-0.6B",
        "onnx-community/Qwen3-0.6B-ONNX/q8",
        [("insecure_context", "WebGPU needs a secure page (https, or localhost)")],
        [],
    ),
    (
        "software adapter",
        "SmolLM2-360M-Instruct",
        "SmolLM2-360M-Instruct-q4f32_1-MLC",
        [("missing_feature", NO_F16.format("580"))],
        [],
    ),
    (
        "software adapter",
        "Llama-3.2-1B-Instruct",
        "Llama-3.2-1B-Instruct-q4f32_1-MLC",
        [("missing_feature", NO_F16.format("1,129"))],
        [
            (
                "slow",
                "slow: 1.2 billion parameters on a WebGPU adapter that runs in software; up to 0.7 billion answer at "
                "about reading speed",
            ),
        ],
    ),
    ("nearly full disk", "SmolLM2-360M-Instruct", "SmolLM2-360M-Instruct-q4f16_1-MLC", [], []),
    (
        "nearly full disk",
        "Llama-3.1-8B-Instruct",
        None,
        [("quota_exceeded", "needs about 4.5 GB of storage; the browser has 500 MB left for this site")],
        [],
    ),
    ("full disk", "pocket", "pocket", [], []),
    (
        "tablet on a cellular network",
        "Qwen3-0.6B",
        "Qwen3-0.6B-q4f16_1-MLC",
        [],
        [("metered", "downloads about 352 MB, and this connection is cellular")],
    ),
    (
        "laptop that saves data",
        "Qwen3-4B",
        "Qwen3-4B-q4f16_1-MLC",
        [],
        [("metered", "downloads about 2.3 GB, and this browser is set to save data")],
    ),
    (
        "old laptop with its CPU only",
        "Qwen2.5-0.5B-Instruct",
        "onnx-community/Qwen2.5-0.5B-Instruct/q8",
        [("no_adapter", "WebGPU found no adapter on this machine")],
        [],
    ),
    (
        "old laptop with its CPU only",
        "Qwen2.5-Coder-1.5B-Instruct",
        None,
        [
            ("no_adapter", "WebGPU found no adapter on this machine"),
            (
                "out_of_memory",
                "needs at least 1,731 MB of memory; this device has about 2 GB, of which a model can use 1,536 MB",
            ),
        ],
        [],
    ),
    ("Firefox", "Qwen3-1.7B", "Qwen3-1.7B-q4f16_1-MLC", [], [("memory_unknown", UNKNOWN.format("2,037"))]),
    # WebLLM asks for buffers of 1 GiB or else for 128 MiB only, however many the adapter would give.
    (
        "adapter with small buffers",
        "gemma-2b-it",
        None,
        [
            (
                "missing_feature",
                "this adapter's maxStorageBufferBindingSize is 536,870,912; the model needs a buffer of 250 MB and "
                "would get 128 MB",
            )
        ],
        [],
    ),
    (
        "adapter with too small workgroups",
        "Qwen3-0.6B",
        "onnx-community/Qwen3-0.6B-ONNX/q4f16",
        [
            (
                "missing_feature",
                "this adapter's maxComputeWorkgroupStorageSize is 16,384; WebLLM needs at least 32,768",
            )
        ],
        [],
    ),
    (
        "laptop that is offline",
        "Qwen3-0.6B",
        None,
        [("offline", "is not downloaded, and this device is offline")],
        [],
    ),
    ("laptop that is offline", "pocket", "pocket", [], []),
    (
        "browser without SIMD",
        "pocket",
        None,
        [
            ("no_api", "this browser has no WebGPU"),
            ("missing_feature", "this browser's WebAssembly has no SIMD"),
        ],
        [],
    ),
]


@pytest.mark.parametrize(
    ("name", "model", "artifact", "reasons", "minded"), TABLE, ids=[f"{row[0]}: {row[1]}" for row in TABLE]
)
def test_a_device_and_a_model(
    name: str,
    model: str,
    artifact: str | None,
    reasons: list[tuple[str, str]],
    minded: list[tuple[str, str]],
) -> None:
    """The build that it takes, and every sentence that its user would read."""
    found = fit(CATALOG.get(model), DEVICES[name])
    assert found.model == model
    assert found.fits is (artifact is not None)
    assert (found.artifact.id if found.artifact else None) == artifact
    assert [(reason.code, reason.message) for reason in found.reasons] == reasons
    assert [(reason.code, reason.message) for reason in found.warnings] == minded


def test_every_device_is_in_the_table() -> None:
    """A described device that nothing is asked of shows nothing."""
    assert {row[0] for row in TABLE} == set(DEVICES)
    assert len(DEVICES) >= 12


def ids(card: bl.models.ModelCard, facts: DeviceFacts, **choice: Any) -> list[tuple[str | None, str | None]]:
    """The candidates, each with the code of its obstacle."""
    return [
        (candidate.artifact.id, candidate.obstacle.code if candidate.obstacle else None)
        for candidate in candidates(card, facts, **choice)
    ]


def test_candidates_come_best_first() -> None:
    """WebLLM before Transformers.js, the GPU before the CPU, f16 before f32, a long context before a short one."""
    assert ids(CATALOG.get("Qwen3-0.6B"), DEVICES["laptop with an integrated GPU"]) == [
        ("Qwen3-0.6B-q4f16_1-MLC", None),
        ("Qwen3-0.6B-q4f32_1-MLC", None),
        ("onnx-community/Qwen3-0.6B-ONNX/q4f16", None),
        ("onnx-community/Qwen3-0.6B-ONNX/q4", None),
        ("onnx-community/Qwen3-0.6B-ONNX/q8", None),
    ]
    assert [name for name, _ in ids(CATALOG.get("TinyLlama-1.1B-Chat-v1.0"), DEVICES["Firefox"])] == [
        "TinyLlama-1.1B-Chat-v1.0-q4f16_1-MLC",
        "TinyLlama-1.1B-Chat-v1.0-q4f16_1-MLC-1k",
        "TinyLlama-1.1B-Chat-v1.0-q4f32_1-MLC",
        "TinyLlama-1.1B-Chat-v1.0-q4f32_1-MLC-1k",
    ]


def test_builds_with_whole_weights_are_for_those_who_name_them() -> None:
    """They are candidates where there is nothing smaller, and when their own id was asked for."""
    facts = DEVICES["gaming PC"]
    assert [name for name, _ in ids(CATALOG.get("SmolLM2-135M-Instruct"), facts, engine="webllm")] == [
        "SmolLM2-135M-Instruct-q0f16-MLC",
        "SmolLM2-135M-Instruct-q0f32-MLC",
    ]
    pinned = CATALOG.find("Qwen3-0.6B-q0f32-MLC").artifact
    assert pinned is not None
    found = fit(pinned, facts)
    assert (found.model, found.artifact) == ("Qwen3-0.6B-q0f32-MLC", pinned)


def test_a_build_with_a_short_context_fits_less_memory() -> None:
    """The same weights with fewer tokens need less: a device of 4 GB can run the 1k build of Phi-3.5."""
    found = fit(CATALOG.get("Phi-3.5-mini-instruct"), device(gpu("apple", "common-3"), memory_gb=4))
    assert found.artifact is not None
    assert (found.artifact.id, found.artifact.context_window) == ("Phi-3.5-mini-instruct-q4f16_1-MLC-1k", 1024)
    assert [reason.message for reason in found.reasons] == [ONLY_4_GB.format("3,672")]


def test_an_engine_or_a_device_can_be_chosen() -> None:
    """The error names the existing builds; an engine that the page lacks is an obstacle with a reason."""
    card, facts = CATALOG.get("Qwen3-0.6B"), DEVICES["gaming PC"]
    assert ids(card, facts, device="wasm") == [("onnx-community/Qwen3-0.6B-ONNX/q8", None)]
    assert len(ids(card, facts, engine="transformersjs")) == 3
    with pytest.raises(bl.errors.Unsupported) as caught:
        candidates(CATALOG.get("Qwen3-8B"), facts, engine="transformersjs", device="wasm")
    assert str(caught.value) == (
        "model 'Qwen3-8B' has no build for engine 'transformersjs' and device 'wasm'. Choose one of: webllm on webgpu"
    )
    (first, *_) = candidates(card, facts, engines=["transformersjs"])
    assert isinstance(first.obstacle, bl.Unavailable)
    assert (str(first.obstacle), first.obstacle.reason) == (
        "this page does not have the engine 'webllm'; it has: 'transformersjs'",
        "missing_feature",
    )


def test_errors_carry_their_numbers_and_their_subject() -> None:
    """Programs need not read sentences: what was needed and what there is are in the error's data.

    A reason stands beside its build; an error may be raised by itself and names it.
    """
    facts = DEVICES["phone without f16"]
    (_, little, *_) = candidates(CATALOG.get("Qwen3-4B"), facts)
    assert isinstance(little.obstacle, bl.errors.OutOfMemory)
    assert little.obstacle.data == {"need_mb": 4327.71, "usable_mb": 3072.0}
    assert str(little.obstacle) == f"'Qwen3-4B-q4f32_1-MLC' {ONLY_4_GB.format('4,328')}"
    (missing, *_) = candidates(CATALOG.get("Qwen3-4B"), facts)
    assert missing.obstacle is not None
    assert missing.obstacle.data["missing"] == ["shader-f16"]
    (small, *_) = candidates(CATALOG.get("gemma-2b-it"), DEVICES["adapter with small buffers"])
    assert small.obstacle is not None
    assert small.obstacle.data["limit"] == "maxStorageBufferBindingSize"


def test_a_stored_build_needs_no_space_and_no_network() -> None:
    """It fits a full disk, offline, without a warning about the connection."""
    card, build = CATALOG.get("Qwen3-0.6B"), "Qwen3-0.6B-q4f16_1-MLC"
    for name in ("full disk", "laptop that is offline", "tablet on a cellular network"):
        found = fit(card, DEVICES[name], stored={build})
        assert found.artifact is not None
        assert found.artifact.id == build
        assert [reason.code for reason in found.warnings if reason.code == "metered"] == []


def test_free_bytes_can_be_passed_and_keeps_a_margin() -> None:
    """It overrides the browser's estimate; a tenth stays free; unknown space refuses nothing."""
    card, facts = CATALOG.get("Qwen3-8B"), DEVICES["gaming PC"]
    size = card.artifacts[0].download_bytes
    assert size is not None
    assert fit(card, facts, free_bytes=round(size * 1.11)).fits
    refused = fit(card, facts, free_bytes=round(size * 1.09))
    assert refused.reasons[0].message == (
        "needs about 4.5 GB of storage; the browser has 4.9 GB left for this site, and a tenth must stay free"
    )
    assert fit(card, device(gpu("apple", None), free_gb=None)).fits


def test_a_known_size_is_said_without_about() -> None:
    """Once the manifest was read the size is no estimate."""
    build = CATALOG.get("Qwen3-8B").artifacts[0]
    known = msgspec.structs.replace(build, download_bytes=4_610_000_000, download_estimated=False)
    (reason,) = fit(known, DEVICES["full disk"]).reasons
    assert reason.message == "needs 4.6 GB of storage; the browser has 50.0 MB left for this site"
    (minded,) = warnings(known, DEVICES["laptop that saves data"])
    assert minded.message == "downloads 4.6 GB, and this browser is set to save data"


def test_webassembly_has_its_own_bound() -> None:
    """A model larger than a WebAssembly memory runs on no CPU, however much there is."""
    big = bl.models.Artifact(engine="transformersjs", device="wasm", url="u", id="big", vram_mb=4000)
    (reason,) = fit(big, DEVICES["gaming PC"]).reasons
    assert reason.message == "needs 4,000 MB of memory; WebAssembly is limited to 3,584 MB"


def test_a_custom_model_is_judged_by_its_card() -> None:
    """With nothing said there is nothing against it; an unknown reason of the page is passed on as it is."""
    mine = bl.models.ModelCard(id="mine", artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u")])
    assert fit(mine, DEVICES["Firefox"]).fits
    (reason,) = fit(mine, device(no_gpu("brand_new"))).reasons
    assert (reason.code, reason.message, reason.artifact) == (
        "brand_new",
        "WebGPU is not available: 'brand_new'",
        None,
    )
    other = msgspec.structs.replace(
        mine,
        artifacts=[
            bl.models.Artifact(engine="webllm", device="webgpu", url="u", features=["subgroups", "timestamp-query"]),
            bl.models.Artifact(engine="webllm", device="webgpu", url="u", vram_mb=10, quantization="plain"),
        ],
    )
    bare = DeviceFacts(webgpu=msgspec.structs.replace(gpu("amd", None), features=[], adapter=AdapterInfo()))
    assert fit(other, bare).reasons[0].message == (
        "needs subgroups and timestamp-query, which this adapter does not have; the other build needs 10 MB"
    )


def test_a_phone_is_recognised_by_its_user_agent() -> None:
    """The same adapter in a laptop gets no warning."""
    card = CATALOG.get("Qwen3-8B")
    for agent, codes in ((ANDROID, ["slow", "not_for_phones"]), ("Mozilla/5.0 (X11; CrOS aarch64)", ["slow"])):
        found = fit(card, device(gpu("qualcomm", None), memory_gb=8, user_agent=agent))
        assert [reason.code for reason in found.warnings] == codes
