"""The float reference: the weights that WebLLM loads, unpacked from its own shards, in the network's torch code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from config import CONFIG, DIST, SYSTEM
from model import Pocket
from quantize import dequantize_q4f32_1

__all__ = ["CONFIG", "DIST", "Pocket", "reference_logits", "reference_model", "template_ids"]

FloatArray = npt.NDArray[np.float32]


def read_shards(folder: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Read every tensor that `tensor-cache.json` lists."""
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for shard in json.loads((folder / "tensor-cache.json").read_text())["records"]:
        data = (folder / shard["dataPath"]).read_bytes()
        for record in shard["records"]:
            part = data[record["byteOffset"] : record["byteOffset"] + record["nbytes"]]
            tensors[record["name"]] = np.frombuffer(part, record["dtype"]).reshape(record["shape"])
    return tensors


def reference_model(folder: Path) -> Pocket:
    """Return the torch network with the dequantized weights of a WebLLM folder."""
    tensors, config = read_shards(folder), CONFIG
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim

    def matrix(name: str) -> FloatArray:
        return dequantize_q4f32_1(tensors[f"{name}.q_weight"], tensors[f"{name}.q_scale"])

    state: dict[str, npt.NDArray[np.generic]] = {
        "model.embed_tokens.weight": matrix("embed_tokens"),
        "model.norm.weight": tensors["norm.weight"],
    }
    for i in range(config.num_hidden_layers):
        layer, target = f"layers.{i}", f"model.layers.{i}"
        q, k, v = np.split(matrix(f"{layer}.qkv_proj"), [queries, queries + keys])
        gate, up = np.split(matrix(f"{layer}.gate_up_proj"), 2)
        state |= {
            f"{target}.self_attn.q_proj.weight": q,
            f"{target}.self_attn.k_proj.weight": k,
            f"{target}.self_attn.v_proj.weight": v,
            f"{target}.self_attn.o_proj.weight": matrix(f"{layer}.o_proj"),
            f"{target}.mlp.gate_proj.weight": gate,
            f"{target}.mlp.up_proj.weight": up,
            f"{target}.mlp.down_proj.weight": matrix(f"{layer}.down_proj"),
        }
        for norm in ("input_layernorm", "post_attention_layernorm"):
            state[f"{target}.{norm}.weight"] = tensors[f"{layer}.{norm}.weight"]
    model = Pocket(config).eval()
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in state.items()})
    return model


@torch.no_grad()
def reference_logits(model: Pocket, tokens: list[int], last: int) -> FloatArray:
    """Logits [last, vocab] after each of the `last` final tokens of a sequence."""
    return model(torch.tensor([tokens]))[0, -last:].float().numpy()


def template_ids(folder: Path, messages: list[dict[str, str]], answer_follows: bool) -> list[int]:
    """Token ids of a conversation by the tokenizer's own chat template; by plain ChatML while it has none."""
    from tokenizers import Tokenizer

    settings = folder / "tokenizer_config.json"
    template = json.loads(settings.read_text()).get("chat_template") if settings.exists() else None
    if template:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
        text = environment.from_string(template).render(messages=messages, add_generation_prompt=answer_follows)
    else:
        if messages[0]["role"] != "system":
            messages = [{"role": "system", "content": SYSTEM}, *messages]
        text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        text += "<|im_start|>assistant\n" if answer_follows else ""
    return Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
