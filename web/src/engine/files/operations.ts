/** The worker's operations on files: fetching them, and managing the stored ones. */

import type { JsonRecord } from "../fields.ts";
import type { Progress } from "../protocol.ts";
import type { CacheName, FileRef, StoredEntry } from "./caches.ts";
import type { DeleteRequest, DownloadRequest, JournalRequest, PickRequest, ReadRequest } from "./requests.ts";

/** A manifest's text, and whether it came from the cache or the network. */
export interface ReadResult {
  readonly text: string;
  readonly size_bytes: number;
  readonly from: "cache" | "network";
}

export interface InspectedFile {
  readonly url: string;
  /** null if the server does not answer. */
  readonly status: number | null;
  /** null if the server does not report it, or reports a compressed size. */
  readonly size_bytes: number | null;
  readonly ranges: boolean;
}

export type Verified = "hash" | "size" | "none" | "stored";

export interface DownloadedFile extends FileRef {
  readonly size_bytes: number;
  readonly fetched_bytes: number;
  /** How many bytes of an earlier download were reused. */
  readonly resumed_from: number;
  readonly verified: Verified;
}

export interface DownloadResult {
  readonly files: readonly DownloadedFile[];
  readonly fetched_bytes: number;
}

/** Fetches files. Every address in a request is absolute. */
export interface FileFetcher {
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadResult>;
  inspect(urls: readonly string[], signal: AbortSignal): Promise<{ files: readonly InspectedFile[] }>;
  download(request: DownloadRequest, signal: AbortSignal, report: (progress: Progress) => void): Promise<DownloadResult>;
}

/** A file that is not complete yet. */
export interface PartialFile {
  readonly url: string;
  readonly cache: CacheName;
  readonly loaded_bytes: number;
  readonly total_bytes: number | null;
  /** Epoch milliseconds. */
  readonly updated_ms: number;
}

export interface StoredResult {
  readonly usage_bytes: number | null;
  readonly quota_bytes: number | null;
  readonly persisted: boolean;
  readonly entries: readonly StoredEntry[];
  readonly partials: readonly PartialFile[];
  readonly journal: Readonly<Record<string, JsonRecord>>;
}

/** Manages what the browser stores. Every address in a request is absolute. */
export interface FileStore {
  stored(): Promise<StoredResult>;
  delete(request: DeleteRequest): Promise<{ deleted: number; freed_bytes: number }>;
  journal(request: JournalRequest): Promise<{ journal: Readonly<Record<string, JsonRecord>> }>;
  persist(): Promise<{ persisted: boolean }>;
  pick(request: PickRequest, signal: AbortSignal): Promise<{ folder: string; entries: readonly StoredEntry[] }>;
}
