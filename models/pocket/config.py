"""The shape of the pocket model: the one place every builder, test and card reads it from.

A Llama (RMSNorm, rotary positions, SwiGLU, tied embeddings). The shape is chosen so that
all published artifacts together stay under 12 MB: the float weights are stored in 16 bits (computed in 32), the
8-bit ONNX takes one byte a weight, and the 4-bit WebLLM build 5/8 of a byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PocketConfig:
    """Sizes of the network; units are elements unless a name says otherwise."""

    vocab_size: int = 2048
    hidden_size: int = 192
    intermediate_size: int = 448
    num_hidden_layers: int = 6
    num_attention_heads: int = 6
    num_key_value_heads: int = 6
    head_dim: int = 32
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    context_window_size: int = 2048
    """Prompt and answer together, in tokens; training sees sequences of this length."""
    prefill_chunk_size: int = 256
    """WebLLM feeds a longer prompt in pieces of this many tokens."""


CONFIG = PocketConfig()

HERE = Path(__file__).parent
WORK = HERE / "work"
"""Scratch: checkpoints, generated text. Never committed."""
DIST = HERE / "dist"
"""What is committed and shipped, as one folder both engines read."""

BOS_EOS_PAD = ("<|endoftext|>", "<|im_end|>", "<|endoftext|>")
"""Special tokens: start of text, end of a turn (and of an answer), padding."""

SYSTEM = "You are Pocket, a small and friendly language model that runs in the browser."
"""The system message when the caller gives none; the chat template and the WebLLM config both use it."""
