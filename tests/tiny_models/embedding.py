"""A BERT of two layers with random weights, and the vectors that numpy makes of some texts with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from graph import FLOAT, INT, Array, Graph, tokenizer, value, write

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
BERT_WORDS = [
    "the",
    "a",
    "fox",
    "dog",
    "runs",
    "sleeps",
    "quick",
    "lazy",
    "over",
    "under",
    "is",
    "and",
    "moon",
    ".",
    "?",
]
BERT_WORDS += [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
WIDTH, HEADS, LAYERS, INNER, POSITIONS = 16, 2, 2, 32, 32
TEXTS = ["the quick fox runs over the lazy dog .", "a dog sleeps", "Is the moon a fox?", "xyz", "The Fox"]


def vocabulary() -> dict[str, Any]:
    """Return its tokenizer.json."""
    return tokenizer(BERT_WORDS, ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], ("[CLS]", "[SEP]"))


def random_weights(count: int) -> tuple[dict[str, Array], list[dict[str, Array]]]:
    """Return the tables of ``count`` words and the layers, always the same."""
    random = np.random.default_rng(7)

    def matrix(*shape: int) -> Array:
        return random.normal(0, 0.5, shape).astype(np.float32)

    tables = {"token": matrix(count, WIDTH), "position": matrix(POSITIONS, WIDTH), "kind": matrix(2, WIDTH)}
    layers = [
        {name: matrix(WIDTH, WIDTH) for name in ("query", "key", "value", "out")}
        | {"up": matrix(WIDTH, INNER), "down": matrix(INNER, WIDTH)}
        | {f"{name}_bias": matrix(WIDTH) for name in ("query", "key", "value", "out", "down")}
        | {"up_bias": matrix(INNER), "norm1": 1 + matrix(WIDTH) / 5, "norm2": 1 + matrix(WIDTH) / 5}
        for _ in range(LAYERS)
    ]
    return tables, layers


def make_embedding(folder: Path) -> None:
    """Write a BERT, and what it makes of some texts by numpy alone."""
    words = vocabulary()
    count = len(words["model"]["vocab"])
    tables, layers = random_weights(count)
    write_bert(folder / "onnx" / "model.onnx", tables, layers)
    write(folder / "tokenizer.json", words)
    write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "unk_token": "[UNK]", "pad_token": "[PAD]"},
    )
    config = {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": count, "hidden_size": WIDTH}
    config |= {"num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "intermediate_size": INNER}
    write(folder / "config.json", config | {"max_position_embeddings": POSITIONS, "type_vocab_size": 2})
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True})
    names = ["Transformer", "Pooling", "Normalize"]
    write(
        folder / "modules.json",
        [{"idx": n, "name": str(n), "type": f"sentence_transformers.models.{name}"} for n, name in enumerate(names)],
    )
    expected = []
    session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")
    for text in TEXTS:
        ids = word_ids(text, words["model"]["vocab"])
        states = bert(ids, tables, layers)
        feeds = {"input_ids": [ids], "attention_mask": [[1] * len(ids)], "token_type_ids": [[0] * len(ids)]}
        (ran,) = session.run(None, {name: np.array(data, np.int64) for name, data in feeds.items()})
        assert np.abs(np.asarray(ran)[0] - states).max() < 1e-4, "the graph is not what numpy computes"
        mean = states.mean(0)
        vectors = {"vector": mean / np.linalg.norm(mean), "first": states[0]}
        rounded = {name: vector.astype(float).round(6).tolist() for name, vector in vectors.items()}
        expected.append({"text": text, "tokens": len(ids), **rounded})
    write(folder / "expected.json", expected)


def word_ids(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Tokenize as WordPiece does."""
    ids = [vocabulary["[CLS]"]]
    for word in text.lower().replace("?", " ? ").replace(".", " . ").split():
        start = 0
        while start < len(word):
            pieces = [("" if start == 0 else "##") + word[start:end] for end in range(len(word), start, -1)]
            piece = next(each for each in pieces if each in vocabulary)
            ids.append(vocabulary[piece])
            start += len(piece.removeprefix("##"))
    return [*ids, vocabulary["[SEP]"]]


def bert(ids: list[int], tables: dict[str, Array], layers: list[dict[str, Array]]) -> Array:
    """Compute the last hidden states [tokens, width] with numpy."""

    def norm(x: Array, scale: Array) -> Array:
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale

    x = tables["token"][ids] + tables["position"][: len(ids)] + tables["kind"][0]
    for layer in layers:

        def heads(name: str, x: Array = x, layer: dict[str, Array] = layer) -> Array:
            return (x @ layer[name] + layer[f"{name}_bias"]).reshape(len(ids), HEADS, -1).transpose(1, 0, 2)

        scores = heads("query") @ heads("key").transpose(0, 2, 1) / np.sqrt(WIDTH / HEADS)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True)) @ heads("value")
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), WIDTH)
        x = norm(x + mixed @ layer["out"] + layer["out_bias"], layer["norm1"])
        x = norm(
            x + np.maximum(x @ layer["up"] + layer["up_bias"], 0) @ layer["down"] + layer["down_bias"], layer["norm2"]
        )
    return x


def write_bert(path: Path, tables: dict[str, Array], layers: list[dict[str, Array]]) -> None:
    """Write the same as a graph."""
    g = Graph()
    shape = g("Shape", "input_ids")
    length = g("Gather", shape, g.weight(1, np.int64))
    places = g("Range", g.weight(0, np.int64), length, g.weight(1, np.int64))
    x = g("Add", g("Gather", g.weight(tables["token"]), "input_ids"), g("Gather", g.weight(tables["position"]), places))
    x = g("Add", x, g("Gather", g.weight(tables["kind"]), "token_type_ids"))
    mask = g("Sub", g.weight(1.0), g.cast("attention_mask", FLOAT))
    away = g("Unsqueeze", g("Mul", mask, g.weight(-1e9)), g.ints(1, 2))
    for layer in layers:
        split, joined = g.ints(0, 0, HEADS, WIDTH // HEADS), g.ints(0, 0, WIDTH)

        def heads(name: str, perm: list[int], x: str = x, layer: dict[str, Array] = layer, split: str = split) -> str:
            return g("Transpose", g("Reshape", g.linear(x, layer[name], layer[f"{name}_bias"]), split), perm=perm)

        scores = g("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
        scores = g("Add", g("Mul", scores, g.weight((WIDTH / HEADS) ** -0.5)), away)
        mixed = g("MatMul", g("Softmax", scores, axis=-1), heads("value", [0, 2, 1, 3]))
        mixed = g("Reshape", g("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
        zero = g.weight(np.zeros(WIDTH))
        x = g("Add", x, g.linear(mixed, layer["out"], layer["out_bias"]))
        x = g("LayerNormalization", x, g.weight(layer["norm1"]), zero, axis=-1, epsilon=1e-5)
        inner = g("Relu", g.linear(x, layer["up"], layer["up_bias"]))
        x = g("Add", x, g.linear(inner, layer["down"], layer["down_bias"]))
        x = g("LayerNormalization", x, g.weight(layer["norm2"]), zero, axis=-1, epsilon=1e-5)
    g("Identity", x, to="last_hidden_state")
    ids = [
        value(name, INT, "batch_size", "sequence_length") for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    g.save(path, ids, [value("last_hidden_state", FLOAT, "batch_size", "sequence_length", WIDTH)])
