import { resolve } from "node:path";
import { defineConfig } from "vite";

/** The widget, built by itself: one file without imports but `connect.js`, under a name that stays the same. */
export default defineConfig({
  base: "./",
  resolve: { alias: { "@browserllm/react": resolve(import.meta.dirname, "react/src") } },
  build: {
    target: "es2022",
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    rolldownOptions: {
      input: resolve(import.meta.dirname, "widget/widget.ts"),
      preserveEntrySignatures: "strict",
      output: { format: "es", entryFileNames: "widget.js" },
    },
  },
});
