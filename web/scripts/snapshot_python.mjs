// Boots Python once, here in Node, and saves its memory, so that a page starts from there instead of booting it again.
//
//   node snapshot_python.mjs STDLIB.zip OUT.bin PACKAGE.zip...
//
// What is saved is the difference to the memory that WebAssembly itself begins with (src/patches/pyodide/snapshot.ts puts it back).
// It uses Pyodide's private parts as that file does; tests/page/patches/pyodide.test.ts is the contract of both.
// The standard library's modules that our packages import are imported before; the packages are not: their extension
// modules are libraries that each page has to link itself.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { loadPyodide } from "pyodide";
import createPyodideModule from "pyodide/pyodide.asm.mjs";

const BLOCK = 64;
// The clouds are not imported by a page that starts, but must not fetch the whole library when they are.
const ENTRIES = ["browserllm", "browserllm.app.page", "browserllm.backends.cloud.openai.backend", "browserllm.page.pyodide", "browserllm.backends.router"];
// The runner in worker.ts, what unpacks our packages, and what the worker asks for.
const ALWAYS = ["json", "pyodide.code", "random", "shutil", "sysconfig", "uuid", "zipfile"];

/** Pyodide's question whether JavaScript has stack switching (JSPI), as its C code asks it. */
const ASKS_FOR_JSPI = Number(
  /(\d+):\(\)=>jspiSupported/.exec(readFileSync(new URL("../node_modules/pyodide/pyodide.asm.mjs", import.meta.url), "utf8"))?.[1],
);

/** The names of the modules that importing our packages brings in, from the standard library alone. */
async function importedStdlib(stdLibURL, packages) {
  const pyodide = await loadPyodide({ stdLibURL });
  pyodide.registerJsModule("_browserllm_page", {});
  const folder = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
  for (const file of packages) pyodide.unpackArchive(new Uint8Array(readFileSync(file)), "zip", { extractDir: folder });
  return JSON.parse(
    pyodide.runPython(`
import importlib, json, sys
for name in ${JSON.stringify(ENTRIES)}:
    importlib.import_module(name)
json.dumps([n for n in sorted(sys.modules) if n != "__main__" and n.partition(".")[0] in sys.stdlib_module_names])
`),
  );
}

/** Fills free memory, which still has its old content, with zeros, so that it compresses to nothing. */
function clearFreeMemory(module) {
  const end = module._sbrk(0);
  const held = [];
  for (let size = 1 << 20; size >= 32; ) {
    const address = module._malloc(size);
    if (address === 0) throw new Error("out of memory while clearing free memory");
    held.push(address);
    // Beyond the old end is new memory: nothing free of this size was left.
    if (address + size > end) size >>= 1;
    else module.HEAPU8.fill(0, address, address + size);
  }
  for (const address of held) module._free(address);
}

/** [offset, length] of every run of blocks of `memory` that is not what `base` has there (zeros beyond its end). */
function runsOfChange(memory, base) {
  const runs = [];
  for (let offset = 0; offset < memory.length; offset += BLOCK) {
    const block = memory.subarray(offset, offset + BLOCK);
    if (block.every((byte, i) => byte === (base[offset + i] ?? 0))) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === offset) last[1] += block.length;
    else runs.push([offset, block.length]);
  }
  return runs;
}

async function takeSnapshot(stdLibURL, modules) {
  let base = new Uint8Array();
  let asked = 0;
  const create = async (settings) => {
    const instantiate = settings.instantiateWasm;
    settings.instantiateWasm = (imports, use) => {
      // Python learns once whether run_sync() works, and would learn it of Node. "Yes" is right for every page: where there
      // is no stack switching, run_sync() finds that out when it is called, and raises the same RuntimeError.
      const ask = imports.env.emscripten_asm_const_int;
      imports.env.emscripten_asm_const_int = (code, ...rest) => {
        if (code >>> 0 !== ASKS_FOR_JSPI) return ask(code, ...rest);
        asked += 1;
        return 1;
      };
      imports.env.emscripten_asm_const_int.sig = ask.sig;
      return instantiate(imports, (instance, module) => {
        base = new Uint8Array(instance.exports.memory.buffer).slice();
        return use(instance, module);
      });
    };
    return createPyodideModule(settings);
  };
  const pyodide = await loadPyodide({
    stdLibURL,
    createPyodideModule: create,
    _makeSnapshot: true,
    // As in a page: nothing of the machine that builds. The page gives LANG its own value.
    _sysExecutable: "./this.program",
    env: { LANG: "C.UTF-8", PYTHONHASHSEED: "1" },
  });
  pyodide.runPython(`
def clean():
    import gc, importlib, os, random
    for name in ${JSON.stringify(modules)}:
        importlib.import_module(name)
    importlib.import_module("sysconfig").get_path("purelib")
    del os.environ["PYTHONHASHSEED"]
    random.seed(0)  # the page seeds it again; this makes two builds alike
    importlib.invalidate_caches()
    gc.collect()

clean()
del clean
`);
  if (asked !== 1) throw new Error("Pyodide asks for stack switching in another way now: look at ASKS_FOR_JSPI");
  const module = pyodide._module;
  clearFreeMemory(module);
  const state = module.API.serializeHiwireState();
  const memory = new Uint8Array(module.HEAPU8.buffer);
  if (memory.length !== base.length) throw new Error("Python's memory grew: a page begins with the smaller one");
  let end = base.length;
  while (end > 0 && base[end - 1] === 0) end -= 1;
  return { build: module.API.config.BUILD_ID, state, memory, base: base.subarray(0, end) };
}

// Node would print the whole of Pyodide's one-line source above an uncaught error.
process.on("uncaughtException", (error) => {
  console.error(`snapshot_python: ${error.message}`);
  process.exit(1);
});

const [stdlib, target, ...packages] = process.argv.slice(2);
const modules = new Set([...ALWAYS, ...(await importedStdlib(stdlib, packages))]);
const { build, state, memory, base } = await takeSnapshot(stdlib, [...modules]);
const runs = runsOfChange(memory, base);
const stdlibBytes = readFileSync(stdlib);
const header = JSON.stringify({
  build,
  memory_bytes: memory.length,
  base_bytes: base.length,
  stdlib: { sha256: createHash("sha256").update(stdlibBytes).digest("hex"), size_bytes: stdlibBytes.length },
  runs: runs.length,
  state,
});
// Four bytes with the header's length, the header (padded with spaces to 4), the runs, their bytes.
const text = Buffer.from(header.padEnd(Math.ceil(header.length / 4) * 4));
if (text.length % 4 !== 0) throw new Error("the header is not ASCII");
const parts = [Buffer.from(Uint32Array.of(text.length).buffer), text, Buffer.from(Uint32Array.from(runs.flat()).buffer)];
for (const [offset, length] of runs) parts.push(memory.subarray(offset, offset + length));
// Packed here, because many servers of static files compress no file of a name they do not know.
writeFileSync(target, gzipSync(Buffer.concat(parts), { level: 9 }));
