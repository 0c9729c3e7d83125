/**
 * The caches that the engines read their models from, and what lies in them.
 *
 * web-llm 0.2.86 (`cacheBackend` "cache") keys each file by its absolute URL, as a plain GET:
 * - `webllm/config`: mlc-chat-config.json, and the `model_manifest` where a record of its list names one;
 * - `webllm/model`: tensor-cache.json (not its old name, ndarray-cache.json), the shards it lists, and tokenizer.json, or
 *   tokenizer.model where mlc-chat-config.json's `tokenizer_files` does not list the first;
 * - `webllm/wasm`: the library. One whose URL contains "localhost" or does not begin with "http" is fetched each
 *   time instead, so our engine hands it over itself (patches/web-llm/library.ts).
 * A folder without `/resolve/SOMETHING/` gets `resolve/main/` appended. Bodies are read as bytes: no header is needed.
 *
 * Transformers.js 4.3.1: `transformers-cache` (`env.cacheKey`), keyed by the remote URL, which is `env.remoteHost` +
 * `env.remotePathTemplate` + file name: with our engine, the folder's URL and the name. It reads config.json,
 * tokenizer_config.json, tokenizer.json, onnx/*.onnx with its *.onnx_data, and, where it exists,
 * generation_config.json. `Content-Length` of a cached Response is taken for the body's size.
 *
 * The Responses that we put there have `Content-Length` and `Content-Type`, no `Content-Encoding` and no `Vary`.
 */

import { isRecord } from "../fields.ts";

export const CACHE_NAMES = ["webllm/model", "webllm/config", "webllm/wasm", "transformers-cache"] as const;
export type CacheName = (typeof CACHE_NAMES)[number];

/** One file of one cache. Its address may be relative in a request; after `absolute` it is not. */
export interface FileRef {
  readonly cache: CacheName;
  readonly url: string;
}

export interface StoredEntry extends FileRef {
  readonly size_bytes: number;
}

/** Every file in the four caches, with its size; a cache that is not there is not made. */
export async function listEntries(storage: CacheStorage): Promise<readonly StoredEntry[]> {
  const present = new Set(await storage.keys());
  const lists = await Promise.all(CACHE_NAMES.filter((name) => present.has(name)).map((name) => listCache(storage, name)));
  return lists.flat();
}

async function listCache(storage: CacheStorage, name: CacheName): Promise<readonly StoredEntry[]> {
  const cache = await storage.open(name);
  const entries = await Promise.all(
    (await cache.keys()).map(async (request): Promise<StoredEntry | null> => {
      const response = await cache.match(request);
      // Deleted since the keys were read: then it is not stored.
      return response === undefined ? null : { cache: name, url: request.url, size_bytes: await sizeOf(response) };
    }),
  );
  return entries.filter((entry) => entry !== null);
}

/** Above this, a `Content-Length` that is not ours is believed: weights are sent as they are, and measuring them is slow. */
const MEASURED_BELOW = 8 * 1024 * 1024;

/**
 * The size of a cached body in bytes. A Response that a script made ("default": ours, and Transformers.js's) says it; one that
 * the network gave may say the length of what was compressed on the way, and a cross-origin one cannot tell which.
 */
export async function sizeOf(response: Response): Promise<number> {
  const header = response.headers.get("Content-Length");
  const length = header === null || !/^\d+$/.test(header) ? null : Number(header);
  if (length !== null && (response.type === "default" || length >= MEASURED_BELOW)) return length;
  return (await response.blob()).size;
}

/** Those of `files` that are there, with their sizes. */
export async function findEntries(storage: CacheStorage, files: readonly FileRef[]): Promise<readonly StoredEntry[]> {
  const found = await Promise.all(
    files.map(async ({ cache, url }): Promise<StoredEntry | null> => {
      // `ignoreVary`: a response that an engine stored with its server's headers is found too.
      const response = await storage.match(url, { cacheName: cache, ignoreVary: true });
      return response === undefined ? null : { cache, url, size_bytes: await sizeOf(response) };
    }),
  );
  return found.filter((entry) => entry !== null);
}

/** Delete files from their caches, and each cache that has become empty. */
export async function deleteEntries(storage: CacheStorage, files: readonly FileRef[]): Promise<void> {
  for (const name of new Set(files.map(({ cache }) => cache))) {
    if (!(await storage.has(name))) continue;
    const cache = await storage.open(name);
    for (const file of files) if (file.cache === name) await cache.delete(file.url, { ignoreVary: true });
    if ((await cache.keys()).length === 0) await storage.delete(name);
  }
}

/** The shards that the value of a tensor-cache.json lists, as paths in its folder; an empty list for any other value. */
export function shardNames(manifest: unknown): readonly string[] {
  const records = isRecord(manifest) && Array.isArray(manifest["records"]) ? (manifest["records"] as readonly unknown[]) : [];
  return records.flatMap((record) => (isRecord(record) && typeof record["dataPath"] === "string" ? [record["dataPath"]] : []));
}
