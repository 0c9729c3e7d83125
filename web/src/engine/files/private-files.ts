/** The folder of our files in the origin's private file system, and what its failures mean. Both workers use it. */

import type { Clock } from "../clock.ts";
import { PageError } from "../errors.ts";

const FOLDER = "browserllm-downloads";

/** These operations take milliseconds. On a full disk Chromium may leave one without an answer. */
export const DISK_PATIENCE_MS = 15_000;

/** The page's storage, as far as it is used here: `navigator.storage`. */
export type Root = Pick<StorageManager, "getDirectory">;

/** Open the folder, creating it if needed. */
export async function openFolder(storage: Root): Promise<FileSystemDirectoryHandle> {
  const root = await written(storage.getDirectory());
  return written(root.getDirectoryHandle(FOLDER, { create: true }));
}

/** Wait for the browser's storage, but not for ever; `late` takes a value that comes after that. */
export function soon<T>(clock: Clock, ms: number, what: string, promise: Promise<T>, late?: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const stop = clock.after(ms, () => {
      over = true;
      const seconds = Math.round(ms / 1000);
      const message = `the browser did not ${what} within ${seconds} s, as happens when the disk is full: free disk space and try again`;
      reject(new PageError("unavailable", message, { reason: "blocked" }));
    });
    promise.then((value) => {
      stop();
      if (over) late?.(value);
      else resolve(value);
    }, (error: unknown) => {
      stop();
      reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}

/**
 * The failure to create or open a file under its right name. On a full disk Chromium cannot write to the database of its
 * files, and says InvalidStateError or UnknownError; a file that it has created but not written is then not found.
 */
export async function written<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asFullDisk(error);
  }
}

export function asFullDisk(error: unknown): unknown {
  return error instanceof DOMException && FULL.has(error.name) ? new DOMException("the disk is full", "QuotaExceededError") : error;
}

const FULL = new Set(["InvalidStateError", "UnknownError", "NotFoundError"]);

export function isNotFound(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotFoundError";
}
