"""The precisions of networks for Transformers.js, and how their files are named."""

from __future__ import annotations

from collections.abc import Mapping

DTYPE_SUFFIXES: Mapping[str, str] = {
    "fp32": "",
    "q8": "_quantized",
    **{name: f"_{name}" for name in ("fp16", "int8", "uint8", "q4", "q2", "q1", "q4f16", "q2f16", "q1f16", "bnb4")},
}
"""What a precision adds to the name of an ONNX file (``DEFAULT_DTYPE_SUFFIX_MAPPING`` of Transformers.js 4.3.1)."""
