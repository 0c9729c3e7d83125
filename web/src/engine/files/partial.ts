/**
 * An incomplete file: its bytes so far, and a journal, in the origin's private file system.
 *
 * The journal is an append-only text. Its first line identifies the file (`Head`); each further line, `[bytes, epoch_ms]`,
 * records how many bytes have reached the disk. After a crash, an incomplete last line is ignored, and bytes that no line
 * records are cut off, so that an opened partial has only flushed bytes.
 */

import { isRecord } from "../fields.ts";
import { CACHE_NAMES, type FileRef } from "./caches.ts";
import type { OpenFile } from "./disk-link.ts";
import type { Disk } from "./disk.ts";
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
  /** The write in progress, and where it began. */
  #writing: { readonly at: number; readonly done: Promise<Uint8Array> } | null = null;

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
    let name = await nameOf(file);
    // What a full disk has locked cannot be used again in this visit.
    while (home.disk.isStuck(dataName(name)) || home.disk.isStuck(journalName(name))) name += AGAIN;
    const data = await home.disk.open(dataName(name));
    let journal: OpenFile | null = null;
    try {
      journal = await home.disk.open(journalName(name));
      const partial = new PartialData(home, file, flushEvery, name, data, journal);
      await partial.#recover();
      return partial;
    } catch (error) {
      // One that stays open locks its file until it is garbage-collected, about a minute later.
      await closeAll(data, journal).catch(() => undefined); // the first failure says what is wrong
      throw error;
    }
  }

  /** Remove what the disk has of a file, also under the names that stand in for stuck ones. The caller holds the file's lock. */
  static async discard({ disk }: Home, file: FileRef): Promise<void> {
    const name = await nameOf(file);
    const files = (await disk.names()).filter((each) => each.startsWith(name) && !disk.isStuck(each));
    // A journal goes before its bytes (removeNamed).
    for (const each of files.sort((one, two) => Number(two.endsWith(JOURNAL)) - Number(one.endsWith(JOURNAL)))) await disk.remove(each);
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
  async begin(source: Source): Promise<void> {
    await this.reset();
    this.#source = source;
    await this.#log({ cache: this.#file.cache, url: this.#file.url, source } satisfies Head);
  }

  /** Delete the stored bytes. */
  async reset(): Promise<void> {
    if (this.#source !== null) await this.#empty();
  }

  async #empty(): Promise<void> {
    await this.#written();
    // The journal goes first: bytes without a journal cannot be used, and a journal without its bytes would be wrong.
    await this.#journal.truncate(0);
    this.#journalSize = 0;
    await this.#data.truncate(0);
    this.#size = 0;
    this.#flushed = 0;
    this.#source = null;
  }

  /**
   * Add bytes, which are written while the next ones are read; a failure is the next call's. Their buffer is used up. Returns
   * an array that has the buffer of earlier bytes, to be reused, or null.
   */
  async append(bytes: Uint8Array): Promise<Uint8Array | null> {
    const back = await this.#written();
    const [at, { length }] = [this.#size, bytes];
    this.#writing = { at, done: this.#data.write(bytes, at) };
    this.#writing.done.catch(() => undefined); // it is awaited later
    this.#size += length;
    if (this.#size - this.#flushed >= this.#flushEvery) await this.flush();
    return back;
  }

  /** Wait for the write in progress. */
  async #written(): Promise<Uint8Array | null> {
    const writing = this.#writing;
    if (writing === null) return null;
    this.#writing = null;
    try {
      return await writing.done;
    } catch (error) {
      this.#size = writing.at;
      throw error;
    }
  }

  /** Wait until all bytes have reached the disk. */
  async flush(): Promise<void> {
    await this.#written();
    if (this.#size === this.#flushed) return;
    await this.#data.flush();
    // The journal itself need not be flushed: a line that a power cut takes away only makes the partial shorter.
    await this.#log([this.#size, this.#now()]);
    this.#flushed = this.#size;
  }

  /** Read up to `length` bytes from `at` on. */
  read(at: number, length: number): Promise<Uint8Array> {
    return this.#data.read(at, length);
  }

  /** Flush and close; the stored bytes stay. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await closeAll(this.#data, this.#journal);
    }
  }

  /** The bytes, read from the disk on demand. Closed partials only. */
  async blob(): Promise<Blob> {
    const blob = await this.#disk.blob(dataName(this.#name));
    if (blob === null) throw new DOMException(`the partial file of ${this.#file.url} is gone`, "NotFoundError");
    return blob;
  }

  async #recover(): Promise<void> {
    const { size } = this.#journal;
    const found = size === 0 ? null : readJournal(new TextDecoder().decode(await this.#journal.read(0, size)));
    const kept = found === null ? 0 : Math.min(found.flushed, this.#data.size);
    if (found === null || kept === 0 || found.head.url !== this.#file.url || found.head.cache !== this.#file.cache) {
      if (size > 0 || this.#data.size > 0) await this.#empty();
      return;
    }
    await this.#data.truncate(kept);
    this.#source = found.head.source;
    this.#size = kept;
    this.#flushed = kept;
    this.#journalSize = found.length;
    await this.#journal.truncate(found.length);
  }

  async #log(line: unknown): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    const { length } = bytes;
    await this.#journal.write(bytes, this.#journalSize);
    this.#journalSize += length;
  }
}

/** Close both, even if the disk fails the first. */
async function closeAll(data: OpenFile, journal: OpenFile | null): Promise<void> {
  try {
    await data.close();
  } finally {
    await journal?.close();
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
      if (this.#disk.isStuck(dataName(name)) || this.#disk.isStuck(journalName(name))) continue; // of no use in this visit
      const kept = Math.min(flushed, (await this.#disk.blob(dataName(name)))?.size ?? 0);
      const { url, cache, source } = head;
      partials.push({ url, cache, loaded_bytes: kept, total_bytes: source.encoded ? null : source.total_bytes, updated_ms });
    }
    return partials;
  }

  /** Remove the partials of an address, except one that a download in this or another tab is using. */
  async remove(url: string): Promise<void> {
    for (const { name, head } of await journals(this.#disk)) {
      if (head.url !== url || this.#disk.isStuck(dataName(name)) || this.#disk.isStuck(journalName(name))) continue;
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

/** Ends the name of a partial that stands in for one that is stuck. */
const AGAIN = "~";
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
