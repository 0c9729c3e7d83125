/**
 * An incomplete file: its bytes so far, and a journal, in the origin's private file system.
 *
 * The journal is an append-only text. Its first line identifies the file (`Head`); each further line, `[bytes, epoch_ms]`,
 * records how many bytes have reached the disk. After a crash, an incomplete last line is ignored, and bytes that no line
 * records are cut off, so that an opened partial has only flushed bytes.
 */

import { isRecord } from "../fields.ts";
import { CACHE_NAMES, type FileRef } from "./caches.ts";
import type { Disk, OpenFile } from "./disk.ts";
import type { Platform } from "./platform.ts";
import type { PartialFile } from "./operations.ts";

/** How many bytes a crash may lose, over all files that are downloaded at once. */
export const UNFLUSHED_BYTES = 4 * 1024 * 1024;

/** The response that the bytes came from. */
export interface Source {
  readonly etag: string | null;
  readonly last_modified: string | null;
  readonly content_type: string | null;
  /** null if the server did not report it. */
  readonly total_bytes: number | null;
  /** The bytes were compressed on the way, so their offsets are not the server's. */
  readonly encoded: boolean;
}

interface Head extends FileRef {
  readonly source: Source;
}

type Home = Pick<Platform, "disk" | "now">;

export class PartialData {
  readonly #disk: Disk;
  readonly #file: FileRef;
  readonly #name: string;
  readonly #now: () => number;
  readonly #flushEvery: number;
  readonly #data: OpenFile;
  readonly #journal: OpenFile;
  #journalSize = 0;
  #flushed = 0;
  #size = 0;
  #source: Source | null = null;

  private constructor({ disk, now }: Home, file: FileRef, flushEvery: number, name: string, data: OpenFile, journal: OpenFile) {
    this.#disk = disk;
    this.#now = now;
    this.#file = file;
    this.#flushEvery = flushEvery;
    this.#name = name;
    this.#data = data;
    this.#journal = journal;
  }

  /**
   * Open a file's partial, which may be empty. The caller holds the file's lock (`lockName`). `flushEvery`: how many bytes may
   * be unflushed.
   */
  static async open(home: Home, file: FileRef, flushEvery = UNFLUSHED_BYTES): Promise<PartialData> {
    const name = await nameOf(file);
    const data = await home.disk.open(dataName(name));
    let journal: OpenFile | null = null;
    try {
      journal = await home.disk.open(journalName(name));
      const partial = new PartialData(home, file, flushEvery, name, data, journal);
      partial.#recover();
      return partial;
    } catch (error) {
      // One that stays open locks its file until it is garbage-collected, about a minute later.
      closeAll(data, journal);
      throw error;
    }
  }

  /** Remove the partial of a file that is stored. The caller holds the file's lock. */
  static async discard({ disk }: Home, file: FileRef): Promise<void> {
    await removeNamed(disk, await nameOf(file));
  }

  /** How many bytes are stored. */
  get size(): number {
    return this.#size;
  }

  /** null while nothing is stored. */
  get source(): Source | null {
    return this.#source;
  }

  /** Delete the stored bytes and begin with a new response. */
  begin(source: Source): void {
    this.reset();
    this.#source = source;
    this.#log({ cache: this.#file.cache, url: this.#file.url, source } satisfies Head);
  }

  /** Delete the stored bytes. */
  reset(): void {
    // The journal goes first: bytes without a journal cannot be used, and a journal without its bytes would be wrong.
    this.#journal.truncate(0);
    this.#journalSize = 0;
    this.#data.truncate(0);
    this.#size = 0;
    this.#flushed = 0;
    this.#source = null;
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const written = this.#data.write(done === 0 ? bytes : bytes.subarray(done), { at: this.#size });
      if (written <= 0) throw new DOMException("the disk is full", "QuotaExceededError");
      done += written;
      this.#size += written;
    }
    if (this.#size - this.#flushed >= this.#flushEvery) this.flush();
  }

  flush(): void {
    if (this.#size === this.#flushed) return;
    this.#data.flush();
    // The journal itself need not be flushed: a line that a power cut takes away only makes the partial shorter.
    this.#log([this.#size, this.#now()]);
    this.#flushed = this.#size;
  }

  /** Read bytes from `at` on. Returns how many were read. */
  read(into: Uint8Array, at: number): number {
    return this.#data.read(into, { at });
  }

  /** Flush and close; the stored bytes stay. */
  close(): void {
    try {
      this.flush();
    } finally {
      closeAll(this.#data, this.#journal);
    }
  }

  /** The bytes, read from the disk on demand. Closed partials only. */
  async blob(): Promise<Blob> {
    const blob = await this.#disk.blob(dataName(this.#name));
    if (blob === null) throw new DOMException(`the partial file of ${this.#file.url} is gone`, "NotFoundError");
    return blob;
  }

  /** Remove it from the disk. Closed partials only. */
  remove(): Promise<void> {
    return removeNamed(this.#disk, this.#name);
  }

  #recover(): void {
    const bytes = new Uint8Array(this.#journal.getSize());
    this.#journal.read(bytes, { at: 0 });
    const found = readJournal(new TextDecoder().decode(bytes));
    const kept = found === null ? 0 : Math.min(found.flushed, this.#data.getSize());
    if (found === null || kept === 0 || found.head.url !== this.#file.url || found.head.cache !== this.#file.cache) {
      this.reset();
      return;
    }
    this.#data.truncate(kept);
    this.#source = found.head.source;
    this.#size = kept;
    this.#flushed = kept;
    this.#journalSize = found.length;
    this.#journal.truncate(found.length);
  }

  #log(line: unknown): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    const written = this.#journal.write(bytes, { at: this.#journalSize });
    if (written < bytes.length) throw new DOMException("the disk is full", "QuotaExceededError");
    this.#journalSize += bytes.length;
  }
}

/** Close both, even if the disk fails the first. */
function closeAll(data: OpenFile, journal: OpenFile | null): void {
  try {
    data.close();
  } finally {
    journal?.close();
  }
}

/** The lock for a file's partial. Its owner downloads the file. */
export function lockName({ cache, url }: FileRef): string {
  return `browserllm download ${cache} ${url}`;
}

/** How long the removal of a partial waits for its download to end. */
const REMOVE_WITHIN_MS = 5_000;

/** All partials on the disk, including those of current downloads. */
export class Partials {
  readonly #disk: Disk;
  readonly #exclusively: (lock: string, signal: AbortSignal, task: () => Promise<void>) => Promise<void>;

  constructor({ disk, exclusively }: Pick<Platform, "disk" | "exclusively">) {
    this.#disk = disk;
    this.#exclusively = exclusively;
  }

  async list(): Promise<readonly PartialFile[]> {
    const partials: PartialFile[] = [];
    for (const { name, head, flushed, updated_ms } of await journals(this.#disk)) {
      const kept = Math.min(flushed, (await this.#disk.blob(dataName(name)))?.size ?? 0);
      const { url, cache, source } = head;
      partials.push({ url, cache, loaded_bytes: kept, total_bytes: source.encoded ? null : source.total_bytes, updated_ms });
    }
    return partials;
  }

  /** Remove the partials of an address, except one that a download in this or another tab is using. */
  async remove(url: string): Promise<void> {
    for (const { name, head } of await journals(this.#disk)) {
      if (head.url !== url) continue;
      const patience = AbortSignal.timeout(REMOVE_WITHIN_MS);
      try {
        await this.#exclusively(lockName(head), patience, () => removeNamed(this.#disk, name));
      } catch (error) {
        if (!patience.aborted) throw error;
      }
    }
  }
}

interface JournalState {
  readonly head: Head;
  readonly flushed: number;
  readonly updated_ms: number;
  /** The length of the journal's complete lines in bytes. */
  readonly length: number;
}

async function journals(disk: Disk): Promise<readonly (JournalState & { readonly name: string })[]> {
  const found: (JournalState & { readonly name: string })[] = [];
  for (const file of await disk.names()) {
    if (!file.endsWith(JOURNAL)) continue;
    const state = readJournal((await (await disk.blob(file))?.text()) ?? "");
    if (state !== null) found.push({ ...state, name: file.slice(0, -JOURNAL.length) });
  }
  return found;
}

function readJournal(text: string): JournalState | null {
  const end = text.lastIndexOf("\n") + 1;
  const [first, ...rest] = text.slice(0, end).split("\n").slice(0, -1).map(parseLine);
  const head = readHead(first);
  if (head === null) return null;
  let state = { flushed: 0, updated_ms: 0 };
  for (const line of rest) {
    if (!Array.isArray(line) || typeof line[0] !== "number" || typeof line[1] !== "number") return null;
    state = { flushed: line[0], updated_ms: line[1] };
  }
  return { head, ...state, length: new TextEncoder().encode(text.slice(0, end)).length };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function readHead(value: unknown): Head | null {
  if (!isRecord(value) || !isRecord(value["source"])) return null;
  const { url, source } = value;
  const cache = CACHE_NAMES.find((name) => name === value["cache"]);
  if (cache === undefined || typeof url !== "string") return null;
  const text = (name: string): string | null => (typeof source[name] === "string" ? source[name] : null);
  const total = source["total_bytes"];
  return {
    url,
    cache,
    source: {
      etag: text("etag"),
      last_modified: text("last_modified"),
      content_type: text("content_type"),
      total_bytes: typeof total === "number" ? total : null,
      encoded: source["encoded"] === true,
    },
  };
}

const JOURNAL = ".journal";
const journalName = (name: string): string => `${name}${JOURNAL}`;
const dataName = (name: string): string => `${name}.data`;

async function nameOf({ cache, url }: FileRef): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${cache} ${url}`));
  return Array.from(new Uint8Array(hash, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function removeNamed(disk: Disk, name: string): Promise<void> {
  await disk.remove(journalName(name));
  await disk.remove(dataName(name));
}
