"""Build the WebLLM files of the pocket model from its weights.

    python build.py                      # the weights of ../dist/onnx/model.onnx -> ../dist
    python build.py --weights-only       # new weights, same shape: leaves pocket.wasm alone
    python build.py --weights random     # before anything is trained; or a safetensors file

Writes `pocket.wasm`, `mlc-chat-config.json`, `tensor-cache.json`, `params_shard_*.bin` and TVM's licence files. The
same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

import wasm

sys.path.insert(0, str(Path(__file__).parent.parent))

from config import BOS_EOS_PAD, CONFIG, DIST, SYSTEM, WORK, PocketConfig
from quantize import quantize_q4f32_1

FloatArray = npt.NDArray[np.float32]

STACKED = {
    "self_attn.q_proj": "qkv_proj",
    "self_attn.k_proj": "qkv_proj",
    "self_attn.v_proj": "qkv_proj",
    "self_attn.o_proj": "o_proj",
    "mlp.gate_proj": "gate_up_proj",
    "mlp.up_proj": "gate_up_proj",
    "mlp.down_proj": "down_proj",
}
"""Which matrix of the compiled model a matrix of the checkpoint goes to; those that share one are stacked in order."""


def read_weights(source: str, config: PocketConfig) -> dict[str, FloatArray]:
    """Read weights under Hugging Face's Llama names: a checkpoint, the committed ones (`master`) or made up (`random`)."""
    if source == "master":
        from export import load_master

        return load_master()
    if source != "random":
        from safetensors.numpy import load_file

        return {name: value.astype(np.float32) for name, value in load_file(source).items()}
    rng = np.random.default_rng(0)
    width, head = config.hidden_size, config.head_dim
    queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
    shapes = {"model.embed_tokens.weight": (config.vocab_size, width), "model.norm.weight": (width,)}
    for i in range(config.num_hidden_layers):
        layer = f"model.layers.{i}"
        shapes |= {
            f"{layer}.input_layernorm.weight": (width,),
            f"{layer}.post_attention_layernorm.weight": (width,),
            f"{layer}.self_attn.q_proj.weight": (queries, width),
            f"{layer}.self_attn.k_proj.weight": (keys, width),
            f"{layer}.self_attn.v_proj.weight": (keys, width),
            f"{layer}.self_attn.o_proj.weight": (width, queries),
            f"{layer}.mlp.gate_proj.weight": (config.intermediate_size, width),
            f"{layer}.mlp.up_proj.weight": (config.intermediate_size, width),
            f"{layer}.mlp.down_proj.weight": (width, config.intermediate_size),
        }
    # Larger than a trained model's start, so that logits differ enough to compare.
    return {
        name: rng.normal(1.0 if len(shape) == 1 else 0.0, 0.1, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def pack_parameters(weights: dict[str, FloatArray], config: PocketConfig) -> dict[str, npt.NDArray[np.generic]]:
    """Rename, stack and quantize a checkpoint into the parameters of the compiled model."""
    stacks: dict[str, list[FloatArray]] = {"embed_tokens": [weights["model.embed_tokens.weight"]]}
    packed: dict[str, npt.NDArray[np.generic]] = {"norm.weight": weights["model.norm.weight"]}
    for i in range(config.num_hidden_layers):
        source, layer = f"model.layers.{i}", f"layers.{i}"
        for part, target in STACKED.items():
            stacks.setdefault(f"{layer}.{target}", []).append(weights[f"{source}.{part}.weight"])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            packed[f"{layer}.{norm}.weight"] = weights[f"{source}.{norm}.weight"]
    for name, parts in stacks.items():
        packed[f"{name}.q_weight"], packed[f"{name}.q_scale"] = quantize_q4f32_1(np.concatenate(parts))
    return dict(sorted(packed.items()))


def write_parameters(parameters: dict[str, npt.NDArray[np.generic]], folder: Path) -> None:
    """Write the weights as WebLLM reads them: one index and raw shards."""
    from tvm.contrib import tvmjs

    for old in folder.glob("params_shard_*.bin"):
        old.unlink()
    tvmjs.dump_tensor_cache(parameters, str(folder), encode_format="raw", show_progress=False)


def chat_config(config: PocketConfig, tokenizer: dict[str, object]) -> dict[str, object]:
    """Return mlc-chat-config.json: sizes, sampling defaults and the ChatML conversation.

    When a conversation goes on, WebLLM feeds only the new message and the header of the answer. It never feeds the
    `<|im_end|>` that ended the previous answer, nor that answer's separator. So here the end of a turn belongs to the
    start of the next: every role but the system's begins with it, and separators are empty. The token ids are then
    those of the chat template, whether WebLLM continues or reads the history again.
    """
    ids = {str(token["content"]): int(token["id"]) for token in tokenizer["added_tokens"]}  # type: ignore[union-attr]
    end_of_text, end_of_turn = BOS_EOS_PAD[0], BOS_EOS_PAD[1]
    roles = {role: f"{end_of_turn}\n<|im_start|>{role}" for role in ("user", "assistant", "tool")}
    return {
        "version": "0.1.0",
        "model_type": "llama",
        "quantization": "q4f32_1",
        "model_config": {
            "hidden_size": config.hidden_size,
            "intermediate_size": config.intermediate_size,
            "num_attention_heads": config.num_attention_heads,
            "num_hidden_layers": config.num_hidden_layers,
            "num_key_value_heads": config.num_key_value_heads,
            "head_dim": config.head_dim,
            "rms_norm_eps": config.rms_norm_eps,
            "position_embedding_base": config.rope_theta,
            "vocab_size": config.vocab_size,
            "tie_word_embeddings": True,
            "context_window_size": config.context_window_size,
            "prefill_chunk_size": config.prefill_chunk_size,
        },
        "vocab_size": config.vocab_size,
        "context_window_size": config.context_window_size,
        "sliding_window_size": -1,
        "attention_sink_size": -1,
        "prefill_chunk_size": config.prefill_chunk_size,
        "temperature": 0.7,
        "top_p": 0.95,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
        "tokenizer_files": ["tokenizer.json", "tokenizer_config.json"],
        "tokenizer_info": {
            "token_postproc_method": "byte_level",
            "prepend_space_in_encode": False,
            "strip_space_in_decode": False,
        },
        "conv_template": {
            "name": "chatml",
            "system_template": "<|im_start|>system\n{system_message}",
            "system_message": SYSTEM,
            "roles": roles,
            "role_templates": {"tool": "<tool_response>\n{tool_message}\n</tool_response>"},
            "role_content_sep": "\n",
            "role_empty_sep": "\n",
            "seps": [""],
            "stop_str": [end_of_turn],
            "stop_token_ids": sorted({ids[end_of_turn], ids[end_of_text]}),
        },
    }


LIBRARY_LICENCES = (
    "libcxx/LICENSE.TXT",
    "libc/wasi/LICENSE",
    "libc/wasi/LICENSE-MIT",
    "libc/wasi/libc-bottom-half/cloudlibc/LICENSE",
    "libc/wasi/libc-top-half/musl/COPYRIGHT",
)
"""Of the C and C++ libraries that zig links, relative to its `lib` folder."""


def write_licences(folder: Path) -> None:
    """Copy the licences of what is linked into pocket.wasm from the wheels it comes from: TVM, and zig's C library."""
    for target, name in {"LICENSE-TVM.txt": "LICENSE", "NOTICE-TVM.txt": "NOTICE"}.items():
        paths = [
            Path(str(path.locate()))
            for package in ("apache-tvm", "apache-tvm-ffi")
            for path in importlib.metadata.files(package) or []
            if path.name == name and len(path.parts) <= 3
        ]
        _write_texts(folder / target, paths)
    libraries = wasm.wheel_folder("ziglang") / "lib"
    _write_texts(folder / "LICENSE-WASI-LIBC.txt", [libraries / name for name in LIBRARY_LICENCES])


def _write_texts(target: Path, paths: list[Path]) -> None:
    """Write the texts of several files into one, each once."""
    texts = dict.fromkeys(path.read_text(encoding="utf-8").strip() for path in paths)
    target.write_text("\n\n\n".join(texts) + "\n", encoding="utf-8")


def main() -> None:
    """Run the build as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="master", help="a safetensors file, `master` or `random`")
    parser.add_argument("--output", type=Path, default=DIST, help="folder to write to")
    parser.add_argument("--cache", type=Path, default=WORK / "compile-cache", help="the compiled runtime is kept here")
    parser.add_argument("--tokenizer", type=Path, default=DIST / "tokenizer.json")
    parser.add_argument("--wasm-opt", help="path of Binaryen's wasm-opt (npm: binaryen), to make pocket.wasm smaller")
    parser.add_argument("--weights-only", action="store_true", help="do not compile pocket.wasm again")
    arguments = parser.parse_args()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)

    parameters = pack_parameters(read_weights(arguments.weights, CONFIG), CONFIG)
    if not arguments.weights_only:
        import compiler

        expected = compiler.compile_wasm(CONFIG, output / "pocket.wasm", arguments.cache.resolve())
        if arguments.wasm_opt:
            wasm.shrink(output / "pocket.wasm", arguments.wasm_opt)
        given = {(name, value.shape, str(value.dtype)) for name, value in parameters.items()}
        if given != set(expected):
            raise SystemExit(f"weights and model differ: {sorted(given ^ set(expected), key=str)}")
        write_licences(output)
    write_parameters(parameters, output)
    tokenizer = json.loads(arguments.tokenizer.read_text(encoding="utf-8"))
    text = json.dumps(chat_config(CONFIG, tokenizer), indent=2, ensure_ascii=False) + "\n"
    (output / "mlc-chat-config.json").write_text(text, encoding="utf-8")
    if output.resolve() != arguments.tokenizer.resolve().parent:
        shutil.copy(arguments.tokenizer, output / "tokenizer.json")
    for path in sorted(output.glob("*")):
        print(f"{path.stat().st_size:>10,}  {path.name}")


if __name__ == "__main__":
    main()
