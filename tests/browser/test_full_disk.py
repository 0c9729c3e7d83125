"""A full disk: Chromium tells a site of gigabytes that are not there; our errors tell of the bytes that are."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from pathlib import Path

import pytest

import browserllm as bl
from browserllm._internal.formatting import size_text
from small_disk import DISK_MB, leave_free

FILE_BYTES = 40 * 1024 * 1024


def test_a_full_disk_is_named_with_the_bytes_that_are_free(small_disk: Path, tmp_path: Path) -> None:
    """Before a download where it can be known, else when the disk takes no more: a file, a cache entry or a value."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "a.bin").write_bytes(os.urandom(FILE_BYTES))

    async def fails(host: bl.Host, op: str, args: dict[str, object]) -> bl.errors.QuotaExceeded:
        with pytest.raises(bl.errors.QuotaExceeded) as caught:
            await host.call(op, args)
        return caught.value

    async def main() -> None:
        async with bl.connect(profile=small_disk / "profile", webgpu="off") as host:
            url = host.share_folder(model)
            # For the whole file as it comes, and for its second copy, in the cache.
            for free_mb in (20, 60):
                leave_free(small_disk, free_mb * 1024 * 1024)
                storage = await bl.ModelManager(host).storage()
                assert storage.available_bytes is not None
                assert abs(storage.available_bytes - shutil.disk_usage(small_disk).free) < 2**20
                facts = (await host.probe(refresh=True)).storage
                assert facts.quota is not None and facts.quota < DISK_MB * 2**20
                order = {"files": [{"url": f"{url}a.bin?{free_mb}", "cache": "transformers-cache"}]}
                error = await fails(host, "download", order)
                free = error.data["available_bytes"]
                assert 0 <= free <= free_mb * 2**20
                assert f"has {size_text(free)} free" in error.message
                assert "are left" not in error.message
            leave_free(small_disk, 2**20)
            noise = base64.b64encode(os.urandom(6_000_000)).decode()  # the browser packs what it can
            value = {"name": "test", "action": "put", "key": "k", "value": noise}
            assert (await fails(host, "values", value)).data["available_bytes"] <= 2**20
            # With room again, all of it works.
            (small_disk / "junk").unlink()
            assert await host.call("values", value) == {}

    asyncio.run(main())
