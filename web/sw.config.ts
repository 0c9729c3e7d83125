import { resolve } from "node:path";
import { defineConfig } from "vite";

/** The service worker, built by itself: one file without imports, which every browser takes as a classic script. */
export default defineConfig({
  build: {
    target: "es2022",
    emptyOutDir: false,
    copyPublicDir: false,
    rolldownOptions: {
      input: resolve(import.meta.dirname, "src/offline/service-worker.ts"),
      output: { format: "iife", entryFileNames: "sw.js" },
    },
  },
});
