/** One file, from the server into its partial: resumed, retried and verified. */

import { PageError } from "../errors.ts";
import type { FileProgress } from "../protocol.ts";
import { contentLength, contentRange, differ, isEncoded, sourceOf, validatorOf } from "./answer.ts";
import { readBody, type BodyReader } from "./body.ts";
import { startDigest, type Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";
import type { Verified } from "./operations.ts";
import type { FileOrder, RetryOptions } from "./orders.ts";
import type { PartialData, Source } from "./partial.ts";
import { Asker, Connection, interrupted } from "./request.ts";
import { keepTrying, reasonOf, Setback } from "./retry.ts";

export type Tell = (change: Partial<Omit<FileProgress, "url">>) => void;

/** A complete download with the wrong bytes. */
class Mismatch extends Error {
  readonly error: PageError;

  constructor({ url }: FileOrder, kind: "hash" | "size", expected: string | number, got: string | number) {
    const what = kind === "hash" ? `hash is ${got} and not ${expected}` : `size is ${got} bytes and not ${expected}`;
    const error = new PageError("integrity", `the file differs from what was expected: its ${what} (${url})`, { url, kind, expected, got });
    super(error.message);
    this.error = error;
  }
}

export class Transfer {
  readonly #platform: Platform;
  readonly #order: FileOrder;
  readonly #options: RetryOptions;
  readonly #partial: PartialData;
  readonly #signal: AbortSignal;
  readonly #tell: Tell;
  readonly #asker: Asker;
  #digest: Digest | null = null;
  #attempt = 1;
  /** Whether the server can be trusted with ranges. */
  #ranges = true;
  /** Whether the server has said that there is no more. */
  #ended = false;
  /** The most bytes that an attempt has reached, and how many of them were new: that is progress. */
  #peak = 0;
  #gained = 0;
  #hasChanged = false;
  /** Bytes that came over the network. */
  fetched_bytes = 0;
  /** Bytes that an earlier download had left, as far as they could be used. */
  resumed_from = 0;

  constructor(platform: Platform, order: FileOrder, options: RetryOptions, partial: PartialData, signal: AbortSignal, tell: Tell) {
    this.#platform = platform;
    this.#order = order;
    this.#options = options;
    this.#partial = partial;
    this.#signal = signal;
    this.#tell = tell;
    this.#asker = new Asker(platform, order.url);
  }

  /** Download the file. When it throws, the partial has what the next download can continue from. */
  async run(): Promise<Verified> {
    await this.#takeUp();
    const waiting = (ms: number): void => { this.#again(ms); };
    const attempts = { options: this.#options, signal: this.#signal, reached: () => this.#gained, waiting };
    for (let again = false; ; again = true) {
      try {
        await keepTrying(this.#platform, attempts, () => this.#try());
        return this.#verify();
      } catch (error) {
        if (!(error instanceof Mismatch)) throw error;
        this.#drop();
        this.#peak = 0;
        if (again) throw error.error;
        this.#again(0);
      }
    }
  }

  /** Read what an earlier download left. */
  async #takeUp(): Promise<void> {
    if (!this.#isUsable()) {
      this.#drop();
      return;
    }
    this.resumed_from = this.#partial.size;
    this.#peak = this.#partial.size;
    this.#digest = await this.#newDigest();
    if (this.#digest === null) return;
    this.#show("verifying");
    const piece = new Uint8Array(READ_BYTES);
    for (let at = 0; at < this.#partial.size; ) {
      const length = this.#partial.read(piece, at);
      if (length === 0) throw new PageError("internal", `the partial file of ${this.#order.url} is shorter than its length says`);
      this.#digest.update(piece.subarray(0, length));
      at += length;
      await new Promise((resolve) => setTimeout(resolve)); // chats go on meanwhile
      if (this.#signal.aborted) throw reasonOf(this.#signal);
    }
  }

  /** One request (or another at once, where the answer shows that the first one asked for the wrong thing). */
  async #try(): Promise<void> {
    while (!this.#isWhole()) {
      const connection = new Connection(this.#platform, this.#order.url, this.#options.stall_ms, this.#signal);
      try {
        const start = this.#ranges && this.#isUsable() ? this.#partial.size : 0;
        // Made before it is needed: a browser drops what it has received of a body whose connection breaks, so from the
        // answer on nothing but reading may take time.
        const digest = await this.#newDigest();
        const response = await this.#asker.ask(connection, this.#headers(start), start > 0 ? [206, 416] : []);
        if (response.status === 200) this.#begin(sourceOf(response), digest);
        else if (!this.#continues(response, start)) continue;
        await this.#pour(connection, response.body);
      } finally {
        connection.close();
      }
    }
  }

  #headers(start: number): Record<string, string> {
    const source = this.#partial.source;
    if (start === 0 || source === null) return {};
    const range = { Range: `bytes=${start}-` };
    const validator = validatorOf(source);
    // Another origin would have to be asked first whether If-Range is welcome, and most say no. Range alone needs no
    // asking; what If-Range would have found out, the answer's own ETag or date says (`#continues`).
    const own = new URL(this.#order.url).origin === this.#platform.origin;
    return own && validator !== null ? { ...range, "If-Range": validator } : range;
  }

  /** Whether an answer to a range goes on where the partial ends; if not, the partial is dropped. */
  #continues(response: Response, start: number): boolean {
    const source = this.#partial.source;
    const range = contentRange(response.headers);
    if (response.status === 416) {
      if (range?.total_bytes === start) {
        this.#ended = true;
        return false;
      }
      return this.#distrustRanges();
    }
    const total = source?.total_bytes ?? null;
    const length = contentLength(response.headers);
    // A hidden Content-Range: then the length must fit to the byte.
    const fits = range === null ? total !== null && length !== null && start + length === total : range.start === start;
    if (!fits || isEncoded(response.headers)) return this.#distrustRanges();
    const resized = range?.total_bytes != null && total !== null && range.total_bytes !== total;
    if (source === null || resized || differ(source, sourceOf(response))) {
      this.#drop();
      // The byte count of the old file says nothing about the new one; only once, or it could go on for ever.
      if (!this.#hasChanged) this.#peak = 0;
      this.#hasChanged = true;
      this.#again(0);
      return false;
    }
    return true;
  }

  #distrustRanges(): false {
    this.#ranges = false;
    this.#drop();
    this.#again(0);
    return false;
  }

  #begin(source: Source, digest: Digest | null): void {
    if (this.#partial.size > 0) this.#again(0);
    this.#drop();
    this.#partial.begin(source);
    this.#digest = digest;
  }

  #newDigest(): Promise<Digest> | null {
    return this.#order.hash === null ? null : startDigest(this.#order.hash.algorithm);
  }

  async #pour(connection: Connection, body: ReadableStream<Uint8Array> | null): Promise<void> {
    const reader = body === null ? null : readBody(body);
    const promised = this.#order.size_bytes;
    this.#show("downloading");
    while (reader !== null) {
      const { done, value } = await this.#read(connection, reader);
      if (done || value === undefined) break;
      this.#partial.append(value);
      this.#digest?.update(value);
      this.fetched_bytes += value.length;
      const { size } = this.#partial;
      this.#gained += Math.max(0, size - this.#peak);
      this.#peak = Math.max(this.#peak, size);
      if (promised !== null && size > promised) throw new Mismatch(this.#order, "size", promised, size);
      this.#show("downloading");
    }
    if (this.#isWhole()) return;
    const declared = this.#partial.source?.total_bytes ?? null;
    const { size } = this.#partial;
    if (declared !== null && size < declared) {
      const { url } = this.#order;
      throw new Setback(interrupted(url, "too_short", `the server sent ${size} bytes of ${declared} and ended; try again later`));
    }
    // More than was declared: the length was that of a compressed form, which a cross-origin server may hide.
    this.#ended = true;
  }

  async #read(connection: Connection, reader: BodyReader): ReturnType<BodyReader["read"]> {
    try {
      return await connection.wait(reader.read());
    } catch (error) {
      if (connection.signal.aborted) throw error;
      // Nothing is missing: the server announced too great a length.
      if (this.#isWhole()) return { done: true };
      throw this.#asker.broken(error);
    }
  }

  #verify(): Verified {
    const { size, source } = this.#partial;
    const { size_bytes, hash } = this.#order;
    if (size_bytes !== null && size !== size_bytes) throw new Mismatch(this.#order, "size", size_bytes, size);
    if (hash !== null) {
      const got = this.#digest?.hex() ?? "";
      if (got !== hash.value) throw new Mismatch(this.#order, "hash", hash.value, got);
      return "hash";
    }
    return size_bytes !== null || source?.total_bytes === size ? "size" : "none";
  }

  /** Whether every byte is there, as far as is known. */
  #isWhole(): boolean {
    const { source, size } = this.#partial;
    return source !== null && (this.#ended || size === (this.#order.size_bytes ?? source.total_bytes));
  }

  /** Whether a request can go on where the partial ends. */
  #isUsable(): boolean {
    const { source, size } = this.#partial;
    if (source === null || size === 0 || source.encoded) return false;
    const { size_bytes, hash } = this.#order;
    const declared = source.total_bytes;
    if (size_bytes !== null && declared !== null && size_bytes !== declared) return false;
    if (size > (size_bytes ?? declared ?? Infinity)) return false;
    // Without a validator only the hash would notice that the file has changed.
    return validatorOf(source) !== null || hash !== null;
  }

  #drop(): void {
    this.#partial.reset();
    this.#digest = null;
    this.#ended = false;
    this.resumed_from = 0;
  }

  #again(retry_in_ms: number): void {
    this.#attempt += 1;
    this.#tell({ state: "retrying", attempt: this.#attempt, retry_in_ms, loaded_bytes: this.#partial.size });
  }

  #show(state: FileProgress["state"]): void {
    const { size, source } = this.#partial;
    const total = this.#order.size_bytes ?? source?.total_bytes ?? null;
    this.#tell({ state, loaded_bytes: size, total_bytes: total !== null && size > total ? null : total, retry_in_ms: null });
  }
}

const READ_BYTES = 1024 * 1024;
