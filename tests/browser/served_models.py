"""Models on a `FaultServer`: one of noise, to be downloaded and compared, and the pocket model, to be run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import browserllm as bl
from fault_server import Content, Fault, FaultServer

POCKET = Path(__file__).parents[2] / "models" / "pocket" / "dist"


@dataclass(frozen=True)
class ServedFile:
    """A file of a model, as an order to download it."""

    url: str
    cache: str
    content: Content

    def order(self, promise: Literal["hash", "size", "none"] = "hash") -> dict[str, Any]:
        """The file as the page's ``download`` takes it, with what its manifest promises."""
        order: dict[str, Any] = {"url": self.url, "cache": self.cache}
        if promise != "none":
            order["size_bytes"] = self.content.size
        if promise == "hash":
            order["hash"] = {"algorithm": "md5", "value": self.content.digest("md5")}
        return order


def noise_model(
    server: FaultServer, folder: str, shards: Sequence[int] = (300_000, 120_000), faults: Sequence[Fault] = ()
) -> list[ServedFile]:
    """Serve a model in WebLLM's layout whose weights are noise; the faults are the first shard's."""
    base = f"{folder}/resolve/main/"
    weights = [Content.generated(size, seed=number) for number, size in enumerate(shards)]
    records = [
        {"dataPath": f"params_shard_{number}.bin", "nbytes": shard.size, "md5sum": shard.digest("md5"), "records": []}
        for number, shard in enumerate(weights)
    ]
    config = {"model_type": "llama", "tokenizer_files": ["tokenizer.json"], "context_window_size": 2048}
    files = {
        "mlc-chat-config.json": ("webllm/config", Content(json.dumps(config).encode())),
        "tokenizer.json": ("webllm/model", Content(json.dumps({"version": "1.0", "model": {}}).encode())),
        "tensor-cache.json": ("webllm/model", Content(json.dumps({"metadata": {}, "records": records}).encode())),
        "model.wasm": ("webllm/wasm", Content(b"\0asm\x01\0\0\0" + bytes(20_000))),
    }
    files |= {str(record["dataPath"]): ("webllm/model", shard) for record, shard in zip(records, weights, strict=True)}
    return [
        ServedFile(server.add(base + name, content, *(faults if name == "params_shard_0.bin" else ())), cache, content)
        for name, (cache, content) in files.items()
    ]


def noise_card(server: FaultServer, folder: str) -> bl.models.ModelCard:
    """The card of a model that `noise_model` serves: it can be downloaded, and no engine would run it."""
    url = f"{server.origin}{folder}/resolve/main/"
    artifact = bl.models.Artifact(engine="webllm", device="webgpu", url=url, library=f"{url}model.wasm")
    return bl.models.ModelCard(id=folder.strip("/"), artifacts=[artifact])


def pocket_model(server: FaultServer, folder: str, *faults: Fault) -> bl.models.ModelCard:
    """Serve the pocket model from another origin than the site's; its manifest has hashes, every file the faults.

    Its artifacts are those of the built-in card under other addresses.
    """
    base = f"{folder}/resolve/main/"
    for file in sorted(each for each in POCKET.rglob("*") if each.is_file()):
        data = file.read_bytes()
        if file.name == "tensor-cache.json":
            data = _with_hashes(data)
        server.add(base + file.relative_to(POCKET).as_posix(), data, *faults)
    built_in = bl.models.Catalog().get("pocket")
    url = server.origin + base
    artifacts = [
        bl.models.Artifact(
            engine=artifact.engine,
            device=artifact.device,
            url=url,
            library=f"{url}pocket.wasm" if artifact.library else None,
            dtype=artifact.dtype,
        )
        for artifact in built_in.artifacts
    ]
    return bl.models.ModelCard(id=folder.strip("/"), artifacts=artifacts, context_window=built_in.context_window)


def _with_hashes(manifest: bytes) -> bytes:
    content = json.loads(manifest)
    for record in content["records"]:
        shard = (POCKET / record["dataPath"]).read_bytes()
        record["md5sum"] = hashlib.md5(shard, usedforsecurity=False).hexdigest()
    return json.dumps(content).encode()
