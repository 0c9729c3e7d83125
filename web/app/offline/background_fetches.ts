/** The page's end of downloads by the browser (Background Fetch): they go on when the page is closed. */

import { Listeners } from "@browserllm/react/listeners";
import {
  BACKGROUND_ENDED,
  BackgroundRecords,
  type BackgroundFetchManager,
  type BackgroundFetchRegistration,
  type BackgroundFile,
} from "../../src/offline/background.ts";

/** A model's files on their way. `storing`: they are here, and the service worker checks them. */
export interface BackgroundFetch {
  readonly phase: "fetching" | "storing" | "complete" | "incomplete";
  readonly receivedBytes: number;
  readonly totalBytes: number | null;
  /** Why it is incomplete, as `BackgroundEnd` has it. */
  readonly reason: string;
}

export interface BackgroundStatus {
  /** This browser fetches for a site that is closed. */
  readonly available: boolean;
  readonly models: Readonly<Record<string, BackgroundFetch>>;
}

/** The files would not fit: while they arrive the browser has a copy of its own. */
export class NoRoom extends Error {
  readonly neededBytes: number;
  readonly freeBytes: number;

  constructor(neededBytes: number, freeBytes: number) {
    super(`${neededBytes} bytes are needed, and ${freeBytes} are free`);
    this.neededBytes = neededBytes;
    this.freeBytes = freeBytes;
  }
}

export interface BackgroundPage {
  readonly serviceWorker: ServiceWorkerContainer | undefined;
  /** The address of the site's service worker. */
  readonly script: string;
  readonly records: BackgroundRecords | undefined;
  /** The bytes that the browser still lets the site store; null if it does not report them. */
  freeBytes(): Promise<number | null>;
  /** Resolves after a time. */
  after(ms: number): Promise<void>;
}

/** How long the end of a stopped fetch is waited for. */
const STOP_MS = 10_000;

export class BackgroundFetches {
  #status: BackgroundStatus = { available: false, models: {} };
  #manager: BackgroundFetchManager | null = null;
  readonly #page: BackgroundPage;
  readonly #followed = new Map<string, BackgroundFetchRegistration>();
  readonly #listeners = new Listeners();

  constructor(page: BackgroundPage) {
    this.#page = page;
  }

  readonly getStatus = (): BackgroundStatus => this.#status;

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Find what goes on, or has ended since the last visit; and follow it. */
  async start(): Promise<void> {
    const container = this.#page.serviceWorker;
    if (container === undefined || this.#manager !== null) return;
    const registration = (await container.ready) as ServiceWorkerRegistration & { readonly backgroundFetch?: BackgroundFetchManager };
    if (registration.backgroundFetch === undefined || registration.active?.scriptURL !== this.#page.script) return;
    this.#manager = registration.backgroundFetch;
    const look = (): void => { this.#set({ available: container.controller?.scriptURL === this.#page.script }); };
    container.addEventListener("controllerchange", look);
    container.addEventListener("message", ({ data }: MessageEvent<{ readonly type?: unknown } | null>) => {
      if (data?.type === BACKGROUND_ENDED) void this.#refresh();
    });
    look();
    await this.#refresh();
  }

  /** Let the browser fetch these files of a model. Throws `NoRoom`, or the browser's refusal. */
  async fetch(model: string, title: string, files: readonly BackgroundFile[]): Promise<void> {
    const { records } = this.#page;
    if (this.#manager === null || records === undefined) throw new Error("this browser has no Background Fetch");
    const needed = neededBytes(files);
    const free = await this.#page.freeBytes();
    if (needed !== null && free !== null && needed > free) throw new NoRoom(needed, free);
    const id = `${model} ${crypto.randomUUID()}`;
    await records.put({ id, model, files, end: null });
    try {
      const icons = [{ src: new URL("icon-192.png", this.#page.script).href, sizes: "192x192", type: "image/png" }];
      const options = { title, icons, downloadTotal: totalBytes(files) ?? 0 };
      this.#follow(model, await this.#manager.fetch(id, files.map(({ url }) => url), options));
    } catch (error) {
      await records.remove(model);
      throw error;
    }
  }

  /** End a model's fetch, and forget it. Whole files that have arrived are in their caches when it resolves. */
  async stop(model: string): Promise<void> {
    const registration = this.#followed.get(model);
    if (registration !== undefined && (await registration.abort().catch(() => false))) {
      await Promise.race([this.#ended(model), this.#page.after(STOP_MS)]);
    }
    await this.forget(model);
  }

  /** Forget a fetch that has ended. */
  async forget(model: string): Promise<void> {
    this.#followed.delete(model);
    await this.#page.records?.remove(model);
    this.#remove(model);
  }

  async #refresh(): Promise<void> {
    for (const { id, model, files, end } of (await this.#page.records?.list()) ?? []) {
      const total = totalBytes(files);
      if (end !== null) {
        this.#followed.delete(model);
        this.#show(model, { phase: end.complete ? "complete" : "incomplete", receivedBytes: end.complete ? (total ?? 0) : 0, totalBytes: total, reason: end.reason });
        continue;
      }
      if (this.#followed.get(model)?.id === id) continue;
      const registration = await this.#manager?.get(id);
      if (registration !== undefined) this.#follow(model, registration);
      // The browser has lost it, or the service worker is about to say how it ended.
      else this.#show(model, { phase: "incomplete", receivedBytes: 0, totalBytes: total, reason: "fetch-error" });
    }
  }

  #follow(model: string, registration: BackgroundFetchRegistration): void {
    this.#followed.set(model, registration);
    const show = (): void => {
      if (this.#followed.get(model) !== registration) return;
      const { downloaded, downloadTotal, result } = registration;
      const total = downloadTotal === 0 ? null : downloadTotal;
      this.#show(model, { phase: result === "" ? "fetching" : "storing", receivedBytes: downloaded, totalBytes: total, reason: "" });
    };
    registration.addEventListener("progress", show);
    show();
  }

  #ended(model: string): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.subscribe(() => {
        const phase = this.#status.models[model]?.phase;
        if (phase === "fetching" || phase === "storing") return;
        stop();
        resolve();
      });
    });
  }

  #show(model: string, shown: BackgroundFetch): void {
    this.#set({ models: { ...this.#status.models, [model]: shown } });
  }

  #remove(model: string): void {
    this.#set({ models: Object.fromEntries(Object.entries(this.#status.models).filter(([id]) => id !== model)) });
  }

  #set(change: Partial<BackgroundStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#listeners.tell();
  }
}

/** The bytes that a fetch of these files needs at its most: the browser's copy and ours. Null if a size is not known. */
export function neededBytes(files: readonly BackgroundFile[]): number | null {
  const total = totalBytes(files);
  return total === null ? null : 2 * total;
}

export function totalBytes(files: readonly BackgroundFile[]): number | null {
  return files.reduce<number | null>((sum, { size_bytes }) => (sum === null || size_bytes === null ? null : sum + size_bytes), 0);
}

export const backgroundFetches = new BackgroundFetches({
  serviceWorker: "serviceWorker" in navigator ? navigator.serviceWorker : undefined,
  script: new URL("sw.js", document.baseURI).href,
  records: "caches" in globalThis ? new BackgroundRecords(caches, new URL("./", document.baseURI)) : undefined,
  freeBytes: async () => {
    const { quota, usage } = await navigator.storage.estimate();
    return quota === undefined || usage === undefined ? null : Math.max(0, quota - usage);
  },
  after: (ms) => new Promise((resolve) => { setTimeout(resolve, ms); }),
});
