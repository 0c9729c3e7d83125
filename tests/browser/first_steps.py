"""Follows a page of the documentation as a reader does: writes its files, types its commands, in an empty folder.

What the tests do in another way than the page says is in `SUBSTITUTIONS` and `VARIABLES`, and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
NOTHING = ":"

SUBSTITUTIONS: dict[str, tuple[str, str]] = {
    "git clone … && cd browserllm": (NOTHING, "the tests run in a checkout"),
    "make run": (NOTHING, "it has set up the checkout in which the tests run"),
    "make test": (NOTHING, "it runs these tests"),
    ".venv/bin/pip install .": (
        ".venv/bin/pip install ./browserllm-*.whl",
        "pip builds the same wheel of a checkout, with the site again, which takes a minute",
    ),
    ".venv/bin/browserllm models pull Qwen3-0.6B": (
        ".venv/bin/browserllm models info Qwen3-0.6B",
        "no host of models is reachable; test_downloads.py pulls from a server of its own",
    ),
    "python3 -m http.server -d public": ("python3 -m http.server -d public 0", "port 8000 may be taken"),
    "npm create vite@latest my-app -- --template react-ts": (
        'cp -r "$TEMPLATE" my-app',
        "npm's registry is not asked; the folder has the same scripts and entry, without a plug-in for fast refresh",
    ),
    "npm install": (NOTHING, "React, Vite and TypeScript are those of the checkout, in node_modules one folder above"),
    ".venv/bin/pip install jupyterlab": (
        ".venv/bin/pip install ipykernel",
        "JupyterLab is the one of `make browser`, which has a hundred packages; the kernel is the reader's",
    ),
    ".venv/bin/jupyter lab": (NOTHING, "the test starts it, with this kernel, and opens it in its own browser"),
}
"""What is typed instead of a command of the documentation, and why."""

VARIABLES: dict[str, tuple[str, str]] = {
    "PYTHONUNBUFFERED": ("1", "a server's address is read from a pipe"),
    "npm_config_offline": ("true", "the package comes from its file, and nothing else is fetched"),
    "npm_config_legacy_peer_deps": ("true", "npm would fetch React, which is there already, one folder above"),
    "npm_config_update_notifier": ("false", "npm would ask its registry for a newer npm"),
    "PIP_CONSTRAINT": ("constraints.txt", "packages have the versions of requirements/, not the newest"),
    "PIP_NO_COMPILE": ("1", "Python compiles what a step imports, which is a tenth of what is installed"),
    "PIP_DISABLE_PIP_VERSION_CHECK": ("1", "pip would ask the package index for a newer pip"),
}
"""What the reader's environment does not have, and why."""

SERVERS = ("python3 -m http.server", "npm run dev")
"""Commands that run until the reader stops them."""


@dataclass(frozen=True)
class Step:
    """One thing to do: type a command, write a file, run a notebook's cell."""

    kind: Literal["command", "file", "cell"]
    text: str
    name: str = ""


def read_steps(page: str, *, cells: bool = False) -> Iterator[Step]:
    """The steps of a page, in order.

    A block of ``sh`` has a command on each line. Any other block is a file, whose name is the last one in backticks
    before it; the Python of a page about notebooks is a ``cell``. What a program prints (``console``) is no step.
    """
    before = 0
    for block in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", page, re.DOTALL | re.MULTILINE):
        language, code = block[2], textwrap.dedent(block[3])
        names = re.findall(
            r"`([\w/.-]+\.\w+)`", page[before : block.start()].rpartition("\n\n")[0].rpartition("\n\n")[2]
        )
        before = block.end()
        if language == "sh":
            yield from (Step("command", line.partition("  #")[0].strip()) for line in code.splitlines())
        elif language == "console":
            continue
        elif cells and language == "python":
            yield Step("cell", code)
        elif names:
            yield Step("file", code, names[-1])
        else:
            raise AssertionError(f"no file is named before this block:\n{code}")


@dataclass
class Reader:
    """Someone with an empty folder and a page of the documentation."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)
    printed: dict[str, str] = field(default_factory=dict)
    """What each command printed as its answer (not what it waited for)."""
    servers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    """Where each server answers."""

    def __post_init__(self) -> None:
        self.here = self.folder
        (self.folder / "constraints.txt").write_text(constraints())
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV"))
        }
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        set_here = {name: value for name, (value, _) in VARIABLES.items()}
        set_here["PIP_CONSTRAINT"] = str(self.folder / "constraints.txt")
        self.home = {"XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_DATA_HOME": str(self.folder / "data")}
        self.environment = {**kept, **set_here, **self.home, "PATH": path, **self.variables}

    def follow(self, page: str, *, cells: bool = False) -> None:
        """Take every step of a page."""
        for step in read_steps((ROOT / page).read_text(encoding="utf-8"), cells=cells):
            if step.kind == "cell":
                self.cells.append(step.text)
            elif step.kind == "file":
                file = self.here / step.name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(step.text, encoding="utf-8")
            else:
                self.type(step.text)

    def type(self, command: str) -> None:
        """Type a command, and wait for its end; a server goes on, and its address is read."""
        typed = SUBSTITUTIONS.get(command, (command, ""))[0]
        if typed.startswith("cd "):
            self.here /= typed.removeprefix("cd ")
        elif typed.startswith(SERVERS):
            server = subprocess.Popen(
                ["sh", "-c", typed],
                cwd=self.here,
                env=self.environment,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that it ends with what it has started
            )
            self.servers[command] = server
            self.addresses[command] = read_address(server)
        else:
            done = subprocess.run(
                ["sh", "-c", typed],
                cwd=self.here,
                env=self.environment,
                text=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"
            self.printed[command] = done.stdout

    def stop(self) -> None:
        """Stop the servers, as Ctrl-C does."""
        for server in self.servers.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            assert server.stdout is not None
            server.stdout.close()


def read_address(server: subprocess.Popen[str]) -> str:
    """Wait until a server prints where it answers."""
    assert server.stdout is not None
    printed = ""
    for line in server.stdout:
        printed += line
        found = re.search(r"http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d+)/\S*", re.sub(r"\x1b\[[\d;]*m", "", line))
        if found:
            return re.sub(r"0\.0\.0\.0|127\.0\.0\.1", "localhost", found[0]).rstrip(")")
    raise AssertionError(printed)


def constraints() -> str:
    """The locked versions, without the hashes, which pip wants of all packages or of none."""
    lines: dict[str, str] = {}
    for name in ("run", "notebook"):
        for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
            if line[:1].isalnum():
                lines[line.partition("==")[0]] = line.rstrip(" \\")
    return "\n".join(lines.values()) + "\n"
