/** The real web-llm, with classes that it does not export: its own file with one more export, in a folder of the test. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const FILE = new URL("../../web/node_modules/@mlc-ai/web-llm/lib/index.js", import.meta.url);

export const webLlmSource = (): string => readFileSync(FILE, "utf8");

/** The library's own values of these names, exported or not; fails where it has no such names. */
export async function importWebLlm<T>(...names: readonly string[]): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "web-llm-"));
  try {
    const file = join(folder, "index.mjs");
    writeFileSync(file, `${webLlmSource().replace(/\/\/# sourceMappingURL.*/, "")}\nexport const privates = { ${names.join(", ")} };`);
    return ((await import(/* @vite-ignore */ pathToFileURL(file).href)) as { privates: T }).privates;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
