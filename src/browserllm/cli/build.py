"""Writes the static site to a folder."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path, PurePath

import msgspec

from ..errors import InvalidRequest
from .hosting import HOSTS, Host, host_file

MARKER = "browserllm-site.json"
"""The file that lists the written files, so that a later run can replace exactly those."""


def copy_site(source: Path, target: Path, *, force: bool = False, host: Host | None = None) -> tuple[int, int]:
    """Copy the site to ``target``; returns the number of files and bytes.

    With ``host``, the file that makes it send the site's headers is written, too. What only pages that connect to a
    Python process need is left out. The files of an earlier run are replaced. Raises `InvalidRequest` for a folder with
    other files, unless ``force``, and for one that cannot be made.
    """
    marker = target / MARKER
    if marker.is_file():
        _remove_written(target, marker)
    elif target.is_dir() and any(target.iterdir()) and not force:
        raise InvalidRequest(
            f"the folder {str(target)!r} contains other files; choose an empty folder, or use --force",
            parameter="DIR",
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(
            f"the folder {str(target)!r} cannot be written: {error.strerror}; choose another folder", parameter="DIR"
        ) from error
    paths = (file.relative_to(source) for file in source.rglob("*") if file.is_file())
    files = sorted(path for path in paths if not is_for_processes(path))
    size_bytes = 0
    for file in files:
        destination = target / file
        destination.parent.mkdir(parents=True, exist_ok=True)
        if not destination.parent.resolve().is_relative_to(target.resolve()):
            raise InvalidRequest(
                f"{str(destination.parent)!r} is a link that leads out of {str(target)!r}; remove it", parameter="DIR"
            )
        _make_way(destination)
        shutil.copyfile(source / file, destination)
        size_bytes += destination.stat().st_size
    names = [file.as_posix() for file in files]
    if host is not None:
        name, text = host_file(host)
        _make_way(target / name)
        (target / name).write_text(text, encoding="utf-8", newline="\n")
        names.append(name)
        size_bytes += len(text.encode())
    _make_way(marker)
    marker.write_bytes(msgspec.json.encode(names))
    return len(names), size_bytes


def next_step(folder: Path, host: Host | None = None) -> str:
    """Return how to serve the written site."""
    if host is not None:
        return (
            f"{host_file(host)[0]!r} in it makes {host} send the site's headers; docs/deploy.md says where it belongs."
        )
    serve = f"python -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(folder))} 8000"
    return (
        f"Try it: {serve}\n"
        "and open http://127.0.0.1:8000/. Elsewhere, serve it over HTTPS, at any path. With these headers, models run "
        "faster on the CPU:\n"
        "  Cross-Origin-Opener-Policy: same-origin\n"
        "  Cross-Origin-Embedder-Policy: require-corp\n"
        f"--headers HOST writes the file that sends them: {', '.join(HOSTS)}."
    )


def _make_way(file: Path) -> None:
    """Remove a link, a pipe or a file at ``file``, so that the copy is written there and not through it."""
    if os.path.lexists(file) and not (file.is_dir() and not file.is_symlink()):
        file.unlink()


_FOR_PROCESSES = {"host.html", "connect-served.js", "notebook-widget.js", "sw-none.js", ".stamps.json"}
"""The service worker must not list one of these: see NOT_KEPT in web/build_site.py."""


def is_for_processes(path: PurePath) -> bool:
    """Return whether a file of the site, by its path, is only needed by pages that connect to a Python process."""
    return path.as_posix() in _FOR_PROCESSES or (path.parent.name == "assets" and path.name.startswith("entry-host-"))


def _remove_written(target: Path, marker: Path) -> None:
    try:
        written = msgspec.json.decode(marker.read_bytes(), type=list[str])
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"{str(marker)!r} does not list files ({error}); delete the folder and build again", parameter="DIR"
        ) from error
    for name in written:
        path = target / name
        if path.resolve().is_relative_to(target.resolve()):
            path.unlink(missing_ok=True)
    marker.unlink()
