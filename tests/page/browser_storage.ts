/** Stand-ins for a browser's storage: caches, an estimate of the space, and the window that asks the user. */

import type { PickedFolder } from "../../web/src/engine/window/link.ts";

/** The parts of the Cache API that are used here, keyed by URL; compared with the real one by tests/browser/test_storage.py. */
export class FakeCaches {
  readonly caches = new Map<string, FakeCache>();
  /** Called before each put, to make it fail. */
  onPut: (url: string) => void | Promise<void> = () => undefined;

  /** This object with the type that the code under test expects. */
  get storage(): CacheStorage {
    return this as unknown as CacheStorage;
  }

  keys(): Promise<string[]> {
    return Promise.resolve([...this.caches.keys()]);
  }

  has(name: string): Promise<boolean> {
    return Promise.resolve(this.caches.has(name));
  }

  delete(name: string): Promise<boolean> {
    return Promise.resolve(this.caches.delete(name));
  }

  open(name: string): Promise<FakeCache> {
    const cache = this.caches.get(name) ?? new FakeCache((url) => this.onPut(url));
    this.caches.set(name, cache);
    return Promise.resolve(cache);
  }

  match(request: string | Request, { cacheName }: { cacheName: string }): Promise<Response | undefined> {
    return this.caches.get(cacheName)?.match(request) ?? Promise.resolve(undefined);
  }

  /** Store a file directly; `type` "cors" is a response that an engine got from the network. */
  store(cache: string, url: string, body: string, headers: Record<string, string> = {}, type = "default"): void {
    const found = this.caches.get(cache) ?? new FakeCache((asked) => this.onPut(asked));
    this.caches.set(cache, found);
    found.entries.set(url, { body: new Blob([body]), headers, type });
  }

  /** Every URL in a cache. */
  urls(cache: string): string[] {
    return [...(this.caches.get(cache)?.entries.keys() ?? [])];
  }

  async text(cache: string, url: string): Promise<string | null> {
    return (await (await this.caches.get(cache)?.match(url))?.text()) ?? null;
  }
}

class FakeCache {
  readonly entries = new Map<string, { body: Blob; headers: Record<string, string>; type: string }>();
  readonly #onPut: (url: string) => void | Promise<void>;

  constructor(onPut: (url: string) => void | Promise<void>) {
    this.#onPut = onPut;
  }

  keys(): Promise<Request[]> {
    return Promise.resolve([...this.entries.keys()].map((url) => new Request(url)));
  }

  match(request: string | Request): Promise<Response | undefined> {
    const entry = this.entries.get(urlOf(request));
    if (entry === undefined) return Promise.resolve(undefined);
    const response = new Response(entry.body, { headers: entry.headers });
    return Promise.resolve(Object.defineProperty(response, "type", { value: entry.type }));
  }

  async put(request: string | Request, response: Response): Promise<void> {
    await this.#onPut(urlOf(request));
    const headers = Object.fromEntries(response.headers.entries());
    this.entries.set(urlOf(request), { body: await response.blob(), headers, type: response.type });
  }

  delete(request: string | Request): Promise<boolean> {
    return Promise.resolve(this.entries.delete(urlOf(request)));
  }
}

function urlOf(request: string | Request): string {
  return typeof request === "string" ? new URL(request).href : request.url;
}

/** A folder as a user would pick it, from paths and texts. */
export function folderOf(name: string, files: Readonly<Record<string, string>>): PickedFolder {
  return { name, files: Object.entries(files).map(([path, text]) => ({ path, file: new Blob([text]) })) };
}
