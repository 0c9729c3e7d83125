"""Fixtures for the tests over real sockets."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpcore2
import pytest
from hypothesis import settings

# The same cases in every run, so that a test fails in the change that broke it. `make explore` searches for new ones.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt the tests, even in the background of a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def certificates_read_once() -> Iterator[None]:
    """Read the machine's certificates once for each environment, not for each client: half the time of many a test."""
    read = httpcore2.default_ssl_context

    @cache
    def read_once(environment: tuple[str | None, ...], trusted: bool) -> ssl.SSLContext:
        return read(_trust_env=trusted)

    def default_ssl_context(*, _trust_env: bool = True) -> ssl.SSLContext:
        return read_once((os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")), _trust_env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", default_ssl_context)
        yield


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site that can be served in place of the built one."""
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>chat</h1>")
    (folder / "host.html").write_text("<h1>host</h1>")
    (folder / "assets" / "engine.mjs").write_text("export {}")
    (folder / "assets" / "model.wasm").write_bytes(b"\0asm")
    (folder / "assets" / "weights.bin").write_bytes(bytes(1000))
    return folder
