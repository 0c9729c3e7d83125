"""What an import costs, and which way imports go."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import browserllm

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
    {"app"},
    {"cli"},
    {"__main__"},
]
# What stands on the ground stands there in this order.
GROUND = ["types", "errors", "_internal"]

# The rooms and files that know the outside: processes, sockets, servers, the terminal.
OUTSIDE = (
    "cli/",
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


def modules() -> dict[str, Path]:
    """The modules of the package by name, ``backends.base`` for one; a folder's name is its ``__init__``."""
    found: dict[str, Path] = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("static", "__init__"):
            found[".".join(parts).removesuffix(".__init__")] = file
    return found


def imports_of(file: Path) -> set[str]:
    """The modules of our own that a file imports, when it runs or for its types."""
    known = modules()
    found: set[str] = set()
    parents = file.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])
            for alias in node.names:
                module = f"{base}.{alias.name}".removeprefix(".")
                found.add(module if module in known else base)
    return found - {""}


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
    for file in modules().values():
        relative = file.relative_to(PACKAGE).as_posix()
        if relative.startswith(OUTSIDE):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert not outside & {name.partition(".")[0] for name in names}, relative
