/**
 * The contract of web/src/patches/pyodide/ (and of web/scripts/snapshot_python.mjs) with the pinned Pyodide: each test names
 * the assumption that broke.
 */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { loadPyodide, type PyodideAPI } from "pyodide";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { serveLazily } from "../../../web/src/patches/pyodide/lazy-file.ts";
import { awake, restoreMemory, snapshotOptions, type CreateModule, type Emscripten, type Snapshot } from "../../../web/src/patches/pyodide/snapshot.ts";

const FOLDER = resolve(import.meta.dirname, "../../../web/node_modules/pyodide");
const script = import(/* @vite-ignore */ `${FOLDER}/pyodide.asm.mjs`) as Promise<{ default: CreateModule }>;

/** A Python for snapshots, and the memory that its WebAssembly began with. */
let python: PyodideAPI & { readonly _module: Emscripten & { readonly API: { serializeHiwireState(): unknown } } };
let base: Uint8Array;
const asked: string[] = [];

beforeAll(async () => {
  const create: CreateModule = async (settings) => {
    asked.push(...Object.keys(settings));
    const instantiate = settings.instantiateWasm;
    settings.instantiateWasm = (imports, use) =>
      instantiate(imports, (instance, wasm) => {
        base = new Uint8Array((instance.exports as { memory: WebAssembly.Memory }).memory.buffer).slice();
        use(instance, wasm);
      });
    return (await script).default(settings);
  };
  python = (await loadPyodide({ indexURL: `${FOLDER}/`, _makeSnapshot: true, createPyodideModule: create as never })) as typeof python;
  python.runPython("import json, logging, random; kept = 'in the snapshot'");
});
afterEach(() => { vi.unstubAllGlobals(); });

/** What the build saves, in one run. */
function takeSnapshot(): Snapshot {
  const { HEAPU8, API } = python._module;
  const memory = HEAPU8.slice();
  return {
    build: API.config.BUILD_ID,
    memory_bytes: base.length,
    base_bytes: 0,
    stdlib: { sha256: "", size_bytes: 0 },
    libraries: [],
    runs: 1,
    state: API.serializeHiwireState(),
    offsets: Uint32Array.of(0, memory.length),
    bytes: memory,
  };
}

describe("Pyodide's module", () => {
  it("is made by our `createPyodideModule`, which gets the settings that we change", () => {
    expect(asked).toEqual(expect.arrayContaining(["API", "instantiateWasm"]));
    expect(base.length).toBeGreaterThan(1_000_000);
  });

  it("has the fields that a snapshot is taken of and put back into", () => {
    const module = python._module;
    expect(module.HEAPU8.length, "Python's memory grew at the start: a page begins with the smaller one").toBe(base.length);
    expect(module.API.config.BUILD_ID).toMatch(/^[0-9a-f]{64}$/);
    expect([typeof module.API.restoreSnapshot, typeof module.API.serializeHiwireState, typeof module._sbrk]).toEqual(["function", "function", "function"]);
    expect(module._sbrk(0)).toBeLessThanOrEqual(module.HEAPU8.length);
    expect([typeof module.__PyRuntime, typeof module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET]).toEqual(["number", "number"]);
  });

  it("links the libraries that it is told to before anything else, by names that our `locateFile` finds", () => {
    expect(asked).toContain("locateFile");
    const source = readFileSync(`${FOLDER}/pyodide.asm.mjs`, "utf8");
    expect(source).toContain('if(Module["dynamicLibraries"])dynamicLibraries=Module["dynamicLibraries"]');
    expect(source).toMatch(/LDSO\.init\(\);loadDylibs\(\)/);
    expect(Object.keys(python._module.LDSO)).toEqual(expect.arrayContaining(["loadedLibsByName", "loadedLibsByHandle"]));
  });

  it("asks for stack switching where the build answers for it", () => {
    const source = readFileSync(`${FOLDER}/pyodide.asm.mjs`, "utf8");
    expect(source).toMatch(/(\d+):\(\)=>jspiSupported/);
  });
});

describe("a Python from its snapshot", () => {
  it("begins with what the saved one had, and with its own random numbers and language", async () => {
    const snapshot = takeSnapshot();
    const options = snapshotOptions(Promise.resolve(snapshot), script, Promise.resolve(new Map()));
    // Node reads no "data:" URL, and the snapshot has no need of the archive.
    const restored = await loadPyodide({ indexURL: `${FOLDER}/`, ...options, stdLibURL: `${FOLDER}/python_stdlib.zip` });
    expect(restored.runPython("kept")).toBe("in the snapshot");
    awake(restored, "de-CH");
    expect(restored.runPython("import os; os.environ['LANG']")).toBe("de_CH.UTF-8");
  });

  it("goes where our `restoreSnapshot` puts it: the same memory, but for the page's way of calling functions", () => {
    const module = python._module;
    const before = module.HEAPU8.slice();
    restoreMemory(module, new Uint8Array(0), takeSnapshot());
    expect(Buffer.compare(module.HEAPU8, before)).toBe(0);
  });
});

describe("a file of Python's that is served lazily", () => {
  it("is not fetched when its bytes were put there before", () => {
    python.runPython("open('/early.txt', 'w').close()");
    serveLazily(python, "/early.txt", "https://site.example/early.txt", 5)(new TextEncoder().encode("there"));
    expect(python.runPython("open('/early.txt').read()")).toBe("there");
  });

  it("is fetched when Python opens it, from a node with `contents` and `usedBytes`", () => {
    const fetched: string[] = [];
    vi.stubGlobal("XMLHttpRequest", class {
      status = 200;
      responseType = "";
      readonly response = new TextEncoder().encode("hello").buffer;
      open(_: string, url: string): void { fetched.push(url); }
      send(): void { /* answered at once */ }
    });
    python.runPython("open('/lazy.txt', 'w').close()");
    serveLazily(python, "/lazy.txt", "https://site.example/lazy.txt", 5);
    expect(python.runPython("import os; os.path.getsize('/lazy.txt')")).toBe(5);
    expect(fetched).toEqual([]);
    expect(python.runPython("open('/lazy.txt').read()")).toBe("hello");
    expect(python.runPython("open('/lazy.txt').read()")).toBe("hello");
    expect(fetched).toEqual(["https://site.example/lazy.txt"]);
  });
});
