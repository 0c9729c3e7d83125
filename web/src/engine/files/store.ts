/** Manages what the browser stores for us: the engines' caches, unfinished downloads and the journal. */

import { PageError } from "../errors.ts";
import type { WindowLink } from "../window/link.ts";
import { deleteEntries, findEntries, listEntries } from "./caches.ts";
import type { Journal } from "./journal.ts";
import type { FileStore, PartialFile, StoredResult } from "./operations.ts";
import type { DeleteRequest, JournalRequest, PickRequest } from "./requests.ts";
import { FolderPick, type PickResult } from "./pick.ts";

/** The operations on partial files that the store needs. */
export interface PartialFiles {
  list(): Promise<readonly PartialFile[]>;
  /** Delete a partial and its journal, if it exists. */
  remove(url: string): Promise<void>;
}

/** The parts of `navigator.storage` that are used. In most browsers `persist` exists only in windows. */
export type StorageFacts = Pick<StorageManager, "estimate" | "persisted"> & Partial<Pick<StorageManager, "persist">>;

export interface StoreParts {
  /** The URL that relative URLs are resolved against. */
  readonly base: string;
  /** Undefined in an insecure context: the page is served neither over https nor from localhost. */
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

  /** Delete files and partials. Counts the files that existed before and do not exist afterwards. */
  async delete({ entries, partials }: DeleteRequest): Promise<{ deleted: number; freed_bytes: number }> {
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

  async journal(request: JournalRequest): Promise<{ journal: StoredResult["journal"] }> {
    return { journal: await this.#parts.journal.write(request) };
  }

  async persist(): Promise<{ persisted: boolean }> {
    const { storage, window } = this.#parts;
    if (storage === undefined) throw insecureContext();
    const persisted = (await storage.persisted()) || (await (storage.persist?.() ?? window.persist()));
    return { persisted };
  }

  pick(request: PickRequest, signal: AbortSignal): Promise<PickResult> {
    const { base, storage, window } = this.#parts;
    return new FolderPick({ base, caches: this.#caches, storage, window }).run(request, signal);
  }

  get #caches(): CacheStorage {
    if (this.#parts.caches === undefined) throw insecureContext();
    return this.#parts.caches;
  }
}

function insecureContext(): PageError {
  return new PageError("unavailable", "the browser stores nothing for this page: serve it over https or from localhost", {
    reason: "insecure_context",
  });
}
