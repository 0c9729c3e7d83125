"""The BERT of `embedding.py` compiled for WebLLM, by `models/pocket/compile` (its README says how that works).

Run by itself, because it needs TVM (two minutes the first time); `tests/tiny/webllm` comes out of it:

    python3 -m venv tvm && tvm/bin/pip install -r models/pocket/compile/requirements.txt onnxruntime==1.31.1
    tvm/bin/python tests/tiny_models/webllm.py
"""

from __future__ import annotations

import json
import lzma
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "models" / "pocket" / folder) for folder in ("compile", ".")]

import tvm  # noqa: E402
from embedding import HEADS, INNER, LAYERS, POSITIONS, WIDTH, random_weights, vocabulary  # noqa: E402
from graph import write  # noqa: E402
from tvm import relax, te  # noqa: E402
from tvm.contrib import tvmjs  # noqa: E402
from tvm.relax import transform  # noqa: E402
from tvm.relax.frontend import nn  # noqa: E402
from tvm.relax.frontend.nn import Tensor, op, spec  # noqa: E402
from tvm.s_tir import dlight  # noqa: E402

import compiler  # noqa: E402

OUT = ROOT / "tests" / "tiny" / "webllm" / "resolve" / "main"
BATCH = 4


class Bert(nn.Module):
    """The function that WebLLM calls."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(shape, "float32"))

    def prefill(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and what of them is no padding [texts, tokens] -> hidden states [texts, tokens, width]."""
        texts, count = ids.shape

        def embed(i: Any, token: Any, position: Any, kind: Any) -> Any:
            return te.compute((texts, count, WIDTH), lambda a, b, c: token[i[a, b], c] + position[b, c] + kind[0, c])

        x = op.tensor_expr_op(embed, "embed", [ids, self.token, self.position, self.kind])
        for layer in range(LAYERS):
            x = self._layer(x, mask, layer)
        return x

    def _layer(self, x: Tensor, mask: Tensor, layer: int) -> Tensor:
        texts, count = x.shape[:2]

        def weight(name: str) -> Tensor:
            return getattr(self, f"{name}_{layer}")

        def linear(x: Tensor, name: str) -> Tensor:
            return op.add(op.matmul(x, weight(name)), weight(f"{name}_bias"))

        def heads(name: str) -> Tensor:
            return op.permute_dims(op.reshape(linear(x, name), (texts, count, HEADS, WIDTH // HEADS)), [0, 2, 1, 3])

        def masked(scores: Any, seen: Any) -> Any:
            scale = tvm.tirx.const((WIDTH / HEADS) ** -0.5, "float32")
            return te.compute(
                (texts, HEADS, count, count),
                lambda a, h, i, j: scores[a, h, i, j] * scale + (seen[a, j].astype("float32") - 1.0) * 1e9,
            )

        def norm(x: Any, scale: Any) -> Any:
            i, j = te.reduce_axis((0, WIDTH), "i"), te.reduce_axis((0, WIDTH), "j")
            sums = te.compute((texts, count), lambda a, b: te.sum(x[a, b, i], axis=i))

            def away(a: Any, b: Any, c: Any) -> Any:
                return x[a, b, c] - sums[a, b] / WIDTH

            squares = te.compute((texts, count), lambda a, b: te.sum(away(a, b, j) * away(a, b, j), axis=j))
            return te.compute(
                (texts, count, WIDTH),
                lambda a, b, c: away(a, b, c) * te.rsqrt(squares[a, b] / WIDTH + 1e-5) * scale[c],
            )

        scores = op.matmul(heads("query"), op.permute_dims(heads("key"), [0, 1, 3, 2]))
        scores = op.tensor_expr_op(masked, "mask", [scores, mask])
        mixed = op.permute_dims(op.matmul(op.softmax(scores, -1), heads("value")), [0, 2, 1, 3])
        mixed = op.reshape(mixed, (texts, count, WIDTH))
        x = op.tensor_expr_op(norm, "norm", [op.add(x, linear(mixed, "out")), weight("norm1")])
        inner = linear(op.relu(linear(x, "up")), "down")
        return op.tensor_expr_op(norm, "norm", [op.add(x, inner), weight("norm2")])


def compile_library(weights: dict[str, Any], output: Path, cache: Path) -> None:
    """Write the model's library."""
    shape = spec.Tensor(["texts", "tokens"], "int32")
    packed = {"$": {"param_mode": "packed", "effect_mode": "none"}}
    model = Bert({name: value.shape for name, value in weights.items()})
    module, named = model.export_tvm(spec={"prefill": {"ids": shape, "mask": shape, **packed}})
    parameters = [{"name": name, "shape": [int(n) for n in each.shape], "dtype": each.dtype} for name, each in named]
    metadata = {"model_type": "bert", "max_batch_size": BATCH, "prefill_chunk_size": POSITIONS, "params": parameters}
    builder = relax.BlockBuilder(module)
    with builder.function("_metadata", params=[]):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(metadata)))
    module = builder.finalize()
    module["prefill"] = module["prefill"].with_attr("tir_var_upper_bound", {"texts": BATCH, "tokens": POSITIONS})
    target = tvm.target.Target(compiler.TARGET, host=compiler.HOST)
    with target:
        module = dlight.ApplyDefaultSchedule(dlight.gpu.Fallback())(transform.LegalizeOps()(module))
    options = {"tirx.disable_cse_tir": True}
    with target, tvm.transform.PassContext(opt_level=3, config=options, disabled_pass=["s_tir.ThreadSync"]):
        passes = compiler._passes()
        executable = relax.build(module, target=target, relax_pipeline=passes, system_lib=True)
        executable.export_library(str(output), fcompile=lambda _, objects: compiler._link(objects, output, cache))


def main() -> None:
    """Write everything."""
    words = vocabulary()
    count = len(words["model"]["vocab"])
    tables, layers = random_weights(count)
    weights = dict(tables)
    for number, layer in enumerate(layers):
        weights |= {f"{name}_{number}": value.astype(np.float32) for name, value in layer.items()}
    assert weights["up_0"].shape == (WIDTH, INNER)
    OUT.mkdir(parents=True, exist_ok=True)
    tvmjs.dump_tensor_cache(weights, str(OUT), encode_format="raw", show_progress=False)
    write(OUT / "tokenizer.json", words)
    sizes = {"context_window_size": POSITIONS, "prefill_chunk_size": POSITIONS}
    config = {"version": "0.1.0", "model_type": "bert", "quantization": "q0f32", "model_config": sizes, **sizes}
    config |= {"vocab_size": count, "sliding_window_size": -1, "attention_sink_size": -1}
    write(
        OUT / "mlc-chat-config.json", config | {"tokenizer_files": ["tokenizer.json"], "conv_template": {"seps": [""]}}
    )
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "bert.wasm"
        compile_library(weights, library, ROOT / "models" / "pocket" / "work" / "compile-cache")
        (OUT / "bert.wasm.xz").write_bytes(lzma.compress(library.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
