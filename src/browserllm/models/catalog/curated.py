"""Facts about models that web-llm's list lacks: licences, purposes, sizes, and builds for Transformers.js.

Kept by hand, as of 2026-11-21. The ONNX builds: each file was seen, with its size, in the Hub's listing of the
repository's ``onnx`` folder, those of Qwen3 and gemma-3 in what published programs download. SmolLM2's two small ones
have no 8-bit file, so the CPU takes their 4-bit one; of Qwen3-1.7B and gemma-3 none for the CPU was seen. A build of
SmolVLM-256M is three networks, which were seen together as q4f16 and int8. The mean and length 1 for all-MiniLM-L6-v2
are what its makers' card computes. Licences and parameters are those that the makers publish; looked up again were
Gemma 3, Llama 3.2, MiniLM, Ministral 3, Phi 3.5, Qwen2.5 Coder, SmolLM2, SmolVLM and StableLM 2. Purposes are our
judgement. How to switch a model's thinking is from its makers' card (Qwen3: ``enable_thinking``; Qwen3.5: the same,
without Qwen3's words in a message; Qwen3 of 2507: two models, one that thinks and one that does not; SmolLM3: words in
the system message). Gemma 4 thinks only between marks that no engine here shows, so its thinking stays off.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from .card import Artifact, Device, ModelCard, Purpose, Thinking


class _Family(msgspec.Struct, frozen=True):
    """What models with a common name prefix share."""

    name: str
    license: str | None
    purposes: tuple[Purpose, ...] = ("chat",)
    tools: bool = False
    vision: bool = False
    thinking: Thinking = "never"


LICENSE_URLS = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "MIT": "https://opensource.org/license/mit",
    "Gemma Terms of Use": "https://ai.google.dev/gemma/terms",
    "Llama 2 Community License": "https://ai.meta.com/llama/license/",
    "Llama 3 Community License": "https://www.llama.com/llama3/license/",
    "Llama 3.1 Community License": "https://www.llama.com/llama3_1/license/",
    "Llama 3.2 Community License": "https://www.llama.com/llama3_2/license/",
    "Qwen Research License": "https://huggingface.co/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE",
    "Stability AI Non-Commercial Research Community License": (
        "https://huggingface.co/stabilityai/stablelm-2-zephyr-1_6b/blob/main/LICENSE"
    ),
}
"""The text of each licence."""

_APACHE, _MIT, _GEMMA = "Apache-2.0", "MIT", "Gemma Terms of Use"
_LLAMA = "Llama {} Community License"

# The first matching prefix counts, so longer ones come first.
_FAMILIES: tuple[tuple[str, _Family], ...] = (
    ("Llama-3.2", _Family("Llama 3.2", _LLAMA.format("3.2"), ("chat", "multilingual"), tools=True)),
    ("Llama-3.1", _Family("Llama 3.1", _LLAMA.format("3.1"), ("chat", "multilingual", "code"), tools=True)),
    ("Llama-3", _Family("Llama 3", _LLAMA.format("3"))),
    ("Llama-2", _Family("Llama 2", _LLAMA.format("2"))),
    ("DeepSeek-R1-Distill-Llama", _Family("DeepSeek R1", _LLAMA.format("3.1"), ("math",), thinking="always")),
    ("DeepSeek-R1-Distill-Qwen", _Family("DeepSeek R1", _MIT, ("math",), thinking="always")),
    ("Hermes-2-Theta-Llama-3", _Family("Hermes 2", _LLAMA.format("3"))),
    ("Hermes-2-Pro-Llama-3", _Family("Hermes 2", _LLAMA.format("3"), tools=True)),
    ("Hermes-2-Pro-Mistral", _Family("Hermes 2", _APACHE, tools=True)),
    ("Hermes-3-Llama-3.2", _Family("Hermes 3", _LLAMA.format("3.2"), tools=True)),
    ("Hermes-3-Llama-3.1", _Family("Hermes 3", _LLAMA.format("3.1"), tools=True)),
    ("OpenHermes-2.5", _Family("Hermes 2", _APACHE)),
    ("NeuralHermes-2.5", _Family("Hermes 2", _APACHE)),
    ("Phi-3.5-vision", _Family("Phi 3.5", _MIT, ("chat", "vision"), vision=True)),
    ("Phi-3.5", _Family("Phi 3.5", _MIT, ("chat", "code", "math", "multilingual"))),
    ("Phi-4", _Family("Phi 4", _MIT, ("chat", "code", "math", "multilingual"), tools=True)),
    ("Phi-3", _Family("Phi 3", _MIT, ("chat", "code", "math"))),
    ("phi-", _Family("Phi", _MIT, ("code",))),
    ("Mistral-7B-Instruct-v0.3", _Family("Mistral", _APACHE, tools=True)),
    ("Mistral-7B", _Family("Mistral", _APACHE)),
    ("Ministral-3-3B-Base", _Family("Ministral 3", _APACHE, ())),
    ("Ministral-3-3B-Reasoning", _Family("Ministral 3", _APACHE, ("chat", "math", "multilingual"), thinking="always")),
    ("Ministral-3", _Family("Ministral 3", _APACHE, ("chat", "multilingual"), tools=True)),
    ("WizardMath", _Family("WizardMath", None, ("math",))),
    ("SmolLM3", _Family("SmolLM3", _APACHE, ("chat", "multilingual"), tools=True, thinking="words")),
    ("SmolLM2-1.7B", _Family("SmolLM2", _APACHE, tools=True)),
    ("SmolLM2", _Family("SmolLM2", _APACHE, ("chat", "low-end"))),
    ("gemma-4", _Family("Gemma 4", _APACHE, ("chat", "code", "multilingual"), tools=True)),
    ("gemma3", _Family("Gemma 3", _GEMMA, ("chat", "multilingual"))),
    ("gemma-2-2b-jpn", _Family("Gemma 2", _GEMMA, ("chat", "multilingual"))),
    ("gemma-2-", _Family("Gemma 2", _GEMMA)),
    ("gemma-2b", _Family("Gemma", _GEMMA)),
    ("OLMo-2", _Family("OLMo 2", _APACHE)),
    ("Qwen3.5", _Family("Qwen3.5", _APACHE, ("chat", "code", "math", "multilingual"), tools=True, thinking="template")),
    ("Qwen3", _Family("Qwen3", _APACHE, ("chat", "code", "math", "multilingual"), tools=True, thinking="template")),
    ("Qwen2.5-Coder-3B", _Family("Qwen2.5 Coder", "Qwen Research License", ("code",))),
    ("Qwen2.5-Coder", _Family("Qwen2.5 Coder", _APACHE, ("code",))),
    ("Qwen2.5-Math", _Family("Qwen2.5 Math", _APACHE, ("math",))),
    ("Qwen2.5-3B", _Family("Qwen2.5", "Qwen Research License", ("chat", "multilingual"), tools=True)),
    ("Qwen2.5", _Family("Qwen2.5", _APACHE, ("chat", "multilingual"), tools=True)),
    ("Qwen2-Math", _Family("Qwen2 Math", _APACHE, ("math",))),
    ("Qwen2", _Family("Qwen2", _APACHE, ("chat", "multilingual"))),
    ("SmolVLM", _Family("SmolVLM", _APACHE, ("vision",), vision=True)),
    ("all-MiniLM", _Family("MiniLM", _APACHE, ("embedding",))),
    ("stablelm", _Family("StableLM 2", "Stability AI Non-Commercial Research Community License")),
    ("RedPajama", _Family("RedPajama", _APACHE)),
    ("TinyLlama", _Family("TinyLlama", _APACHE, ("chat", "low-end"))),
    ("snowflake-arctic-embed", _Family("Arctic Embed", _APACHE, ("embedding",))),
)

# In millions, if the name has no figure or one that is rounded by more than a twentieth.
_PARAMETERS_M = {
    "DeepSeek-R1-Distill-Qwen-1.5B": 1777,
    "DeepSeek-R1-Distill-Qwen-7B": 7616,
    "Llama-2-7b-chat-hf": 6738,
    "Llama-3.2-1B-Instruct": 1236,
    "Llama-3.2-3B-Instruct": 3213,
    "Hermes-3-Llama-3.2-3B": 3213,
    "Ministral-3-3B-Base-2512": 3430,
    "Ministral-3-3B-Reasoning-2512": 3430,
    "Ministral-3-3B-Instruct-2512-BF16": 3430,
    "Phi-3-mini-4k-instruct": 3821,
    "Phi-3.5-mini-instruct": 3821,
    "Phi-3.5-vision-instruct": 4147,
    "Phi-4-mini-instruct": 3836,
    "Qwen2-7B-Instruct": 7616,
    "Qwen2-Math-7B-Instruct": 7616,
    "Qwen2.5-7B-Instruct": 7616,
    "Qwen2.5-Coder-7B-Instruct": 7616,
    "RedPajama-INCITE-Chat-3B-v1": 2776,
    "OLMo-2-0425-1B-Instruct": 1485,
    "gemma-2-2b-it": 2614,
    "gemma-2-2b-jpn-it": 2614,
    "gemma-2b-it": 2506,
    # Two billion are active per token; the rest are embeddings, which are downloaded all the same.
    "gemma-4-E2B-it": 5100,
    "phi-1_5": 1418,
    "phi-2": 2780,
    "all-MiniLM-L6-v2": 23,
    "snowflake-arctic-embed-m": 109,
    "snowflake-arctic-embed-s": 33,
}

# The context that a family was trained for, in tokens; WebLLM's builds take 4096. SmolVLM's language model is SmolLM2.
_CONTEXT_WINDOWS = {
    "DeepSeek R1": 131072,
    "Gemma 3": 32768,
    "Llama 3.1": 131072,
    "Llama 3.2": 131072,
    "MiniLM": 256,
    "Phi 3.5": 131072,
    "Phi 4": 131072,
    "Qwen2.5": 32768,
    "Qwen2.5 Coder": 32768,
    "Qwen3": 40960,
    "SmolLM2": 8192,
    "SmolVLM": 8192,
}

# Bits per weight in a download. MLC keeps groups of 32 four-bit weights with a scale of 16 bits (of 40 three-bit
# ones, ten to a word, see mlc_llm/quantization), and stores as bf16 what is f32 in memory. It shows in the shards of
# Qwen2-0.5B-Instruct-q4f32_1 (278 MB for 494 million parameters) and of Qwen1.5-0.5B-Chat with 620 million (q4f32_1:
# 349 MB, q3f16_1: 283 MB).
_DOWNLOAD_BITS = {"q4f16_1": 4.5, "q4f32_1": 4.5, "q3f16_1": 3.65, "q0f16": 16.0, "q0f32": 16.0}

# Tokenizer, configuration and the compiled library beside the weights: 8 to 25 MB, by the vocabulary.
_DOWNLOAD_BESIDE = 15_000_000


class _Onnx(msgspec.Struct, frozen=True):
    """A repository on the Hugging Face Hub in Transformers.js's layout; megabytes of each precision on each device."""

    repo: str
    webgpu: dict[str, int]
    wasm: dict[str, int] = {}
    model_type: Literal["embedding", "vision"] | None = None
    pooling: Literal["mean"] | None = None


_ONNX: dict[str, _Onnx] = {
    "SmolLM2-135M-Instruct": _Onnx("HuggingFaceTB/SmolLM2-135M-Instruct", {"q4f16": 134, "q4": 200}, {"q4": 200}),
    "SmolLM2-360M-Instruct": _Onnx("HuggingFaceTB/SmolLM2-360M-Instruct", {"q4f16": 299, "q4": 417}, {"q4": 417}),
    "SmolLM2-1.7B-Instruct": _Onnx("HuggingFaceTB/SmolLM2-1.7B-Instruct", {"q4f16": 1110, "q4": 1410}, {"q8": 1710}),
    "Qwen2.5-0.5B-Instruct": _Onnx("onnx-community/Qwen2.5-0.5B-Instruct", {"q4f16": 483, "q4": 786}, {"q8": 512}),
    "Qwen2.5-1.5B-Instruct": _Onnx("onnx-community/Qwen2.5-1.5B-Instruct", {"q4f16": 1220, "q4": 1790}, {"q8": 1580}),
    "Qwen2.5-Coder-0.5B-Instruct": _Onnx(
        "onnx-community/Qwen2.5-Coder-0.5B-Instruct", {"q4f16": 555, "q4": 862}, {"q8": 639}
    ),
    "Qwen2.5-Coder-1.5B-Instruct": _Onnx(
        "onnx-community/Qwen2.5-Coder-1.5B-Instruct", {"q4f16": 1340, "q4": 1920}, {"q8": 1800}
    ),
    "Qwen3-0.6B": _Onnx("onnx-community/Qwen3-0.6B-ONNX", {"q4f16": 570, "q4": 919}, {"q8": 627}),
    "Qwen3-1.7B": _Onnx("onnx-community/Qwen3-1.7B-ONNX", {"q4f16": 1426, "q4": 2147}),
    "Llama-3.2-1B-Instruct": _Onnx("onnx-community/Llama-3.2-1B-Instruct", {"q4f16": 1070, "q4": 1660}, {"q8": 1240}),
    "gemma3-1b-it": _Onnx("onnx-community/gemma-3-1b-it-ONNX", {"q4f16": 764, "q4": 860}),
    "SmolVLM-256M-Instruct": _Onnx(
        "HuggingFaceTB/SmolVLM-256M-Instruct", {"q4f16": 189}, {"int8": 261}, model_type="vision"
    ),
    "all-MiniLM-L6-v2": _Onnx(
        "Xenova/all-MiniLM-L6-v2", {"fp16": 45, "fp32": 90}, {"q8": 23}, model_type="embedding", pooling="mean"
    ),
    "DeepSeek-R1-Distill-Qwen-1.5B": _Onnx(
        "onnx-community/DeepSeek-R1-Distill-Qwen-1.5B-ONNX", {"q4f16": 1370, "q4": 1970}, {"q8": 1850}
    ),
}


def only_onnx(prebuilt: set[str]) -> list[ModelCard]:
    """Return cards, still without artifacts, for the models that are not in WebLLM's list."""
    return [ModelCard(id=name, artifacts=[]) for name in _ONNX if name not in prebuilt]


def thinking_for(name: str) -> Thinking | None:
    """Return whether a model thinks, by its name; ``None`` if its family is unknown."""
    # Some models of a family that can switch always think, or never do.
    if re.match(r"Qwen3-.*Thinking", name):
        return "always"
    if re.match(r"Qwen3-(.*Instruct|Coder|Embedding|Reranker)", name):
        return "never"
    family = _family(name)
    return None if family is None else family.thinking


def _family(name: str) -> _Family | None:
    return next((family for start, family in _FAMILIES if name.startswith(start)), None)


def complete(card: ModelCard) -> ModelCard:
    """Complete a card of web-llm's list with the facts about its model."""
    family = _family(card.id) or _Family(card.id, None)
    parameters = _parameters(card.id)
    window = _CONTEXT_WINDOWS.get(family.name)
    artifacts = [_with_download(artifact, parameters) for artifact in card.artifacts]
    artifacts += _onnx_artifacts(card.id, window)
    windows = [artifact.context_window for artifact in artifacts if artifact.context_window is not None]
    embedding = "embedding" in family.purposes
    small = parameters is not None and parameters < 0.7e9 and "chat" in family.purposes
    purposes = list(family.purposes)
    if small and "low-end" not in purposes:
        purposes.append("low-end")
    return msgspec.structs.replace(
        card,
        artifacts=artifacts,
        name=card.id.replace("-", " ").replace("_", "."),
        family=family.name,
        type="embedding" if embedding else "chat",
        parameters=parameters,
        license=family.license,
        license_url=LICENSE_URLS.get(family.license or ""),
        context_window=max(windows, default=None),
        purposes=purposes,
        tools=family.tools,
        vision=family.vision,
        thinking=thinking_for(card.id),
        cloud_equivalent=_cloud_equivalent(parameters, embedding),
    )


def _parameters(name: str) -> int | None:
    if name in _PARAMETERS_M:
        return _PARAMETERS_M[name] * 1_000_000
    said = re.search(r"-(\d+(?:[._]\d+)?)([BbM])(?:-|$)", name)
    if said is None:
        return None
    return round(float(said[1].replace("_", ".")) * (1e6 if said[2] == "M" else 1e9))


def _with_download(artifact: Artifact, parameters: int | None) -> Artifact:
    bits = _DOWNLOAD_BITS.get(artifact.quantization or "")
    if bits is None or parameters is None:
        return artifact
    return msgspec.structs.replace(artifact, download_bytes=round(parameters * bits / 8) + _DOWNLOAD_BESIDE)


def _onnx_artifacts(name: str, window: int | None) -> list[Artifact]:
    onnx = _ONNX.get(name)
    if onnx is None:
        return []
    devices: list[tuple[Device, dict[str, int]]] = [("webgpu", onnx.webgpu), ("wasm", onnx.wasm)]
    return [
        Artifact(
            engine="transformersjs",
            device=device,
            id=f"{onnx.repo}/{dtype}",
            url=f"https://huggingface.co/{onnx.repo}/resolve/main/",
            dtype=dtype,
            quantization=dtype,
            context_window=window,
            model_type=onnx.model_type,
            pooling=onnx.pooling,
            normalize=True if onnx.pooling is not None else None,
            features=["shader-f16"] if dtype.endswith("f16") or dtype == "fp16" else [],
            download_bytes=megabytes * 1_000_000 + _DOWNLOAD_BESIDE,
        )
        for device, dtypes in devices
        for dtype, megabytes in dtypes.items()
    ]


def _cloud_equivalent(parameters: int | None, embedding: bool) -> str | None:
    """Return the nearest cloud model by size: even the smallest ones are larger than most of these."""
    if embedding:
        return "text-embedding-3-small"
    if parameters is None or parameters < 0.5e9:
        return None
    return "gpt-5-nano" if parameters < 6e9 else "gpt-5-mini"
