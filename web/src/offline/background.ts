/** What the page and the service worker agree on about downloads that the browser carries out (Background Fetch). */

import type { HashAlgorithm } from "../engine/files/requests.ts";

/** A file as its model's manifest promises it, and the engine's cache that it belongs in. */
export interface BackgroundFile {
  readonly url: string;
  readonly cache: string;
  readonly size_bytes: number | null;
  readonly hash: { readonly algorithm: HashAlgorithm; readonly value: string } | null;
}

/** How it ended: every file is in its cache, or why not. */
export interface BackgroundEnd {
  readonly complete: boolean;
  /** `wrong`: a file is not what its manifest promises. The others are the browser's: `bad-status`, `fetch-error`, `aborted`… */
  readonly reason: string;
}

/** One model's download by the browser. The page writes it before the first byte, the service worker its end. */
export interface BackgroundRecord {
  /** The id of the browser's fetch: a model's next one has another. */
  readonly id: string;
  readonly model: string;
  readonly files: readonly BackgroundFile[];
  readonly end: BackgroundEnd | null;
}

/** The type of the service worker's message to its pages when a record has got its end. */
export const BACKGROUND_ENDED = "background-ended";

/** The records, by model. They are in a cache because it is the one small store that both sides open without a schema. */
export class BackgroundRecords {
  readonly #caches: CacheStorage;
  readonly #scope: URL;

  constructor(caches: CacheStorage, scope: URL) {
    this.#caches = caches;
    this.#scope = scope;
  }

  async list(): Promise<readonly BackgroundRecord[]> {
    if (!(await this.#caches.has(RECORDS))) return [];
    const cache = await this.#caches.open(RECORDS);
    const found = await Promise.all((await cache.keys()).map((key) => cache.match(key)));
    return Promise.all(found.filter((response) => response !== undefined).map(async (response) => (await response.json()) as BackgroundRecord));
  }

  async put(record: BackgroundRecord): Promise<void> {
    await (await this.#caches.open(RECORDS)).put(this.#key(record.model), Response.json(record));
  }

  async remove(model: string): Promise<void> {
    await (await this.#caches.open(RECORDS)).delete(this.#key(model));
  }

  #key(model: string): string {
    return new URL(`background/${encodeURIComponent(model)}`, this.#scope).href;
  }
}

const RECORDS = "browserllm-background";

/** The Background Fetch API, as far as it is used here; TypeScript's libraries have none of it. */
export interface BackgroundFetchRegistration extends EventTarget {
  readonly id: string;
  readonly downloaded: number;
  readonly downloadTotal: number;
  readonly result: "" | "success" | "failure";
  readonly failureReason: string;
  abort(): Promise<boolean>;
  matchAll(): Promise<readonly { readonly request: Request; readonly responseReady: Promise<Response> }[]>;
}

export interface BackgroundFetchManager {
  fetch(id: string, requests: readonly string[], options: { title: string; icons: readonly { src: string; sizes: string; type: string }[]; downloadTotal: number }): Promise<BackgroundFetchRegistration>;
  get(id: string): Promise<BackgroundFetchRegistration | undefined>;
}
