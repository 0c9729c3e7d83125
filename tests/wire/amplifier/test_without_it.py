"""Where amplifier-core or its native engine is missing: what is said, and what takes their place."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from types import ModuleType
from typing import Any

import pytest

import browserllm as bl
from browserllm.amplifier import engine
from browserllm.amplifier.bridge import install_bridge
from browserllm.amplifier.install import install_engine
from browserllm.app import actions as act
from browserllm.app.agents import Agents
from browserllm.app.app import App
from browserllm.app.chat_rooms import ChatRooms
from browserllm.app.error_info import error_info
from browserllm.app.notices import Notices
from browserllm.errors import Unavailable
from browserllm.stores.memory import MemoryStore

NATIVE = "amplifier_core._engine"


def import_anew(name: str) -> ModuleType:
    """Run a module as at its first import, beside the one that is imported already."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("platform", "how"), [("linux", "pip install 'browserllm"), ("emscripten", "load_extra")])
def test_the_import_says_how_to_get_it(platform: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amplifier_core", None)
    monkeypatch.setitem(sys.modules, NATIVE, engine)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(ModuleNotFoundError, match=r"browserllm\.amplifier needs amplifier-core") as raised:
        import_anew("browserllm.amplifier.kernel")
    assert how in str(raised.value)


def test_another_package_that_is_missing_is_named_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that amplifier-core needs."""
    monkeypatch.delitem(sys.modules, "amplifier_core.llm_errors")
    monkeypatch.setattr(sys, "meta_path", [_Broken(), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="No module named 'pydantic'"):
        import_anew("browserllm.amplifier.kernel")


class _Broken:
    """Fails to import a module as one does that itself imports what is missing."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "amplifier_core.llm_errors":
            raise ModuleNotFoundError("No module named 'pydantic'", name="pydantic")


async def test_a_process_that_serves_a_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    backend = bl.ScriptedBackend("x")
    rooms = ChatRooms(app, MemoryStore(), lambda settings: backend, Notices(app))
    Agents(app, lambda settings, fallback: backend, rooms.answering)
    for name in ("browserllm.app.agent_session", "browserllm.amplifier.kernel", "browserllm.amplifier.sessions"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "amplifier_core", None)
    with pytest.raises(Unavailable) as raised:
        await app.call(act.OpenAgent())
    info = error_info(raised.value)
    assert (info.code, info.data["reason"]) == ("unavailable", "not_installed")
    assert "pip install 'browserllm[amplifier]'" in info.message
    assert info.remedy == "Install what the message names, and try again."


@pytest.mark.parametrize(
    ("platform", "force", "ours"), [("linux", False, False), ("linux", True, True), ("emscripten", False, True)]
)
def test_our_engine_takes_the_place_of_one_that_is_not_there(
    platform: str, force: bool, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a page by itself, elsewhere on request."""
    monkeypatch.delitem(sys.modules, NATIVE, raising=False)
    with monkeypatch.context() as there:
        there.setitem(sys.modules, NATIVE, engine)
        there.delitem(sys.modules, NATIVE)
        there.setattr(sys, "platform", platform)
        assert install_engine(force=force) is ours
        assert (sys.modules.get(NATIVE) is engine) is ours
        assert install_engine(force=force) is ours


async def test_the_functions_of_another_bundle_are_put_where_python_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    page = types.ModuleType("js")
    monkeypatch.setitem(sys.modules, "js", page)
    install_bridge(bl.ScriptedBackend(["Hello."]))
    request = json.dumps([{"role": "user", "content": "Hi"}])
    answer = json.loads(await page.js_llm_complete(request))
    assert answer["choices"][0]["message"]["content"] == "Hello."
    pieces: list[str] = []
    await page.js_llm_complete_streaming(request, pieces.append)
    assert json.loads(pieces[0]) == {"type": "delta", "content": "Hello."}
