/**
 * The caches that the engines read their models from, and their entries. The layout of each engine (layouts.ts) names its
 * caches and the place of each file.
 *
 * The Responses that we put there have `Content-Length` and `Content-Type`, no `Content-Encoding` and no `Vary`.
 */

import { layouts } from "./layouts.ts";

export const CACHE_NAMES: readonly string[] = layouts.flatMap(({ caches }) => caches);
/** One of `CACHE_NAMES`. */
export type CacheName = string;

/** One file of one cache. Its URL may be relative in a request; `absolute` resolves it. */
export interface FileRef {
  readonly cache: CacheName;
  readonly url: string;
}

export interface StoredEntry extends FileRef {
  readonly size_bytes: number;
}

/** Every file in the engines' caches, with its size; missing caches are not created. */
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
      // It was deleted after the keys were read.
      return response === undefined ? null : { cache: name, url: request.url, size_bytes: await sizeOf(response) };
    }),
  );
  return entries.filter((entry) => entry !== null);
}

/** Above this size we trust a `Content-Length` from the network: weights are sent uncompressed, and measuring them is slow. */
const MEASURED_BELOW = 8 * 1024 * 1024;

/**
 * The size of a cached body in bytes. A Response made by a script (type "default": ours, and Transformers.js's) has the right
 * length. One from the network may have the compressed length, which cannot be detected cross-origin.
 */
export async function sizeOf(response: Response): Promise<number> {
  const header = response.headers.get("Content-Length");
  const length = header === null || !/^\d+$/.test(header) ? null : Number(header);
  if (length !== null && (response.type === "default" || length >= MEASURED_BELOW)) return length;
  return (await response.blob()).size;
}

/** The `files` that are stored, with their sizes. */
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
