/** A downloader without a browser: the test scripts the server's answers and moves the clock, and the disk is in memory. */

import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Disk, OpenFile } from "../../web/src/engine/files/disk.ts";
import { Downloader } from "../../web/src/engine/files/download.ts";
import type { Platform } from "../../web/src/engine/files/platform.ts";
import type { DownloadRequest, RequestedFile } from "../../web/src/engine/files/requests.ts";
import type { Progress } from "../../web/src/engine/protocol.ts";
import { FakeCaches } from "./browser_storage.ts";
import { ManualClock, settle } from "./helpers.ts";

// Each current file listens to the download's signal once, and there are at most twice as many files as the 16 that are
// fetched at once. More would be a leak, and Node warns about it.
EventEmitter.defaultMaxListeners = 2 * 16;

/** A disk in memory. Files are open once at a time, as in a browser. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, { bytes: Buffer; size: number; open: boolean; flushes: number }>();
  /** How many bytes it holds. */
  capacity = Infinity;
  /** Called before each truncation, to make it fail. */
  onTruncate: () => void = () => undefined;

  open(name: string): Promise<OpenFile> {
    const file = this.files.get(name) ?? { bytes: Buffer.alloc(0), size: 0, open: false, flushes: 0 };
    if (file.open) return Promise.reject(new DOMException(`${name} is open`, "NoModificationAllowedError"));
    this.files.set(name, file);
    file.open = true;
    return Promise.resolve({
      getSize: () => file.size,
      read: (into, { at }) => file.bytes.copy(into, 0, at, Math.min(file.size, at + into.length)),
      write: (bytes, { at }) => {
        if (this.used - file.size + at + bytes.length > this.capacity) throw new DOMException("full", "QuotaExceededError");
        if (at + bytes.length > file.bytes.length) {
          const grown = Buffer.alloc((at + bytes.length) * 2);
          file.bytes.copy(grown, 0, 0, file.size);
          file.bytes = grown;
        }
        file.bytes.set(bytes, at);
        file.size = Math.max(file.size, at + bytes.length);
        return bytes.length;
      },
      truncate: (size) => {
        this.onTruncate();
        file.size = size;
      },
      flush: () => { file.flushes += 1; },
      close: () => { file.open = false; },
    });
  }

  blob(name: string): Promise<Blob | null> {
    const file = this.files.get(name);
    return Promise.resolve(file === undefined ? null : new Blob([new Uint8Array(file.bytes.subarray(0, file.size))]));
  }

  remove(name: string): Promise<void> {
    this.files.delete(name);
    return Promise.resolve();
  }

  names(): Promise<readonly string[]> {
    return Promise.resolve([...this.files.keys()]);
  }

  get used(): number {
    return [...this.files.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** The one file whose name has this ending. */
  named(end: string): { bytes: Buffer; size: number; open: boolean; flushes: number } {
    const found = [...this.files].filter(([name]) => name.endsWith(end));
    if (found.length !== 1) throw new Error(`${found.length} files end with ${end}`);
    return (found[0] as (typeof found)[0])[1];
  }

  /** Close all files, as if their tab had crashed. Written bytes stay. */
  crash(): void {
    for (const file of this.files.values()) file.open = false;
  }
}

export interface Asked {
  readonly url: string;
  readonly method: string;
  readonly at: number;
  readonly range: string | null;
  readonly ifRange: string | null;
  readonly init: RequestInit;
}

/** The server's answer to one request. A thrown TypeError means no answer. */
export type Answer = (asked: Asked) => Response | Promise<Response>;

export const SIZE = 100_000;
export const BYTES = noise(SIZE, 1);
const PIECE = 16_000;

export function noise(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0, value = seed; at < size; at += 1) {
    value = (value * 1_103_515_245 + 12_345) % 2_147_483_648;
    bytes[at] = value >> 16;
  }
  return bytes;
}

export interface Manners {
  readonly bytes?: Uint8Array;
  readonly etag?: string | null;
  readonly date?: string | null;
  /** null: no Content-Length. */
  readonly length?: number | null;
  readonly encoding?: string;
  readonly ranges?: boolean;
  /** Break the connection at this byte of the file. */
  readonly cut?: number;
  /** Send nothing more from this byte of the file on. */
  readonly stall?: number;
  /** End the body here, as if it was all. */
  readonly end?: number;
  /** Ranges begin so many bytes too late. */
  readonly shift?: number;
  /** A byte stream, as in most browsers, which fills the reader's buffer. This one requires a buffer. */
  readonly fills?: boolean;
  /** Without the headers that a cross-origin server has to expose. */
  readonly hidden?: boolean;
}

/** A correct file server, except for the given manners. */
export function serve(manners: Manners = {}): Answer {
  const { bytes = BYTES, etag = '"v1"', date = null, encoding, ranges = true, shift = 0, hidden = false } = manners;
  return ({ range, ifRange }) => {
    const headers = new Headers({ "Content-Type": "application/octet-stream" });
    if (etag !== null && !hidden) headers.set("ETag", etag);
    if (date !== null) headers.set("Last-Modified", date);
    if (encoding !== undefined && !hidden) headers.set("Content-Encoding", encoding);
    const asked = range === null ? null : Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
    const fresh = ifRange === null || ifRange === etag || ifRange === date;
    const partial = asked !== null && ranges && fresh;
    if (partial && asked >= bytes.length) {
      if (!hidden) headers.set("Content-Range", `bytes */${bytes.length}`);
      return new Response(null, { status: 416, headers });
    }
    const start = partial ? asked + shift : 0;
    const length = manners.length === undefined ? bytes.length - start : manners.length;
    if (length !== null) headers.set("Content-Length", String(length));
    if (partial && !hidden) headers.set("Content-Range", `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
    return new Response(flow(bytes, start, manners), { status: partial ? 206 : 200, headers });
  };
}

function flow(bytes: Uint8Array, start: number, { cut, stall, end, fills = false }: Manners): ReadableStream<Uint8Array> {
  const stop = Math.min(bytes.length, cut ?? Infinity, stall ?? Infinity, end ?? Infinity);
  let at = start;
  const pull = (controller: ReadableStreamController<Uint8Array>): Promise<void> | undefined => {
    if ("byobRequest" in controller && controller.byobRequest === null) throw new Error("the reader passed no buffer");
    if (at < stop) {
      controller.enqueue(bytes.slice(at, Math.min(stop, at + PIECE)));
      at = Math.min(stop, at + PIECE);
    } else if (stop === stall) {
      return new Promise(() => undefined);
    } else if (stop === cut) {
      controller.error(new TypeError("network error"));
    } else {
      controller.close();
      if ("byobRequest" in controller) controller.byobRequest?.respond(0);
    }
    return undefined;
  };
  return fills ? new ReadableStream({ type: "bytes", pull }) : new ReadableStream({ pull }, { highWaterMark: 0 });
}

export const status = (code: number, headers: Record<string, string> = {}): Answer => () => new Response(null, { status: code, headers });

export const noServer: Answer = () => {
  throw new TypeError("Failed to fetch");
};

/** A server without CORS: it answers `no-cors` requests only. */
export const unshared: Answer = ({ init }) => {
  if (init.mode === "no-cors") return new Response(null);
  throw new TypeError("Failed to fetch");
};

export const URL_OF_FILE = "https://models.example/m/shard.bin";
export const START_MS = Date.UTC(2026, 0, 1);

export function modelFile(changes: Partial<RequestedFile> = {}): RequestedFile {
  return { url: URL_OF_FILE, cache: "webllm/model", size_bytes: null, hash: null, ...changes };
}

export const hashOf = (algorithm: "md5" | "sha256", bytes: Uint8Array = BYTES): RequestedFile["hash"] => ({
  algorithm,
  value: createHash(algorithm).update(bytes).digest("hex"),
});

export const LITTLE_PATIENCE = { parallel: 4, retries: 3, backoff_ms: 100, max_backoff_ms: 1000, stall_ms: 5000, verify_stored: false };

/** A download that fires more timers than this is retrying for ever. */
const MOST_TIMERS = 10_000;

export class DownloadBench {
  readonly clock = new ManualClock();
  readonly disk = new MemoryDisk();
  readonly caches = new FakeCaches();
  readonly asked: Asked[] = [];
  readonly said: (Progress & { readonly at: number })[] = [];
  readonly #script = new Map<string, Answer[]>();
  readonly #locks = new Map<string, Promise<void>>();
  online = true;
  left: number | null = 1000;
  random = 1;
  readonly platform: Platform = {
    fetch: async (url, init) => {
      const headers = new Headers(init.headers);
      const asked: Asked = {
        url,
        method: init.method ?? "GET",
        at: this.clock.time,
        range: headers.get("Range"),
        ifRange: headers.get("If-Range"),
        init,
      };
      this.asked.push(asked);
      const answers = this.#script.get(url) ?? [];
      // The last answer is repeated.
      const answer = (answers.length > 1 && init.mode !== "no-cors" ? answers.shift() : answers[0]) ?? noServer;
      return answer(asked);
    },
    online: () => this.online,
    origin: "https://site.example",
    clock: this.clock,
    now: () => START_MS + this.clock.time,
    random: () => this.random,
    disk: this.disk,
    caches: this.caches.storage,
    exclusively: (name, signal, task) => {
      const before = this.#locks.get(name) ?? Promise.resolve();
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => { reject(signal.reason as Error); });
      });
      let begun = false;
      const turn = before.then(() => {
        if (signal.aborted) return undefined;
        begun = true;
        return task();
      });
      this.#locks.set(name, turn.catch(() => undefined));
      return Promise.race([turn, aborted.catch((error: unknown) => (begun ? turn : Promise.reject(error as Error)))]);
    },
    available: () => Promise.resolve(this.left),
  };
  readonly downloader = new Downloader(this.platform);

  /** Set the server's answers for an address, in order. */
  at(url: string, ...answers: Answer[]): this {
    this.#script.set(url, answers);
    return this;
  }

  /** Set the server's answers for the file of `modelFile()`. */
  serve(...answers: Answer[]): this {
    return this.at(URL_OF_FILE, ...answers);
  }

  /** The ranges of all GET requests. */
  get ranges(): (string | null)[] {
    return this.asked.filter(({ method }) => method === "GET").map(({ range }) => range);
  }

  start(files: readonly RequestedFile[], options: Partial<DownloadRequest> = {}, signal = new AbortController().signal): ReturnType<Downloader["download"]> {
    return this.downloader.download({ files, ...LITTLE_PATIENCE, ...options }, signal, (progress) => {
      this.said.push({ ...progress, at: this.clock.time });
    });
  }

  download(files: readonly RequestedFile[], options: Partial<DownloadRequest> = {}): ReturnType<Downloader["download"]> {
    return this.finish(this.start(files, options));
  }

  /** Move the clock from timer to timer until the promise settles. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const isOver = (): boolean => settled;
    const over = promise.then(() => undefined, () => undefined).finally(() => { settled = true; });
    for (let timers = 0; timers < MOST_TIMERS; timers += 1) {
      // Hashes and blobs take real time in other threads, which no number of turns of the event loop covers.
      await Promise.race([over, this.clock.timer()]);
      await settle();
      if (isOver()) return promise;
      const { next } = this.clock;
      if (next !== null) this.clock.advance(Math.max(0, next - this.clock.time));
    }
    throw new Error(`the download has not ended after ${MOST_TIMERS} timers`);
  }

  /** Resolves after `count` requests, when everything that can run has run. */
  async requests(count: number): Promise<void> {
    while (this.asked.length < count) await settle();
    await settle();
  }

  /** Resolves when a partial has at least `bytes` bytes. */
  async received(bytes: number): Promise<void> {
    const some = (): boolean => [...this.disk.files].some(([name, { size }]) => name.endsWith(".data") && size >= bytes);
    while (!some()) await settle();
  }

  /** Whether the file's cache entry has these bytes. */
  async holds(bytes: Uint8Array): Promise<boolean> {
    const response = await this.caches.caches.get("webllm/model")?.match(URL_OF_FILE);
    // Vitest's own comparison takes a quarter of a second for these.
    return response !== undefined && Buffer.compare(new Uint8Array(await response.arrayBuffer()), bytes) === 0;
  }
}

/** Where a connection is cut, and the range of the next request. */
export const CUT = 48_000;
export const REST = `bytes=${CUT}-`;
export const cut = (manners: object = {}): Answer => serve({ cut: CUT, ...manners });

/** The expected size and hash of the whole file. */
export const whole = { size_bytes: SIZE, hash: hashOf("md5") };

/** The error of a download that was interrupted. */
export const interrupted = (reason: string, data: object = {}): object => ({
  code: "download_interrupted",
  data: { url: URL_OF_FILE, reason, ...data },
});
