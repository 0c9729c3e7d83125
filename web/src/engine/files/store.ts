/** Manages what the browser stores for us: the engines' caches, unfinished downloads and the journal. */

import { PageError } from "../errors.ts";
import type { WindowLink } from "../window/link.ts";
import { deleteEntries, findEntries, listEntries } from "./caches.ts";
import type { Journal } from "./journal.ts";
import type { FileStore, PartialFile, StoredResult } from "./operations.ts";
import type { DeleteOrder, JournalOrder, PickOrder } from "./orders.ts";
import { FolderPick, type PickResult } from "./pick.ts";

/** The operations on partial files that are needed here. */
export interface PartialFiles {
  list(): Promise<readonly PartialFile[]>;
  /** Delete one with its journal; nothing happens when it is not there. */
  remove(url: string): Promise<void>;
}

/** The parts of `navigator.storage` that are used; `persist` exists in windows alone, in most browsers. */
export type StorageFacts = Pick<StorageManager, "estimate" | "persisted"> & Partial<Pick<StorageManager, "persist">>;

export interface StoreParts {
  /** The URL that relative URLs are resolved against. */
  readonly base: string;
  /** Undefined where the page is not served safely (https, or this computer's own address). */
  readonly caches: CacheStorage | undefined;
  readonly storage: StorageFacts | undefined;
  readonly journal: Journal;
  readonly partials: PartialFiles;
  readonly window: Pick<WindowLink, "persist" | "pickFolder">;
}

export class BrowserStore implements FileStore {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async stored(): Promise<StoredResult> {
    const { storage, partials, journal } = this.#parts;
    const [estimate, persisted, entries, unfinished, records] = await Promise.all([
      storage?.estimate(),
      storage?.persisted(),
      listEntries(this.#caches),
      partials.list(),
      journal.read(),
    ]);
    return {
      usage_bytes: estimate?.usage ?? null,
      quota_bytes: estimate?.quota ?? null,
      persisted: persisted ?? false,
      entries,
      partials: unfinished,
      journal: records,
    };
  }

  /** Delete files and partials. Counts the files that were there before and are not there after. */
  async delete({ entries, partials }: DeleteOrder): Promise<{ deleted: number; freed_bytes: number }> {
    const caches = this.#caches;
    const wanted = new Set(partials);
    const count = async (): Promise<{ items: number; bytes: number }> => {
      const found = await findEntries(caches, entries);
      const unfinished = (await this.#parts.partials.list()).filter(({ url }) => wanted.has(url));
      const sizes = [...found.map(({ size_bytes }) => size_bytes), ...unfinished.map(({ loaded_bytes }) => loaded_bytes)];
      return { items: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    };
    const before = await count();
    await deleteEntries(caches, entries);
    for (const url of partials) await this.#parts.partials.remove(url);
    const after = await count();
    return { deleted: before.items - after.items, freed_bytes: before.bytes - after.bytes };
  }

  async journal(order: JournalOrder): Promise<{ journal: StoredResult["journal"] }> {
    return { journal: await this.#parts.journal.write(order) };
  }

  async persist(): Promise<{ persisted: boolean }> {
    const { storage, window } = this.#parts;
    if (storage === undefined) throw notSafe();
    const persisted = (await storage.persisted()) || (await (storage.persist?.() ?? window.persist()));
    return { persisted };
  }

  pick(order: PickOrder, signal: AbortSignal): Promise<PickResult> {
    const { base, storage, window } = this.#parts;
    return new FolderPick({ base, caches: this.#caches, storage, window }).run(order, signal);
  }

  get #caches(): CacheStorage {
    if (this.#parts.caches === undefined) throw notSafe();
    return this.#parts.caches;
  }
}

function notSafe(): PageError {
  return new PageError("unavailable", "the browser stores nothing for this page: serve it over https or from localhost", {
    reason: "insecure_context",
  });
}
