"""The 4-bit weight format (MLC's `q4f32_1`), in numpy alone, so that every builder computes the same numbers.

A weight is stored `[out, in]`. Each run of 32 neighbours along `in` shares one float32 scale, absmax / 7. A value is
`(nibble - 7) * scale` with nibbles 0..14 (symmetric: 15 is never used). Eight nibbles make a uint32, lowest first:
nibble `j` of word `w` is input index `8 * w + j`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GROUP_SIZE = 32
"""Weights that share a scale."""
NIBBLES_PER_WORD = 8
ZERO_POINT = 7
"""The nibble that means 0; also the largest distance from it, so the grid is symmetric."""


def quantize_q4f32_1(
    weight: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    """Pack `weight` [out, in] into (q_weight uint32 [out, in / 8], q_scale float32 [out, in / 32]).

    Raises ValueError if `weight` is not a matrix whose width is a multiple of the group size.
    """
    if weight.ndim != 2 or weight.shape[1] % GROUP_SIZE:
        raise ValueError(f"expected [out, in] with in a multiple of {GROUP_SIZE}, got shape {weight.shape!r}")
    rows, columns = weight.shape
    groups = np.asarray(weight, np.float32).reshape(rows, columns // GROUP_SIZE, GROUP_SIZE)
    scale = (np.abs(groups).max(axis=2) / np.float32(ZERO_POINT)).astype(np.float32)
    # An all-zero group has scale 0; dividing by 1 instead gives the nibble for zero, which is right.
    divisor = np.where(scale == 0, np.float32(1), scale)[:, :, None]
    nibbles = np.clip(np.rint(groups / divisor) + ZERO_POINT, 0, 2 * ZERO_POINT).astype(np.uint32)
    words = nibbles.reshape(rows, columns // NIBBLES_PER_WORD, NIBBLES_PER_WORD)
    shifts = np.arange(NIBBLES_PER_WORD, dtype=np.uint32) * np.uint32(4)
    packed = np.bitwise_or.reduce(words << shifts, axis=2).astype(np.uint32)
    return packed, scale


def dequantize_q4f32_1(q_weight: npt.NDArray[np.uint32], q_scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the float32 matrix [out, in] that a 4-bit engine computes with."""
    rows, words = q_weight.shape
    shifts = np.arange(NIBBLES_PER_WORD, dtype=np.uint32) * np.uint32(4)
    nibbles = ((q_weight[:, :, None] >> shifts) & np.uint32(0xF)).astype(np.int32)
    centred = (nibbles - ZERO_POINT).astype(np.float32).reshape(rows, -1, GROUP_SIZE)
    return (centred * q_scale[:, :, None]).reshape(rows, words * NIBBLES_PER_WORD)


def round_trip_q4f32_1(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `weight` as it looks after being stored in 4 bits."""
    return dequantize_q4f32_1(*quantize_q4f32_1(weight))
