/** One flat folder in the origin's private file system. */

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

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<OpenFile> };

export class OriginDisk implements Disk {
  readonly #opening = new Set<FileHandle>();

  async open(name: string): Promise<OpenFile> {
    const file = (await (await this.#folder()).getFileHandle(name, { create: true })) as FileHandle;
    // Keep a reference until it is open: Chromium has only a weak one, and after a garbage collection the promise never settles.
    this.#opening.add(file);
    try {
      return await file.createSyncAccessHandle();
    } finally {
      this.#opening.delete(file);
    }
  }

  async blob(name: string): Promise<Blob | null> {
    try {
      return await (await (await this.#folder()).getFileHandle(name)).getFile();
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await (await this.#folder()).removeEntry(name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async names(): Promise<readonly string[]> {
    const folder = (await this.#folder()) as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    return names;
  }

  async #folder(): Promise<FileSystemDirectoryHandle> {
    return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotFoundError";
}
