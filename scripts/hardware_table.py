"""Prints the table of docs/hardware.md: what the catalog's models need, smallest first.

    python scripts/hardware_table.py            prints it
    python scripts/hardware_table.py --write    puts it into docs/hardware.md

tests/wire/docs/test_docs_site.py fails when the page has another table than the catalog gives.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from browserllm._internal.formatting import memory_text, size_text
from browserllm.models import Artifact, Catalog, ModelCard

PAGE = Path(__file__).parents[1] / "docs" / "hardware.md"
BEGIN, END = "<!-- table: scripts/hardware_table.py -->\n", "<!-- end of table -->\n"

# One model for each family and size; the others of a size need about the same.
MODELS = (
    "all-MiniLM-L6-v2", "SmolLM2-135M-Instruct", "SmolVLM-256M-Instruct", "SmolLM2-360M-Instruct",
    "Qwen2.5-0.5B-Instruct", "Qwen3-0.6B", "Qwen3.5-0.8B", "gemma3-1b-it", "Llama-3.2-1B-Instruct",
    "Qwen2.5-1.5B-Instruct", "Qwen3-1.7B", "Qwen3.5-2B", "gemma-2-2b-it", "Llama-3.2-3B-Instruct",
    "Ministral-3-3B-Instruct-2512-BF16", "Phi-4-mini-instruct", "Qwen3-4B", "Qwen3.5-4B", "Mistral-7B-Instruct-v0.3",
    "Qwen2.5-7B-Instruct", "Llama-3.1-8B-Instruct", "Qwen3-8B", "Qwen3.5-9B", "Llama-2-13b-chat-hf",
    "Llama-3.1-70B-Instruct",
)  # fmt: skip


def _cell(builds: Iterable[Artifact], *, memory: bool) -> str:
    """Return the need of the first of these builds: of those with equal weights, the one with the longest context."""
    ordered = sorted(builds, key=lambda build: -(build.context_window or 0))
    if not ordered:
        return ""
    first = ordered[0]
    text = memory_text(first.vram_mb) if memory and first.vram_mb else size_text(first.download_bytes or 0)
    return f"{text} `{first.quantization or first.dtype}`"


def row(card: ModelCard) -> str:
    """Return a model's line: size, download, memory with f16 and with f32, download for the CPU."""
    webllm = [build for build in card.artifacts if build.engine == "webllm"]
    f16 = [build for build in webllm if build.quantization in ("q4f16_1", "q3f16_1")]
    f16 = f16 or [build for build in webllm if build.quantization == "q0f16"]
    f32 = [build for build in webllm if build.quantization == "q4f32_1"]
    f32 = f32 or [build for build in webllm if build.quantization == "q0f32"]
    onnx = [build for build in card.artifacts if build.engine == "transformersjs"]
    cpu = [build for build in onnx if build.device == "wasm"]
    gpu = [build for build in onnx if build.device == "webgpu" and build.dtype in ("q4f16", "fp16")]
    sizes = [build.download_bytes for build in f16 or f32 or gpu if build.download_bytes]
    parameters = card.parameters or 0
    size = f"{parameters / 1e9:.1f} billion" if parameters >= 1e9 else f"{parameters / 1e6:.0f} million"
    cells = (
        f"`{card.id}`", size, size_text(sizes[0]), _cell(f16, memory=True), _cell(f32, memory=True),
        _cell(cpu, memory=False),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def table() -> str:
    """Return the whole table."""
    catalog = Catalog()
    cards = sorted((catalog.get(name) for name in MODELS), key=lambda card: card.parameters or 0)
    head = (
        "| model | parameters | download for the GPU | GPU memory, f16 | GPU memory, f32 | download for the CPU |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(map(row, cards))


def page(text: str) -> str:
    """Return the page with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(table())
