"""The GPU kernels of attention over one conversation: rotary positions, the key/value cache, softmax.

TVM's stock attention keeps pages, and merges partial results in a kernel that reads and writes one element from
several threads without a barrier: on software WebGPU every prompt that continues a conversation then comes out wrong.
Here the cache is one plain buffer a layer, one kernel sees all keys at once, and nothing needs merging.
"""

from __future__ import annotations

import math

from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

QUARTER_HIGH = 1.5625
QUARTER_MIDDLE = 0.0078125
QUARTER_LOW = math.pi / 2 - QUARTER_HIGH - QUARTER_MIDDLE
"""A quarter turn in three parts. The first two have few bits, so that their products with a small integer are exact,
and few digits, because TVM prints constants into shaders with seven."""


def _frequency(pair: Expr, half: int, theta: float) -> Expr:
    """Theta ** (-pair / half), as a product over the bits of `pair`: each factor is exact to float32."""
    result = T.float32(1)
    for bit in range(max(1, (half - 1).bit_length())):
        factor = T.float32(theta ** (-(2**bit) / half))
        result = result * T.Select(T.bitwise_and(T.shift_right(pair, bit), 1) == 1, factor, T.float32(1))
    return result


def _polynomial(square: Expr, first_factorial: int) -> Expr:
    """The Taylor series 1 - x^2 / ... of cos (first_factorial 2) or of sin / x (3), in x^2, good to an eighth turn."""
    result = T.float32(0)
    for term in range(4, -1, -1):
        coefficient = (-1) ** term / math.factorial(2 * term + first_factorial - 2)
        result = result * square + T.float32(coefficient)
    return result


def rotate_and_store(heads: int, kv_heads: int, head_dim: int, theta: float, capacity: int) -> PrimFunc:
    """Turn queries (in place) and keys by their positions, and put keys and values into the cache.

    A thread takes one pair of dimensions of one token, computes its angle once and turns that pair in every head.
    The GPU's own sin and cos may be off by 1e-3 at large angles (those of software WebGPU are), so they are computed
    here: take off whole quarter turns, then a short polynomial.
    """
    half = head_dim // 2

    @T.prim_func(s_tir=True, private=True)
    def rotate_store(
        qkv_handle: T.handle,
        keys: T.Buffer((capacity, kv_heads, head_dim), "float32"),
        values: T.Buffer((capacity, kv_heads, head_dim), "float32"),
        past: T.int32,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        qkv = T.match_buffer(qkv_handle, (n, heads + 2 * kv_heads, head_dim), "float32")
        for row in T.thread_binding(n, thread="blockIdx.x"):
            for d in T.thread_binding(half, thread="threadIdx.x"):
                with T.sblock("rotate"):
                    angle = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    quarter = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    turn = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    sine = T.sblock_alloc_buffer((2,), "float32", scope="local")
                    cosine = T.sblock_alloc_buffer((2,), "float32", scope="local")
                    left = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    right = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    angle[0] = T.Cast("float32", past + row) * _frequency(d, half, theta)
                    quarter[0] = T.floor(angle[0] * T.float32(2 / math.pi) + T.float32(0.5))
                    turn[0] = T.Cast("int32", quarter[0])
                    angle[0] = angle[0] - quarter[0] * T.float32(QUARTER_HIGH)
                    angle[0] = angle[0] - quarter[0] * T.float32(QUARTER_MIDDLE)
                    angle[0] = angle[0] - quarter[0] * T.float32(QUARTER_LOW)
                    sine[0] = angle[0] * _polynomial(angle[0] * angle[0], 3)
                    cosine[0] = _polynomial(angle[0] * angle[0], 2)
                    sine[1] = T.Select(T.bitwise_and(turn[0], 1) == 1, cosine[0], sine[0])
                    cosine[1] = T.Select(T.bitwise_and(turn[0], 1) == 1, sine[0], cosine[0])
                    sine[1] = T.Select(T.bitwise_and(turn[0], 2) == 2, -sine[1], sine[1])
                    cosine[1] = T.Select(T.bitwise_and(turn[0] + 1, 2) == 2, -cosine[1], cosine[1])
                    for h in T.serial(heads):
                        left[0] = qkv[row, h, d]
                        right[0] = qkv[row, h, d + half]
                        qkv[row, h, d] = left[0] * cosine[1] - right[0] * sine[1]
                        qkv[row, h, d + half] = right[0] * cosine[1] + left[0] * sine[1]
                    for h in T.serial(kv_heads):
                        left[0] = qkv[row, heads + h, d]
                        right[0] = qkv[row, heads + h, d + half]
                        keys[past + row, h, d] = left[0] * cosine[1] - right[0] * sine[1]
                        keys[past + row, h, d + half] = right[0] * cosine[1] + left[0] * sine[1]
                        values[past + row, h, d] = qkv[row, heads + kv_heads + h, d]
                        values[past + row, h, d + half] = qkv[row, heads + kv_heads + h, d + half]

    return rotate_store


def attention(heads: int, kv_heads: int, head_dim: int, capacity: int) -> PrimFunc:
    """Causal attention of every query over the cache up to its own position; a workgroup takes one query of one head.

    First each thread scores every `threads`-th key, then the same threads, `parts` for each output dimension, sum up
    the values. The scores of all keys lie in workgroup memory in between, which bounds the context window.
    """
    parts, group, unroll = 2, heads // kv_heads, 8
    threads = parts * head_dim
    scale = head_dim**-0.5
    # Workgroup memory: the scores, then a place per thread for three reductions, then the query.
    bests, sums, mixed, query = (capacity + i * threads for i in range(4))
    if (capacity + 3 * threads + head_dim) * 4 > 16384:
        raise ValueError(f"a context window of {capacity} does not fit into 16 KiB of workgroup memory")

    @T.prim_func(s_tir=True, private=True)
    def attend(
        qkv_handle: T.handle,
        keys: T.Buffer((capacity, kv_heads, head_dim), "float32"),
        values: T.Buffer((capacity, kv_heads, head_dim), "float32"),
        output_handle: T.handle,
        past: T.int32,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        qkv = T.match_buffer(qkv_handle, (n, heads + 2 * kv_heads, head_dim), "float32")
        output = T.match_buffer(output_handle, (n, heads, head_dim), "float32")
        for row in T.thread_binding(n, thread="blockIdx.y"):
            for head in T.thread_binding(heads, thread="blockIdx.x"):
                for lane in T.thread_binding(threads, thread="threadIdx.x"):
                    with T.sblock("attend"):
                        # One buffer, so that no two parts of it are laid over each other.
                        scratch = T.sblock_alloc_buffer((capacity + 3 * threads + head_dim,), "float32", scope="shared")
                        best = T.sblock_alloc_buffer((1,), "float32", scope="local")
                        total = T.sblock_alloc_buffer((1,), "float32", scope="local")
                        value = T.sblock_alloc_buffer((1,), "float32", scope="local")
                        if lane < head_dim:
                            scratch[query + lane] = qkv[row, head, lane] * T.float32(scale)
                        T.tvm_storage_sync("shared")
                        best[0] = T.float32(-3e38)
                        for i in T.serial((past + row + 1 - lane + threads - 1) // threads):
                            value[0] = T.float32(0)
                            for block in T.serial(head_dim // unroll):
                                for d in T.unroll(unroll):
                                    value[0] = (
                                        value[0]
                                        + scratch[query + block * unroll + d]
                                        * keys[i * threads + lane, head // group, block * unroll + d]
                                    )
                            scratch[i * threads + lane] = value[0]
                            best[0] = T.max(best[0], value[0])
                        scratch[bests + lane] = best[0]
                        T.tvm_storage_sync("shared")
                        for i in T.serial(threads):
                            best[0] = T.max(best[0], scratch[bests + i])
                        total[0] = T.float32(0)
                        for i in T.serial((past + row + 1 - lane + threads - 1) // threads):
                            value[0] = T.exp(scratch[i * threads + lane] - best[0])
                            scratch[i * threads + lane] = value[0]
                            total[0] = total[0] + value[0]
                        scratch[sums + lane] = total[0]
                        T.tvm_storage_sync("shared")
                        value[0] = T.float32(0)
                        for i in T.serial((past + row + 1 - lane // head_dim + parts - 1) // parts):
                            value[0] = (
                                value[0]
                                + scratch[i * parts + lane // head_dim]
                                * values[i * parts + lane // head_dim, head // group, lane % head_dim]
                            )
                        scratch[mixed + lane] = value[0]
                        T.tvm_storage_sync("shared")
                        if lane < head_dim:
                            total[0] = T.float32(0)
                            for i in T.serial(threads):
                                total[0] = total[0] + scratch[sums + i]
                            value[0] = T.float32(0)
                            for part in T.unroll(parts):
                                value[0] = value[0] + scratch[mixed + part * head_dim + lane]
                            output[row, head, lane] = value[0] / total[0]

    return attend
