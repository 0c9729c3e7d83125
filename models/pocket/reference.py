"""Records what the model answers, token by token, so that every engine can be held to it.

    python reference.py            # writes reference/float.json and reference/q4.json from dist/'s weights

Twenty held-out conversations, greedy, in float32 on the CPU. Only answers whose margin (best logit minus second best)
never gets small are taken, so that agreement token for token is a fair demand. Also prints how many tokens the 8-bit
ONNX and the 4-bit weights share with the float reference.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from config import CONFIG, DIST, HERE
from data import Conversation, conversation, prompt_text
from export import load_master
from extraction import extraction_turn
from memory import make_memory
from model import KeyValueCache, Pocket, quantize_state
from stories import story
from talk import capital, fact, opposite, tips
from tokenizer import load_tokenizer
from tool_talk import tool_conversation
from words import Source

FOLDER = HERE / "reference"
NEW_TOKENS = 40
SHORTEST = 32
MARGIN = 0.1
CONVERSATIONS = 20
THREE_TURNS = 6
LONG_PROMPTS = 5


class Greedy:
    """Greedy decoding of one sequence with the torch reference."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.model = Pocket().eval()
        self.model.load_state_dict(state)
        self.tokenizer = load_tokenizer()
        self.end = self.tokenizer.token_to_id("<|im_end|>")

    @torch.no_grad()
    def __call__(self, prompt: list[int], limit: int = NEW_TOKENS, floor: float = 0.0) -> dict[str, Any]:
        """Return the new tokens (the end marker included, if reached) and per step the five best logits and the margin.

        Gives up at the first margin under `floor`.
        """
        caches: list[KeyValueCache] | None = None
        fresh, start = prompt, 0
        tokens: list[int] = []
        steps: list[dict[str, Any]] = []
        while len(tokens) < limit:
            count = len(fresh)
            positions = torch.arange(start, start + count)[None]
            mask = torch.ones(count, start + count, dtype=torch.bool).tril(start)[None, None]
            logits, caches = self.model.step(torch.tensor([fresh]), caches, positions, mask)
            best = logits[0, -1].topk(5)
            values = [round(value, 4) for value in best.values.tolist()]
            steps.append({"ids": best.indices.tolist(), "logits": values, "margin": round(values[0] - values[1], 4)})
            start += count
            token = int(best.indices[0])
            tokens.append(token)
            if token == self.end or steps[-1]["margin"] < floor:
                break
            fresh = [token]
        return {"tokens": tokens, "steps": steps}


def candidates(source: Source, kind: str) -> tuple[Conversation, list[str]]:
    """Return the conversation before the first generated turn, and the user's later messages.

    Training text varies where any of several wordings is right, and there the model is rightly unsure. So most of
    these ask for what has one right answer: a call, a JSON object, a list, the beginning of a story.
    """
    if kind == "long":
        while True:
            made = tool_conversation(source)
            calls = [index for index, message in enumerate(made["messages"]) if message.get("tool_calls")]
            if calls:
                return {"messages": made["messages"][: calls[0]], "tools": made["tools"]}, []
    if kind == "three turns":
        memory = make_memory(source, source.pick(("name", "name", "city", "food", "code")))
        opening = f"{memory['state']} {source.pick((capital, opposite, fact))(source, 'Pocket')[0]}"
        middle = source.pick((tips(source, "Pocket")[0], extraction_turn(source)[0], extraction_turn(source)[0]))
        return {"messages": [{"role": "user", "content": opening}]}, [middle, memory["ask"]]
    asks = (
        story(source)[0],
        story(source)[0],
        extraction_turn(source)[0],
        "Show me an example.",
        tips(source, "Pocket")[0],
    )
    return {"messages": [{"role": "user", "content": source.pick(asks)}]}, []


def run(decode: Greedy, made: Conversation, later: list[str]) -> list[dict[str, Any]]:
    """Generate every assistant turn in sequence; each turn records its whole prompt."""
    tokenizer = decode.tokenizer
    prompt = tokenizer.encode(prompt_text(made)).ids
    turns = []
    for question in [None, *later]:
        if question is not None:
            # What a chat engine does: close the turn, append the next message, keep all earlier tokens.
            said = turns[-1]["tokens"]
            closing = [] if said[-1] == decode.end else [decode.end]
            follow = tokenizer.encode(f"\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n").ids
            prompt = turns[-1]["prompt"] + said + closing + follow
        # All but the last turn run to their end, so that the history is what a user would see.
        turns.append({"prompt": prompt, "user": question, **decode(prompt, 200 if later else NEW_TOKENS, MARGIN)})
        if turns[-1]["steps"][-1]["margin"] < MARGIN:
            break
    return turns


def acceptable(turns: list[dict[str, Any]], kind: str, limit: float = MARGIN) -> bool:
    """Say whether every margin is large enough, and the answers long enough to be a test."""
    total = sum(len(turn["tokens"]) for turn in turns)
    smallest = min(step["margin"] for turn in turns for step in turn["steps"])
    long_enough = kind != "long" or len(turns[0]["prompt"]) > 256
    return total >= SHORTEST and smallest > limit and long_enough


def shared_prefix(one: list[int], other: list[int]) -> int:
    """Return how many tokens two answers share from their start."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def q8_tokens(session: Any, prompt: list[int], limit: int, end: int) -> list[int]:
    """Return the greedy answer of an ONNX session with a key-value cache."""
    names = [value.name for value in session.get_inputs()]
    shape = (1, CONFIG.num_key_value_heads, 0, CONFIG.head_dim)
    cache = {name: np.zeros(shape, np.float32) for name in names if name.startswith("past")}
    outputs = [value.name for value in session.get_outputs()]
    tokens: list[int] = []
    fresh, start = prompt, 0
    while len(tokens) < limit:
        total = start + len(fresh)
        feeds: dict[str, Any] = {
            "input_ids": np.array([fresh], np.int64),
            "attention_mask": np.ones((1, total), np.int64),
        }
        if "position_ids" in names:
            feeds["position_ids"] = np.arange(start, total, dtype=np.int64)[None]
        results = dict(zip(outputs, session.run(None, feeds | cache), strict=True))
        cache = {
            name.replace("present", "past_key_values"): value for name, value in results.items() if "present" in name
        }
        start = total
        fresh = [int(results["logits"][0, -1].argmax())]
        tokens += fresh
        if fresh[0] == end:
            break
    return tokens


def agreement(title: str, pairs: list[tuple[list[int], list[int]]]) -> None:
    """Print how far two sets of answers to the same prompts agree."""
    shared = sum(shared_prefix(one, other) for one, other in pairs)
    total = sum(len(one) for one, _ in pairs)
    same = sum(one == other for one, other in pairs)
    print(
        f"{title}: {same} of {len(pairs)} answers identical; {shared / total:.1%} of tokens before the first difference"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, default=DIST)
    options = parser.parse_args()
    torch.set_num_threads(2)
    state = {name: torch.from_numpy(value) for name, value in load_master(options.dist).items()}
    exact, four_bit = Greedy(state), Greedy(quantize_state(state))
    tokenizer = exact.tokenizer
    kinds = ["three turns"] * THREE_TURNS + ["long"] * LONG_PROMPTS
    kinds += ["single"] * (CONVERSATIONS - len(kinds))
    source = Source(2026, held_out=True)
    records: dict[str, list[dict[str, Any]]] = {"float": [], "q4": []}
    taken: set[str] = set()
    for index, kind in enumerate(kinds):
        for _ in range(400):
            made, later = candidates(source, kind)
            asked = made["messages"][-1]["content"]
            if len(prompt_text(made)) > 3600 or asked in taken:
                continue
            # Ask both: a prompt is taken only if float and 4-bit weights are both sure of themselves.
            results = {}
            for name, decode in (("float", exact), ("q4", four_bit)):
                results[name] = run(decode, made, later)
                if not acceptable(results[name], kind):
                    break
            else:
                break
        else:
            raise ValueError(f"no prompt of kind {kind!r} with margins above {MARGIN!r}")
        taken.add(asked)
        print(f"{index + 1:2d} {kind:12s}:", made["messages"][-1]["content"][:70], flush=True)
        for name, turns in results.items():
            record = {"id": f"{index + 1:02d}", "kind": kind, "messages": made["messages"], "tools": made.get("tools")}
            for turn in turns:
                turn["text"] = tokenizer.decode(turn["tokens"], skip_special_tokens=True)
                turn["smallest_margin"] = min(step["margin"] for step in turn["steps"])
            records[name].append(record | {"later_user_messages": later, "turns": turns})
    FOLDER.mkdir(exist_ok=True)
    for name, conversations in records.items():
        lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in conversations)
        (FOLDER / f"{name}.json").write_text(f'{{"weights":"{name}","conversations":[\n{lines}\n]}}\n')

    import onnxruntime

    flat = [turn for record in records["float"] for turn in record["turns"]]
    fresh4 = [four_bit(turn["prompt"], len(turn["tokens"])) for turn in flat]
    agreement(
        "q4 against float, same prompts", [(turn["tokens"], f["tokens"]) for turn, f in zip(flat, fresh4, strict=True)]
    )
    # The same on prompts that were not chosen for their margins.
    anything = Source(4052, held_out=True)
    prompts = []
    for made in (conversation(anything) for _ in range(60)):
        first = [message["role"] for message in made["messages"]].index("assistant")
        prompts.append(tokenizer.encode(prompt_text(made | {"messages": made["messages"][:first]})).ids)
    unchosen = [(prompt, exact(prompt)["tokens"]) for prompt in prompts if len(prompt) < 1200]
    pairs = [(tokens, four_bit(prompt)["tokens"]) for prompt, tokens in unchosen]
    agreement("q4 against float, any prompts", pairs)
    for file in ("model", "model_quantized"):
        session = onnxruntime.InferenceSession(str(options.dist / "onnx" / f"{file}.onnx"))
        pairs = [(turn["tokens"], q8_tokens(session, turn["prompt"], len(turn["tokens"]), exact.end)) for turn in flat]
        agreement(f"onnx/{file}.onnx against float", pairs)
        pairs = [(tokens, q8_tokens(session, prompt, NEW_TOKENS, exact.end)) for prompt, tokens in unchosen]
        agreement(f"onnx/{file}.onnx against float, any prompts", pairs)


if __name__ == "__main__":
    main()
