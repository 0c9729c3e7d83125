/** Keeps a version of the site in the Cache API: all of it from one build, each file checked. */

import { CACHE_PREFIX, readRange, type SiteFile, type SiteFiles } from "./files.ts";

export class SiteCache {
  readonly #site: SiteFiles;
  readonly #byPath: ReadonlyMap<string, SiteFile>;
  readonly #scope: URL;
  readonly #caches: CacheStorage;
  readonly #fetch: typeof fetch;

  constructor(site: SiteFiles, scope: URL, caches: CacheStorage, fetchFile: typeof fetch) {
    this.#site = site;
    this.#byPath = new Map(site.files.map((file) => [file.path, file]));
    this.#scope = scope;
    this.#caches = caches;
    this.#fetch = fetchFile;
  }

  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** Fetch the core, and what the version before had fetched besides; files that did not change are not fetched again. */
  async install(): Promise<void> {
    const old = await this.#older();
    const kept = new Set((await Promise.all(old.map((cache) => paths(cache, this.#scope)))).flat());
    const wanted = this.#site.files.filter(({ path, core }) => core || kept.has(path));
    await inTurns(wanted, 6, (file) => this.#take(file, old));
  }

  /** Keep these files, too: a visit has used them. Paths that are not of this version are ignored. */
  async keep(used: readonly string[]): Promise<void> {
    const files = used.map((path) => this.#byPath.get(path)).filter((file) => file !== undefined);
    await inTurns(files, 2, (file) => this.#take(file, []));
  }

  /** Delete the versions before this one. */
  async removeOld(): Promise<void> {
    for (const name of await this.#olderNames()) await this.#caches.delete(name);
  }

  /**
   * The response to a request for a file, from this device if it is there. A file that only the versions before have is
   * theirs: a tab of such a version is still open, and the server may no longer have it.
   */
  async answer(path: string, request: Request): Promise<Response> {
    const found = (await (await this.#own()).match(this.#key(path))) ?? (await this.#ofBefore(path));
    if (found === undefined) return isolated(await this.#fetch(request));
    const header = request.headers.get("range");
    if (header === null) return found;
    const bytes = await found.arrayBuffer();
    const range = readRange(header, bytes.byteLength);
    if (range === null) return new Response(bytes, { headers: found.headers });
    if (range === "none") return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${bytes.byteLength}` } });
    const headers = new Headers(found.headers);
    headers.set("Content-Range", `bytes ${range.start}-${range.end}/${bytes.byteLength}`);
    headers.set("Content-Length", String(range.end - range.start + 1));
    return new Response(bytes.slice(range.start, range.end + 1), { status: 206, headers });
  }

  async #take(file: SiteFile, old: readonly Cache[]): Promise<void> {
    const own = await this.#own();
    const key = this.#key(file.path);
    if (await own.match(key)) return;
    for (const cache of old) {
      const found = await cache.match(key);
      if (found?.headers.get(HASH) === file.sha256) return own.put(key, found);
    }
    // The hash in the address passes every cache of the way; the browser checks it against the bytes.
    const response = await this.#fetch(`${key}?${file.sha256.slice(0, 16)}`, { cache: "no-cache", integrity: `sha256-${base64(file.sha256)}` });
    if (!response.ok) throw new Error(`${key} could not be fetched: the server answered ${response.status}`);
    const headers = new Headers(response.headers);
    headers.set(HASH, file.sha256);
    // The bytes are those of the file: what they were packed with on the way is undone.
    headers.delete("Content-Encoding");
    await own.put(key, isolated(new Response(response.body, { headers })));
  }

  async #ofBefore(path: string): Promise<Response | undefined> {
    if (this.has(path)) return undefined;
    for (const cache of await this.#older()) {
      const found = await cache.match(this.#key(path));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #own(): Promise<Cache> {
    return this.#caches.open(CACHE_PREFIX + this.#site.version);
  }

  async #older(): Promise<Cache[]> {
    return Promise.all((await this.#olderNames()).map((name) => this.#caches.open(name)));
  }

  async #olderNames(): Promise<string[]> {
    const names = await this.#caches.keys();
    return names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE_PREFIX + this.#site.version);
  }

  #key(path: string): string {
    return new URL(path, this.#scope).href;
  }
}

const HASH = "X-Browserllm-Sha256";

/**
 * The response with the headers that isolate the site from others, which threads in WebAssembly need: many hosts of static
 * sites cannot send headers. What the host sends itself stays. Safari knows no `credentialless`; there it changes nothing.
 */
function isolated(response: Response): Response {
  if (response.status === 304 || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) if (!headers.has(name)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "credentialless",
  "Cross-Origin-Resource-Policy": "same-origin",
};

async function paths(cache: Cache, scope: URL): Promise<string[]> {
  return (await cache.keys()).map(({ url }) => url.slice(scope.href.length));
}

async function inTurns<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function base64(hex: string): string {
  return btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16))));
}
