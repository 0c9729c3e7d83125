"""The pocket model for TVM: a Llama as `relax.frontend.nn` modules, exporting what WebLLM 0.2.86 looks up by name.

The weights are `q4f32_1` (4 bits, one float32 scale for 32 of them, float32 arithmetic). Query, key and value matrices
are stacked into one, gate and up into another. The embedding is one table, read by `embed` and by the output matrix.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import tvm
from tvm import relax
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn import Tensor, op, spec
from tvm.tirx import PrimFunc

import attention
import kernels
import sampling

if TYPE_CHECKING:
    from config import PocketConfig

PREFILL_ROWS, PREFILL_COLUMNS = 4, 2
"""The tile of outputs a thread makes while it reads a prompt."""
WIDE = 1024
"""While decoding, a thread makes one output, or two if the matrix has this many rows or more."""


def emit(name: str, kernel: PrimFunc, inputs: list[Tensor], shape: tuple, dtype: str = "float32") -> Tensor:
    """Call a kernel that writes one output of the given shape."""
    return op.tensor_ir_op(kernel, name, inputs, Tensor.placeholder(shape, dtype))


class QuantizedMatrix(nn.Module):
    """A matrix [out, width] in 4 bits, used from the right: x times its transpose."""

    def __init__(self, out: int, width: int) -> None:
        self.out, self.width = out, width
        self.q_weight = nn.Parameter((out, width // kernels.WORD), "uint32")
        self.q_scale = nn.Parameter((out, width // kernels.GROUP), "float32")

    def __call__(self, name: str, x: Tensor, residual: Tensor | None = None, gated: bool = False) -> Tensor:
        """Multiply x [n, width]; then add `residual`, or combine both halves of a gated feed-forward."""
        decoding = x.shape[0] == 1
        out = self.out // 2 if gated else self.out
        rows, columns = (1, 2 if out >= WIDE else 1) if decoding else (PREFILL_ROWS, PREFILL_COLUMNS)
        kernel = kernels.matmul(out, self.width, rows, columns, residual is not None, gated)
        inputs = [x, self.q_weight, self.q_scale] + ([] if residual is None else [residual])
        return emit(f"{name}_{'decode' if decoding else 'prefill'}", kernel, inputs, (x.shape[0], out))


class Norm(nn.Module):
    """Root-mean-square norm of every row, or of the last one alone."""

    def __init__(self, width: int, eps: float) -> None:
        self.width, self.eps = width, eps
        self.weight = nn.Parameter((width,), "float32")

    def __call__(self, x: Tensor, last_row_only: bool = False) -> Tensor:
        rows = 1 if last_row_only else x.shape[0]
        return emit("rms_norm", kernels.rms_norm(self.width, self.eps), [x, self.weight], (rows, self.width))


class KVCache(nn.Object):
    """The cache object of `runtime/kv_cache.cc`."""

    def attend(self, layer: int, qkv: Tensor, heads: int, head_dim: int) -> Tensor:
        """Append the keys and values in qkv [n, heads, head_dim] to the cache and attend with its queries."""
        call = relax.call_dps_packed(
            "browserllm.kv_cache_attention",
            [self._expr, relax.prim_value(layer), qkv._expr],
            out_ty=relax.TensorType((qkv.shape[0], heads, head_dim), "float32"),
        )
        return Tensor(_expr=relax.BlockBuilder.current().emit(call))


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm, each added to the stream [n, hidden]."""

    def __init__(self, config: PocketConfig, index: int) -> None:
        self.index = index
        self.heads, self.kv_heads, self.head_dim = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        width, all_heads = config.hidden_size, config.num_attention_heads + 2 * config.num_key_value_heads
        self.input_layernorm = Norm(width, config.rms_norm_eps)
        self.qkv_proj = QuantizedMatrix(all_heads * config.head_dim, width)
        self.o_proj = QuantizedMatrix(width, self.heads * config.head_dim)
        self.post_attention_layernorm = Norm(width, config.rms_norm_eps)
        self.gate_up_proj = QuantizedMatrix(2 * config.intermediate_size, width)
        self.down_proj = QuantizedMatrix(width, config.intermediate_size)

    def __call__(self, x: Tensor, cache: KVCache) -> Tensor:
        rows = x.shape[0]
        qkv = self.qkv_proj("qkv", self.input_layernorm(x))
        qkv = op.reshape(qkv, (rows, self.heads + 2 * self.kv_heads, self.head_dim))
        mixed = cache.attend(self.index, qkv, self.heads, self.head_dim)
        mixed = op.reshape(mixed, (rows, self.heads * self.head_dim))
        x = self.o_proj("o", mixed, residual=x)
        hidden = self.gate_up_proj("gate_up", self.post_attention_layernorm(x), gated=True)
        return self.down_proj("down", hidden, residual=x)


class Pocket(nn.Module):
    """The functions WebLLM calls. Batches are always 1."""

    def __init__(self, config: PocketConfig) -> None:
        self.config = config
        self.embed_tokens = QuantizedMatrix(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config, i) for i in range(config.num_hidden_layers)])
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)

    def embed(self, input_ids: Tensor) -> Tensor:
        """Token ids [n] -> their vectors [n, hidden]."""
        table, config = self.embed_tokens, self.config
        kernel = kernels.embedding(config.vocab_size, config.hidden_size)
        shape = (input_ids.shape[0], config.hidden_size)
        return emit("embedding", kernel, [input_ids, table.q_weight, table.q_scale], shape)

    def _forward(self, input_embeds: Tensor, cache: KVCache) -> tuple[Tensor, KVCache]:
        x = op.reshape(input_embeds, (input_embeds.shape[1], self.config.hidden_size))
        for layer in self.layers:
            x = layer(x, cache)
        logits = self.embed_tokens("lm_head", self.norm(x, last_row_only=True))
        return op.reshape(logits, (1, 1, self.config.vocab_size)), cache

    def prefill(self, input_embeds: Tensor, paged_kv_cache: KVCache) -> tuple[Tensor, KVCache]:
        """Vectors [1, n, hidden] -> logits of the last one [1, 1, vocab]."""
        return self._forward(input_embeds, paged_kv_cache)

    def decode(self, input_embeds: Tensor, paged_kv_cache: KVCache) -> tuple[Tensor, KVCache]:
        """The same for a single vector."""
        return self._forward(input_embeds, paged_kv_cache)

    def softmax_with_temperature(self, logits: Tensor, temperature: Tensor) -> Tensor:
        """Logits [1, 1, vocab] -> probabilities."""
        vocab = self.config.vocab_size
        parts = emit("softmax_parts", sampling.softmax_parts(vocab), [logits, temperature], (sampling.SLICES, 2))
        return emit("softmax", sampling.softmax_from_parts(vocab), [logits, temperature, parts], (1, 1, vocab))

    def argsort_probs(self, probs: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities [1, vocab] -> (sorted from the largest, their token ids)."""
        vocab = self.config.vocab_size
        outputs = [Tensor.placeholder((1, vocab), "float32"), Tensor.placeholder((1, vocab), "int32")]
        entries = [probs]
        for length, count in sampling.merge_plan(vocab):
            kernel = sampling.merge_runs(vocab, length, count)
            entries = list(op.tensor_ir_op(kernel, f"merge_{length}", entries, outputs))
        return entries[0], entries[1]

    def sample_with_top_p(
        self, sorted_probs: Tensor, sorted_ids: Tensor, uniform: Tensor, row: Tensor, top_p: Tensor
    ) -> Tensor:
        """One token id [1] from the sorted distribution."""
        kernel = sampling.sample_with_top_p(self.config.vocab_size)
        return emit("top_p", kernel, [sorted_probs, sorted_ids, uniform, row, top_p], (1,), "int32")

    def create_tir_paged_kv_cache(
        self, max_batch_size: object, max_length: object, prefill_chunk: object, page_size: object, sliding: object
    ) -> KVCache:
        """Make the cache. WebLLM chooses the length; the kernels' is fixed, so a larger one is an error there."""
        config, builder = self.config, relax.BlockBuilder.current()
        heads, kv_heads, head_dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        capacity = config.context_window_size
        append = attention.rotate_and_store(heads, kv_heads, head_dim, config.rope_theta, capacity)
        attend = attention.attend_part(heads, kv_heads, head_dim, capacity)
        # Partial results: for every query of a chunk, or for every stretch of one query.
        parts = max(config.prefill_chunk_size, kernels.ceil_div(capacity, attention.STRETCH)) * heads * (head_dim + 2)
        call = relax.call_pure_packed(
            "browserllm.kv_cache_create",
            relax.prim_value(max_length),
            relax.prim_value(capacity),
            relax.prim_value(attention.STRETCH),
            relax.prim_value(parts),
            relax.prim_value(config.num_hidden_layers),
            relax.prim_value(kv_heads),
            relax.prim_value(head_dim),
            builder.add_func(append, "rotate_and_store"),
            builder.add_func(attend, "attend_part"),
            builder.add_func(attention.merge_parts(heads, head_dim), "merge_parts"),
            ty_args=relax.AnyType(),
        )
        return KVCache(_expr=call, _name="kv_cache")


def module_spec(config: PocketConfig) -> dict[str, object]:
    """Argument shapes of every exported function."""
    vocab, hidden = config.vocab_size, config.hidden_size
    cache = spec.Object(object_type=KVCache)
    with_params = {"$": {"param_mode": "packed", "effect_mode": "none"}}
    without = {"$": {"param_mode": "none", "effect_mode": "none"}}

    def f32(*shape: int | str) -> spec.Tensor:
        return spec.Tensor(shape, "float32")

    return {
        "embed": {"input_ids": spec.Tensor(["n"], "int32"), **with_params},
        "prefill": {"input_embeds": f32(1, "n", hidden), "paged_kv_cache": cache, **with_params},
        "decode": {"input_embeds": f32(1, 1, hidden), "paged_kv_cache": cache, **with_params},
        "softmax_with_temperature": {"logits": f32(1, 1, vocab), "temperature": f32(1), **without},
        "argsort_probs": {"probs": f32(1, vocab), **without},
        "sample_with_top_p": {
            "sorted_probs": f32(1, vocab),
            "sorted_ids": spec.Tensor((1, vocab), "int32"),
            "uniform": f32(1),
            "row": spec.Tensor((1,), "int32"),
            "top_p": f32(1),
            **without,
        },
        "create_tir_paged_kv_cache": {
            **dict.fromkeys(("max_batch_size", "max_length", "prefill_chunk", "page_size", "sliding"), int),
            **without,
        },
    }


def build_module(config: PocketConfig) -> tuple[tvm.IRModule, list[tuple[str, nn.Parameter]]]:
    """Return the whole program and its parameters, in the order in which they are packed."""
    module, parameters = Pocket(config).export_tvm(spec=module_spec(config))
    named = dict(parameters)
    for kernel in (sampling.apply_logit_bias, sampling.apply_penalty, sampling.apply_bitmask):
        name = f"{kernel.__name__}_inplace"
        module[name] = kernel(config.vocab_size).with_attr("global_symbol", name)
    metadata = {
        "model_type": "llama",
        "quantization": "q4f32_1",
        "context_window_size": config.context_window_size,
        "prefill_chunk_size": config.prefill_chunk_size,
        "sliding_window_size": -1,
        "attention_sink_size": -1,
        "tensor_parallel_shards": 1,
        "kv_state_kind": "kv_cache",
        "params": [
            {"name": name, "shape": [int(size) for size in parameter.shape], "dtype": parameter.dtype}
            for name, parameter in named.items()
        ],
    }
    builder = relax.BlockBuilder(module)
    with builder.function("_metadata", params=[]):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(metadata)))
    module = builder.finalize()
    for name in ("embed", "prefill"):
        # The largest n, so that memory for intermediate results is planned once.
        module[name] = module[name].with_attr("tir_var_upper_bound", {"n": config.prefill_chunk_size})
    return module, parameters
