// Bundles a file of this folder, with parts of the app, into one script: node bundle.mjs ENTRY FOLDER.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = resolve(dirname(fileURLToPath(import.meta.url)), "../../web");
const { build } = await import(`${web}/node_modules/vite/dist/node/index.js`);
const [entry, outDir] = process.argv.slice(2);

await build({
  configFile: false,
  logLevel: "error",
  root: web,
  // Packages are looked for beside the file that imports them, and here are none.
  resolve: { alias: ["react-dom", "react"].map((name) => ({ find: new RegExp(`^${name}(?=/|$)`), replacement: `${web}/node_modules/${name}` })) },
  define: { "process.env.NODE_ENV": '"production"' },
  build: { outDir, lib: { entry, formats: ["iife"], name: "parts_", fileName: () => "bundle.js" }, copyPublicDir: false },
});
