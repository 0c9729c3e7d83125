"""The documentation's site: its pages are all listed, linked and true to the code that they show."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import textwrap
import types
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import pytest

import browserllm as bl
from browserllm.cli.main import cli
from browserllm.page.serving.policy import meta_policy

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
NAV = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2].partition("\nmarkdown_extensions:")[0]
RUN_ELSEWHERE = {
    *("README.md", "tour.md", "models.md", "cloud.md", "middleware.md", "openai.md", "routing.md", "structured.md"),
    *("tools.md", "conversations.md"),
}
IN_A_NOTEBOOK = {"notebook.md"}


def script(name: str) -> Any:
    """One of the scripts that write pages."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def prose(text: str) -> str:
    """A page without its code."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "`code`", text)


def blocks(text: str, *languages: str) -> list[str]:
    """The code of some languages in a page, also in its tabs."""
    found = re.findall(rf"^( *)```(?:{'|'.join(languages)})\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


# --- pages and links -------------------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_once() -> None:
    """And the navigation has no other page."""
    listed = re.findall(r"^ +- [^:\n]+: (\S+\.md)$", NAV, re.MULTILINE)
    assert sorted(listed) == sorted(PAGES)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the site makes them; a name that is there already gets a number."""
    found: set[str] = set()
    code = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.+)$", code, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
        base = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", letters).strip().lower())
        name, number = base, 0
        while name in found:
            number += 1
            name = f"{base}_{number}"
        found.add(name)
    return found


def links(text: str) -> list[str]:
    """The links and pictures of a page that lead to other files of this repository."""
    return [to for to in re.findall(r"\]\(([^)\s]+)\)", prose(text)) if not re.match(r"[a-z]+:", to)]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_link_leads_somewhere(name: str) -> None:
    """To a file within docs/, and if it names a place there, to a heading."""
    missing: list[str] = []
    for link in links(PAGES[name]):
        path, _, anchor = link.partition("#")
        target = (DOCS / name).parent / path if path else DOCS / name
        inside = target.resolve().is_relative_to(DOCS.resolve())
        page = target.suffix == ".md" and inside and target.exists()
        if not inside or not target.exists() or (anchor and page and anchor not in anchors(target.read_text("utf-8"))):
            missing.append(link)
    assert not missing, " ".join(missing)


def test_links_and_headings_are_found() -> None:
    """The test above reads what it should: no code, numbers for equal headings, code in headings."""
    text = (
        "# A `b` & c\n## A b c\n[x](y.md#z)\n![p](q.webp)\n[w](https://w)\n`[no](no.md)`\n```\n# no\n[no](no.md)\n```\n"
    )
    assert links(text) == ["y.md#z", "q.webp"]
    assert anchors(text) == {"a-b-c", "a-b-c_1"}


# --- the reference ---------------------------------------------------------------------------------------------------


def test_the_reference_is_what_the_script_writes() -> None:
    """A new public name without `make docs` fails here."""
    written = dict(script("api_pages").pages())
    assert {path.name for path in written} == {Path(name).name for name in PAGES if name.startswith("api/")}
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def public_packages(name: str = "browserllm") -> Iterator[str]:
    """A package and those that it offers."""
    yield name
    for inner in getattr(importlib.import_module(name), "_NAMES", {}).get("", "").split():
        yield from public_packages(f"{name}.{inner}")


def resolve(path: str) -> Any:
    """What a full name stands for; ``None`` if its module needs a package that is not installed."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("browserllm"):
                return None
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(path)


def test_every_public_name_has_a_place_in_the_reference() -> None:
    """By itself, or in a module that is described whole; each name once."""
    described: list[str] = []
    for name, text in PAGES.items():
        if name.startswith("api/"):
            described += re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert len(described) == len(set(described))
    objects = [resolve(path) for path in described]
    modules = [found for found in objects if isinstance(found, types.ModuleType)]
    known = {id(found) for found in objects} | {id(each) for module in modules for each in vars(module).values()}
    missing: list[str] = []
    for package in public_packages():
        module = importlib.import_module(package)
        names = () if module in modules else module.__all__
        for name in names:
            found = getattr(module, name)
            if not isinstance(found, types.ModuleType) and id(found) not in known:
                missing.append(f"{package}.{name}")
    assert not missing, " ".join(missing)


# --- what the pages show ---------------------------------------------------------------------------------------------


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that follows a script in the place of each browser that a page opens."""

    @asynccontextmanager
    async def connect(*_: object, **options: object) -> AsyncIterator[bl.Host]:
        assert set(options) <= {"browser", "profile", "visible", "webgpu", "timeout_s"}
        yield bl.ScriptedHost(["It scatters.", "A fox ran."])

    monkeypatch.setattr(bl, "connect", connect)


PYTHON = [
    (name, f"{name}-{number}", code)
    for name, text in sorted(PAGES.items())
    if name not in RUN_ELSEWHERE
    for number, code in enumerate(blocks(text, "python"))
]


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize(
    "code", [pytest.param(code, id=label) for name, label, code in PYTHON if name not in IN_A_NOTEBOOK]
)
def test_python_code_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it; what it asserts holds."""
    if "browserllm.amplifier" in code:
        pytest.importorskip("amplifier_core")
    scope: dict[str, Any] = {"__name__": "pasted"}
    exec(compile(code, "docs", "exec", dont_inherit=True), scope)  # noqa: S102 (our own documentation)


@pytest.mark.parametrize("code", [pytest.param(code, id=label) for _, label, code in PYTHON])
def test_python_code_names_what_exists(code: str) -> None:
    """Also in functions that only a page or a device could run: names of the library, and attributes of its objects."""
    kinds = {"host": bl.Host, "models": bl.ModelManager, "llm": bl.LocalBackend, "chat": bl.Session}
    missing: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("browserllm"):
            source = importlib.import_module(node.module or "")
            offered = getattr(source, "__all__", None) or dir(source)
            missing += [f"{node.module}.{each.name}" for each in node.names if each.name not in offered]
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if re.fullmatch(r"bl(\.\w+)*", owner):
                try:
                    eval(ast.unparse(node), {"bl": bl})  # noqa: S307 (our own documentation)
                except AttributeError:
                    missing.append(ast.unparse(node))
            elif owner in kinds and not hasattr(kinds[owner], node.attr):
                missing.append(ast.unparse(node))
    assert not missing, " ".join(missing)


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"README.md"}))
def test_names_in_the_text_exist(name: str) -> None:
    """What a page calls `bl.x` or `models.x()` in a sentence or a table."""
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"^( *)```.*?^\1```$", "", PAGES[name], flags=re.DOTALL | re.MULTILINE))
    missing: list[str] = []
    for code in quoted:
        for path in re.findall(r"(?<![\w./])bl((?:\.[A-Za-z]\w*)+)", code):
            found: Any = bl
            for part in path[1:].split("."):
                found = getattr(found, part, None)
            missing += [] if found is not None else [f"bl{path}"]
        for owner, attribute in re.findall(r"(?<![\w.])(models|host)\.(\w+)\(", code):
            kind = {"models": bl.ModelManager, "host": bl.Host}[owner]
            missing += [] if hasattr(kind, attribute) else [f"{owner}.{attribute}"]
    assert not missing, " ".join(missing)


def exports(file: Path) -> set[str]:
    """The names that a TypeScript module exports."""
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = set(
        re.findall(r"export (?:declare )?(?:async )?(?:const|function|class|interface|type|abstract class) (\w+)", text)
    )
    for group in re.findall(r"export (?:type |const )?\{([^}]*)\}", text):
        found |= {name.split(" as ")[-1].strip() for name in group.split(",") if name.strip()}
    for source in re.findall(r'export (?:type )?\* from "(\./[^"]+)"', text):
        found |= exports(file.parent / source)
    return found


def module(name: str) -> Path | None:
    """The source of a module of ours that pages import."""
    if name.endswith("/widget.js"):
        return ROOT / "web" / "widget" / "widget.ts"
    if name.endswith("/amplifier.js"):
        return ROOT / "web" / "amplifier" / "amplifier.ts"
    if name.startswith("@browserllm/react"):
        return ROOT / "web" / "react" / "src" / f"{name.removeprefix('@browserllm/react').lstrip('/') or 'index'}.ts"
    return None


SCRIPTS = [
    pytest.param(code, id=f"{name}-{number}")
    for name, text in sorted(PAGES.items())
    for number, code in enumerate(blocks(text, "js", "ts", "tsx", "html"))
]


@pytest.mark.parametrize("code", SCRIPTS)
def test_scripts_import_what_is_exported(code: str) -> None:
    """And call actions that the app has."""
    missing: list[str] = []
    for names, source in re.findall(r'import (?:type )?\{([^}]*)\} from "([^"]+)"', code):
        file = module(source)
        if file is not None:
            known = exports(file)
            missing += [name.strip() for name in names.split(",") if name.strip() and name.strip() not in known]
    actions = (ROOT / "web" / "react" / "src" / "actions.ts").read_text(encoding="utf-8")
    missing += [name for name in re.findall(r'\.call\("([\w.]+)"', code) if f'"{name}"' not in actions]
    assert not missing, " ".join(missing)


def test_exports_are_found() -> None:
    """Lists, constants that are taken apart, types, and what another module exports."""
    assert {"chat", "init", "LocalLLM", "BrowserLLMError", "ChatOptions"} <= exports(module("./llm/widget.js") or ROOT)
    assert {"useChat", "UIMessage", "AppState", "connect"} <= exports(module("@browserllm/react") or ROOT)
    assert {"AmplifierWeb", "WorkerManager", "Tool"} <= exports(module("./llm/amplifier.js") or ROOT)
    assert "BrowserLLMChatTransport" in exports(module("@browserllm/react/ai-sdk") or ROOT)


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of each call of the command in a page, in its text and in its blocks."""
    for line in re.findall(r"`(browserllm [^`\n]+)`", text) + re.findall(
        r"^ *\$? ?(?:\S*/)?(browserllm [^\n]+)", text, re.MULTILINE
    ):
        plain = re.sub(r"\"[^\"]*\"", "TEXT", line.partition("#")[0])
        yield plain.split()[1:]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_commands_exist(name: str) -> None:
    """With the options that a page gives them."""
    wrong: list[str] = []
    for words in command_lines(PAGES[name]):
        command: click.Command = cli
        for word in words:
            if isinstance(command, click.Group) and word in command.commands:
                command = command.commands[word]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = [word.partition("=")[0] for word in words if word.startswith("--")]
        known = command is not cli or set(used) & {"--version", "--help"}
        if re.fullmatch(r"[a-z]+", words[0]) and not known:
            wrong.append(" ".join(words))
        wrong += [f"{command.name} {option}" for option in used if option not in {*options, "--help", "--version"}]
    assert not wrong, "; ".join(wrong)


# --- facts -----------------------------------------------------------------------------------------------------------


def test_the_table_of_models_is_that_of_the_catalog() -> None:
    """A refreshed catalog without `scripts/hardware_table.py --write` fails here."""
    assert script("hardware_table").page(PAGES["hardware.md"]) == PAGES["hardware.md"]


def test_the_policy_that_pages_need_is_ours() -> None:
    """Word for word."""
    assert f"```\n{meta_policy()}\n```" in PAGES["troubleshooting.md"]


# What browsers and systems say, not we.
THEIRS = {
    *("WebGPU Status", "Aw, Snap!", "High performance", "Clear browsing data"),
    "Refused to … because it violates … Content Security Policy",
    "Unable to create a text session because the service is not running.",
    "No output language was specified in a LanguageModel API request.",
    "Banner not shown: beforeinstallpromptevent.preventDefault() called.",
    "Falling back to maxComputeInvocationsPerWorkgroup=256 due to device limit=256",
}


def test_the_errors_quoted_are_those_of_the_code() -> None:
    """Someone who searches for a message finds it; “…”, numbers and features stand for what varies."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "web").glob("[!n]*/**/*.ts"), ROOT / "web" / "index.html"]
    sources = "\n".join(file.read_text(encoding="utf-8") for file in files)
    joined = re.sub(r"\"\s*\n\s*f?\"", "", sources).replace("\\", "")
    page = " ".join(PAGES["troubleshooting.md"].split())
    quoted = [text for text in re.findall(r"“([^”]+)”", page) if text not in THEIRS]
    pieces = [piece.strip(' "') for text in quoted for piece in re.split(r"…|\b\d+\b|shader-f16", text)]
    missing = [piece for piece in pieces if len(piece) > 2 and piece not in joined]
    assert not missing, "; ".join(missing)
    assert len(quoted) > 20


@pytest.mark.parametrize(
    ("said", "measured"),
    [
        ("in the app | 0.9 s |", "| 0.9 / 0.9 s |"),
        ("3.2 s; 2.7 s warm", "warm / cold | 2.7 s / 3.2 s"),
        ("32 us in the page, 17 us in a process", "Pyodide | 32 us"),
        ("1.01 of bare JavaScript's speed; 1.3 ms more", "24 pairs | 1.01"),
        ("7 to 16 ms on the CPU", "7 to 16 ms"),
        ("after 192 ms with reuse, and 4,618 ms", "192 / 4,618 ms"),
        ("24 of 35 valid objects freely, and 35 of 35", "| objects that are valid, of 35 texts | 24 | 35"),
        ("20 and 25 of them are right", "| objects that are right | 20 | 25"),
        ("59.9 frames a second", "59.9; 99.3"),
        ("The wheel has 39.5 MB", "wheel | 39.5 MB"),
        ("8.5 MB with gzip until one can write", "until one can write, without the engine, gzip | 8.5 MB"),
        ("10.7 MB until the first answer", "with WebLLM and without the model, gzip | 10.7 MB"),
        ("snapshot with this package 4.3, Pyodide 3.9", "with this package is 4.3 MB, Pyodide 3.9 MB"),
        ("38 to 65 tokens/s in software; 248 on the H200", "38 to 65 tokens/s"),
    ],
)
def test_the_figures_are_those_of_the_benchmarks(said: str, measured: str) -> None:
    """A new measurement changes the guide, too."""
    assert measured in PAGES["benchmarks.md"]
    assert said in PAGES["performance.md"].replace("\n", " ")
