import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { check, receiveSnapshot, restoreMemory, snapshotOptions, type Emscripten, type Snapshot } from "../../web/src/patches/pyodide/snapshot.ts";

const PAGE_BYTES = 65536;
const TRAMPOLINE = 128; // where the test's Python keeps it
const OFFSET_OF_TRAMPOLINE = 64; // where it says so

function header(change: object = {}): object {
  const stdlib = { sha256: "00", size_bytes: 5 };
  return { build: "b1", memory_bytes: PAGE_BYTES, base_bytes: 16, stdlib, libraries: [], runs: 2, state: { hiwireKeys: [] }, ...change };
}

function fileOf(head: object, pairs: readonly number[], bytes: readonly number[]): ArrayBuffer {
  const text = JSON.stringify(head);
  const padded = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4));
  const parts = [Uint32Array.of(padded.length), padded, Uint32Array.from(pairs), Uint8Array.from(bytes)];
  const file = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    file.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return file.buffer;
}

function readSnapshot(file: ArrayBuffer): Promise<Snapshot> {
  return receiveSnapshot(new Blob([Uint8Array.from(gzipSync(new Uint8Array(file)))]).stream());
}

const GOOD = fileOf(header(), [4, 2, 200, 3], [1, 2, 3, 4, 5]);

/** A module with one page of memory, where the page's own trampoline is `trampoline`. */
function moduleOf(trampoline = 0): Emscripten {
  const memory = new ArrayBuffer(PAGE_BYTES);
  const HEAP32 = new Int32Array(memory);
  HEAP32[OFFSET_OF_TRAMPOLINE / 4] = TRAMPOLINE - 100;
  HEAP32[TRAMPOLINE / 4] = trampoline;
  return {
    HEAPU8: new Uint8Array(memory),
    HEAP32,
    API: { config: { BUILD_ID: "b1" }, restoreSnapshot: () => undefined },
    LDSO: { loadedLibsByName: { "/lib/core.so": "core" }, loadedLibsByHandle: {} },
    __PyRuntime: 100,
    __PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET: OFFSET_OF_TRAMPOLINE,
    _sbrk: () => 1024,
  };
}

describe("a snapshot's file", () => {
  it("is read", async () => {
    const snapshot = await readSnapshot(GOOD);
    expect([snapshot.build, [...snapshot.offsets], [...snapshot.bytes]]).toEqual(["b1", [4, 2, 200, 3], [1, 2, 3, 4, 5]]);
  });

  it.each([
    ["nothing", new ArrayBuffer(0), "it has 0 bytes"],
    ["a header cut off", GOOD.slice(0, 20), "its header is cut off"],
    ["a list cut off", fileOf(header({ runs: 9 }), [4, 2], []), "its list is cut off"],
    ["bytes cut off", GOOD.slice(0, -1), "it should hold 5 bytes of memory and holds 4"],
    ["a page of HTML", new TextEncoder().encode("<!doctype html><html></html>").buffer, "its header is cut off"],
  ])("that is %s is refused with the reason", async (_, file, reason) => {
    await expect(readSnapshot(file)).rejects.toThrow(`Python's snapshot is damaged: ${reason}`);
  });

  it("that is not packed, or cut off, is refused", async () => {
    const packed = Uint8Array.from(gzipSync(new Uint8Array(GOOD)));
    for (const file of [new Uint8Array(GOOD), packed.subarray(0, 40)]) {
      await expect(receiveSnapshot(new Blob([file]).stream())).rejects.toThrow("Python's snapshot is damaged");
    }
  });

  it("of another build or another memory is refused", async () => {
    const snapshot = await readSnapshot(GOOD);
    expect(() => { check(snapshot, "b2", PAGE_BYTES); }).toThrow("another build of Pyodide");
    expect(() => { check(snapshot, "b1", 1); }).toThrow("this one has 1");
  });
});

describe("memory from a snapshot", () => {
  it("is what WebAssembly began with and what the snapshot changed, and nothing of what was written since", async () => {
    const module = moduleOf();
    const base = Uint8Array.from({ length: 16 }, (_, i) => 100 + i);
    module.HEAPU8.set([9, 9], 0);
    module.HEAPU8.set([9, 9], 500);
    restoreMemory(module, base, await readSnapshot(GOOD));
    const expected = new Uint8Array(PAGE_BYTES);
    expected.set(base);
    expected.set([1, 2], 4);
    expected.set([3, 4, 5], 200);
    expect(module.HEAPU8).toEqual(expected);
  });

  it("keeps the page's own way of calling functions", async () => {
    const module = moduleOf(0);
    const saved = await readSnapshot(fileOf(header({ runs: 1 }), [TRAMPOLINE, 4], [77, 0, 0, 0]));
    restoreMemory(module, new Uint8Array(16), saved);
    expect(module.HEAP32[TRAMPOLINE / 4]).toBe(0);
  });

  it("is refused when functions lie elsewhere in this page", async () => {
    const saved = await readSnapshot(fileOf(header({ runs: 1 }), [TRAMPOLINE, 4], [77, 0, 0, 0]));
    expect(() => { restoreMemory(moduleOf(78), new Uint8Array(16), saved); }).toThrow("another function table");
  });
});

describe("a snapshot's extension modules", () => {
  it("have the numbers that Python knows them by", async () => {
    const saved = await readSnapshot(fileOf(header({ libraries: [{ path: "/lib/core.so", handle: 4096 }] }), [4, 2, 200, 3], [1, 2, 3, 4, 5]));
    const module = moduleOf();
    restoreMemory(module, new Uint8Array(16), saved);
    expect(module.LDSO.loadedLibsByHandle).toEqual({ 4096: "core" });
  });

  it("have to be linked", async () => {
    const saved = await readSnapshot(fileOf(header({ libraries: [{ path: "/lib/other.so", handle: 1 }] }), [4, 2, 200, 3], [1, 2, 3, 4, 5]));
    expect(() => { restoreMemory(moduleOf(), new Uint8Array(16), saved); }).toThrow("/lib/other.so, which was not linked");
  });
});

describe("Pyodide's options", () => {
  const memory = { buffer: new ArrayBuffer(PAGE_BYTES) };
  const instance = { exports: { memory } } as unknown as WebAssembly.Instance;

  /** Calls the createPyodideModule of the options, with an Emscripten that waits until its wasm was handed over. */
  function create(snapshot: Promise<Snapshot>, module: Emscripten): Promise<Emscripten> {
    let use: () => void = () => undefined;
    const used = new Promise<Emscripten>((resolve) => { use = () => { resolve(module); }; });
    const settings = {
      API: module.API,
      INITIAL_MEMORY: 0,
      locateFile: (name: string) => `pyodide/${name}`,
      instantiateWasm: (_: object, then: (instance: WebAssembly.Instance, wasm: object) => void) => {
        then(instance, {});
      },
    };
    const script = vi.fn((given: typeof settings & { dynamicLibraries?: string[] }) => {
      expect(given.dynamicLibraries).toEqual(["/lib/core.so"]);
      expect(["/lib/core.so", "pyodide.asm.wasm"].map(given.locateFile)).toEqual(["blob:core", "pyodide/pyodide.asm.wasm"]);
      given.instantiateWasm({}, () => { use(); });
      return used;
    });
    const options = snapshotOptions(snapshot, Promise.resolve({ default: script as never }), Promise.resolve(new Map([["/lib/core.so", "blob:core"]])));
    const made = options.createPyodideModule as unknown as (given: typeof settings) => Promise<Emscripten>;
    return made(settings);
  }

  it("put the snapshot into memory and give Pyodide what Python held of JavaScript's", async () => {
    const module = await create(readSnapshot(GOOD), moduleOf());
    expect(module.API.restoreSnapshot()).toEqual({ hiwireKeys: [] });
    expect([...module.HEAPU8.subarray(200, 203)]).toEqual([3, 4, 5]);
  });

  it("fail with the reason, and do not wait, when there is no snapshot", async () => {
    await expect(create(Promise.reject(new Error("404")), moduleOf())).rejects.toThrow("404");
  });

  it("fail with the reason when the snapshot does not fit", async () => {
    const other = await readSnapshot(fileOf(header({ build: "b2" }), [4, 2, 200, 3], [1, 2, 3, 4, 5]));
    await expect(create(Promise.resolve(other), moduleOf())).rejects.toThrow("another build");
  });
});
