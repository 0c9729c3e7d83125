/** The journal of models: records of Python's, kept in IndexedDB beside the caches. */

import { Database } from "../database.ts";
import { isRecord, type JsonRecord } from "../fields.ts";
import type { Clock } from "../clock.ts";
import type { JournalOrder } from "./orders.ts";

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

  /** Remove records, put others in the place of those with their keys; all of it or nothing. Resolves with all records. */
  write({ put, remove }: JournalOrder): Promise<Records> {
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

/** A value that is not a record under a text was not written by us. */
function entryOf(key: IDBValidKey, value: unknown): [string, JsonRecord][] {
  return typeof key === "string" && isRecord(value) ? [[key, value]] : [];
}
