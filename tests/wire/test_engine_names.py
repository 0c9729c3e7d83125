"""Engines plug in: the package asks their registry, and compares no names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import browserllm
from browserllm.models import engines

PACKAGE = Path(browserllm.__file__).parent
PAGE = Path(__file__).parents[2] / "web" / "src" / "engine"

# Where a name has to stand: the engines themselves, and what models there are.
NAMED = ("models/engines/", "models/catalog/catalog.py", "models/catalog/curated.py", "models/catalog/prebuilt.py")


def test_no_code_knows_an_engine_by_its_name() -> None:
    """A text that is an engine's name stands nowhere but in the engines' modules and in the catalog's tables."""
    names = set(engines.names())
    found: list[str] = []
    read = 0
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith(("static/", *NAMED)):
            continue
        read += 1
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        texts = [node for node in nodes if isinstance(node, ast.Constant) and node.value in names]
        found += [f"{place}:{node.lineno} {node.value!r}" for node in texts]
    assert read > 100
    assert found == []


def words(text: str) -> tuple[str, ...]:
    """The texts of a list in TypeScript."""
    return tuple(re.findall(r'"([^"]+)"', text))


def options_of(text: str) -> dict[str, bool | int]:
    """The options of an engine in TypeScript: ``honoured("name", ...)``, and ``name: limit``."""
    limits = re.findall(r"(\w+): (\d+)", text)
    return {**dict.fromkeys(words(text), True), **{name: int(most) for name, most in limits}}


def test_the_page_has_the_same_engines() -> None:
    """Both halves of each engine say the same of its name, devices, capabilities, options and caches."""
    entries = re.findall(
        r'name: "([^"]+)",.*?devices: \[([^\]]*)\],\s*capabilities: \[([^\]]*)\],\s*options: (.*?),\n    '
        r"(in_window: true|import)",
        (PAGE / "engines.ts").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    told = [(name, words(devices), words(able), window == "import") for name, devices, able, _, window in entries]
    assert told == [(e.name, e.devices, e.capabilities, e.in_every_page) for e in engines.known()]
    assert [options_of(entry[3]) for entry in entries] == [dict(engine.options) for engine in engines.known()]
    for engine in engines.known():
        layout = PAGE / engine.name.replace("-", "") / "layout.ts"
        assert layout.exists() == engine.keeps_files
        if engine.keeps_files:
            text = layout.read_text(encoding="utf-8")
            caches = (
                text.partition("caches: [")[2]
                .partition("]")[0]
                .replace("CACHE", re.findall(r'CACHE = (".*?")|$', text)[0])
            )
            assert words(caches) == engine.caches
