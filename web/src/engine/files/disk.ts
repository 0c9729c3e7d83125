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
  /** Open a file, made when it is not there; fails while other code has it open. */
  open(name: string): Promise<OpenFile>;
  /** A file's bytes, left on the disk until they are read; null when it is not there. */
  blob(name: string): Promise<Blob | null>;
  /** Remove a file; does nothing when it is not there. */
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

const FOLDER = "browserllm-downloads";

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<OpenFile> };

export class OriginDisk implements Disk {
  readonly #opening = new Set<FileHandle>();

  async open(name: string): Promise<OpenFile> {
    const file = (await (await this.#folder()).getFileHandle(name, { create: true })) as FileHandle;
    // Held until it is open: Chromium itself does not hold it, and where its memory is collected meanwhile never answers.
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
