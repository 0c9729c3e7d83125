/** One flat folder in the origin's private file system. */

import { systemClock, type Clock } from "../clock.ts";
import { DiskLink, type OpenFile } from "./disk-link.ts";
import { asFullDisk, DISK_PATIENCE_MS, isNotFound, openFolder, soon, type Root } from "./private-files.ts";

export interface Disk {
  /** Open a file, creating it if needed. Fails while other code has it open. */
  open(name: string): Promise<OpenFile>;
  /** Whether the browser never returned from work on this file: it stays locked as long as the page is open. */
  isStuck(name: string): boolean;
  /** A file's bytes, which stay on the disk until they are read; null if there is no such file. */
  blob(name: string): Promise<Blob | null>;
  /** Remove a file, if it exists. */
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

export class OriginDisk implements Disk {
  readonly #clock: Clock;
  readonly #root: () => Root;
  readonly #files: DiskLink;

  constructor(clock: Clock = systemClock, root: () => Root = () => navigator.storage, files = new DiskLink(clock)) {
    this.#clock = clock;
    this.#root = root;
    this.#files = files;
  }

  open(name: string): Promise<OpenFile> {
    return this.#files.open(name);
  }

  isStuck(name: string): boolean {
    return this.#files.stuck.has(name);
  }

  async blob(name: string): Promise<Blob | null> {
    try {
      const folder = await this.#folder();
      const file = await this.#soon("find a file", folder.getFileHandle(name));
      return await this.#soon("read a file", file.getFile());
    } catch (error) {
      if (isNotFound(error)) return null;
      throw asFullDisk(error);
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
    try {
      for await (const name of folder.keys()) names.push(name);
    } catch (error) {
      // On a full disk Chromium may lose the folder between the two calls.
      if (!isNotFound(error)) throw asFullDisk(error);
    }
    return names;
  }

  #folder(): Promise<FileSystemDirectoryHandle> {
    return this.#soon("open its private files", openFolder(this.#root()));
  }

  #soon<T>(what: string, promise: Promise<T>): Promise<T> {
    return soon(this.#clock, DISK_PATIENCE_MS, what, promise);
  }
}
