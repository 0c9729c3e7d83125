/** The worker that Python runs in. Boots Pyodide and our packages, both from this site, and runs what the page sends. */

import type { PyodideAPI } from "pyodide";
import type { FromPython, ToPython } from "./messages.ts";
import { EnginePort } from "./engine-port.ts";
import { HandlerSlot } from "./handler.ts";

interface Package {
  readonly file: string;
  readonly sha256: string;
}

const ui = new HandlerSlot();
const waitingUi: string[] = [];
const started = performance.now();
let python: Promise<Run> | null = null;

function post(message: FromPython): void {
  self.postMessage(message);
}

async function boot(base: string, port: MessagePort): Promise<Run> {
  post({ type: "boot", text: "Loading Python", fraction: 0.1 });
  // Everything is asked for at once; Pyodide compiles its wasm while our packages arrive.
  const archives = fetchPackages(base);
  const folder = new URL("pyodide/", base).href;
  const { loadPyodide } = (await import(/* @vite-ignore */ `${folder}pyodide.mjs`)) as typeof import("pyodide");
  const pyodide = await loadPyodide({
    indexURL: folder,
    stdLibURL: new URL("python_stdlib.zip", folder).href,
    packageBaseUrl: folder,
  });
  const loaded = performance.now();
  post({ type: "boot", text: "Unpacking packages", fraction: 0.7 });
  for (const archive of await archives) pyodide.unpackArchive(archive, "zip", { extractDir: sitePackages(pyodide) });
  pyodide.registerJsModule("_browserllm_page", {
    base,
    engine_port: new EnginePort(port),
    ui_send: (text: string) => { post({ type: "ui", text }); },
    ui_set_handler: setUiHandler,
  });
  const run = makeRun(pyodide);
  const ready = performance.now();
  const timings = { started, pyodide: loaded - started, packages: ready - started };
  post({ type: "ready", timings });
  return run;
}

async function fetchPackages(base: string): Promise<readonly ArrayBuffer[]> {
  const folder = new URL("python/", base);
  const response = await fetch(new URL("manifest.json", folder));
  if (!response.ok) throw new Error(`${response.url} could not be fetched: the server answered ${response.status}`);
  const { packages } = (await response.json()) as { packages: readonly Package[] };
  return Promise.all(
    packages.map(async ({ file, sha256 }) => {
      // The hash in the URL makes a new package a new URL, so that no cache serves the old one.
      const archive = await fetch(new URL(`${file}?${sha256.slice(0, 16)}`, folder));
      if (!archive.ok) throw new Error(`${archive.url} could not be fetched: the server answered ${archive.status}`);
      return archive.arrayBuffer();
    }),
  );
}

function sitePackages(pyodide: PyodideAPI): string {
  return String(pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')"));
}

function setUiHandler(handler: Parameters<HandlerSlot["set"]>[0]): void {
  ui.set(handler);
  while (ui.filled && waitingUi.length > 0) ui.call(waitingUi.shift() ?? "");
}

/** Runs code in a namespace of its own; the value of its last expression as text: str as it is, the rest as JSON. */
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
    post({ type: "ran", id, ok: false, error: error instanceof Error ? error.message : String(error) });
  }
}

self.onmessage = ({ data }: MessageEvent<ToPython>) => {
  switch (data.type) {
    case "start":
      python ??= boot(data.base, data.port);
      python.catch((error: unknown) => {
        post({ type: "failed", error: error instanceof Error ? error.message : String(error) });
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
