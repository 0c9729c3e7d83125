/** Fetches files for Python: a manifest's text, what servers say of files, and whole models into the engines' caches. */

import { describe, PageError, toPageError } from "../errors.ts";
import type { Progress } from "../protocol.ts";
import { sizeText } from "../../sizes.ts";
import { contentLength, isEncoded } from "./answer.ts";
import type { Platform } from "./platform.ts";
import { findStored, putFile } from "./intake.ts";
import type { DownloadedFile, DownloadResult, FileFetcher, InspectedFile, ReadResult } from "./operations.ts";
import { DEFAULT_RETRY, type DownloadOrder, type FileOrder, type ReadOrder } from "./orders.ts";
import { lockName, PartialData, UNFLUSHED_BYTES } from "./partial.ts";
import { Report } from "./report.ts";
import { Asker, Connection } from "./request.ts";
import { keepTrying, reasonOf } from "./retry.ts";
import { Transfer, type Tell } from "./transfer.ts";
import { Turns } from "./turns.ts";

/** Manifests are small; a larger file is not a manifest, and would have to fit into one message. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
const INSPECT_PARALLEL = 6;

export class Downloader implements FileFetcher {
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async read({ url, cache, refresh }: ReadOrder, signal: AbortSignal): Promise<ReadResult> {
    const { caches } = this.#platform;
    const stored = refresh ? undefined : await caches.match(url, { cacheName: cache, ignoreVary: true });
    if (stored !== undefined) return textOf(await stored.blob(), "cache");
    const asker = new Asker(this.#platform, url);
    const attempts = { options: DEFAULT_RETRY, signal, reached: () => 0, waiting: () => undefined };
    const { blob, type } = await keepTrying(this.#platform, attempts, () => this.#fetchText(asker, url, signal));
    await this.#explainQuota(url, blob.size, () => putFile(caches, { cache, url }, blob, type));
    return textOf(blob, "network");
  }

  async #fetchText(asker: Asker, url: string, signal: AbortSignal): Promise<{ blob: Blob; type: string | null }> {
    const connection = new Connection(this.#platform, url, DEFAULT_RETRY.stall_ms, signal);
    try {
      const response = await asker.ask(connection);
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      let size = 0;
      const reader = response.body?.getReader();
      while (reader !== undefined) {
        const { done, value } = await connection.wait(reader.read()).catch((error: unknown) => {
          throw connection.signal.aborted ? error : asker.broken(error);
        });
        if (done) break;
        pieces.push(value);
        size += value.length;
        if (size > MAX_TEXT_BYTES) {
          const message = `a manifest may have ${MAX_TEXT_BYTES} bytes, and this file has more (${url})`;
          throw new PageError("invalid_request", message, { parameter: "url", url });
        }
      }
      return { blob: new Blob(pieces), type: response.headers.get("Content-Type") };
    } finally {
      connection.close();
    }
  }

  async inspect(urls: readonly string[], signal: AbortSignal): Promise<{ files: readonly InspectedFile[] }> {
    const files = new Array<InspectedFile>(urls.length);
    await inParallel(urls, INSPECT_PARALLEL, async (url, index) => {
      files[index] = await this.#inspectOne(url, signal);
    });
    return { files };
  }

  async #inspectOne(url: string, signal: AbortSignal): Promise<InspectedFile> {
    // With a Range a browser asks for nothing compressed: the length is then the file's own, which no script could
    // tell otherwise where a server of another origin hides Content-Encoding.
    const plain = await this.#head(url, { Range: "bytes=0-" }, signal);
    if (plain !== null && plain.status !== 416) {
      const { status, headers } = plain;
      const size = plain.ok && !isEncoded(headers) ? contentLength(headers) : null;
      const ranges = status === 206 || headers.get("Accept-Ranges") === "bytes";
      return { url, status: status === 206 ? 200 : status, size_bytes: size, ranges };
    }
    // An empty file has no byte 0, and some servers cannot be asked for ranges from another origin.
    const bare = await this.#head(url, {}, signal);
    if (bare === null) return { url, status: null, size_bytes: null, ranges: false };
    const length = plain !== null && bare.ok && !isEncoded(bare.headers) ? contentLength(bare.headers) : null;
    return { url, status: bare.status, size_bytes: length, ranges: bare.headers.get("Accept-Ranges") === "bytes" };
  }

  async #head(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response | null> {
    const connection = new Connection(this.#platform, url, DEFAULT_RETRY.stall_ms, signal);
    const init: RequestInit = { method: "HEAD", headers, cache: "no-store", signal: connection.signal };
    try {
      return await connection.wait(this.#platform.fetch(url, init));
    } catch {
      if (signal.aborted) throw reasonOf(signal);
      return null;
    } finally {
      connection.close();
    }
  }

  async download(order: DownloadOrder, signal: AbortSignal, send: (progress: Progress) => void): Promise<DownloadResult> {
    const report = new Report(order.files, this.#platform.clock, send);
    const files = new Array<DownloadedFile>(order.files.length);
    // The first failure ends the others too, and is reported when they have saved what they have.
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const stopped = (): boolean => either.aborted;
    // As many files again as the line has: the ones go into their caches, the others are opened and wait for the line, so
    // that it never waits for a disk. No more than that, or a slow disk would fill up with copies.
    const line = new Turns(order.parallel);
    await inParallel(order.files, 2 * order.parallel, async (file, index) => {
      if (stopped()) return;
      try {
        files[index] = await this.#downloadOne(file, order, line, either, (change) => { report.change(index, change); });
      } catch (error) {
        if (!stopped()) failure.abort(error);
      }
    });
    if (stopped()) {
      report.stop();
      throw signal.aborted ? reasonOf(signal) : failure.signal.reason;
    }
    report.flush();
    return { files, fetched_bytes: files.reduce((sum, file) => sum + file.fetched_bytes, 0) };
  }

  /** One file; resolves when it is in its cache. Of all requests for it, in any tab, one fetches and the others wait. */
  #downloadOne(file: FileOrder, order: DownloadOrder, line: Turns, signal: AbortSignal, tell: Tell): Promise<DownloadedFile> {
    return new Promise((resolve, reject) => {
      const abort = (): void => { reject(reasonOf(signal)); };
      const task = async (): Promise<void> => {
        try {
          const stored = await findStored(this.#platform.caches, file, order.verify_stored, signal);
          if (stored !== null) {
            // The tab that stored it was killed before it could do this.
            await PartialData.discard(this.#platform, file);
            resolve(done(file, stored, { fetched_bytes: 0, resumed_from: 0 }, "stored", tell));
            return;
          }
          const { partial, transfer, verified } = await this.#transfer(file, order, line, signal, tell);
          // Filling the cache cannot be stopped; a caller that cancels need not wait for it, but the lock must.
          signal.addEventListener("abort", abort, { once: true });
          tell({ state: "verifying" });
          const blob = await partial.blob();
          const { caches } = this.#platform;
          await this.#explainQuota(file.url, blob.size, () => putFile(caches, file, blob, partial.source?.content_type ?? null));
          await partial.remove();
          resolve(done(file, blob.size, transfer, verified, tell));
        } catch (error) {
          reject(toPageError(error));
        } finally {
          signal.removeEventListener("abort", abort);
        }
      };
      this.#platform.exclusively(lockName(file), signal, task).catch((error: unknown) => {
        reject(signal.aborted ? reasonOf(signal) : toPageError(error));
      });
    });
  }

  /** A file into its partial, which is closed then: whole and checked, or as far as it came. */
  async #transfer(
    file: FileOrder,
    order: DownloadOrder,
    line: Turns,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<{ partial: PartialData; transfer: Transfer; verified: DownloadedFile["verified"] }> {
    const together = Math.min(order.parallel, order.files.length);
    const partial = await PartialData.open(this.#platform, file, UNFLUSHED_BYTES / together);
    const transfer = new Transfer(this.#platform, file, order, partial, signal, tell);
    try {
      const needed = (): number => Math.max(0, (file.size_bytes ?? partial.source?.total_bytes ?? 0) - partial.size);
      const verified = await line.take(signal, async () => {
        const found = await this.#explainQuota(file.url, needed, () => transfer.run());
        // Within the turn: what a crash may cost is shared by those who have one.
        partial.close();
        return found;
      });
      return { partial, transfer, verified };
    } catch (error) {
      try {
        partial.close();
      } catch {
        // A full disk does not take the journal's last line either; what was flushed before it stays.
      }
      if (error instanceof PageError && error.code === "integrity") await partial.remove();
      throw error;
    }
  }

  async #explainQuota<T>(url: string, needed: number | (() => number), work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { name } = describe(error);
      if (name !== "QuotaExceededError") throw error;
      const needed_bytes = typeof needed === "number" ? needed : needed();
      const allowed = await this.#platform.available();
      // Browsers tell what they would allow, however little the disk has: where that is enough, the disk is what is full.
      const available_bytes = allowed === null || allowed >= needed_bytes ? null : allowed;
      const full = available_bytes === null && allowed !== null ? "the disk is full" : "the browser's storage is full";
      const room = available_bytes === null ? "" : `, and ${sizeText(available_bytes)} are left`;
      const message = `${full}: this file needs ${sizeText(needed_bytes)} more${room}; delete a model or free disk space (${url})`;
      throw new PageError("quota_exceeded", message, { url, needed_bytes, available_bytes }, error);
    }
  }
}

function done(
  { cache, url }: FileOrder,
  size_bytes: number,
  { fetched_bytes, resumed_from }: { fetched_bytes: number; resumed_from: number },
  verified: DownloadedFile["verified"],
  tell: Tell,
): DownloadedFile {
  tell({ state: "done", loaded_bytes: size_bytes, total_bytes: size_bytes, retry_in_ms: null });
  return { url, cache, size_bytes, fetched_bytes, resumed_from, verified };
}

async function textOf(blob: Blob, from: ReadResult["from"]): Promise<ReadResult> {
  return { text: await blob.text(), size_bytes: blob.size, from };
}

/** Run `work` over all items, so many at a time. */
async function inParallel<T>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}
