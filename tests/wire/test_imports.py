"""What an import costs, and which way imports go."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import pytest

import browserllm

IMPORTERS = ("import_module", "__import__")

PACKAGE = Path(browserllm.__file__).parent
ROOT = Path(__file__).parents[2]

# The floors of the house, from the ground up: a room knows those on lower floors, and no neighbour.
FLOORS: list[set[str]] = [
    {"types", "errors", "_internal"},
    {"page"},
    {"models", "stores", "json_schema"},
    {"constrained", "reasoning"},
    {"backends"},
    {"chat", "structured"},
    {"openai_compat", "testing"},
    {"amplifier"},
    {"app"},
    {"cli", "notebook"},
    {"__main__"},
]
# What stands on the ground stands there in this order.
GROUND = ["types", "errors", "_internal"]

# The rooms and files that know the outside: processes, sockets, servers, the terminal.
OUTSIDE = (
    "cli/",
    "notebook/",
    "page/chrome/",
    "page/serving/",
    "_internal/cpython/",
    "_internal/system/",
    "_internal/http/connecting.py",
    "_internal/http/sockets.py",
    "_internal/threads.py",
    "_internal/waiting.py",
)

HEAVY = {
    "websockets",
    "httpx2",
    "click",
    "rich",
    "platformdirs",
    "anywidget",
    "ipywidgets",
    "http",
    "socketserver",
    "asyncio",
    "ssl",
    "subprocess",
}


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has after this code."""
    report = "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    program = f"import sys\nbefore = set(sys.modules)\n{code}\n{report}"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


A_HOST = """
import browserllm
class Nowhere(browserllm.Host):
    call = stream = subscribe = close = hello = None
host = Nowhere()
""".strip()
"""A host without a page: what is imported to use one is not measured here."""


@pytest.mark.parametrize(
    "code",
    [
        "import browserllm",
        "import browserllm; browserllm.ScriptedBackend(['hello'])",
        f"{A_HOST}\nbrowserllm.LocalBackend(host)",
        f"{A_HOST}\nbrowserllm.connect(); browserllm.ModelManager(host)",
        "import browserllm; browserllm.OpenAI('gpt-6-luna', api_key='k')",
        "import browserllm; browserllm.Anthropic('m'); browserllm.Gemini('m'); browserllm.Ollama('m')",
        "import browserllm; browserllm.Client; browserllm.AsyncClient(browserllm.ScriptedBackend())",
        "import browserllm; browserllm.Router([browserllm.OpenAI('gpt-6-luna', api_key='k')])",
    ],
)
def test_the_core_imports_msgspec_and_nothing_heavy(code: str) -> None:
    """No socket, server, command line, not even asyncio before it is needed; at most five packages of others."""
    loaded = modules_after(code)
    assert not HEAVY & {name.partition(".")[0] for name in loaded}
    third_party = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"browserllm"}
    assert third_party <= {"msgspec", "typing_extensions"}


@cache
def modules() -> dict[str, Path]:
    """The modules of the package by name, ``backends.base`` for one; a folder's name is its ``__init__``."""
    found: dict[str, Path] = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("static", "__init__"):
            found[".".join(parts).removesuffix(".__init__")] = file
    return found


@cache
def lazy_homes(package: str) -> dict[str, str]:
    """The modules of the names that a package imports when they are first used; none for any other module."""
    module = importlib.import_module(f"browserllm.{package}".rstrip("."))
    listed: dict[str, str] = getattr(module, "_NAMES", {}) if hasattr(module, "__path__") else {}
    homes = {each: home for home, names in listed.items() for each in names.split() if home}
    return {each: resolve_name(f".{home}", module.__name__) for each, home in homes.items()}


def bound_names(node: ast.AST, package: str) -> dict[str, str]:
    """The full names of what a statement imports, or a call with a name as text, by the names that it binds them to.

    ``package`` is where it stands. What is not bound has its full name as its key.
    """
    if isinstance(node, ast.Import):
        tops = {each.name.partition(".")[0]: each.name.partition(".")[0] for each in node.names if not each.asname}
        return {each.asname or each.name: each.name for each in node.names} | tops
    if isinstance(node, ast.ImportFrom):
        base = resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
        return {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in IMPORTERS:
        texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        return {text: text for text in (resolve_name(text, package) for text in texts)}
    return {}


def dotted(node: ast.AST) -> str:
    """The text of ``a.b.c``; empty if it does not begin with a name."""
    if isinstance(node, ast.Name):
        return node.id
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner and isinstance(node, ast.Attribute) else ""


@cache
def all_names(file: Path) -> frozenset[str]:
    """The full names of all that a file imports, at its top or in a function, for its types or when it runs.

    Also of what it reads from our own packages: ``backends.LocalBackend`` imports a module as an import does.
    """
    package = ".".join(("browserllm", *file.relative_to(PACKAGE).parts[:-1]))
    bound: dict[str, set[str]] = {}
    read: list[ast.Attribute] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            read.append(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.Call)):
            for name, full in bound_names(node, package).items():
                bound.setdefault(name, set()).add(full)
    names = {full for each in bound.values() for full in each}
    for node in read:
        top, _, rest = dotted(node).partition(".")
        names |= {f"{full}.{rest}" for full in bound.get(top, ()) if f"{full}.".startswith("browserllm.")}
    return frozenset(names)


@cache
def imports_of(file: Path) -> frozenset[str]:
    """The modules of our own that a file imports; a name that its package imports lazily stands for its module."""
    known = modules()
    found: set[str] = set()
    for name in all_names(file):
        top, _, inner = name.partition(".")
        if top != "browserllm" or inner == "" or inner in known:
            found |= {inner} if top == "browserllm" else set()
            continue
        module, _, last = inner.rpartition(".")
        home = lazy_homes(module).get(last, "") if module == "" or module in known else ""
        found.add(home.removeprefix("browserllm.") or module)
    return frozenset(found & set(known))


def test_imports_go_down_only() -> None:
    """Every module imports only modules of its own room, or of the floors below it."""
    floor = {name: index for index, names in enumerate(FLOORS) for name in names}
    for name, file in modules().items():
        room = name.partition(".")[0]
        for imported in imports_of(file):
            other = imported.partition(".")[0]
            if room in GROUND and other in GROUND:
                assert GROUND.index(other) <= GROUND.index(room), f"{name} imports {imported}"
            else:
                assert other == room or floor[other] < floor[room], f"{name} imports {imported}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even for their types, or within a function: each file can be read before those that use it."""
    left = {name: imports_of(file) - {name} for name, file in modules().items()}
    while ready := {name for name, imported in left.items() if not imported & set(left)}:
        left = {name: imported for name, imported in left.items() if name not in ready}
    assert not left, {name: sorted(imported & set(left)) for name, imported in left.items()}


def test_the_picture_of_the_house_is_the_house() -> None:
    """ARCHITECTURE.md draws the floors as they are."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = [set(re.findall(r"(?m)(\w+)(?:/|\.py)(?= |$)", line)) for line in re.findall(r"(?m)^ *\d+  (.*)$", text)]
    assert drawn == [floor for floor in reversed(FLOORS) if floor != {"__main__"}]


def test_only_some_rooms_know_the_outside() -> None:
    """Everything else is Python that runs the same in a page: no socket, process or server, threads in one place."""
    outside = HEAVY - {"asyncio"} | {"socket", "threading", "signal", "shutil", "webbrowser", "concurrent"}
    outside |= {"multiprocessing", "select", "selectors", "urllib.request", "_socket", "_thread"}
    for file in modules().values():
        relative = file.relative_to(PACKAGE).as_posix()
        if not relative.startswith(OUTSIDE):
            names = all_names(file)
            assert not {each for each in outside if any(f"{name}.".startswith(f"{each}.") for name in names)}, relative


FOOLING = {
    "from ..backends.local import LocalBackend": "backends.local",
    "from ..backends import LocalBackend": "backends.local",
    "from .. import Session": "chat.session",
    "from browserllm.chat.session import Session": "chat.session",
    "import browserllm.chat.session": "chat.session",
    "import_module('..chat.session', __package__)": "chat.session",
    "importlib.import_module('browserllm.chat')": "chat",
    "if TYPE_CHECKING: from ..chat import session": "chat.session",
    "from .. import backends; backends.LocalBackend": "backends backends.local",
    "from .. import backends as rooms; rooms.LocalBackend.name": "backends backends.local",
    "import browserllm; browserllm.backends.LocalBackend('pocket')": "backends backends.local",
    "import browserllm as house; house.Session": "chat.session",
    "import browserllm.backends as rooms; rooms.cloud.OpenAI": "backends backends.cloud backends.cloud.openai.backend",
}


@pytest.mark.parametrize("line", FOOLING)
def test_every_way_to_import_is_seen(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative or absolute, in a function, by a name that a package imports lazily, by a text, or by an attribute."""
    known = modules()
    monkeypatch.setattr(sys.modules[__name__], "modules", lambda: known)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    file = tmp_path / "stores" / "page.py"
    file.parent.mkdir()
    file.write_text(f"def function():\n    {line}\n    import multiprocessing.pool\n", encoding="utf-8")
    assert imports_of(file) == set(FOOLING[line].split())
    assert "multiprocessing.pool" in all_names(file)
