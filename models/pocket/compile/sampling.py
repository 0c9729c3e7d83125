"""The GPU kernels that WebLLM calls between the logits and the next token. There is always one row of logits."""

from __future__ import annotations

from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from kernels import ceil_div

THREADS = 64
"""Threads in a workgroup."""
SLICES = 16
"""Stretches of the vocabulary that softmax sums up apart."""
RUNS = (32, 8)
"""Runs that are merged at once while sorting: at first, and later."""
MASKED = -1e30
"""The logit of a token that the grammar forbids; finite even after division by WebLLM's smallest temperature, 1e-6."""


def softmax_parts(vocab: int) -> PrimFunc:
    """Logits [1, 1, vocab], temperature [1] -> for each of SLICES stretches its largest logit and sum [SLICES, 2]."""
    each = ceil_div(vocab, SLICES)

    @T.prim_func(s_tir=True, private=True)
    def parts(
        logits: T.Buffer((1, 1, vocab), "float32"),
        temperature: T.Buffer((1,), "float32"),
        part: T.Buffer((SLICES, 2), "float32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for _block in T.thread_binding(1, thread="blockIdx.x"):
            for lane in T.thread_binding(SLICES, thread="threadIdx.x"):
                with T.sblock("parts"):
                    best = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    total = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    best[0] = T.float32(-3e38)
                    for i in T.serial(each):
                        if i * SLICES + lane < vocab:
                            best[0] = T.max(best[0], logits[0, 0, i * SLICES + lane])
                    total[0] = T.float32(0)
                    for i in T.serial(each):
                        if i * SLICES + lane < vocab:
                            total[0] = total[0] + T.exp((logits[0, 0, i * SLICES + lane] - best[0]) / temperature[0])
                    part[lane, 0] = best[0]
                    part[lane, 1] = total[0]

    return parts


def softmax_from_parts(vocab: int) -> PrimFunc:
    """The probabilities [1, 1, vocab]; each thread joins the parts for itself."""

    @T.prim_func(s_tir=True, private=True)
    def softmax(
        logits: T.Buffer((1, 1, vocab), "float32"),
        temperature: T.Buffer((1,), "float32"),
        part: T.Buffer((SLICES, 2), "float32"),
        output: T.Buffer((1, 1, vocab), "float32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for block in T.thread_binding(ceil_div(vocab, THREADS), thread="blockIdx.x"):
            for lane in T.thread_binding(THREADS, thread="threadIdx.x"):
                with T.sblock("softmax"):
                    best = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    total = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    if block * THREADS + lane < vocab:
                        best[0] = part[0, 0]
                        for i in T.serial(SLICES - 1):
                            best[0] = T.max(best[0], part[i + 1, 0])
                        total[0] = T.float32(0)
                        for i in T.serial(SLICES):
                            total[0] = total[0] + part[i, 1] * T.exp((part[i, 0] - best[0]) / temperature[0])
                        output[0, 0, block * THREADS + lane] = (
                            T.exp((logits[0, 0, block * THREADS + lane] - best[0]) / temperature[0]) / total[0]
                        )

    return softmax


def merge_plan(vocab: int) -> list[tuple[int, int]]:
    """How to sort by merging: (length, count) of the runs that become one run, level by level."""
    plan, length = [], 1
    while length < vocab:
        count = min(RUNS[min(len(plan), len(RUNS) - 1)], ceil_div(vocab, length))
        plan.append((length, count))
        length *= count
    return plan


def merge_runs(vocab: int, length: int, count: int) -> PrimFunc:
    """Merge every `count` neighbouring runs of `length` sorted probabilities into one, largest first, equals by id.

    Inputs and outputs are the probabilities [1, vocab] and their token ids; at length 1 there are no ids to read yet.
    Each thread finds the new place of one entry: its place in its own run, and in each other run, by bisection, how
    many come before it. That takes no barrier, and far fewer steps than comparing all with all.
    """
    bits = length.bit_length()

    @T.macro
    def find_place(rank, values, entry):
        place = T.sblock_alloc_buffer((3,), "int32", scope="local")
        own = T.sblock_alloc_buffer((1,), "float32", scope="local")
        own[0] = values[0, entry]
        # The first entry of the merged run, and the place in its own run.
        rank[0] = entry // (length * count) * (length * count) + entry % length
        for other in T.serial(count):
            if other != entry // length % count:
                place[0] = 0
                place[1] = entry // (length * count) * (length * count) + other * length
                for bit in T.serial(bits):
                    place[2] = place[0] + T.shift_right(length, bit)
                    if T.And(place[2] <= length, place[1] + place[2] <= vocab):  # noqa: SIM102 - each is one branch
                        if T.Or(
                            values[0, place[1] + place[2] - 1] > own[0],
                            T.And(values[0, place[1] + place[2] - 1] == own[0], other < entry // length % count),
                        ):
                            place[0] = place[2]
                rank[0] = rank[0] + place[0]

    @T.prim_func(s_tir=True, private=True)
    def first(
        values: T.Buffer((1, vocab), "float32"),
        merged_values: T.Buffer((1, vocab), "float32"),
        merged_ids: T.Buffer((1, vocab), "int32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for block in T.thread_binding(ceil_div(vocab, THREADS), thread="blockIdx.x"):
            for lane in T.thread_binding(THREADS, thread="threadIdx.x"):
                with T.sblock("merge"):
                    rank = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    if block * THREADS + lane < vocab:
                        find_place(rank, values, block * THREADS + lane)
                        merged_values[0, rank[0]] = values[0, block * THREADS + lane]
                        merged_ids[0, rank[0]] = block * THREADS + lane

    @T.prim_func(s_tir=True, private=True)
    def later(
        values: T.Buffer((1, vocab), "float32"),
        ids: T.Buffer((1, vocab), "int32"),
        merged_values: T.Buffer((1, vocab), "float32"),
        merged_ids: T.Buffer((1, vocab), "int32"),
    ):
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        for block in T.thread_binding(ceil_div(vocab, THREADS), thread="blockIdx.x"):
            for lane in T.thread_binding(THREADS, thread="threadIdx.x"):
                with T.sblock("merge"):
                    rank = T.sblock_alloc_buffer((1,), "int32", scope="local")
                    if block * THREADS + lane < vocab:
                        find_place(rank, values, block * THREADS + lane)
                        merged_values[0, rank[0]] = values[0, block * THREADS + lane]
                        merged_ids[0, rank[0]] = ids[0, block * THREADS + lane]

    return first if length == 1 else later


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
    words = ceil_div(vocab, 32)

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
