"""Trains the model on text that is generated while it trains.

    python train.py --steps 9000 --out work            # from scratch, one GPU
    python train.py --steps 9000 --start work/pocket.safetensors --rate 0.5 --quantize-from 0 --first-chunk 100000 --out work

Matrices are trained with Muon (momentum made orthogonal), the embedding and the norms with AdamW. From a fraction of
the run on, every second batch sees the weights through the 4-bit grid (straight-through), so that both the float
weights and the 4-bit ones stay able. Documents are packed into one long row, each attending only to itself.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from config import CONFIG
from model import Packed, Pocket
from tokenizer import letter_pieces, load_tokenizer

DOCUMENTS_PER_CHUNK = 1000
ASSISTANT_BIT, START_BIT = 1 << 14, 1 << 13
TOKEN_BITS = START_BIT - 1
PROMPT_WEIGHT = 0.1
"""Loss weight of text the model does not write itself; a little keeps it learning the language of prompts."""


def assistant_mask(tokens: np.ndarray, start: int, role: int, end: int) -> np.ndarray:
    """Return a boolean per token: does the model write it? (From after 'assistant' and newline to the end marker.)"""
    opens = np.flatnonzero((tokens[:-1] == start) & (tokens[1:] == role)) + 3
    ends = np.flatnonzero(tokens == end)
    where = np.searchsorted(ends, opens)
    opens, where = opens[where < len(ends)], where[where < len(ends)]
    change = np.zeros(len(tokens) + 1, np.int32)
    np.add.at(change, opens, 1)
    np.add.at(change, ends[where] + 1, -1)
    return np.cumsum(change)[:-1] > 0


def make_chunk(index: int, held_out: bool = False, documents: int = DOCUMENTS_PER_CHUNK) -> np.ndarray:
    """Return the tokens (uint16) of one chunk of conversations, with flags for document starts and assistant text."""
    from data import training_pieces
    from words import Source

    tokenizer = load_tokenizer()
    source = Source(index, held_out, letter_pieces(tokenizer))
    texts = ["".join(text for text, _ in training_pieces(source)) for _ in range(documents)]
    start, role, end = (tokenizer.token_to_id(token) for token in ("<|im_start|>", "assistant", "<|im_end|>"))
    parts = []
    for encoding in tokenizer.encode_batch_fast(texts):
        tokens = np.array(encoding.ids[: CONFIG.context_window_size], np.uint16)
        flags = assistant_mask(tokens, start, role, end).astype(np.uint16) * ASSISTANT_BIT
        flags[0] |= START_BIT
        parts.append(tokens | flags)
    return np.concatenate(parts)


def _produce(queue: multiprocessing.Queue, first: int, stride: int) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    index = first
    while True:
        queue.put(make_chunk(index))
        index += stride


class Stream:
    """Batches of packed tokens, in an order that depends on nothing but the first chunk's number."""

    def __init__(self, workers: int, first_chunk: int, batch_tokens: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.queues = [context.Queue(maxsize=12) for _ in range(workers)]
        self.processes = [
            context.Process(target=_produce, args=(queue, first_chunk + worker, workers), daemon=True)
            for worker, queue in enumerate(self.queues)
        ]
        for process in self.processes:
            process.start()
        self.batch_tokens = batch_tokens

    def __iter__(self) -> Iterator[np.ndarray]:
        rest = np.zeros(0, np.uint16)
        turn = 0
        while True:
            parts, size = [rest], len(rest)
            while size <= self.batch_tokens:
                parts.append(self.queues[turn].get())
                turn = (turn + 1) % len(self.queues)
                size += len(parts[-1])
            rest = np.concatenate(parts)
            while len(rest) > self.batch_tokens:
                # One token more than a batch: the last one is only a target.
                yield rest[: self.batch_tokens + 1]
                rest = rest[self.batch_tokens :]

    def close(self) -> None:
        for process in self.processes:
            process.terminate()


def unpack(flagged: np.ndarray, device: str) -> tuple[Tensor, Tensor, Tensor, Packed]:
    """Return inputs [1, n], targets [n], loss weights [n] and the documents' boundaries."""
    length = len(flagged) - 1
    tokens = (flagged & TOKEN_BITS).astype(np.int64)
    starts = np.flatnonzero(flagged[:-1] & START_BIT)
    if len(starts) == 0 or starts[0] != 0:
        starts = np.concatenate(([0], starts))
    room = length // 32
    starts = starts[:room]
    bounds = np.full(room + 1, length, np.int32)
    bounds[: len(starts)] = starts
    positions = np.arange(length) - np.repeat(starts, np.diff(np.append(starts, length)))
    weights = np.where(flagged[1:] & ASSISTANT_BIT, 1.0, PROMPT_WEIGHT).astype(np.float32)
    weights[(flagged[1:] & START_BIT) > 0] = 0.0

    def move(array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(device, non_blocking=True) if device == "cuda" else tensor

    packed = Packed(move(bounds), move(positions % CONFIG.context_window_size), CONFIG.context_window_size)
    return move(tokens[None, :-1]), move(tokens[1:]), move(weights), packed


@torch.compile(disable=not torch.cuda.is_available())
def orthogonalise(momentum: Tensor) -> Tensor:
    """Return matrices [n, rows, columns] with their singular values pushed to about 1 (five Newton-Schulz steps)."""
    x = momentum.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon:
    """Momentum, made orthogonal, for all matrices of equal shape at once."""

    def __init__(self, weights: list[Tensor], momentum: float = 0.95, decay: float = 0.02) -> None:
        shapes = sorted({weight.shape for weight in weights})
        self.groups = [[weight for weight in weights if weight.shape == shape] for shape in shapes]
        self.buffers = [torch.zeros((len(group), *group[0].shape), device=group[0].device) for group in self.groups]
        self.momentum, self.decay = momentum, decay

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group, buffer in zip(self.groups, self.buffers, strict=True):
            gradient = torch.stack([weight.grad for weight in group])
            buffer.lerp_(gradient, 1 - self.momentum)
            update = orthogonalise(gradient.lerp(buffer, self.momentum))
            scale = max(1.0, buffer.shape[1] / buffer.shape[2]) ** 0.5
            torch._foreach_mul_(group, 1 - rate * self.decay)
            torch._foreach_add_(group, list((-rate * scale * update).unbind(0)))


def rate_at(step: int, steps: int, warmup: int = 100, decay_fraction: float = 0.4) -> float:
    """Return the learning rate's share of its peak: warm up, stay, fall linearly to (almost) zero."""
    falling = (steps - step) / (decay_fraction * steps)
    return max(0.002, min(1.0, (step + 1) / warmup, falling))


def with_all_key_value_heads(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights that had fewer key and value heads with as many as the model has now, computing the same."""
    size = CONFIG.num_key_value_heads * CONFIG.head_dim
    grown = dict(state)
    for name, weight in state.items():
        if name.endswith(("k_proj.weight", "v_proj.weight")) and len(weight) < size:
            heads = weight.view(-1, CONFIG.head_dim, CONFIG.hidden_size)
            grown[name] = heads.repeat_interleave(CONFIG.num_key_value_heads // len(heads), dim=0).reshape(size, -1)
    return grown


def loss_of(model: Pocket, batch: tuple[Tensor, Tensor, Tensor, Packed], quantized: bool, rows: bool) -> Tensor:
    """Return the weighted mean loss of a batch. `rows` forgets document boundaries (for machines without CUDA)."""
    tokens, targets, weights, packed = batch
    if rows:
        logits = model(tokens.view(-1, min(tokens.shape[1], CONFIG.context_window_size)), quantized)
    else:
        logits = model(tokens, quantized, packed)
    losses = F.cross_entropy(logits.flatten(0, 1).float(), targets, reduction="none")
    return (losses * weights).sum() / weights.sum()


def held_out_perplexity(model: Pocket, device: str, quantized: bool) -> dict[str, float]:
    """Return perplexity per token on conversations made of held-out words, for the model's own text and for all."""
    flagged = make_chunk(77, held_out=True, documents=400)
    starts = np.append(np.flatnonzero(flagged & START_BIT), len(flagged))
    losses: list[Tensor] = []
    own: list[Tensor] = []
    for first, last in itertools.pairwise(starts):
        document = torch.from_numpy(flagged[first:last].astype(np.int64)).to(device)
        tokens = document & TOKEN_BITS
        with torch.no_grad():
            logits = model(tokens[None, :-1], quantized)[0]
        losses.append(F.cross_entropy(logits.float(), tokens[1:], reduction="none"))
        own.append((document[1:] & ASSISTANT_BIT) > 0)
    every, mask = torch.cat(losses), torch.cat(own)
    return {"assistant": math.exp(every[mask].mean().item()), "all": math.exp(every.mean().item())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch-tokens", type=int, default=65_536)
    parser.add_argument("--rate", type=float, default=1.0, help="factor on both learning rates")
    parser.add_argument("--decay-fraction", type=float, default=0.4)
    parser.add_argument("--quantize-from", type=float, default=0.5, help="fraction of the run at which 4 bits join in")
    parser.add_argument("--first-chunk", type=int, default=0, help="number of the first chunk of text")
    parser.add_argument("--start", type=Path, help="weights to continue from")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--time-limit-s", type=float, default=1e9, help="stop early (the schedule is then cut short)")
    parser.add_argument("--rows", action="store_true", help="plain causal rows instead of packed documents")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("work"))
    options = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = options.rows or device == "cpu"
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    stream = Stream(options.workers, options.first_chunk, options.batch_tokens)
    model = Pocket().to(device)
    if options.start:
        model.load_state_dict(with_all_key_value_heads(load_file(options.start)))
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=1.0, betas=(0.9, 0.95), weight_decay=0.0, fused=device == "cuda")
    compute = torch.compile(loss_of) if device == "cuda" else loss_of

    options.out.mkdir(exist_ok=True, parents=True)
    log = (options.out / "train.jsonl").open("a")
    began = time.time()
    totals = {False: [0.0, 0], True: [0.0, 0]}
    last, step = began, 0
    for step, flagged in zip(range(options.steps), stream, strict=False):
        quantized = step >= options.quantize_from * options.steps and step % 2 == 1
        batch = unpack(flagged, device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = compute(model, batch, quantized, rows)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        share = rate_at(step, options.steps, decay_fraction=options.decay_fraction) * options.rate
        muon.step(0.02 * share)
        adam.param_groups[0]["lr"] = 4e-3 * share
        adam.step()
        model.zero_grad(set_to_none=True)
        totals[quantized][0] += loss.detach()
        totals[quantized][1] += 1
        if step % 100 == 99 or step < 3:
            now = time.time()
            line = {"step": step + 1, "seconds": round(now - began, 1), "rate": round(share, 4)}
            line |= {("q4" if q else "float"): round(float(t) / n, 4) for q, (t, n) in totals.items() if n}
            line["tokens_per_s"] = int(options.batch_tokens * (100 if step > 3 else 1) / (now - last))
            totals, last = {False: [0.0, 0], True: [0.0, 0]}, now
            print(json.dumps(line), file=log, flush=True)
            if step % 500 == 499 or step < 100:
                print(json.dumps(line), flush=True)
            if now - began > options.time_limit_s:
                break
    stream.close()
    # The published weights are 16-bit: what is saved is already rounded to them.
    state = {name: value.detach().half().float().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(state, options.out / "pocket.safetensors")
    model.load_state_dict(state)
    for quantized in (False, True):
        result = held_out_perplexity(model, device, quantized)
        print(json.dumps({"held_out_perplexity": result, "q4": quantized, "steps": step + 1}), file=log, flush=True)
        print("q4" if quantized else "float", result, "seconds", round(time.time() - began, 1), flush=True)


if __name__ == "__main__":
    main()
