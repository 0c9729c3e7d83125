import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const root = resolve(import.meta.dirname, "../examples/react");

/** There is no node_modules above the example: its packages are those of this folder. */
const packagesFromHere: Plugin = {
  name: "packages-from-here",
  enforce: "pre",
  resolveId(id, importer, options) {
    if (!importer?.startsWith(root) || !/^@?[a-z]/.test(id)) return null;
    return this.resolve(id, resolve(import.meta.dirname, "vite.config.ts"), { ...options, skipSelf: true });
  },
};

/** The React example as the site's gallery has it: two folders below the site's own. */
export default defineConfig({
  root,
  base: "./",
  publicDir: false, // perhaps a whole site, built there by someone who tries the example
  plugins: [packagesFromHere],
  resolve: { alias: { "@browserllm/react": resolve(import.meta.dirname, "react/src") } },
  define: { "import.meta.env.VITE_LLM": '"../../"' },
  build: { target: "es2022", emptyOutDir: true, modulePreload: { polyfill: false } },
});
