/** Fetches files for Python: the text of manifests, facts about files, and whole models into the engines' caches. */

import { describe, PageError, toPageError } from "../errors.ts";
import type { Progress } from "../protocol.ts";
import { sizeText } from "../../sizes.ts";
import { contentLength, isEncoded } from "./answer.ts";
import type { Platform } from "./platform.ts";
import { checkRoom, findStored, putFile } from "./intake.ts";
import type { DownloadedFile, DownloadResult, FileFetcher, InspectedFile, ReadResult } from "./operations.ts";
import { DEFAULT_RETRY, type DownloadRequest, type RequestedFile, type ReadRequest } from "./requests.ts";
import { lockName, PartialData, UNFLUSHED_BYTES } from "./partial.ts";
import { Report } from "./report.ts";
import { Requester, Connection } from "./connection.ts";
import { keepTrying, reasonOf } from "./retry.ts";
import { Transfer, type Tell } from "./transfer.ts";
import { Turns } from "./turns.ts";

/** A larger file is not a manifest, and its text has to fit into one message. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
const INSPECT_PARALLEL = 6;

interface Work extends DownloadRequest {
  /** Fails if the disk is full already; checked once for all files. */
  readonly hasRoom: () => Promise<void>;
}

export class Downloader implements FileFetcher {
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async read({ url, cache, refresh }: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
    const { caches } = this.#platform;
    const stored = refresh ? undefined : await caches.match(url, { cacheName: cache, ignoreVary: true });
    if (stored !== undefined) return textOf(await stored.blob(), "cache");
    const asker = new Requester(this.#platform, url);
    const attempts = { options: DEFAULT_RETRY, signal, reached: () => 0, waiting: () => undefined };
    const { blob, type } = await keepTrying(this.#platform, attempts, () => this.#fetchText(asker, url, signal));
    await this.#explainQuota(url, blob.size, () => putFile(caches, { cache, url }, blob, type));
    return textOf(blob, "network");
  }

  async #fetchText(asker: Requester, url: string, signal: AbortSignal): Promise<{ blob: Blob; type: string | null }> {
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
          const message = `the file is larger than the ${MAX_TEXT_BYTES} bytes that a manifest may have (${url})`;
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
    // With a Range header, a browser requests no compression, so the length is the file's own. Otherwise a script could
    // not know, because a cross-origin server may hide Content-Encoding.
    const plain = await this.#head(url, { Range: "bytes=0-" }, signal);
    if (plain !== null && plain.status !== 416) {
      const { status, headers } = plain;
      const size = plain.ok && !isEncoded(headers) ? contentLength(headers) : null;
      const ranges = status === 206 || headers.get("Accept-Ranges") === "bytes";
      return { url, status: status === 206 ? 200 : status, size_bytes: size, ranges };
    }
    // An empty file has no byte 0, and some servers do not allow range requests from another origin.
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

  async download(request: DownloadRequest, signal: AbortSignal, send: (progress: Progress) => void): Promise<DownloadResult> {
    const report = new Report(request.files, this.#platform.clock, send);
    const files = new Array<DownloadedFile>(request.files.length);
    // The first failure ends the other transfers too, and is reported after they have saved their bytes.
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const stopped = (): boolean => either.aborted;
    // Twice as many files as may be fetched at once: half of them are copied into their caches, or opened, while the others
    // are fetched, so that the network never waits for the disk. With more, a slow disk would fill up with copies.
    const line = new Turns(request.parallel);
    let room: Promise<void> | null = null;
    const needed = request.files.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
    const hasRoom = (): Promise<void> => (room ??= checkRoom(this.#platform.caches, needed));
    await inParallel(request.files, 2 * request.parallel, async (file, index) => {
      if (stopped()) return;
      try {
        files[index] = await this.#downloadOne(file, { ...request, hasRoom }, line, either, (change) => { report.change(index, change); });
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

  /** Download one file into its cache. Of all requests for it, in any tab, one fetches and the others wait. */
  #downloadOne(file: RequestedFile, request: Work, line: Turns, signal: AbortSignal, tell: Tell): Promise<DownloadedFile> {
    return new Promise((resolve, reject) => {
      const abort = (): void => { reject(reasonOf(signal)); };
      const task = async (): Promise<void> => {
        try {
          const stored = await findStored(this.#platform.caches, file, request.verify_stored, signal);
          if (stored !== null) {
            // The tab that stored the file may have been killed before it removed the partial.
            await PartialData.discard(this.#platform, file);
            resolve(done(file, stored, { fetched_bytes: 0, resumed_from: 0 }, "stored", tell));
            return;
          }
          const { partial, transfer, verified } = await this.#transfer(file, request, line, signal, tell);
          // A copy into the cache cannot be stopped: a cancelled caller returns at once, but the lock is kept until the end.
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

  /** Download a file into its partial and close it, complete and verified or as far as it got. */
  async #transfer(
    file: RequestedFile,
    request: Work,
    line: Turns,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<{ partial: PartialData; transfer: Transfer; verified: DownloadedFile["verified"] }> {
    const together = Math.min(request.parallel, request.files.length);
    await this.#explainQuota(file.url, file.size_bytes ?? 0, () => request.hasRoom());
    const opening = (): Promise<PartialData> => PartialData.open(this.#platform, file, UNFLUSHED_BYTES / together);
    const partial = await this.#explainQuota(file.url, file.size_bytes ?? 0, opening);
    const transfer = new Transfer(this.#platform, file, request, partial, signal, tell);
    try {
      const needed = (): number => Math.max(0, (file.size_bytes ?? partial.source?.total_bytes ?? 0) - partial.size);
      const verified = await line.take(signal, async () => {
        const found = await this.#explainQuota(file.url, needed, () => transfer.run());
        // Close it within the turn: the files that have a turn share the limit of unflushed bytes.
        partial.close();
        return found;
      });
      return { partial, transfer, verified };
    } catch (error) {
      try {
        partial.close();
      } catch {
        // A full disk cannot store the journal's last line either; the bytes that were flushed before stay.
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
      // Browsers report their own limit, not the free disk space: if the limit allows the file, the disk is full.
      const available_bytes = allowed === null || allowed >= needed_bytes ? null : allowed;
      const full = available_bytes === null && allowed !== null ? "the disk is full" : "the browser's storage is full";
      const room = available_bytes === null ? "" : `, and ${sizeText(available_bytes)} are left`;
      const message = `${full}: this file needs ${sizeText(needed_bytes)} more${room}; delete a model or free disk space (${url})`;
      throw new PageError("quota_exceeded", message, { url, needed_bytes, available_bytes }, error);
    }
  }
}

function done(
  { cache, url }: RequestedFile,
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

/** Run `work` for each item, at most `width` at a time. */
async function inParallel<T>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}
