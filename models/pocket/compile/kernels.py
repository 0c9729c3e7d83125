"""The GPU kernels for 4-bit weights and norms, scheduled by hand in TVMScript (see also attention.py, sampling.py).

TVM's automatic schedules aim at large GPUs. This model is small, and the same library must also run on WebGPU in
software, so the kernels are few (each is a pipeline to create while the model loads), and each does as much per
dispatch as it can. One thread makes one output element or a small tile of them, and no kernel has a barrier: on
software WebGPU a barrier costs milliseconds a dispatch and a second or two of pipeline creation.
"""

from __future__ import annotations

import functools
import operator

from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

GROUP = 32
"""Weights that share a scale."""
WORD = 8
"""4-bit weights in a uint32."""


def ceil_div(value: int, divisor: int) -> int:
    """Divide, rounding up."""
    return -(-value // divisor)


def embedding(vocab: int, width: int) -> PrimFunc:
    """Token ids [n] -> rows of the 4-bit table [n, width], one thread for a word of eight values."""
    words, groups = width // WORD, width // GROUP
    threads = 32

    @T.prim_func(s_tir=True, private=True)
    def embed(
        token_handle: T.handle,
        weight: T.Buffer((vocab, words), "uint32"),
        scale: T.Buffer((vocab, groups), "float32"),
        output_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        token = T.match_buffer(token_handle, (n,), "int32")
        output = T.match_buffer(output_handle, (n, width), "float32")
        for row in T.thread_binding(n, thread="blockIdx.y"):
            for block in T.thread_binding(ceil_div(words, threads), thread="blockIdx.x"):
                for lane in T.thread_binding(threads, thread="threadIdx.x"):
                    with T.sblock("embed"):
                        packed = T.sblock_alloc_buffer((1,), "uint32", scope="local")
                        factor = T.sblock_alloc_buffer((1,), "float32", scope="local")
                        word: T.let[T.int32] = block * threads + lane
                        if word < words:
                            packed[0] = weight[token[row], word]
                            factor[0] = scale[token[row], word // (GROUP // WORD)]
                            for j in T.serial(WORD):
                                output[row, word * WORD + j] = (
                                    T.Cast("float32", T.bitwise_and(packed[0], T.uint32(15))) - T.float32(7)
                                ) * factor[0]
                                packed[0] = T.shift_right(packed[0], T.uint32(4))

    return embed


def rms_norm(width: int, eps: float) -> PrimFunc:
    """Root-mean-square norm of the last m rows of x [n, width] -> [m, width].

    Each thread sums up its whole row and writes a part of it: at this width that is cheaper than sharing the sum.
    """
    threads = 8
    each = ceil_div(width, threads)

    def sum_of_squares(x, row, block):
        return _sum([x[row, block * each + i] * x[row, block * each + i] for i in range(each)])

    @T.prim_func(s_tir=True, private=True)
    def norm(
        x_handle: T.handle,
        weight: T.Buffer((width,), "float32"),
        output_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        m = T.int32()
        x = T.match_buffer(x_handle, (n, width), "float32")
        output = T.match_buffer(output_handle, (m, width), "float32")
        for row in T.thread_binding(m, thread="blockIdx.x"):
            for lane in T.thread_binding(threads, thread="threadIdx.x"):
                with T.sblock("norm"):
                    total = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    total[0] = T.float32(0)
                    for block in T.serial(threads):
                        total[0] = total[0] + sum_of_squares(x, n - m + row, block)
                    total[0] = T.rsqrt(total[0] / T.float32(width) + T.float32(eps))
                    for i in T.serial(each):
                        if i * threads + lane < width:
                            output[row, i * threads + lane] = (
                                x[n - m + row, i * threads + lane] * total[0] * weight[i * threads + lane]
                            )

    return norm


def _unpacked(word: Expr, j: int) -> Expr:
    """The weight in nibble `j` of a word, without its scale."""
    nibble = T.bitwise_and(T.shift_right(word, T.uint32(4 * j)) if j else word, T.uint32(15))
    return T.Cast("float32", nibble) - T.float32(7)


def _sum(terms: list[Expr]) -> Expr:
    """Add up expressions, as one expression."""
    return functools.reduce(operator.add, terms)


def matmul(out: int, width: int, rows: int, columns: int, residual: bool, gated: bool) -> PrimFunc:
    """X [n, width] times a 4-bit weight [out, width], transposed -> [n, out], computed as one kernel.

    A thread makes `rows` x `columns` outputs, so that one unpacked weight serves `rows` inputs and one input `columns`
    weights. `residual` adds a second input of the output's shape. `gated` takes a weight [2 * out, width] and returns
    silu(first half) * second half.

    Long sums are written as one expression each: software WebGPU spends most of its time on loops, loads and stores.
    """
    words, groups, parts = width // WORD, width // GROUP, 2 if gated else 1
    group_words = GROUP // WORD
    tile, threads = parts * columns, 32
    column_blocks = ceil_div(out, threads * columns)

    def dot_group(x, row, group, packed):
        return _sum(
            [
                x[row, group * GROUP + word * WORD + j] * _unpacked(packed[word], j)
                for word in range(group_words)
                for j in range(WORD)
            ]
        )

    def dot_word(given, value, c):
        return _sum([given[j] * value[c * WORD + j] for j in range(WORD)])

    # Both macros fill acc[column * rows + row]: weight row `part * out + first + column * threads`, input row `top +
    # row`. Rows and columns past the end repeat the last one; their results are not stored.

    # One input row: unpack each weight where it is used.
    @T.macro
    def accumulate_row(acc, x, weight, scale, n, top, first):
        packed = T.sblock_alloc_buffer((group_words,), "uint32", scope="local")
        weight_row = T.sblock_alloc_buffer((tile,), "int32", scope="local")
        for c in T.unroll(tile):
            weight_row[c] = c // columns * out + T.min(first + c % columns * threads, out - 1)
            acc[c] = T.float32(0)
        for group in T.serial(groups):
            for c in T.unroll(tile):
                for word in T.unroll(group_words):
                    packed[word] = weight[weight_row[c], group * group_words + word]
                acc[c] = acc[c] + scale[weight_row[c], group] * dot_group(x, top, group, packed)

    # Several: unpack a word of weights for each column, then use them for every row.
    @T.macro
    def accumulate_tile(acc, x, weight, scale, n, top, first):
        packed = T.sblock_alloc_buffer((tile,), "uint32", scope="local")
        factor = T.sblock_alloc_buffer((tile,), "float32", scope="local")
        value = T.sblock_alloc_buffer((tile * WORD,), "float32", scope="local")
        given = T.sblock_alloc_buffer((WORD,), "float32", scope="local")
        source = T.sblock_alloc_buffer((rows,), "int32", scope="local")
        weight_row = T.sblock_alloc_buffer((tile,), "int32", scope="local")
        for r in T.unroll(rows):
            source[r] = T.min(top + r, n - 1)
        for c in T.unroll(tile):
            weight_row[c] = c // columns * out + T.min(first + c % columns * threads, out - 1)
        for i in T.unroll(tile * rows):
            acc[i] = T.float32(0)
        for word in T.serial(words):
            for c in T.unroll(tile):
                packed[c] = weight[weight_row[c], word]
                factor[c] = scale[weight_row[c], word // group_words]
                for j in T.unroll(WORD):
                    value[c * WORD + j] = factor[c] * (
                        T.Cast(
                            "float32",
                            T.bitwise_and(T.shift_right(packed[c], T.Cast("uint32", 4 * j)), T.uint32(15)),
                        )
                        - T.float32(7)
                    )
            for r in T.unroll(rows):
                for j in T.unroll(WORD):
                    given[j] = x[source[r], word * WORD + j]
                for c in T.unroll(tile):
                    acc[c * rows + r] = acc[c * rows + r] + dot_word(given, value, c)

    accumulate = accumulate_row if rows == 1 else accumulate_tile

    @T.prim_func(s_tir=True, private=True)
    def plain(
        x_handle: T.handle,
        weight: T.Buffer((parts * out, words), "uint32"),
        scale: T.Buffer((parts * out, groups), "float32"),
        output_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        x = T.match_buffer(x_handle, (n, width), "float32")
        output = T.match_buffer(output_handle, (n, out), "float32")
        for row_block in T.thread_binding((n + rows - 1) // rows, thread="blockIdx.y"):
            for column_block in T.thread_binding(column_blocks, thread="blockIdx.x"):
                for lane in T.thread_binding(threads, thread="threadIdx.x"):
                    with T.sblock("matmul"):
                        acc = T.sblock_alloc_buffer((tile * rows,), "float32", scope="local")
                        first: T.let[T.int32] = column_block * (threads * columns) + lane
                        top: T.let[T.int32] = row_block * rows
                        accumulate(acc, x, weight, scale, n, top, first)
                        for r in T.unroll(rows):
                            for c in T.unroll(columns):
                                if T.And(top + r < n, first + c * threads < out):
                                    if gated:
                                        output[top + r, first + c * threads] = (
                                            acc[c * rows + r]
                                            / (T.float32(1) + T.exp(-acc[c * rows + r]))
                                            * acc[(columns + c) * rows + r]
                                        )
                                    else:
                                        output[top + r, first + c * threads] = acc[c * rows + r]

    @T.prim_func(s_tir=True, private=True)
    def added(
        x_handle: T.handle,
        weight: T.Buffer((out, words), "uint32"),
        scale: T.Buffer((out, groups), "float32"),
        residual_handle: T.handle,
        output_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        x = T.match_buffer(x_handle, (n, width), "float32")
        base = T.match_buffer(residual_handle, (n, out), "float32")
        output = T.match_buffer(output_handle, (n, out), "float32")
        for row_block in T.thread_binding((n + rows - 1) // rows, thread="blockIdx.y"):
            for column_block in T.thread_binding(column_blocks, thread="blockIdx.x"):
                for lane in T.thread_binding(threads, thread="threadIdx.x"):
                    with T.sblock("matmul"):
                        acc = T.sblock_alloc_buffer((tile * rows,), "float32", scope="local")
                        first: T.let[T.int32] = column_block * (threads * columns) + lane
                        top: T.let[T.int32] = row_block * rows
                        accumulate(acc, x, weight, scale, n, top, first)
                        for r in T.unroll(rows):
                            for c in T.unroll(columns):
                                if T.And(top + r < n, first + c * threads < out):
                                    output[top + r, first + c * threads] = (
                                        base[top + r, first + c * threads] + acc[c * rows + r]
                                    )

    return added if residual else plain
