import { isAbsolute, resolve } from "node:path";
import { defineConfig } from "vite";

const source = (name: string): string => resolve(import.meta.dirname, "src", name);

/** Builds the package into dist/: one ES module for each entry, and what they share. `npm run build:react` in web/. */
export default defineConfig({
  root: import.meta.dirname,
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    // The package's users minify their bundles; a readable module is better to debug.
    minify: false,
    sourcemap: true,
    lib: {
      entry: { index: source("index.ts"), "ai-sdk": source("ai-sdk.ts"), tanstack: source("tanstack.ts"), testing: source("testing.ts") },
      formats: ["es"],
    },
    rolldownOptions: {
      // Every package stays an import, so that the check after the build sees those that do not belong here.
      external: (id) => !id.startsWith(".") && !isAbsolute(id),
      output: { entryFileNames: "[name].js", chunkFileNames: "shared/[name].js" },
    },
  },
});
