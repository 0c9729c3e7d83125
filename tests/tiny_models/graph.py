"""What both models are made with: an ONNX graph, JSON files, a tokenizer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
Array = np.ndarray[Any, Any]


class Graph:
    """An ONNX graph under construction: call an operator by its name, get its output's name."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, value: Any, kind: Any = np.float32) -> str:
        """Keep a constant."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def ints(self, *values: int) -> str:
        """Keep some whole numbers, as shapes and axes are."""
        return self.weight(values, np.int64)

    def __call__(self, op: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """Add a node."""
        out = to or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], name=f"{op}_{len(self.nodes)}", **attributes))
        return out

    def cast(self, x: str, kind: int) -> str:
        """Convert to another type of number."""
        out = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [x], [out], name=f"Cast_{len(self.nodes)}", to=kind))
        return out

    def linear(self, x: str, weight: Array, bias: Array | None = None) -> str:
        """Multiply by a matrix [in, out] and add."""
        y = self("MatMul", x, self.weight(weight))
        return y if bias is None else self("Add", y, self.weight(bias))

    def save(self, path: Path, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Check and write the graph."""
        graph = helper.make_graph(self.nodes, "tiny", inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())


def value(name: str, kind: int, *shape: int | str) -> Any:
    """Describe an input or an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def write(path: Path, data: Any) -> None:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def tokenizer(words: Sequence[str], specials: Sequence[str], ends: tuple[str, str] | None) -> dict[str, Any]:
    """Return a tokenizer.json that knows whole words and single letters; ``ends`` stand around every text."""
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*specials, *words]))}
    processor = None
    if ends is not None:
        first, last = ends
        special = {each: {"id": each, "ids": [vocabulary[each]], "tokens": [each]} for each in ends}
        around = [{"SpecialToken": {"id": first, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
        around.append({"SpecialToken": {"id": last, "type_id": 0}})
        processor = {"type": "TemplateProcessing", "single": around, "pair": around, "special_tokens": special}
    added = [
        {"id": vocabulary[each], "content": each, "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        for each in specials
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": processor,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }
