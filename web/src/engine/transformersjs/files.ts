/**
 * A model's files for the library: from the cache where they are stored, else from the network; counted, abortable, and
 * remembered when they fail.
 */

import type { LoadProgress } from "../engine.ts";

export const CACHE = "transformers-cache";

export interface ModelFilesOptions {
  readonly folder: URL;
  /** Where the site's own files are. */
  readonly base: string;
  readonly signal: AbortSignal;
  readonly report: (progress: LoadProgress) => void;
  /** Undefined where the browser stores nothing. */
  readonly caches: Pick<CacheStorage, "open" | "match"> | undefined;
}

interface Size {
  loaded: number;
  readonly total: number | null;
  readonly stored: boolean;
}

export class ModelFiles {
  readonly #options: ModelFilesOptions;
  readonly #stopped = new AbortController();
  readonly #signal: AbortSignal;
  readonly #sizes = new Map<string, Size>();
  #failed: { url: string; status: number | null } | null = null;

  constructor(options: ModelFilesOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#stopped.signal]);
  }

  /** The last file that could not be fetched: status null when there was no answer at all. */
  get failed(): { readonly url: string; readonly status: number | null } | null {
    return this.#failed;
  }

  /** The load has failed: end the requests that still run. */
  stop(): void {
    this.#stopped.abort();
  }

  /** As `env.fetch`. */
  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = input instanceof Request ? input.url : String(input);
    // Picked files have an address of the site, but no server has them.
    const picked = url.startsWith(new URL("own/", this.#options.base).href);
    let response: Response;
    try {
      response = picked ? missing() : await fetch(input, { ...init, signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) throw error;
      if (OPTIONAL.test(url) && (await this.#isStored("config.json"))) return missing();
      this.#failed = { url, status: null };
      throw error;
    }
    if (!response.ok) {
      // A missing optional file is normal, so it must not hide that a needed one is missing.
      if (!OPTIONAL.test(url)) this.#failed = { url, status: response.status };
      return response;
    }
    const partial = new Headers(init?.headers).has("Range") || init?.method === "HEAD";
    return partial ? response : this.#counted(url, response, false);
  };

  /** As `env.customCache`. A stored file is read from there, whatever its origin. */
  readonly cache = {
    match: async (request: string): Promise<Response | undefined> => {
      const response = await this.#find(request);
      return response === undefined ? undefined : this.#counted(request, response, true);
    },
    put: async (request: string, response: Response): Promise<void> => {
      // A site's own files are left to the HTTP cache, which notices when the site has new ones.
      const { folder, base, caches } = this.#options;
      if (caches === undefined || folder.origin === new URL(base).origin) return;
      await (await caches.open(CACHE)).put(request, response);
    },
  };

  /** A JSON file of the folder, or null if it is missing; cached like the library's own files. */
  async optionalJson(name: string): Promise<unknown> {
    const url = new URL(name, this.#options.folder).href;
    let response = await this.cache.match(url);
    if (response === undefined) {
      response = await this.fetch(url);
      if (response.status === 404) return null;
      if (!response.ok) throw new TypeError(`the server answered ${response.status} for ${url}`);
      await this.cache.put(url, response.clone());
    }
    return response.json();
  }

  async #find(url: string): Promise<Response | undefined> {
    this.#signal.throwIfAborted();
    // The library first asks for a path that it makes up; that is not a file of the model.
    if (!/^https?:/.test(url)) return undefined;
    try {
      return await this.#options.caches?.match(url, { cacheName: CACHE, ignoreVary: true });
    } catch {
      return undefined; // a browser that refuses its storage to a frame
    }
  }

  async #isStored(name: string): Promise<boolean> {
    return (await this.#find(new URL(name, this.#options.folder).href)) !== undefined;
  }

  #counted(url: string, response: Response, stored: boolean): Response {
    if (response.body === null) return response;
    const length = response.headers.get("Content-Length");
    // The length of a compressed answer is not that of what comes out of it.
    const plain = response.headers.get("Content-Encoding") === null;
    const size: Size = { loaded: 0, total: length === null || !plain ? null : Number(length), stored };
    const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (bytes, controller) => {
        this.#sizes.set(url, size); // not before: the library asks for the headers alone, too
        size.loaded += bytes.length;
        controller.enqueue(bytes);
        this.#tell();
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(count), { status, statusText, headers });
  }

  #lastTold = -Infinity;
  /** How many files of the weights had come when all that were known had. */
  #arrived = 0;

  #tell(): void {
    const weights = [...this.#sizes].filter(([url]) => WEIGHTS.test(url)).map(([, size]) => size);
    const files = weights.length === 0 ? [...this.#sizes.values()] : weights;
    // Until the weights have begun, the total is that of some small files, and no fraction means anything.
    const total = weights.length > 0 && files.every((size) => size.total !== null) ? sumOf(files, ({ total }) => total ?? 0) : null;
    const loaded = sumOf(files, ({ loaded }) => loaded);
    const arrived = total !== null && loaded >= total;
    const now = performance.now();
    // A small file may end after the weights; that needs no report.
    if (arrived ? this.#arrived === weights.length : now - this.#lastTold < TELL_EVERY_MS) return;
    if (arrived) this.#arrived = weights.length;
    this.#lastTold = now;
    const fraction = total === null || total === 0 ? null : Math.min(1, loaded / total);
    if (files.every(({ stored }) => stored)) this.#options.report({ phase: "loading", fraction, text: "Reading the stored model" });
    else {
      const bytes = { loaded_bytes: loaded, total_bytes: total };
      this.#options.report({ phase: "downloading", fraction, text: "Downloading the model", ...bytes });
    }
    if (arrived) this.#options.report({ phase: "loading", fraction: null, text: "Preparing the network" });
  }
}

function sumOf(files: readonly Size[], of: (size: Size) => number): number {
  return files.reduce((sum, size) => sum + of(size), 0);
}

function missing(): Response {
  return new Response(null, { status: 404 });
}

const TELL_EVERY_MS = 50;
const WEIGHTS = /\.onnx(?:_data)?(?:_\d+)?(?:[?#]|$)/;
const OPTIONAL = /\/(generation_config|chat_template|special_tokens_map|added_tokens|modules|1_Pooling\/config)\.[a-z]+$/;
