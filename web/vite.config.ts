import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const page = (name: string): string => resolve(import.meta.dirname, name);

/** Transformers.js names a CDN as the first place of ONNX Runtime's files; ours is set before any is fetched (ort.ts). */
const noCdn: Plugin = {
  name: "no-cdn",
  transform: (code, id) =>
    id.includes("@huggingface/transformers") && code.includes(CDN) ? { code: code.replaceAll(CDN, "./ort/"), map: null } : null,
};
const CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@";

/** KaTeX names each font in three formats; every browser that runs this site reads the first. */
const oneFontFormat: Plugin = {
  name: "one-font-format",
  enforce: "pre",
  transform: (code, id) =>
    id.includes("katex") && id.endsWith(".css") ? { code: code.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g, ""), map: null } : null,
};

export default defineConfig({
  // Every file is found relative to the page, so the site works from any folder of any server.
  base: "./",
  plugins: [noCdn, oneFontFormat],
  resolve: {
    alias: { "@browserllm/react": page("react/src") },
    // ONNX Runtime without its wasm inside the bundle: it is served from ort/ (scripts/vendor.mjs).
    conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "production"],
  },
  worker: { format: "es", plugins: () => [noCdn] },
  build: {
    target: "es2022",
    // Inside of a style sheet a font would be a data: address, which the page's policy forbids.
    assetsInlineLimit: (file) => (file.endsWith(".woff2") ? false : undefined),
    modulePreload: { polyfill: false },
    // web-llm is 6 MB with its tokenizer inside; it is fetched only by those who use it.
    chunkSizeWarningLimit: 8000,
    rolldownOptions: {
      input: {
        index: page("index.html"),
        host: page("host.html"),
        python: page("python.html"),
        notebook: page("notebook.html"),
        connect: page("src/connect/local.ts"),
        "connect-served": page("src/connect/served.ts"),
        "connect-kernel": page("src/connect/kernel.ts"),
      },
      // These are found by their names, which stay the same.
      preserveEntrySignatures: "allow-extension",
      output: {
        // A name that no shared chunk can have: the service worker keeps the chunks, and no page but the app's own.
        entryFileNames: ({ name }) => (name.startsWith("connect") ? "[name].js" : "assets/entry-[name]-[hash].js"),
        assetFileNames: ({ names }) => (names.includes("host.css") ? "assets/entry-[name]-[hash][extname]" : "assets/[name]-[hash][extname]"),
      },
    },
  },
});
