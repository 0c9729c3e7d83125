/** The Cache API, as far as the service worker uses it: bodies are kept as bytes. */
export class MemoryCaches {
  readonly stored = new Map<string, Map<string, { body: ArrayBuffer; status: number; headers: Headers }>>();
  /** Caches that take no more. */
  readonly full = new Set<string>();

  open(name: string): Promise<Cache> {
    const entries = this.stored.get(name) ?? new Map<string, { body: ArrayBuffer; status: number; headers: Headers }>();
    this.stored.set(name, entries);
    const cache = {
      match: (key: string | { url: string }) => {
        const entry = entries.get(typeof key === "string" ? key : key.url);
        return Promise.resolve(entry && new Response(entry.body, entry));
      },
      put: async (key: string, response: Response) => {
        if (this.full.has(name)) throw new DOMException("the disk is full", "QuotaExceededError");
        entries.set(key, { body: await response.arrayBuffer(), status: response.status, headers: response.headers });
      },
      delete: (key: string) => Promise.resolve(entries.delete(key)),
      keys: () => Promise.resolve([...entries.keys()].map((url) => ({ url }))),
    };
    return Promise.resolve(cache as unknown as Cache);
  }

  keys(): Promise<string[]> {
    return Promise.resolve([...this.stored.keys()]);
  }

  delete(name: string): Promise<boolean> {
    return Promise.resolve(this.stored.delete(name));
  }

  has(name: string): Promise<boolean> {
    return Promise.resolve(this.stored.has(name));
  }

  async match(key: string, { cacheName }: { cacheName: string }): Promise<Response | undefined> {
    return this.stored.has(cacheName) ? (await this.open(cacheName)).match(key) : undefined;
  }

  /** The paths in a cache, below a site's scope. */
  paths(name: string, scope: URL): string[] {
    return [...(this.stored.get(name)?.keys() ?? [])].map((url) => url.slice(scope.href.length)).sort();
  }
}
