"""The package as a whole: its names, and Python inside a page."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

import browserllm as bl
from browserllm.page.pyodide import connect_to_page

LISTED = [
    bl,
    bl.backends,
    bl.backends.cloud,
    bl.chat,
    bl.models,
    bl.openai_compat,
    bl.page,
    bl.stores,
    bl.testing,
]


@pytest.mark.parametrize("package", LISTED, ids=lambda package: package.__name__)
def test_every_public_name_is_there(package: types.ModuleType) -> None:
    """`__all__` and `dir()` name what can be imported; nothing else can."""
    for name in package.__all__:
        value = getattr(package, name)
        assert value is not None
        assert not isinstance(value, types.ModuleType) or value.__name__ == f"{package.__name__}.{name}"
    assert set(package.__all__) <= set(dir(package))
    assert all(name.startswith("_") or isinstance(vars(package)[name], types.ModuleType) for name in extra(package))
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchName'"):
        _ = package.NoSuchName


def extra(package: types.ModuleType) -> set[str]:
    """What a package has beyond its public names: submodules, and what its list needs."""
    return set(vars(package)) - set(package.__all__) - {"annotations", "lazy_names"}


def test_the_top_has_what_most_programs_need_and_no_more() -> None:
    """About fifty names; each is the very object that its package has."""
    names = [name for name in bl.__all__ if not isinstance(getattr(bl, name), types.ModuleType)]
    assert len(names) <= 55
    assert bl.__version__
    packages = [bl.errors, bl.types, bl.structured, bl.backends.router, bl.backends.middleware, *LISTED[1:]]
    for name in set(names) - {"connect"}:
        homes = [package for package in packages if getattr(package, name, None) is getattr(bl, name)]
        assert homes, name


def public_callables() -> dict[str, Any]:
    """Every public function, class and method of a class, each once, by its name."""
    found: dict[str, Any] = {}
    for package in [*LISTED, bl.backends.router, bl.backends.middleware, bl.structured, bl.errors, bl.types]:
        for name in getattr(package, "__all__", [each for each in vars(package) if not each.startswith("_")]):
            value = getattr(package, name)
            found |= {f"{package.__name__}.{name}": value} | methods_of(value, f"{package.__name__}.{name}")
    known: dict[int, str] = {}
    ours = {name: each for name, each in found.items() if str(getattr(each, "__module__", "")).startswith("browserllm")}
    return {name: each for name, each in ours.items() if callable(each) and known.setdefault(id(each), name) == name}


def methods_of(kind: Any, name: str) -> dict[str, Any]:
    """The methods and properties of a class and of its bases."""
    bases = kind.__mro__ if isinstance(kind, type) else ()
    attributes = {key: value for base in reversed(bases) for key, value in vars(base).items()}
    return {
        f"{name}.{key}": value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        for key, value in attributes.items()
        if key == "__init__" or not key.startswith("_")
    }


def test_the_types_of_every_public_callable_can_be_read() -> None:
    """Frameworks and documentation tools read them; a name that is imported for type checkers only would be missing."""
    unreadable: dict[str, str] = {}
    callables = public_callables()
    for name, each in callables.items():
        try:
            typing.get_type_hints(each)
        except NameError as error:
            unreadable[name] = str(error)
    assert unreadable == {}
    assert "browserllm.ModelManager.start_download" in callables


@pytest.mark.parametrize("kind", [bl.LocalBackend, bl.OpenAI, bl.Budget, bl.Retry, bl.Router, bl.ScriptedBackend])
@pytest.mark.parametrize("method", ["generate", "stream", "complete", "facts", "prepare", "count_tokens"])
def test_the_types_of_a_backends_methods_can_be_read(kind: type[bl.Backend], method: str) -> None:
    """Frameworks read them; the check of private requests around a method keeps what the method says."""
    hints = typing.get_type_hints(getattr(kind, method))
    assert hints.keys() - {"return"} <= set(inspect.signature(getattr(kind, method)).parameters)
    assert len(hints) > 1


def test_a_name_is_the_function_and_not_the_module_of_that_name() -> None:
    """`generate` and `connect` stand in modules named after them."""
    assert all(callable(each) for each in (bl.generate, bl.connect, bl.structured.generate, bl.tool))


class Port:
    """The engine's port as a page offers it: it repeats its hello to every new handler."""

    def __init__(self) -> None:
        self.handler: Callable[[str], None] | None = None
        self.sent: list[str] = []

    def set_handler(self, handler: Any) -> None:
        self.handler = None if handler is None else handler.function
        if self.handler is not None:
            self.handler('{"v":1,"type":"hello","data":{"protocol":1}}')

    def send(self, text: str) -> None:
        self.sent.append(text)


class Proxy:
    """What Pyodide makes of a Python function for JavaScript."""

    alive = 0

    def __init__(self, function: Callable[[str], None]) -> None:
        self.function = function
        Proxy.alive += 1

    def destroy(self) -> None:
        Proxy.alive -= 1


async def test_python_in_a_page_talks_to_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The port's texts reach the host; closing it takes the handler away and destroys the proxy."""
    port = Port()
    page = types.ModuleType("_browserllm_page")
    page.engine_port = port  # type: ignore[attr-defined]
    ffi = types.ModuleType("pyodide.ffi")
    ffi.create_proxy = Proxy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "_browserllm_page", page)
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    first = await connect_to_page()
    first_id = first._last_id
    assert first.hello.protocol == 1
    stream = first.stream("chat")
    assert '"op":"chat"' in port.sent[-1]
    await first.close()
    assert '"op":"cancel"' in port.sent[-1]
    assert (port.handler, Proxy.alive) == (None, 0)
    await first.close()
    with pytest.raises(bl.Unavailable):
        await anext(aiter(stream))
    second = await connect_to_page()
    assert abs(second._last_id - first_id) > 10
    await second.close()
    with pytest.raises(bl.Unavailable):
        second._channel.send("late")


async def test_a_page_that_is_not_ours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python without our page's module says which page it needs."""
    monkeypatch.setitem(sys.modules, "_browserllm_page", None)
    with pytest.raises(bl.Unavailable, match="browserllm build") as caught:
        await connect_to_page()
    assert caught.value.reason == "no_window"


class Loaded:
    """The `connect-kernel.js` of a site, and the JavaScript that loads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
        self.addresses: list[str] = []
        self.failure = failure
        self.engine_port = Port()
        self.closed = 0
        js = types.ModuleType("js")
        js.URL = types.SimpleNamespace(new=lambda path, base: urljoin(str(base), path))  # type: ignore[attr-defined]
        js.location = types.SimpleNamespace(origin="https://lab.test")  # type: ignore[attr-defined]
        code = types.ModuleType("pyodide.code")
        code.run_js = lambda source: self.load  # type: ignore[attr-defined]
        ffi = types.ModuleType("pyodide.ffi")
        ffi.create_proxy, ffi.JsException = Proxy, OSError  # type: ignore[attr-defined]
        for name, module in {"js": js, "pyodide.code": code, "pyodide.ffi": ffi, "_browserllm_page": None}.items():
            monkeypatch.setitem(sys.modules, name, module)

    async def load(self, address: str) -> Loaded:
        self.addresses.append(address)
        if self.failure:
            raise self.failure
        return self

    def open(self) -> Loaded:
        return self

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("site", ["/llm/", "/llm", "https://lab.test/llm/"])
async def test_python_in_another_page_starts_the_engine_of_a_site(monkeypatch: pytest.MonkeyPatch, site: str) -> None:
    """Closing the host ends that engine, once."""
    loaded = Loaded(monkeypatch)
    host = await connect_to_page(site)
    assert loaded.addresses == ["https://lab.test/llm/connect-kernel.js"]
    await host.close()
    await host.close()
    assert (loaded.closed, loaded.engine_port.handler) == (1, None)


async def test_an_address_without_a_site_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the server on which it must be."""
    loaded = Loaded(monkeypatch, OSError("404"))
    with pytest.raises(bl.Unavailable, match=r"'/other/'.*404.*https://lab\.test"):
        await connect_to_page("/other/")
    assert loaded.addresses == ["https://lab.test/other/connect-kernel.js"]


def test_a_site_is_an_address() -> None:
    """A path object is refused where it is given."""
    with pytest.raises(bl.InvalidRequest, match="site"):
        bl.connect(site=Path("/llm"))  # type: ignore[arg-type]


async def test_connect_takes_the_page_python_runs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """On emscripten, connect() is the page's host, awaited or with ``async with``."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    hosts: list[bl.ScriptedHost] = []

    sites: list[str | None] = []

    async def connect_to_page(site: str | None) -> bl.ScriptedHost:
        sites.append(site)
        hosts.append(bl.ScriptedHost())
        return hosts[-1]

    monkeypatch.setattr("browserllm.page.pyodide.connect_to_page", connect_to_page)
    async with bl.connect(visible=True) as host:
        assert host is hosts[0]
    assert hosts[0].closed
    assert await bl.connect(site="/llm/") is hosts[1]
    assert not hosts[1].closed
    assert sites == [None, "/llm/"]


async def test_the_page_app_waits_for_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """main() gives the page a handler for the texts of its pipes, which answers at once with the state."""
    from browserllm.app import page as app

    handlers: list[Any] = []
    sent: list[str] = []
    module = types.ModuleType("_browserllm_page")
    module.ui_send = sent.append  # type: ignore[attr-defined]
    module.ui_set_handler = handlers.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "_browserllm_page", module)
    app.main()
    handlers[0]('1:{"type": "hello"}')
    assert sent[0].startswith('1:{"type":"state","state":{"status":"starting"')
