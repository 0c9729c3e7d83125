/** The journal of models: Python's records, kept in IndexedDB. */

import { Database } from "../database.ts";
import { isRecord, type JsonRecord } from "../fields.ts";
import type { Clock } from "../clock.ts";
import type { JournalRequest } from "./requests.ts";

export const DATABASE = "browserllm";
export const DATABASE_VERSION = 1;
export const STORE = "journal";

export type Records = Readonly<Record<string, JsonRecord>>;

export class Journal {
  readonly #database: Database;

  constructor(factory: IDBFactory | undefined, clock?: Clock) {
    const what = "the journal of models";
    this.#database = new Database({ factory, name: DATABASE, version: DATABASE_VERSION, store: STORE, what, ...(clock && { clock }) });
  }

  read(): Promise<Records> {
    return this.#database.run("readonly", allRecords);
  }

  /** Remove and put records in one transaction. Resolves with all records. */
  write({ put, remove }: JournalRequest): Promise<Records> {
    return this.#database.run("readwrite", (store) => {
      for (const key of remove) store.delete(key);
      for (const [key, record] of Object.entries(put)) store.put(record, key);
      return allRecords(store);
    });
  }
}

function allRecords(store: IDBObjectStore): () => Records {
  const [keys, records] = [store.getAllKeys(), store.getAll() as IDBRequest<unknown[]>];
  return () => {
    const values = records.result;
    return Object.fromEntries(keys.result.flatMap((key, index) => entryOf(key, values[index])));
  };
}

/** Ignore entries that we did not write: those without a text key, or with a value that is not a record. */
function entryOf(key: IDBValidKey, value: unknown): [string, JsonRecord][] {
  return typeof key === "string" && isRecord(value) ? [[key, value]] : [];
}
