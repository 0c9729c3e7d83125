/** Copies a folder that the user picks into the caches that the engines read. */

import { PageError } from "../errors.ts";
import { sizeText } from "../../sizes.ts";
import type { PickedFolder, WindowLink } from "../window/link.ts";
import { deleteEntries, listEntries, type StoredEntry } from "./caches.ts";
import { putFile } from "./intake.ts";
import type { Placed } from "./layout.ts";
import { layouts } from "./layouts.ts";
import type { PickRequest } from "./requests.ts";

export interface PickResult {
  /** The folder's URL. No server has it, only the caches. */
  readonly folder: string;
  readonly entries: readonly StoredEntry[];
}

export interface PickParts {
  readonly base: string;
  readonly caches: CacheStorage;
  readonly storage: Pick<StorageManager, "estimate"> | undefined;
  readonly window: Pick<WindowLink, "pickFolder">;
}

/** Where one picked file goes. */
export interface Placement extends Pick<Placed, "cache" | "name"> {
  readonly file: Blob;
}

export class FolderPick {
  readonly #parts: PickParts;

  constructor(parts: PickParts) {
    this.#parts = parts;
  }

  async run({ key, prompt }: PickRequest, signal: AbortSignal): Promise<PickResult> {
    const picked = await this.#parts.window.pickFolder(prompt, signal);
    const placements = await place(picked);
    await this.#checkSpace(placements);
    const folder = new URL(`own/${encodeURIComponent(key)}/resolve/picked/`, this.#parts.base).href;
    await this.#clear(folder); // do not mix the files with those of an earlier pick with this key
    try {
      const entries: StoredEntry[] = [];
      for (const { cache, name, file } of placements) {
        signal.throwIfAborted();
        const url = new URL(name.split("/").map(encodeURIComponent).join("/"), folder).href;
        await putFile(this.#parts.caches, { cache, url }, file, typeOf(name));
        entries.push({ cache, url, size_bytes: file.size });
      }
      return { folder, entries };
    } catch (error) {
      await this.#clear(folder); // an incomplete model cannot be loaded
      throw error;
    }
  }

  async #checkSpace(placements: readonly Placement[]): Promise<void> {
    const needed = placements.reduce((sum, { file }) => sum + file.size, 0);
    const { quota, usage } = (await this.#parts.storage?.estimate()) ?? {};
    if (quota === undefined || usage === undefined || needed <= quota - usage) return;
    throw new PageError(
      "quota_exceeded",
      `the folder needs ${sizeText(needed)} and the browser has ${sizeText(quota - usage)} left for this site; delete a model first`,
      { needed_bytes: needed, available_bytes: quota - usage },
    );
  }

  async #clear(folder: string): Promise<void> {
    const { caches } = this.#parts;
    await deleteEntries(caches, (await listEntries(caches)).filter(({ url }) => url.startsWith(folder)));
  }
}

/** The place of each file that an engine reads. Other files are left out. */
export async function place({ name: folder, files }: PickedFolder): Promise<readonly Placement[]> {
  const named = new Map(files.map(({ path, file }) => [path, file]));
  const placements: Placement[] = [];
  for (const layout of layouts) {
    for (const { cache, name, from } of await layout.place(named)) {
      const file = named.get(from ?? name);
      if (file !== undefined) placements.push({ cache, name, file });
    }
  }
  if (placements.length > 0) return placements;
  const some = files.slice(0, 5).map(({ path }) => path);
  const there = some.length === 0 ? "is empty" : `has ${some.join(", ")}${files.length > some.length ? ", ..." : ""}`;
  throw new PageError(
    "model_not_found",
    `the folder "${folder}" contains no model: it ${there}; ${layouts.map(({ needs }) => needs).join(", ")}`,
    { folder },
  );
}

function typeOf(name: string): string | null {
  const ending = name.slice(name.lastIndexOf("."));
  return ending === ".json" ? "application/json" : ending === ".wasm" ? "application/wasm" : null;
}
