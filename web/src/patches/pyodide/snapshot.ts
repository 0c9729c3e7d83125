/**
 * What: starts Python from its saved memory (scripts/snapshot_python.mjs) instead of booting it. The file, packed with
 * gzip: four bytes with the length of a header, the header as JSON, pairs [offset, length] of what differs from the
 * memory that WebAssembly begins with, and those bytes. Pyodide does the rest with its own snapshot support: its options
 * `_loadSnapshot` and `createPyodideModule`, and `API.restoreSnapshot`, which is replaced here.
 * Why: Pyodide's own snapshot is the whole memory, 1.5 MB more on a first visit (ARCHITECTURE.md, measured on 314.0.7).
 * Upstream: pyodide/pyodide#6254 (`INITIAL_MEMORY` is not read), pyodide/pyodide#5195 (snapshots with packages).
 * Contract: tests/page/patches/pyodide.test.ts.
 */

import type { loadPyodide, PyodideAPI } from "pyodide";

type Options = NonNullable<Parameters<typeof loadPyodide>[0]>;

interface Header {
  /** Pyodide's build; a snapshot fits no other. */
  readonly build: string;
  /** How large the memory is, and how much of its beginning WebAssembly fills. */
  readonly memory_bytes: number;
  readonly base_bytes: number;
  readonly stdlib: { readonly sha256: string; readonly size_bytes: number };
  /** The extension modules in it, and the number that dlopen() gave Python for each. */
  readonly libraries: readonly { readonly path: string; readonly handle: number }[];
  readonly runs: number;
  /** What Python held of JavaScript's, for Pyodide. */
  readonly state: unknown;
}

export interface Snapshot extends Header {
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Unpack and read a snapshot as it arrives; fails with an Error that says what is wrong with it. */
export async function receiveSnapshot(packed: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Snapshot> {
  let file: ArrayBuffer;
  try {
    file = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  return readSnapshot(file);
}

function wrong(what: string): Error {
  return new Error(`Python's snapshot is damaged: ${what}`);
}

function readSnapshot(file: ArrayBuffer): Snapshot {
  if (file.byteLength < 4) throw wrong(`it has ${file.byteLength} bytes`);
  const headerLength = new DataView(file).getUint32(0, true);
  if (headerLength % 4 !== 0 || 4 + headerLength > file.byteLength) throw wrong("its header is cut off");
  let header: Header;
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 4, headerLength))) as Header;
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  const start = 4 + headerLength;
  if (start + header.runs * 8 > file.byteLength) throw wrong("its list is cut off");
  const offsets = new Uint32Array(file, start, header.runs * 2);
  const bytes = new Uint8Array(file, start + header.runs * 8);
  let total = 0;
  for (let i = 1; i < offsets.length; i += 2) total += offsets[i] ?? 0;
  if (total !== bytes.length) throw wrong(`it should hold ${total} bytes of memory and holds ${bytes.length}`);
  return { ...header, offsets, bytes };
}

/** What is used here of the object that Emscripten makes, and of its settings. */
export interface Emscripten {
  readonly HEAPU8: Uint8Array;
  readonly HEAP32: Int32Array;
  readonly API: { readonly config: { readonly BUILD_ID: string }; restoreSnapshot: () => unknown };
  readonly LDSO: { readonly loadedLibsByName: Record<string, unknown>; readonly loadedLibsByHandle: Record<number, unknown> };
  readonly __PyRuntime: number;
  readonly __PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET: number;
  _sbrk(bytes: number): number;
}

interface Settings {
  readonly API: Emscripten["API"];
  /** Pyodide sets the size of its own kind of snapshot, which is not used here. */
  INITIAL_MEMORY?: number;
  /** Names of libraries that Emscripten links before anything runs, and where it fetches each from. */
  dynamicLibraries?: readonly string[];
  locateFile: (name: string) => string;
  instantiateWasm: (imports: object, use: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void) => unknown;
}

export type CreateModule = (settings: Settings) => Promise<Emscripten>;

/** Put the snapshot into a memory of which `base` is what WebAssembly began with: the same to the last bit as it was. */
export function restoreMemory(module: Emscripten, base: Uint8Array, snapshot: Snapshot): void {
  // How Python calls functions of unusual types depends on the browser, so the page's own way stays.
  const trampoline = (module.__PyRuntime + (module.HEAP32[module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >> 2] ?? 0)) >> 2;
  const address = module.HEAP32[trampoline] ?? 0;
  const memory = module.HEAPU8;
  memory.fill(0, base.length, module._sbrk(0)); // what constructors wrote since; beyond it, nothing has been written
  memory.set(base);
  for (let i = 0, from = 0; i < snapshot.offsets.length; i += 2) {
    const length = snapshot.offsets[i + 1] ?? 0;
    memory.set(snapshot.bytes.subarray(from, from + length), snapshot.offsets[i]);
    from += length;
  }
  const saved = module.HEAP32[trampoline] ?? 0;
  if (saved !== 0 && address !== 0 && saved !== address) throw new Error("Python's snapshot is of another function table");
  module.HEAP32[trampoline] = address;
  for (const { path, handle } of snapshot.libraries) {
    const library = module.LDSO.loadedLibsByName[path];
    if (library === undefined) throw new Error(`Python's snapshot needs ${path}, which was not linked`);
    module.LDSO.loadedLibsByHandle[handle] = library;
  }
}

/**
 * The options with which `loadPyodide` starts from the snapshot. `script` is pyodide.asm.mjs, `libraries` are the addresses of the
 * extension modules by their paths; none is waited for here. They are linked before anything else, as when the snapshot was
 * taken: so they get the same place in memory and in the function table.
 */
export function snapshotOptions(
  arriving: Promise<Snapshot>,
  script: Promise<{ default: CreateModule }>,
  libraries: Promise<ReadonlyMap<string, string>>,
): Options {
  const createModule: CreateModule = async (settings) => {
    const [{ default: create }, addresses] = await Promise.all([script, libraries]);
    delete settings.INITIAL_MEMORY;
    const { locateFile } = settings;
    settings.dynamicLibraries = [...addresses.keys()];
    settings.locateFile = (name) => addresses.get(name) ?? locateFile(name);
    let fail: (error: unknown) => void = () => undefined;
    // Emscripten waits for ever when its wasm is not handed over, so what goes wrong there goes out here.
    const failed = new Promise<never>((_, reject) => { fail = reject; });
    let base = new Uint8Array();
    const instantiate = settings.instantiateWasm;
    settings.instantiateWasm = (imports, use) =>
      instantiate(imports, (instance, wasm) => {
        arriving
          .then((snapshot) => {
            const { memory } = instance.exports as { memory: WebAssembly.Memory };
            check(snapshot, settings.API.config.BUILD_ID, memory.buffer.byteLength);
            base = new Uint8Array(memory.buffer, 0, snapshot.base_bytes).slice();
            use(instance, wasm);
          })
          .catch(fail);
      });
    const [module, snapshot] = await Promise.race([Promise.all([create(settings), arriving]), failed]);
    module.API.restoreSnapshot = () => {
      restoreMemory(module, base, snapshot);
      return snapshot.state;
    };
    return module;
  };
  return {
    // Pyodide asks whether there is a snapshot and hands it to restoreSnapshot, which here knows better.
    _loadSnapshot: new Uint8Array(),
    createPyodideModule: createModule as unknown as NonNullable<Options["createPyodideModule"]>,
    // The modules that a page needs are in memory; the rest comes when Python asks for it (serveLazily).
    stdLibURL: "data:application/zip,",
  };
}

/** Throw an Error unless the snapshot was made by this build of Pyodide, with a memory of this size. */
export function check(snapshot: Snapshot, build: string, memoryBytes: number): void {
  if (snapshot.build !== build) throw new Error("Python's snapshot was made by another build of Pyodide");
  if (snapshot.memory_bytes !== memoryBytes) {
    throw new Error(`Python's snapshot is of a memory of ${snapshot.memory_bytes} bytes; this one has ${memoryBytes}`);
  }
}

/** What the snapshot froze and every page has for itself: random numbers, the clock of logging, the language, the path. */
const AWAKE = `
def awake(language):
    import logging, os, random, sys, time
    random.seed()
    logging._startTime = time.time_ns()
    os.environ["LANG"] = language
    if sys.path[:2] == ["", ""]:  # Pyodide puts it there at every start
        del sys.path[0]

awake
`;

/** Give a Python that was just restored what is this page's own. */
export function awake(pyodide: PyodideAPI, language: string): void {
  const wake = pyodide.runPython(AWAKE, { globals: pyodide.toPy({}) as never }) as ((language: string) => void) & { destroy(): void };
  wake(`${language.replace("-", "_")}.UTF-8`);
  wake.destroy();
}
