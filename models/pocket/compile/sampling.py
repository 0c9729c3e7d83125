"""The GPU kernels that WebLLM calls between the logits and the next token. There is always one row of logits."""

from __future__ import annotations

from tvm.script import tirx as T
from tvm.tirx import PrimFunc

THREADS = 256
"""A WebGPU workgroup may not be larger without asking."""
MASKED = -1e30
"""The logit of a token that the grammar forbids; finite even after division by WebLLM's smallest temperature, 1e-6."""


def softmax_with_temperature(vocab: int) -> PrimFunc:
    """Logits [1, 1, vocab], temperature [1] -> probabilities, in one workgroup."""
    each = -(-vocab // THREADS)

    @T.prim_func(s_tir=True, private=True)
    def softmax(
        logits: T.Buffer((1, 1, vocab), "float32"),
        temperature: T.Buffer((1,), "float32"),
        output: T.Buffer((1, 1, vocab), "float32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for _block in T.thread_binding(1, thread="blockIdx.x"):
            for lane in T.thread_binding(THREADS, thread="threadIdx.x"):
                with T.sblock("softmax"):
                    scratch = T.sblock_alloc_buffer((2, THREADS), "float32", scope="shared")
                    best = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    total = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    best[0] = T.float32(-3e38)
                    for i in T.serial(each):
                        if i * THREADS + lane < vocab:
                            best[0] = T.max(best[0], logits[0, 0, i * THREADS + lane])
                    scratch[0, lane] = best[0]
                    T.tvm_storage_sync("shared")
                    for i in T.serial(THREADS):
                        best[0] = T.max(best[0], scratch[0, i])
                    total[0] = T.float32(0)
                    for i in T.serial(each):
                        if i * THREADS + lane < vocab:
                            total[0] = total[0] + T.exp((logits[0, 0, i * THREADS + lane] - best[0]) / temperature[0])
                    scratch[1, lane] = total[0]
                    T.tvm_storage_sync("shared")
                    total[0] = T.float32(0)
                    for i in T.serial(THREADS):
                        total[0] = total[0] + scratch[1, i]
                    for i in T.serial(each):
                        if i * THREADS + lane < vocab:
                            output[0, 0, i * THREADS + lane] = (
                                T.exp((logits[0, 0, i * THREADS + lane] - best[0]) / temperature[0]) / total[0]
                            )

    return softmax


def argsort_descending(vocab: int) -> PrimFunc:
    """Probabilities [1, vocab] -> (sorted, their token ids): a bitonic sort in workgroup memory, equals by id."""
    # At least one pair a thread, so that no barrier stands under a condition.
    levels = max((2 * THREADS - 1).bit_length(), (vocab - 1).bit_length())
    size = 2**levels
    if size * 8 > 16384:
        raise ValueError(f"a vocabulary of {vocab} does not fit into 16 KiB of workgroup memory")

    @T.prim_func(s_tir=True, private=True)
    def argsort(
        probabilities: T.Buffer((1, vocab), "float32"),
        sorted_values: T.Buffer((1, vocab), "float32"),
        sorted_ids: T.Buffer((1, vocab), "int32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for _block in T.thread_binding(1, thread="blockIdx.x"):
            for lane in T.thread_binding(THREADS, thread="threadIdx.x"):
                with T.sblock("argsort"):
                    value = T.sblock_alloc_buffer((size,), "float32", scope="shared")
                    index = T.sblock_alloc_buffer((size,), "int32", scope="shared")
                    low = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    high = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    swap = T.sblock_alloc_buffer((1,), "bool", scope="local")
                    held = T.sblock_alloc_buffer((2,), "float32", scope="local")
                    held_id = T.sblock_alloc_buffer((2,), "int32", scope="local")
                    for i in T.serial(size // THREADS):
                        index[i * THREADS + lane] = i * THREADS + lane
                        # Places past the vocabulary sort to the end: no probability is negative.
                        value[i * THREADS + lane] = T.if_then_else(
                            i * THREADS + lane < vocab, probabilities[0, i * THREADS + lane], T.float32(-1)
                        )
                    for level in T.serial(levels):
                        for step in T.serial(level + 1):
                            T.tvm_storage_sync("shared")
                            for i in T.serial(size // (2 * THREADS)):
                                # Put a bit 0, then a bit 1, into the pair's number: its two places in the array.
                                high[0] = T.shift_left(1, level - step)
                                low[0] = 2 * (i * THREADS + lane) - T.bitwise_and(i * THREADS + lane, high[0] - 1)
                                high[0] = low[0] + high[0]
                                held[0] = value[low[0]]
                                held[1] = value[high[0]]
                                held_id[0] = index[low[0]]
                                held_id[1] = index[high[0]]
                                # Runs alternate in direction; equal probabilities keep the order of their ids.
                                swap[0] = T.Or(
                                    held[0] < held[1], T.And(held[0] == held[1], held_id[0] > held_id[1])
                                ) == (T.bitwise_and(T.shift_right(low[0], level + 1), 1) == 0)
                                value[low[0]] = T.Select(swap[0], held[1], held[0])
                                value[high[0]] = T.Select(swap[0], held[0], held[1])
                                index[low[0]] = T.Select(swap[0], held_id[1], held_id[0])
                                index[high[0]] = T.Select(swap[0], held_id[0], held_id[1])
                    T.tvm_storage_sync("shared")
                    for i in T.serial(-(-vocab // THREADS)):
                        if i * THREADS + lane < vocab:
                            sorted_values[0, i * THREADS + lane] = value[i * THREADS + lane]
                            sorted_ids[0, i * THREADS + lane] = index[i * THREADS + lane]

    return argsort


def sample_with_top_p(vocab: int) -> PrimFunc:
    """Draw one token: the smallest set of most likely tokens whose mass reaches top_p, then the inverse CDF over it.

    The CDF runs from the most likely token down, and stops before the first token of probability zero: a token that
    the grammar forbids can then never come out, whatever the rounding.
    """

    @T.prim_func(s_tir=True, private=True)
    def sample(
        sorted_values: T.Buffer((1, vocab), "float32"),
        sorted_ids: T.Buffer((1, vocab), "int32"),
        uniform: T.Buffer((1,), "float32"),
        row: T.Buffer((1,), "int32"),
        top_p: T.Buffer((1,), "float32"),
        token: T.Buffer((1,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for _block in T.thread_binding(1, thread="blockIdx.x"):
            for _lane in T.thread_binding(1, thread="threadIdx.x"):
                with T.sblock("sample"):
                    mass = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    reached = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    count = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    i = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    mass[0] = sorted_values[row[0], 0]
                    count[0] = 1
                    while T.And(
                        T.And(count[0] < vocab, mass[0] < top_p[0]),
                        sorted_values[row[0], T.min(count[0], vocab - 1)] > T.float32(0),
                    ):
                        mass[0] = mass[0] + sorted_values[row[0], count[0]]
                        count[0] = count[0] + 1
                    reached[0] = sorted_values[row[0], 0]
                    i[0] = 0
                    while T.And(i[0] < count[0] - 1, reached[0] <= uniform[0] * mass[0]):
                        i[0] = i[0] + 1
                        reached[0] = reached[0] + sorted_values[row[0], i[0]]
                    token[0] = sorted_ids[row[0], i[0]]

    return sample


def apply_logit_bias(vocab: int) -> PrimFunc:
    """Add a bias to some tokens' logits, in place."""

    @T.prim_func(s_tir=True, private=True)
    def bias(
        logits: T.Buffer((1, vocab), "float32"),
        row_handle: T.handle,
        token_handle: T.handle,
        bias_handle: T.handle,
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        row = T.match_buffer(row_handle, (n,), "int32")
        token = T.match_buffer(token_handle, (n,), "int32")
        amount = T.match_buffer(bias_handle, (n,), "float32")
        for block in T.thread_binding((n + 31) // 32, thread="blockIdx.x"):
            for lane in T.thread_binding(32, thread="threadIdx.x"):
                with T.sblock("bias"):
                    i: T.let[T.int32] = block * 32 + lane
                    if i < n:
                        logits[row[i], token[i]] = logits[row[i], token[i]] + amount[i]

    return bias


def apply_penalty(vocab: int) -> PrimFunc:
    """Lower the logits of tokens already written, in place: presence, frequency and repetition, in that order."""

    @T.prim_func(s_tir=True, private=True)
    def penalty(
        logits: T.Buffer((1, vocab), "float32"),
        sequence: T.Buffer((1,), "int32"),
        row_handle: T.handle,
        token_handle: T.handle,
        count_handle: T.handle,
        penalties: T.Buffer((1, 3), "float32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        n = T.int32()
        row = T.match_buffer(row_handle, (n,), "int32")
        token = T.match_buffer(token_handle, (n,), "int32")
        count = T.match_buffer(count_handle, (n,), "int32")
        for block in T.thread_binding((n + 31) // 32, thread="blockIdx.x"):
            for lane in T.thread_binding(32, thread="threadIdx.x"):
                with T.sblock("penalty"):
                    value = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    i: T.let[T.int32] = block * 32 + lane
                    if i < n:
                        value[0] = (
                            logits[sequence[row[i]], token[i]]
                            - penalties[row[i], 0]
                            - T.Cast("float32", count[i]) * penalties[row[i], 1]
                        )
                        logits[sequence[row[i]], token[i]] = T.Select(
                            value[0] > T.float32(0), value[0] / penalties[row[i], 2], value[0] * penalties[row[i], 2]
                        )

    return penalty


def apply_bitmask(vocab: int) -> PrimFunc:
    """Make the logits of tokens whose bit is 0 impossible, in place."""
    words = -(-vocab // 32)

    @T.prim_func(s_tir=True, private=True)
    def bitmask(
        logits: T.Buffer((1, vocab), "float32"),
        sequence: T.Buffer((1,), "int32"),
        allowed: T.Buffer((1, words), "int32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for block in T.thread_binding(words, thread="blockIdx.x"):
            for lane in T.thread_binding(32, thread="threadIdx.x"):
                with T.sblock("bitmask"):
                    if block * 32 + lane < vocab:
                        logits[sequence[0], block * 32 + lane] = T.if_then_else(
                            T.bitwise_and(T.shift_right(allowed[sequence[0], block], lane), 1) == 1,
                            logits[sequence[0], block * 32 + lane],
                            T.float32(MASKED),
                        )

    return bitmask
