"""What the browser keeps, in a real one: the caches, the journal, picked folders, and loads that need no network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright

from drivers import InPage
from fault_server import Content, Fault, FaultServer
from in_page import FLAGS, PATIENCE_MS, SOFTWARE_WEBGPU, open_python, run_python
from served_models import POCKET, ServedFile, noise_model

WEBLLM_FILES = {
    "mlc-chat-config.json": "webllm/config",
    "tensor-cache.json": "webllm/model",
    "tokenizer.json": "webllm/model",
    "params_shard_0.bin": "webllm/model",
    "pocket.wasm": "webllm/wasm",
}
# Not generation_config.json, which is optional: offline, what is not stored is not there.
TRANSFORMERSJS_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model_quantized.onnx"]

LOAD = """
import json
import browserllm as bl
async with bl.connect() as host:
    phases = []
    order = json.loads(ORDER)
    loaded = await host.call("load", order, lambda progress: phases.append(progress.phase))
    chat = {"model": order["model"], "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    answer = await host.call("chat", chat)
    await host.call("unload", {})
json.dumps({"phases": phases, "tokens": answer["usage"]["completion_tokens"], **loaded})
"""

BROWSERS_OWN_LIST = """async () => {
  const found = [];
  for (const name of await caches.keys())
    for (const { url } of await (await caches.open(name)).keys()) found.push(`${name} ${url}`);
  return found.sort();
}"""

OPFS_FILES = """async () => {
  const names = [];
  const walk = async (folder) => {
    for await (const [name, handle] of folder.entries()) handle.kind === "file" ? names.push(name) : await walk(handle);
  };
  await walk(await navigator.storage.getDirectory());
  return names;
}"""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server of another origin than the site's."""
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def shared_page(start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    """A page with Python and a software GPU for the tests that need no fresh profile."""
    return open_python(start_browser(), site_url)


@pytest.fixture
def start_on(playwright: Playwright, browser_path: str) -> Iterator[Callable[[Path], BrowserContext]]:
    """Start a browser process on a profile of the test's own, as often as it likes."""
    contexts: list[BrowserContext] = []

    def start(profile: Path) -> BrowserContext:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=browser_path, headless=True, args=[*FLAGS, *SOFTWARE_WEBGPU]
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield start
    for context in contexts:
        context.close()


def serve_pocket(server: FaultServer, folder: str, *faults: Fault) -> str:
    """Serve the pocket model, weights with the faults; returns its path's beginning."""
    base = f"{folder}/resolve/main/"
    for name in [*WEBLLM_FILES, *TRANSFORMERSJS_FILES]:
        weights = name.endswith((".bin", ".onnx"))
        server.add(base + name, (POCKET / name).read_bytes(), *(faults if weights else ()))
    return base


def pocket_order(engine: str, device: str, base: str) -> dict[str, Any]:
    """An order to load the pocket model from a folder."""
    artifact = {"url": base, "library": f"{base}pocket.wasm"} if engine == "webllm" else {"url": base, "dtype": "q8"}
    return {"model": "mine", "engine": engine, "device": device, "artifact": artifact}


def load(page: Page, order: dict[str, Any]) -> Any:
    """Load, answer a prompt, unload: the phases that were told, and what was loaded."""
    return run_python(page, LOAD.replace("ORDER", repr(json.dumps(order))))


def test_the_list_agrees_with_the_browsers_own_and_deleting_deletes(shared_page: Page, server: FaultServer) -> None:
    """What `stored` lists is what the browser lists; what `delete_files` deletes neither has, nor empty caches."""
    driver = InPage(shared_page)
    files = noise_model(server, "/noise", faults=[Fault(stall_at=250_000)])
    whole = [file for file in files if not file.url.endswith("params_shard_0.bin")]
    half = next(file for file in files if file not in whole)
    assert driver.call("download", {"files": [file.order() for file in whole]}).code is None
    # One that stalls leaves a partial.
    assert driver.call("download", {"files": [half.order()], "retries": 0, "stall_ms": 300}).code is not None

    stored = driver.call("stored", {}).result
    sizes = {f"{entry['cache']} {entry['url']}": entry["size_bytes"] for entry in stored["entries"]}
    assert sorted(sizes) == shared_page.evaluate(BROWSERS_OWN_LIST)
    assert sizes == {f"{file.cache} {file.url}": file.content.size for file in whole}
    (partial,) = stored["partials"]
    assert (partial["url"], partial["total_bytes"]) == (half.url, half.content.size)
    assert shared_page.evaluate(OPFS_FILES) != []

    kept, *rest = whole
    order = {"entries": [{"cache": file.cache, "url": file.url} for file in rest], "partials": [half.url]}
    freed = sum(file.content.size for file in rest) + partial["loaded_bytes"]
    assert driver.call("delete_files", order).result == {"deleted": len(rest) + 1, "freed_bytes": freed}
    assert shared_page.evaluate(BROWSERS_OWN_LIST) == [f"{kept.cache} {kept.url}"]
    assert shared_page.evaluate("() => caches.keys()") == [kept.cache]
    assert shared_page.evaluate(OPFS_FILES) == []
    again = driver.call("delete_files", {"entries": [{"cache": kept.cache, "url": kept.url}], "partials": []}).result
    assert again == {"deleted": 1, "freed_bytes": kept.content.size}
    assert shared_page.evaluate("() => caches.keys()") == []
    after = driver.call("stored", {}).result
    assert (after["entries"], after["partials"]) == ([], [])


def test_an_engines_files_are_listed_with_their_true_size(shared_page: Page, server: FaultServer) -> None:
    """A compressed response counts with its unpacked length."""
    content = Content(json.dumps({"words": ["again"] * 5000}).encode())
    url = server.add("/z/config.json", content, Fault(gzip=True))
    driver = InPage(shared_page)
    shared_page.evaluate("async (url) => (await caches.open('webllm/config')).add(url)", url)
    sizes = {entry["url"]: entry["size_bytes"] for entry in driver.call("stored", {}).result["entries"]}
    assert sizes[url] == content.size
    order = {"entries": [{"cache": "webllm/config", "url": url}], "partials": []}
    assert driver.call("delete_files", order).result == {"deleted": 1, "freed_bytes": content.size}


def test_persistent_storage_is_requested(shared_page: Page) -> None:
    """Workers have no `persist`: the page requests it, and reports the browser's answer."""
    driver = InPage(shared_page)
    told = driver.call("persist", {}).result
    assert told == {"persisted": shared_page.evaluate("() => navigator.storage.persisted()")}
    assert driver.call("stored", {}).result["persisted"] is told["persisted"]


@pytest.mark.parametrize(("engine", "device"), [("webllm", "webgpu"), ("transformersjs", "wasm")])
def test_a_stored_model_loads_with_its_server_gone_in_a_new_browser(
    start_on: Callable[[Path], BrowserContext], tmp_path: Path, site_url: str, engine: str, device: str
) -> None:
    """Downloaded, the server gone, the browser restarted: the model loads and answers; the journal is still there."""
    with FaultServer() as server:
        # WebLLM reads no library from its cache whose address has "localhost" in it: ours has.
        base = server.other_origin + serve_pocket(server, "/pocket")
        wanted = WEBLLM_FILES if engine == "webllm" else dict.fromkeys(TRANSFORMERSJS_FILES, "transformers-cache")
        files = [
            ServedFile(base + name, cache, Content((POCKET / name).read_bytes())) for name, cache in wanted.items()
        ]
        context = start_on(tmp_path)
        driver = InPage(open_python(context, site_url))
        assert driver.call("download", {"files": [file.order() for file in files]}).code is None
        assert driver.call("journal", {"put": {"mine": {"last_used_ms": 5}}, "remove": []}).code is None
        context.close()
    page = open_python(start_on(tmp_path), site_url)
    assert InPage(page).call("journal", {"put": {}, "remove": []}).result == {"journal": {"mine": {"last_used_ms": 5}}}
    result = load(page, pocket_order(engine, device, base))
    assert (result["engine"], result["device"]) == (engine, device)
    assert result["tokens"] > 0
    assert "downloading" not in result["phases"]
    assert "loading" in result["phases"]


PICK = """
import json
import browserllm as bl
from browserllm.errors import to_wire
async with bl.connect() as host:
    try:
        outcome = await host.call("pick_files", {"key": "my model", "prompt": "Where is the fox?"})
    except bl.BrowserLLMError as error:
        outcome = to_wire(error)
json.dumps(outcome)
"""


def begin_pick(page: Page) -> None:
    """Have Python ask for a folder, and wait until the page does."""
    page.evaluate("code => { window.picking = window.browserllm.python(code); }", PICK)
    page.get_by_text("Where is the fox?").wait_for()


def test_a_folder_is_picked_with_the_keyboard_and_its_model_loads(shared_page: Page, tmp_path: Path) -> None:
    """Enter opens the chooser; the folder's files go into the caches, and both engines load them from there."""
    folder = tmp_path / "fox"
    shutil.copytree(POCKET, folder)
    begin_pick(shared_page)
    with shared_page.expect_file_chooser() as chooser:
        shared_page.keyboard.press("Enter")
    chooser.value.set_files(folder)
    picked = json.loads(shared_page.evaluate("() => window.picking"))
    assert picked["folder"].endswith("/own/my%20model/resolve/picked/")
    names = {entry["cache"]: set[str]() for entry in picked["entries"]}
    for entry in picked["entries"]:
        name = entry["url"].removeprefix(picked["folder"])
        names[entry["cache"]].add(name)
        assert entry["size_bytes"] == (folder / name).stat().st_size
    assert names["webllm/wasm"] == {"pocket.wasm"}
    assert names["webllm/model"] == {"tensor-cache.json", "tokenizer.json", "params_shard_0.bin"}
    assert names["transformers-cache"] >= {"config.json", "tokenizer.json", "onnx/model_quantized.onnx"}
    for engine, device in (("webllm", "webgpu"), ("transformersjs", "wasm")):
        result = load(shared_page, pocket_order(engine, device, picked["folder"]))
        assert (result["engine"], result["tokens"] > 0) == (engine, True)
        assert "downloading" not in result["phases"]
    order = {"entries": [{"cache": each["cache"], "url": each["url"]} for each in picked["entries"]], "partials": []}
    assert InPage(shared_page).call("delete_files", order).result["deleted"] == len(picked["entries"])


@pytest.mark.parametrize("how", ["Escape", "Tab"])
def test_a_person_may_choose_no_folder(shared_page: Page, how: str) -> None:
    """Escape, or the button beside, is Cancelled in Python, and the question goes away."""
    begin_pick(shared_page)
    shared_page.keyboard.press(how)
    if how == "Tab":
        shared_page.keyboard.press("Enter")
    outcome = json.loads(shared_page.evaluate("() => window.picking"))
    assert outcome["code"] == "cancelled"
    assert shared_page.locator("dialog").count() == 0


def test_a_cancelled_request_takes_its_question_away(shared_page: Page) -> None:
    """A program that no longer waits leaves no question behind."""
    code = PICK.replace("await host.call(", "await asyncio.wait_for(host.call(").replace('?"})', '?"}), 0.5)')
    code = code.replace("import json\n", "import asyncio, json\n").replace("bl.BrowserLLMError", "TimeoutError")
    code = code.replace("to_wire(error)", "'timed out'")
    shared_page.evaluate("code => { window.picking = window.browserllm.python(code); }", code)
    shared_page.locator("dialog").wait_for()
    assert json.loads(shared_page.evaluate("() => window.picking")) == "timed out"
    shared_page.locator("dialog").wait_for(state="detached")


def order_from(server: FaultServer, page: Page, engine: str, device: str, *faults: Fault) -> dict[str, Any]:
    """Serve the pocket model; an order to load it from there."""
    base = server.origin + serve_pocket(server, f"/{engine}", *faults)
    if engine == "transformersjs":
        # Stored already, as the library would ask for single bytes of them, which this server does not give.
        texts = [name for name in TRANSFORMERSJS_FILES if name.endswith(".json")]
        files = [{"url": base + name, "cache": "transformers-cache"} for name in texts]
        assert InPage(page).call("download", {"files": files}).code is None
    return pocket_order(engine, device, base)


# In the engine's worker: every GPU device that is made, and how many bytes of buffers live on it.
WATCH_GPU = """() => {
  self.devices ??= [];
  if (self.watched) return;
  self.watched = true;
  const make = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await make.apply(this, args);
    const entry = { live: true, bytes: 0 };
    entry.lost = device.lost.then(() => { entry.live = false; });
    self.devices.push(entry);
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      entry.bytes += descriptor.size;
      return create(descriptor);
    };
    return device;
  };
}"""

# A device that was destroyed says so a moment later.
GPU_IN_USE = """async () => {
  const gone = Promise.all(self.devices.map(({ lost }) => lost));
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
  return self.devices.filter(({ live }) => live).map(({ bytes }) => bytes);
}"""

CANCEL = """
import asyncio, json
import browserllm as bl
async with bl.connect() as host:
    def cancel(progress):
        if [progress.phase, progress.text] == WHEN or progress.phase == WHEN:
            task.cancel()
    task = asyncio.ensure_future(host.call("load", json.loads(ORDER), cancel))
    try:
        await task
        outcome = "loaded"
    except asyncio.CancelledError:
        outcome = "cancelled"
    await host.call("unload", {})  # behind it in the queue: what it took is freed
    status = await host.call("status", {})
json.dumps({"outcome": outcome, "loaded": status["loaded"]})
"""


def engine_worker(page: Page) -> Any:
    """The worker that owns the GPU, with every device it makes watched."""
    worker = next(each for each in page.workers if each.evaluate("() => self.name") == "browserllm-engine")
    worker.evaluate(WATCH_GPU)
    return worker


@pytest.mark.parametrize(
    ("engine", "device", "phase"),
    [
        ("webllm", "webgpu", "loading"),
        ("webllm", "webgpu", "downloading"),
        ("webllm", "webgpu", "compiling"),
        ("transformersjs", "webgpu", "downloading"),
        ("transformersjs", "webgpu", ["loading", "Preparing the network"]),
        ("transformersjs", "webgpu", "compiling"),
        ("transformersjs", "wasm", ["loading", "Preparing the network"]),
    ],
)
def test_a_load_cancelled_in_any_phase_leaves_nothing(
    shared_page: Page, server: FaultServer, engine: str, device: str, phase: str | list[str]
) -> None:
    """Cancelled while it downloads, loads or compiles: no GPU device lives, nothing is loaded, and it loads again."""
    worker = engine_worker(shared_page)
    order = order_from(server, shared_page, engine, device, Fault(bytes_per_s=20_000_000))
    code = CANCEL.replace("WHEN", repr(phase)).replace("ORDER", repr(json.dumps(order)))
    assert run_python(shared_page, code) == {"outcome": "cancelled", "loaded": []}
    assert worker.evaluate(GPU_IN_USE) == []
    server.heal()
    assert load(shared_page, order)["tokens"] > 0
    assert worker.evaluate(GPU_IN_USE) == []


@pytest.mark.parametrize(
    ("engine", "device", "broken", "fault"),
    [
        ("webllm", "webgpu", "params_shard_0.bin", Fault(status=404)),
        ("webllm", "webgpu", "params_shard_0.bin", Fault(truncate_at=1000)),
        ("transformersjs", "webgpu", "onnx/model_quantized.onnx", Fault(status=404)),
        ("transformersjs", "webgpu", "onnx/model_quantized.onnx", Fault(truncate_at=100_000)),
        ("transformersjs", "wasm", "onnx/model_quantized.onnx", Fault(truncate_at=100_000)),
    ],
)
def test_a_load_that_fails_leaves_nothing(
    shared_page: Page, server: FaultServer, engine: str, device: str, broken: str, fault: Fault
) -> None:
    """Weights that are missing or cut off fail the load with a typed error; no device lives, and it loads again."""
    worker = engine_worker(shared_page)
    order = order_from(server, shared_page, engine, device)
    url = server.add(f"/{engine}/resolve/main/{broken}", (POCKET / broken).read_bytes(), fault)
    driver = InPage(shared_page)
    outcome = driver.call("load", order)
    assert outcome.code == "load_failed", outcome
    if fault.status == 404:
        assert outcome.data["url"] == url
    assert worker.evaluate(GPU_IN_USE) == []
    server.heal()
    # The truncated file is in the cache now, as the engine found it; repairing a model deletes it first.
    entries = [entry for entry in driver.call("stored", {}).result["entries"] if entry["url"] == url]
    driver.call("delete_files", {"entries": [{"cache": each["cache"], "url": each["url"]} for each in entries]})
    assert load(shared_page, order)["tokens"] > 0
    assert worker.evaluate(GPU_IN_USE) == []
