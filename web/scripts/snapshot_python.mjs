// Boots Python once, here in Node, and saves its memory, so that a page starts from there instead of booting it again.
//
//   node snapshot_python.mjs '{"stdlib", "archive", "wheels": [...], "libraries": [{"path", "file"}, ...], "target"}'
//
// What is saved is the difference to the memory that WebAssembly itself begins with (src/patches/pyodide/snapshot.ts puts it back).
// It uses Pyodide's private parts as that file does; tests/page/patches/pyodide.test.ts is the contract of both.
// The modules that a page imports before its first answer are imported here. Extension modules are WebAssembly of their own, whose
// place in memory and in the function table is part of what is saved: here and in the page they are the first that Emscripten
// links, so their places are the same.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { loadPyodide } from "pyodide";
import createPyodideModule from "pyodide/pyodide.asm.mjs";

const BLOCK = 64;
/** Where the page has the archive of our own modules; the rest of them is read from there when Python imports it. */
const ARCHIVE = "/lib/browserllm.zip";
/** What the app imports until it shows its page, and with the first message. */
const START = ["browserllm.app.page", "browserllm.page.pyodide", "browserllm.app.sessions", "browserllm.backends.tokens", "browserllm.models.downloads.fetching", "browserllm.models.catalog.curated", "browserllm.models.catalog.prebuilt"];
// A page that starts does not import these, but what they import of the standard library must not be fetched when it does.
const LATER = ["browserllm", "browserllm.structured", "browserllm.backends.cloud.openai.backend", "browserllm.backends.router"];
// The runner in worker.ts, and what the worker asks for.
const ALWAYS = ["json", "pyodide.code", "random", "sysconfig", "uuid"];

/** Pyodide's question whether JavaScript has stack switching (JSPI), as its C code asks it. */
const ASKS_FOR_JSPI = Number(
  /(\d+):\(\)=>jspiSupported/.exec(readFileSync(new URL("../node_modules/pyodide/pyodide.asm.mjs", import.meta.url), "utf8"))?.[1],
);

/** A Python that has booted as always: the modules of the standard library that ours import, and the wheels' files by their paths. */
async function boot({ stdlib, archive, wheels }) {
  const pyodide = await loadPyodide({ stdLibURL: stdlib });
  const folder = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
  for (const file of wheels) pyodide.unpackArchive(new Uint8Array(readFileSync(file)), "zip", { extractDir: folder });
  pyodide.FS.writeFile(ARCHIVE, readFileSync(archive));
  const found = pyodide.runPython(`
import importlib, json, os, sys
files = [os.path.join(top, name) for top, _, names in os.walk(${JSON.stringify(folder)}) for name in sorted(names)]
sys.path.append(${JSON.stringify(ARCHIVE)})
for name in ${JSON.stringify([...START, ...LATER])}:
    importlib.import_module(name)
json.dumps([[n for n in sorted(sys.modules) if n != "__main__" and n.partition(".")[0] in sys.stdlib_module_names], files])
`);
  const [modules, paths] = JSON.parse(found);
  return { modules, files: new Map(paths.map((path) => [path, pyodide.FS.readFile(path)])) };
}

/** Fills free memory, which still has its old content, with zeros, so that it compresses to nothing. */
function clearFreeMemory(module) {
  const end = module._sbrk(0);
  const held = [];
  for (let size = 1 << 20; size >= 32; ) {
    const address = module._malloc(size);
    if (address === 0) throw new Error("out of memory while clearing free memory");
    held.push(address);
    module.HEAPU8.fill(0, address, address + size);
    // Beyond the old end is new memory: nothing free of this size was left.
    if (address + size > end) size >>= 1;
  }
  for (const address of held) module._free(address);
}

/** Fills the buffers of Python's own streams with zeros: they are empty, but have what lay in their memory before. */
function clearBuffers(pyodide) {
  const module = pyodide._module;
  const streams = JSON.parse(pyodide.runPython(`
import json, sys
for stream in (sys.stdout, sys.stderr):
    stream.flush()
json.dumps([[id(s.buffer), s.buffer.__sizeof__()] for s in (sys.stdin, sys.stdout, sys.stderr)])
`));
  for (const [address, size] of streams) {
    let cleared = 0;
    // Of the object's words, one points to the buffer; the word before a piece of memory has its size and three flags.
    for (let word = address >> 2; word < (address + 128) >> 2; word += 1) {
      const at = module.HEAPU32[word];
      if (at % 8 !== 0 || at < address - (1 << 24) || at >= module._sbrk(0)) continue;
      const piece = (module.HEAPU32[(at - 4) >> 2] & ~7) - 4;
      if (piece < BUFFER || piece > size + 64) continue;
      module.HEAPU8.fill(0, at, at + BUFFER);
      cleared += 1;
    }
    if (cleared !== 1) throw new Error("a buffered stream of Python looks different now: see clearBuffers");
  }
}

/** Of `io.DEFAULT_BUFFER_SIZE`, in bytes. */
const BUFFER = 131_072;

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

async function takeSnapshot({ stdlib, archive, libraries }, { modules, files }) {
  let base = new Uint8Array();
  let asked = 0;
  const create = async (settings) => {
    const { instantiateWasm: instantiate, locateFile } = settings;
    settings.dynamicLibraries = libraries.map(({ path }) => path);
    settings.locateFile = (name) => libraries.find(({ path }) => path === name)?.file ?? locateFile(name);
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
    stdLibURL: stdlib,
    createPyodideModule: create,
    _makeSnapshot: true,
    // As in a page: nothing of the machine that builds. The page gives LANG its own value.
    _sysExecutable: "./this.program",
    env: { LANG: "C.UTF-8", PYTHONHASHSEED: "1" },
  });
  const { FS, _module: module } = pyodide;
  FS.writeFile(ARCHIVE, readFileSync(archive));
  for (const [path, bytes] of files) {
    FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    FS.writeFile(path, bytes);
  }
  pyodide.runPython(`
def clean():
    import gc, importlib, os, random, sys
    sys.path.append(${JSON.stringify(ARCHIVE)})
    for name in ${JSON.stringify([...modules, ...START])}:
        importlib.import_module(name)
    importlib.import_module("sysconfig").get_path("purelib")
    del os.environ["PYTHONHASHSEED"]
    random.seed(0)  # the page seeds it again; this makes two builds alike
    gc.collect()

clean()
del clean
`);
  if (asked !== 1) throw new Error("Pyodide asks for stack switching in another way now: look at ASKS_FOR_JSPI");
  clearBuffers(pyodide);
  clearFreeMemory(module);
  const state = module.API.serializeHiwireState();
  const memory = new Uint8Array(module.HEAPU8.buffer);
  if (memory.length !== base.length) throw new Error("Python's memory grew: a page begins with the smaller one");
  let end = base.length;
  while (end > 0 && base[end - 1] === 0) end -= 1;
  // What Python's dlopen() returned for a library.
  const handles = Object.entries(module.LDSO.loadedLibsByHandle).filter(([handle]) => Number(handle) !== 0);
  return {
    build: module.API.config.BUILD_ID,
    state,
    memory,
    base: base.subarray(0, end),
    libraries: handles.map(([handle, { name }]) => ({ path: name, handle: Number(handle) })),
  };
}

// Node would print the whole of Pyodide's one-line source above an uncaught error.
process.on("uncaughtException", (error) => {
  console.error(`snapshot_python: ${error.message}`);
  process.exit(1);
});

const job = JSON.parse(process.argv[2]);
const booted = await boot(job);
const { build, state, memory, base, libraries } = await takeSnapshot(job, { ...booted, modules: [...new Set([...ALWAYS, ...booted.modules])] });
const runs = runsOfChange(memory, base);
const stdlibBytes = readFileSync(job.stdlib);
const header = JSON.stringify({
  build,
  memory_bytes: memory.length,
  base_bytes: base.length,
  stdlib: { sha256: createHash("sha256").update(stdlibBytes).digest("hex"), size_bytes: stdlibBytes.length },
  libraries,
  runs: runs.length,
  state,
});
// Four bytes with the header's length, the header (padded with spaces to 4), the runs, their bytes.
const text = Buffer.from(header.padEnd(Math.ceil(header.length / 4) * 4));
if (text.length % 4 !== 0) throw new Error("the header is not ASCII");
const parts = [Buffer.from(Uint32Array.of(text.length).buffer), text, Buffer.from(Uint32Array.from(runs.flat()).buffer)];
for (const [offset, length] of runs) parts.push(memory.subarray(offset, offset + length));
// Packed here, because many servers of static files compress no file of a name they do not know.
writeFileSync(job.target, gzipSync(Buffer.concat(parts), { level: 9 }));
