"""Extras: what the site's manifest lists is fetched, checked and unpacked, or nothing is."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.errors import IntegrityError
from browserllm.page.extras import load_extra, unpack_extra


def packed(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return out.getvalue()


class Site:
    """Serves a manifest with one extra of two packages."""

    def __init__(self) -> None:
        self.files = {"extras/e/one.zip": packed(one="1"), "extras/e/two.zip": packed(two="2")}
        listed = [{"file": name, "sha256": hashlib.sha256(content).hexdigest()} for name, content in self.files.items()]
        self.manifest = {"archive": {}, "extras": {"e": listed}}
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        path = url.removeprefix("https://site/python/").partition("?")[0]
        return json.dumps(self.manifest).encode() if path == "manifest.json" else self.files[path]


async def test_an_extra_is_fetched_by_its_hashes_and_unpacked(tmp_path: Path) -> None:
    site = Site()
    await unpack_extra("e", "https://site/python/", str(tmp_path), site.fetch)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.py", "two.py"]
    digest = site.manifest["extras"]["e"][0]["sha256"]
    assert site.fetched[1] == f"https://site/python/extras/e/one.zip?{digest[:16]}"


async def test_a_changed_file_unpacks_nothing(tmp_path: Path) -> None:
    site = Site()
    site.files["extras/e/two.zip"] = packed(two="other")
    with pytest.raises(IntegrityError, match=r"extras/e/two\.zip"):
        await unpack_extra("e", "https://site/python/", str(tmp_path), site.fetch)
    assert list(tmp_path.iterdir()) == []


async def test_an_unknown_extra_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(bl.InvalidRequest, match="unknown extra 'f'; this site has: e") as raised:
        await unpack_extra("f", "https://site/python/", str(tmp_path), Site().fetch)
    assert raised.value.data["parameter"] == "name"


@pytest.mark.skipif(sys.platform == "emscripten", reason="a page loads it")
async def test_a_process_leaves_packages_to_pip() -> None:
    await load_extra("anything")
