/** Takes what the browser has fetched for a model: checks each file, and puts it where the model's engine reads it. */

import { startDigest } from "../engine/files/digest.ts";
import { findStored, putFile } from "../engine/files/intake.ts";
import { lockName } from "../engine/files/partial.ts";
import type { BackgroundFetchRegistration, BackgroundFile, BackgroundRecord, BackgroundRecords } from "./background.ts";

export class Arrivals {
  readonly #records: BackgroundRecords;
  readonly #caches: CacheStorage;
  readonly #locks: Pick<LockManager, "request">;

  constructor(records: BackgroundRecords, caches: CacheStorage, locks: Pick<LockManager, "request">) {
    this.#records = records;
    this.#caches = caches;
    this.#locks = locks;
  }

  /**
   * Take the files of a fetch that has ended, in whichever way: those that are complete are kept of a failed one, too.
   * Returns the record with its end; null if the page no longer waits for this fetch.
   */
  async take(fetched: BackgroundFetchRegistration): Promise<BackgroundRecord | null> {
    const record = await this.#find(fetched.id);
    if (record === null) return null;
    const files = new Map(record.files.map((file) => [file.url, file]));
    let reason = fetched.failureReason;
    for (const { request, responseReady } of await fetched.matchAll()) {
      const file = files.get(request.url);
      if (file === undefined) continue;
      try {
        // One after the other: each body is read once for its hash and once into the cache.
        const fate = await this.#keep(file, await responseReady);
        if (fate === "stored") files.delete(file.url);
        if (fate === "wrong") reason = "wrong";
      } catch (error) {
        console.warn(`${file.url} has not arrived:`, error);
        if (error instanceof DOMException && error.name === "QuotaExceededError") reason = "quota-exceeded";
      }
    }
    // The page may have given it up, or begun another one, in the meantime.
    if ((await this.#find(fetched.id)) === null) return null;
    const complete = files.size === 0;
    const ended = { ...record, end: { complete, reason: complete ? "" : reason || "fetch-error" } };
    await this.#records.put(ended);
    return ended;
  }

  async #find(id: string): Promise<BackgroundRecord | null> {
    return (await this.#records.list()).find((record) => record.id === id) ?? null;
  }

  async #keep(file: BackgroundFile, response: Response): Promise<"stored" | "wrong" | "missing"> {
    if (response.status !== 200) return "missing";
    const blob = await response.blob();
    if (!(await isAsPromised(file, blob))) return "wrong";
    const never = new AbortController().signal;
    // A tab that downloads the same file at this moment has the lock: it needs no help.
    return this.#locks.request(lockName(file), { ifAvailable: true }, async (lock) => {
      if (lock === null) return "missing";
      if ((await findStored(this.#caches, file, false, never)) === null) {
        await putFile(this.#caches, file, blob, response.headers.get("Content-Type"));
      }
      return "stored";
    });
  }
}

async function isAsPromised({ size_bytes, hash }: BackgroundFile, blob: Blob): Promise<boolean> {
  if (size_bytes !== null && blob.size !== size_bytes) return false;
  if (hash === null) return true;
  const digest = await startDigest(hash.algorithm);
  const reader = blob.stream().getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) digest.update(piece.value);
  return digest.hex() === hash.value;
}
