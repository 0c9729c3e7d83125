"""Models for images and for embeddings: which files they have, and what becomes of a folder of one's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.models.custom import add_custom
from browserllm.models.engines import list_files
from browserllm.models.engines.transformersjs import NetworkConfig
from browserllm.testing.host import ScriptedHost

URL = "https://my.test/models/tiny/resolve/v1/"
SEES: dict[str, Any] = {"architectures": ["Idefics3ForConditionalGeneration"], "model_type": "idefics3"}
EMBEDS: dict[str, Any] = {"architectures": ["BertModel"], "model_type": "bert", "max_position_embeddings": 512}
NETWORKS = ("decoder_model_merged", "embed_tokens", "vision_encoder")


def folder(config: dict[str, Any], *names: str) -> dict[str, Any]:
    """A folder on a server: the files that every model has, and these."""
    common = {"config.json": json.dumps(config), "tokenizer.json": 500, "tokenizer_config.json": 50}
    return {URL + name: content for name, content in {**common, **dict.fromkeys(names, 7)}.items()}


def artifact(**fields: Any) -> bl.models.Artifact:
    return bl.models.Artifact(**{"engine": "transformersjs", "device": "wasm", "url": URL, "dtype": "q8", **fields})


async def listed(web: dict[str, Any], build: bl.models.Artifact) -> list[str]:
    files = (await list_files(ScriptedHost(files=web), build)).files
    return [file.url.removeprefix(URL) for file in files]


async def test_a_vision_model_has_three_networks_and_a_processor() -> None:
    """All in one precision; the kind is the artifact's, or else from config.json."""
    names = ["preprocessor_config.json", "processor_config.json", *(f"onnx/{name}_q4f16.onnx" for name in NETWORKS)]
    expected = ["config.json", "tokenizer.json", "tokenizer_config.json", *names]
    assert await listed(folder(SEES, *names), artifact(dtype="q4f16")) == expected
    assert await listed(folder({}, *names), artifact(dtype="q4f16", model_type="vision")) == expected
    for missing in names:
        with pytest.raises(bl.errors.LoadFailed, match=f"'{missing.rpartition('/')[2]}' is missing"):
            await listed(folder(SEES, *(name for name in names if name != missing)), artifact(dtype="q4f16"))


async def test_each_network_has_its_own_data_files() -> None:
    """``use_external_data_format`` names a network, or a file of it; a number is every network's."""
    names = [f"onnx/{name}_quantized.onnx" for name in NETWORKS]
    names += [f"{name}_data" for name in names] + [f"{names[0]}_data_1"]
    web = folder(SEES, "preprocessor_config.json", "processor_config.json", *names)
    for said, data in (
        ({"decoder_model_merged": 2}, ["onnx/decoder_model_merged_quantized.onnx_data"]),
        ({"vision_encoder_quantized.onnx": True, "vision_encoder": 0}, ["onnx/vision_encoder_quantized.onnx_data"]),
        (1, [f"onnx/{name}_quantized.onnx_data" for name in NETWORKS]),
    ):
        config = {**SEES, "transformers.js_config": {"use_external_data_format": said}}
        found = await listed(web | {URL + "config.json": json.dumps(config)}, artifact())
        assert [name for name in found if name.endswith("_data")] == data


async def test_an_embedding_model_has_its_pooling_files() -> None:
    """If they exist, and if the artifact does not declare the pooling itself."""
    names = ["onnx/model_quantized.onnx", "1_Pooling/config.json", "modules.json"]
    assert (await listed(folder(EMBEDS, *names), artifact()))[3:] == names
    assert (await listed(folder(EMBEDS, *names), artifact(pooling="mean")))[3:] == names[:1]
    assert (await listed(folder(EMBEDS, names[0]), artifact()))[3:] == names[:1]


@pytest.mark.parametrize(
    ("architecture", "model_type", "kind"),
    [
        ("BertModel", "bert", "embedding"),
        ("Qwen3Model", "qwen3", "embedding"),
        ("GPT2LMHeadModel", "gpt2", None),
        ("LlamaForCausalLM", "llama", None),
        ("Idefics3ForConditionalGeneration", "idefics3", "vision"),
        ("SmolVLMForConditionalGeneration", "smolvlm", "vision"),
        ("Gemma3ForConditionalGeneration", "gemma3", None),
    ],
)
def test_the_kind_of_a_model_is_read_from_its_configuration(
    architecture: str, model_type: str, kind: str | None
) -> None:
    """A network without a text head makes vectors; only vision models that the page can run count."""
    assert NetworkConfig(architectures=[architecture], model_type=model_type).kind == kind
    assert NetworkConfig().kind is None
    assert NetworkConfig(architectures=[]).kind is None


async def test_a_custom_vision_model_takes_images() -> None:
    """Its precisions are those that its decoder has, its window that of the language model in it."""
    names = [f"onnx/{name}{suffix}.onnx" for name in NETWORKS for suffix in ("", "_q4f16")]
    web = folder({**SEES, "text_config": {"max_position_embeddings": 512}}, *names)
    web |= {URL + name: 9 for name in ("preprocessor_config.json", "processor_config.json")}
    card = await add_custom(ScriptedHost(files=web), URL)
    assert (card.type, card.vision, card.context_window) == ("chat", True, 512)
    assert [(a.device, a.dtype, a.model_type) for a in card.artifacts] == [
        ("webgpu", "q4f16", "vision"),
        ("webgpu", "fp32", "vision"),
        ("wasm", "fp32", "vision"),
    ]


async def test_a_custom_embedding_model_makes_vectors() -> None:
    """Its card says so, and a load is proven by a vector."""
    web = folder(EMBEDS, "onnx/model.onnx", "1_Pooling/config.json", "modules.json")
    host = ScriptedHost(files=web)
    manager = bl.ModelManager(host)
    card = await manager.add(URL, id="mine")
    assert (card.type, card.vision, card.context_window) == ("embedding", False, 512)
    assert (await manager.load("mine")).input == ("text",)
    ops = [op for op, _ in host.requests]
    assert "embed" in ops and "chat" not in ops
