/** One of the site's databases (IndexedDB), with one store of records. It is opened on first use. */

import { describe, PageError } from "./errors.ts";
import { systemClock, type Clock } from "./clock.ts";

/** An open database answers in milliseconds. If it takes longer, another tab blocks it, or it is broken. */
export const PATIENCE_MS = 5000;

export interface DatabaseOptions {
  readonly factory: IDBFactory | undefined;
  readonly name: string;
  /** Raise it with a change of shape, and migrate older ones where it is opened. */
  readonly version: number;
  readonly store: string;
  /** Its name in errors. */
  readonly what: string;
  readonly clock?: Clock;
  /** Called when the browser closes it: the person cleared the site's data, or the disk failed. */
  readonly onLost?: () => void;
}

export class Database {
  readonly #options: DatabaseOptions;
  #database: Promise<IDBDatabase> | null = null;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** Run one transaction: everything that `work` requests, or nothing. Resolves with what the function that it returns reads. */
  async run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => () => T): Promise<T> {
    try {
      const database = await this.#open();
      const transaction = database.transaction(this.#options.store, mode);
      const read = order(work, transaction.objectStore(this.#options.store));
      await finished(transaction);
      return read();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #open(): Promise<IDBDatabase> {
    const forget = (): void => { this.#database = null; };
    this.#database ??= this.#openAnew(forget).catch((error: unknown) => {
      forget(); // the next request tries again
      throw error;
    });
    return this.#database;
  }

  #openAnew(closed: () => void): Promise<IDBDatabase> {
    const { factory, name, version, store, clock = systemClock, onLost } = this.#options;
    return new Promise((resolve, reject) => {
      if (factory === undefined) throw this.#unusable("this browser has no IndexedDB here");
      const request = factory.open(name, version);
      let blocked = false;
      let late = false;
      const stop = clock.after(PATIENCE_MS, () => {
        late = true;
        reject(
          this.#unusable(
            blocked
              ? "another tab holds an older version of it open: close this site's other tabs"
              : `the browser did not open it within ${PATIENCE_MS / 1000} s: reload the page`,
          ),
        );
      });
      request.onblocked = () => { blocked = true; };
      request.onupgradeneeded = ({ oldVersion }) => {
        if (oldVersion < 1) request.result.createObjectStore(store);
      };
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
        // A newer version of the site, in another tab, waits until this connection closes.
        database.onversionchange = () => {
          database.close();
          closed();
        };
        database.onclose = () => {
          closed();
          onLost?.();
        };
        resolve(database);
      };
    });
  }

  #failure(error: unknown): PageError {
    const { name, message } = describe(error);
    if (error instanceof PageError) return error;
    if (name === "QuotaExceededError" || isFullDisk(name, message)) {
      const why = name === "QuotaExceededError" ? "the browser's storage is full" : "the disk is full";
      return new PageError("quota_exceeded", `${this.#options.what} cannot be written, because ${why}: delete a model or free disk space`, {}, error);
    }
    if (name === "VersionError") return this.#unusable("a newer version of this site wrote it: reload the page", error);
    return this.#unusable(`${name}: ${message}; if reloading the page does not help, clear this site's data in the browser`, error);
  }

  #unusable(why: string, cause?: unknown): PageError {
    return new PageError("unavailable", `${this.#options.what} cannot be used: ${why}`, { reason: "blocked" }, cause);
  }
}

/** Chromium's errors for a full disk: "DataError: Failed to write blobs (IOError)", for one. */
function isFullDisk(name: string, message: string): boolean {
  return (name === "DataError" || name === "UnknownError") && /ioerror|disk|no space/i.test(message);
}

function order<T>(work: (store: IDBObjectStore) => () => T, store: IDBObjectStore): () => T {
  try {
    return work(store);
  } catch (error) {
    store.transaction.abort(); // what was ordered before would be kept otherwise
    throw error;
  }
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => { resolve(); };
    transaction.onabort = () => { reject(transaction.error ?? new Error("the transaction was aborted")); };
  });
}
