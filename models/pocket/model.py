"""The network in plain torch: a small Llama whose weight names are Hugging Face's, so a checkpoint loads anywhere.

Training, evaluation and the reference outputs all run this file. `quantized` weights are a property of the weights,
not of the network: `quantize_state` gives the state a 4-bit engine computes with.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from config import CONFIG, PocketConfig
from quantize import GROUP_SIZE, ZERO_POINT, round_trip_q4f32_1


def rope_tables(config: PocketConfig, length: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Return cos and sin, float32 [length, head_dim], in the half-split order of Hugging Face's Llama."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=device) / config.head_dim
    frequencies = 1.0 / (config.rope_theta**exponents)
    angles = torch.outer(torch.arange(length, dtype=torch.float32, device=device), frequencies)
    doubled = torch.cat((angles, angles), dim=-1)
    return doubled.cos(), doubled.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions to `x` [..., length, head_dim]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def fake_quantize(weight: Tensor) -> Tensor:
    """Return `weight` on the 4-bit grid, with the gradient passed straight through."""
    rows, columns = weight.shape
    groups = weight.detach().float().view(rows, columns // GROUP_SIZE, GROUP_SIZE)
    scale = groups.abs().amax(dim=2, keepdim=True).clamp_min(1e-12) / ZERO_POINT
    on_grid = ((groups / scale).round().clamp(-ZERO_POINT, ZERO_POINT) * scale).view(rows, columns)
    return weight + (on_grid - weight.detach().float()).to(weight.dtype)


def linear(x: Tensor, weight: Tensor, quantized: bool) -> Tensor:
    """Multiply by `weight`, seen through the 4-bit grid if `quantized`."""
    return F.linear(x, fake_quantize(weight) if quantized else weight)


class RMSNorm(nn.Module):
    """Llama's norm: scale by the root mean square, computed in float32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (self.weight * wide).to(x.dtype)


@dataclass
class Packed:
    """Whole documents one after the other in a single row, each seeing only itself and counting from position 0."""

    boundaries: Tensor
    """Where documents begin, and the end: int32; padded at the end by repeating it."""
    positions: Tensor
    longest: int


def packed_attention(query: Tensor, key: Tensor, value: Tensor, packed: Packed) -> Tensor:
    """Causal attention inside each document of a packed row; [1, heads, length, head_dim] in and out. CUDA only."""
    from torch.nn.attention.varlen import varlen_attn

    flat = [part[0].transpose(0, 1).to(value.dtype).contiguous() for part in (query, key, value)]
    bounds, longest = packed.boundaries, packed.longest
    out = varlen_attn(*flat, bounds, bounds, longest, longest, **_CAUSAL)
    return out.transpose(0, 1)[None]


def _causal_argument() -> dict[str, object]:
    # torch 2.10 says is_causal=True, later versions a window of everything to the left.
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return {}
    names = inspect.signature(varlen_attn).parameters
    return {"window_size": (-1, 0)} if "window_size" in names else {"is_causal": True}


_CAUSAL = _causal_argument()


@dataclass
class KeyValueCache:
    """Keys and values of one layer, [batch, kv_heads, length, head_dim] each."""

    key: Tensor
    value: Tensor


class Attention(nn.Module):
    """Grouped-query causal attention."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.config = config
        width, head = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(width, config.num_attention_heads * head, bias=False)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * head, bias=False)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * head, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * head, width, bias=False)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        quantized: bool,
        past: KeyValueCache | None = None,
        mask: Tensor | None = None,
        packed: Packed | None = None,
    ) -> tuple[Tensor, KeyValueCache]:
        batch, length, _ = x.shape
        head = self.config.head_dim

        def split(weight: Tensor, heads: int) -> Tensor:
            return linear(x, weight, quantized).view(batch, length, heads, head).transpose(1, 2)

        query = rotate(split(self.q_proj.weight, self.config.num_attention_heads), cos, sin).to(x.dtype)
        key = rotate(split(self.k_proj.weight, self.config.num_key_value_heads), cos, sin).to(x.dtype)
        value = split(self.v_proj.weight, self.config.num_key_value_heads)
        if past is not None:
            key = torch.cat((past.key, key), dim=2)
            value = torch.cat((past.value, value), dim=2)
        # Without a mask this is plain causal attention (training); with one, a step over a cache.
        groups = self.config.num_attention_heads // self.config.num_key_value_heads
        keys, values = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        if packed is not None:
            out = packed_attention(query, keys, values, packed)
        else:
            out = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, is_causal=mask is None)
        out = out.transpose(1, 2).reshape(batch, length, -1)
        return linear(out, self.o_proj.weight, quantized), KeyValueCache(key, value)


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, quantized: bool) -> Tensor:
        gate = F.silu(linear(x, self.gate_proj.weight, quantized))
        return linear(gate * linear(x, self.up_proj.weight, quantized), self.down_proj.weight, quantized)


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm, each added to the stream."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = FeedForward(config)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        quantized: bool,
        past: KeyValueCache | None = None,
        mask: Tensor | None = None,
        packed: Packed | None = None,
    ) -> tuple[Tensor, KeyValueCache]:
        mixed, cache = self.self_attn(self.input_layernorm(x), cos, sin, quantized, past, mask, packed)
        x = x + mixed
        return x + self.mlp(self.post_attention_layernorm(x), quantized), cache


class Decoder(nn.Module):
    """Everything but the output matrix, which is the embedding again. Named `model`, as in Hugging Face's Llama."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Pocket(nn.Module):
    """The language model: token ids in, logits out."""

    def __init__(self, config: PocketConfig = CONFIG) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        cos, sin = rope_tables(config, config.context_window_size)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._initialise)
        # Branches that add to the stream start small, so that depth does not make it grow.
        for layer in self.model.layers:
            for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
                nn.init.normal_(projection.weight, std=0.02 / (2 * config.num_hidden_layers) ** 0.5)

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: Tensor, quantized: bool = False, packed: Packed | None = None) -> Tensor:
        """Return logits [batch, length, vocab] for whole sequences that start at position 0, or for a packed row."""
        return self.head(self.hidden(tokens, quantized, packed), quantized)

    def hidden(self, tokens: Tensor, quantized: bool = False, packed: Packed | None = None) -> Tensor:
        """Return the normed last hidden state [batch, length, hidden]."""
        table = self.model.embed_tokens.weight
        x = F.embedding(tokens, fake_quantize(table) if quantized else table)
        if packed is None:
            cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        else:
            cos, sin = self.cos[packed.positions], self.sin[packed.positions]
        for layer in self.model.layers:
            x, _ = layer(x, cos, sin, quantized, packed=packed)
        return self.model.norm(x)

    def head(self, hidden: Tensor, quantized: bool = False) -> Tensor:
        """Return logits for hidden states."""
        return linear(hidden, self.model.embed_tokens.weight, quantized)

    def step(
        self, tokens: Tensor, caches: list[KeyValueCache] | None, positions: Tensor, mask: Tensor
    ) -> tuple[Tensor, list[KeyValueCache]]:
        """Continue sequences: `tokens` [batch, new], `positions` alike, `mask` [batch, 1, new, past + new] boolean.

        Returns the logits [batch, new, vocab] and the grown caches.
        """
        x = F.embedding(tokens, self.model.embed_tokens.weight)
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        grown = []
        for index, layer in enumerate(self.model.layers):
            x, cache = layer(x, cos, sin, False, caches[index] if caches else None, mask)
            grown.append(cache)
        return self.head(self.model.norm(x)), grown


def quantize_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as a 4-bit engine sees them: every matrix through `q4f32_1`, norms as they are."""
    return {
        name: torch.from_numpy(round_trip_q4f32_1(value.float().cpu().numpy())) if value.ndim == 2 else value.float()
        for name, value in state.items()
    }
