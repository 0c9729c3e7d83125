"""The GPU kernels of attention over one conversation: rotary positions, the key/value cache, softmax.

TVM's stock attention keeps pages, and merges partial results in a kernel that reads and writes one element from
several threads without a barrier: on software WebGPU every prompt that continues a conversation then comes out wrong.
Here the cache is one plain buffer a layer, and no two threads touch the same element.
"""

from __future__ import annotations

import functools
import math
import operator

from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

QUARTER_HIGH = 1.5625
QUARTER_MIDDLE = 0.0078125
QUARTER_LOW = math.pi / 2 - QUARTER_HIGH - QUARTER_MIDDLE
"""A quarter turn in three parts. The first two have few bits, so that their products with a small integer are exact,
and few digits, because TVM prints constants into shaders with seven."""


STRETCH = 32
"""Keys that one thread takes while decoding."""


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


def attend_part(heads: int, kv_heads: int, head_dim: int, capacity: int) -> PrimFunc:
    """Causal attention of every query over one stretch of the cache; a thread takes a query of one head, and a stretch.

    Writes for each (stretch, query, head) the weighted sum of the values, the sum of the weights, and the largest score,
    by which all are scaled. While decoding, stretches are short, to keep a GPU busy with one query; in a prompt there
    are queries enough, and one stretch holds all keys.
    """
    threads, group = 32, heads // kv_heads
    record = head_dim + 2

    def dot(query, keys, position, kv_head):
        products = [query[d] * keys[position, kv_head, d] for d in range(head_dim)]
        return functools.reduce(operator.add, products)

    @T.prim_func(s_tir=True, private=True)
    def attend(
        qkv_handle: T.handle,
        keys: T.Buffer((capacity, kv_heads, head_dim), "float32"),
        values: T.Buffer((capacity, kv_heads, head_dim), "float32"),
        part_handle: T.handle,
        past: T.int32,
        stretch: T.int32,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        stretches = T.int32()
        qkv = T.match_buffer(qkv_handle, (n, heads + 2 * kv_heads, head_dim), "float32")
        part = T.match_buffer(part_handle, (stretches, n, heads, record), "float32")
        for s in T.thread_binding(stretches, thread="blockIdx.y"):
            for block in T.thread_binding((n * heads + threads - 1) // threads, thread="blockIdx.x"):
                for lane in T.thread_binding(threads, thread="threadIdx.x"):
                    with T.sblock("attend"):
                        place = T.sblock_alloc_buffer((3,), "int32", scope="local")
                        bounds = T.sblock_alloc_buffer((2,), "int32", scope="local")
                        query = T.sblock_alloc_buffer((head_dim,), "float32", scope="local")
                        mixed = T.sblock_alloc_buffer((head_dim,), "float32", scope="local")
                        total = T.sblock_alloc_buffer((2,), "float32", scope="local")
                        score = T.sblock_alloc_buffer((2,), "float32", scope="local")
                        if block * threads + lane < n * heads:
                            place[0] = (block * threads + lane) // heads
                            place[1] = (block * threads + lane) % heads
                            place[2] = place[1] // group
                            bounds[0] = s * stretch
                            bounds[1] = T.min(bounds[0] + stretch, past + place[0] + 1)
                            for d in T.unroll(head_dim):
                                query[d] = qkv[place[0], place[1], d] * T.float32(head_dim**-0.5)
                                mixed[d] = T.float32(0)
                            total[0] = T.float32(0)
                            total[1] = T.float32(-1e30)
                            for i in T.serial(bounds[1] - bounds[0]):
                                score[0] = dot(query, keys, bounds[0] + i, place[2])
                                # A new largest score is rare: only then shrink what was summed up so far.
                                if score[0] > total[1]:
                                    score[1] = T.exp(total[1] - score[0])
                                    total[1] = score[0]
                                    total[0] = total[0] * score[1]
                                    for d in T.unroll(head_dim):
                                        mixed[d] = mixed[d] * score[1]
                                score[0] = T.exp(score[0] - total[1])
                                total[0] = total[0] + score[0]
                                for d in T.unroll(head_dim):
                                    mixed[d] = mixed[d] + score[0] * values[bounds[0] + i, place[2], d]
                            for d in T.unroll(head_dim):
                                part[s, place[0], place[1], d] = mixed[d]
                            part[s, place[0], place[1], head_dim] = total[0]
                            part[s, place[0], place[1], head_dim + 1] = total[1]

    return attend


def merge_parts(heads: int, head_dim: int) -> PrimFunc:
    """Join the stretches of `attend_part`: one thread for one element of the output [n, heads, head_dim]."""
    threads = 32
    record = head_dim + 2

    @T.prim_func(s_tir=True, private=True)
    def merge(part_handle: T.handle, output_handle: T.handle):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        stretches = T.int32()
        part = T.match_buffer(part_handle, (stretches, n, heads, record), "float32")
        output = T.match_buffer(output_handle, (n, heads, head_dim), "float32")
        for row in T.thread_binding(n, thread="blockIdx.y"):
            for block in T.thread_binding(heads * head_dim // threads, thread="blockIdx.x"):
                for lane in T.thread_binding(threads, thread="threadIdx.x"):
                    with T.sblock("merge"):
                        head: T.let[T.int32] = (block * threads + lane) // head_dim
                        best = T.sblock_alloc_buffer((1,), "float32", scope="local")
                        weight = T.sblock_alloc_buffer((1,), "float32", scope="local")
                        total = T.sblock_alloc_buffer((2,), "float32", scope="local")
                        best[0] = T.float32(-1e30)
                        for s in T.serial(stretches):
                            best[0] = T.max(best[0], part[s, row, head, head_dim + 1])
                        total[0] = T.float32(0)
                        total[1] = T.float32(0)
                        for s in T.serial(stretches):
                            weight[0] = T.exp(part[s, row, head, head_dim + 1] - best[0])
                            total[0] = total[0] + weight[0] * part[s, row, head, (block * threads + lane) % head_dim]
                            total[1] = total[1] + weight[0] * part[s, row, head, head_dim]
                        output[row, head, (block * threads + lane) % head_dim] = total[0] / total[1]

    return merge
