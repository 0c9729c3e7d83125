"""Models of one's own in a real browser: a folder of this machine, on both engines, and kept for the next run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.models.custom import add_custom
from browserllm.models.downloads.download import start_download
from in_page import SITE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pocket model as anybody would have one: a folder, here with a blank in its name."""
    (pocket,) = (SITE / "models" / "pocket" / "resolve").iterdir()
    return Path(shutil.copytree(pocket, tmp_path_factory.mktemp("models") / "My model"))


async def test_a_folder_is_downloaded_once_and_answers_in_the_next_run_without_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both engines; the second run has the same addresses and asks for nothing but the manifest's look-up."""
    profile = tmp_path / "profile"
    async with bl.connect(profile=profile) as host:
        card = await add_custom(host, folder)
        assert [(a.engine, a.device) for a in card.artifacts] == [
            ("webllm", "webgpu"),
            ("transformersjs", "webgpu"),
            ("transformersjs", "wasm"),
        ]
        for artifact in card.artifacts:
            result = await start_download(host, artifact, model=card.id)
            assert result.size_bytes == artifact.download_bytes
            assert {file.verified for file in result.files} <= {"hash", "size", "stored"}
        first = card.artifacts
    gone = folder.rename(folder.with_name("gone"))
    folder.mkdir()
    try:
        async with bl.connect(profile=profile) as host:
            # The folder is empty now: whatever answers comes from the caches.
            assert host.share_folder(folder) == first[0].url
            for artifact in (first[0], first[2]):
                own = bl.models.ModelCard(id="own", artifacts=[artifact])
                llm = bl.LocalBackend(host, "own", catalog=bl.models.Catalog([own]))
                assert (await llm.complete("Hello", max_tokens=4)).usage.completion_tokens > 0
                assert [hop.reason for hop in (await llm.models.load("own")).route] == []
                await llm.models.unload("own")
    finally:
        folder.rmdir()
        gone.rename(folder)


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_a_snapshot_in_hugging_faces_cache_is_a_folder_too(folder: Path, tmp_path: Path) -> None:
    """Its files are links into the blobs beside it; the model has its own name, is whole, and answers."""
    model = tmp_path / "hub" / "models--org--Tiny"
    snapshot = model / "snapshots" / ("5f" * 20)
    (model / "blobs").mkdir(parents=True)
    files = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    for number, name in enumerate(files):
        blob = Path(shutil.copy(folder / name, model / "blobs" / f"{number:064x}"))
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(os.path.relpath(blob, (snapshot / name).parent))
    async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
        manager = bl.ModelManager(host)
        card = await manager.add(snapshot)
        assert card.id == "Tiny"
        llm = bl.LocalBackend(host, card.id, catalog=manager.catalog, device="wasm")
        assert (await llm.complete("Hello", max_tokens=4)).usage.completion_tokens > 0
        whole = [kept for kept in (await manager.storage()).models if kept.complete]
        assert [(kept.model, kept.engine) for kept in whole] == [("Tiny", "transformersjs")]


async def test_a_headless_browser_does_not_ask_for_a_folder(tmp_path: Path) -> None:
    """It says at once what to do, instead of showing a prompt that the user cannot see; the rest goes on."""
    async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
        with pytest.raises(bl.Unavailable, match=r"models\.add\(folder\), or .* connect\(visible=True\)") as caught:
            await bl.ModelManager(host).add()
        assert caught.value.reason == "no_window"
        assert "persisted" in await host.call("persist")


async def test_a_file_that_is_cut_short_is_named(folder: Path, tmp_path: Path) -> None:
    """With both sizes, before anything is loaded; nothing of it stays in the browser."""
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    shard = broken / "params_shard_0.bin"
    promised = shard.stat().st_size
    os.truncate(shard, 12)
    (broken / "linked.json").symlink_to("/etc/passwd")
    async with bl.connect(profile=tmp_path / "profile", webgpu="off") as host:
        expected = rf"params_shard_0\.bin has 12 bytes, but tensor-cache\.json lists {promised:,}"
        with pytest.raises(bl.errors.IntegrityError, match=expected):
            await add_custom(host, broken)
        assert (await host.call("stored"))["entries"] == []
        url = host.share_folder(broken)
        with pytest.raises(bl.errors.DownloadInterrupted, match="403") as caught:
            await host.call("read_file", {"url": url + "linked.json", "cache": "webllm/config"})
        assert caught.value.data["reason"] == "refused"
