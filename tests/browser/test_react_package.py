"""The npm package `@browserllm/react`, packed and installed into a Vite app outside the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from browserllm._internal.version import __version__
from built_packages import ROOT, npm, run, site_builder

TEMPLATE = Path(__file__).parent / "react_template"
APP = """
import { useChat } from "@ai-sdk/react";
import { BrowserLLMProvider, connect, useModels, type UIMessage } from "@browserllm/react";
import { BrowserLLMChatTransport } from "@browserllm/react/ai-sdk";
import { ModelManager } from "@browserllm/react/model-manager";
import { browserllmConnection } from "@browserllm/react/tanstack";
import { scriptedClient } from "@browserllm/react/testing";
import "@browserllm/react/model-manager.css";

const client = scriptedClient({ answers: ["Hello to you."] });
const transport = new BrowserLLMChatTransport({ client: connect({ base: "/llm/" }) });
export const connection = browserllmConnection({ client: connect({ base: "/llm/" }) });
export const last = (messages: readonly UIMessage[]): string => messages.at(-1)?.id ?? "";

function Models() {
  const { messages } = useChat({ transport });
  return <p>{useModels().models.length} models, {messages.length} messages</p>;
}

export default function App() {
  return <BrowserLLMProvider client={client}><Models /><ModelManager /></BrowserLLMProvider>;
}
"""


@pytest.fixture
def app(react_package: Path, tmp_path: Path) -> Path:
    """A Vite app with the package in it; React, Vite and TypeScript are the checkout's, one folder above."""
    folder = tmp_path / "app"
    shutil.copytree(TEMPLATE, folder)
    (tmp_path / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    run([*npm(), "install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", str(react_package)], folder)
    return folder


def build(app: Path) -> subprocess.CompletedProcess[str]:
    """Type-check the app and build it."""
    node = str(Path(site_builder().node_command("node")[0]).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([node, os.environ["PATH"]])}
    command = [*npm(), "run", "build"]
    return subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)


def test_the_package_has_what_its_users_need(react_package: Path) -> None:
    """Modules, declarations, the licence and the README; none of the sources' configuration, no dependency."""
    with tarfile.open(react_package) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
        file = archive.extractfile("package/package.json")
        assert file is not None
        package = json.load(file)
    assert package["version"] == __version__
    assert "dependencies" not in package
    assert {"LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"} <= names
    assert not [
        name
        for name in names
        if name.startswith(("src/", "node_modules/")) or (name.endswith((".ts", ".tsx")) and not name.endswith(".d.ts"))
    ]


def test_an_app_that_uses_every_entry_builds(app: Path) -> None:
    """Under strict rules, with every entry of the package imported."""
    (app / "src" / "App.tsx").write_text(APP)
    done = build(app)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((app / "dist" / "assets").glob("*.js"))
    assert list((app / "dist" / "assets").glob("*.css"))


def test_the_types_of_the_package_are_checked(app: Path) -> None:
    """An app that uses a hook wrongly does not build: the declarations are found, and mean something."""
    (app / "src" / "App.tsx").write_text(
        'import { useChat } from "@browserllm/react";\n'
        "export default function App() {\n  const { nothing } = useChat();\n  return <p>{nothing}</p>;\n}\n"
    )
    done = build(app)
    assert done.returncode != 0
    assert "'nothing' does not exist on type 'UseChat" in done.stdout
