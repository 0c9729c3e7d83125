"""The browser's own model: a scripted ``LanguageModel`` in the window, asked from Python through the real worker.

The Chromium of these tests has the API and no model, so a page gets the class of
``tests/page/scripted_language_model.ts``, whose interface is that of the published IDL.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from in_page import open_python, run_python

ROOT = Path(__file__).parents[2]

# Types away, exports away: what is left is a script.
TO_SCRIPT = """
const ts = require(process.argv[1]);
const source = require("node:fs").readFileSync(process.argv[2], "utf8");
const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
process.stdout.write(ts.transpileModule(source, { compilerOptions: options }).outputText.replace(/^export /gm, ""));
"""


@pytest.fixture(scope="module")
def language_model() -> str:
    """A script that gives a window the scripted ``LanguageModel``, which it has still to download."""
    node = shutil.which("node")
    assert node is not None, "no Node on PATH"
    typescript = ROOT / "web" / "node_modules" / "typescript"
    source = ROOT / "tests" / "page" / "scripted_language_model.ts"
    done = subprocess.run(
        [node, "-e", TO_SCRIPT, str(typescript), str(source)], check=True, capture_output=True, text=True
    )
    # The last answer comes to no end by itself; the first is the load's validation.
    answers = [*["Hello from the browser ."] * 4, "a b c d e f g h HANG"]
    start = f"Object.assign(ScriptedLanguageModel.script, {{ availability: 'downloadable', answers: {answers!r} }});"
    return f"(() => {{\n{done.stdout}\n{start}\nglobalThis.LanguageModel = ScriptedLanguageModel;\n}})();"


CHAT = """
import json
import browserllm as bl

async with bl.connect() as host:
    llm = bl.LocalBackend(host, "browser")
    before = (await llm.models.fit("browser")).warnings
    told = []
    hear = lambda progress: told.append([progress.phase, progress.fraction])
    loaded = await llm.models.load("browser", on_progress=hear)
    session = bl.Session(llm, system="Be kind.")
    first = await session.send("Hello there")
    second = await session.send("And again")
    stream = llm.stream("Hello")
    async for chunk in stream:
        if isinstance(chunk, bl.types.TextDelta):
            stream.stop()
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    city = await llm.complete("Where?", response_format=wanted)
    cut = await llm.complete("Hello", max_tokens=2)
    after = await llm.models.fit("browser")
    storage = await llm.models.storage()
    unloaded = await llm.models.unload("browser")
json.dumps(dict(
    engines=[engine.name for engine in host.hello.engines],
    warned=[warning.code for warning in before],
    told=told,
    loaded=[loaded.engine, loaded.device, loaded.context_window],
    texts=[first.text, second.text, city.text],
    cached=second.usage.cached_tokens,
    stopped=stream.response.finish_reason,
    cut=cut.finish_reason,
    after=[after.fits, len(after.warnings)],
    stored=len(storage.models),
    unloaded=unloaded,
))
"""


def test_python_chats_with_the_browsers_own_model(
    start_browser: Callable[..., BrowserContext], site_url: str, language_model: str
) -> None:
    """Download, streaming, a second turn in the same session, a stop, a schema, a limit of tokens, and its end."""
    context = start_browser(webgpu=False)
    context.add_init_script(language_model)
    page = open_python(context, site_url)
    said = run_python(page, CHAT)
    assert said["engines"] == ["webllm", "transformersjs", "prompt-api"]
    assert said["warned"] == ["browser_downloads"]
    assert ["downloading", 0.5] in said["told"]
    assert said["loaded"] == ["prompt-api", "browser", 100]
    assert said["texts"] == ["Hello from the browser ."] * 2 + ['{"city":"Oslo"}']
    assert said["cached"] > 5
    assert (said["stopped"], said["cut"], said["after"]) == ("cancelled", "length", [True, 0])
    assert (said["stored"], said["unloaded"]) == (0, ["browser"])
    assert page.evaluate("LanguageModel.script.live") == 0
    context.close()


MEMBERS = """() => ({
    statics: ["create", "availability"].filter((name) => name in LanguageModel),
    members: [
        "prompt", "promptStreaming", "append", "measureContextUsage", "contextUsage", "contextWindow",
        "oncontextoverflow", "clone", "destroy",
    ].filter((name) => !(name in LanguageModel.prototype)),
})"""

LOAD = """
import json
import browserllm as bl

async with bl.connect() as host:
    models = bl.ModelManager(host)
    judged = await models.fit("browser")
    try:
        await models.load("browser")
    except bl.Unavailable as error:
        said = str(error)
json.dumps(dict(
    engines=[engine.name for engine in host.hello.engines],
    fits=judged.fits,
    codes=[reason.code for reason in judged.reasons],
    said=said,
))
"""


def test_the_real_interface_is_the_one_that_the_engine_was_written_for(
    start_browser: Callable[..., BrowserContext], site_url: str
) -> None:
    """Chromium's own ``LanguageModel`` has each name of our types, and its refusal is passed on: it has no model."""
    context = start_browser(webgpu=False)
    page = open_python(context, site_url)
    assert page.evaluate(MEMBERS) == {"statics": ["create", "availability"], "members": []}
    said = run_python(page, LOAD)
    assert said["engines"] == ["webllm", "transformersjs", "prompt-api"]
    assert (said["fits"], said["codes"]) == (False, ["missing_feature"])
    assert "LanguageModel.availability() says 'unavailable'" in said["said"]
    context.close()


def test_a_browser_without_the_api_is_named_as_the_reason(
    start_browser: Callable[..., BrowserContext], site_url: str
) -> None:
    """The page then does not name the engine, and Python says why."""
    context = start_browser(webgpu=False)
    context.add_init_script("delete globalThis.LanguageModel;")
    page = open_python(context, site_url)
    said = run_python(page, LOAD)
    assert said["engines"] == ["webllm", "transformersjs"]
    assert (said["fits"], said["codes"]) == (False, ["missing_feature"])
    assert said["said"].startswith("this browser offers no model of its own: its window has no LanguageModel")
    context.close()
