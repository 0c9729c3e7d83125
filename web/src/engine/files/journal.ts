/** The journal of models: records of Python's, kept in IndexedDB beside the caches. */

import { describe, PageError, toPageError } from "../errors.ts";
import { isRecord, type JsonRecord } from "../fields.ts";
import { systemClock, type Clock } from "../outbox.ts";
import type { JournalOrder } from "./orders.ts";

export const DATABASE = "browserllm";
/** Raise it with a change of shape, and have `upgrade` bring the older ones along. */
export const DATABASE_VERSION = 1;
export const STORE = "journal";
/** An open database answers in milliseconds. What takes longer is held by another tab, or broken. */
export const PATIENCE_MS = 5000;

export type Records = Readonly<Record<string, JsonRecord>>;

export class Journal {
  readonly #factory: IDBFactory | undefined;
  readonly #clock: Clock;
  #database: Promise<IDBDatabase> | null = null;

  constructor(factory: IDBFactory | undefined, clock: Clock = systemClock) {
    this.#factory = factory;
    this.#clock = clock;
  }

  read(): Promise<Records> {
    return this.#run("readonly", () => undefined);
  }

  /** Remove records, put others in the place of those with their keys; all of it or nothing. Resolves with all records. */
  write({ put, remove }: JournalOrder): Promise<Records> {
    return this.#run("readwrite", (store) => {
      for (const key of remove) store.delete(key);
      for (const [key, record] of Object.entries(put)) store.put(record, key);
    });
  }

  async #run(mode: IDBTransactionMode, change: (store: IDBObjectStore) => void): Promise<Records> {
    try {
      const database = await this.#open();
      const transaction = database.transaction(STORE, mode);
      const store = transaction.objectStore(STORE);
      apply(change, store);
      const [keys, records] = [store.getAllKeys(), store.getAll() as IDBRequest<unknown[]>];
      await finished(transaction);
      const values = records.result;
      return Object.fromEntries(keys.result.flatMap((key, index) => entryOf(key, values[index])));
    } catch (error) {
      throw journalError(error);
    }
  }

  #open(): Promise<IDBDatabase> {
    const forget = (): void => { this.#database = null; };
    this.#database ??= open(this.#factory, this.#clock, forget).catch((error: unknown) => {
      forget(); // the next request tries again
      throw error;
    });
    return this.#database;
  }
}

function open(factory: IDBFactory | undefined, clock: Clock, closed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    if (factory === undefined) throw unusable("this browser has no IndexedDB here");
    const request = factory.open(DATABASE, DATABASE_VERSION);
    let blocked = false;
    let late = false;
    const stop = clock.after(PATIENCE_MS, () => {
      late = true;
      reject(
        unusable(
          blocked
            ? "another tab holds an older version of it open: close this site's other tabs"
            : `the browser did not open it within ${PATIENCE_MS / 1000} s: reload the page`,
        ),
      );
    });
    request.onblocked = () => { blocked = true; };
    request.onupgradeneeded = ({ oldVersion }) => { upgrade(request.result, oldVersion); };
    request.onerror = () => {
      stop();
      reject(request.error ?? new Error("no reason given"));
    };
    request.onsuccess = () => {
      stop();
      const database = request.result;
      if (late) {
        database.close();
        return;
      }
      // A newer version of the site, in another tab, waits for us to let go.
      database.onversionchange = () => {
        database.close();
        closed();
      };
      database.onclose = closed; // the person cleared the site's data
      resolve(database);
    };
  });
}

function upgrade(database: IDBDatabase, oldVersion: number): void {
  if (oldVersion < 1) database.createObjectStore(STORE);
}

function apply(change: (store: IDBObjectStore) => void, store: IDBObjectStore): void {
  try {
    change(store);
  } catch (error) {
    store.transaction.abort(); // what was ordered before would be kept otherwise
    throw error;
  }
}

/** What is no record under a text was not written by us. */
function entryOf(key: IDBValidKey, value: unknown): [string, JsonRecord][] {
  return typeof key === "string" && isRecord(value) ? [[key, value]] : [];
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => { resolve(); };
    transaction.onabort = () => { reject(transaction.error ?? new Error("the transaction was aborted")); };
  });
}

function journalError(error: unknown): PageError {
  const { name, message } = describe(error);
  if (error instanceof PageError || name === "QuotaExceededError") return toPageError(error);
  if (name === "VersionError") return unusable("a newer version of this site wrote it: reload the page", error);
  return unusable(`${name}: ${message}; if reloading the page does not help, clear this site's data in the browser`, error);
}

function unusable(why: string, cause?: unknown): PageError {
  return new PageError("unavailable", `the journal of models cannot be used: ${why}`, { reason: "blocked" }, cause);
}
