/** The worker that Python runs in. Boots Pyodide with our packages, both from this site, and runs the page's code. */

import type { PyodideAPI } from "pyodide";
import type { FromPython, ToPython } from "./messages.ts";
import { EnginePort } from "./engine-port.ts";
import { HandlerSlot } from "./handler.ts";
import { serveLazily } from "../patches/pyodide/lazy-file.ts";
import { awake, receiveSnapshot, snapshotOptions, type CreateModule, type Snapshot } from "../patches/pyodide/snapshot.ts";

/** A file in python/, as manifest.json lists it. */
interface SiteFile {
  readonly file: string;
  readonly sha256: string;
}

interface Manifest {
  readonly packages: readonly SiteFile[];
  readonly snapshot: SiteFile;
}

/** Where Pyodide keeps the standard library. */
const STDLIB = "/lib/python314.zip";

/** How the tabs of this site tell each other what they have written; only Python speaks here. */
const tabs = new BroadcastChannel(`browserllm-tabs ${new URL("../", import.meta.url).href}`);
const tabsHandler = new HandlerSlot();
const ui = new HandlerSlot();
const waitingUi: string[] = [];
const started = performance.now();
let python: Promise<Run> | null = null;

function post(message: FromPython): void {
  self.postMessage(message);
}

async function boot(base: string, port: MessagePort): Promise<Run> {
  post({ type: "boot", text: "Loading Python", fraction: 0.1 });
  // Request everything at once: Pyodide compiles its wasm while our packages arrive.
  const folder = new URL("python/", base);
  const manifest = fetchOk(new URL("manifest.json", folder)).then((response) => response.json() as Promise<Manifest>);
  const archives = manifest.then(({ packages }) =>
    Promise.all(packages.map(async (file) => (await fetchFile(folder, file)).arrayBuffer())),
  );
  const snapshot = manifest.then(async (files) => receiveSnapshot(bodyOf(await fetchFile(folder, files.snapshot))));
  archives.catch(() => undefined); // awaited below, maybe after it failed
  const pyodide = await startPyodide(new URL("pyodide/", base).href, snapshot);
  const loaded = performance.now();
  post({ type: "boot", text: "Unpacking packages", fraction: 0.7 });
  for (const archive of await archives) pyodide.unpackArchive(archive, "zip", { extractDir: sitePackages(pyodide) });
  pyodide.registerJsModule("_browserllm_page", {
    base,
    engine_port: new EnginePort(port),
    ui_send: (text: string) => { post({ type: "ui", text }); },
    ui_set_handler: setUiHandler,
    tabs_send: (text: string) => { tabs.postMessage(text); },
    tabs_set_handler: (handler: Parameters<HandlerSlot["set"]>[0]) => { tabsHandler.set(handler); },
  });
  const run = makeRun(pyodide);
  const ready = performance.now();
  const timings = { started, pyodide: loaded - started, packages: ready - started };
  post({ type: "ready", timings });
  return run;
}

/** Start Python from its snapshot. If that is missing or does not fit, boot normally, which takes a second more. */
async function startPyodide(folder: string, snapshot: Promise<Snapshot>): Promise<PyodideAPI> {
  const stdlib = new URL("python_stdlib.zip", folder).href;
  const script = import(/* @vite-ignore */ `${folder}pyodide.asm.mjs`) as Promise<{ default: CreateModule }>;
  snapshot.catch(() => undefined); // awaited below, maybe after it failed
  script.catch(() => undefined);
  const { loadPyodide } = (await import(/* @vite-ignore */ `${folder}pyodide.mjs`)) as typeof import("pyodide");
  const options = { indexURL: folder, packageBaseUrl: folder };
  try {
    const pyodide = await loadPyodide({ ...options, ...snapshotOptions(snapshot, script) });
    const { sha256, size_bytes } = (await snapshot).stdlib;
    serveLazily(pyodide, STDLIB, `${stdlib}?${sha256.slice(0, 16)}`, size_bytes);
    awake(pyodide, navigator.language);
    return pyodide;
  } catch (error) {
    console.warn(`Python starts without its snapshot, which takes longer: ${messageOf(error)}`);
    return loadPyodide({ ...options, stdLibURL: stdlib });
  }
}

async function fetchOk(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.url} could not be fetched: the server answered ${response.status}`);
  return response;
}

function fetchFile(folder: URL, { file, sha256 }: SiteFile): Promise<Response> {
  // The hash in the URL makes a new file a new URL, so that no cache serves the old one.
  return fetchOk(new URL(`${file}?${sha256.slice(0, 16)}`, folder));
}

function bodyOf({ body, url }: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (body === null) throw new Error(`${url} is empty`);
  return body;
}

function sitePackages(pyodide: PyodideAPI): string {
  return String(pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')"));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

tabs.onmessage = ({ data }) => {
  if (typeof data === "string" && tabsHandler.filled) tabsHandler.call(data);
};

function setUiHandler(handler: Parameters<HandlerSlot["set"]>[0]): void {
  ui.set(handler);
  while (ui.filled && waitingUi.length > 0) ui.call(waitingUi.shift() ?? "");
}

/** Runs code in its own namespace. Returns the last expression's value as text: a str unchanged, other values as JSON. */
const RUNNER = `
import json
from pyodide.code import eval_code_async

async def run(code):
    value = await eval_code_async(code, {"__name__": "__main__"})
    return value if value is None or isinstance(value, str) else json.dumps(value)

run
`;

type Run = (code: string) => Promise<string | null | undefined>;

function makeRun(pyodide: PyodideAPI): Run {
  return pyodide.runPython(RUNNER) as Run; // a proxy that lives as long as the worker
}

async function answer(id: number, code: string, start: Promise<Run>): Promise<void> {
  try {
    const run = await start;
    post({ type: "ran", id, ok: true, value: (await run(code)) ?? null });
  } catch (error) {
    post({ type: "ran", id, ok: false, error: messageOf(error) });
  }
}

self.onmessage = ({ data }: MessageEvent<ToPython>) => {
  switch (data.type) {
    case "start":
      python ??= boot(data.base, data.port);
      python.catch((error: unknown) => {
        post({ type: "failed", error: messageOf(error) });
      });
      return;
    case "run":
      void answer(data.id, data.code, python ?? Promise.reject(new Error("Python was not started")));
      return;
    case "ui":
      if (ui.filled) ui.call(data.text);
      else waitingUi.push(data.text);
  }
};
