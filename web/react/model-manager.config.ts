import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** Styles of the app count inside the component alone; what the app says of its page, the component says of itself. */
const scoped: Plugin = {
  name: "scoped",
  enforce: "pre",
  transform: (code, id) => (id.endsWith(".css") ? { code: `@scope (.browserllm) {\n${code.replaceAll(":root", ":scope")}\n}\n`, map: null } : null),
};

/** Builds `<ModelManager/>` from the app into the package, after the hooks, which it takes from the package itself. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [scoped],
  build: {
    target: "es2022",
    // It has @scope and light-dark(), which must be left as they are.
    cssTarget: ["chrome123", "safari17.5", "firefox128"],
    cssMinify: false,
    outDir: "dist",
    emptyOutDir: false,
    minify: false,
    sourcemap: true,
    lib: { entry: { "model-manager": resolve(import.meta.dirname, "../app/models/embed.tsx") }, formats: ["es"], cssFileName: "model-manager" },
    rolldownOptions: {
      external: (id) => id === "@browserllm/react" || /^react(-dom)?($|\/)/.test(id),
      output: { entryFileNames: "[name].js", chunkFileNames: "shared/[name].js", paths: { "@browserllm/react": "./index.js" } },
    },
  },
});
