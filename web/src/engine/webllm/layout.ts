/**
 * Where web-llm 0.2.86 (`cacheBackend` "cache") keeps a model's files. It keys each by its absolute URL, as a plain GET:
 * - `webllm/config`: mlc-chat-config.json, and the `model_manifest` where a record of its list names one;
 * - `webllm/model`: tensor-cache.json (not its old name, ndarray-cache.json), the shards it lists, and tokenizer.json, or
 *   tokenizer.model where mlc-chat-config.json's `tokenizer_files` does not list the first;
 * - `webllm/wasm`: the library. One whose URL contains "localhost" or does not begin with "http" is fetched each
 *   time instead, so our engine hands it over itself (library.ts).
 * A folder without `/resolve/SOMETHING/` gets `resolve/main/` appended. Bodies are read as bytes: no header is needed.
 */

import { isRecord } from "../fields.ts";
import type { FileLayout, Placed } from "../files/layout.ts";

export const webLlmLayout: FileLayout = {
  caches: ["webllm/model", "webllm/config", "webllm/wasm"],
  needs: "WebLLM needs mlc-chat-config.json",
  place: async (files) => {
    if (!files.has("mlc-chat-config.json")) return [];
    const weights = ["tensor-cache.json", "tokenizer.json", "tokenizer.model", ...(await shardsIn(files.get("tensor-cache.json")))];
    const placed: Placed[] = [
      ...["mlc-chat-config.json", "mlc-model-manifest.json"].map((name) => ({ cache: "webllm/config", name })),
      ...weights.map((name) => ({ cache: "webllm/model", name })),
      ...[...files.keys()].filter((name) => name.endsWith(".wasm")).map((name) => ({ cache: "webllm/wasm", name })),
    ];
    return placed.filter(({ name }) => files.has(name));
  },
};

/** The shards that the value of a tensor-cache.json lists, as paths in its folder; an empty list for any other value. */
export function shardNames(manifest: unknown): readonly string[] {
  const records = isRecord(manifest) && Array.isArray(manifest["records"]) ? (manifest["records"] as readonly unknown[]) : [];
  return records.flatMap((record) => (isRecord(record) && typeof record["dataPath"] === "string" ? [record["dataPath"]] : []));
}

async function shardsIn(manifest: Blob | undefined): Promise<readonly string[]> {
  if (manifest === undefined) return [];
  try {
    return shardNames(JSON.parse(await manifest.text()));
  } catch {
    return []; // the code that reads the manifest next says what is wrong with it
  }
}
