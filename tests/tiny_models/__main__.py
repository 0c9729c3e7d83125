"""Writes two tiny real models for Transformers.js into `tests/tiny`, whose files are generated and committed.

Anew, in an environment of its own (the files come out the same, byte for byte):

    python3 -m venv tiny && tiny/bin/pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1
    tiny/bin/python tests/tiny_models
"""

from __future__ import annotations

import sys
from pathlib import Path

from embedding import make_embedding
from vision import make_vision

OUT = Path(__file__).parents[1] / "tiny"

make_embedding(OUT / "embedding" / "resolve" / "main")
make_vision(OUT / "vision" / "resolve" / "main")
for file in sorted(each for each in OUT.rglob("*") if each.is_file()):
    sys.stdout.write(f"{file.stat().st_size:7,} {file.relative_to(OUT)}\n")
