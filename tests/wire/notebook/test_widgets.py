"""The widgets: what a person writes in a cell. A real front end shows them in tests/browser/test_notebook.py."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import browserllm
from browserllm.errors import Unavailable, Unsupported
from browserllm.notebook import ChatApp, Engine, NotebookHost, widgets
from browserllm.notebook import site as site_module
from browserllm.notebook.kernel import Kernel
from notebook_front_end import FrontEnd


class FakeAnyWidget:
    """The part of anywidget's class that is used: it sends, and calls back with what a front end sends."""

    front: FrontEnd

    def __init__(self) -> None:
        self.on_message: Callable[[object, Any, list[Any]], None] = lambda *given: None

    def send(self, content: Any, buffers: list[bytes]) -> None:
        self.front.post(content, buffers)

    def on_msg(self, callback: Callable[[object, Any, list[Any]], None]) -> None:
        self.front.receive = lambda content, buffers: callback(self, content, buffers)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/plain": "a widget", **options}


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch, site: Path) -> Iterator[type[FakeAnyWidget]]:
    """Put a scripted anywidget in the place of the real one, and serve the small site."""
    (site / "notebook-widget.js").write_text("export default {}")
    tagged = SimpleNamespace(tag=lambda **tags: ("trait", tags))
    for name, content in {
        "anywidget": {"AnyWidget": FakeAnyWidget},
        "traitlets": {"Unicode": lambda value: tagged, "Int": lambda value: tagged},
    }.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for module in (widgets, site_module):
        monkeypatch.setattr(module, "site_folder", lambda: site)
    yield FakeAnyWidget
    for widget in list(widgets._Widget._open):
        widget.close()


async def test_the_kernels_code_connects_to_a_widget(front: type[FakeAnyWidget]) -> None:
    """`connect(engine)` opens a host on the engine of the page that shows it."""
    front.front = FrontEnd()
    engine = Engine()
    await front.front.show("a")
    connecting = asyncio.ensure_future(_connect(engine))
    await front.front.start_engine("a")
    host = await connecting
    assert isinstance(host, NotebookHost)
    await asyncio.to_thread(engine.close)
    await front.front.until(type="closed", view=None)
    assert repr(host).endswith("closed>") or host.closed
    await host.close()


async def test_a_cell_that_runs_again_ends_the_earlier_widget_and_says_so(front: type[FakeAnyWidget]) -> None:
    """Each kernel has one chat and one engine; the other kind goes on."""
    front.front = FrontEnd()
    engine = Engine()
    first = Engine()
    closed = await front.front.until(type="closed", view=None)
    assert "the newer output has it" in closed["reason"]
    with pytest.raises(Unavailable):
        await engine.open_host(0)
    assert list(widgets._Widget._open) == [first]


async def test_a_widget_that_is_shown_nowhere_says_how_to_show_it(
    front: type[FakeAnyWidget], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a kernel that may deliver nothing while a cell waits, that is the more likely reason."""
    front.front = FrontEnd()
    engine = Engine()
    with pytest.raises(Unavailable) as blocked:
        await engine.open_host(0)
    assert blocked.value.reason == "no_window" and "create_task" in str(blocked.value)
    monkeypatch.setattr(Kernel, "delivers_while_a_cell_runs", True)
    with pytest.raises(Unavailable) as nowhere:
        await engine.open_host(0)
    assert nowhere.value.reason == "no_window" and "last line of a cell" in str(nowhere.value)


def test_without_anywidget_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package does not need it otherwise."""
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(Unavailable) as caught:
        ChatApp()
    assert "browserllm[notebook]" in str(caught.value)


def test_a_kernel_in_the_browser_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLite has no threads."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(Unsupported) as caught:
        ChatApp()
    assert "browserllm build" in str(caught.value)


async def test_front_ends_get_the_widget_of_anywidget(front: type[FakeAnyWidget]) -> None:
    """Jupyter asks for a bundle of types, marimo for something that it can show."""
    front.front = FrontEnd()
    engine = Engine()
    assert engine._repr_mimebundle_()["text/plain"] == "a widget"
    assert engine._display_() is engine.widget


def ipython(kernel: object) -> Any:
    """Return a shell with the events of IPython."""
    callbacks: dict[str, list[Callable[[], None]]] = {"pre_run_cell": [], "post_run_cell": []}
    events = SimpleNamespace(
        register=lambda name, callback: callbacks[name].append(callback),
        unregister=lambda name, callback: callbacks[name].remove(callback),
        fire=lambda name: [callback() for callback in callbacks[name]],
    )
    return SimpleNamespace(kernel=kernel, events=events)


def in_kernel(monkeypatch: pytest.MonkeyPatch, kernel: object) -> Any:
    shell = ipython(kernel)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    return shell


class Earlier:
    def dispatch_shell(self, msg: object) -> None: ...


class Later:
    def dispatch_shell(self, msg: object, *, concurrent: bool = False) -> None: ...


def test_a_kernel_that_delivers_beside_a_cell_is_known_by_its_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of ipykernel says nothing about its front end."""
    in_kernel(monkeypatch, Later())
    assert Kernel().delivers_while_a_cell_runs
    in_kernel(monkeypatch, Earlier())
    assert not Kernel().delivers_while_a_cell_runs
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert not Kernel().delivers_while_a_cell_runs


def test_a_kernel_says_when_it_runs_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is asked to stop."""
    shell = in_kernel(monkeypatch, Later())
    busy: list[bool] = []
    stop = Kernel().watch_cells(busy.append)
    shell.events.fire("pre_run_cell")
    shell.events.fire("post_run_cell")
    stop()
    shell.events.fire("pre_run_cell")
    assert busy == [True, False]


async def test_messages_leave_other_kernels_in_their_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only there does marimo know the notebook; ipykernel's sockets may be used in every thread."""
    import threading

    monkeypatch.setitem(sys.modules, "IPython", None)
    sent: asyncio.Queue[threading.Thread] = asyncio.Queue()
    send = Kernel().from_any_thread(lambda content, buffers: sent.put_nowait(threading.current_thread()))
    await asyncio.to_thread(send, {}, [])
    assert await sent.get() is threading.current_thread()
    in_kernel(monkeypatch, Later())
    threads: list[threading.Thread] = []
    send = Kernel().from_any_thread(lambda content, buffers: threads.append(threading.current_thread()))
    await asyncio.to_thread(send, {}, [])
    assert threads[0] is not threading.current_thread()


def test_the_kernels_name_is_in_its_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a person knows what to update."""
    in_kernel(monkeypatch, Later())
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace(__version__="6.29.5"))
    assert Kernel().name == "ipykernel 6.29.5"


async def _connect(engine: Engine) -> browserllm.Host:
    return await browserllm.connect(engine)
