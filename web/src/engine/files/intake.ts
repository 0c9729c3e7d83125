/** Puts whole files into the caches that the engines read, and finds files that are stored already. */

import { describe } from "../errors.ts";
import { sizeOf } from "./caches.ts";
import { startDigest } from "./digest.ts";
import type { RequestedFile } from "./requests.ts";
import { reasonOf } from "./retry.ts";

/**
 * The size of the stored file if it is the requested one; null if it has to be fetched. A wrong file is deleted,
 * because an engine would read it. `verify` also checks the hash.
 */
export async function findStored(caches: CacheStorage, file: RequestedFile, verify: boolean, signal: AbortSignal): Promise<number | null> {
  const match = (): Promise<Response | undefined> => caches.match(file.url, { cacheName: file.cache, ignoreVary: true });
  const response = await match();
  if (response === undefined) return null;
  const size = await sizeOf(response);
  const sizeFits = file.size_bytes === null || file.size_bytes === size;
  if (sizeFits && (!verify || file.hash === null)) return size;
  const again = sizeFits ? await match() : undefined;
  if (again !== undefined && (await hasHash(again, file.hash, signal))) return size;
  await (await caches.open(file.cache)).delete(file.url, { ignoreVary: true });
  return null;
}

async function hasHash({ body }: Response, hash: RequestedFile["hash"], signal: AbortSignal): Promise<boolean> {
  if (hash === null) return true;
  const digest = await startDigest(hash.algorithm);
  const reader = body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    digest.update(value);
    if (signal.aborted) {
      await reader.cancel();
      throw reasonOf(signal);
    }
  }
  return digest.hex() === hash.value;
}

/**
 * Fail with `QuotaExceededError` on a disk that is full already. On such a disk Chromium may never return from closing a file
 * of the private file system, which blocks the worker; a cache entry fails without blocking.
 */
export async function checkRoom(caches: CacheStorage, size: number): Promise<void> {
  const name = "browserllm-room";
  const ref = { cache: name, url: `https://${name}.invalid/${crypto.randomUUID()}` };
  try {
    await putFile(caches, ref, new Blob([new Uint8Array(Math.min(size, ROOM_BYTES))]), null);
  } catch (error) {
    if (describe(error).name === "QuotaExceededError") throw error;
  } finally {
    await caches.delete(name).catch(() => undefined);
  }
}

const ROOM_BYTES = 1024 * 1024;

/** Put a file into its cache, reading the blob piece by piece. Fails with `QuotaExceededError` if there is no space. */
export async function putFile(caches: CacheStorage, { cache, url }: { readonly cache: string; readonly url: string }, body: Blob, contentType: string | null): Promise<void> {
  const headers = { "Content-Length": String(body.size), "Content-Type": contentType ?? "application/octet-stream" };
  try {
    await (await caches.open(cache)).put(url, new Response(body, { headers }));
  } catch (error) {
    // For a full disk Chromium throws one of these, and QuotaExceededError only for its own limit.
    if (["UnknownError", "InvalidAccessError", "InvalidStateError"].includes(describe(error).name)) throw new DOMException("the disk is full", "QuotaExceededError");
    throw error;
  }
}
