"""Writes what is published for Transformers.js, and reads the weights back from it.

    python export.py --weights work/pocket.safetensors    # dist/: config, tokenizer, ONNX in 16-bit storage and in 8 bits
    python export.py                                      # the same from the committed float ONNX: no checkpoint needed

`onnx/model.onnx` computes in float32 and stores every matrix once, in 16 bits, with a Cast behind it that the runtime
folds away when it loads. The published weights are those 16-bit values exactly, so every other format follows from
this file (`load_master`). The graph comes from optimum; only its weights are put back by hand, to be stored once.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from config import BOS_EOS_PAD, CONFIG, DIST, SYSTEM
from data import TOOLS_AFTER, TOOLS_BEFORE, conversation, render
from tokenizer import SPECIAL, VISIBLE, load_tokenizer
from words import Source

Weights = dict[str, npt.NDArray[np.float32]]

CHAT_TEMPLATE = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set system = messages[0]['content'] -%}{%- set rest = messages[1:] -%}"
    "{%- else -%}"
    "{%- set system = '" + SYSTEM + "' -%}{%- set rest = messages -%}"
    "{%- endif -%}"
    "{{- '<|im_start|>system\\n' + system -}}"
    "{%- if tools -%}"
    "{{- '" + TOOLS_BEFORE.replace("\n", "\\n") + "' -}}"
    "{%- for tool in tools -%}{{- '\\n' -}}{{- tool | tojson -}}{%- endfor -%}"
    "{{- '" + TOOLS_AFTER.replace("\n", "\\n") + "' -}}"
    "{%- endif -%}"
    "{{- '<|im_end|>\\n' -}}"
    "{%- for message in rest -%}"
    "{%- if message['role'] == 'tool' -%}"
    "{{- '<|im_start|>tool\\n<tool_response>\\n' + message['content'] + '\\n</tool_response><|im_end|>\\n' -}}"
    "{%- elif message['role'] == 'assistant' -%}"
    "{{- '<|im_start|>assistant\\n' -}}"
    "{%- set said = namespace(any=false) -%}"
    "{%- if message['content'] -%}{{- message['content'] -}}{%- set said.any = true -%}{%- endif -%}"
    "{%- if message['tool_calls'] -%}"
    "{%- for call in message['tool_calls'] -%}"
    "{%- if call['function'] -%}{%- set f = call['function'] -%}{%- else -%}{%- set f = call -%}{%- endif -%}"
    "{%- if said.any -%}{{- '\\n' -}}{%- endif -%}{%- set said.any = true -%}"
    "{{- '<tool_call>\\n{\"name\": \"' + f['name'] + '\", \"arguments\": ' -}}"
    "{%- if f['arguments'] is string -%}{{- f['arguments'] -}}{%- else -%}{{- f['arguments'] | tojson -}}{%- endif -%}"
    "{{- '}\\n</tool_call>' -}}"
    "{%- endfor -%}"
    "{%- endif -%}"
    "{{- '<|im_end|>\\n' -}}"
    "{%- else -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


def hugging_face_config() -> dict[str, object]:
    """Return config.json: the shape, as Hugging Face's Llama names it."""
    tokenizer = load_tokenizer()
    bos, eos, pad = (tokenizer.token_to_id(token) for token in BOS_EOS_PAD)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": CONFIG.vocab_size,
        "hidden_size": CONFIG.hidden_size,
        "intermediate_size": CONFIG.intermediate_size,
        "num_hidden_layers": CONFIG.num_hidden_layers,
        "num_attention_heads": CONFIG.num_attention_heads,
        "num_key_value_heads": CONFIG.num_key_value_heads,
        "head_dim": CONFIG.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": CONFIG.rms_norm_eps,
        "rope_theta": CONFIG.rope_theta,
        "rope_scaling": None,
        "max_position_embeddings": CONFIG.context_window_size,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
        "use_cache": True,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": pad,
        "torch_dtype": "float32",
    }


def write_texts(dist: Path) -> None:
    """Write config.json, generation_config.json, tokenizer_config.json and special_tokens_map.json."""
    config = hugging_face_config()
    generation = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    tokenizer = load_tokenizer()
    bos, eos, pad = BOS_EOS_PAD
    decoder = {
        str(tokenizer.token_to_id(token)): {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": token in SPECIAL,
        }
        for token in SPECIAL + VISIBLE
    }
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "additional_special_tokens": list(SPECIAL),
        "bos_token": bos,
        "eos_token": eos,
        "pad_token": pad,
        "clean_up_tokenization_spaces": False,
        "model_max_length": CONFIG.context_window_size,
        "chat_template": CHAT_TEMPLATE,
    }
    special = {"bos_token": bos, "eos_token": eos, "pad_token": pad, "additional_special_tokens": list(SPECIAL)}
    for name, content in (
        ("config.json", config),
        ("generation_config.json", generation | {"max_length": CONFIG.context_window_size, "do_sample": False}),
        ("tokenizer_config.json", tokenizer_config),
        ("special_tokens_map.json", special),
    ):
        (dist / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def check_template(dist: Path, samples: int = 300) -> None:
    """Compare the chat template with the rendering that training saw; raises ValueError where they differ."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dist)
    for held_out in (False, True):
        source = Source(99, held_out)
        for _ in range(samples):
            made = conversation(source)
            ours = "".join(text for text, _ in render(made))
            theirs = tokenizer.apply_chat_template(made["messages"], tools=made.get("tools"), tokenize=False)
            if ours != theirs:
                raise ValueError(f"the chat template writes {theirs!r}, training saw {ours!r}")
            raw = Tokenizer.from_file(str(dist / "tokenizer.json")).encode(ours).ids if _ < 20 else None
            if raw is not None and raw != tokenizer(ours)["input_ids"]:
                raise ValueError(f"tokenizer.json and the chat tokenizer disagree on {ours!r}")


def load_master(dist: Path = DIST) -> Weights:
    """Return the published weights by Hugging Face name, read from the committed float ONNX. Values are 16-bit exact."""
    model = onnx.load(dist / "onnx" / "model.onnx")
    weights: Weights = {}
    for tensor in model.graph.initializer:
        if tensor.name.startswith("model."):
            weights[tensor.name] = numpy_helper.to_array(tensor).astype(np.float32)
    return weights


def _export_graph(weights: Weights, folder: Path) -> onnx.ModelProto:
    """Return optimum's ONNX of the Hugging Face model with these weights, with a key-value cache in and out."""
    import torch
    from optimum.exporters.onnx import main_export
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**hugging_face_config())).eval()
    state = {name: torch.from_numpy(value) for name, value in weights.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise ValueError(f"weights do not fit: missing {missing!r}, unexpected {unexpected!r}")
    model.tie_weights()
    model.save_pretrained(folder / "hf")
    main_export(str(folder / "hf"), folder / "onnx", task="text-generation-with-past", do_validation=False)
    return onnx.load(folder / "onnx" / "model.onnx")


def _store_in_16_bits(model: onnx.ModelProto, weights: Weights) -> onnx.ModelProto:
    """Replace every matrix by its 16-bit original (one copy each), a Cast, and a Transpose where the graph wants one."""
    graph = model.graph
    by_bytes: dict[bytes, tuple[str, bool]] = {}
    for name, value in weights.items():
        by_bytes[np.ascontiguousarray(value).tobytes()] = (name, False)
        if value.ndim == 2:
            by_bytes.setdefault(np.ascontiguousarray(value.T).tobytes(), (name, True))
    nodes = []
    kept = []
    found: set[str] = set()
    made: set[str] = set()
    renamed: dict[str, str] = {}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        match = by_bytes.get(np.ascontiguousarray(array).tobytes()) if array.dtype == np.float32 else None
        if match is None:
            kept.append(tensor)
            continue
        name, transposed = match
        value = weights[name]
        if name not in found:
            found.add(name)
            # Norms are tiny: they stay in 32 bits (their values are 16-bit exact all the same).
            kept.append(numpy_helper.from_array(value.astype(np.float16) if value.ndim == 2 else value, name))
            if value.ndim == 2:
                nodes.append(
                    helper.make_node("Cast", [name], [f"{name}/float32"], f"{name}/cast", to=TensorProto.FLOAT)
                )
        renamed[tensor.name] = name if value.ndim == 1 else f"{name}/float32"
        if transposed:
            renamed[tensor.name] = f"{name}/transposed"
            if name not in made:
                made.add(name)
                ends = [f"{name}/float32"], [f"{name}/transposed"]
                nodes.append(helper.make_node("Transpose", *ends, f"{name}/transpose", perm=[1, 0]))
    for node in graph.node:
        for index, used in enumerate(node.input):
            node.input[index] = renamed.get(used, used)
    if found != set(weights):
        raise ValueError(f"not found in the exported graph: {sorted(set(weights) - found)!r}")
    rest = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes + rest)
    onnx.checker.check_model(model)
    return model


def _int8_rows(weight: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    scale = np.abs(weight).max(axis=1) / np.float32(127)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(weight / scale[:, None]), -127, 127).astype(np.int8), scale


def quantize_8_bit(model: onnx.ModelProto, weights: Weights) -> onnx.ModelProto:
    """Return the model with every matrix in int8, one scale per output; activations are quantised as they come.

    A MatMul becomes DynamicQuantizeLinear, MatMulInteger, Cast and Mul: what onnxruntime's own dynamic quantisation
    writes, but with the embedding stored once for the lookup and the output together.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    source_of: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in ("Cast", "Transpose", "Identity") and node.output[0] not in source_of:
            origin = source_of.get(node.input[0], node.input[0])
            if origin in weights:
                source_of[node.output[0]] = origin
    matrices = {name for name, value in weights.items() if value.ndim == 2}
    dropped = {output for output, origin in source_of.items() if origin in matrices}
    initializers = [tensor for tensor in graph.initializer if tensor.name not in matrices]
    done: set[str] = set()
    quantised_inputs: set[str] = set()
    nodes = []

    def store(name: str, as_rows: bool) -> tuple[str, str]:
        """Add the int8 weight ([out, in] for a lookup, [in, out] for a product) and its scales; return their names."""
        values, scale = _int8_rows(weights[name])
        stored, scales = f"{name}/int8", f"{name}/scale"
        if name not in done:
            done.add(name)
            # The embedding is stored as rows; the product transposes it when the model is loaded.
            rows = name == "model.embed_tokens.weight"
            initializers.append(numpy_helper.from_array(values if rows else np.ascontiguousarray(values.T), stored))
            initializers.append(numpy_helper.from_array(scale, scales))
            if rows:
                nodes.append(helper.make_node("Transpose", [stored], [f"{stored}/T"], f"{stored}/T", perm=[1, 0]))
        if name == "model.embed_tokens.weight" and not as_rows:
            stored = f"{stored}/T"
        return stored, scales

    for node in graph.node:
        if node.output[0] in dropped:
            continue
        if node.op_type == "Gather" and node.input[0] in dropped:
            stored, scales = store(source_of[node.input[0]], as_rows=True)
            out, ids = node.output[0], node.input[1]
            nodes += [
                helper.make_node("Gather", [stored, ids], [f"{out}/int8"], f"{out}/gather", axis=0),
                helper.make_node("Cast", [f"{out}/int8"], [f"{out}/wide"], f"{out}/cast", to=TensorProto.FLOAT),
                helper.make_node("Gather", [scales, ids], [f"{out}/flat_scale"], f"{out}/gather_scale", axis=0),
                helper.make_node("Unsqueeze", [f"{out}/flat_scale", "minus_one"], [f"{out}/scale"], f"{out}/unsqueeze"),
                helper.make_node("Mul", [f"{out}/wide", f"{out}/scale"], [out], f"{out}/mul"),
            ]
            continue
        if node.op_type == "MatMul" and node.input[1] in dropped:
            stored, scales = store(source_of[node.input[1]], as_rows=False)
            left, out = node.input[0], node.output[0]
            if left not in quantised_inputs:
                quantised_inputs.add(left)
                parts = [f"{left}/{part}" for part in ("quantized", "scale", "zero")]
                nodes.append(helper.make_node("DynamicQuantizeLinear", [left], parts, f"{left}/quantize"))
            product = [f"{left}/quantized", stored, f"{left}/zero"]
            nodes += [
                helper.make_node("MatMulInteger", product, [f"{out}/int32"], f"{out}/matmul"),
                helper.make_node("Cast", [f"{out}/int32"], [f"{out}/wide"], f"{out}/cast", to=TensorProto.FLOAT),
                helper.make_node("Mul", [f"{left}/scale", scales], [f"{out}/scale"], f"{out}/scales"),
                helper.make_node("Mul", [f"{out}/wide", f"{out}/scale"], [out], f"{out}/mul"),
            ]
            continue
        nodes.append(node)
    initializers.append(numpy_helper.from_array(np.array([-1], np.int64), "minus_one"))
    if done != matrices:
        raise ValueError(f"matrices left over: {sorted(matrices - done)!r}")
    copied = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(initializers)
    graph.node.extend(copied)
    onnx.checker.check_model(model)
    return model


def _shorten_names(model: onnx.ModelProto) -> None:
    """Rename everything inside the graph shortly: exporters' long names are a tenth of so small a file."""
    graph = model.graph
    fixed = {value.name for values in (graph.input, graph.output, graph.initializer) for value in values}
    short: dict[str, str] = {"": ""}
    for node in graph.node:
        node.name = ""
        node.doc_string = ""
        for index, name in enumerate(node.output):
            if name not in fixed and name not in short:
                short[name] = f"t{len(short)}"
            node.output[index] = short.get(name, name)
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = short.get(name, name)


def write_onnx(weights: Weights, dist: Path) -> None:
    """Write onnx/model.onnx and onnx/model_quantized.onnx."""
    with tempfile.TemporaryDirectory() as folder:
        graph = _export_graph(weights, Path(folder))
    for kept in (graph.graph.node, graph.graph.input, graph.graph.output):
        for one in kept:
            one.doc_string = ""
    del graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
    del graph.graph.value_info[:]
    small = _store_in_16_bits(graph, weights)
    small.producer_version = ""
    (dist / "onnx").mkdir(parents=True, exist_ok=True)
    for model, name in ((small, "model"), (quantize_8_bit(small, weights), "model_quantized")):
        _shorten_names(model)
        onnx.checker.check_model(model)
        onnx.save(model, dist / "onnx" / f"{name}.onnx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights", type=Path, help="checkpoint to publish; without it, the committed weights are used"
    )
    parser.add_argument("--dist", type=Path, default=DIST)
    options = parser.parse_args()
    if options.weights:
        from safetensors.numpy import load_file

        weights = {name: value.astype(np.float32) for name, value in load_file(options.weights).items()}
    else:
        weights = load_master(options.dist)
    for name, value in weights.items():
        if not np.array_equal(value, value.astype(np.float16).astype(np.float32)):
            raise ValueError(f"{name!r} has values that 16 bits cannot hold: round the checkpoint first")
    write_texts(options.dist)
    check_template(options.dist)
    write_onnx(weights, options.dist)
    back = load_master(options.dist)
    if set(back) != set(weights) or any(not np.array_equal(back[name], weights[name]) for name in weights):
        raise ValueError("the weights read back from model.onnx differ from those written")
    for path in sorted(options.dist.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>10,}  {path.relative_to(options.dist)}")


if __name__ == "__main__":
    main()
