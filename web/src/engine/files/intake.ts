/** Whole files on their way into the caches that the engines read, and whether one is there already. */

import { describe } from "../errors.ts";
import { sizeOf, type FileRef } from "./caches.ts";
import { startDigest } from "./digest.ts";
import type { FileOrder } from "./orders.ts";
import { reasonOf } from "./retry.ts";

/**
 * The size of a file that is stored and is the requested one; null when it has to be fetched. A wrong one is deleted,
 * because an engine would read it. With `verify` its hash is checked too.
 */
export async function findStored(caches: CacheStorage, order: FileOrder, verify: boolean, signal: AbortSignal): Promise<number | null> {
  const match = (): Promise<Response | undefined> => caches.match(order.url, { cacheName: order.cache, ignoreVary: true });
  const response = await match();
  if (response === undefined) return null;
  const size = await sizeOf(response);
  const sizeFits = order.size_bytes === null || order.size_bytes === size;
  if (sizeFits && (!verify || order.hash === null)) return size;
  const again = sizeFits ? await match() : undefined;
  if (again !== undefined && (await hasHash(again, order.hash, signal))) return size;
  await (await caches.open(order.cache)).delete(order.url, { ignoreVary: true });
  return null;
}

async function hasHash({ body }: Response, hash: FileOrder["hash"], signal: AbortSignal): Promise<boolean> {
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

/** Put a file into its cache. The blob is read from where it lies, piece by piece. Fails with `QuotaExceededError` without room. */
export async function putFile(caches: CacheStorage, { cache, url }: FileRef, body: Blob, contentType: string | null): Promise<void> {
  const headers = { "Content-Length": String(body.size), "Content-Type": contentType ?? "application/octet-stream" };
  try {
    await (await caches.open(cache)).put(url, new Response(body, { headers }));
  } catch (error) {
    // Chromium's error for a full disk; it uses the other name only for its own limit.
    if (describe(error).name === "UnknownError") throw new DOMException("the disk took no more bytes", "QuotaExceededError");
    throw error;
  }
}
