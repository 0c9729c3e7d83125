"""Writing the site into a folder where others may have put something."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.cli.build import MARKER, copy_site


@pytest.mark.parametrize("name", ["index.html", "assets/engine.mjs", MARKER])
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "hard link"])
def test_a_link_or_pipe_in_a_files_place_is_replaced(tmp_path: Path, site: Path, name: str, kind: str) -> None:
    """A link is not followed, and a pipe does not block."""
    target = tmp_path / "target"
    place = target / name
    place.parent.mkdir(parents=True)
    (target / "unknown").touch()
    elsewhere = tmp_path / "elsewhere"
    if kind != "dangling":
        elsewhere.write_text("precious")
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "hard link":
        os.link(elsewhere, place)
    else:
        place.symlink_to(elsewhere)
    if name == MARKER and kind in {"link", "hard link"}:
        # Then it claims to be the list of an earlier run, and is no such list.
        with pytest.raises(bl.InvalidRequest, match="does not list files"):
            copy_site(site, target, force=True)
    else:
        copy_site(site, target, force=True)
        assert place.is_file() and not place.is_symlink()
        assert (target / "index.html").read_bytes() == (site / "index.html").read_bytes()
    assert elsewhere.exists() == (kind != "dangling")
    assert kind == "dangling" or elsewhere.read_text() == "precious"


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, site: Path) -> None:
    """Nothing is written outside of the folder that was named."""
    (tmp_path / "target").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target" / "assets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(bl.InvalidRequest, match="leads out of"):
        copy_site(site, tmp_path / "target", force=True)
    assert list((tmp_path / "elsewhere").iterdir()) == []
