// Copies the files that the bundles load by URL: Pyodide's and ONNX Runtime's own.

import { cpSync, mkdirSync } from "node:fs";

const web = new URL("../", import.meta.url);
const files = {
  pyodide: {
    from: "node_modules/pyodide/",
    names: ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip"],
  },
  ort: {
    from: "node_modules/onnxruntime-web/dist/",
    // For the CPU alone, and for WebGPU too (ort.ts chooses).
    names: ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"].flatMap((name) => [`${name}.mjs`, `${name}.wasm`]),
  },
};

for (const [folder, { from, names }] of Object.entries(files)) {
  const target = new URL(`dist/${folder}/`, web);
  mkdirSync(target, { recursive: true });
  for (const name of names) cpSync(new URL(from + name, web), new URL(name, target));
}
