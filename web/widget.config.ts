import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { build, defineConfig, type InlineConfig } from "vite";

/** What runs in other people's pages: files without imports of ours, under names that stay the same. */
const alone = (input: Record<string, string>): InlineConfig => ({
  base: "./",
  resolve: { alias: { "@browserllm/react": resolve(import.meta.dirname, "react/src") } },
  build: {
    target: "es2022",
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    rolldownOptions: {
      input,
      preserveEntrySignatures: "strict",
      output: { format: "es", entryFileNames: "[name].js" },
    },
  },
});

const file = (name: string): string => resolve(import.meta.dirname, name);

export default defineConfig({
  ...alone({ widget: file("widget/widget.ts"), "notebook-widget": file("notebook/widget.ts") }),
  plugins: [
    {
      // Each in a build of its own: with the widget they would share a third file.
      name: "others",
      closeBundle: async () => {
        const others = { amplifier: "amplifier/amplifier.ts", "widget-de": "widget/languages/de.ts", "widget-ar": "widget/languages/ar.ts" };
        for (const [name, source] of Object.entries(others)) await build({ ...alone({ [name]: file(source) }), configFile: false, root: import.meta.dirname });
        execFileSync(process.execPath, [file("scripts/amplifier-types.mjs")], { stdio: "inherit" });
      },
    },
  ],
});
