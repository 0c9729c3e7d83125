/** Bundles the page of this folder with the packages of web/, as a project that uses @browserllm/react would. */

import { resolve } from "node:path";

const web = resolve(import.meta.dirname, "../../../web");

/** There is no node_modules above this folder. */
const packagesOfWeb = {
  name: "packages-of-web",
  enforce: "pre",
  resolveId(id, importer, options) {
    if (!importer?.startsWith(import.meta.dirname) || !/^@?[a-z]/.test(id)) return null;
    return this.resolve(id, resolve(web, "vite.config.ts"), { ...options, skipSelf: true });
  },
};

export default {
  root: import.meta.dirname,
  base: "./",
  plugins: [packagesOfWeb],
  resolve: { alias: { "@browserllm/react": resolve(web, "react/src") } },
  build: { target: "es2022", emptyOutDir: false },
};
