"""Profiles in hostile folders and under contention: none of another's is used or deleted, and errors say what to do."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import browserllm as bl
from browserllm._internal.system import private_files as private
from browserllm.page.chrome import profile
from browserllm.page.chrome.profile import LOCK_NAME, LOCK_SUFFIX, open_profile, remove_orphans, temporary_root
from browserllm.page.serving.share import KEY_NAME, open_key


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own cache folder, and no waiting for a profile in use."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(profile, "LOCK_WAIT_S", 0)


NAME = "0123456789abcdef"
"""As a temporary profile is named."""


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return path.stat().st_mode & 0o777


def open_temporary() -> profile.Profile:
    """Open a temporary profile, because the default one is in use."""
    first, _ = open_profile()
    try:
        second, _ = open_profile()
    finally:
        first.release()
    assert second.temporary
    return second


def test_temporary_profiles_are_private() -> None:
    """They and their locks are in a folder that no other user can read."""
    held = open_temporary()
    assert held.folder.parent == temporary_root()
    assert mode(temporary_root()) == mode(held.folder) == 0o700
    assert mode(held.folder.with_name(held.folder.name + LOCK_SUFFIX)) == 0o600
    held.release()
    assert list(temporary_root().iterdir()) == []
    temporary_root().chmod(0o777)
    held = open_temporary()
    assert mode(temporary_root()) == 0o700, "what others were let into is closed again"
    held.release()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.touch()
    path.symlink_to(target)


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def loop(path: Path) -> None:
    path.symlink_to(path)


def hard_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.touch()
    os.link(target, path)


def folder(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def socket_file(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path must be short
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


PLANTED: list[Callable[[Path], None]] = [fifo, link, dangling, loop, hard_link, folder, device, socket_file]


@pytest.mark.parametrize("plant", PLANTED)
def test_a_lock_must_be_a_regular_file(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    """Anything else in its place is rejected at once, with its path, and left unchanged."""
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    plant(chosen / LOCK_NAME)
    before = os.lstat(chosen / LOCK_NAME)
    with pytest.raises(bl.Unavailable) as caught:
        open_profile(chosen)
    assert caught.value.reason == "blocked"
    assert str(chosen) in str(caught.value)
    assert "the profile option" in str(caught.value)
    assert os.lstat(chosen / LOCK_NAME).st_ino == before.st_ino
    assert not (chosen / "nowhere").exists()


@pytest.mark.parametrize("plant", PLANTED)
def test_an_orphan_and_a_key_must_be_regular_files(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    """Deleting orphans and reading the key of shared folders neither wait for nor follow anything else."""
    with private.private_folder(temporary_root()):
        plant(temporary_root() / f"{NAME}{LOCK_SUFFIX}")
        (temporary_root() / NAME).mkdir(0o700)
    held = open_temporary()
    remove_orphans()
    assert (temporary_root() / NAME).exists()
    plant(held.folder / KEY_NAME)
    assert len(open_key(held.folder)) == 32
    held.release()


def strange_names() -> list[str]:
    """Return names that are not ours: dots, parts of paths, and every near miss of our names."""
    seed = random.randrange(2**32)  # noqa: S311
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    names = ["", ".", "..", "...", " ", "..\\x", "*", "~", NAME[1:], NAME + "0", NAME.upper(), NAME + "\n", NAME + "."]
    names += ["." + NAME, NAME[:-1] + "g", NAME[:-1] + "\u0660", NAME + LOCK_SUFFIX, "temporary", "profile"]
    names += ["".join(chance.choices("./\\0afA~\n-\u0661", k=16)).replace("/", ".") for _ in range(100)]
    return [name for name in names if not re.fullmatch(r"[0-9a-f]{16}", name, re.ASCII)]


def test_only_names_of_our_form_are_orphans() -> None:
    """Other names with a lock's suffix are left alone: nothing beside, inside or above them is deleted."""
    default, _ = open_profile()
    held, _ = open_profile()
    precious = [default.folder / "model", held.folder / "x", temporary_root().parent / "store.sqlite"]
    for path in precious:
        path.touch()
    for name in strange_names():
        lock = temporary_root() / (name + LOCK_SUFFIX)
        lock.touch(0o600)
        if (folder := temporary_root() / name) not in (temporary_root(), temporary_root().parent):
            if not folder.exists():
                folder.mkdir(0o700)
            precious.append(folder)
        precious.append(lock)
        remove_orphans()
        assert all(path.exists() for path in precious), name
    held.release()
    default.release()


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
@pytest.mark.parametrize("where", ["lock", "folder"])
def test_what_others_could_write_to_is_not_an_orphan(where: str) -> None:
    """The folder is made private again, and what we would have created differently is left alone."""
    with private.private_folder(temporary_root()):
        folder, lock = temporary_root() / NAME, temporary_root() / (NAME + LOCK_SUFFIX)
        lock.touch(0o600)
        folder.mkdir(0o700)
        (folder / "keep").touch()
    wrong = lock if where == "lock" else folder
    wrong.chmod(0o777)
    temporary_root().chmod(0o777)
    remove_orphans()
    assert mode(temporary_root()) == 0o700
    assert (folder / "keep").exists()
    assert lock.exists()
    wrong.chmod(0o600 if where == "lock" else 0o700)
    remove_orphans()
    assert list(temporary_root().iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_another_users_folder_and_a_link_are_not_orphans(tmp_path: Path) -> None:
    """Even if the lock beside them is ours."""
    with private.private_folder(temporary_root()):
        (temporary_root() / (NAME + LOCK_SUFFIX)).touch(0o600)
        (temporary_root() / NAME).mkdir(0o700)
        os.chown(temporary_root() / NAME, 12345, 12345)
    remove_orphans()
    assert (temporary_root() / NAME).exists()
    (temporary_root() / NAME).rmdir()
    (tmp_path / "precious").mkdir(0o700)
    (temporary_root() / NAME).symlink_to(tmp_path / "precious")
    remove_orphans()
    assert (tmp_path / "precious").exists()


def test_orphans_are_deleted_from_the_folder_that_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder that takes its place meanwhile loses nothing."""
    with private.private_folder(temporary_root()):
        (temporary_root() / (NAME + LOCK_SUFFIX)).touch(0o600)
        (temporary_root() / NAME).mkdir(0o700)
    real = profile._lock

    def swap(fd: int) -> bool:
        temporary_root().rename(tmp_path / "moved")
        (temporary_root() / NAME).mkdir(0o700, parents=True)
        return real(fd)

    monkeypatch.setattr(profile, "_lock", swap)
    remove_orphans()
    assert (temporary_root() / NAME).exists()
    assert list((tmp_path / "moved").iterdir()) == []


@pytest.mark.parametrize("plant", [fifo, link, dangling, loop, hard_link, device, socket_file])
def test_the_root_of_temporary_profiles_must_be_a_folder(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    """The error has its path and a remedy; nothing is created or deleted through it."""
    temporary_root().parent.mkdir(parents=True)
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / f"x{LOCK_SUFFIX}").touch()
    (elsewhere / "x").mkdir()
    plant(temporary_root())
    for replace in (False, True):
        if replace:
            temporary_root().unlink()
            temporary_root().symlink_to(elsewhere)
        with pytest.raises(bl.Unavailable) as caught:
            open_temporary()
        assert caught.value.reason == "blocked"
        assert str(temporary_root()) in str(caught.value)
        assert "XDG_CACHE_HOME" in str(caught.value)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["x", f"x{LOCK_SUFFIX}"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_another_users_files_are_rejected(tmp_path: Path) -> None:
    """A folder, a link to one, a lock, the root of temporary profiles and its parent."""
    other = 12345
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    os.chown(foreign, other, other)
    own = tmp_path / "own"
    own.mkdir()
    linked = tmp_path / "linked"
    linked.symlink_to(own)
    with_lock = tmp_path / "with_lock"
    with_lock.mkdir()
    (with_lock / LOCK_NAME).touch()
    os.chown(with_lock / LOCK_NAME, other, other)
    open_profile(linked)[0].release()  # the user's own link is allowed
    os.lchown(linked, other, other)
    for refused in (foreign, linked, with_lock):
        with pytest.raises(bl.Unavailable, match=r"belongs to another user.*the profile option") as caught:
            open_profile(refused)
        assert str(refused) in str(caught.value)
    for part in (temporary_root(), temporary_root().parent):
        temporary_root().mkdir(parents=True, exist_ok=True)
        open_temporary().release()
        os.chown(part, other, other)
        with pytest.raises(bl.Unavailable, match=r"belongs to another user.*XDG_CACHE_HOME"):
            profile._make_temporary()
        os.chown(part, 0, 0)


def test_a_world_writable_folder_is_rejected(tmp_path: Path) -> None:
    """Other users could change the files that the browser reads."""
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    chosen.chmod(0o777)
    with pytest.raises(bl.Unavailable, match="chmod o-w"):
        open_profile(chosen)
    chosen.chmod(0o775)
    open_profile(chosen)[0].release()
    temporary_root().mkdir(parents=True)
    temporary_root().parent.chmod(0o777)
    with pytest.raises(bl.Unavailable, match="chmod o-w"):
        profile._make_temporary()


@pytest.mark.parametrize("wanted", ["~no-such-user/profile", "a\0b", "\ud800", "x" * 5000, 5])
def test_names_that_are_not_folders_are_rejected(
    tmp_path: Path, wanted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is Unavailable and has the name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises((bl.Unavailable, bl.InvalidRequest), match="profile"):
        open_profile(wanted)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("wanted", ["", "a\0b", "\0", Path("a\0"), "\ud800", 5, b"", b"x"])
def test_an_impossible_path_is_rejected_before_anything_is_done(
    tmp_path: Path, wanted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty path is not the current folder; the error has the value and what to do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bl.InvalidRequest) as caught:
        open_profile(wanted)  # pyright: ignore[reportArgumentType]
    assert caught.value.data["parameter"] == "profile"
    assert f"the profile {wanted!r}" in str(caught.value)
    assert "or leave the profile out" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_removed_lock_is_created_again_and_excludes_others(tmp_path: Path) -> None:
    """A lock on a removed file protects nothing, so the file is checked again after locking."""
    chosen = tmp_path / "chosen"
    lock = profile._lock
    removed: list[int] = []

    def remove_before(fd: int) -> bool:
        if len(removed) < 3:
            removed.append(fd)
            (chosen / LOCK_NAME).unlink()
        return lock(fd)

    profile._lock, before = remove_before, profile._lock
    try:
        held, _ = open_profile(chosen)
    finally:
        profile._lock = before
    assert len(removed) == 3
    with pytest.raises(bl.Unavailable):
        open_profile(chosen)
    held.release()
    open_profile(chosen)[0].release()


CROWD = """
import json, os, random, sys, time
from pathlib import Path
import browserllm as bl
from browserllm.page.chrome import profile
profile.LOCK_WAIT_S = 0
chance = random.Random(int(sys.argv[1]))
counts = dict(opened=0, temporary=0, deleted=0, raw=0, in_use=0, shared=0)
for turn in range(int(sys.argv[2])):
    try:
        held, _ = profile.open_profile()
    except bl.Unavailable as error:
        counts["in_use"] += 1
        print(error, file=sys.stderr)
        continue
    except Exception as error:
        counts["raw"] += 1
        print(repr(error), file=sys.stderr)
        continue
    counts["opened"] += 1
    counts["temporary"] += held.temporary
    mine = held.folder / "owner"
    try:
        counts["shared"] += mine.exists()
        mine.write_text(str(os.getpid()))
        if chance.random() < 0.3:
            profile.remove_orphans()
        for _ in range(chance.randrange(5)):
            os.sched_yield()
        counts["deleted"] += mine.read_text() != str(os.getpid())
        mine.unlink()
    except OSError as error:
        counts["deleted"] += 1
        print(repr(error), file=sys.stderr)
    if chance.random() < 0.05:
        os.fork() or os._exit(0)  # a child that ends at once changes nothing
        os.wait()
    held.release()
print(json.dumps(counts))
"""


def test_many_processes_take_and_delete_nothing_of_each_other() -> None:
    """Twelve processes take forty profiles each: none is deleted while locked, and no error is raised."""
    seed = random.randrange(2**32)  # noqa: S311
    print(f"seed {seed}")  # noqa: T201
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, str(seed + number), "40"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(12)
    ]
    said = [child.communicate(timeout=100) for child in children]
    counts = [json.loads(out) for out, _ in said if out]
    total = {name: sum(each[name] for each in counts) for name in counts[0]}
    wrong = {name: total[name] for name in ("deleted", "raw", "in_use", "shared")}
    assert wrong == dict.fromkeys(wrong, 0), "\n".join(error for _, error in said)
    assert total["opened"] == 480
    assert total["temporary"] > 0
    assert list(temporary_root().iterdir()) == []


def test_a_root_that_disappears_while_profiles_are_created_is_created_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clearing the cache at that moment is not an error."""
    take = profile._take
    cleared: list[str] = []

    def clear(folder: private.Folder, name: str, flags: int) -> object:
        if len(cleared) < 5:
            cleared.append(name)
            shutil.rmtree(folder.path)
        return take(folder, name, flags)

    monkeypatch.setattr(profile, "_take", clear)
    held = open_temporary()
    assert held.folder.exists()
    assert len(cleared) == 5
    held.release()
