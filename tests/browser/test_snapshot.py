"""Python started from its snapshot is the Python that boots from the start, and every page has its own randomness."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from in_page import run_python

FETCHED = """
import json
from js import performance
entries = performance.getEntriesByType("resource")
names = [entry.name.partition("?")[0].rpartition("/")[2] for entry in entries]
json.dumps(names)
"""
RANDOM = """
import json, os, random, secrets, ssl, tempfile, uuid
json.dumps([random.random(), random.Random().random(), secrets.token_hex(8), os.urandom(8).hex(), str(uuid.uuid4()),
            ssl.RAND_bytes(8).hex(), uuid.getnode(), next(tempfile._get_candidate_names())])
"""
STATE = """
import json, locale, os, sys, sysconfig, threading
import pyodide.ffi
json.dumps(dict(
    environ=dict(os.environ), path=sys.path, executable=sys.executable, argv=sys.argv, cwd=os.getcwd(),
    orig_argv=sys.orig_argv, prefix=sys.prefix, encoding=locale.getpreferredencoding(),
    purelib=sysconfig.get_path("purelib"), meta_path=[str(type(finder)) for finder in sys.meta_path],
    main=threading.current_thread() is threading.main_thread(), platform=sys.platform,
    run_sync=pyodide.ffi.can_run_sync(), globals=sorted(globals()), hook=sys.excepthook.__qualname__,
))
"""


@pytest.fixture(scope="module")
def context(start_browser: Callable[..., BrowserContext]) -> Iterator[BrowserContext]:
    """A browser without WebGPU: no model runs here."""
    context = start_browser(webgpu=False)
    yield context
    context.close()


def open_page(
    context: BrowserContext, url: str, answer: Callable[[Route], None] | None = None
) -> tuple[Page, list[str]]:
    """A page with Python ready, and its warnings; `answer` answers for the server when the snapshot is asked for."""
    page = context.new_page()
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    if answer is not None:
        page.route("**/snapshot.bin*", answer)
    page.goto(url + "python.html")
    page.evaluate("() => window.browserllm.ready")
    return page, warnings


@pytest.fixture(scope="module")
def restored(context: BrowserContext, site_url: str) -> Page:
    """A page whose Python came from the snapshot."""
    page, warnings = open_page(context, site_url)
    assert warnings == []
    return page


@pytest.fixture(scope="module")
def booted(context: BrowserContext, site_url: str) -> Page:
    """A page whose Python booted from the start, because there was no snapshot."""
    page, warnings = open_page(context, site_url, lambda route: route.fulfill(status=404))
    assert ["Python starts without its snapshot" in warning for warning in warnings] == [True]
    assert "404" in warnings[0]
    return page


def test_a_start_fetches_the_standard_library_only_when_it_is_needed(restored: Page) -> None:
    """What the chat app, clouds and routers import is there; another module fetches the archive, once."""
    assert "snapshot.bin" in run_python(restored, FETCHED)
    run_python(restored, "import browserllm, browserllm.app.page")
    run_python(
        restored,
        "import browserllm as bl\nbl.Router([bl.OpenAI('m'), bl.Anthropic('m'), bl.Gemini('m'), bl.Ollama('m')])\n1",
    )
    run_python(restored, "from browserllm._internal.http.platform import open_client\nopen_client()\n1")
    assert "python_stdlib.zip" not in run_python(restored, FETCHED)
    assert run_python(restored, "import colorsys; colorsys.rgb_to_hsv(1, 1, 1)[2]") == 1
    assert run_python(restored, "import wave; 1") == 1
    assert run_python(restored, FETCHED).count("python_stdlib.zip") == 1


def test_a_restored_python_is_like_a_booted_one(restored: Page, booted: Page) -> None:
    """Environment, paths, finders, language and thread are those of a Python that booted in the page."""
    assert run_python(restored, STATE) == run_python(booted, STATE)


def test_two_pages_have_different_randomness(context: BrowserContext, restored: Page, site_url: str) -> None:
    """No source of random numbers gives in one page what it gives in another."""
    other, _ = open_page(context, site_url)
    pairs = list(zip(run_python(restored, RANDOM), run_python(other, RANDOM), strict=True))
    assert [a for a, b in pairs if a == b] == []


def test_clocks_are_the_pages_own(restored: Page) -> None:
    """Wall clock, logging's beginning and the event loop's time are now, not when the snapshot was made."""
    code = """
import asyncio, json, logging, time
from js import Date, performance
loop = asyncio.get_running_loop()
before = loop.time()
await asyncio.sleep(0)
began = logging._startTime / 1e6 - performance.timeOrigin
json.dumps([Date.now() / 1000 - time.time(), began, loop.time() - before, time.monotonic() > 0])
"""
    wall, began, passed, runs = run_python(restored, code)
    assert abs(wall) < 60
    assert began > 0
    assert passed >= 0
    assert runs is True


@pytest.mark.parametrize("damage", ["cut", "build"])
def test_a_snapshot_that_does_not_fit_is_not_used(context: BrowserContext, site_url: str, damage: str) -> None:
    """Cut off, or made by another build of Pyodide: Python boots from the start, says why, and works."""

    def answer(route: Route) -> None:
        body = route.fetch().body()
        if damage == "cut":
            route.fulfill(body=body[: len(body) // 2])
        else:
            body = gzip.decompress(body)
            start = body.index(b'"build":"') + len(b'"build":"')
            route.fulfill(body=gzip.compress(body[:start] + b"0" * 64 + body[start + 64 :]))

    page, warnings = open_page(context, site_url, answer)
    expected = {"cut": "is damaged", "build": "another build of Pyodide"}[damage]
    assert [expected in warning for warning in warnings] == [True]
    assert run_python(page, "import browserllm, json; json.dumps(browserllm.__name__)") == "browserllm"


def test_our_own_modules_are_in_the_snapshot_or_are_read_from_the_archive(
    context: BrowserContext, site_url: str
) -> None:
    """What the app starts with fetches nothing more; the first other module fetches the archive, once."""
    page, warnings = open_page(context, site_url)
    run_python(page, "import browserllm.app.page, browserllm.page.pyodide, msgspec\n1")
    assert "browserllm.zip" not in run_python(page, FETCHED)
    run_python(page, "import browserllm.openai_compat.client, browserllm.testing.host\n1")
    assert run_python(page, FETCHED).count("browserllm.zip") == 1
    assert warnings == []


def test_a_linked_library_works_and_can_be_imported_again(restored: Page) -> None:
    """The extension module of msgspec encodes, decodes and fails as always, and its library can be opened anew."""
    code = """
import json, sys
import msgspec
class Point(msgspec.Struct):
    x: int
    y: float = 0.5
text = msgspec.json.encode(Point(1)).decode()
try:
    msgspec.json.decode(b'{"x": "one"}', type=Point)
except msgspec.ValidationError as error:
    why = str(error)
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
import ctypes
path = sys.modules["msgspec._core"].__spec__.origin
again = ctypes.PyDLL(path)
json.dumps([text, why, again.PyInit__core is not None])
"""
    text, why, again = run_python(restored, code)
    assert text == '{"x":1,"y":0.5}'
    assert "Expected `int`, got `str`" in why
    assert again is True


def test_a_library_that_cannot_be_fetched_lets_python_boot_from_the_start(
    context: BrowserContext, site_url: str
) -> None:
    """Without the extension module's own file, the snapshot is skipped with a warning, and the wheel is unpacked."""
    page = context.new_page()
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.route("**/*.so?*", lambda route: route.fulfill(status=404))
    page.goto(site_url + "python.html")
    page.evaluate("() => window.browserllm.ready")
    assert ["404" in warning for warning in warnings] == [True]
    assert run_python(page, "import browserllm.app.page, msgspec; msgspec.json.encode([1]).decode()") == [1]


def test_a_standard_library_that_cannot_be_fetched_is_an_import_error(context: BrowserContext, site_url: str) -> None:
    """An import that needs the archive fails in Python when the server does not have it, and the page stays usable."""
    page, _ = open_page(context, site_url)
    page.route("**/python_stdlib.zip*", lambda route: route.fulfill(status=404))
    code = """
import json
try:
    import wave
except (ImportError, OSError) as error:
    name = type(error).__name__
json.dumps(name)
"""
    assert run_python(page, code) in {"ZipImportError", "OSError"}
    assert run_python(page, "1 + 1") == 2
