"""Profiles: one process at a time, a temporary one if the shared one is in use, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.page.chrome import profile as profile_module
from browserllm.page.chrome.profile import default_folder, open_profile, temporary_root


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own cache folder, which also has the temporary profiles."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(profile_module, "LOCK_WAIT_S", 0)


def temporary_folders() -> list[Path]:
    return sorted(path for path in temporary_root().iterdir() if path.is_dir())


def test_the_default_profile_is_kept() -> None:
    """It is in the user's cache folder, and the next host uses it again."""
    held, notice = open_profile()
    assert (held.folder, held.temporary, notice) == (default_folder(), False, None)
    (held.folder / "cached").touch()
    held.release()
    again, _ = open_profile()
    assert (again.folder / "cached").exists()
    again.release()


def test_a_default_profile_in_use_gives_a_temporary_one(tmp_path: Path) -> None:
    """The second host uses its own profile, has a notice about it, and deletes it at the end."""
    first, _ = open_profile()
    second, notice = open_profile()
    assert second.temporary
    assert notice is not None
    assert "temporary" in notice
    assert str(first.folder) in notice
    assert temporary_folders() == [second.folder]
    second.release()
    second.release()
    assert temporary_folders() == []
    first.release()


def test_a_named_profile_in_use_is_an_error(tmp_path: Path) -> None:
    """A named profile is never replaced: the error has its path and what to do."""
    folder = tmp_path / "mine"
    held, _ = open_profile(folder)
    with pytest.raises(bl.Unavailable) as caught:
        open_profile(str(folder))
    assert caught.value.reason == "profile_in_use"
    assert str(folder) in str(caught.value)
    assert "choose another folder" in str(caught.value)
    held.release()
    open_profile(folder)[0].release()


def test_the_error_for_the_default_profile_by_name_does_not_advise_to_leave_it_out(tmp_path: Path) -> None:
    """Commands name it if a temporary one is useless; their user gave no profile that could be left out."""
    held, _ = open_profile()
    with pytest.raises(bl.Unavailable) as caught:
        open_profile(held.folder)
    assert "which all programs of this user share, is in use" in str(caught.value)
    assert str(caught.value).endswith("end that process, or choose another folder with the profile option")
    held.release()
    mine, _ = open_profile(tmp_path / "mine")
    with pytest.raises(bl.Unavailable, match="or leave it out"):
        open_profile(tmp_path / "mine")
    mine.release()


def test_a_profile_that_becomes_free_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that is exiting gets time to do so."""
    monkeypatch.setattr(profile_module, "LOCK_WAIT_S", 60)
    first, _ = open_profile()
    monkeypatch.setattr(profile_module.time, "sleep", lambda _: first.release())
    second, notice = open_profile()
    assert (second.folder, notice) == (first.folder, None)
    second.release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A killed process leaves no lock behind."""
    folder = tmp_path / "mine"
    code = f"from browserllm.page.chrome import profile; p = profile.open_profile({str(folder)!r}); print(1); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "1\n"
    with pytest.raises(bl.Unavailable):
        open_profile(folder)
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    open_profile(folder)[0].release()


def test_orphaned_temporary_profiles_are_deleted(tmp_path: Path) -> None:
    """Those of a killed process are deleted at the next start; those in use are not."""
    first, _ = open_profile()
    used, _ = open_profile()
    code = (
        "from browserllm.page.chrome import profile as o; p = o.open_profile()[0]; print(p.folder, flush=True); input()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    orphan = Path(child.stdout.readline().strip())
    (orphan / "file").touch()
    open_profile(tmp_path / "other")[0].release()
    assert orphan.exists()
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    open_profile(tmp_path / "other")[0].release()
    assert not orphan.exists()
    assert used.folder.exists()
    used.release()
    first.release()
    assert list(temporary_root().iterdir()) == []


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """For example, a file in place of the folder."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(bl.Unavailable, match=r"file'.*the profile option") as caught:
        open_profile(file)
    assert caught.value.reason == "blocked"
