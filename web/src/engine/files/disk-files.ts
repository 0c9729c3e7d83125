/**
 * The open files of the disk worker.
 *
 * Only here are files of the private file system written, with calls that block the thread. On a full disk Chromium (156)
 * sometimes never returns from one of them; the engine then ends this worker and goes on (disk-link.ts).
 */

import { systemClock, type Clock } from "../clock.ts";
import { describe, PageError } from "../errors.ts";
import type { DiskAnswer, DiskRequest } from "./disk-messages.ts";
import { DISK_PATIENCE_MS, openFolder, soon, written, type Root } from "./private-files.ts";

/** FileSystemSyncAccessHandle, which TypeScript has for workers only. */
export interface SyncFile {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncFile> };

export class DiskFiles {
  readonly #opening = new Set<FileHandle>();
  readonly #open = new Map<number, SyncFile>();
  readonly #clock: Clock;
  readonly #root: () => Root;

  constructor(clock: Clock = systemClock, root: () => Root = () => navigator.storage) {
    this.#clock = clock;
    this.#root = root;
  }

  /** Carry out a request; a failure is an answer, too. */
  async answer(request: DiskRequest): Promise<DiskAnswer> {
    const { id } = request;
    try {
      if (request.op !== "open") return { id, ...this.#run(request) };
      const opening = this.#openFile(request.name);
      const file = await soon(this.#clock, DISK_PATIENCE_MS, "open a file", opening, (late) => { late.close(); });
      this.#open.set(request.file, file);
      return { id, size: file.getSize() };
    } catch (error) {
      // A PageError has its code and data beside the message; other errors are known by their names.
      return { id, error: error instanceof PageError ? error.body() : describe(error) };
    }
  }

  #run(request: Exclude<DiskRequest, { op: "open" }>): { bytes?: Uint8Array<ArrayBuffer> } {
    const file = this.#open.get(request.file);
    if (file === undefined) throw new DOMException("the file is closed", "InvalidStateError");
    switch (request.op) {
      case "read": {
        const bytes = new Uint8Array(request.length);
        return { bytes: bytes.subarray(0, file.read(bytes, { at: request.at })) };
      }
      case "write":
        writeAll(file, request.bytes, request.at);
        return { bytes: request.bytes };
      case "truncate":
        file.truncate(request.size);
        return {};
      case "flush":
        file.flush();
        return {};
      case "close":
        this.#open.delete(request.file);
        file.close();
        return {};
    }
  }

  async #openFile(name: string): Promise<SyncFile> {
    const folder = await openFolder(this.#root());
    const file = await written(folder.getFileHandle(name, { create: true })) as FileHandle;
    // Keep a reference until it is open: Chromium has only a weak one, and after a garbage collection the promise never settles.
    this.#opening.add(file);
    try {
      return await written(file.createSyncAccessHandle());
    } finally {
      this.#opening.delete(file);
    }
  }
}

/** Write all of `bytes`, or leave the file as long as it was: the browser needs a few bytes of a full disk to close files. */
function writeAll(file: SyncFile, bytes: Uint8Array, at: number): void {
  try {
    for (let done = 0; done < bytes.length; ) {
      const count = file.write(done === 0 ? bytes : bytes.subarray(done), { at: at + done });
      if (count <= 0) throw new DOMException("the disk is full", "QuotaExceededError");
      done += count;
    }
  } catch (error) {
    file.truncate(at);
    throw error;
  }
}
