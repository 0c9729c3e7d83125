"""JupyterLab with one notebook, used by its commands."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import FrameLocator, Locator, Page, expect

ROOT = Path(__file__).parents[2]
JUPYTER = ROOT / ".venv-notebook" / "bin" / "jupyter-lab"
"""Made by `make browser`: JupyterLab has a hundred packages, which nothing else needs."""


class Lab:
    """A notebook in JupyterLab, used by its commands."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, cells: int) -> Lab:
        """Open the notebook, which has this many cells, and wait for its kernel."""
        self.page.goto(f"{self.url}/lab/tree/chat.ipynb?token=token&reset")
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        expect(self.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(cells)
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached()
        return self

    def run(self, cell: int) -> None:
        """Select a cell and run it. Returns when it runs, or has run."""
        code = self.page.locator(".jp-CodeCell").nth(cell)
        prompt = code.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        code.locator(".cm-content").click()
        # On a busy machine JupyterLab connects to its kernel again, and forgets what it had sent: run it again, then.
        while prompt.inner_text() == before:
            self.page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
            with suppress(AssertionError):
                expect(prompt).not_to_have_text(before, timeout=20_000)

    def printed(self, cell: int) -> Locator:
        """Where the text is that a cell prints."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output pre").first

    def output(self, cell: int) -> str:
        """Wait for the text that a cell prints at once."""
        expect(self.printed(cell)).to_be_visible()
        return self.printed(cell).inner_text()

    def frame(self, cell: int) -> FrameLocator:
        """The page that a cell shows."""
        return self.page.locator(".jp-CodeCell").nth(cell).frame_locator("iframe[title=browserllm]")

    def says(self, cell: int, text: str) -> None:
        """Wait until the widget says this above its frame."""
        line = self.page.locator(".jp-CodeCell").nth(cell).locator(".browserllm-notebook-line")
        expect(line).to_contain_text(text)


@contextmanager
def running_lab(folder: Path, *cells: str, python: Path | None = None, **environment: str) -> Iterator[str]:
    """Run JupyterLab with a notebook of these cells; gives its address.

    The kernel runs in JupyterLab's own environment, or in that of ``python``.
    """
    assert JUPYTER.exists(), "JupyterLab is not installed: run `make browser`"
    notebooks, kernels = folder / "notebooks", folder / "data" / "kernels" / "named"
    notebooks.mkdir()
    (notebooks / "chat.ipynb").write_text(json.dumps(notebook(*cells, kernel="named" if python else "python3")))
    if python:
        kernels.mkdir(parents=True)
        launch = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (kernels / "kernel.json").write_text(
            json.dumps({"argv": launch, "display_name": "Named", "language": "python"})
        )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    options = ["--no-browser", "--allow-root", f"--port={port}", "--expose-app-in-browser"]
    secrets = ["--IdentityProvider.token=token", f"--ServerApp.root_dir={notebooks}"]
    command = [str(JUPYTER), *options, *secrets, "--LabApp.news_url=None", "--log-level=WARN"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, env={**os.environ, **own, **environment}, stdout=log, stderr=subprocess.STDOUT
        ) as lab,
    ):
        try:
            url = f"http://localhost:{port}"  # as Jupyter opens it; the kernel's own server is at 127.0.0.1
            wait_for(f"{url}/api/status?token=token", lab, folder / "log")
            yield url
        finally:
            lab.kill()  # a server that waits for requests may not notice a gentler signal; its kernels end with it


def notebook(*cells: str, kernel: str) -> dict[str, object]:
    """A notebook of code."""
    code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    numbered = [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)]
    return {"cells": numbered, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers, or until its process ends."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10):  # noqa: S310 (our own server)
                return
        except OSError:
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(log.read_text())
