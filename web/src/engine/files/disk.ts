/** One flat folder in the origin's private file system. */

import { systemClock, type Clock } from "../clock.ts";
import { PageError } from "../errors.ts";

/** A file that is open, for this worker alone (FileSystemSyncAccessHandle, which TypeScript has for workers only). */
export interface OpenFile {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

export interface Disk {
  /** Open a file, creating it if needed. Fails while other code has it open. */
  open(name: string): Promise<OpenFile>;
  /** A file's bytes, which stay on the disk until they are read; null if there is no such file. */
  blob(name: string): Promise<Blob | null>;
  /** Remove a file, if it exists. */
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

const FOLDER = "browserllm-downloads";

/** These operations take milliseconds. On a full disk Chromium may leave one without an answer. */
export const DISK_PATIENCE_MS = 15_000;

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<OpenFile> };

/** The page's storage, as far as it is used here: `navigator.storage`. */
export type Root = Pick<StorageManager, "getDirectory">;

export class OriginDisk implements Disk {
  readonly #opening = new Set<FileHandle>();
  readonly #clock: Clock;
  readonly #root: () => Root;

  constructor(clock: Clock = systemClock, root: () => Root = () => navigator.storage) {
    this.#clock = clock;
    this.#root = root;
  }

  async open(name: string): Promise<OpenFile> {
    const folder = await this.#folder();
    const file = await this.#soon("create a file", written(folder.getFileHandle(name, { create: true }))) as FileHandle;
    // Keep a reference until it is open: Chromium has only a weak one, and after a garbage collection the promise never settles.
    this.#opening.add(file);
    const opening = file.createSyncAccessHandle();
    try {
      return await this.#soon("open a file", written(opening), (late) => { late.close(); });
    } finally {
      // One that opens late is still referred to, or it could never be closed.
      void opening.catch(() => undefined).finally(() => this.#opening.delete(file));
    }
  }

  async blob(name: string): Promise<Blob | null> {
    try {
      const folder = await this.#folder();
      const file = await this.#soon("find a file", folder.getFileHandle(name));
      return await this.#soon("read a file", file.getFile());
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    try {
      const folder = await this.#folder();
      await this.#soon("remove a file", folder.removeEntry(name));
    } catch (error) {
      if (!isNotFound(error)) throw asFullDisk(error);
    }
  }

  async names(): Promise<readonly string[]> {
    const folder = (await this.#folder()) as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    return names;
  }

  async #folder(): Promise<FileSystemDirectoryHandle> {
    const root = await this.#soon("open its private files", this.#root().getDirectory());
    return this.#soon("open a folder", written(root.getDirectoryHandle(FOLDER, { create: true })));
  }

  #soon<T>(what: string, promise: Promise<T>, late?: (value: T) => void): Promise<T> {
    return soon(this.#clock, DISK_PATIENCE_MS, what, promise, late);
  }
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
async function written<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asFullDisk(error);
  }
}

function asFullDisk(error: unknown): unknown {
  return error instanceof DOMException && FULL.has(error.name) ? new DOMException("the disk is full", "QuotaExceededError") : error;
}

const FULL = new Set(["InvalidStateError", "UnknownError", "NotFoundError"]);

function isNotFound(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotFoundError";
}
