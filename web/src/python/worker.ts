/** The worker that Python runs in. Boots Pyodide with our packages, both from this site, and runs the page's code. */

import type { loadPyodide, PyodideAPI } from "pyodide";
import type { FromPython, ToPython } from "./messages.ts";
import { BootProgress, fileOf } from "./boot-progress.ts";
import { EnginePort } from "./engine-port.ts";
import { answerValues } from "./local-values.ts";
import { HandlerSlot } from "./handler.ts";
import { serveLazily } from "../patches/pyodide/lazy-file.ts";
import { awake, receiveSnapshot, snapshotOptions, type CreateModule } from "../patches/pyodide/snapshot.ts";

/** A file in python/, as manifest.json lists it. */
interface SiteFile {
  readonly file: string;
  readonly sha256: string;
}

interface Manifest {
  /** Our own modules. */
  readonly archive: SiteFile & { readonly size_bytes: number };
  /** What they need; only a Python that starts without the snapshot unpacks these. */
  readonly wheels: readonly SiteFile[];
  /** The wheels' extension modules, and where Python has them. */
  readonly libraries: readonly (SiteFile & { readonly path: string })[];
  readonly snapshot: SiteFile;
  /** Bytes of all that is fetched before Python starts, by the names of the files. */
  readonly start: Readonly<Record<string, number>>;
}

/** Pyodide's largest file; Pyodide itself fetches it. */
const WASM = "pyodide.asm.wasm";

/** Where Python has the standard library and our own modules. */
const STDLIB = "/lib/python314.zip";
const ARCHIVE = "/lib/browserllm.zip";

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

async function boot(base: string, port: MessagePort, first: boolean): Promise<Run> {
  post({ type: "boot", boot: { text: "Loading Python", fraction: null } });
  const progress = new BootProgress((receivedBytes, totalBytes) => {
    const text = receivedBytes < totalBytes ? "Loading Python" : "Starting Python";
    post({ type: "boot", boot: { text, fraction: receivedBytes / totalBytes, ...(receivedBytes < totalBytes && { receivedBytes, totalBytes }) } });
  });
  const forget = watchArrivals(progress, first);
  const pyodide = await startPyodide(base, progress);
  forget();
  const loaded = performance.now();
  pyodide.registerJsModule("_browserllm_page", {
    base,
    engine_port: new EnginePort(port, (reply) => answerValues(self.indexedDB, reply)),
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

/** Count the files that the browser or Pyodide fetches by itself. Returns a function that ends it. */
function watchArrivals(progress: BootProgress, first: boolean): () => void {
  const observer = new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) progress.arrived(fileOf(name));
  });
  observer.observe({ type: "resource", buffered: true });
  const fetch = self.fetch.bind(self);
  // Browsers keep what they compile of an untouched response, which later starts need more than a bar.
  if (first) {
    self.fetch = async (...given) => {
      const response = await fetch(...given);
      if (!response.ok || response.body === null || fileOf(response.url) !== WASM) return response;
      return new Response(progress.through(WASM, response.body), { headers: response.headers });
    };
  }
  return () => {
    observer.disconnect();
    self.fetch = fetch;
  };
}

/** Start Python from its snapshot. If that is missing or does not fit, boot normally, which takes a second more. */
async function startPyodide(base: string, progress: BootProgress): Promise<PyodideAPI> {
  const folder = new URL("pyodide/", base).href;
  const files = new URL("python/", base);
  const stdlib = new URL("python_stdlib.zip", folder).href;
  // Request everything at once: Pyodide compiles its wasm while the snapshot arrives.
  const manifest = fetchOk(new URL("manifest.json", files)).then((response) => response.json() as Promise<Manifest>);
  const script = import(/* @vite-ignore */ `${folder}pyodide.asm.mjs`) as Promise<{ default: CreateModule }>;
  manifest.then(({ start }) => { progress.expect(new Map(Object.entries(start))); }, () => undefined); // awaited below
  const snapshot = manifest.then(async (listed) => {
    const { file } = listed.snapshot;
    return receiveSnapshot(progress.through(file, bodyOf(await fetchFile(files, listed.snapshot))));
  });
  const libraries = manifest.then(async (listed) => new Map(await Promise.all(listed.libraries.map(async (library) => {
    const blob = await (await fetchFile(files, library)).blob();
    return [library.path, URL.createObjectURL(blob)] as const;
  }))));
  for (const arriving of [snapshot, script, libraries]) arriving.catch(() => undefined); // awaited below, maybe after it failed
  const { loadPyodide } = (await import(/* @vite-ignore */ `${folder}pyodide.mjs`)) as typeof import("pyodide");
  const options = { indexURL: folder, packageBaseUrl: folder };
  try {
    const pyodide = await loadPyodide({ ...options, ...snapshotOptions(snapshot, script, libraries) });
    const { sha256, size_bytes } = (await snapshot).stdlib;
    serveLazily(pyodide, STDLIB, `${stdlib}?${sha256.slice(0, 16)}`, size_bytes);
    const { archive } = await manifest;
    writeFile(pyodide, ARCHIVE, new Uint8Array());
    serveLazily(pyodide, ARCHIVE, addressOf(files, archive).href, archive.size_bytes);
    awake(pyodide, navigator.language);
    return pyodide;
  } catch (error) {
    console.warn(`Python starts without its snapshot, which takes longer: ${messageOf(error)}`);
    return startWithoutSnapshot(files, await manifest, { ...options, stdLibURL: stdlib });
  }
}

async function startWithoutSnapshot(files: URL, { archive, wheels }: Manifest, options: Parameters<typeof loadPyodide>[0]): Promise<PyodideAPI> {
  const { loadPyodide } = (await import(/* @vite-ignore */ `${options?.indexURL ?? ""}pyodide.mjs`)) as typeof import("pyodide");
  const pyodide = await loadPyodide(options);
  post({ type: "boot", boot: { text: "Unpacking packages", fraction: null } });
  const [own, ...others] = await Promise.all([archive, ...wheels].map(async (file) => (await fetchFile(files, file)).arrayBuffer()));
  writeFile(pyodide, ARCHIVE, new Uint8Array(own ?? new ArrayBuffer(0)));
  const extractDir = String(pyodide.runPython(`import sys, sysconfig; sys.path.append("${ARCHIVE}"); sysconfig.get_path("purelib")`));
  for (const wheel of others) pyodide.unpackArchive(wheel, "zip", { extractDir });
  return pyodide;
}

/** Write a file of Python's; Pyodide's own types do not say what `FS` has. */
function writeFile(pyodide: PyodideAPI, path: string, bytes: Uint8Array): void {
  (pyodide.FS as { writeFile(path: string, bytes: Uint8Array): void }).writeFile(path, bytes);
}

async function fetchOk(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.url} could not be fetched: the server answered ${response.status}`);
  return response;
}

function fetchFile(folder: URL, file: SiteFile): Promise<Response> {
  return fetchOk(addressOf(folder, file));
}

/** The hash in the address makes a new file a new address, so that no cache serves the old one. */
function addressOf(folder: URL, { file, sha256 }: SiteFile): URL {
  return new URL(`${file}?${sha256.slice(0, 16)}`, folder);
}

function bodyOf({ body, url }: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (body === null) throw new Error(`${url} is empty`);
  return body;
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
      python ??= boot(data.base, data.port, data.first);
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
