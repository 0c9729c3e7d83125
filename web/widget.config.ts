import { resolve } from "node:path";
import { defineConfig } from "vite";

/** What runs in other people's pages, each built by itself: one file without imports of ours, under a name that stays the same. */
export default defineConfig({
  base: "./",
  resolve: { alias: { "@browserllm/react": resolve(import.meta.dirname, "react/src") } },
  build: {
    target: "es2022",
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    rolldownOptions: {
      input: {
        widget: resolve(import.meta.dirname, "widget/widget.ts"),
        "notebook-widget": resolve(import.meta.dirname, "notebook/widget.ts"),
      },
      preserveEntrySignatures: "strict",
      output: { format: "es", entryFileNames: "[name].js" },
    },
  },
});
