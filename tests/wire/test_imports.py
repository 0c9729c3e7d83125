"""What an import costs, and which way imports go."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import browserllm

PACKAGE = Path(browserllm.__file__).parent

# Each layer may import those before it. What stands in the same line does not know its neighbours.
LAYERS: list[set[str]] = [
    {"clock", "equality", "errors", "facts", "nesting", "patterns", "types", "device", "version"},
    {"threads", "accumulated", "answer_parts", "called", "thoughts", "within"},
    {"identity", "request", "grammars", "images", "host", "http", "schemas", "script", "store", "tokens"},
    {"stream", "channel", "store_host", "store_sqlite", "toolcalls"},
    {"privacy"},
    {"backend", "scripted_files"},
    {"chat", "cloud", "hosts", "models", "page_messages", "routing", "scripted"},
    {"local"},
    {"app", "doctor", "openai_api", "site", "terminal"},
    {"download_bars", "models_text"},
    {"cli_models"},
    {"cli"},
    {"__main__"},
]

# What people see of the command line.
TERMINAL = {"cli.py", "cli_models.py", "download_bars.py", "models_text.py", "terminal.py"}

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


@pytest.mark.parametrize(
    "code",
    [
        "import browserllm",
        "import browserllm; browserllm.ScriptedBackend(['hello'])",
        "import browserllm; browserllm.LocalBackend(None)",
        "import browserllm; browserllm.connect(); browserllm.ModelManager(None)",
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


def imports_of(file: Path) -> set[str]:
    """The modules of our own that a file imports when it runs, as the first name under the package."""
    found: set[str] = set()
    parents = file.relative_to(PACKAGE).parts[:-1]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parents[: len(parents) - node.level + 1]
            names = (*base, *(node.module or "").split("."))
            found.add(next(filter(None, names)) if any(names) else node.names[0].name)
    return found


def test_imports_go_down_only() -> None:
    """Every module imports only modules of the layers below it, or of its own folder."""
    level = {name: index for index, layer in enumerate(LAYERS) for name in layer}
    for file in PACKAGE.rglob("*.py"):
        relative = file.relative_to(PACKAGE)
        if relative.parts[0] in ("static", "__init__.py"):
            continue
        module = relative.parts[0].removesuffix(".py")
        for imported in imports_of(file):
            assert imported == module or level[imported] < level[module], f"{relative} imports {imported}"


def test_only_the_faces_and_hosts_know_the_outside() -> None:
    """Everything else is Python that runs the same in a page: no socket, process or server, threads in one place."""
    outside = HEAVY - {"asyncio"} | {"socket", "threading", "signal", "shutil", "webbrowser", "concurrent"}
    for file in PACKAGE.rglob("*.py"):
        relative = file.relative_to(PACKAGE)
        if relative.parts[0] in {"static", "hosts", "site.py", *TERMINAL} or relative.as_posix() in {
            "http/connecting.py",
            "http/sockets.py",
            "threads.py",
        }:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert not outside & {name.partition(".")[0] for name in names}, relative
