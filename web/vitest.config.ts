import { resolve } from "node:path";
import { type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const project = resolve(import.meta.dirname, "..");
const tests = resolve(project, "tests/page");

/** The tests lie beside the other tests of the project, where there is no node_modules above them: their packages are ours. */
const ownPackages: Plugin = {
  name: "own-packages",
  enforce: "pre",
  resolveId(id, importer, options) {
    if (!importer?.startsWith(tests) || !/^@?[a-z]/.test(id)) return null;
    return this.resolve(id, import.meta.filename, { ...options, skipSelf: true });
  },
};

export default defineConfig({
  root: project,
  plugins: [ownPackages],
  // Tests with a DOM are loaded as a page loads them: from here alone, unless more is allowed.
  server: { fs: { allow: [project] } },
  resolve: {
    alias: {
      "@browserllm/react": resolve(import.meta.dirname, "react/src"),
      // As the page of examples/agent finds it in the built site.
      "../../amplifier.js": resolve(import.meta.dirname, "amplifier/amplifier.ts"),
      vitest: resolve(import.meta.dirname, "node_modules/vitest/dist/index.js"),
      // The file that Transformers.js itself gets from Node, so that both have the same InferenceSession.
      "onnxruntime-web/webgpu": resolve(import.meta.dirname, "node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs"),
      pyodide: resolve(import.meta.dirname, "node_modules/pyodide/pyodide.mjs"),
      typescript: resolve(import.meta.dirname, "node_modules/typescript/lib/typescript.js"),
      "@mlc-ai/web-llm": resolve(import.meta.dirname, "node_modules/@mlc-ai/web-llm/lib/index.js"),
      "@huggingface/jinja": resolve(import.meta.dirname, "node_modules/@huggingface/jinja/dist/index.js"),
      "@huggingface/tokenizers": resolve(import.meta.dirname, "node_modules/@huggingface/tokenizers/dist/tokenizers.mjs"),
      "fake-indexeddb": resolve(import.meta.dirname, "node_modules/fake-indexeddb/build/esm/index.js"),
    },
  },
  test: {
    dir: resolve(project, "tests/page"),
    environment: "node",
    // Only so that a test that hangs ends: the grammars and Python take seconds on a machine that is busy.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    coverage: {
      provider: "v8",
      reportsDirectory: "web/coverage",
      include: ["web/src/**/*.ts", "web/widget/**/*.ts", "web/amplifier/**/*.ts", "web/notebook/**/*.ts", "web/react/src/**/*.{ts,tsx}"],
      // What needs a browser (a GPU, wasm runtimes, a DOM) is covered by tests/browser.
      exclude: [
        "web/src/engine/{worker,start,engines,engine}.ts",
        "web/src/engine/constraint/worker.ts",
        "web/src/engine/files/{disk,platform}.ts",
        "web/src/engine/window/{serve,folder}.ts",
        "web/src/engine/webllm/{engine,model}.ts",
        "web/src/engine/transformersjs/{engine,gpu,model,network,ort}.ts",
        "web/src/host/**",
        "web/src/python/{worker,page,console,messages}.ts",
        "web/src/connect/{local,served}.ts",
        "web/src/offline/service-worker.ts",
        "web/amplifier/support.ts",
      ],
      thresholds: { lines: 90, functions: 90, branches: 85, statements: 90 },
    },
  },
});
