"""The committed pocket model: what the manifest says, no more, no less, and within its size."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from browserllm.models import Catalog
from browserllm.models.catalog.pocket_version import POCKET_VERSION

POCKET = Path(__file__).parents[2] / "models" / "pocket"
LIMIT_BYTES = 12_000_000
"""All artifacts together, from the design."""


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """models/pocket/manifest.py as a module."""
    monkeypatch.syspath_prepend(str(POCKET))
    spec = importlib.util.spec_from_file_location("pocket_manifest", POCKET / "manifest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "pocket_manifest", module)
    spec.loader.exec_module(module)
    return module


def test_every_committed_file_is_what_the_manifest_says(builder: ModuleType) -> None:
    """Names, sizes and hashes of all files equal the committed manifest."""
    assert builder.describe() == json.loads((POCKET / "dist" / "manifest.json").read_text())


def test_a_changed_missing_or_added_file_is_noticed(builder: ModuleType, tmp_path: Path) -> None:
    """The description of a folder changes with any byte, name or file."""
    (tmp_path / "a").write_text("one")
    seen = [builder.describe(tmp_path)]
    (tmp_path / "a").write_text("two")
    seen.append(builder.describe(tmp_path))
    (tmp_path / "b").write_text("two")
    seen.append(builder.describe(tmp_path))
    (tmp_path / "a").unlink()
    seen.append(builder.describe(tmp_path))
    assert len({entry["version"] for entry in seen}) == len(seen)


def test_the_package_serves_this_very_model(builder: ModuleType) -> None:
    """The addresses in the catalog carry the version of the committed files, so that no cache mixes two models."""
    version = builder.describe()["version"]
    assert version == POCKET_VERSION
    for artifact in Catalog().get("pocket").artifacts:
        assert f"/resolve/{version}/" in artifact.url


def test_the_artifacts_keep_their_size(builder: ModuleType) -> None:
    """All artifacts together are within 12 MB, and TVM's licence and notice lie beside the library that links it."""
    files = builder.describe()["files"]
    assert sum(entry["bytes"] for entry in files.values()) <= LIMIT_BYTES
    for wanted in ("LICENSE-TVM.txt", "NOTICE-TVM.txt", "pocket.wasm", "onnx/model.onnx", "onnx/model_quantized.onnx"):
        assert wanted in files
