"""Parts of the app by themselves: drawing Markdown, and a change's way from Python's state to the page's copy."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _page import ROOT, chromium, open_python, run_python
from _report import Row

sys.path.insert(0, str(ROOT / "web"))
from build_site import node_command

STEP = 2
"""How many tokens come in a frame, at 100 a second."""

UPDATES = """
import asyncio, json, time
from browserllm.app import actions, app as apps, pipe as pipes, state as states

def updates(messages, frames):
    '''Microseconds of each frame of an answer, from a longer text to the JSON for the page; and its last patch.'''
    app = apps.App()
    words = (states.TextPart(text="word " * 60),)
    made = {f"m{n}": states.ChatMessage(id=f"m{n}", role="user", parts=words) for n in range(messages)}
    thread = states.Thread(id="c", messages=made, path=tuple(made))
    app.state.put(thread, "threads", "c")
    sent = []
    pipe = pipes.Pipe(app, sent.append)
    pipe.on_text('{"type": "hello"}')
    name, text, times = f"m{messages - 1}", "", []
    for frame in range(frames):
        text += "two tokens "
        begin = time.perf_counter()
        app.state.change("threads", "c", "messages", name, parts=(states.TextPart(text=text, state="streaming"),))
        app.state.flush()
        times.append((time.perf_counter() - begin) * 1e6)
    pipe.close()
    return {"times": sorted(times)[frames // 2], "state": sent[0], "patch": sent[-1]}

async def measure():
    return json.dumps([updates(10, 1000), updates(1000, 1000)])
"""


def measure(base: str, tokens: list[str]) -> list[Row]:
    """The rows of both."""
    with tempfile.TemporaryDirectory() as folder, chromium() as context:
        script = bundle(Path(folder))
        python: Any = run_python(open_python(context, base), UPDATES + "await measure()")
        page = context.new_page()
        page.goto(base + "python.html")
        page.evaluate(script)
        ours: Any = page.evaluate(DRAW, [tokens, STEP, False])
        whole: Any = page.evaluate(DRAW, [tokens, STEP, True])
        patching: list[float] = [page.evaluate(PATCH, [each["state"], each["patch"]]) for each in python]
    last = len(ours) // 10
    return [
        Row("Markdown, an update of two tokens: ours, whole answer", ours, "ms", budget=1),
        Row("  the text rendered whole each time", whole, "ms"),
        Row("  ours, the last tenth of the answer", ours[-last:], "ms"),
        Row("  whole, the last tenth of the answer", whole[-last:], "ms"),
        Row("a frame's change in Python to JSON, 10 messages, Pyodide", [python[0]["times"]], "us"),
        Row("  1,000 messages", [python[1]["times"]], "us", budget=2000),
        Row("its patch applied by the page, 10 messages", patching[:1], "us"),
        Row("  1,000 messages", patching[1:], "us", budget=1000),
    ]


DRAW = "([tokens, step, whole]) => window.parts.markdown(tokens, step, whole)"
PATCH = """([state, patch]) =>
  window.parts.patching(JSON.parse(state).state, JSON.parse(patch).patches, 2000)"""


def bundle(folder: Path) -> str:
    """benchmarks/page/app_parts.tsx with all it imports, as one script."""
    here = ROOT / "benchmarks/page"
    command = [*node_command("node"), str(here / "bundle.mjs"), str(here / "app_parts.tsx"), str(folder)]
    subprocess.run(command, check=True, cwd=ROOT / "web")
    return (folder / "bundle.js").read_text()
