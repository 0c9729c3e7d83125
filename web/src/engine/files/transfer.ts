/** Downloads one file into its partial: resumes, retries and verifies it. */

import { PageError } from "../errors.ts";
import type { FileProgress } from "../protocol.ts";
import { contentLength, contentRange, differ, isEncoded, sourceOf, validatorOf } from "./answer.ts";
import { readBody, type BodyReader } from "./body.ts";
import { startDigest, type Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";
import type { Verified } from "./operations.ts";
import type { RequestedFile, RetryOptions } from "./requests.ts";
import type { PartialData, Source } from "./partial.ts";
import { Requester, Connection, interrupted } from "./connection.ts";
import { keepTrying, reasonOf, Setback } from "./retry.ts";

export type Tell = (change: Partial<Omit<FileProgress, "url">>) => void;

/** A complete download with the wrong bytes. */
class Mismatch extends Error {
  readonly error: PageError;

  constructor({ url }: RequestedFile, kind: "hash" | "size", expected: string | number, got: string | number) {
    const what = kind === "hash" ? `hash is ${got} and not ${expected}` : `size is ${got} bytes and not ${expected}`;
    const error = new PageError("integrity", `the file differs from what was expected: its ${what} (${url})`, { url, kind, expected, got });
    super(error.message);
    this.error = error;
  }
}

export class Transfer {
  readonly #platform: Platform;
  readonly #file: RequestedFile;
  readonly #options: RetryOptions;
  readonly #partial: PartialData;
  readonly #signal: AbortSignal;
  readonly #tell: Tell;
  readonly #requester: Requester;
  #digest: Digest | null = null;
  #attempt = 1;
  /** Whether the server handles ranges correctly. */
  #ranges = true;
  /** Whether the server has ended the file. */
  #ended = false;
  /** The most bytes that any attempt has reached, and the sum of new bytes, which counts as progress. */
  #peak = 0;
  #gained = 0;
  #hasChanged = false;
  /** Bytes that came over the network. */
  fetched_bytes = 0;
  /** How many bytes of an earlier download were reused. */
  resumed_from = 0;

  constructor(platform: Platform, file: RequestedFile, options: RetryOptions, partial: PartialData, signal: AbortSignal, tell: Tell) {
    this.#platform = platform;
    this.#file = file;
    this.#options = options;
    this.#partial = partial;
    this.#signal = signal;
    this.#tell = tell;
    this.#requester = new Requester(platform, file.url);
  }

  /** Download the file. If it throws, the next download can continue from the partial. */
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

  /** Reuse the bytes of an earlier download. */
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
      if (length === 0) throw new PageError("internal", `the partial file of ${this.#file.url} is shorter than its length says`);
      this.#digest.update(piece.subarray(0, length));
      at += length;
      await new Promise((resolve) => setTimeout(resolve)); // lets chats continue
      if (this.#signal.aborted) throw reasonOf(this.#signal);
    }
  }

  /** One attempt: one request, and another at once if the response shows that the first asked for the wrong range. */
  async #try(): Promise<void> {
    while (!this.#isWhole()) {
      const connection = new Connection(this.#platform, this.#file.url, this.#options.stall_ms, this.#signal);
      try {
        const start = this.#ranges && this.#isUsable() ? this.#partial.size : 0;
        // Create the digest before the request: if a connection breaks, the browser drops received bytes that were not read,
        // so after the response nothing but reading may take time.
        const digest = await this.#newDigest();
        const response = await this.#requester.ask(connection, this.#headers(start), start > 0 ? [206, 416] : []);
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
    // Cross-origin, If-Range needs a CORS preflight, which most servers refuse. Range alone needs none; the response's own
    // ETag or date shows whether the file has changed (`#continues`).
    const own = new URL(this.#file.url).origin === this.#platform.origin;
    return own && validator !== null ? { ...range, "If-Range": validator } : range;
  }

  /** Whether the response to a range request continues where the partial ends. If not, the partial is dropped. */
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
    // If Content-Range is hidden, the length must match exactly.
    const fits = range === null ? total !== null && length !== null && start + length === total : range.start === start;
    if (!fits || isEncoded(response.headers)) return this.#distrustRanges();
    const resized = range?.total_bytes != null && total !== null && range.total_bytes !== total;
    if (source === null || resized || differ(source, sourceOf(response))) {
      this.#drop();
      // The old file's byte count does not apply to the new one. Reset it only once, or this could go on for ever.
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
    return this.#file.hash === null ? null : startDigest(this.#file.hash.algorithm);
  }

  async #pour(connection: Connection, body: ReadableStream<Uint8Array> | null): Promise<void> {
    const reader = body === null ? null : readBody(body);
    const promised = this.#file.size_bytes;
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
      if (promised !== null && size > promised) throw new Mismatch(this.#file, "size", promised, size);
      this.#show("downloading");
    }
    if (this.#isWhole()) return;
    const declared = this.#partial.source?.total_bytes ?? null;
    const { size } = this.#partial;
    if (declared !== null && size < declared) {
      const { url } = this.#file;
      throw new Setback(interrupted(url, "too_short", `the server sent ${size} bytes of ${declared} and ended; try again later`));
    }
    // More than declared: the length was a compressed one, which a cross-origin server may hide.
    this.#ended = true;
  }

  async #read(connection: Connection, reader: BodyReader): ReturnType<BodyReader["read"]> {
    try {
      return await connection.wait(reader.read());
    } catch (error) {
      if (connection.signal.aborted) throw error;
      // The file is complete: the server declared too great a length.
      if (this.#isWhole()) return { done: true };
      throw this.#requester.broken(error);
    }
  }

  #verify(): Verified {
    const { size, source } = this.#partial;
    const { size_bytes, hash } = this.#file;
    if (size_bytes !== null && size !== size_bytes) throw new Mismatch(this.#file, "size", size_bytes, size);
    if (hash !== null) {
      const got = this.#digest?.hex() ?? "";
      if (got !== hash.value) throw new Mismatch(this.#file, "hash", hash.value, got);
      return "hash";
    }
    return size_bytes !== null || source?.total_bytes === size ? "size" : "none";
  }

  /** Whether every byte is there, as far as we know. */
  #isWhole(): boolean {
    const { source, size } = this.#partial;
    return source !== null && (this.#ended || size === (this.#file.size_bytes ?? source.total_bytes));
  }

  /** Whether a request can continue where the partial ends. */
  #isUsable(): boolean {
    const { source, size } = this.#partial;
    if (source === null || size === 0 || source.encoded) return false;
    const { size_bytes, hash } = this.#file;
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
    const total = this.#file.size_bytes ?? source?.total_bytes ?? null;
    this.#tell({ state, loaded_bytes: size, total_bytes: total !== null && size > total ? null : total, retry_in_ms: null });
  }
}

const READ_BYTES = 1024 * 1024;
